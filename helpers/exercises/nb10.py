"""Checks for the exercises of notebook 10, Measure throughput."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, show, wrong

# Exercise 1: bytes of the 4B model in bf16 that a step reads, and of KV for a token of context.
WEIGHTS, KV, CONTEXT = 8_044_544_000, 147_456, 8000
BALANCE = WEIGHTS / (KV * CONTEXT)


@dataclass(frozen=True)
class MadeTiming:
    """What a `Timing` of the notebook has."""

    ttft: float
    total: float = 1.0
    prompt: int = 20
    tokens: int = 32
    error: str = ""
    tpot: float = 0.02


@dataclass(frozen=True)
class MadeLevel:
    """What a `Level` of the notebook has; TTFT in seconds."""

    at_once: int
    timings: list[MadeTiming]
    seconds: float = 2.0
    client: float = 0.1

    @property
    def good(self) -> list[MadeTiming]:
        return [timing for timing in self.timings if not timing.error]

    @property
    def tokens_per_second(self) -> float:
        return sum(timing.tokens for timing in self.good) / self.seconds

    def quantile(self, figure: str, share: float) -> float:
        import numpy as np

        values = [getattr(timing, figure) for timing in self.good]
        return float(np.quantile(values, share)) if values else math.nan


def check_balance(answer: object) -> Verdict:
    """Exercise 1: requests of 8,000 tokens whose KV is as large as the weights of a step."""
    if is_blank(answer):
        return BLANK
    requests = read_number(answer, "(requests?)?(atonce)?", _balances)
    if requests is None:
        return wrong(f"{show(answer)} is no number: give a number of requests.")
    if _balances(requests):
        return right(
            f"{WEIGHTS / 1e9:.2f} GB of weights against {KV * CONTEXT / 1e9:.2f} GB of KV for each "
            "request: with seven at once the KV is more than half of what a step reads."
        )
    if math.isclose(requests, BALANCE * CONTEXT, rel_tol=0.02):
        return wrong("That many tokens balance the weights; divide them by 8,000.")
    if math.isclose(requests, 1 / BALANCE, rel_tol=0.02):
        return wrong("The other way round: weights divided by the KV of one request.")
    return wrong(f"Not {requests:g}: divide the weights by the KV of one request's 8,000 tokens.")


def check_highest_load(answer: object) -> Verdict:
    """Exercise 2: a function that finds the largest `at_once` whose p95 of TTFT is small enough."""
    if is_blank(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function: def answer(levels, most): …")
    for levels, most, expected, meaning in _make_cases():
        found, trouble = _call(answer, levels, most)
        if trouble:
            return wrong(f"Your function stops with {trouble} {meaning}.")
        if not _is_same(found, expected):
            return wrong(f"It returns {show(found)} instead of {expected!r} {meaning}.")
    return right("Nine sweeps, nine right answers: errors and the slowest twentieth count.")


def _balances(requests: float) -> bool:
    return BALANCE - 0.1 <= requests <= math.ceil(BALANCE)


def _is_same(found: object, expected: int | None) -> bool:
    number = isinstance(found, Real) and not isinstance(found, bool)
    return found is None if expected is None else number and found == expected


def _call(
    answer: Callable[[Sequence[MadeLevel], float], object], levels: list[MadeLevel], most: float
) -> tuple[object, str]:
    """Return what the learner's function returns, and its exception in words, or ''."""
    try:
        return answer(list(levels), most), ""
    except (Exception, SystemExit) as error:
        return None, f"{type(error).__name__} ({error})"


def _make_cases() -> list[tuple[list[MadeLevel], float, int | None, str]]:
    """Sweeps, the seconds allowed, the right answer, and what each is there to find."""

    def level(at_once: int, *ttfts: float, errors: int = 0) -> MadeLevel:
        failed = [MadeTiming(math.nan, math.nan, 0, 0, "No server answers.")] * errors
        return MadeLevel(at_once, [MadeTiming(ttft) for ttft in ttfts] + failed)

    rising = [level(1, *[0.1] * 20), level(4, *[0.3] * 20), level(16, *[0.9] * 20)]
    slow_tail = [level(1, *[0.1] * 20), level(8, *[0.1] * 16, *[2.0] * 4)]
    one_late = [level(1, *[0.1] * 40), level(8, *[0.1] * 39, 2.0)]
    late_tenth = [level(1, *[0.1] * 100), level(8, *[0.1] * 92, *[2.0] * 8)]
    dip = [level(1, *[0.1] * 20), level(4, *[0.9] * 20), level(16, *[0.3] * 20)]
    broken = [*rising[:2], level(16, *[0.1] * 10, errors=6), level(32, errors=8)]
    return [
        (rising, 0.5, 4, "on a sweep of 1, 4 and 16 at once with TTFTs of 0.1, 0.3 and 0.9 s"),
        (rising, 0.3, 4, "where 4 at once wait exactly as long as allowed"),
        (rising[::-1], 0.5, 4, "when the levels come in another order"),
        (slow_tail, 0.5, 1, "where 4 of 20 requests at 8 at once wait 2 s (the median is 0.1 s)"),
        (late_tenth, 0.5, 1, "where 8 of 100 requests at 8 at once wait 2 s"),
        (dip, 0.5, 16, "where 4 at once wait too long, and 16 do not"),
        (one_late, 0.5, 8, "where 1 of 40 requests waits 2 s (the 95th percentile is 0.1 s)"),
        (broken, 0.5, 4, "where requests failed at 16 and at 32 at once"),
        (rising, 0.01, None, "where even one request at a time waits too long"),
    ]
