"""The checks of notebook 01 accept every right answer and say what is wrong with others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.download.manifest import FileCheck, Verification
from helpers.exercises import Verdict, nb01
from helpers.places import POCKET, ROOT
from tests.exercise_cases import all_get, hold_answers

CHECK = Verification(
    Path("copy"),
    (
        FileCheck("config.json", 1000, 1000, "damaged"),
        FileCheck("merges.txt", 300, 200, "wrong size"),
        FileCheck("vocab.json", 40, None, "missing"),
        FileCheck("tokenizer.json", 5000, 5000, "whole"),
        FileCheck("notes.txt", None, 7, "extra"),
    ),
)


def check_bytes_to_fetch(answer: object) -> Verdict:
    return nb01.check_bytes_to_fetch(answer, CHECK)


SILLY = all_get("", [2127532032], "2127532032 GiB", "4.88 bytes", 2 * 2127532032, -1)
RIGHT = {
    nb01.check_small_relative: [
        *(2_127_532_032, 2127532032.0, "2,127,532,032"),
        *("2 127 532 032 parameters", "2.127.532.032"),
    ],
    nb01.check_half_fp8: [5_242_315_776 / 2**30, 4.88, "4.88 GiB", "4.882", "4,882", "~4.88"],
    check_bytes_to_fetch: [1340, "1,340 bytes", 1340.0, "1340 B", "1.340 bytes"],
}
WRONG = {
    nb01.check_small_relative: [
        *SILLY,
        *all_get("no number", None, "two billion", True, float("nan")),
        (4_437_815_808, "4B model again"),
        (1_720_574_976, "vision part is missing"),
        (2_135_922_688, "2048"),
        (2_362_413_056, "32 attention heads"),
        (2_000_000_000, "change the five numbers"),
    ],
    nb01.check_half_fp8: [
        *SILLY,
        ([4.88], "no number"),
        (float("inf"), "no number"),
        (5_242_315_776, "Right in bytes"),
        (5_242_315_776 / 1e9, "that is in GB"),
        (2 * 4_437_815_808 / 2**30, "two bytes for every"),
        (4_437_815_808 / 2**30, "one byte for every"),
        ((2 * 4_437_815_808 - 2_689_597_440) / 2**30, "attention shrinks too"),
        ((2 * 4_437_815_808 - 943_718_400) / 2**30, "feed-forward shrinks too"),
        ((5_242_315_776 - 388_956_160) / 2**30, "token embedding keeps"),
        ((5_242_315_776 - 415_347_712) / 2**30, "vision part keeps"),
        ((943_718_400 + 2_689_597_440) / 2**30, "the rest is to be added"),
        (3, "attention and feed-forward at one byte"),
    ],
    check_bytes_to_fetch: [
        *SILLY,
        *all_get("no number", ("config.json",), [1340], "1340 GiB", "1340 1340"),
        (1200, "bytes found"),
        (6340, "whole folder"),
        (3, "number of files"),
        (340, "damaged file comes whole"),
        (1300, "missing file comes too"),
        (0, "add up"),
        (1040, "wrong size comes too"),
        (1140, "not its rest"),
        (2680, "add up"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_a_check_without_damage_has_no_answer():
    whole = Verification(Path("copy"), (FileCheck("a.json", 5, 5, "whole"),))
    assert "nothing to repair" in nb01.check_bytes_to_fetch(0, whole).text


@pytest.mark.slow
@pytest.mark.parametrize("seat", ["remote", "without weights"])
def test_every_cell_runs_where_there_is_no_model(tmp_path, seat):
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
    if seat == "remote":
        environment |= {"COURSE_PLACE": "remote", "COURSE_BASE_URL": "http://127.0.0.1:9/v1"}
    else:
        shutil.copytree(POCKET, tmp_path / "m", ignore=shutil.ignore_patterns("*.safetensors"))
        environment |= {"COURSE_PLACE": "cpu", "COURSE_MODEL": str(tmp_path / "m")}
    notebook = json.loads((ROOT / "notebooks" / "01_download_the_model.ipynb").read_text())
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*cells, "print(nb01.check_bytes_to_fetch(0, check))"])],
        cwd=ROOT / "notebooks",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Not 0: " in done.stdout
    assert ("none, as no weights are here" in done.stdout) is (seat != "remote")
    assert ("weights are missing, download them" in done.stdout) is (seat != "remote")
