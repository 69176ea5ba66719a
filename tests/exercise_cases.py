"""What the tests of all exercises share: tables of right and of wrong answers, and who holds them.

`hold_answers(RIGHT, WRONG)` makes one test for each check; `hold_check` is that test.
"""

import math
from collections.abc import Callable, Iterable

import pytest

from helpers.exercises import BLANK, Verdict, show

Check = Callable[[object], Verdict]
# No answer to any exercise.
ODD = [
    *(None, True, False, 0, -1, math.nan, math.inf, b"\xff", object(), len, print, str),
    *("", " ", "...", "many", "nan", [], {}, (), [3], (3,), [None], [{}], {1: 2}, {3: 4}),
]


def all_get(hint: str, *answers: object) -> list[tuple[object, str]]:
    """Wrong answers for one reason, as a table has them."""
    return [(answer, hint) for answer in answers]


def hold_answers(
    right: dict[Check, list],
    wrong: dict[Check, list[tuple[object, str]]],
    slow: tuple[Check, ...] = (),
) -> Callable[[Check], None]:
    assert right.keys() == wrong.keys()
    marks = {check: [pytest.mark.slow] if check in slow else [] for check in right}
    checks = [pytest.param(check, id=check.__name__, marks=marks[check]) for check in right]

    @pytest.mark.parametrize("check", checks)
    def test_every_answer(check: Check) -> None:
        hold_check(check, right[check], wrong[check])

    return test_every_answer


def hold_check(
    check: Check, right: Iterable, wrong: Iterable[tuple[object, str]], blank: object = ...
) -> None:
    """A check takes the right answers, tells the others their reason, and changes none."""
    assert check(blank) is BLANK
    cases = [*((answer, None) for answer in right), *all_get("", *ODD), *wrong]
    faults = [fault for answer, hint in cases if (fault := find_fault(check, answer, hint))]
    assert not faults, "\n".join(faults)


def find_fault(check: Check, answer: object, hint: str | None) -> str:
    """What is wrong with the verdict; a hint is for a wrong answer, None for a right one."""
    before = repr(answer)
    case = f"{check.__name__}({show(answer)})"
    try:
        verdict = check(answer)
    except Exception as error:
        error.add_note(case)
        raise
    if repr(answer) != before:
        return f"{case} changes the answer"
    if hint is None:
        return "" if verdict else f"{case}, which is right: {verdict}"
    said = not verdict and hint in verdict.text
    if not hint and len(verdict.text) > 250:
        return f"{case} is told too much: {verdict}"
    return "" if said else f"{case}, which is wrong: {verdict} Wanted: {hint!r}"
