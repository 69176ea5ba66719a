"""Which processes are a server's, what may be removed, and which engines have lost their owner."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from helpers.places import ROOT, Place
from helpers.server import records as server_records
from helpers.server import server as server_module
from helpers.server.records import (
    Record,
    ServerError,
    check_port_free,
    find_holder,
    find_orphans,
    find_servers,
    hold_signals,
    lives,
    make_temporary,
    read_boot,
    read_record,
    start_process,
    stop_record,
    stop_servers,
)
from helpers.server.server import Server
from helpers.server.view import read_log
from tests.conftest import find_free_port

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for records of its own."""
    folder = tmp_path / ".course"
    folder.mkdir()
    monkeypatch.setattr(server_records, "STATE", folder)
    return folder


@pytest.fixture
def record(state: Path) -> Iterator[Record]:
    """A saved record whose processes `run` can start."""
    port = find_free_port()
    made = Record(
        pid=0,
        base_url=f"http://127.0.0.1:{port}/v1",
        place="cpu",
        model="",
        command=["vllm"],
        log_path="",
        temporary=make_temporary(port),
        boot=read_boot(),
    )
    made.save()
    yield made
    server_records._signal(made.processes(), signal.SIGKILL)
    made.forget()


def run(record: Record, command: list[str] = SLEEP, **environment: str) -> subprocess.Popen:
    own = {"TMPDIR": record.temporary, "SPT_NOENV": "1"}
    return start_process(command, os.environ | own | environment, None)


