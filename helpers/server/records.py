"""The records of the servers that the course started: find them, end them, outlive nothing.

A server is recorded in `.course/server-PORT.json` from just before its first process exists until
it is gone. Its processes are known by their environment: each has the server's own TMPDIR, whose
name no other program has. That holds after a step of the clock, when process ids begin anew, and
when the first process was killed and EngineCore outlives it. (vLLM sets its processes' titles,
which overwrites the environment that others see; SPT_NOENV leaves it alone.)
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from helpers.errors import CourseError
from helpers.places import ROOT

STATE = ROOT / ".course"
STOP_LIMIT = 20.0  # s from the first SIGTERM to SIGKILL
KILL_LIMIT = 30.0  # s after SIGKILL; whatever is there then stays
TRACKER_LIMIT = 3.0  # s for Python's resource tracker to clean up after the killed and end
AGAIN = 1.0  # s to the next SIGTERM: vLLM 0.11 swallows one while it waits for its engine
PORT_LIMIT = 3.0  # s for the system to take a port back
LONGEST_TEMPORARY = 48  # characters of TMPDIR that leave room for vLLM's sockets (107 in all)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # a closed terminal sends the last
_started: list[subprocess.Popen] = []


class ServerError(CourseError):
    """The server could not be started, reached or stopped."""


@dataclass(frozen=True)
class Record:
    """A server that the course started: its processes, and where it listens.

    `pid` is its first process, 0 in the moment before that exists. `temporary` is its own TMPDIR
    and what its processes are known by; `boot` tells the machine's starts apart.
    """

    pid: int
    base_url: str
    place: str
    model: str
    command: list[str]
    log_path: str
    temporary: str
    boot: str

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or 80

    @property
    def path(self) -> Path:
        return STATE / f"server-{self.port}.json"

    def save(self) -> None:
        """Write the record in one step, so that nobody ever reads half of it."""
        half = self.path.with_suffix(".tmp")
        half.write_text(json.dumps(asdict(self), indent=1))
        half.replace(self.path)

    def processes(self) -> list[psutil.Process]:
        """Every living process of the server, the first one first if it lives."""
        found = [p for p in psutil.process_iter() if self._owns(p)]
        return sorted(found, key=lambda p: p.pid != self.pid)

    def alive(self) -> bool:
        """True while the first process lives; its children may outlive it."""
        if not self.pid:
            return bool(self.processes())
        try:
            return self._owns(psutil.Process(self.pid))
        except psutil.Error:
            return False

    def _owns(self, process: psutil.Process) -> bool:
        return lives(process) and _read_environment(process).get("TMPDIR") == self.temporary

    def note_stop(self) -> None:
        """Leave word that the course stops this server, for whoever waits for it."""
        with contextlib.suppress(OSError):
            self.path.with_suffix(".stopped").write_text(self.temporary)

    def was_stopped(self) -> bool:
        """Did the course stop this server? Else it ended by itself, or was killed."""
        try:
            return self.path.with_suffix(".stopped").read_text() == self.temporary
        except (OSError, ValueError):
            return False

    def is_current(self) -> bool:
        """Is this the record of its port still, so that the log is this server's too?"""
        saved = read_record(self.port)
        return saved is not None and saved.temporary == self.temporary

    def forget(self) -> None:
        """Remove the record of a server that is gone, and the files that it left behind."""
        if self.processes():
            return
        if self.is_current():
            self.path.unlink(missing_ok=True)
        if _is_own_name(self.temporary, self.port) and _is_temporary(Path(self.temporary)):
            shutil.rmtree(self.temporary, ignore_errors=True)


def read_boot() -> str:
    """A name for this start of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def make_temporary(port: int) -> str:
    """Make a server's own TMPDIR, in /tmp where the system's is too long for vLLM's sockets."""
    parent = tempfile.gettempdir()
    if len(parent) > LONGEST_TEMPORARY:
        parent = "/tmp"
    return tempfile.mkdtemp(prefix=f"course-{port}-", dir=parent)


def read_record(port: int) -> Record | None:
    """The record of a port, whether or not its server lives; None if it cannot be read."""
    return _read(STATE / f"server-{port}.json")


def find_servers() -> list[Record]:
    """The servers that the course started and of which a process still lives."""
    records = (_read(path) for path in _list_files())
    return [record for record in records if record and record.processes()]


def find_orphans() -> list[psutil.Process]:
    """Engines of this checkout whose notebook or server is gone, with the engines' workers.

    An offline engine (notebook 06) outlives a kernel that was killed. It is known by its title,
    its working folder and a parent that is no Python.
    """
    known = {p.pid for record in find_servers() for p in record.processes()}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in known and _is_orphan(process):
            with contextlib.suppress(psutil.Error):
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
    return list(found.values())


