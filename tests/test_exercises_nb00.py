"""The checks of notebook 00 accept every right answer and say what is wrong with others."""

import math
from fractions import Fraction

import numpy as np
import pytest

from helpers.environment.card_checks import CUDA_HIDES
from helpers.exercises import nb00, read_number, read_size, read_user_parts
from helpers.memory.plan import make_card, plan_memory
from helpers.memory.shapes import QWEN3_VL_4B
from helpers.memory.terms import Settings
from tests.exercise_cases import all_get, hold_answers

KV = 6 * 1.125
RIGHT = {
    nb00.check_pages: [
        *(88, 88.0, "88", " 88 ", "88 pages", "= 88", "88.", Fraction(88), np.int64(88)),
    ],
    nb00.check_share: [
        *(0.86, 0.855, "0.86", "0,86", "86 %", "86 percent", "86 per cent", 86, 0.8550, "0.860"),
    ],
    nb00.check_machines: [
        *("A C", "C, A", "ac", ["A", "C"], {"c", "a"}, ("A", "C"), "A and C", "a, c.", "A & C"),
        *("C/A", "machines A and C", "both A and C", "'A', 'C'"),
    ],
}
WRONG = {
    nb00.check_pages: [
        (84, "rounded down"),
        (86, "rounded the sum"),
        (85.8125, "rounded the sum"),
        (88 * 16, "tokens"),
        *all_get("is not it", 5, "8,8", -88),
        *all_get("no number", "many", None, [88], float("nan"), math.inf, "", True, "88 88", "8 8"),
        *all_get("no number", [3, 1, 2, 63, 19], {}, b"88", 88j, 10**400),
    ],
    nb00.check_share: [
        *all_get("A little too small", 0.85, 0.854, (8.27 + 5.2 + KV) / 24),
        *all_get("smaller share will do", 0.87, 0.9, 1),
        ((8.27 + KV) / 23.65, "left out the working memory"),
        ((5.2 + KV) / 23.65, "left out the weights"),
        (0.57, "left out the KV cache"),
        (0.29, "left out weights and working"),
        (0.62, "left out five"),
        (0.4, "Too small"),
        (20.2, "GiB that are needed"),
        (8.27 + 5.2 + KV, "GiB that are needed"),
        *all_get("no share", 49_152, 0, -0.86, float("nan"), None, "", [0.86], (0, 86), True),
        *all_get("no share", "0.86 0.86"),
        ("0.86 %", "Too small"),
    ],
    nb00.check_machines: [
        ("A", "sm_86 kernels"),
        ("C", "has what it takes"),
        ("A B C", "sm_120 card"),
        ("A C D", "CUDA 11.8"),
        (["A", "C", "E"], "a game"),
        *all_get("letters from A to E", "F", "", 3, None, True, [], float("nan"), b"A C"),
        *all_get("letters from A to E", {"A": 1, "C": 1}, [["A", "C"]], ["A", 3], "A-C"),
        *all_get("letters from A to E", "A, C, not B"),
        ("A B C D E", "sm_120 card"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_the_share_of_the_exercise_is_the_planners() -> None:
    """0.86 of a card that shows 23.65 GiB holds six of these requests, 0.85 only five."""
    flags = {"max_model_len": 8192, "limit_mm_per_prompt": {"image": 4, "video": 1}}
    card = make_card("a card", 23.65 + CUDA_HIDES)
    for share, requests in ((0.86, 6), (0.85, 5)):
        plan = plan_memory(QWEN3_VL_4B, Settings(gpu_memory_utilization=share, **flags), card=card)
        assert plan.requests_at_once(8192) == requests


# What the checks of all notebooks share


@pytest.mark.parametrize(
    ("answer", "unit", "number"),
    [
        ("4,880 tokens", "tokens?", 4880),
        ("about 4,880 tokens.", "tokens?", 4880),
        ("~7", "", 7),
        ("approx. 7", "", 7),
        ("≈ 0,5 s", "s", 0.5),
        ("8.580", "", 8.58),
        ("2.127.532.032", "", 2_127_532_032),
        ("8.58.0", "", None),
        ("about", "", None),
        ("about 7 or 8", "", None),
        ("3505 B", "bytes?|B", 3505),
        ("3.5 kB", "bytes?|B", None),
        ("4 880 Tokens", "tokens?", 4880),
        ("1,234,567.5", "", 1_234_567.5),
        ("4_880", "", 4880),
        ("-1,000", "", -1000),
        ("0,855", "", 0.855),
        ("0.5s", "s", 0.5),
        ("48,80", "", 48.8),
        ("4,880 4,880", "", None),
        ("4 880 5", "", None),
        ("12 34", "", None),
        ("4_88", "", None),
        ("1,2,3", "", None),
        ("tokens", "tokens?", None),
        ("1e999", "", None),
        (10**400, "", None),
    ],
)
def test_one_number_and_no_other(answer: object, unit: str, number: float | None) -> None:
    assert read_number(answer, unit) == number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("--length 4,880", 4880),
        (" --LENGTH = 4880 tokens", 4880),
        ("--length=4.880", 4.88),
        ("about 4880", 4880),
        ("--width 4880", None),
        ("--length", None),
        ("4880 --length", None),
    ],
)
def test_what_may_stand_in_front_of_a_number(answer: str, number: float | None) -> None:
    assert read_number(answer, "tokens?", before="--length") == number


@pytest.mark.parametrize(
    ("answer", "target", "number"),
    [
        ("8.580", 8580, 8580),
        ("8.580", 8.58, 8.58),
        ("8.580", 7, 8.58),
        ("4,882", 4.882, 4.882),
        ("4,882", 4882, 4882),
        ("4,882", 7, 4882),
        ("8.58", 858, 8.58),
        ("0.855", 855, 0.855),
    ],
)
def test_three_digits_behind_a_point_are_read_as_what_is_right(
    answer: str, target: float, number: float
) -> None:
    assert read_number(answer, "", lambda read: read == target) == number


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        ("352X198", (352, 198)),
        ("352 * 198", (352, 198)),
        ("352 by 198 pixels", (352, 198)),
        ("1,920 × 1,080 px", (1920, 1080)),
        ("width 352, height 198", (352, 198)),
        ({"width": 352, "height": 198}, (352, 198)),
        ({"height": "198 px", "width": 352.0}, (352, 198)),
        ({"width": 352}, None),
        ("352", None),
        ("352×198×3", None),
        ("352.5×198", None),
    ],
)
def test_a_size_in_many_spellings(answer: object, size: tuple[int, int] | None) -> None:
    assert read_size(answer) == size


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        "What is this?",
        ["What is this?"],
        [{"role": "user"}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": "One."}, {"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "text", "text": 5}]}],
        [{"role": "user", "content": [{"type": "text", "text": None}]}],
        [{"role": "user", "content": "One."}, {"role": "assistant", "content": "Two."}],
    ],
)
def test_messages_that_are_none(answer: object) -> None:
    with pytest.raises(ValueError, match="is to"):
        read_user_parts(answer)
