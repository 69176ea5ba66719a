"""A class on one server: keys, the door, the board, and learners who misbehave.

python -m tests.test_classroom --keys FILE --seconds 180    thirty learners on a class that runs
"""

import argparse
import contextlib
import functools
import io
import json
import multiprocessing
import re
import shutil
import signal
import socket
import ssl
import stat
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from openai import APIError, OpenAI
from rich.console import Console

from helpers.classroom import board, classroom, door, seats
from helpers.classroom.board import Board, Tallies, read_gauge
from helpers.classroom.classroom import ClassServer, hold_class, make_place, read_options
from helpers.classroom.door import Door, check_listener, find_program, write_configuration
from helpers.classroom.others import check_others
from helpers.classroom.seats import Seat, make_seats, read_seats
from helpers.errors import CourseError
from helpers.media import clip_data_url, image_data_url
from helpers.places import MEDIA, Flag, Place, find_place
from helpers.server import STATE, Server, check_port_free
from helpers.versions import REFERENCE, find_stack
from tests.conftest import NOTEBOOKS, ROOT, course_environment, find_free_port
from tests.test_constraints import KILLERS


def can_open_doors() -> bool:
    try:
        return all(map(find_program, door.PROGRAMS))
    except CourseError:
        return False


needs_nginx = pytest.mark.skipif(not can_open_doors(), reason="nginx or setpriv is not installed")
FREE_PORT = 8499  # of the configurations that no nginx reads


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .course of the test's own."""
    monkeypatch.setattr(door, "STATE", tmp_path / ".course")
    return tmp_path / ".course"


@pytest.fixture
def on_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "check_stack", lambda accepted: None)


def write_plain(count: int = 3) -> tuple[list[Seat], str]:
    learners = make_seats(count)
    listener = check_listener("127.0.0.1", find_free_port())
    return learners, write_configuration(listener, learners, FREE_PORT, "inner")


# Seats


def find_keys(text: str) -> list[str]:
    return [line["key"] for line in seats.LINE.finditer(text)]


def test_every_seat_has_a_key_of_its_own() -> None:
    learners = make_seats(100)
    assert len({seat.key for seat in learners}) == 100
    assert all(re.fullmatch("[0-9a-f]{32}", seat.key) for seat in learners)
    assert learners[6].name == "seat-07"
    assert learners[99].source == "127.0.1.100"


@pytest.mark.parametrize("count", [0, -1, 101, 500])
def test_a_class_that_is_none(count: int) -> None:
    with pytest.raises(CourseError, match=f"--seats is {count}; a class has 1 to 100 seats"):
        make_seats(count)


def test_a_seat_copies_its_line() -> None:
    seat = make_seats(1)[0]
    script = f"{seat.line('http://10.0.0.5:8086/v1')}\necho $COURSE_BASE_URL $COURSE_API_KEY"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout
    assert said == f"http://10.0.0.5:8086/v1 {seat.key}\n"


def test_keys_in_a_file_are_the_teachers_alone(tmp_path: Path) -> None:
    learners, path = make_seats(30), tmp_path / "keys"
    seats.write_seats(learners, "http://10.0.0.5:8086/v1", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_seats(path) == learners
    before = path.read_text()
    with pytest.raises(CourseError, match="exists, and keys in it may be in use"):
        seats.write_seats(make_seats(2), "http://10.0.0.5:8086/v1", path)
    assert path.read_text() == before


def test_keys_are_shown_only_where_no_file_holds_them(tmp_path: Path) -> None:
    listener, path = check_listener("127.0.0.1", find_free_port()), tmp_path / "keys"
    words = ["--address", "127.0.0.1"]
    learners = make_seats(2)
    shown = classroom.hand_out(learners, listener, read_options([*words, "--seats", "2"]))
    assert shown.count("export COURSE_BASE_URL=") == 2
    assert "A rehearsal" in shown
    written = read_options([*words, "--seats", "2", "--write-keys", str(path)])
    again = read_options([*words, "--read-keys", str(path)])
    for options in (written, again):
        said = classroom.hand_out(learners, listener, options)
        assert str(path) in said
        assert learners[0].key not in said
    assert read_seats(path) == classroom.choose_seats(again) == learners


def test_a_line_taken_out_of_the_key_file_renames_nobody(tmp_path: Path) -> None:
    learners, path = make_seats(4), tmp_path / "keys"
    seats.write_seats(learners, "http://10.0.0.5:8086/v1", path)
    lines = path.read_text().splitlines()
    path.write_text("\ufeff" + "\r\n".join([lines[3], "", lines[0], lines[2]]))
    assert read_seats(path) == [learners[3], learners[0], learners[2]]
    path.write_text("\n".join([lines[0], lines[1].replace("API", "APY")]))
    with pytest.raises(CourseError, match=r"Line 2 of .* is no seat's line"):
        read_seats(path)


def test_a_home_that_nobody_has(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        read_options(["--address", "127.0.0.1", "--read-keys", "~nosuchuser/keys"])
    assert "leads to nobody's home" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "export COURSE_API_KEY=short\n", None, "twice"])
