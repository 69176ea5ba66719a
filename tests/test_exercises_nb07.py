"""The exercises of notebook 07: right answers in many forms, wrong ones with their reason."""

import numpy as np
import pytest

from helpers.exercises import nb07
from helpers.memory.terms import Settings

CHECKS = [nb07.check_scan, nb07.check_clip_size, nb07.check_settings]


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


# 3: settings for a small card

FITS = {
    "gpu_memory_utilization": 0.95,
    "max_model_len": 8192,
    "max_num_seqs": 8,
    "limit_mm_per_prompt": {"image": 1, "video": 0},
    "kv_cache_dtype": "fp8",
}


@pytest.mark.parametrize(
    "answer",
    [
        Settings(**FITS),
        FITS,
        FITS | {"max_num_seqs": 4},
        FITS | {"limit_mm_per_prompt": {"image": 2, "video": 0}},
        FITS | {"gpu_memory_utilization": 0.93, "max_num_seqs": 64},
        FITS | {"max_num_seqs": 256, "enforce_eager": True},
        FITS | {"max_model_len": 16384, "dtype": "bfloat16"},
    ],
)
def test_right_settings(answer: object) -> None:
    assert nb07.check_settings(answer), nb07.check_settings(answer).text


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"quantization": "fp8"}, "stay in bf16"),
        ({"dtype": "float16"}, "stay in bf16"),
        ({"gpu_memory_utilization": 0.90}, "fit at once: 3, not 4"),
        ({"max_num_seqs": 256}, "4 requests fit, but the plan warns"),
        ({"gpu_memory_utilization": 0.97}, "does not start"),
        ({"limit_mm_per_prompt": {}, "max_num_seqs": 256}, "fit at once: 2"),
        ({"limit_mm_per_prompt": {"image": 0, "video": 0}}, "brings a picture"),
        ({"max_model_len": 4096}, "refuses a request of 8,192"),
        ({"max_num_seqs": 2}, "max_num_seqs 2 lets fewer than 4 run at once"),
        ({"gpu_memory_utilization": 0.99}, "does not start"),
        (
            {"max_model_len": 32768, "kv_cache_dtype": "auto", "limit_mm_per_prompt": {}},
            "does not start",
        ),
        ({"kv_cache_dtype": "auto"}, "fit at once: "),
        ({"length": 8192}, "does not take that"),
        ({"max_model_len": "many"}, "wrong kind"),
    ],
)
def test_wrong_settings(changes: dict, hint: str) -> None:
    verdict = nb07.check_settings(FITS | changes)
    assert not verdict
    assert hint in verdict.text
