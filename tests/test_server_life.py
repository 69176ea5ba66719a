"""How servers start, die and end, tried on a stand-in for vLLM: real processes, signals, ports."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from helpers.places import Place
from helpers.server import records as server_records
from helpers.server import server as server_module
from helpers.server.records import Record, ServerError, check_port_free, read_record, stop_record
from helpers.server.server import Interrupted, Server, Stopped, ask_first, serve
from tests.conftest import course_environment

STAND_IN = "from pathlib import Path; from helpers.server import server as module; "
STAND_IN += "module.find_vllm = lambda: Path({program!r}); module.RESTARTS = (1, 1); "
START = "from helpers.places import find_place; "
START += "server = module.Server(find_place()).start(); print('ANSWERS', flush=True); "
SERVE = "import sys; sys.argv = ['server']; module.main()"
pytestmark = pytest.mark.slow  # each takes some seconds
Runner = Callable[..., subprocess.Popen]


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def is_gone(record: Record) -> bool:
    return not record.processes() and not Path(record.temporary).exists()


@pytest.fixture
def python(stand_in: Path, cpu_place: Place, tmp_path: Path) -> Iterator[Runner]:
    """Run code in a Python of its own, with the stand-in; what it says is in tmp_path/out."""
    started = []

    def start(code: str, how: str = "{}", **options: object) -> subprocess.Popen:
        environment = course_environment(cpu_place.port) | {"COURSE_STAND_IN": how}
        command = [sys.executable, "-u", "-c", STAND_IN.format(program=str(stand_in)) + code]
        with (tmp_path / "out").open("ab") as out:
            options = {"stdout": out, "stderr": out} | options
            started.append(subprocess.Popen(command, env=environment, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def said(tmp_path: Path) -> Callable[[], str]:
    return lambda: (tmp_path / "out").read_text()


def test_serve_tells_a_death_and_starts_again(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    child = python(SERVE)
    root = cpu_place.base_url.removesuffix("/v1")
    for number in (1, 2, 3):
        wait_until(lambda n=number: said().count("Stop it with ctrl-C") == n)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{root}/die")
        wait_until(lambda n=number: said().count("The server died.") == n)
    assert child.wait(10) == 1
    assert said().count("Starting it again in 1 s.") == 2
    assert said().count("the moon is full") == 3
    assert said().count(f"Its log: {server_records.STATE}/server-{cpu_place.port}.log.1") == 3
    assert "That was 3 times in a row" in said() and "elsewhere" not in said()
    assert read_record(cpu_place.port) is None


def test_a_server_that_lived_long_may_die_again(
    monkeypatch: pytest.MonkeyPatch, cpu_place: Place, capsys: pytest.CaptureFixture
) -> None:
    """Three deaths with one try allowed: the long life between them gives it back each time."""
    deaths = iter(["The server died.", "The server died.", "The server died.", ""])
    server = Server(cpu_place)
    monkeypatch.setattr(server, "start", lambda: server)
    monkeypatch.setattr(server, "wait", lambda: next(deaths))
    monkeypatch.setattr(server_module, "RESTARTS", (0,))
    monkeypatch.setattr(server_module, "LONG_LIFE", -1.0)
    serve(server)
    assert "stopped from elsewhere" in capsys.readouterr().out


def test_serve_says_elsewhere_only_when_the_course_stopped_it(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    child = python(SERVE)
    wait_until(lambda: "Stop it" in said())
    assert Server(cpu_place).stop().startswith("Stopped: 2 processes")
    assert child.wait(10) == 0
    assert "stopped from elsewhere" in said() and "died" not in said()


def test_serve_tells_a_death_that_a_notebook_met_first(
    python: Runner, said: Callable[[], str], cpu_place: Place, capsys: pytest.CaptureFixture
) -> None:
    """A cell that is run again at once after an error 500 cleans up and starts its own."""
    child = python(SERVE)
    wait_until(lambda: "Stop it" in said())
    with pytest.raises(httpx.HTTPError):
        httpx.get(cpu_place.base_url.removesuffix("/v1") + "/die")
    with Server(cpu_place) as server:
        assert "the moon is full" in capsys.readouterr().out
        wait_until(lambda: said().count("Stop it") == 2)
        assert "Using the course's server" in said()
        assert "The server died." in said() and "the moon is full" in said()
        assert "elsewhere" not in said()
        assert server.log_path.exists() and "the moon" not in server.log_text()
        child.send_signal(signal.SIGINT)
        child.wait(10)
        assert "goes on: it was started elsewhere" in said() and server.record.alive()


def test_serve_of_a_remote_place_is_one_sentence() -> None:
    remote = Place("remote", "COURSE_BASE_URL=http://h/v1", "http://h/v1", "EMPTY", "")
    with pytest.raises(ServerError, match=r"somebody else runs.*unset COURSE_BASE_URL"):
        serve(Server(remote))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
    environment["COURSE_BASE_URL"] = "http://127.0.0.1:9/v1"
    command = [sys.executable, "-m", "helpers.server"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "somebody else runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_start_names_the_death_before_it(
    stand_in: Path, cpu_place: Place, capsys: pytest.CaptureFixture
) -> None:
    first = Server(cpu_place).start()
    with pytest.raises(httpx.HTTPError):
        httpx.get(cpu_place.base_url.removesuffix("/v1") + "/die")
    wait_until(lambda: not first.record.alive())
    with Server(cpu_place) as second:
        out = capsys.readouterr().out
        assert "The server died." in out and "the moon is full" in out
        aside = Path(f"{second.log_path}.1")
        assert str(aside) in out and "the moon" in aside.read_text()
        assert "the moon" not in second.log_text()
        assert is_gone(first.record)
    first.stop()


def test_a_start_that_is_stopped_from_elsewhere_says_so(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    child = python(SERVE, how='{"wait": 600}')
    wait_until(lambda: "reading the model" in said())
    Server(cpu_place).stop()
    assert child.wait(10) == 1
    assert "The start was stopped from elsewhere" in said() and "did not start" not in said()


@pytest.mark.parametrize("how", ["{}", '{"wait": 600}'], ids=["ready", "starting"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_two_signals_leave_nothing(
    python: Runner, said: Callable[[], str], cpu_place: Place, number: int, how: str
) -> None:
    """The second one comes while the first is at work on a server that hears no SIGTERM."""
    child = python(SERVE, how=json.dumps(json.loads(how) | {"deaf": 1000}))
    wait_until(lambda: ("Stop it" if how == "{}" else "reading the model") in said())
    record = read_record(cpu_place.port)
    begin = time.monotonic()
    child.send_signal(number)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    child.wait(10)
    assert time.monotonic() - begin < 8, "the second signal means SIGKILL at once"
    assert is_gone(record) and read_record(cpu_place.port) is None
    assert "Stopped: 2 processes ended" in said() and "go away" not in said()


def test_a_lost_sigterm_is_sent_again(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    child = python(SERVE, how='{"deaf": 2}')
    wait_until(lambda: "Stop it" in said())
    begin = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(15)
    assert 2 < time.monotonic() - begin < 8 and "Stopped: 2 processes" in said()


@pytest.mark.parametrize("number", server_records.SIGNALS)
def test_a_signal_just_after_the_fork_loses_nothing(
    python: Runner, said: Callable[[], str], cpu_place: Place, number: int
) -> None:
    """The moment between the process and its record, made certain by a Popen that signals."""
    loud = "import os, subprocess; before = subprocess.Popen.__init__\n"
    loud += "def loud(self, *a, **k):\n"
    loud += f"    before(self, *a, **k); os.kill(os.getpid(), {int(number)})\n"
    loud += "subprocess.Popen.__init__ = loud\n"
    child = python("pass\n" + loud + SERVE, how='{"wait": 600}')
    child.wait(15)
    assert "Interrupted: the start was broken off. Stopped: " in said()
    assert read_record(cpu_place.port) is None
    assert not list(Path(tempfile.gettempdir()).glob(f"course-{cpu_place.port}-*"))
    check_port_free(cpu_place.port)


def test_the_end_of_python_stops_its_server(
    python: Runner, cpu_place: Place, tmp_path: Path
) -> None:
    assert python(START).wait(60) == 0, (tmp_path / "out").read_text()
    assert "ANSWERS" in (tmp_path / "out").read_text()
    assert read_record(cpu_place.port) is None
    check_port_free(cpu_place.port)


def test_a_killed_starter_takes_its_server_along(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    child = python(START + "import time; time.sleep(600)")
    wait_until(lambda: "ANSWERS" in said())
    record = read_record(cpu_place.port)
    guest = python(START + "import time; time.sleep(600)")
    wait_until(lambda: said().count("ANSWERS") == 2)
    guest.kill()
    time.sleep(2.5)
    assert record.alive(), "a guest's end is not the server's"
    child.kill()
    child.wait()
    wait_until(lambda: is_gone(record) and read_record(cpu_place.port) is None)


def test_the_end_of_jupyter_ends_the_server_of_its_kernel(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    """A kernel that outlives its JupyterLab, as after SIGKILL of the latter."""
    kernel = "import os; os.environ['JPY_PARENT_PID'] = str(os.getppid()); "
    kernel = STAND_IN.split("; ")[0] + "; " + kernel
    command = [sys.executable, "-u", "-c"]
    program = json.dumps(str(server_module.find_vllm()))
    code = f"{kernel}from helpers.server import server as module; module.find_vllm = lambda: "
    code += f"Path({program}); {START}import time; time.sleep(8)"
    lab = python(f"import subprocess; subprocess.run({command!r} + [{code!r}])")
    wait_until(lambda: "ANSWERS" in said())
    record = read_record(cpu_place.port)
    lab.kill()
    lab.wait()
    wait_until(lambda: is_gone(record), 5)


def test_a_closed_terminal_ends_the_server(python: Runner, cpu_place: Place) -> None:
    master, slave = pty.openpty()
    terminal = {"stdin": slave, "stdout": slave, "stderr": slave, "start_new_session": True}
    code = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " + SERVE
    child = python(code, **terminal)
    os.close(slave)
    wait_until(lambda: b"Stop it" in os.read(master, 10000))
    record = read_record(cpu_place.port)
    os.close(master)
    child.wait(15)
    wait_until(lambda: is_gone(record))


def test_two_starts_at_once_make_one_server(
    python: Runner, said: Callable[[], str], cpu_place: Place
) -> None:
    begin = time.time() + 4
    wait = f"import time; import helpers.server; time.sleep(max(0, {begin} - time.time())); "
    both = [
        python(wait + START + "print('OWNS', server._owned); time.sleep(600)") for _ in range(2)
    ]
    wait_until(lambda: said().count("OWNS ") == 2)
    assert "OWNS True" in said() and "OWNS False" in said()
    record = read_record(cpu_place.port)
    assert len(record.processes()) == 2
    assert stop_record(record).endswith(f"port {cpu_place.port} is free.")
    for one in both:
        one.kill()


def test_attached_and_interrupted_leaves_the_server(
    stand_in: Path, cpu_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(cpu_place) as owner:
        guest = Server(cpu_place)
        monkeypatch.setattr(guest, "_answers", lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Interrupted, match="Nothing was started or stopped"):
            guest.start()
        assert owner.record.alive()


def test_first_request_of_a_card(
    stand_in: Path,
    cpu_place: Place,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """On the gpu place the server is asked once, with a picture, before it counts as ready."""
    monkeypatch.setattr(server_module, "find_place", None)
    monkeypatch.setattr(Server, "_check_before_start", lambda self: None)
    place = Place(**{**vars(cpu_place), "name": "gpu"})
    monkeypatch.setenv("COURSE_STAND_IN", '{"wait": 1, "think": 1}')
    with Server(place) as server:
        out = capsys.readouterr().out
        assert out.index("asking once, so that the driver") < out.index("Ready after")
        assert "asked" in server.log_text() and "image_url" in server.log_text()
    monkeypatch.setenv("COURSE_STAND_IN", '{"wait": 1, "refuse": 400}')
    with Server(place) as server:
        assert "was refused (status 400)" in capsys.readouterr().out
        assert server.model and server.record.alive()


def test_no_first_request_on_a_cpu(stand_in: Path, cpu_place: Place) -> None:
    with Server(cpu_place) as server:
        assert "asked" not in server.log_text()
        assert ask_first(cpu_place) == ""
        assert "asked" in server.log_text()
    assert "was not answered" in ask_first(cpu_place)


def test_a_first_request_that_kills_is_told(
    stand_in: Path, cpu_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "_check_before_start", lambda self: None)
    monkeypatch.setenv("COURSE_STAND_IN", '{"wait": 1}')

    def die(place: Place) -> str:
        with pytest.raises(httpx.HTTPError):
            httpx.get(place.base_url.removesuffix("/v1") + "/die")
        return "The first request was not answered."

    monkeypatch.setattr(server_module, "ask_first", die)
    place = Place(**{**vars(cpu_place), "name": "gpu"})
    with pytest.raises(ServerError, match=r"did not start.*the moon is full"):
        Server(place).start()
    assert read_record(cpu_place.port) is None


def test_stopped_is_an_error_of_its_own() -> None:
    assert issubclass(Stopped, ServerError)
