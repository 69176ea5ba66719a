"""Every cell tagged `snippet` runs alone: pasted into an empty Python, against a running server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NOTEBOOKS

pytestmark = pytest.mark.slow


def find_snippets(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text())["cells"]
    return ["".join(c["source"]) for c in cells if "snippet" in c["metadata"].get("tags", [])]


SNIPPETS = [
    pytest.param(code, id=f"{notebook.stem}-{number}")
    for notebook in NOTEBOOKS
    for number, code in enumerate(find_snippets(notebook), 1)
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippet_runs_alone(
    code: str,
    shared_environment: dict[str, str],
    own_temporary: dict[str, str],
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=shared_environment | own_temporary,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "a snippet shows something"
    assert not list(tmp_path.iterdir()), "a snippet leaves no file behind"
