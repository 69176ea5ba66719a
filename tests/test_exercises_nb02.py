"""Right answers in many spellings pass; wrong ones are told what is wrong."""

import pytest

from helpers.exercises import nb02

LOG_LINES = ("torch.OutOfMemoryError: CUDA", "No available memory for the cache blocks.", "Free")
RIGHT_WAYS = dict(zip(LOG_LINES, ("down", "up", "down"), strict=True))


@pytest.mark.parametrize("answer", [42, 42.0, "42", " 42 "])
def test_requests_at_once_right(answer: object) -> None:
    assert nb02.check_requests_at_once(answer, 174_720)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(..., "Nothing here"), (42.65625, "round down"), (43, "Divide"), ("many", "not a number")],
)
def test_requests_at_once_wrong(answer: object, hint: str) -> None:
    verdict = nb02.check_requests_at_once(answer, 174_720)
    assert not verdict and hint in verdict.text


@pytest.mark.parametrize(
    "flags",
    [
        '--port 9000 --max-model-len 8192 --limit-mm-per-prompt \'{"image": 2, "video": 0}\'',
        ["--limit-mm-per-prompt", '{"video":0,"image":2}', "--port=9000", "--max_model_len=8192"],
        [
            *("--port", 9000, "--max-model-len", 8192),
            *("--limit-mm-per-prompt.image", "2", "--limit-mm-per-prompt.video", "0"),
        ],
    ],
)
def test_flags_right(flags: object) -> None:
    assert nb02.check_flags(flags)


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (..., "Nothing here"),
        ("--max-model-len 8192", "--port is missing"),
        ("--port 8085 --max-model-len 8192", "--port should be 9000"),
        ("--port 9000 --max-model-len 8192", "--limit-mm-per-prompt is missing"),
        ("--port 9000 --max-model-len 8192 --limit-mm-per-prompt image=2", "not JSON"),
        (
            "--port 9000 --max-model-len 8192 --limit-mm-per-prompt '{\"image\": 2}'",
            "two pictures and no clip",
        ),
    ],
)
def test_flags_wrong(flags: object, hint: str) -> None:
    verdict = nb02.check_flags(flags)
    assert not verdict and hint in verdict.text


def test_ways() -> None:
    assert nb02.check_ways(RIGHT_WAYS)
    assert nb02.check_ways({line: way.upper() for line, way in RIGHT_WAYS.items()})
    assert "the card" in nb02.check_ways(dict.fromkeys(LOG_LINES, "up")).text
    assert "budget" in nb02.check_ways(dict.fromkeys(LOG_LINES, "down")).text
    assert "Nothing here" in nb02.check_ways(RIGHT_WAYS | {LOG_LINES[0]: ...}).text
    assert "dictionary" in nb02.check_ways(...).text