def stop_servers() -> list[str]:
    """Stop every server and every lost engine of the course; returns one sentence for each.

    Raises `ServerError` with all the sentences when something is still there.
    """
    done, failed = [], False
    for path in _list_files():
        if (record := _read(path)) is None:
            done.append(f"{path} is not the record of a server and was left alone: delete it.")
            continue
        try:
            if record.processes():
                done.append(stop_record(record))
            else:
                record.forget()
        except ServerError as error:
            done.append(str(error))
            failed = True
    if orphans := find_orphans():
        done.append(_stop_orphans(orphans))
    if failed:
        raise ServerError("\n".join(done))
    return done


def stop_record(record: Record, *, leave_word: bool = True) -> str:
    """End all processes of a server: SIGTERM, then SIGKILL; returns what was done.

    Without `leave_word` it is no stop, but tidying up after a server that died. An interrupt
    meanwhile does not break it off: it means SIGKILL at once. Raises `ServerError` when something
    is still there.
    """
    begin = time.monotonic()
    if leave_word:
        record.note_stop()
    with hold_signals(but=signal.SIGINT) as caught:
        count = end_processes(record.processes, record.pid, caught)
        record.forget()
        port = _describe_port(record.port)
    seconds = time.monotonic() - begin
    what = "1 process" if count == 1 else f"{count} processes"
    return f"Stopped: {what} ended in {seconds:.1f} s, {port}."


def end_processes(
    list_left: Callable[[], list[psutil.Process]], first: int, hurry: Sequence[object] = ()
) -> int:
    """End what `list_left` names, `first` before the others, and return how many there were.

    SIGTERM every second, since one can get lost; SIGKILL after `STOP_LIMIT` seconds, or as soon as
    there is something in `hurry`. Raises `ServerError` when `KILL_LIMIT` seconds after that
    something is left; a computer that was asleep meanwhile has killed nothing yet.
    """
    begin, killed = time.monotonic(), 0.0
    seen: dict[int, psutil.Process] = {}
    asked: dict[int, float] = {}  # pid: when it was last sent a SIGTERM
    while True:
        now = time.monotonic()
        _reap()
        seen |= {p.pid: p for p in list_left()}
        left = [p for p in seen.values() if lives(p)]
        if not left:
            return len(seen)
        if killed and now - killed > KILL_LIMIT:
            names = ", ".join(name_process(p, state=True) for p in left)
            raise ServerError(
                f"Processes of the server were killed and are still there: {names}. The system "
                "ends them when it gets to it; `make stop` tells whether they are gone."
            )
        if hurry or now - begin > STOP_LIMIT:
            killed = killed or now
            tidy = now - killed < TRACKER_LIMIT
            _signal([p for p in left if not (tidy and _is_tracker(p))], signal.SIGKILL)
        else:
            head = [p for p in left if p.pid == first] or left
            due = [p for p in head if now - asked.get(p.pid, -AGAIN) >= AGAIN]
            asked |= {p.pid: now for p in due}
            _signal(due, signal.SIGTERM)
        time.sleep(0.1)


def check_port_free(port: int, command: str = "make lab") -> None:
    """Raise `ServerError`, with the command for another port, unless 127.0.0.1:port can be had.

    A bind test, because vLLM 0.11 sets SO_REUSEPORT: a second server on a taken port would
    start and silently get about half of the requests.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise ServerError(
                f"Port {port} may not be used: those below 1024 are for programs with root's "
                "rights. Take another for COURSE_BASE_URL, such as http://127.0.0.1:8085/v1."
            ) from None
        except OSError as error:
            raise ServerError(
                f"Port {port} is not free ({error.strerror}): {find_holder(port)} has it. End "
                "that (ctrl-C in its terminal), or start the course on another port: "
                f"`COURSE_PLACE=cpu COURSE_BASE_URL=http://127.0.0.1:{port + 10}/v1 {command}` "
                "(or gpu)."
            ) from None


def find_listener(port: int) -> psutil.Process | None:
    """The process that listens on a port; None where nobody does, or another user's program."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                return psutil.Process(connection.pid) if connection.pid else None
    return None


def find_holder(port: int) -> str:
    """The program that listens on a taken port, as far as this user may know."""
    holder = find_listener(port)
    if holder is None:
        return "another user's program"
    if holder.pid == os.getpid():
        return f"this Python or notebook itself (pid {holder.pid})"
    return name_process(holder)


def name_process(process: psutil.Process, *, state: bool = False) -> str:
    """Name and pid, such as "vllm (pid 7)", or "vllm (pid 7, disk-sleep)" with its state."""
    try:
        known = f", {process.status()}" if state else ""
        return f"{process.name()} (pid {process.pid}{known})"
    except psutil.Error:  # it has just ended
        return f"pid {process.pid}"


@contextlib.contextmanager
def lock_port(port: int) -> Iterator[None]:
    """Let one start at a time look for a server on this port and put its own on record."""
    STATE.mkdir(exist_ok=True)
    with (STATE / f"server-{port}.lock").open("w") as file:
        with contextlib.suppress(OSError):  # a network disk may have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def hold_signals(*, but: int = 0) -> Iterator[list[int]]:
    """Let ctrl-C, SIGTERM and SIGHUP wait until the block is done; the list tells which came.

    They are delivered then, except `but`, which the block itself has taken note of.
    """
    caught: list[int] = []
    before = {}
    with contextlib.suppress(ValueError):  # not the main thread: no signal arrives here
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda n, _: caught.append(n))
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in {n for n in caught if n != but}:
        signal.raise_signal(number)