def test_a_step_of_the_clock_changes_nothing(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psutil adds the machine's start, as /proc/stat has it now, to what it tells of a process."""
    import psutil._pslinux as linux

    process = run(record)
    saved = replace(record, pid=process.pid)
    saved.save()
    before = linux.boot_time()
    for step in (-3600, -3, 3, 3600):
        monkeypatch.setattr(linux, "boot_time", lambda step=step: before + step)
        assert find_servers() == [saved] and saved.alive()
        assert Path(saved.temporary).is_dir()
    process.kill()
    process.wait()


def test_nothing_is_forgotten_or_removed_while_a_process_lives(record: Record) -> None:
    process = run(record)
    record.forget()
    assert record.path.exists() and Path(record.temporary).exists()
    process.kill()
    process.wait()
    record.forget()
    assert not record.path.exists() and not Path(record.temporary).exists()


def test_a_later_record_of_the_port_is_not_removed(record: Record) -> None:
    later = replace(record, temporary=make_temporary(record.port))
    later.save()
    record.forget()
    assert read_record(record.port) == later
    later.forget()


def test_a_server_whose_first_process_was_killed(record: Record) -> None:
    parent = f"import subprocess, time; subprocess.Popen({SLEEP!r}); time.sleep(600)"
    process = run(record, [sys.executable, "-c", parent])
    saved = replace(record, pid=process.pid)
    saved.save()
    deadline = time.monotonic() + 20
    while len(saved.processes()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not saved.alive() and len(saved.processes()) == 1
    assert stop_record(saved).startswith("Stopped: 1 process ended in")
    assert find_servers() == [] and not Path(saved.temporary).exists()


def test_processes_of_others_are_spared(record: Record) -> None:
    """Neither a pid nor a session that a record names makes a process the server's."""
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    child = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True)"
    leader = subprocess.Popen(
        [sys.executable, "-c", child, *SLEEP], start_new_session=True, stdout=subprocess.PIPE
    )
    lost = psutil.Process(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    try:
        for pid in (stranger.pid, leader.pid, os.getsid(0), os.getpid(), 1):
            wrong = replace(record, pid=pid)
            wrong.save()
            assert not wrong.alive() and wrong.processes() == []
            stop_servers()
        assert stranger.poll() is None and lost.is_running()
    finally:
        stranger.kill()
        stranger.wait()
        lost.kill()


@pytest.mark.parametrize("kind", ["elsewhere", "name", "port", "link", "common"])
def test_folders_of_others_are_spared(record: Record, tmp_path: Path, kind: str) -> None:
    name = f"course-{record.port}-abcdefgh"
    folder = {
        "elsewhere": tmp_path / name,
        "name": Path(tempfile.mkdtemp(prefix="thesis-")),
        "port": Path(tempfile.mkdtemp(prefix="course-1-")),
        "link": Path(tempfile.gettempdir()) / name,
        "common": Path(tempfile.gettempdir()),
    }[kind]
    target = tmp_path / "target"
    target.mkdir()
    if kind == "link":
        folder.symlink_to(target)
    folder.mkdir(exist_ok=True)
    kept = tmp_path / "target" / "work" if kind == "link" else folder / "work"
    kept.write_text("mine")
    wrong = replace(record, temporary=str(folder))
    wrong.save()
    stop_servers()
    wrong.forget()
    assert kept.read_text() == "mine"
    kept.unlink()
    folder.unlink() if kind == "link" else None


WHOLE = {
    "pid": 0,
    "base_url": "http://127.0.0.1:9330/v1",
    "place": "cpu",
    "model": "",
    "command": [],
    "log_path": "",
    "temporary": "/tmp/course-9330-abcdefgh",
    "boot": "",
}
ODD = {
    "empty": "",
    "binary": b"\x00\xff\xfe",
    "list": "[]",
    "null": "null",
    "number": "5",
    "no keys": "{}",
    "more keys": json.dumps(WHOLE | {"created": 1.0}),
    "deep": "[" * 100_000,
    "pid text": json.dumps(WHOLE | {"pid": "5"}),
    "pid negative": json.dumps(WHOLE | {"pid": -1}),
    "pid null": json.dumps(WHOLE | {"pid": None}),
    "pid huge": json.dumps(WHOLE | {"pid": 10**30}),
    "url without port": json.dumps(WHOLE | {"base_url": "http://127.0.0.1/v1"}),
    "url null": json.dumps(WHOLE | {"base_url": None}),
    "url port": json.dumps(WHOLE | {"base_url": "http://127.0.0.1:99999/v1"}),
    "url bracket": json.dumps(WHOLE | {"base_url": "http://[::1/v1"}),
    "url other port": json.dumps(WHOLE | {"base_url": "http://127.0.0.1:9331/v1"}),
    "no folder": json.dumps(WHOLE | {"temporary": ""}),
    "common folder": json.dumps(WHOLE | {"temporary": "/tmp"}),
    "nul": json.dumps(WHOLE | {"temporary": "/tmp/\0/course-9330-abcdefgh"}),
    "log null": json.dumps(WHOLE | {"log_path": None}),
}


def write_odd(path: Path, kind: str) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "nowhere":
        path.symlink_to(path.with_name("nowhere"))
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(ODD[kind] if isinstance(ODD[kind], bytes) else ODD[kind].encode())


@pytest.mark.parametrize("kind", [*ODD, "folder", "nowhere", "loop", "pipe"])
def test_an_odd_record_is_named(state: Path, kind: str) -> None:
    path = state / "server-9330.json"
    write_odd(path, kind)
    assert find_servers() == []
    said = stop_servers()
    if kind not in ("pid huge", "nul"):  # the record of a server that is gone, and forgotten
        assert said == [f"{path} is not the record of a server and was left alone: delete it."]


def test_odd_records_block_no_stop(state: Path, record: Record) -> None:
    for number, kind in enumerate([*ODD, "folder", "nowhere", "loop", "pipe"]):
        write_odd(state / f"server-{number}.json", kind)
    process = run(record)
    saved = replace(record, pid=process.pid)
    saved.save()
    assert find_servers() == [saved]
    assert any("Stopped: 1 process ended" in line for line in stop_servers())
    assert process.wait(5) == -signal.SIGTERM
    with pytest.raises(ServerError, match="no model in"):  # nor a start
        Server(Place("cpu", "", "http://127.0.0.1:9/v1", "", "", model_path=state)).start()


def test_port_of_a_record_with_a_user() -> None:
    assert Record(**WHOLE | {"base_url": "http://u:p@127.0.0.1:9342/v1"}).port == 9342


def test_stop_ends_a_process_that_ignores_sigterm(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for a hanging server: a tree that only SIGKILL ends, and what that leaves."""
    monkeypatch.setattr(server_records, "STOP_LIMIT", 1.5)
    stubborn = "import multiprocessing, signal, subprocess, sys, time\n"
    stubborn += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stubborn += "said = 'up'\n"
    stubborn += "if len(sys.argv) < 2:\n"
    stubborn += "    lock = multiprocessing.get_context('spawn').Lock()\n"
    stubborn += "    said = lock._semlock.name\n"
    stubborn += "    subprocess.Popen([sys.executable, __file__, 'child'])\n"
    stubborn += "print(said, flush=True); time.sleep(600)\n"
    script = Path(record.temporary) / "stubborn.py"
    script.write_text(stubborn)
    env = os.environ | {"TMPDIR": record.temporary}
    process = subprocess.Popen(
        [sys.executable, str(script)], env=env, start_new_session=True, stdout=subprocess.PIPE
    )
    names = process.stdout.readline() + process.stdout.readline()
    semaphore = Path("/dev/shm/sem." + re.search(r"/(mp-\S+)", names.decode())[1])
    assert semaphore.exists()
    said = stop_record(replace(record, pid=process.pid))
    assert said.startswith("Stopped: 3 processes ended in") and said.endswith("is free.")
    assert process.wait(5) == -signal.SIGKILL
    assert not semaphore.exists(), "the resource tracker removes it, unless it is killed as well"
    process.stdout.close()


def test_a_computer_that_slept_during_a_stop_has_killed_nothing_yet(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minute passes between the first SIGTERM, which the process ignores, and the next look."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    code += "print('up', flush=True); time.sleep(600)"
    env = os.environ | {"TMPDIR": record.temporary}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)
    process.stdout.readline()
    clock, looks = time.monotonic, []

    def jump() -> float:
        looks.append(None)
        return clock() + (60 if len(looks) > 2 else 0)

    monkeypatch.setattr(server_records.time, "monotonic", jump)
    assert stop_record(replace(record, pid=process.pid)).startswith("Stopped: 1 process ended")
    assert process.wait(5) == -signal.SIGKILL
    process.stdout.close()


def test_a_process_that_outlives_sigkill_is_named_with_its_state(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process can be made so by a test; here nobody sends the signals."""
    process = run(record)
    replace(record, pid=process.pid).save()
    named = rf"killed and are still there: \S+ \(pid {process.pid}, sleeping\)"
    with monkeypatch.context() as patch, pytest.raises(ServerError, match=named):
        patch.setattr(server_records, "STOP_LIMIT", 0.2)
        patch.setattr(server_records, "KILL_LIMIT", 0.3)
        patch.setattr(server_records, "_signal", lambda *_: None)
        stop_servers()
    assert record.path.exists(), "the next stop finds it again"
    process.kill()
    process.wait()


def test_stop_says_when_the_port_is_not_free(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_records, "PORT_LIMIT", 0.2)
    with socket.create_server(("127.0.0.1", record.port)):
        said = stop_record(record)
    assert f"but this Python or notebook itself (pid {os.getpid()}) has port" in said


def test_a_stop_leaves_word(record: Record) -> None:
    assert not record.was_stopped()
    stop_record(record)
    assert record.was_stopped()
    later = replace(record, temporary=f"{record.temporary}x")
    assert not later.was_stopped()


def test_signals_wait_and_are_delivered() -> None:
    before = {number: signal.getsignal(number) for number in server_records.SIGNALS}
    for number in server_records.SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        for number in server_records.SIGNALS:
            done = []
            with pytest.raises(KeyboardInterrupt), hold_signals() as caught:
                signal.raise_signal(number)
                done += caught
            assert done == [number]
            with hold_signals(but=number) as caught:
                signal.raise_signal(number)
            assert caught == [number]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        with hold_signals() as caught:
            signal.raise_signal(signal.SIGHUP)
        assert caught == [] and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# An engine that has lost its owner


LOSE = """
import os, subprocess, sys
code = "import setproctitle, time; setproctitle.setproctitle('VLLM::EngineCore'); time.sleep(600)"
engine = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
print(engine.pid, flush=True)
sys.stdin.read()
os._exit(0)
"""


@pytest.mark.parametrize(("folder", "found"), [(ROOT / "notebooks", True), (Path("/"), False)])
def test_a_lost_engine_of_the_course_is_found_and_ended(
    state: Path, folder: Path, found: bool
) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LOSE], cwd=folder, **pipes) as owner:
        engine = psutil.Process(int(owner.stdout.readline()))
        deadline = time.monotonic() + 20
        while not engine_name(engine.pid).startswith("VLLM::") and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            assert engine.pid not in [p.pid for p in find_orphans()], "its owner lives"
            owner.stdin.close()
            owner.wait()
            assert (engine.pid in [p.pid for p in find_orphans()]) == found
            done = stop_servers()
            assert lives(engine) != found
            said = f"an engine whose notebook is gone, VLLM::EngineCore (pid {engine.pid})"
            assert (said in "\n".join(done)) == found
        finally:
            if lives(engine):
                engine.kill()


def engine_name(pid: int) -> str:
    return psutil.Process(pid).name()


# Where a record and a log cannot be written


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_state_that_is_read_only(stand_in: Path, cpu_place: Place, state: Path) -> None:
    state.chmod(0o500)
    with pytest.raises(ServerError, match="see to the permissions there"):
        Server(cpu_place).start()


def list_temporary(port: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"course-{port}-*"))


