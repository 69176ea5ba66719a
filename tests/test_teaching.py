"""The teacher's guide against the lessons, and the file that collects what the checks said."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.exercises.__main__ import read_checks, read_result
from tests.conftest import NOTEBOOKS, ROOT, SOLUTIONS

GUIDE = (ROOT / "TEACHING.md").read_text()
TALK = 10  # minutes beside a lesson's own, in the timetables
LESSONS = dict(zip([path.name[:2] for path in NOTEBOOKS], NOTEBOOKS, strict=True))
PARTS = dict(re.findall(r"^### (\d\d) · .*?\n(.*?)(?=^##|\Z)", GUIDE, re.MULTILINE | re.DOTALL))
each_lesson = pytest.mark.parametrize("number", LESSONS)


def read_texts(number: str) -> str:
    cells = json.loads(LESSONS[number].read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def read_minutes(number: str) -> int:
    return int(re.search(r"· (\d+) min · runs on", read_texts(number))[1])


def collect(*words: object) -> subprocess.CompletedProcess:
    call = [sys.executable, "-m", "helpers.exercises", *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, cwd=ROOT)


def test_every_lesson_has_its_part() -> None:
    assert list(PARTS) == list(LESSONS)


@each_lesson
def test_a_part_holds_for_its_lesson(number: str) -> None:
    """Title, minutes, three questions, an exercise that is there, a heading to stop at."""
    texts, part = read_texts(number), PARTS[number]
    title = re.search(r"^# (.*)", texts)[1]
    assert f"### {title}\n" in GUIDE
    assert f"{read_minutes(number)} min. **Aim:**" in part
    assert len(re.findall(r"\*[^*]+\?\* ", part)) == 3
    exercise, stop = re.search(
        r"\*\*Exercise:\*\* (\d).*\*\*Stop\*\* [^*]*\*([^*]+)\*", part
    ).groups()
    assert int(exercise) <= len(read_checks(LESSONS[number]))
    assert f"\n## {stop}" in texts, stop


def test_timetables_add_up() -> None:
    """Each row begins where the one before it ends, and a lesson has its minutes and ten."""
    days = re.findall(r"(?:^\|.*\n)+", GUIDE.split("## What a seat does")[0], re.MULTILINE)
    days = [day for day in days if day.startswith("| from")]
    assert len(days) == 4
    for day in days:
        rows = re.findall(r"^\| (\d\d):(\d\d) \| (\d+) \| (?:\[(\d\d)\])?", day, re.MULTILINE)
        begins = [int(hour) * 60 + int(minute) for hour, minute, _, _ in rows]
        ends = [begin + int(row[2]) for begin, row in zip(begins, rows, strict=True)]
        assert begins[1:] == ends[:-1]
        for _, _, minutes, number in rows:
            assert not number or int(minutes) == read_minutes(number) + TALK, number


def read_throughput(machine: str, step: str) -> list[dict[str, str]]:
    with (ROOT / "measurements" / "throughput.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if machine in row["machine"] and row["step"] == step]


def test_measured_classes_are_in_the_table() -> None:
    found = {
        (row["at_once"], row["workload"].partition(" s ")[0], f"{float(row['value']):.1f}")
        for row in read_throughput("H200", "a class")
    }
    rows = re.findall(r"^\| (\d+) \| (\d+) s.* \| ([\d.]+) s \| ([\d.]+) s \|$", GUIDE, re.M)
    assert len(rows) == 8
    for learners, pause, half, most in rows:
        assert (learners, f"all, {pause}", half) in found
        assert (learners, f"all, {pause}", most) in found


def test_measured_figures_are_in_the_table() -> None:
    found = {
        (row["workload"], row["at_once"], row["metric"], round(float(row["value"])))
        for row in read_throughput("H100", "as served")
    }
    rows = re.findall(r"^\| (\w+, .*?) \| (\d+) \| ([\d,]+) ms \| ([\d,]+) \|$", GUIDE, re.M)
    assert len(rows) == 5
    for workload, at_once, wait, speed in rows:
        assert (workload, at_once, "TTFT", int(wait.replace(",", ""))) in found
        assert (workload, at_once, "output tokens/s", int(speed.replace(",", ""))) in found


def test_the_checks_of_a_folder_become_csv() -> None:
    done = collect(SOLUTIONS[0].parent, "--name", "Ann, 2")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["learner"] for row in rows} == {"Ann, 2"}
    assert {row["result"] for row in rows} == {"right"}
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text())["cells"]]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(rows) == len(re.findall(r"\bnb\d\d\.check\w*\(", "\n".join(code)))
    assert done.stderr == f"{len(rows)} of {len(rows)} checks are right.\n"


def test_recorded_lessons_are_open() -> None:
    assert {row[2] for path in NOTEBOOKS for row in read_checks(path)} == {"open"}


@pytest.mark.parametrize(
    ("outputs", "result"),
    [
        ([], "not run"),
        ([{"output_type": "stream", "text": ["a line\n"]}], "not run"),
        ([{"output_type": "execute_result", "data": {"text/plain": ["✅ Yes."]}}], "right"),
        ([{"output_type": "execute_result", "data": {"text/plain": "❌ 3 is less."}}], "wrong"),
        ([{"output_type": "error", "ename": "NameError"}], "wrong"),
    ],
)
def test_what_a_cell_says(outputs: list[dict], result: str) -> None:
    assert read_result(outputs) == result


def test_bad_folders_get_a_sentence(tmp_path: Path) -> None:
    done = collect(tmp_path)
    assert done.returncode == 1
    assert "name the folder `notebooks`" in done.stderr
    (tmp_path / "03_chat.ipynb").write_text('{"cells": [')
    done = collect(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "03_chat.ipynb is not a whole notebook" in done.stderr
