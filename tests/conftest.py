"""What the tests share: free ports, and one vLLM server for all that only talk to it."""

import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.places import find_place
from helpers.server import Server

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9][0-9]_*.ipynb"))

# A shell's background job (`make test &`) starts with ctrl-C ignored, and what it starts inherits
# that; the tests interrupt what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def course_environment(port: int) -> dict[str, str]:
    """The environment of a learner on the cpu place whose server is on `port`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"COURSE_PLACE": "cpu", "COURSE_BASE_URL": f"http://127.0.0.1:{port}/v1"}


@pytest.fixture
def cpu_place(monkeypatch: pytest.MonkeyPatch):
    """The cpu place with a port of its own, as `find_place` makes it."""
    for name in [name for name in os.environ if name.startswith("COURSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COURSE_PLACE", "cpu")
    monkeypatch.setenv("COURSE_BASE_URL", f"http://127.0.0.1:{find_free_port()}/v1")
    return find_place()


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One real server of the cpu place, started for the first test that wants it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in course_environment(find_free_port()).items():
            patch.setenv(name, value)
        place = find_place()
    with Server(place) as server:
        yield server


@pytest.fixture
def shared_environment(shared_server: Server) -> dict[str, str]:
    """The environment in which notebooks and snippets find the shared server."""
    return course_environment(shared_server.place.port)


@pytest.fixture
def own_temporary() -> Iterator[dict[str, str]]:
    """A folder of its own for what vLLM's offline engine leaves: sockets and generated files.

    Not pytest's tmp_path, whose names are too long for a socket.
    """
    with tempfile.TemporaryDirectory(prefix="nb-") as folder:
        yield {"TMPDIR": folder}
