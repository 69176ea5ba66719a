"""Every notebook and solution, run from top to bottom by nbval as a learner would run it.

nbformat takes three seconds to import, so it is imported where it is used: the fast tests, which
only collect this file, go without.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.server.server import Server
from tests.conftest import NOTEBOOKS, ROOT, SOLUTIONS, course_environment, find_free_port

pytestmark = pytest.mark.slow

# jsonschema builds a grammar of addresses for three seconds, and no notebook needs it.
PYTEST = "import sys; sys.modules['rfc3987_syntax'] = None; import pytest; sys.exit(pytest.main())"
NBVAL = (
    *("-q", "-W", "default"),
    *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "300"),
    *("--nbval-sanitize-with", str(ROOT / "tests" / "nbval_sanitize.cfg")),
)
COMPARED_ON_A_SEAT = "04"  # one lesson is run as on the remote place, and compared all the same
KEY = "a key that this server does not ask for"


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("notebook", NOTEBOOKS + SOLUTIONS, ids=name)
def test_notebook_runs(
    notebook: Path, request: pytest.FixtureRequest, own_temporary: dict[str, str]
) -> None:
    from notebooks.record import ALONE

    if notebook.name[:2] in ALONE:  # they get a port of their own
        environment = course_environment(find_free_port())
    else:
        environment = request.getfixturevalue("shared_environment")
    if notebook.name[:2] == COMPARED_ON_A_SEAT:
        del environment["COURSE_PLACE"]
        environment["COURSE_API_KEY"] = KEY
    done = subprocess.run(
        [sys.executable, "-c", PYTEST, "-p", "no:cacheprovider", *NBVAL, str(notebook)],
        cwd=ROOT,
        env=environment | own_temporary,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


SEAT = [path for path in NOTEBOOKS if path.name[:2] in ("02", "03")]


@pytest.mark.parametrize("notebook", SEAT, ids=name)
def test_notebook_runs_on_a_seat(
    notebook: Path, shared_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the remote place: to the last exercise, without an error and without an untrue ❌."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.delenv("COURSE_PLACE", raising=False)
    monkeypatch.setenv("COURSE_BASE_URL", shared_server.place.base_url)
    monkeypatch.setenv("COURSE_API_KEY", KEY)
    lesson = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": str(notebook.parent)}}
    NotebookClient(lesson, timeout=300, kernel_name="python3", resources=where).execute()
    shown = "\n".join(str(cell.outputs) for cell in lesson.cells if cell.cell_type == "code")
    assert shared_server.record.alive()
    assert shown.count("❌") == shown.count("❌ Nothing here yet") > 0
