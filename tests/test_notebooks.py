"""Every notebook and solution, run from top to bottom by nbval as a learner would run it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NOTEBOOKS, ROOT, SOLUTIONS, course_environment, find_free_port
from tests.record import ALONE

pytestmark = pytest.mark.slow

NBVAL = (
    *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "300"),
    *("--nbval-sanitize-with", str(ROOT / "tests" / "nbval_sanitize.cfg")),
)


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("notebook", NOTEBOOKS + SOLUTIONS, ids=name)
def test_notebook_runs(
    notebook: Path, request: pytest.FixtureRequest, own_temporary: dict[str, str]
) -> None:
    if notebook.name[:2] in ALONE:  # they get a port of their own
        environment = course_environment(find_free_port())
    else:
        environment = request.getfixturevalue("shared_environment")
    pytest_call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default"]
    done = subprocess.run(
        [*pytest_call, *NBVAL, str(notebook)],
        cwd=ROOT,
        env=environment | own_temporary,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
