"""What the tests share: free ports, a vLLM server for all that only talk to one, an end for all."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.places import find_place
from helpers.server.records import find_servers, stop_record
from helpers.server.server import Server

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9][0-9]_*.ipynb"))
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

SERVER_TESTS = ("test_server", "test_server_life", "test_server_records")
LONG_TESTS = ("test_notebooks", "test_snippets", "test_pocket_answers")
ALL_SLOW = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.slow", re.MULTILINE)
RUN = "TEST_RUN_OF_THE_COURSE"
WATCHER = """
import os, psutil, sys
sys.stdin.read()
name, run = sys.argv[1:]
def belongs(process):
    try:
        return process.pid != os.getpid() and process.environ().get(name) == run
    except psutil.Error:
        return False
left = [process for process in psutil.process_iter() if belongs(process)]
gone, left = psutil.wait_procs(left, timeout=5)
for process in left:
    try:
        print("ended:", process.pid, " ".join(process.cmdline())[:200], file=sys.stderr)
        process.kill()
    except psutil.Error:
        pass
sys.exit(bool(left))
"""

# Each of the two workers has a server, and its threads wait for each other by running: on the same
# two cores they took three times as much of the processor as one thread does (measured with 0.11.0
# under load). So the servers of a worker get one core, its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
if WORKER and hasattr(os, "sched_getaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", str(cores[int(WORKER) % len(cores)]))

# A shell's background job (`make test &`) starts with ctrl-C ignored, and what it starts inherits
# that; the tests interrupt what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a file unread whose tests are all slow, where only fast ones are asked for."""
    if config.getoption("markexpr") != "not slow" or collection_path.suffix != ".py":
        return None
    return bool(ALL_SLOW.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test that starts servers time on a busy machine; a timeout ends the whole run."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand each file to the worker that is free, and of the longest files each test.

    So what a file prepares for all of its tests is prepared once, such as a JupyterLab in which
    notebook 09 has run. `make test` runs two workers, each with a shared server of its own. What
    kills servers, and what counts the killed, would see the other's, so it stays on one. (xdist's
    own groups do nothing on pytest 9.2.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            name = Path(nodeid.partition("::")[0]).stem
            if name in SERVER_TESTS or "00_check_your_setup" in nodeid:
                return "servers that die"
            return nodeid if name in LONG_TESTS else name

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def nothing_outlives_the_run() -> Iterator[None]:
    """Kill what the tests started, servers and kernels, however this run ends.

    A process of its own waits for this one to end, by the pipe between them, and knows what was
    started by a variable that every child inherits.
    """
    run = f"{os.getpid()}-{time.time()}"
    watcher = subprocess.Popen(
        [sys.executable, "-c", WATCHER, RUN, run], stdin=subprocess.PIPE, start_new_session=True
    )
    os.environ[RUN] = run
    yield
    watcher.stdin.close()
    assert watcher.wait(30) == 0, "a process outlived its test: see the lines above"


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


# A stand-in for `vllm serve`: a process, one below it, their title-free environment, and the doors
# that the course asks. COURSE_STAND_IN sets how it misbehaves: {"wait": s before it listens,
# "deaf": SIGTERMs that it swallows, "refuse": status of every chat request}.
STAND_IN = """#!PYTHON
import http.server, json, os, signal, subprocess, sys, time

how = json.loads(os.environ.get("COURSE_STAND_IN", "{}"))
heard = []
def end(*_):
    heard.append(1)
    if len(heard) > how.get("deaf", 0):
        engine.kill()
        os._exit(0)
signal.signal(signal.SIGTERM, end)
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("INFO vLLM API server version 0.11.0", flush=True)
time.sleep(how.get("wait", 0))

class Doors(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, body, status=200):
        self.send_response(status); self.end_headers(); self.wfile.write(json.dumps(body).encode())
    def do_GET(self):
        if self.path == "/die":
            head = "(EngineCore_DP0 pid=22) ERROR 11-27 10:00:00 [core.py:710]"
            print(head, "RuntimeError: the moon is full", flush=True)
            print("vllm.v1.engine.exceptions.EngineDeadError: EngineCore ...", flush=True)
            os._exit(0)
        models = {"data": [{"id": "qwen3-vl-pocket"}]}
        known = {"/v1/models": models, "/version": {"version": "0.0"}}
        self.answer(known.get(self.path, {}))
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print("asked", json.dumps(request)[:200], flush=True)
        time.sleep(how.get("think", 0))
        self.answer({"error": "no"}, how.get("refuse", 200))

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Doors).serve_forever()
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, cpu_place) -> Iterator[Path]:
    """A `vllm` that starts at once, in place of the real one."""
    with tempfile.TemporaryDirectory(prefix="bin-") as folder:
        program = Path(folder) / "vllm"
        program.write_text(STAND_IN.replace("PYTHON", sys.executable))
        program.chmod(0o755)
        monkeypatch.setattr("helpers.server.server.find_vllm", lambda: program)
        yield program
        for record in find_servers():
            if record.port == cpu_place.port:
                stop_record(record)


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


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A Chromium of playwright's, without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()
