"""Right answers in many spellings pass; wrong ones are told what is wrong."""

import json

import pytest

from helpers.exercises import Verdict, commands, nb02
from helpers.places import find_place
from tests.conftest import ROOT
from tests.exercise_cases import all_get, hold_answers, hold_check

LOG_LINES = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "ValueError: No available memory for the cache blocks.",
    "ValueError: Free memory on device (20.1/31.4 GiB) on startup is less than desired",
)
RIGHT_WAYS = dict(zip(LOG_LINES, ("down", "up", "down"), strict=True))
FLAGS = ("--port", "9000", "--max-model-len", "8192", "--limit-mm-per-prompt")
JSON = '{"image": 2, "video": 0}'


def check_requests_at_once(answer: object) -> Verdict:
    return nb02.check_requests_at_once(answer, 174_720)


def check_one_way(answer: object) -> Verdict:
    return nb02.check_ways(RIGHT_WAYS | {LOG_LINES[0]: answer})


RIGHT = {
    check_requests_at_once: [42, 42.0, "42", " 42 ", "42 requests"],
    nb02.check_flags: [
        '--port 9000 --max-model-len 8192 --limit-mm-per-prompt \'{"image": 2, "video": 0}\'',
        ["--limit-mm-per-prompt", '{"video":0,"image":2}', "--port=9000", "--max_model_len=8192"],
        [*FLAGS, '{"image": {"count": 2, "width": 512}, "video": 0}'],
        [
            *("--port", 9000, "--max-model-len", 8192),
            *("--limit-mm-per-prompt.image", "2", "--limit-mm-per-prompt.video", "0"),
        ],
        (*FLAGS, JSON),
        ["--port", "9000", "--max-model-len", "8K", "--limit-mm-per-prompt", JSON],
        [*FLAGS, '{"image": 2, "video": 0, "audio": 0}', "--host", "127.0.0.1"],
        [*FLAGS, JSON, "--enforce-eager"],
        [*FLAGS, JSON, "--enforce-eager", "--no-enable-prefix-caching", "--seed", "-1"],
        [*FLAGS, JSON, "-tp", "1"],
        [*FLAGS, JSON, "-tp=1", "--gpu-memory-util", "0.8"],
        ["--port", "9000", "--max-model-len", "8.192k", "--limit-mm-per-prompt", JSON],
        ["--port", "9000", "--max-model", "8192", "--limit-mm", JSON],
        f"CUDA_VISIBLE_DEVICES=0 vllm serve M --port 9000 --max-model-len=8K {FLAGS[4]}='{JSON}'",
        ["vllm", "serve", "models/Qwen", *FLAGS, JSON],
        f"--port 9000 \\\n  --max-model-len 8192 \\\n  --limit-mm-per-prompt '{JSON}'",
    ],
    check_one_way: ["down"],
}
WRONG = {
    check_requests_at_once: [
        *all_get("round down", 42.65625, 42.66, 43),
        (44, "Divide"),
        ("many", "not a number"),
    ],
    nb02.check_flags: [
        ("--max-model-len 8192", "--port is missing"),
        ("--port 8085 --max-model-len 8192", "--port should be 9000"),
        ("--port 9000 --max-model-len 8192", "--limit-mm-per-prompt is missing"),
        ("--port 9000 --max-model-len 8192 --limit-mm-per-prompt image=2", "not JSON"),
        (
            "--port 9000 --max-model-len 8192 --limit-mm-per-prompt '{\"image\": 2}'",
            "two pictures and no clip",
        ),
        ([*FLAGS, '{"image": 2, "video": false}'], "two pictures and no clip"),
        (  # vLLM forgets the JSON beside what has dots
            [*FLAGS, '{"image": 2, "video": 1}', "--limit-mm-per-prompt.video", "0"],
            "two pictures and no clip",
        ),
        ([*FLAGS, '{"image": "2", "video": 0}'], "two pictures and no clip"),
        ([*FLAGS, "[2, 0]"], "not JSON"),
        (list(FLAGS), "--limit-mm-per-prompt has no value"),
        ([*FLAGS[:4], {"image": 2, "video": 0}], "belongs to no flag"),
        ([*FLAGS, {"image": 2, "video": 0}], "not JSON"),
        ([*FLAGS, JSON, "--port", "9000"], "--port is there twice"),
        ([*FLAGS, JSON, "9001"], "belongs to no flag"),
        ([*FLAGS, JSON, "--gpu-memory-utilisation", "0.8"], "no flag --gpu-memory-utilisation"),
        ([*FLAGS, JSON, "--max-model-length", "4096"], "no flag --max-model-length"),
        ([*FLAGS, JSON, "--max-num", "4"], "it may be --max-num"),
        ([*FLAGS, JSON, "--enforce-eager", "true"], "--enforce-eager takes no value"),
        ([*FLAGS, JSON, "--enforce-eager=true"], "--enforce-eager takes no value"),
        ([*FLAGS, JSON, "--host"], "--host has no value"),
        ([*FLAGS, JSON, "--host", "--enforce-eager"], "--host has no value"),
        ([*FLAGS, JSON, "-tp"], "--tensor-parallel-size has no value"),
        ([*FLAGS, JSON, "-port", "1"], "-port is no flag"),
        ("vllm serve --port 8085", "--port should be 9000"),
        (["--port 9000", "--max-model-len 8192", f"--limit-mm-per-prompt {JSON}"], "are two"),
        ("--port 9000 --max-model-len 8k", "--max-model-len should be 8192, not 8k"),
        ("--port 9K --max-model-len 8192", "--port should be 9000"),
        ("--port 9000 --max-model-len '8192", "A quotation mark is open"),
        (9000, "no list of words"),
        ({"--port": 9000}, "no list of words"),
    ],
    check_one_way: [],
}
WAYS = [
    RIGHT_WAYS,
    {line: way.upper() for line, way in RIGHT_WAYS.items()},
    {line: f" {way} " for line, way in reversed(RIGHT_WAYS.items())},
    dict(zip(LOG_LINES, ("lower", "raise", "Lower"), strict=True)),
    dict(zip(LOG_LINES, ("downwards", "upward", "down."), strict=True)),
    dict(zip(LOG_LINES, ("'down'", "↑", "↓"), strict=True)),
]
WRONG_WAYS = [
    (..., "dictionary"),
    (list(RIGHT_WAYS.items()), "dictionary"),
    ({}, "missing: torch.OutOfMemoryError"),
    ({LOG_LINES[1]: "up"}, "missing: torch.OutOfMemoryError"),
    ({LOG_LINES[0]: "down", "a made-up line": "up"}, "missing: ValueError: No available"),
    (RIGHT_WAYS | {"a made-up line": "up"}, "each once; yours has 4"),
    (RIGHT_WAYS | {f"{LOG_LINES[0]} again": "down"}, "each once; yours has 4"),
    ({1: "down", 2: "up", 3: "down"}, "missing"),
    (RIGHT_WAYS | {LOG_LINES[0]: ...}, "Nothing here"),
    (dict.fromkeys(LOG_LINES, "up"), "the card"),
    (dict.fromkeys(LOG_LINES, "down"), "budget"),
    (dict.fromkeys(LOG_LINES, "up or down"), "the card"),
    ({line: ["down"] for line in LOG_LINES}, "the card"),
]
test_every_answer = hold_answers(RIGHT, WRONG)


def test_ways() -> None:
    hold_check(nb02.check_ways, WAYS, WRONG_WAYS, blank=dict.fromkeys(LOG_LINES, ...))


def test_the_notebook_asks_what_is_checked() -> None:
    notebook = json.loads((ROOT / "notebooks" / "02_launch_the_server.ipynb").read_text())
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    assert all(f'"{line}": ...' in code for line in LOG_LINES)


def test_without_vllm_any_flag_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "list_flags", dict)
    monkeypatch.setattr(commands, "list_short_flags", dict)
    assert nb02.check_flags([*FLAGS, JSON, "--enforce-eager", "--seed", "0"])
    assert "--port should be 9000" in nb02.check_flags("--max-model-len 8192 --port").text


@pytest.mark.parametrize("place", ["gpu", "cpu"])
def test_the_flags_of_the_course_are_flags(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", place)
    flags = find_place().flags
    words = [word for flag in flags for word in flag.words]
    assert commands.read_flags(words) == {flag.name: flag.value for flag in flags}
