"""Checks for notebook 02, Launch the server."""

import json
import shlex

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, wrong

LENGTH = 4096
WANTED = {"--port": "9000", "--max-model-len": "8192"}
LIMITS = {"image": 2, "video": 0}


def check_requests_at_once(answer: object, kv_tokens: int) -> Verdict:
    """How many requests of 4,096 tokens fit into a KV cache of `kv_tokens`."""
    if is_blank(answer):
        return BLANK
    number = read_number(answer, "requests?")
    if number is None:
        return wrong(f"{answer!r} is not a number.")
    expected = kv_tokens // LENGTH
    if number == expected:
        return right(f"{expected} requests: {kv_tokens:,} // {LENGTH:,}.")
    if number == kv_tokens / LENGTH:
        return wrong("The division is right; the last request does not fit whole, so round down.")
    return wrong(f"Divide the cache, {kv_tokens:,} tokens, by the {LENGTH:,} tokens of a request.")


def check_flags(flags: object) -> Verdict:
    """The flags for port 9000, 8,192 tokens, two pictures and no clip."""
    if is_blank(flags):
        return BLANK
    words = shlex.split(flags) if isinstance(flags, str) else [str(word) for word in flags]
    given = _read_flags(words)
    for name, value in WANTED.items():
        if name not in given:
            return wrong(f"{name} is missing.")
        if given[name] != value:
            return wrong(f"{name} should be {value}, not {given[name]}.")
    return _check_limits(given)


def _read_flags(words: list[str]) -> dict[str, str]:
    """`--name value` and `--name=value` alike, underscores read as dashes."""
    given: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            name = name.replace("_", "-")
            given[name] = value
        elif name:
            given[name] = word
    return given


def _check_limits(given: dict[str, str]) -> Verdict:
    parts = {
        kind: given.get(f"--limit-mm-per-prompt.{kind}")
        for kind in LIMITS
        if f"--limit-mm-per-prompt.{kind}" in given
    }
    text = given.get("--limit-mm-per-prompt")
    if text is None and not parts:
        return wrong("--limit-mm-per-prompt is missing: it says how many pictures and clips.")
    try:
        limits = json.loads(text) if text else {kind: int(n) for kind, n in parts.items()}
    except ValueError:
        return wrong(f'{text!r} is not JSON. It looks like {{"image": 1}}, in one word.')
    if limits != LIMITS:
        return wrong(f"The limits should say two pictures and no clip; they say {limits}.")
    return right("Port, length and limits are as asked.")


def check_ways(ways: object) -> Verdict:
    """Which way --gpu-memory-utilization goes for each kind of out of memory."""
    if not isinstance(ways, dict):
        return wrong("Keep the dictionary, with a line of a log as key and up or down as value.")
    if any(is_blank(way) for way in ways.values()):
        return BLANK
    for line, way in ways.items():
        expected = "up" if "cache blocks" in line else "down"
        if str(way).strip().lower() != expected:
            what = "vLLM's own budget" if expected == "up" else "the card"
            return wrong(f"{line.split('.')[0]}: that line is about {what}, so not {way!r}.")
    return right("Up when the budget is too small, down when the card is too full.")
