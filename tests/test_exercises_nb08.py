"""The exercises of notebook 08: right answers in many forms, wrong ones with their reason."""

from helpers.exercises import nb08
from helpers.memory import QWEN3_VL_4B, Settings, make_card, plan_memory
from tests.exercise_cases import hold_answers

RIGHT = {
    nb08.check_whole: [7, 7.0, "7", "7 requests"],
    nb08.check_length: [15_264, 15_280, 15_000, "15,264", "15264 tokens", "--max-model-len 15280"],
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
test_every_answer = hold_answers(RIGHT, WRONG)


def test_the_answers_are_the_planners() -> None:
    """A cache of exactly 8.00x serves 7; the bytes of a token are those of a plan."""
    plan = plan_memory(QWEN3_VL_4B, Settings(max_model_len=16_384), card=make_card("x", 31.84))
    assert plan.start.token_bytes == nb08.TOKEN_BYTES and plan.start.block == nb08.BLOCK
    assert nb08.WHOLE == 7 and nb08.LONGEST == 15_280
