"""The command that holds a file of answers against an older one, and the file that is kept."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.errors import CourseError
from helpers.places import MEASUREMENTS, ROOT
from measurements.compare_answers import (
    AnswersError,
    describe,
    fall_chance,
    find_flips,
    main,
    read_answers,
)
from media.generator.fresh import draw_fresh


def write_run(path: Path, verdicts: str, **change: object) -> Path:
    """A file of answers: r is a right item, w a wrong one, u unclear, e an error."""
    names = {"r": "right", "w": "wrong", "u": "unclear", "e": "error"}
    items = [
        {"id": f"tax {n}", "question": "?", "truth": "1.00", "reply": one, "verdict": names[one]}
        for n, one in enumerate(verdicts)
    ]
    items[-1] |= change
    lines = [{"model": "some model", "vllm": "0.11.0", "variant": "plain"}, *items]
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def compare(old: Path, new: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["compare_answers", str(old), str(new), *options])
    return main()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("rrrrrrww", "rrrrrrww", 0),
        ("rrrrwwww", "rrrrrrrr", 0),
        ("rrrrrrww", "rrwwwwww", 0),  # four flips down: chance in 1 of 16
        ("rrrrrrww", "rwwwwwww", 1),  # five: 1 of 32
        ("rrrrrrww", "wwwwwwrr", 0),  # six down and two up: 14 %
        ("rrrrrrrr", "rrreeeee", 1),  # an error is not right
        ("rrrrrrrr", "rrruuuuu", 1),
    ],
)
def test_a_fall_beyond_chance_is_the_exit_code(
    old: str, new: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_run(tmp_path / "old.jsonl", old), write_run(tmp_path / "new.jsonl", new)
    assert compare(*files, monkeypatch) == code


def test_the_bar_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_run(tmp_path / "old.jsonl", "rrrr"), write_run(tmp_path / "new.jsonl", "wwww")
    assert [compare(*files, monkeypatch, "--chance", bar) for bar in ("0.06", "0.07")] == [0, 1]
    for bar in ("0", "1", "-1", "nan", "often"):
        with pytest.raises(SystemExit) as left:
            compare(*files, monkeypatch, "--chance", bar)
        assert left.value.code == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "tax 9"}, "'tax 3' among 2"),
        ({"id": "tax 0"}, "has an item twice"),
        ({"question": "??"}, "another question or truth"),
        ({"truth": "2.00"}, "another question or truth"),
        ({"verdict": "fine"}, "'fine'"),
        ({"reply": None}, "Line 5"),
    ],
)
def test_files_that_do_not_fit_get_a_sentence(
    change: dict, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    old = write_run(tmp_path / "old.jsonl", "rrrr")
    assert compare(old, write_run(tmp_path / "new.jsonl", "rrrr", **change), monkeypatch) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.count("\n") == 1 and not told.out


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]\n[2]", b'{"a": 1}\n{"id"', b"\xff\xfe", b"1\n2"]
)
def test_what_is_no_file_of_answers_gets_a_sentence(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(text)
    with pytest.raises(AnswersError, match=r"odd\.jsonl"):
        read_answers(path)
    with pytest.raises(AnswersError, match="cannot be read"):
        read_answers(tmp_path)


def test_the_command_says_what_changed(tmp_path: Path) -> None:
    files = (
        write_run(tmp_path / "old.jsonl", "wrrrrrr"),
        write_run(tmp_path / "new.jsonl", "reeeeww"),
    )
    command = [sys.executable, "-m", "measurements.compare_answers", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr  # one up, six down: 1 of 16
    assert "old: some model · 0.11.0 · plain: 86% of 7 right, 1 wrong" in done.stdout
    assert "new: some model · 0.11.0 · plain: 14% of 7 right, 2 wrong, 4 error" in done.stdout
    assert "4 without an answer count as not right: ask them again first" in done.stdout
    assert "better on 1\n  tax 0, truth '1.00': 'w' → 'r'\nworse on 6\n" in done.stdout
    assert "in 6.2% of cases: passed" in done.stdout


@pytest.fixture(scope="module")
def lesson() -> dict:
    """The functions of notebook 14 that compare two runs."""
    cells = json.loads((ROOT / "notebooks" / "14_measure_the_answers.ipynb").read_text())["cells"]
    names: dict = {"math": math, "CourseError": CourseError}
    for first in ("def pair", "def chance_of"):
        code = next("".join(c["source"]) for c in cells if first in "".join(c["source"]))
        exec(code.partition("\n\n\nfor ")[0], names)
    return names


def write_rows(*ids: str) -> list[dict]:
    """An id in capitals is of an item that is right."""
    verdicts = {True: "right", False: "wrong"}
    return [{"id": one.lower(), "verdict": verdicts[one.isupper()]} for one in ids]


def test_the_notebook_pairs_by_id(lesson: dict) -> None:
    assert lesson["find_flips"](write_rows("A", "b", "c"), write_rows("C", "B", "a")) == (2, 1)
    for old, new in (("ab", "a"), ("ab", "abc"), ("ab", "ac"), ("aab", "aab"), ("ab", "aab")):
        with pytest.raises(CourseError, match="Not the same items in both runs"):
            lesson["find_flips"](write_rows(*old), write_rows(*new))


def test_the_notebook_and_the_command_compute_the_same(lesson: dict) -> None:
    for better in range(12):
        for worse in range(12):
            both = 2 * min(fall_chance(better, worse), fall_chance(worse, better))
            assert lesson["chance_of"](better, worse) == pytest.approx(min(1, both))


def test_the_kept_file_is_the_other_version_and_true() -> None:
    about, items = read_answers(MEASUREMENTS / "answers.jsonl")
    assert (about["model"], about["vllm"], about["variant"]) == (
        "qwen3-vl-pocket",
        "0.32.0",
        "plain",
    )
    assert len(items) == 100 and find_flips(items, items) == ([], [])
    assert "% of 100 right" in describe(about, items)
    for seed in range(5):
        record = draw_fresh("receipt", seed, size=(288, 416))[1]
        assert items[f"tax {seed}"]["truth"] == record["printed"]["tax"]
