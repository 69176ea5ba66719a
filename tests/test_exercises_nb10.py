"""The exercises of notebook 10: right answers in many forms, wrong ones with their reason."""

import math
import sys
from collections.abc import Callable

import numpy as np
import pytest

from helpers.exercises import nb10
from tests.exercise_cases import all_get, hold_answers


def find_by(share: float) -> Callable[[list, float], int | None]:
    """A function that holds this quantile of the TTFTs against the limit."""

    def find(levels: list, most: float) -> int | None:
        kept = [
            level.at_once
            for level in levels
            if len(level.good) == len(level.timings) and level.quantile("ttft", share) <= most
        ]
        return max(kept, default=None)

    return find


find_by_quantile, use_ninetieth, use_worst = map(find_by, (0.95, 0.9, 1))


def find_by_hand(levels: list, most: float) -> int | None:
    best = None
    for level in levels:
        if any(timing.error for timing in level.timings):
            continue
        late = sum(timing.ttft > most for timing in level.timings)
        if late / len(level.timings) <= 0.05:
            best = max(best or 0, level.at_once)
    return best


def use_median(levels: list, most: float) -> int | None:
    good = [level.at_once for level in levels if level.quantile("ttft", 0.5) <= most]
    return max(good, default=None)


def forget_errors(levels: list, most: float) -> int | None:
    good = [level.at_once for level in levels if level.quantile("ttft", 0.95) <= most]
    return max(good, default=None)


def stay_below(levels: list, most: float) -> int | None:
    kept = [
        level.at_once
        for level in levels
        if len(level.good) == len(level.timings) and level.quantile("ttft", 0.95) < most
    ]
    return max(kept, default=None)


def empty_the_list(levels: list, most: float) -> int | None:
    found = find_by_quantile(levels, most)
    levels.clear()
    return found


def take_the_last(levels: list, most: float) -> int | None:
    good = [level.at_once for level in levels if find_by_quantile([level], most)]
    return good[-1] if good else None


def demand_one(levels: list, most: float) -> int:
    return max(level.at_once for level in levels if find_by_quantile([level], most))


def stop_at_the_first(levels: list, most: float) -> int | None:
    kept = None
    for level in sorted(levels, key=lambda level: level.at_once):
        if find_by_quantile([level], most) is None:
            break
        kept = level.at_once
    return kept


RIGHT = {
    nb10.check_balance: [
        *(6.82, 7, "7 requests", "7 at once", 8_044_544_000 / (147_456 * 8000), 6.8, "about 7"),
        *("~7", "6,818"),
    ],
    nb10.check_highest_load: [find_by_quantile, find_by_hand, empty_the_list],
}
WRONG = {
    nb10.check_balance: [
        (54_556, "divide them by 8,000"),
        (0.1466, "other way round"),
        *all_get("divide the weights", 6, 14, -7),
        *all_get("is no number", None, [6.82], True, "7 or 8"),
    ],
    nb10.check_highest_load: [
        (4, "is to be a function"),
        (lambda levels: 4, "stops with TypeError"),
        (lambda levels, most: sys.exit(1), "stops with SystemExit"),
        (lambda levels, most: np.array([4, 4]), "It returns array"),
        (lambda levels, most: 4, "instead of 1 where 4 of 20"),
        (use_median, "the median is 0.1 s"),
        (use_ninetieth, "instead of 1 where 8 of 100"),
        (stop_at_the_first, "where 4 at once wait too long"),
        (use_worst, "instead of 8 where 1 of 40"),
        (forget_errors, "where requests failed at 16"),
        (stay_below, "exactly as long as allowed"),
        (take_the_last, "in another order"),
        (demand_one, "where even one request"),
        (lambda levels, most: print(levels), "It returns None instead of 4"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_a_made_level_counts_as_the_notebooks_does() -> None:
    failed = nb10.MadeTiming(math.nan, tokens=0, error="No server answers.")
    level = nb10.MadeLevel(2, [nb10.MadeTiming(0.1), nb10.MadeTiming(0.3), failed])
    assert level.tokens_per_second == 32 and level.quantile("ttft", 0.5) == pytest.approx(0.2)
    assert math.isnan(nb10.MadeLevel(1, [failed]).quantile("ttft", 0.5))
