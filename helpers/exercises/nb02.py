"""Checks for notebook 02, Launch the server."""

import json
import math
import re
import shlex

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, wrong

LENGTH = 4096
WANTED = {"--port": 9000, "--max-model-len": 8192}
LIMIT_FLAG = "--limit-mm-per-prompt"
LIMITS = {"image": 2, "video": 0}
MULTIPLES = {"k": 10**3, "m": 10**6, "K": 2**10, "M": 2**20}  # as vLLM reads --max-model-len

# Exercise 3: how each line begins, the way of the share, and what the line is about.
WAYS = {
    "torch.OutOfMemoryError": ("down", "the card"),
    "ValueError: No available memory for the cache blocks": ("up", "vLLM's own budget"),
    "ValueError: Free memory on device": ("down", "the card"),
}
SAYINGS = {
    "up": ("up", "raise", "raised", "higher", "increase", "more"),
    "down": ("down", "lower", "lowered", "decrease", "reduce", "less"),
}


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
    if expected < number <= math.ceil(kv_tokens / LENGTH):
        return wrong("The division is right; the last request does not fit whole, so round down.")
    return wrong(f"Divide the cache, {kv_tokens:,} tokens, by the {LENGTH:,} tokens of a request.")


def check_flags(flags: object) -> Verdict:
    """The flags for port 9000, 8,192 tokens, two pictures and no clip."""
    if is_blank(flags):
        return BLANK
    try:
        given = _read_flags(_split_words(flags))
        for name, value in WANTED.items():
            if name not in given:
                return wrong(f"{name} is missing.")
            if _read_whole(name, given[name]) != value:
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
        start: [w for line, w in ways.items() if str(line).startswith(start)] for start in WAYS
    }
    missing = [start for start, answers in found.items() if not answers]
    if missing or len(ways) != len(WAYS):
        fault = f"this one is missing: {missing[0]}" if missing else f"yours has {len(ways)}"
        return wrong(f"Keep the three lines of the exercise, each once; {fault}.")
    if any(is_blank(answers[0]) for answers in found.values()):
        return BLANK
    for start, answers in found.items():
        expected, subject = WAYS[start]
        if str(answers[0]).strip().lower() not in SAYINGS[expected]:
            return wrong(f"{start}: that line is about {subject}, so not {answers[0]!r}.")
    return right("Up when the budget is too small, down when the card is too full.")


def _split_words(flags: object) -> list[str]:
    """The words after `vllm serve MODEL`; raises ValueError when they are no list of words."""
    if isinstance(flags, str):
        try:
            words = shlex.split(flags.replace("\\\n", " "))
        except ValueError:
            raise ValueError("A quotation mark is open: each needs its partner.") from None
    elif isinstance(flags, list | tuple):
        words = [str(word) for word in flags]
    else:
        raise ValueError(f'{flags!r} is no list of words such as ["--port", "9000"].')
    glued = [word for word in words if re.match(r"--\S+\s+\S", word) and "=" not in word]
    if glued:
        raise ValueError(f"{glued[0]!r} is one word: a flag and its value are two.")
    return words[3:] if words[:2] == ["vllm", "serve"] else words


def _read_flags(words: list[str]) -> dict[str, str]:
    """`--name value` and `--name=value` alike, underscores read as dashes; each flag once."""
    given: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            name = name.replace("_", "-")
            if name in given:
                raise ValueError(f"{name} is there twice: vLLM takes the last, so keep one.")
            given[name] = value
        elif name and not given[name]:
            given[name] = word
        else:
            raise ValueError(f"{word!r} belongs to no flag: a flag takes one value.")
    return given


def _read_whole(name: str, text: str) -> int | None:
    """A whole number as vLLM reads it: 8K is 8,192 and 8k is 8,000 (for a length alone)."""
    found = re.fullmatch(r"(\d+)([kmKM]?)", text.strip())
    if found is None or (found[2] and name != "--max-model-len"):
        return None
    return int(found[1]) * MULTIPLES.get(found[2], 1)


def _read_limits(given: dict[str, str]) -> dict[str, object]:
    """The limits as JSON or as `--limit-mm-per-prompt.image 2`; raises ValueError without any."""
    parts = {
        kind: _read_whole(LIMIT_FLAG, given[f"{LIMIT_FLAG}.{kind}"])
        for kind in LIMITS
        if f"{LIMIT_FLAG}.{kind}" in given
    }
    text = given.get(LIMIT_FLAG)
    if text is None and not parts:
        raise ValueError(f"{LIMIT_FLAG} is missing: it says how many pictures and clips.")
    if text is None:
        return parts
    try:
        limits = json.loads(text)
    except ValueError:
        limits = None
    if not isinstance(limits, dict):
        raise ValueError(f'{text!r} is not JSON. It looks like {{"image": 1}}, in one word.')
    return limits | parts
