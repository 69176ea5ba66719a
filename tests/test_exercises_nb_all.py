"""No check of any notebook raises, whatever the answer is: it says in a sentence what is wrong."""

import datetime
import itertools
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.download.manifest import FileCheck, Verification
from helpers.exercises import (
    Verdict,
    nb00,
    nb01,
    nb02,
    nb03,
    nb04,
    nb05,
    nb06,
    nb07,
    nb08,
    nb09,
    nb10,
    nb11,
    nb12,
    nb13,
    nb14,
    nb15,
)
from helpers.memory.terms import Settings
from helpers.places import MEDIA
from media.generator.clip import write_clip

MODULES = (
    *(nb00, nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10, nb11, nb12, nb13, nb14),
    nb15,
)
ARRIVALS = [0.21, 0.31, 0.41]
REPAIR = Verification(Path("copy"), (FileCheck("config.json", 1000, 1000, "damaged"),))
CHECKS: dict[str, Callable[[object], Verdict]] = {
    **{
        f"{module.__name__[-4:]}.{name}": check
        for module in MODULES
        for name, check in vars(module).items()
        if name.startswith("check_") and check.__module__ == module.__name__
    },
    "nb01.check_bytes_to_fetch": lambda answer: nb01.check_bytes_to_fetch(answer, REPAIR),
    "nb02.check_requests_at_once": lambda answer: nb02.check_requests_at_once(answer, 174_720),
    "nb03.check_speed": lambda answer: nb03.check_speed(ARRIVALS, 0.21, answer),
    "nb03.check_speed, ttft": lambda answer: nb03.check_speed(ARRIVALS, answer, 10),
    "nb03.check_speed, list": lambda answer: nb03.check_speed(answer, 0.21, 10),
}


class Hostile:
    """An object that answers no question."""

    def refuse(self, *_: object) -> None:
        raise ValueError("no")

    __repr__ = __str__ = __bool__ = __eq__ = __iter__ = __len__ = __float__ = refuse
    __hash__ = object.__hash__


ROUND: list = []
ROUND.append(ROUND)
ODD = [
    *(None, ..., True, False, 0, -1, 7, 10**400, 10**5000, math.nan, math.inf, -0.0, 1j),
    *(Fraction(1, 3), Decimal("NaN"), Decimal("sNaN"), np.float64("nan"), np.int64(3)),
    *("", " ", "%", "~", "1e999", "²", "٣", "\0", "\ud800", "1" * 5000),
    *("--", "--=", "-tp", "{", "'"),
    *("data:,", "file://[", "http://[", "x×y", "ms", "s", "A" * 9000, "1.234.567,8", "NaN %"),
    *(b"\xff", bytearray(b"1"), memoryview(b"1"), [], [[]], [None], [{}], [...], {}, {1: 2}),
    *({"": None}, {"width": None}, (), ((),), set(), frozenset([1]), range(3), {"role": "user"}),
    *(len, print, str, type, object(), object, Exception("x"), NotImplemented, Hostile(), Hostile),
    *([Hostile()], {"a": Hostile()}, np.array([1, 2]), np.array(3), np.array([]), Settings()),
    *(datetime.datetime(2026, 1, 1), Path("x"), itertools.count(), itertools.repeat("a"), ROUND),
    *(Image.new("RGB", (1, 1)), (1 / 0 for _ in [1]), lambda: None, lambda *_: 1 / 0, Verdict),
]
LINES = tuple(nb02.WAYS)
KEYS = (
    *("max_model_len", "max_num_seqs", "max_num_batched_tokens", "gpu_memory_utilization"),
    *("limit_mm_per_prompt", "kv_cache_dtype", "dtype", "quantization", "enforce_eager", "image"),
    *("seed", "load_format", "tensor_parallel_size", "mm_processor_kwargs", "host"),
)
RECEIPT, CHART = (
    {"type": "image_url", "image_url": {"url": url}}
    for url in ("http://127.0.0.1/receipt.png", "http://127.0.0.1/bar_chart.png")
)
CLIP = {"type": "video", "video": str(MEDIA / "traffic_light.mp4")}
QUESTION = {"type": "text", "text": "What is this?"}


def build_answers() -> Iterator[object]:
    """Each odd thing as it is, returned by a function, and in every place of a right answer."""
    for odd in ODD:
        yield from (odd, [odd], (odd, odd), {"answer": odd}, lambda *_, odd=odd: odd)
        yield from ({"width": odd, "height": 9}, ["--port", odd], dict.fromkeys(LINES, odd))
        yield from ({"max_model_len": 8192} | {key: odd} for key in KEYS)
        yield from ({"max_model_len": 8192, "limit_mm_per_prompt": {kind: odd}} for kind in "ab")
        yield {"max_model_len": 8192, "limit_mm_per_prompt": {"video": odd, "image": odd}}
        yield [{"role": odd, "content": "Hello."}]
        yield [{"role": "user", "content": odd}, {"role": "assistant", "content": odd}] * 2
        for part in (odd, {"type": odd}, {"type": "text", "text": odd}, {"type": "video"}):
            yield [{"role": "user", "content": [RECEIPT, CHART, part]}]
        for inner in (odd, {"url": odd}):
            yield [{"role": "user", "content": [{"type": "image_url", "image_url": inner}]}]
        yield [{"role": "user", "content": [CLIP | {"video": odd}, QUESTION]}]


ANSWERS = list(build_answers())


@pytest.mark.parametrize("name", CHECKS)
def test_no_check_raises(name: str) -> None:
    for answer in ANSWERS:
        verdict = CHECKS[name](answer)
        assert isinstance(verdict, Verdict) and len(verdict.text) < 2000
    assert not any(CHECKS[name](odd) for odd in ODD if type(odd) not in (int, np.int64))


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "small.mp4"
    write_clip([Image.new("RGB", (96, 64))] * 16, path, fps=2)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("key", ["fps", "nframes", "max_pixels", "video_start", "resized_width"])
def test_no_odd_setting_of_a_clip_raises(
    key: str, small_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nb06, "CLIP", small_clip)
    clip = {"type": "video", "video": str(small_clip), "max_pixels": 99_999}
    for odd in ("x", math.nan, 10**400, [], Hostile()):
        answer = [{"role": "user", "content": [clip | {key: odd}, QUESTION]}]
        assert isinstance(nb06.check_clip_messages(answer), Verdict)
