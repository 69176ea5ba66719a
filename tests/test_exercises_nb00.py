"""The checks of notebook 00 accept every right answer and say what is wrong with others."""

import pytest

from helpers.exercises import BLANK
from helpers.exercises import nb00 as checks


@pytest.mark.parametrize("check", [checks.check_pages, checks.check_tokens, checks.check_machines])
def test_nothing_yet(check) -> None:
    assert check(...) == BLANK


@pytest.mark.parametrize("answer", [88, 88.0, "88", " 88 "])
def test_pages_right(answer: object) -> None:
    assert checks.check_pages(answer).ok


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (84, "rounded down"),
        (86, "rounded the sum"),
        (85.8125, "rounded the sum"),
        (88 * 16, "tokens"),
        (5, "is not it"),
        ("many", "no number"),
        (None, "no number"),
        ([88], "no number"),
        (float("nan"), "no number"),
    ],
)
def test_pages_wrong(answer: object, hint: str) -> None:
    verdict = checks.check_pages(answer)
    assert not verdict.ok
    assert hint in verdict.text


@pytest.mark.parametrize("answer", [74_492, 74492.58, "74,500", "74_000", 75_000])
def test_tokens_right(answer: object) -> None:
    assert checks.check_tokens(answer).ok


@pytest.mark.parametrize(
    ("gib", "hint"),
    [
        (24 - 8.27 - 3.1, "0.9 of the card"),
        (24 * 0.9, "come off the budget"),
        (24 * 0.9 - 8.27, "working memory of 3.1"),
        (24 * 0.9 - 3.1, "weights of 8.27"),
        (24 * 0.9 - 9.5, "Not it"),
    ],
)
def test_tokens_wrong(gib: float, hint: str) -> None:
    verdict = checks.check_tokens(gib * 2**30 / 147_456)
    assert not verdict.ok
    assert hint in verdict.text


def test_tokens_in_other_units() -> None:
    assert "how many tokens" in checks.check_tokens(10.23).text
    assert "no number" in checks.check_tokens("a lot").text


@pytest.mark.parametrize(
    "answer", ["A C", "C, A", "ac", ["A", "C"], {"c", "a"}, ("A", "C"), "A and C", "a, c."]
)
def test_machines_right(answer: object) -> None:
    assert checks.check_machines(answer).ok


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("A", "sm_86 kernels"),
        ("C", "has what it takes"),
        ("A B C", "sm_120 card"),
        ("A C D", "CUDA 11.8"),
        (["A", "C", "E"], "a game"),
        ("F", "letters from A to E"),
        ("", "letters from A to E"),
        (3, "letters from A to E"),
    ],
)
def test_machines_wrong(answer: object, hint: str) -> None:
    verdict = checks.check_machines(answer)
    assert not verdict.ok
    assert hint in verdict.text
