"""Start, find and stop the course's vLLM server.

A server is recorded in `.course/server-PORT.json` while it lives, so that a notebook whose
kernel was restarted, or another notebook, finds it and can use or stop it. It runs in a
session of its own (`start_new_session`): every process that it starts, EngineCore included,
carries that session's id, and that is how `stop` finds them all, also when the first process
was killed.

    python -m helpers.server          start it in this terminal until ctrl-C
    python -m helpers.server stop     stop every server that the course has started
"""

import argparse
import atexit
import contextlib
import html
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from helpers.card import read_nvidia
from helpers.errors import CourseError
from helpers.places import ROOT, Place, find_place
from helpers.server_log import find_cause, find_stage, strip_colours

STATE = ROOT / ".course"
START_LIMIT = 900.0  # s; a first start on a GPU compiles for minutes
STOP_LIMIT = 20.0  # s from SIGTERM to SIGKILL
_started: list[subprocess.Popen] = []


class ServerError(CourseError):
    """The server could not be started, reached or stopped."""


class Interrupted(KeyboardInterrupt):
    """The start was interrupted; what had been started is gone."""

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


@dataclass(frozen=True)
class Record:
    """A server that the course started: its first process, and where it listens."""

    pid: int
    created: float  # s since 1970; tells a pid that was used again
    base_url: str
    place: str
    model: str
    command: list[str]
    log_path: str
    temporary: str = ""  # its own TMPDIR: vLLM and torch leave sockets and files there

    @property
    def port(self) -> int:
        return int(self.base_url.split(":")[2].split("/")[0])

    @property
    def path(self) -> Path:
        return STATE / f"server-{self.port}.json"

    def processes(self) -> list[psutil.Process]:
        """Every living process of the server, the first one first if it lives."""
        if self.created < psutil.boot_time():
            return []
        found = [p for p in psutil.process_iter() if _session_of(p.pid) == self.pid and _lives(p)]
        if any(p.pid == self.pid and abs(p.create_time() - self.created) > 1 for p in found):
            return []  # the pid belongs to another program now
        return sorted(found, key=lambda p: p.pid != self.pid)

    def alive(self) -> bool:
        """True while the first process lives; its children may outlive it."""
        return any(p.pid == self.pid for p in self.processes())

    def forget(self) -> None:
        """Remove the record of a server that is gone, and the files that it left behind."""
        self.path.unlink(missing_ok=True)
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)


def find_servers() -> list[Record]:
    """The servers that the course started and of which a process still lives."""
    records = []
    for path in sorted(STATE.glob("server-*.json")):
        try:
            record = Record(**json.loads(path.read_text()))
        except (ValueError, TypeError):
            continue
        if record.processes():
            records.append(record)
        else:
            record.forget()
    return records


def stop_servers() -> list[str]:
    """Stop every server that the course started; returns one sentence for each."""
    return [stop_record(record) for record in find_servers()]


def stop_record(record: Record) -> str:
    """End all processes of a server: SIGTERM, then SIGKILL; returns what was done.

    Raises `ServerError` when something of it is still there.
    """
    begin = time.monotonic()
    processes = record.processes()
    first = [p for p in processes if p.pid == record.pid]
    _signal(first or processes, signal.SIGTERM)
    while record.processes() and time.monotonic() - begin < STOP_LIMIT:
        _reap()
        if first and not record.alive():
            first = []
            _signal(record.processes(), signal.SIGTERM)
        time.sleep(0.1)
    _signal(record.processes(), signal.SIGKILL)
    _wait_until_gone(record)
    record.forget()
    seconds = time.monotonic() - begin
    return (
        f"Stopped: {len(processes)} processes ended in {seconds:.1f} s, port {record.port} is free."
    )


