"""The exercises of notebook 08: right answers in many forms, wrong ones with their reason."""

import pytest

from helpers.exercises import BLANK, nb08
from helpers.memory import QWEN3_VL_4B, Settings, make_card, plan_memory

RIGHT = {
    nb08.check_whole: [7, 7.0, "7", "7 requests"],
    nb08.check_length: [15_264, 15_280, 15_000, "15,264", "15264 tokens"],
}
WRONG = {
    nb08.check_whole: [
        (8, "one block of the cache is vLLM's own"),
        (6, "divide"),
        ([7, 8], "one number"),
    ],
    nb08.check_length: [
        (15_291, "whole blocks of 16"),
        (16_384, "more than 2.10 GiB hold"),
        (14_241, "counts in GiB"),
        (30_583, "bf16 has two"),
        (8192, "a greater length has room"),
        (-1, "a greater length has room"),
        ("long", "one number"),
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


def test_the_answers_are_the_planners() -> None:
    """A cache of exactly 8.00x serves 7; the bytes of a token are those of a plan."""
    plan = plan_memory(QWEN3_VL_4B, Settings(max_model_len=16_384), card=make_card("x", 31.84))
    assert plan.start.token_bytes == nb08.TOKEN_BYTES and plan.start.block == nb08.BLOCK
    assert nb08.WHOLE == 7 and nb08.LONGEST == 15_280
