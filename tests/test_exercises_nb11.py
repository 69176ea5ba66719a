"""The exercises of notebook 11: right answers in many forms, wrong ones with their reason."""

import pytest

from helpers.exercises import BLANK, nb11

RIGHT = {
    nb11.check_jump: ["graphs, not async", " Graphs,  not async "],
    nb11.check_second_card: [2.19, "2.2", 25_226 / 11_503],
}
WRONG = {
    nb11.check_jump: [
        ("eager", "first step"),
        ("graphs, async", "× 1.48"),
        ("FP8", "no step of the ladder"),
        (169, "in quotes"),
    ],
    nb11.check_second_card: [
        (0.456, "other way round"),
        (1.30, "at 128 at once"),
        (2.0, "divide"),
        ("two", "one number"),
    ],
}


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
def test_every_answer(check) -> None:
    assert check(...) is BLANK
    for answer in RIGHT[check]:
        assert check(answer), check(answer).text
    for answer, hint in WRONG[check]:
        verdict = check(answer)
        assert not verdict and hint in verdict.text, (answer, verdict.text)