@pytest.mark.parametrize("kind", ["state is a file", "log is a folder", "record is a folder"])
def test_a_state_that_cannot_be_used(
    stand_in: Path, cpu_place: Place, state: Path, kind: str
) -> None:
    if kind == "state is a file":
        state.rmdir()
        state.touch()
    elif kind == "log is a folder":
        (state / f"server-{cpu_place.port}.log.1").mkdir()
        (state / f"server-{cpu_place.port}.log").touch()
    else:
        (state / f"server-{cpu_place.port}.tmp").mkdir()
    with pytest.raises(ServerError, match="cannot be used") as caught:
        Server(cpu_place).start()
    assert str(state) in str(caught.value) and "\n" not in str(caught.value)
    assert list_temporary(cpu_place.port) == []


def test_a_disk_that_is_full(
    stand_in: Path, cpu_place: Place, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(record: Record) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Record, "save", fill)
    with pytest.raises(ServerError, match=r"The disk of .*\.course is full"):
        Server(cpu_place).start()
    assert list_temporary(cpu_place.port) == []


def test_a_log_that_filled_the_disk(
    record: Record, cpu_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(cpu_place)
    monkeypatch.setattr(server_module, "SMALLEST_DISK", 2**80)
    assert "is full: free some space" in server._explain_end(record, server.log_path)


def test_a_program_that_does_not_start(stand_in: Path, cpu_place: Place, state: Path) -> None:
    stand_in.write_text("#!/no/such/python\n")
    with pytest.raises(ServerError, match="cannot be used"):
        Server(cpu_place).start()
    assert list_temporary(cpu_place.port) == [] and read_record(cpu_place.port) is None


def test_a_long_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(long))
    folder = Path(make_temporary(8085))
    assert folder.parent == Path("/tmp")
    folder.rmdir()


