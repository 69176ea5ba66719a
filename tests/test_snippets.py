"""Every cell tagged `snippet` runs alone: pasted into an empty Python, against a running server.

Those that import no more than openai, Pillow, PyAV and httpx run where there is nothing else.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers.versions import REFERENCE, find_stack
from notebooks.snippets import PAGE, Snippet, find_snippets
from tests.conftest import ROOT, find_free_port

pytestmark = pytest.mark.slow

STACK = "reference" if find_stack() is REFERENCE else "current"
LOCK = ROOT / "requirements" / f"cpu-{STACK}.txt"
SNIPPETS = list(find_snippets())
CURL = re.findall(r"```bash\n([^`]*\bcurl\b[^`]*)```", PAGE.read_text(encoding="utf-8"))


def name(snippet: Snippet) -> str:
    return f"{snippet.notebook.name[:2]}-{snippet.task}"


def pick(task: str) -> Snippet:
    return next(snippet for snippet in SNIPPETS if snippet.task.startswith(task))


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A Python with openai, Pillow, PyAV and httpx as the stack pins them, and nothing else.

    `-I`: it finds no package through PYTHONPATH or the folder that it runs in.
    """
    uv, folder = Path(sys.executable).with_name("uv"), tmp_path_factory.mktemp("bare") / "venv"
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", LOCK]
    for where in (["--offline"], []):  # from uv's cache, else from the network
        done = subprocess.run(
            [*install, *where, "openai", "pillow", "av", "httpx"], capture_output=True, text=True
        )
        if done.returncode == 0:
            return [str(python), "-I"]
    pytest.fail(
        "The snippets' own Python needs openai, Pillow, PyAV and httpx, neither in uv's cache "
        f"nor to be downloaded: connect to the network once. {done.stderr[-500:]}"
    )


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """Where a snippet runs; the course's files lie where a path such as ../media leads."""
    for folder in ("media", "pocket_model"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def run(
    code: str, python: list[str], folder: Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize("snippet", SNIPPETS, ids=name)
def test_snippet_runs_alone(
    snippet: Snippet,
    bare_python: list[str],
    empty_folder: Path,
    shared_environment: dict[str, str],
    own_temporary: dict[str, str],
) -> None:
    python = bare_python if snippet.is_bare else [sys.executable]
    done = run(snippet.code, python, empty_folder, shared_environment | own_temporary)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "a snippet shows something"
    assert not list(empty_folder.iterdir()), "a snippet leaves no file behind"


@pytest.fixture
def web_address() -> Iterator[str]:
    """A web server that shows the media."""
    media = partial(SimpleHTTPRequestHandler, directory=ROOT / "media")
    with ThreadingHTTPServer(("127.0.0.1", 0), media) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


def test_a_picture_from_the_web_and_one_that_is_none(
    bare_python: list[str], empty_folder: Path, shared_environment: dict[str, str], web_address: str
) -> None:
    code = pick("Ask about a picture").code
    for url, answers in ((f"{web_address}/spot_a.png", True), ("no.png", False)):
        yours = code.replace('url = ""', f'url = "{url}"')
        assert yours != code
        (empty_folder / "no.png").write_text("no picture")
        done = run(yours, bare_python, empty_folder, shared_environment)
        assert (done.returncode == 0) is answers, done.stderr
        if not answers:
            assert re.fullmatch(r".*no\.png.*: put the path .*\n", done.stderr), "one sentence"


class Refusal(BaseHTTPRequestHandler):
    """What a server with a key says to one that does not know it."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize("task", ["Ask a question", "Read a server's gauges"])
def test_a_server_that_is_away_or_wants_a_key(
    task: str, bare_python: list[str], empty_folder: Path
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as locked:
        threading.Thread(target=locked.serve_forever, daemon=True).start()
        for port in (find_free_port(), locked.server_port):
            address = {"COURSE_BASE_URL": f"http://127.0.0.1:{port}/v1", "COURSE_API_KEY": "no"}
            done = run(pick(task).code, bare_python, empty_folder, address)
            assert done.returncode == 1
            assert "COURSE_BASE_URL" in done.stderr
            assert "COURSE_API_KEY" in done.stderr
            assert done.stderr.count("\n") == 1, "one sentence"
        locked.shutdown()


@pytest.mark.parametrize("commands", CURL, ids=["question", "picture"])
def test_the_same_by_curl(
    commands: str, empty_folder: Path, shared_environment: dict[str, str]
) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=empty_folder,
        env=shared_environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"finish_reason":"stop"' in done.stdout