class Server:
    """The vLLM server of a place: start it, use it, stop it.

    `start` attaches to the course's own server when it already runs with the same command.
    A server that this object started is stopped by `stop`, at the end of a `with` block, and
    when Python ends; one that it attached to is stopped by `stop` alone. On the remote place
    nothing is started or stopped.
    """

    def __init__(self, place: Place, *, extra_flags: Sequence[str] = ()) -> None:
        self.place = place
        self.extra_flags = tuple(extra_flags)
        self.record: Record | None = None
        self.vllm_version = ""
        self.model = ""
        self._owned = False

    @property
    def arguments(self) -> list[str]:
        """The command as a list: `vllm serve MODEL --flag value …`."""
        if self.place.name == "remote":
            raise ServerError("The place is remote: its server is started by whoever runs it.")
        flags = [word for flag in self.place.flags for word in flag.words]
        return ["vllm", "serve", str(self.place.model_path), *flags, *self.extra_flags]

    @property
    def command(self) -> str:
        """The command to type in a terminal, one flag a line."""
        env = [f"{name}={shlex.quote(value)}" for name, value in self.place.env.items()]
        lines = [" ".join([*env, *map(shlex.quote, self.arguments[:3])])]
        for word in self.arguments[3:]:
            if word.startswith("--"):
                lines.append(word)
            else:
                lines[-1] += f" {shlex.quote(word)}"
        return " \\\n  ".join(lines)

    @property
    def log_path(self) -> Path:
        return STATE / f"server-{self.place.port}.log"

    def log_text(self) -> str:
        """What the server has written so far, without colour codes."""
        if not self.log_path.exists():
            return ""
        return strip_colours(self.log_path.read_text(errors="replace"))

    def start(self, *, limit: float = START_LIMIT) -> "Server":
        """Start the server, or attach to it, and wait until it answers; at most `limit` seconds.

        Raises `ServerError` with the cause and the way out. Nothing is left running then, nor
        after an interrupt.
        """
        if self.place.name == "remote":
            return self._greet()
        record = self._find_running()
        if record:
            self.record = record
            print(f"Using the course's server that already runs on port {record.port}.")
            self._wait_until_ready(limit)
            return self._greet()
        self._check_before_start()
        try:
            with _hold_interrupt():
                self._launch()
            self._wait_until_ready(limit)
            return self._greet()
        except KeyboardInterrupt:
            raise Interrupted(f"the start was broken off. {self.stop()}") from None
        except BaseException:
            self.stop()
            raise

    def stop(self) -> str:
        """Stop the course's server on this port, whoever started it; returns one sentence."""
        if self.place.name == "remote":
            return "The remote server goes on: whoever runs it stops it."
        atexit.unregister(self.stop)
        record = self.record or self._find_record()
        self.record, self._owned, self.model = None, False, ""
        if record is None:
            return f"No server of the course runs on port {self.place.port}."
        return stop_record(record)

    def __enter__(self) -> "Server":
        return self if self.model else self.start()

    def __exit__(self, *_: object) -> None:
        if self._owned:
            self.stop()

    def __str__(self) -> str:
        if not self.model:
            return f"Server of the {self.place}, not started"
        version = f"vLLM {self.vllm_version}" if self.vllm_version else "a server without a version"
        return (
            f"{self.model} on {version} at {self.place.base_url} ({self.place}). {self.place.note}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p>"

    def _find_record(self) -> Record | None:
        return next((r for r in find_servers() if r.port == self.place.port), None)

    def _find_running(self) -> Record | None:
        """Our own server on this port, if it lives and was started as this one would be.

        The share of the card may differ: a place that is found while a server holds the card
        asks for what is left.
        """
        record = self._find_record()
        if record is None:
            return None
        if not record.alive():
            print(f"Cleaning up after a server that was killed: {stop_record(record)}")
            return None
        if _without_share(record.command) != _without_share(self.arguments):
            raise ServerError(
                f"The course's server on port {record.port} runs {record.model} with other flags. "
                "Stop it first: `from helpers.server import stop_servers; stop_servers()`."
            )
        return record

    def _check_before_start(self) -> None:
        if self.place.name == "gpu" and read_nvidia().card is None:
            raise ServerError(
                "The place is gpu (COURSE_PLACE), but no NVIDIA card is found: notebook 00's check "
                "says why. Without COURSE_PLACE the course runs on the CPU."
            )
        check_port_free(self.place.port)
        model = self.place.model_path
        if not (model / "config.json").exists():
            way = (
                "Notebook 01 downloads it" if self.place.name == "gpu" else "`make setup` makes it"
            )
            raise ServerError(f"There is no model in {model}. {way}; COURSE_MODEL names another.")
        if not find_vllm().exists():
            raise ServerError(
                f"There is no vllm command beside {sys.executable}. Set the environment up as the "
                "README says, and start JupyterLab from it."
            )

    def _launch(self) -> None:
        STATE.mkdir(exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=f"course-{self.place.port}-")
        env = os.environ | self.place.env | {"TMPDIR": temporary}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes every start compile vLLM again
        with self.log_path.open("wb") as log:
            process = subprocess.Popen(
                [str(find_vllm()), *self.arguments[1:]],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _started.append(process)
        self.record = Record(
            pid=process.pid,
            created=psutil.Process(process.pid).create_time(),
            base_url=self.place.base_url,
            place=self.place.name,
            model=self.place.served_model_name or "",
            command=self.arguments,
            log_path=str(self.log_path),
            temporary=temporary,
        )
        half = self.record.path.with_suffix(".tmp")
        half.write_text(json.dumps(asdict(self.record), indent=1))
        half.replace(self.record.path)
        self._owned = True
        atexit.register(self.stop)

    def _wait_until_ready(self, limit: float) -> None:
        """Show the stage and its seconds until `/health` and the model list answer."""
        begin = time.monotonic()
        stage, since = "", begin
        while not self._answers():
            _reap()
            now = time.monotonic()
            if not self.record.alive():
                print()
                raise ServerError(
                    f"The server did not start. {find_cause(self.log_text())} "
                    f"Its whole log: {self.log_path}"
                )
            if now - begin > limit:
                print()
                raise ServerError(
                    f"The server was not ready after {limit:.0f} s, still {stage}. "
                    f"Its log: {self.log_path}"
                )
            if (new := find_stage(self.log_text())) != stage:
                print("\n" if stage else "", end="")
                stage, since = new, now
            print(f"\r{now - since:4.0f} s  {stage}", end="", flush=True)
            time.sleep(0.5)
        if stage:
            print(f"\nReady after {time.monotonic() - begin:.0f} s.")

    def _answers(self) -> bool:
        try:
            if _get(self.place, "/health", below_v1=False).status_code != 200:
                return False
            names = [m["id"] for m in _get(self.place, "/models").json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError):
            return False
        return self.place.served_model_name in names

    def _greet(self) -> "Server":
        """Ask what is served and by which version; a remote server need not be vLLM."""
        try:
            answer = _get(self.place, "/models")
            answer.raise_for_status()
            self.model = answer.json()["data"][0]["id"]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            raise ServerError(
                f"No model list from {self.place.base_url}/models ({error}). Check COURSE_BASE_URL "
                "(it ends in /v1) and COURSE_API_KEY, and that the server runs."
            ) from None
        with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
            self.vllm_version = _get(self.place, "/version", below_v1=False).json()["version"]
        return self


def find_vllm() -> Path:
    """The `vllm` command of the environment that this Python runs in."""
    return Path(sys.executable).with_name("vllm")


def check_port_free(port: int) -> None:
    """Raise `ServerError` unless a server can listen on 127.0.0.1:port.

    A bind test, because vLLM 0.11 sets SO_REUSEPORT: a second server on a taken port would
    start and silently get about half of the requests.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerError(
                f"Port {port} is not free ({error.strerror}): {find_holder(port)} has it. Stop "
                "that program, or start the course on another port: `COURSE_PLACE=cpu "
                f"COURSE_BASE_URL=http://127.0.0.1:{port + 1}/v1 make lab` (or gpu)."
            ) from None


def find_holder(port: int) -> str:
    """The program that listens on a port, as far as this user may know."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                if connection.pid is None:
                    break
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another user's program"


def _without_share(command: list[str]) -> list[str]:
    """The command without the place's own --gpu-memory-utilization and its value."""
    if "--gpu-memory-utilization" not in command:
        return command
    at = command.index("--gpu-memory-utilization")
    return command[:at] + command[at + 2 :]


def _get(place: Place, path: str, *, below_v1: bool = True) -> httpx.Response:
    base = place.base_url if below_v1 else place.base_url.removesuffix("/v1")
    headers = {"Authorization": f"Bearer {place.api_key}"}
    return httpx.get(base + path, headers=headers, timeout=5, trust_env=place.name == "remote")


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _reap() -> None:
    """Take note of dead children of ours, so that none stays as a zombie."""
    for process in _started:
        process.poll()


def _wait_until_gone(record: Record) -> None:
    for _ in range(100):
        _reap()
        if not (left := record.processes()):
            return
        time.sleep(0.1)
    pids = ", ".join(str(p.pid) for p in left)
    raise ServerError(f"Processes of the server are still there: {pids}. Try `kill -9 {pids}`.")


@contextlib.contextmanager
def _hold_interrupt() -> Iterator[None]:
    """Let a ctrl-C wait until the block is done, so that a started process is on record."""
    caught: list[object] = []
    try:
        before = signal.signal(signal.SIGINT, lambda *_: caught.append(1))
    except ValueError:  # not the main thread: no interrupt arrives here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        raise KeyboardInterrupt


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers.server", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["run", "stop"], default="run")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a closed terminal too
        signal.signal(number, signal.default_int_handler)
    try:
        if parser.parse_args().action == "stop":
            print("\n".join(stop_servers()) or "No server of the course is running.")
            return
        with Server(find_place()) as server:
            print(server, "Stop it with ctrl-C.", sep="\n")
            while server.record.alive():
                time.sleep(1)
            print("The server was stopped from elsewhere, such as a notebook.")
    except KeyboardInterrupt:
        print("\nThe server is stopped.")
    except CourseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