def test_a_port_for_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("helpers.server.records.socket.socket.bind", refuse)
    with pytest.raises(ServerError, match=r"below 1024 .* such as http://127.0.0.1:8085/v1"):
        check_port_free(81)


def test_holder_of_nothing() -> None:
    assert find_holder(find_free_port()) == "another user's program"


def test_a_long_log_is_read_in_part(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert read_log(log) == ""
    log.write_text("first\n" + "x\n" * 1000 + "last\n")
    assert read_log(log) == log.read_text()
    text = read_log(log, 40)
    assert text.startswith("first\n") and text.endswith("last\n") and "\n[...]\n" in text
    assert len(text) < 60


@pytest.mark.slow
def test_nothing_outlives_a_test_run_that_is_killed(tmp_path: Path) -> None:
    code = "import os, pathlib, subprocess\ndef test_is_killed(tmp_path):\n"
    code += "    process = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
    code += f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(process.pid))\n"
    code += "    os.kill(os.getpid(), 9)\n"
    (tmp_path / "test_killed.py").write_text(code)
    call = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run([*call, str(tmp_path)], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    pid, end = int((tmp_path / "pid").read_text()), time.monotonic() + 30
    while psutil.pid_exists(pid):
        assert time.monotonic() < end, "it outlived the run"
        time.sleep(0.2)
