"""The exercises of notebook 07: right answers in many forms, wrong ones with their reason."""

import numpy as np
import pytest

from helpers.exercises import nb07
from helpers.memory.terms import Settings

CHECKS = [nb07.check_scan, nb07.check_clip_size, nb07.check_talk]


@pytest.mark.parametrize("check", CHECKS)
def test_unanswered(check: object) -> None:
    verdict = check(...)
    assert not verdict
    assert "Nothing here yet" in str(verdict)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "answer",
    [
        *(None, "", [], {}, object(), "many", [3], -1, True, float("nan"), [{}], b"\xff", (0, 0)),
        *("1x", "8580 8580", [8580, 8580], (352, 198, 352, 198), "352×198 352×198", "-352×198"),
        *({"max_model_len": 8192}, [Settings(), Settings()], Settings, Settings()),
    ],
)
def test_odd_answers_are_wrong_and_never_fail(check: object, answer: object) -> None:
    assert not check(answer)


# 1: what a page costs


@pytest.mark.parametrize(
    "answer", [8580, 8580.0, "8,580", "8.580", " 8_580 tokens", np.int64(8580)]
)
def test_right_scan(answer: object) -> None:
    assert nb07.check_scan(answer), nb07.check_scan(answer).text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (8470, "even neighbour"),
        (8393, "rounded, not cut"),
        (8502, "109.6 cells"),
        (34_320, "patches of 16×16"),
        (16_384, "beyond 16.8 million"),
        (8582, "leave the two marks out"),
        (8581, "divide each side by 32"),
        ([8580, 1], "one number"),
    ],
)
def test_wrong_scan(answer: object, hint: str) -> None:
    verdict = nb07.check_scan(answer)
    assert not verdict
    assert hint in verdict.text


# 2: a size for a clip


@pytest.mark.parametrize(
    "answer",
    [
        (352, 198),
        [356, 200],
        "352×198",
        "(352, 198)",
        "352 x 198 px",
        ("352", 198),
        (341, 192),
        "352X198",
        {"width": 352, "height": 198},
    ],
)
def test_right_size(answer: object) -> None:
    assert nb07.check_clip_size(answer), nb07.check_clip_size(answer).text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((1280, 720), "make it smaller"),
        ((480, 270), "make it smaller"),
        ((160, 90), "shows more"),
        ((352, 352), "not 16:9"),
        ((198, 352), "not 16:9"),
        ((40, 22), "shows more"),
        ((2560, 1440), "nothing but cost"),
        ((352.5, 198), "two whole numbers"),
        (352, "two whole numbers"),
        ((352, 198, 3), "two whole numbers"),
    ],
)
def test_wrong_size(answer: object, hint: str) -> None:
    verdict = nb07.check_clip_size(answer)
    assert not verdict
    assert hint in verdict.text


# 3: a talk about one photo


@pytest.mark.parametrize("answer", [4400, 4400.0, "4,400", "4400 visual tokens", 5 * 880])
def test_right_talk(answer: object) -> None:
    assert nb07.check_talk(answer), nb07.check_talk(answer).text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (880, "the photo is in all five"),
        (4410, "leave the two marks out"),
        (13_200, "one photo in each request"),
        (4500, "count the photo by its cells"),
        ([4400, 880], "one number"),
        ("many", "one number"),
    ],
)
def test_wrong_talk(answer: object, hint: str) -> None:
    verdict = nb07.check_talk(answer)
    assert not verdict
    assert hint in verdict.text