def start_process(command: list[str], env: dict[str, str], log: object) -> subprocess.Popen:
    """Start a process in a session of its own, out of reach of this terminal's ctrl-C."""
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _started.append(process)
    end = time.monotonic() + 1
    while process.poll() is None and time.monotonic() < end:
        if _read_environment(psutil.Process(process.pid)):
            break
        time.sleep(0.01)  # on a busy machine the system shows it a moment after it began
    return process


def run_to_end(command: list[str], env: dict[str, str], log_path: Path) -> int:
    """Run a command that starts an engine and ends by itself; returns its exit code.

    `env` is added to this environment, the log holds what the command writes. An interrupt reaches
    it once, as ctrl-C would, and is raised when it has ended: killed at once, it would leave its
    engine behind.
    """
    with log_path.open("wb") as log:
        process = start_process(command, os.environ | env, log)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise


def start_watcher(record: Record) -> subprocess.Popen:
    """Start the process that ends the server when this one is gone, or JupyterLab above it."""
    above = os.environ.get("JPY_PARENT_PID", "")
    above = above if above == str(os.getppid()) else "0"
    module = [sys.executable, "-P", "-m", "helpers.server.watcher"]  # never one of the cwd
    words = [str(record.port), record.temporary, str(os.getpid()), above]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return start_process([*module, *words], os.environ | {"PYTHONPATH": path}, subprocess.DEVNULL)


def lives(process: psutil.Process) -> bool:
    """False for a process that has ended, also while its parent has not taken note."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _list_files() -> list[Path]:
    return sorted(STATE.glob("server-*.json"))


def _read(path: Path) -> Record | None:
    """A record of the form that `Record.save` writes; None for everything else."""
    try:
        if not path.is_file():
            return None
        record = Record(**json.loads(path.read_text()))
        types = {field.name: field.type for field in fields(Record)}
        right = all(
            isinstance(getattr(record, name), list if kind == list[str] else kind)
            for name, kind in types.items()
        )
        ours = right and record.pid >= 0 and record.path == path
        return record if ours and _is_own_name(record.temporary, record.port) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _is_own_name(temporary: str, port: int) -> bool:
    """Is this a name that `make_temporary` gives, and so nobody else's TMPDIR?"""
    return re.fullmatch(rf"/.*/course-{port}-[a-z0-9_]{{8}}", temporary) is not None


def _is_temporary(folder: Path) -> bool:
    """Is this a folder of ours in the system's place for temporary files?"""
    parents = {Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()}
    try:
        mine = folder.lstat().st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink()
        return mine and folder.parent.resolve() in parents
    except (OSError, ValueError):
        return False


def _is_orphan(process: psutil.Process) -> bool:
    try:
        process = psutil.Process(process.pid)  # process_iter keeps names, and titles change
        engine = process.name().startswith("VLLM::") or "spawn_main(" in " ".join(process.cmdline())
        if not engine or process.uids().real != os.getuid() or not lives(process):
            return False
        at_home = Path(process.cwd().removesuffix(" (deleted)")).is_relative_to(ROOT)
        return at_home and not _has_python_parent(process)
    except psutil.Error:
        return False


def _has_python_parent(process: psutil.Process) -> bool:
    """Whoever takes in lost processes (init, systemd, a container's first process) is not one."""
    parent = process.parent()
    if parent is None or parent.pid == 1 or parent.uids().real != os.getuid():
        return False
    return Path(parent.exe()).name.startswith("python")


def _stop_orphans(orphans: list[psutil.Process]) -> str:
    gib = sum(p.memory_info().rss for p in orphans if lives(p)) / 2**30
    names = ", ".join(name_process(p) for p in orphans if lives(p))
    with hold_signals(but=signal.SIGINT) as caught:
        end_processes(lambda: [p for p in orphans if lives(p)], 0, caught)
    return f"Stopped: an engine whose notebook is gone, {names}; it held {gib:.1f} GiB."


def _describe_port(port: int) -> str:
    """Look whether the port is free; the system may take a moment."""
    end = time.monotonic() + PORT_LIMIT
    while True:
        try:
            check_port_free(port)
            return f"port {port} is free"
        except ServerError:
            if time.monotonic() > end:
                return f"but {find_holder(port)} has port {port}"
        time.sleep(0.1)


def _read_environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def find_parent(pid: int) -> int:
    try:
        return psutil.Process(pid).ppid()
    except psutil.Error:
        return -1


def _is_tracker(process: psutil.Process) -> bool:
    """Python's own process that removes the semaphores of those that were killed, and ends."""
    with contextlib.suppress(psutil.Error):
        return "multiprocessing.resource_tracker" in " ".join(process.cmdline())
    return False


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _reap() -> None:
    """Take note of dead children of ours, so that none stays as a zombie."""
    for process in _started:
        process.poll()
