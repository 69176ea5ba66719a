"""Checks for the exercises of notebook 09, Tune the parameters."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass, replace
from typing import Any

from helpers.errors import CourseError
from helpers.exercises import (
    BLANK,
    ODD_VALUE,
    Verdict,
    is_blank,
    read_size,
    read_words,
    right,
    show,
    wrong,
)
from helpers.exercises.commands import list_flags, read_flags, read_whole
from helpers.memory import QWEN3_VL_4B, UNPLANNED, Plan, Settings, make_card, plan_memory
from helpers.places import read_value
from helpers.tokens import image_tokens

# Exercise 1: the tokens, and what each mistake leaves of them with min_p=0.3 and top_p=0.8.
TOKENS = {"cat", "dog", "cow", "hen", "fox"}
KEPT = {"cat", "dog"}
WRONG_TOKENS = (
    (
        {"cat", "dog", "cow"},
        "after min_p the three that are left count as everything, so top_p=0.8 is 0.8 of 0.85",
    ),
    ({"cat"}, "a token is kept while those before it have less than 0.8 together; cat has 0.53"),
    (
        {"cat", "dog", "cow", "hen"},
        "min_p=0.3 drops all below 0.3 of the best: 0.3 × 0.45 = 0.135",
    ),
    (TOKENS, "both parameters cut the tail off"),
)

# Exercise 2: a screenshot, and the tokens that it may cost.
WIDTH, HEIGHT = 1920, 1080
MOST = 500

# Exercise 3: the card in GiB as nvidia-smi shows it, and what is to run on it at once.
CARD = make_card("RTX 5090", 31.84)
REQUESTS, LENGTH, SHARE = 60, 2048, 0.90
FLAGS = set(asdict(Settings())) - {"cpu_space"}
# Cost no memory; on a seat, where vLLM cannot be asked for its flags, these alone are known.
OTHER_FLAGS = {"host", "port", "served_model_name", "api_key", "seed", "allowed_origins"}


def check_kept(answer: object) -> Verdict:
    """Exercise 1: the tokens that min_p=0.3 and top_p=0.8 leave of five."""
    if is_blank(answer):
        return BLANK
    named = read_words(answer)
    if named is None:
        return wrong("`answer` is to be the tokens that are left, such as {'cow', 'fox'}.")
    kept = set(re.findall(r"\w+", " ".join(named).lower()))
    if kept == KEPT:
        return right("min_p=0.3 leaves cat, dog and cow; of their 0.85 the first two have 82 %.")
    for tokens, why in WRONG_TOKENS:
        if kept == tokens:
            return wrong(f"Not {_list(kept)}: {why}.")
    if kept - TOKENS:
        return wrong(f"{_list(kept - TOKENS)}: not among the five tokens.")
    return wrong("Take the tokens from the best down: first what min_p leaves, then top_p.")


def check_size(answer: object) -> Verdict:
    """Exercise 2: a size of the shape 1920×1080 for at most 500 tokens, and not much less."""
    if is_blank(answer):
        return BLANK
    size = read_size(answer)
    if size is None:
        return wrong("`answer` is to be a width and a height in whole pixels, as in (640, 360).")
    width, height = size
    try:
        tokens = image_tokens(width, height)
    except CourseError as error:
        return wrong(str(error))
    if abs(width / height / (WIDTH / HEIGHT) - 1) > 0.02:
        return wrong(f"{width}×{height} is not the shape of {WIDTH}×{HEIGHT}: scale both sides.")
    if tokens > MOST:
        why = "sides are rounded to whole cells, so pixels / 1024 is not quite the tokens"
        return wrong(f"{width}×{height} costs {tokens} tokens, more than {MOST}; {why}.")
    if tokens < 450:
        return wrong(f"{width}×{height} costs {tokens} tokens: there is room for a larger one.")
    return right(f"{width}×{height} costs {tokens} tokens instead of 2,040.")


def check_server(answer: object) -> Verdict:
    """Exercise 3: settings for 60 requests of 2,048 tokens of text at once on the 5090."""
    if is_blank(answer):
        return BLANK
    try:
        settings = _read_settings(answer)
        plan = plan_memory(QWEN3_VL_4B, settings, card=CARD, version="0.11.0")
    except (CourseError, *ODD_VALUE) as error:
        return wrong(str(error))
    if trouble := _find_trouble(plan):
        return wrong(trouble)
    fit = plan.requests_at_once(LENGTH)
    if fit < REQUESTS:
        held = f"{plan.kv_tokens:,} tokens of KV cache hold {fit} such requests, not {REQUESTS}"
        return wrong(f"{held}: {_say_what_is_reserved(plan)}.")
    return right(f"{plan.kv_tokens:,} tokens of KV cache, {fit} such requests at once.")


def _find_trouble(plan: Plan) -> str:
    """The first condition of exercise 3 that a plan breaks, but for the number of requests."""
    settings = plan.start.settings
    rounded = settings.kv_cache_dtype != "auto" or settings.quantization
    if rounded or settings.dtype not in ("auto", "bfloat16"):
        return "Nothing is to be rounded: leave kv_cache_dtype, quantization and dtype out."
    if settings.gpu_memory_utilization > SHARE:
        return f"The desktop has the rest of the card: the share is to be at most {SHARE}."
    if not plan.starts:
        return plan.verdict
    if plan.start.length < LENGTH:
        return f"max_model_len {plan.start.length:,} refuses a request of {LENGTH:,} tokens."
    if plan.start.seqs < REQUESTS:
        return f"max_num_seqs {plan.start.seqs} lets fewer than {REQUESTS} run at once."
    return ""


def _say_what_is_reserved(plan: Plan) -> str:
    """What of a plan takes memory that a server of text alone does not need."""
    limits = plan.start.settings.limit_mm_per_prompt
    if limits.get("video", 1):
        return "the largest clip still has its room, though nobody will send one"
    if limits.get("image", 1):
        return "the trial run of the largest picture still has its room, though nobody sends one"
    if plan.start.seqs > 256:
        return f"sampling for {plan.start.seqs:,} requests takes more than {REQUESTS} ever need"
    return "give the cache more of the card, or the batch less"


def _list(tokens: Iterable[str]) -> str:
    return ", ".join(sorted(tokens)) or "nothing"


def _read_settings(answer: object) -> Settings:
    """Settings, a dictionary of flags, or the words of a `vllm serve` command.

    Raises ValueError with what is wrong.
    """
    if is_dataclass(answer) and isinstance(answer, Settings):
        return answer
    if isinstance(answer, str):
        answer = _read_command(answer)
    if not isinstance(answer, Mapping) or not all(isinstance(name, str) for name in answer):
        raise ValueError(
            "`answer` is to be a dictionary of flags or a command, as in {'max_model_len': 8192}."
        )
    flags: dict[str, Any] = {}
    limit: dict[str, int] = {}
    for name, value in answer.items():
        name, _, kind = name.lstrip("-").replace("-", "_").partition(".")
        if name in ("image", "video"):
            name, kind = "limit_mm_per_prompt", name
        if name not in FLAGS:
            _check_other_flag(name)
            continue
        if name != "limit_mm_per_prompt":
            flags[name] = value
        elif kind or isinstance(value, Mapping):
            limit |= {kind: value} if kind else value
        else:
            wanted = "a mapping such as {'image': 1, 'video': 0} is wanted"
            raise ValueError(f"limit_mm_per_prompt is {show(value)}; {wanted}.")
    return replace(Settings(**flags), limit_mm_per_prompt=limit)


def _check_other_flag(name: str) -> None:
    """Raise ValueError for a flag that is none, or that memory depends on."""
    known = {flag.lstrip("-").replace("-", "_") for flag in list_flags()} | OTHER_FLAGS
    if name in (*UNPLANNED, "data_parallel_size") or name not in known:
        planned = _list([*FLAGS, "image", "video"])
        raise ValueError(f"{show(name)} is no flag that the planner knows: {planned}.")


def _read_command(command: str) -> dict[str, Any]:
    """The flags of a command and their values; JSON where it is JSON."""
    start = re.search(r"(^|\s)-", command)
    if start is None:
        raise ValueError(f"{show(command)} holds no flag: each begins with two hyphens.")
    given = read_flags(command[start.start() :])
    flags: dict[str, Any] = {}
    for name, text in given.items():
        whole = read_whole(name, text)
        flags[name] = read_value(text) if whole is None else whole
    return flags
