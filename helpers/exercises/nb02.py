"""Checks for notebook 02, Launch the server."""

import json
import math
import re

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, show, wrong
from helpers.exercises.commands import read_flags, read_whole

LENGTH = 4096
WANTED = {"--port": 9000, "--max-model-len": 8192}
LIMIT_FLAG = "--limit-mm-per-prompt"
LIMITS = {"image": 2, "video": 0}

# Exercise 3: how each line begins, the way of the share, and what the line is about.
WAYS = {
    "torch.OutOfMemoryError": ("down", "the card"),
    "ValueError: No available memory for the cache blocks": ("up", "vLLM's own budget"),
    "ValueError: Free memory on device": ("down", "the card"),
}
SAYINGS = {
    "up": "up upwards? raised? higher increased? more larger bigger ↑",
    "down": "down downwards? lower lowered decreased? reduced? less smaller ↓",
}


def check_requests_at_once(answer: object, kv_tokens: int) -> Verdict:
    """How many requests of 4,096 tokens fit into a KV cache of `kv_tokens`."""
    if is_blank(answer):
        return BLANK
    number = read_number(answer, "requests?")
    if number is None:
        return wrong(f"{show(answer)} is not a number.")
    expected = kv_tokens // LENGTH
    if number == expected:
        return right(f"{expected} requests: {kv_tokens:,} // {LENGTH:,}.")
    if expected < number <= math.ceil(kv_tokens / LENGTH):
        return wrong("The division is right; the last request does not fit whole, so round down.")
    return wrong(f"Divide the cache, {kv_tokens:,} tokens, by the {LENGTH:,} tokens of a request.")


def check_flags(flags: object) -> Verdict:
    """The flags for port 9000, 8,192 tokens, two pictures and no clip."""
    if is_blank(flags):
        return BLANK
    try:
        given = read_flags(flags)
        for name, value in WANTED.items():
            if name not in given:
                return wrong(f"{name} is missing.")
            if read_whole(name, given[name]) != value:
                return wrong(f"{name} should be {value}, not {given[name]}.")
        limits = _read_limits(given)
    except ValueError as error:
        return wrong(str(error))
    if json.dumps({kind: limits.get(kind) for kind in LIMITS}) != json.dumps(LIMITS):
        return wrong(f"The limits should say two pictures and no clip; they say {limits}.")
    return right("Port, length and limits are as asked.")


def check_ways(ways: object) -> Verdict:
    """Which way --gpu-memory-utilization goes for each kind of out of memory."""
    if not isinstance(ways, dict):
        return wrong("Keep the dictionary, with a line of a log as key and up or down as value.")
    found = {
        start: [w for line, w in ways.items() if isinstance(line, str) and line.startswith(start)]
        for start in WAYS
    }
    missing = [start for start, answers in found.items() if not answers]
    if missing or len(ways) != len(WAYS):
        fault = f"this one is missing: {missing[0]}" if missing else f"yours has {len(ways)}"
        return wrong(f"Keep the three lines of the exercise, each once; {fault}.")
    if any(is_blank(answers[0]) for answers in found.values()):
        return BLANK
    for start, answers in found.items():
        expected, subject = WAYS[start]
        if not _says(expected, answers[0]):
            return wrong(f"{start}: that line is about {subject}, so not {show(answers[0])}.")
    return right("Up when the budget is too small, down when the card is too full.")


def _says(way: str, answer: object) -> bool:
    """True for one of the words of a way, capitals, quotes and marks around it left aside."""
    word = answer.strip(" \t\n.!'\"").lower() if isinstance(answer, str) else ""
    return re.fullmatch(SAYINGS[way].replace(" ", "|"), word) is not None


def _read_limits(given: dict[str, str | None]) -> dict[str, object]:
    """The limits as JSON or as `--limit-mm-per-prompt.image 2`; raises ValueError without any.

    Where both are given, vLLM takes what has dots and forgets the JSON.
    """
    parts = {
        kind: read_whole(LIMIT_FLAG, given[f"{LIMIT_FLAG}.{kind}"])
        for kind in LIMITS
        if f"{LIMIT_FLAG}.{kind}" in given
    }
    text = given.get(LIMIT_FLAG)
    if text is None and not parts:
        raise ValueError(f"{LIMIT_FLAG} is missing: it says how many pictures and clips.")
    if parts:
        return parts
    try:
        limits = json.loads(text)
    except ValueError:
        limits = None
    if not isinstance(limits, dict):
        raise ValueError(f'{show(text)} is not JSON. It looks like {{"image": 1}}, in one word.')
    return {  # 0.32 also takes {"image": {"count": 2}}
        kind: value.get("count") if isinstance(value, dict) else value
        for kind, value in limits.items()
    }