def test_a_file_without_seats(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "keys"
    if text == "twice":
        text = f"{make_seats(1)[0].line('http://10.0.0.5/v1')}\n" * 2
    if text is not None:
        path.write_text(text)
    with pytest.raises(CourseError, match=re.escape(str(path))):
        read_seats(path)


# What is refused before anything starts


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--address 127.0.0.1", "Give either --seats"),
        ("--address 127.0.0.1 --seats 3 --read-keys x", "Give either --seats"),
        ("--address 127.0.0.1 --seats 0", "--seats is 0"),
        ("--address 127.0.0.1 --seats 500", "--seats is 500"),
        ("--address 0.0.0.0 --seats 3", "would open the server to every network"),
        ("--address :: --seats 3", "would open the server to every network"),
        ("--address 203.0.113.9 --seats 3", r"not one of this machine: it has .*127\.0\.0\.1"),
        ("--address 1.2.3.4.5.6 --seats 3", "is no address: it has "),
        ("--address 127.0.0.1 --seats 3 --port OWN", "is that of the server behind nginx"),
        ("--address 127.0.0.1 --seats 3 --also http://127.0.0.1:9/v1", "--also needs --read-keys"),
        ("--address 127.0.0.1 --read-keys KEYS --also http://127.0.0.1:9/v1", "No class answers"),
        ("--address 127.0.0.1 --seats 3 --port 0", "ports go from 1 to 65535"),
        ("--address 127.0.0.1 --seats 3 --port 70000", "ports go from 1 to 65535"),
        ("--address 127.0.0.1 --seats 3 --cert x.pem", "--cert needs --key-file too"),
        ("--address 127.0.0.1 --seats 3 --key-file x.pem", "--key-file needs --cert too"),
        ("--address 127.0.0.1 --seats 3 --cert /no --key-file /no", "/no cannot be read"),
        ("--address 127.0.0.1 --seats 3 --port TAKEN", r"Port \d+ of 127.0.0.1 is taken by this"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    words: str,
    says: str,
    state: Path,
    stand_in: Path,
    cpu_place: Place,
    on_current: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classroom, "find_program", lambda name: name)
    keys = state.parent / "keys"
    seats.write_seats(make_seats(2), "http://127.0.0.1:8086/v1", keys)
    words = words.replace("KEYS", str(keys))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = words.replace("TAKEN", str(taken.getsockname()[1]))
        options = read_options(words.replace("OWN", str(cpu_place.port)).split())
        with pytest.raises(CourseError, match=says) as failed:
            hold_class(options)
    assert "\n" not in str(failed.value)
    assert not state.exists()


@needs_nginx
def test_a_key_file_that_exists_ends_the_class(
    state: Path, stand_in: Path, on_current: None, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text("precious")
    words = f"--address 127.0.0.1 --port {find_free_port()} --seats 2 --write-keys {path}"
    with pytest.raises(CourseError, match="exists, and keys in it may be in use"):
        hold_class(read_options(words.split()))
    assert path.read_text() == "precious"
    assert not list(state.rglob("nginx.conf"))
    assert not find_doors(state)


def test_without_nginx_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(CourseError, match=r"nginx is missing.*sudo apt-get install nginx-light"):
        find_program("nginx")


def test_the_reference_stack_is_refused(cpu_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classroom, "find_stack", lambda: REFERENCE)
    with pytest.raises(CourseError, match=r"CVE-2026-22778.*make class STACK=current"):
        hold_class(read_options(["--address", "127.0.0.1", "--seats", "3"]))
    classroom.check_stack(accepted=True)


def test_a_remote_place_has_no_server_of_its_own(
    state: Path, on_current: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classroom, "find_program", lambda name: name)
    monkeypatch.setenv("COURSE_PLACE", "remote")
    monkeypatch.setenv("COURSE_BASE_URL", "http://192.0.2.7:8086/v1")
    with pytest.raises(CourseError, match="somebody else runs that server"):
        hold_class(read_options(["--address", "127.0.0.1", "--seats", "3"]))
    assert not state.exists()


# What the server and the door are told


def test_the_servers_key_is_in_its_environment_alone(cpu_place: Place) -> None:
    place = make_place(cpu_place, "inner-key")
    assert place.env["VLLM_API_KEY"] == place.api_key == "inner-key"
    assert "inner-key" not in " ".join(Server(place).arguments)
    assert place.env["VLLM_MEDIA_URL_ALLOW_REDIRECTS"] == "0"
    flags = {flag.name: flag.value for flag in place.flags}
    assert flags["--host"] == "127.0.0.1"
    assert "--allowed-local-media-path" not in flags
    assert flags["--allowed-media-domains"] == "none.invalid"


def test_no_learner_has_a_picture_made_larger(
    cpu_place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The pocket model needs the sizes that a request asks for; another one is kept from them."""
    flag = Flag("--trust-request-mm-kwargs", None, "")
    place = replace(cpu_place, flags=(flag,))
    assert "--trust-request-mm-kwargs" in Server(make_place(place, "inner")).arguments
    other = replace(place, model_path=tmp_path)
    assert "--trust-request-mm-kwargs" not in Server(make_place(other, "inner")).arguments


def test_the_door_opens_what_the_notebooks_ask_and_nothing_else() -> None:
    _, text = write_plain()
    opened = re.findall(r"location = (\S+) ", text)
    assert sorted(opened) == sorted((*door.READ, *door.ASK))
    assert "location / { return 404; }" in text
    code = "".join(path.read_text() for path in NOTEBOOKS)
    asked = {f"/{name}" for name in re.findall(r'(?i)(?:[{]root[}]|")/(?!v1)(\w+)\\"', code)}
    assert {"/tokenize", "/metrics"} <= asked <= set(opened)


def test_the_door_knows_each_key_once_and_names_it_in_no_log() -> None:
    learners, text = write_plain(30)
    for seat in learners:
        assert text.count(seat.key) == 1
        assert f"{seat.name} {seat.source};" in text
    assert "listen 127.0.0.1:" in text
    assert "http_authorization" not in re.search(r"log_format.*?;", text, re.DOTALL)[0]


# The board


def test_the_board_counts_whole_lines_by_seat(tmp_path: Path) -> None:
    log = tmp_path / "seats.log"
    tallies = Tallies(log)
    tallies.update()
    assert tallies.seats == {}
    lines = [
        json.dumps({"seat": name, "status": status, "time": 100.0 + number, "sent": sent})
        for number, (name, status, sent) in enumerate(
            [
                ("seat-01", 200, 9),
                ("seat-01", 429, 9),
                ("", 401, 9),
                ("seat-02", 503, 9),
                ("seat-02", 400, 0),
                ("seat-02", 499, 0),
            ]
        )
    ]
    log.write_text("\n".join(lines))  # the last one is half written
    tallies.update()
    assert tallies.seats["seat-01"] == board.Tally(answered=1, refused=1, last=101.0)
    assert tallies.seats[""].refused == 1
    assert tallies.seats["seat-02"] == board.Tally(failed=1, last=104.0)
    with log.open("a") as file:
        file.write("\n")
    tallies.update()
    assert tallies.seats["seat-02"] == board.Tally(failed=1, last=105.0)


def test_the_board_reads_the_servers_metrics() -> None:
    text = (
        "# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{engine="0",model_name="a"} 3.0\n'
        'vllm:num_requests_running{engine="1",model_name="a"} 2.0\n'
        'vllm:num_requests_running_total{engine="0"} 9.0\n'
    )
    assert read_gauge(text, "vllm:num_requests_running") == 5
    assert read_gauge(text, "vllm:num_requests_waiting") == 0


def test_the_board_shows_who_is_there(
    cpu_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "ANSWER", 0.2)
    learners, log = make_seats(3), tmp_path / "seats.log"
    log.write_text(
        json.dumps({"seat": "seat-02", "status": 200, "time": time.time(), "sent": 9}) + "\n"
    )
    console = Console(width=100, record=True, file=io.StringIO())
    shown = Board(learners, log, cpu_place, console=console)
    with (
        socket.create_server(("127.0.0.1", cpu_place.port)),
        socket.socket() as asked,
    ):
        asked.bind((learners[1].source, 0))
        asked.connect(("127.0.0.1", cpu_place.port))
        console.print(shown.draw())
    text = console.export_text()
    assert re.search(r"seat-02 +1 +1 +0 +0 +\d s", text), text
    assert "seat-01" not in text
    assert "the server does not answer" in text
    assert "not heard of: 2 seats" in text


# The door itself, before a stand-in for vLLM


@pytest.fixture
def opened(
    stand_in: Path, cpu_place: Place, state: Path, tmp_path: Path
) -> Iterator[tuple[Door, ClassServer]]:
    """A door, and a server behind it that has not been started."""
    learners = make_seats(2)
    listener = check_listener("127.0.0.1", find_free_port())
    place = make_place(cpu_place, "inner-key")
    with Door(listener, learners, place.port, "inner-key") as one:
        yield (
            one,
            ClassServer(place, one, Board(learners, one.log, place, console=Console(quiet=True))),
        )


def find_doors(folder: Path) -> list[psutil.Process]:
    """The nginx processes of the doors in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "nginx" in process.name() and process.cwd() and str(folder) in _tell(process):
                found.append(process)
    return found


def _tell(process: psutil.Process) -> str:
    return " ".join(process.cmdline() + (process.parent() or process).cmdline())


def key_of(seat: Seat) -> dict[str, str]:
    return {"Authorization": f"Bearer {seat.key}"}


@needs_nginx
def test_a_dead_server_is_told_and_comes_back(opened: tuple[Door, ClassServer]) -> None:
    door_, server = opened
    url, key = f"{door_.listener.base_url}/models", key_of(door_.seats[0])
    away = httpx.get(url, headers=key, trust_env=False)
    assert (away.status_code, away.headers["retry-after"]) == (503, "15")
    assert away.json()["error"]["message"].startswith("The model server is starting")
    with server.start():
        assert httpx.get(url, headers=key, trust_env=False).json()["data"]
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{server.place.port}/die", trust_env=False)
        assert "The server died" in server.wait()
        assert httpx.get(url, headers=key, trust_env=False).status_code == 503
        server.start()
        assert httpx.get(url, headers=key, trust_env=False).status_code == 200
    assert httpx.get(url, headers=key, trust_env=False).status_code == 503


@needs_nginx
def test_a_door_that_died_is_opened_again_and_at_the_end_shut(
    opened: tuple[Door, ClassServer], state: Path
) -> None:
    door_, server = opened
    first = door_._process.pid
    psutil.Process(first).terminate()
    door_._process.wait(10)
    server.look_after()
    assert door_._process.pid != first
    assert find_doors(state)
    configuration = next(state.rglob("nginx.conf"))
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    assert stat.S_IMODE(configuration.parent.stat().st_mode) == 0o700
    door_.close()
    assert not find_doors(state)
    assert not configuration.exists()


@needs_nginx
def test_a_killed_door_leaves_no_workers_with_its_port_and_keys(
    opened: tuple[Door, ClassServer],
) -> None:
    one, _ = opened
    master = psutil.Process(one._process.pid)
    workers = master.children()
    master.kill()
    one._process.wait(10)
    assert workers and all(worker.is_running() for worker in workers)
    one.keep_open()
    assert not psutil.wait_procs(workers, 5)[1]
    answer = httpx.get(one.listener.base_url.replace("/v1", "/" + "%01" * 900), trust_env=False)
    assert answer.status_code == 401
    httpx.get(f"{one.listener.base_url}/models", headers=key_of(one.seats[0]), trust_env=False)
    wait = time.monotonic() + 5
    while one.log.read_text().count("\n") < 2 and time.monotonic() < wait:
        time.sleep(0.05)
    entries = [json.loads(line) for line in one.log.read_text().splitlines()]
    assert [entry["path"] for entry in entries[-2:]] == ["/", "/v1/models"]
    with pytest.raises(CourseError, match="has port"), Door(one.listener, one.seats, 1, "x"):
        pass
    assert (one.folder / "nginx.conf").exists()


@needs_nginx
def test_a_door_ends_with_the_program_that_opened_it(state: Path) -> None:
    port = find_free_port()
    script = f"""
import sys, time
from pathlib import Path
from helpers.classroom import door
from helpers.classroom.door import Door
from helpers.classroom.seats import make_seats
door.STATE = Path(sys.argv[1])
Door(door.check_listener("127.0.0.1", {port}), make_seats(1), 1, "x").__enter__()
print("open", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", script, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stdout.readline() == "open\n"
        assert find_doors(state)
        program.kill()
    psutil.wait_procs(find_doors(state), timeout=5)
    assert not find_doors(state)


@needs_nginx
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_tls_with_a_certificate_and_with_the_wrong_key(
    stand_in: Path, cpu_place: Place, state: Path, tmp_path: Path
) -> None:
    made = [make_certificate(tmp_path / name) for name in ("one", "two")]
    (certificate, key_file), (_, other) = made
    words = f"openssl pkey -aes256 -passout pass:abcd -in {key_file} -out {tmp_path}/locked.pem"
    subprocess.run(words.split(), check=True, capture_output=True)
    with pytest.raises(CourseError, match="at --address localhost: Hostname mismatch"):
        check_listener("localhost", find_free_port(), certificate, key_file)
    with pytest.raises(CourseError, match=r"at --address 127\.0\.0\.2: IP address mismatch"):
        check_listener("127.0.0.2", find_free_port(), certificate, key_file)
    listener = check_listener("127.0.0.1", find_free_port(), certificate, key_file)
    learners = make_seats(1)
    with Server(cpu_place), Door(listener, learners, cpu_place.port, "EMPTY"):
        trusted = ssl.create_default_context(cafile=str(certificate))
        url = f"{listener.base_url}/models"
        assert url.startswith("https://")
        with httpx.Client(verify=trusted, trust_env=False) as client:
            assert client.get(url, headers=key_of(learners[0])).status_code == 200
            assert client.get(url).status_code == 401
    for pair, says in {
        (certificate, other): "key values mismatch",
        (other, key_file): "cannot be used",
        (certificate, tmp_path / "locked.pem"): "the key without a passphrase",
    }.items():
        with pytest.raises(CourseError, match=says) as failed:
            check_listener("127.0.0.1", find_free_port(), *pair)
        assert "\n" not in str(failed.value)
    assert not find_doors(state)


@pytest.mark.slow
@needs_nginx
@pytest.mark.parametrize("stage", ["starting", "serving", "pause", "stopped from elsewhere"])
def test_ctrl_c_at_each_stage_ends_everything(
    stage: str, stand_in: Path, cpu_place: Place, tmp_path: Path, state: Path
) -> None:
    script = f"""
from pathlib import Path
from helpers.server import server
from helpers.classroom import classroom, door
server.find_vllm = lambda: Path({str(stand_in)!r})
classroom.check_stack = lambda accepted: None
door.STATE = Path({str(state)!r})
classroom.main()
"""
    words = ["--address", "127.0.0.1", "--port", str(find_free_port()), "--seats", "2"]
    how = {"COURSE_STAND_IN": json.dumps({"wait": 60 if stage == "starting" else 0})}
    screen = tmp_path / "screen"
    with screen.open("w") as file:
        program = subprocess.Popen(
            [sys.executable, "-u", "-c", script, *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=course_environment(cpu_place.port) | how,
            cwd=ROOT,
        )
    try:
        sign = "\r   0 s  " if stage == "starting" else "Stop it with ctrl-C"
        wait_for(lambda: sign in screen.read_bytes().decode(), program, 30)
        if stage == "pause":
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{cpu_place.port}/die", trust_env=False)
            wait_for(lambda: "Starting it again in" in screen.read_text(), program, 30)
        if stage == "stopped from elsewhere":
            Server(make_place(cpu_place, "")).stop()
        else:
            program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0, screen.read_text()
    finally:
        program.kill()
        program.wait()
    assert "Traceback" not in screen.read_text()
    assert len(find_keys(screen.read_text())) == 2
    assert not find_doors(state)
    assert not list(state.rglob("nginx.conf"))
    check_port_free(cpu_place.port)


def test_a_port_that_is_taken_says_how_to_start_the_class(
    stand_in: Path, cpu_place: Place, state: Path, on_current: None
) -> None:
    options = read_options(["--address", "127.0.0.1", "--seats", "3"])
    with (
        socket.create_server(("127.0.0.1", cpu_place.port)),
        pytest.raises(CourseError, match="make class …` ") as failed,
    ):
        hold_class(options)
    assert "make lab" not in str(failed.value)
    assert not state.exists()


@needs_nginx
def test_a_server_that_runs_is_not_taken_over(
    stand_in: Path, cpu_place: Place, state: Path, on_current: None
) -> None:
    options = read_options(["--address", "127.0.0.1", "--seats", "3"])
    with Server(cpu_place), pytest.raises(CourseError, match="already runs on port"):
        hold_class(options)
    assert not state.exists()


# Several machines


@dataclass
class Machine:
    """One machine of a class: its door, and a stand-in for vLLM behind it."""

    door: Door
    server: ClassServer

    @property
    def url(self) -> str:
        return self.door.listener.base_url

    def count_asked(self) -> int:
        return self.server.log_text().count("asked")


def open_machine(
    stack: contextlib.ExitStack, learners: list[Seat], also: tuple[str, ...] = ()
) -> Machine:
    """Open a machine's door and start its server, on ports of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_BASE_URL", f"http://127.0.0.1:{find_free_port()}/v1")
        place = make_place(find_place(), "inner-key")
    listener = check_listener("127.0.0.1", find_free_port())
    others = check_others(also, listener, learners[0].key, place.served_model_name)
    one = stack.enter_context(Door(listener, learners, place.port, "inner-key", others))
    shown = Board(learners, one.log, place, others, Console(quiet=True))
    return Machine(one, stack.enter_context(ClassServer(place, one, shown)))


@pytest.fixture
def machines(stand_in: Path, state: Path) -> Iterator[tuple[Machine, Machine]]:
    """The teacher's machine, which deals four seats, and the one that it deals half of them to."""
    learners = make_seats(4)
    with contextlib.ExitStack() as stack:
        second = open_machine(stack, learners)
        yield open_machine(stack, learners, (second.url,)), second


def ask_in_turn(machine: Machine, count: int = 4) -> list[int]:
    """The statuses that the first seats get for a question each."""
    keys = [seat.key for seat in machine.door.seats[:count]]
    return [send(machine.url, "/v1/chat/completions", key, json={}) for key in keys]


@needs_nginx
def test_seats_are_dealt_in_turn_and_go_on_where_a_server_died(
    machines: tuple[Machine, Machine],
) -> None:
    first, second = machines
    assert ask_in_turn(first) == [200] * 4
    assert (first.count_asked(), second.count_asked()) == (2, 2)
    second.door.close()  # as if the whole machine were off
    assert ask_in_turn(first) == [200] * 4
    assert (first.count_asked(), second.count_asked()) == (6, 2)
    second.door.__enter__()
    time.sleep(door.AWAY + 1)
    first.server.stop()
    assert ask_in_turn(first) == [200] * 4
    assert second.count_asked() == 6
    second.server.stop()
    assert ask_in_turn(first) == [503] * 4


@needs_nginx
def test_what_a_server_may_have_died_of_is_asked_no_other(
    machines: tuple[Machine, Machine], stand_in: Path
) -> None:
    first, second = machines
    first.server.stop()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setenv("COURSE_STAND_IN", json.dumps({"think": 30}))
        first.server.start()
        asked = pool.submit(ask_in_turn, first, 1)
        while not first.count_asked():
            time.sleep(0.05)
        for process in first.server.record.processes():
            process.kill()
        assert asked.result() == [500]
    assert second.count_asked() == 0
    assert ask_in_turn(first, 1) == [200]
    assert second.count_asked() == 1


@needs_nginx
def test_doors_that_deal_to_each_other_ask_nobody_in_circles(
    machines: tuple[Machine, Machine],
) -> None:
    first, _ = machines
    url, key = f"{first.url}/models", key_of(first.door.seats[1])
    assert httpx.get(url, headers=key, trust_env=False).status_code == 200
    sent_on = key | {"X-Class-Door": "1"}
    first.server.stop()
    assert httpx.get(url, headers=sent_on, trust_env=False).status_code == 503
    assert httpx.get(url, headers=key, trust_env=False).status_code == 200


@needs_nginx
def test_the_board_says_which_machines_are_up(
    machines: tuple[Machine, Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = machines
    ask_in_turn(first)
    console = Console(width=100, record=True, file=io.StringIO())
    monkeypatch.setattr(board, "CLOCK", -1)
    for state in (": 0 running", " does not answer"):
        console.print(first.server.board.draw())
        text = console.export_text()
        assert f"2  {first.door.others[0]}{state}" in text
        assert re.search(r"seat-01 +0 +1 ", text)
        assert re.search(r"seat-02 +on 2 +1 ", text)
        second.server.stop()


@needs_nginx
def test_another_machine_is_looked_at_before_the_door_opens(
    machines: tuple[Machine, Machine], state: Path
) -> None:
    first, second = machines
    listener, key = first.door.listener, first.door.seats[0].key
    for url, says in {
        "192.168.1.21:8086": "no address of a class",
        "https://127.0.0.1:8086/v1": "no address of a class",
        second.url.removesuffix("/v1"): "no address of a class",
        first.url: "is this class itself",
        first.url.replace("127.0.0.1", "localhost"): "is this class itself",
        f"http://127.0.0.1:{find_free_port()}/v1": "No class answers at .*start it there first",
        first.server.place.base_url: "is no class: start it there by `make class`",
    }.items():
        with pytest.raises(CourseError, match=says) as failed:
            check_others([url], listener, key, "qwen3-vl-pocket")
        assert "\n" not in str(failed.value)
    with pytest.raises(CourseError, match="does not know these seats: copy the file"):
        check_others([second.url], listener, "0" * 32, "qwen3-vl-pocket")
    with pytest.raises(CourseError, match="serves qwen3-vl-pocket, this machine another"):
        check_others([second.url], listener, key, "another")
    second.server.stop()
    with pytest.raises(CourseError, match="has no server yet"):
        check_others([second.url], listener, key, "qwen3-vl-pocket")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir()
    pair = folder / "cert.pem", folder / "key.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    words += (
        f" -subj /CN=class -addext subjectAltName=IP:127.0.0.1 -out {pair[0]} -keyout {pair[1]}"
    )
    subprocess.run(words.split(), check=True, capture_output=True)
    return pair


# A class that asks, with learners who misbehave


@dataclass
class Outcome:
    """The seconds of each answered request by its kind, and what was lost."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    lost: Counter = field(default_factory=Counter)

    def add(self, other: "Outcome") -> None:
        for kind, seconds in other.seconds.items():
            self.seconds.setdefault(kind, []).extend(seconds)
        self.lost += other.lost

    @property
    def answered(self) -> int:
        return sum(map(len, self.seconds.values()))

    def __str__(self) -> str:
        lines = [f"{self.answered} answered, {self.lost.total()} lost"]
        for kind, seconds in self.seconds.items():
            p50, p95 = statistics.median(seconds), sorted(seconds)[int(0.95 * len(seconds))]
            lines.append(f"{kind:10} {len(seconds):5}  p50 {p50:5.1f} s  p95 {p95:5.1f} s")
        return "\n".join([*lines, *(f"{count} × {error}" for error, count in self.lost.items())])


@functools.cache
def list_requests() -> dict[str, dict]:
    """The kinds of requests of notebooks 03, 04, 05 and 09, as keywords of `create`."""
    picture = {"type": "image_url", "image_url": {"url": image_data_url(MEDIA / "bar_chart.png")}}
    clip = {"type": "video_url", "video_url": {"url": clip_data_url(MEDIA / "rolling_ball.mp4")}}

    def ask(*content: dict | str, **options: object) -> dict:
        parts = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
        return {"messages": [{"role": "user", "content": parts}], "max_tokens": 60} | options

    return {
        "text": ask("Name a fruit."),
        "picture": ask(picture, "Which bar is the tallest?"),
        "stream": ask("Name a country.", stream=True),
        "dials": ask("Name an animal.", n=20, max_tokens=1, logprobs=True, temperature=0.3),
        "clip": ask(clip, "What happens in this clip?"),
    }


def attend(
    client: OpenAI, key: str, model: str, goes_on: Callable[[int], bool], first: int = 0
) -> Outcome:
    """One learner who asks every kind in turn, as long as `goes_on(requests so far)` is true."""
    outcome, requests, done = Outcome(), list(list_requests().items()), 0
    client = client.with_options(api_key=key)
    while goes_on(done):
        kind, request = requests[(first + done) % len(requests)]
        begin = time.monotonic()
        try:
            reply = client.chat.completions.create(model=model, **request)
            if request.get("stream"):
                reply = list(reply)
                assert reply[-1].choices[0].finish_reason, "the stream broke off"
        except (APIError, AssertionError) as error:
            outcome.lost[f"{kind}: {type(error).__name__}: {error}"[:200]] += 1
        else:
            outcome.seconds.setdefault(kind, []).append(time.monotonic() - begin)
        done += 1
    return outcome


def attend_together(
    base_url: str, keys: list[str], model: str, goes_on: Callable[[int], bool], retries: int = 0
) -> Outcome:
    """Let each key's learner ask at the same time, each beginning with another kind."""
    outcome = Outcome()
    with (
        OpenAI(base_url=base_url, api_key="-", max_retries=retries, timeout=240) as client,
        ThreadPoolExecutor(len(keys)) as pool,
    ):
        learners = [
            pool.submit(attend, client, key, model, goes_on, first)
            for first, key in enumerate(keys)
        ]
        for one in learners:
            outcome.add(one.result())
    return outcome


def send(base_url: str, path: str, key: str, method: str = "POST", **more: object) -> int:
    """The status that an unwelcome request gets."""
    headers = {"Authorization": f"Bearer {key}"}
    root = base_url.removesuffix("/v1")
    return httpx.request(
        method, root + path, headers=headers, timeout=240, trust_env=False, **more
    ).status_code


def misbehave(base_url: str, key: str, model: str, megabytes: int, killers: bool) -> dict[str, int]:
    """Everything that a learner should not do, and the status of each.

    With `killers` also what ends vLLM 0.11.0, or makes it work for minutes.
    """
    body = {"model": model, "messages": [{"role": "user", "content": "Name a fruit."}]}
    chat, huge = "/v1/chat/completions", b"x" * megabytes * 10**6
    found = {
        "wrong key": send(base_url, chat, "0" * 32, json=body),
        "no route": send(base_url, "/invocations", key, json=body),
        "docs": send(base_url, "/docs", key, "GET"),
        "way round": send(base_url, "/v1/models/%2e%2e/%2e%2e/docs", key, "GET"),
        "method": send(base_url, "/tokenize", key, "GET"),
        "huge": send(base_url, chat, key, content=huge),
        "no JSON": send(base_url, chat, key, content=b"x"),
        "a URL": send(base_url, chat, key, json=body | ask_for_url("http://127.0.0.1:1/x.png")),
    }
    if killers:
        found["n"] = send(base_url, chat, key, json=body | {"n": 10000})
        for name, (request, _, _) in KILLERS.items():
            found[name] = send(base_url, chat, key, json=body | request)
    return found


def ask_for_url(url: str) -> dict:
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What?"}]
    return {"messages": [{"role": "user", "content": content}]}


REFUSED = {
    "wrong key": 401,
    "no route": 404,
    "docs": 404,
    "way round": 404,
    "method": 405,
    "huge": 413,
    "no JSON": 400,
    "a URL": 400,
}


@contextlib.contextmanager
def leave_open(base_url: str, key: str, count: int) -> Iterator[list[socket.socket]]:
    """Connections of one seat that each announce a body, send half of it, and stay."""
    address = urlsplit(base_url)
    half = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Length: 100\r\n\r\n{"
    )
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            one = socket.create_connection((address.hostname, address.port), timeout=20)
            stack.enter_context(one)
            one.sendall(half.encode())
            opened.append(one)
        yield opened


@pytest.mark.slow
@needs_nginx
def test_a_class_with_one_who_misbehaves_loses_nothing(tmp_path: Path) -> None:
    """The whole program on the real CPU server, from its first line to ctrl-C."""
    port, upstream = find_free_port(), find_free_port()
    old = find_stack() is REFERENCE
    command = f"-m helpers.classroom --address 127.0.0.1 --port {port} --seats 5".split()
    command += ["--accept-known-holes"] if old else []
    screen = tmp_path / "screen"
    with screen.open("w") as file:
        program = subprocess.Popen(
            [sys.executable, "-u", *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=course_environment(upstream),
            cwd=ROOT,
        )
    try:
        keys = wait_for(lambda: find_keys(screen.read_text()), program, 60)
        base_url = f"http://127.0.0.1:{port}/v1"
        assert len(keys) == 5
        assert send(base_url, "/v1/models", keys[0], "GET") == 503
        wait_for(lambda: "Stop it with ctrl-C" in screen.read_text(), program, 600)
        model = httpx.get(f"{base_url}/models", headers=key_of(Seat(1, keys[0])), trust_env=False)
        model = model.json()["data"][0]["id"]
        bad = keys.pop()
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(misbehave_and_hold, base_url, bad, model, not old)
            outcome = attend_together(base_url, keys, model, lambda done: done < 5)
            statuses, refused = held.result()
        assert (outcome.answered, outcome.lost) == (20, {}), str(outcome)
        assert {name: statuses[name] for name in REFUSED} == REFUSED
        assert old or statuses["n"] == 400
        assert all(status < 500 for status in statuses.values()), statuses
        assert refused == 2, "of 18 that one seat leaves open, 16 may stay"
        assert send(base_url, "/health", keys[0], "GET") == 200
        assert attend_together(base_url, keys[:1], model, lambda done: done < 1).answered == 1
        log = STATE / f"class-{port}" / "seats.log"
        logged = log.read_text() + (STATE / f"server-{upstream}.log").read_text()
        shown = " ".join(
            " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])
        )
        assert not any(key in logged + shown for key in [*keys, bad])
        assert '"seat":"seat-05"' in logged
    finally:
        program.send_signal(signal.SIGINT)
        program.wait(60)
    assert program.returncode == 0, screen.read_text()
    assert "Stopped:" in screen.read_text()
    assert not find_doors(STATE / f"class-{port}")
    assert not (STATE / f"class-{port}" / "nginx.conf").exists()


def misbehave_and_hold(
    base_url: str, key: str, model: str, killers: bool
) -> tuple[dict[str, int], int]:
    """Misbehave, then leave 18 requests open for a moment; how many of those are refused."""
    statuses = misbehave(base_url, key, model, megabytes=40, killers=killers)
    for _ in range(5):
        with leave_open(base_url, key, 18) as opened:
            time.sleep(2)
            refused = 0
            for one in opened:
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    refused += b" 429 " in one.recv(100)
        if refused <= 2:
            break  # else the last of the misdeeds was not closed yet, and counted too
        time.sleep(2)
    return statuses, refused


def wait_for(look: Callable[[], object], program: subprocess.Popen, limit: float) -> object:
    """What `look` returns once it is something."""
    end = time.monotonic() + limit
    while not (found := look()):
        assert program.poll() is None, "the class ended"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.2)
    return found


def be_bad(base_url: str, key: str, model: str, seconds: float) -> Counter:
    """Misbehave again and again; how often what was answered with which status."""
    seen, end = Counter(), time.monotonic() + seconds
    while time.monotonic() < end:
        with leave_open(base_url, key, 4):
            found = misbehave(base_url, key, model, megabytes=200, killers=True)
        seen.update(f"{name}: {status}" for name, status in found.items())
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=Path, required=True, help="what --write-keys wrote")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--bad", type=int, default=5, help="so many of the seats misbehave")
    parser.add_argument("--retries", type=int, default=0, help="of each client; openai's own: 2")
    options = parser.parse_args()
    keys = [seat.key for seat in read_seats(options.keys)]
    base_url = re.search(r"COURSE_BASE_URL=(\S+)", options.keys.read_text())[1]
    models = httpx.get(f"{base_url}/models", headers=key_of(Seat(1, keys[0])), trust_env=False)
    model, end = models.json()["data"][0]["id"], time.monotonic() + options.seconds
    bad, good = keys[: options.bad], keys[options.bad :]
    with multiprocessing.get_context("fork").Pool(max(1, options.bad)) as pool:
        pests = [pool.apply_async(be_bad, (base_url, key, model, options.seconds)) for key in bad]
        outcome = attend_together(
            base_url, good, model, lambda _: time.monotonic() < end, options.retries
        )
        seen = sum((one.get() for one in pests), Counter())
    print(f"{len(good)} learners and {len(bad)} who misbehave, {options.seconds:.0f} s: {outcome}")
    print("\n".join(f"{count:5} × {name}" for name, count in sorted(seen.items())))


if __name__ == "__main__":
    main()
