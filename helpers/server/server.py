"""Start, find and stop the course's vLLM server.

A server that was started is on record (`helpers.server.records`), so that a notebook whose kernel
was restarted, or another notebook, finds it and can use or stop it. It ends with the Python that
started it, however that ends: a watcher sees to it.

    python -m helpers.server          run it until ctrl-C; start it again when it dies
    python -m helpers.server stop     stop every server that the course has started
"""

import argparse
import atexit
import base64
import contextlib
import errno
import html
import io
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import httpx

from helpers.card import read_nvidia
from helpers.errors import CourseError
from helpers.places import SHARE, Place, find_place, renew_share
from helpers.server import records as server_records
from helpers.server.cells import explain_in_cells
from helpers.server.log import explain_wait, find_cause
from helpers.server.log_lines import find_stage
from helpers.server.records import (
    SIGNALS,
    Record,
    ServerError,
    check_port_free,
    hold_signals,
    lock_port,
    make_temporary,
    read_boot,
    read_record,
    start_process,
    start_watcher,
    stop_record,
    stop_servers,
)
from helpers.server.view import StageLine, find_aside, put_aside, read_log

START_LIMIT = 900.0  # s; a first start on a GPU compiles for minutes
ASK_LIMIT = 600.0  # s for the first reply, which may wait for the driver's compiler
DEATH_LIMIT = 10.0  # s: vLLM ends 1 to 5 s after its engine, with exit code 0
RESTARTS = (2, 5, 15)  # s before `serve` starts a server again that died
LONG_LIFE = 600.0  # s after which a death counts as the first one
STAGE_LOG = 2**18  # bytes of the log to read twice a second while a start goes on
SMALLEST_DISK = 2**16  # bytes; with less the log cannot be written


class Stopped(ServerError):
    """The server was stopped by the course, but not by this program."""


class Interrupted(KeyboardInterrupt):
    """The start was interrupted; what had been started is gone."""

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


class Server:
    """The vLLM server of a place: start it, use it, stop it.

    `start` attaches to the course's own server when it already runs with the same command.
    A server that this object started is stopped by `stop`, at the end of a `with` block, and
    when Python ends, also by a signal; one that it attached to is stopped by `stop` alone. On the
    remote place nothing is started or stopped.
    """

    def __init__(self, place: Place, *, extra_flags: Sequence[str] = ()) -> None:
        self.place = place
        self.extra_flags = tuple(extra_flags)
        self.record: Record | None = None
        self.vllm_version = ""
        self.model = ""
        self._owned = False
        self._process: subprocess.Popen | None = None
        self._watcher: subprocess.Popen | None = None

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
        return server_records.STATE / f"server-{self.place.port}.log"

    def log_text(self) -> str:
        """What the server has written so far, without colour codes; "" of a remote one."""
        return "" if self.place.name == "remote" else read_log(self.log_path)

    def start(self, *, limit: float = START_LIMIT) -> "Server":
        """Start the server, or attach to it, and wait until it answers; at most `limit` seconds.

        Says what the server before this one died of, if it did. Raises `ServerError` with the
        cause and the way out. Nothing is left running then, nor after an interrupt.
        """
        if self.place.name == "remote":
            return self._greet()
        launched = False
        try:
            with _name_trouble(), lock_port(self.place.port):
                record = self._find_running()
                if record is None:
                    self.place = renew_share(self.place)
                    self._check_before_start()
                    launched = True
                    self._launch()
                else:
                    self._attach(record)
            self._wait_until_ready(limit)
            return self._greet()
        except KeyboardInterrupt:
            what = self._end_own() if launched else "Nothing was started or stopped."
            raise Interrupted(f"the start was broken off. {what or 'Nothing was left.'}") from None
        except BaseException:
            if launched:
                self._end_own()
            raise

    def stop(self) -> str:
        """Stop the course's server on this port, whoever started it; returns one sentence."""
        if self.place.name == "remote":
            return "The remote server goes on: whoever runs it stops it."
        done = self._end_own()
        if done is None and (record := read_record(self.place.port)):
            done = _clean_up(record)
        return done or f"No server of the course runs on port {self.place.port}."

    def _end_own(self) -> str | None:
        """Stop the server that this object knows; None if it knows none, or that one is gone."""
        done = _clean_up(self.record) if self.record else None
        atexit.unregister(self._leave)
        self.record, self._owned, self.model = None, False, ""
        if self._watcher:
            self._watcher.terminate()
            self._watcher.wait()
            self._watcher = None
        return done

    def wait(self) -> str:
        """Wait until the server is gone: "" if the course stopped it, else what it died of."""
        while self.record.alive():
            self.look_after()
            time.sleep(1)
        if self.record.was_stopped():
            return ""
        with _name_trouble(), lock_port(self.place.port):
            return self._tell_death(self.record)

    def look_after(self) -> None:
        """What to do each second while waiting; nothing, but for servers with a door in front."""

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

    def _find_running(self) -> Record | None:
        """Our own server on this port, if it lives and was started as this one would be.

        The share of the card may differ: a place that is found while a server holds the card
        asks for what is left.
        """
        record = read_record(self.place.port)
        if record is None:
            return None
        if self._is_dead(record):
            if record.boot == read_boot() and not record.was_stopped():
                print(f"{self._tell_death(record)}\nA new one is started.")
            _clean_up(record, leave_word=False)
            return None
        if _without_share(record.command) != _without_share(self.arguments):
            raise ServerError(
                f"The course's server on port {record.port} runs {record.model} with other flags. "
                "Stop it first: `from helpers.server import stop_servers; stop_servers()`."
            )
        return record

    def _is_dead(self, record: Record) -> bool:
        """Has the server ended, or lost its engine, so that it is about to?"""
        end = time.monotonic() + DEATH_LIMIT
        while record.alive() and time.monotonic() < end:
            if not self._lost_engine():
                return False
            time.sleep(0.2)
        return True

    def _lost_engine(self) -> bool:
        """vLLM answers 503 when its engine is dead, and never while it starts."""
        with contextlib.suppress(httpx.HTTPError):
            return _get(self.place, "/health", below_v1=False).status_code == 503
        return False

    def _attach(self, record: Record) -> None:
        if self.record is None or record.temporary != self.record.temporary:
            self._owned = False
        self.record = record
        print(f"Using the course's server that already runs on port {record.port}.")

    def _tell_death(self, record: Record) -> str:
        """What a server died of, and where its log is now; what is left of it is ended.

        The log is put aside, because the next start writes a new one. (That start may have been
        somebody else's, and done.)
        """
        log = Path(record.log_path)
        log = put_aside(log) if record.is_current() else find_aside(log)
        cause = self._explain_end(record, log)
        _clean_up(record, leave_word=False)
        return f"The server died. {cause} Its log: {log}"

    def explain_death(self) -> str:
        """What ended the server that this object started or found, and the way to a new one.

        "" while it lives, and of a server of the remote place. One that has lost its engine closes
        its port some seconds before it ends.
        """
        record, limit = self.record, time.monotonic() + DEATH_LIMIT
        while record is not None and record.alive():
            if self._answers() or time.monotonic() > limit:
                return ""
            time.sleep(0.2)
        if record is None:
            return ""
        again = "run `server = Server(place).start()` again"
        if record.was_stopped():
            return f"The server was stopped, by `make stop` or a notebook: {again}."
        log = self.log_path if record.is_current() else find_aside(self.log_path)
        return f"The server died: {again}. {self._explain_end(record, log)} Its log: {log}"

    def _explain_end(self, record: Record, log: Path) -> str:
        """The cause in the log, with the exit code where the process was ours."""
        with contextlib.suppress(OSError):
            if shutil.disk_usage(server_records.STATE).free < SMALLEST_DISK:
                return f"The disk of {server_records.STATE} is full: free some space."
        ours = self._process is not None and self._process.pid == record.pid
        return find_cause(read_log(log), self._process.poll() if ours else None)

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
        """Start the process. It is on record before it exists, so that no moment can lose it."""
        port = self.place.port
        with hold_signals():
            put_aside(self.log_path)
            with self.log_path.open("wb") as log:
                self.record = Record(
                    pid=0,
                    base_url=self.place.base_url,
                    place=self.place.name,
                    model=self.place.served_model_name or "",
                    command=self.arguments,
                    log_path=str(self.log_path),
                    temporary=make_temporary(port),
                    boot=read_boot(),
                )
                self.record.save()
                command = [str(find_vllm()), *self.arguments[1:]]
                self._process = start_process(command, self._make_environment(), log)
            self.record = replace(self.record, pid=self._process.pid)
            self.record.save()
            self._watcher = start_watcher(self.record)
            self._owned = True
            atexit.register(self._leave)

    def _make_environment(self) -> dict[str, str]:
        own = {"TMPDIR": self.record.temporary, "SPT_NOENV": "1"}  # what its processes are known by
        env = os.environ | self.place.env | own
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # it makes every start compile vLLM again
        return env

    def _leave(self) -> None:
        """Stop the server when Python ends; one that died stays on record, for the next start."""
        if self._owned and self.record.processes():
            self.stop()

    def _wait_until_ready(self, limit: float) -> None:
        """Show the stage and its seconds until `/health` and the model list answer."""
        line = StageLine()
        while not self._answers():
            if not self.record.alive():
                line.end()
                raise self._explain_failed_start()
            if line.seconds > limit:
                line.end()
                raise ServerError(
                    f"The server was not ready after {limit:.0f} s, still {line.stage}. "
                    f"{explain_wait(self.log_text())} Its log: {self.log_path}"
                )
            line.show(find_stage(read_log(self.log_path, STAGE_LOG)))
            time.sleep(0.5)
        if self._owned and self.place.name == "gpu" and line.stage:
            self._ask_first(line)
        if line.stage:
            line.end(f"Ready after {line.seconds:.0f} s.")

    def _explain_failed_start(self) -> ServerError:
        if self.record.was_stopped():
            return Stopped("The start was stopped from elsewhere, by `make stop` or a notebook.")
        cause = self._explain_end(self.record, self.log_path)
        return ServerError(f"The server did not start. {cause} Its whole log: {self.log_path}")

    def _ask_first(self, line: StageLine) -> None:
        """Ask the first question, which may take a minute, before a learner does.

        The server is of use also when it refuses; when it dies of it, `ServerError` says so.
        """
        said: list[str] = []
        asking = threading.Thread(target=lambda: said.append(ask_first(self.place)), daemon=True)
        asking.start()
        while asking.is_alive():
            line.show("asking once, so that the driver compiles its kernels")
            asking.join(0.5)
        problem = "".join(said)
        if problem and self._is_dead(self.record):
            line.end()
            raise self._explain_failed_start()
        if problem:
            line.end(f"{problem} The server runs; its first reply may take a minute.")

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
        explain_in_cells(self.explain_death)
        return self


def find_vllm() -> Path:
    """The `vllm` command of the environment that this Python runs in."""
    return Path(sys.executable).with_name("vllm")


def ask_first(place: Place, *, limit: float = ASK_LIMIT) -> str:
    """Send one short request with a small picture, at most `limit` seconds; "" if it was answered.

    A card's driver compiles at first use what vLLM brings no machine code for (on an RTX 5090
    FlashAttention 2): an H100 that was made to do so, with vLLM 0.11.0, took 43 and 50 s for its
    first picture and 0.2 s for the next. Returns one sentence of what went wrong.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    content = [picture, {"type": "text", "text": "What is this?"}]
    request = {
        "model": place.served_model_name,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 2,  # the first is written while the prompt is read, the second after it
    }
    url = f"{place.base_url}/chat/completions"
    try:
        answer = httpx.post(url, json=request, headers=_key(place), timeout=limit, trust_env=False)
        if answer.status_code == 200:
            return ""
        return f"The first request was refused (status {answer.status_code}): {answer.text[:200]}"
    except httpx.TimeoutException:
        return f"The first request was not answered within {limit:.0f} s."
    except httpx.HTTPError as error:
        return f"The first request was not answered ({error})."


@contextlib.contextmanager
def _name_trouble() -> Iterator[None]:
    """Turn what the system refuses while a server is put on record into one sentence."""
    try:
        yield
    except OSError as error:
        state = server_records.STATE
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ServerError(f"The disk of {state} is full: free some space.") from None
        raise ServerError(
            f"{error.filename or state} cannot be used ({error.strerror}), and the course keeps "
            f"its servers' logs and records in {state}: see to the permissions there."
        ) from None


def _clean_up(record: Record, *, leave_word: bool = True) -> str | None:
    """Remove what there is of a server: processes, files, its record; None if it was gone."""
    if record.processes():
        return stop_record(record, leave_word=leave_word)
    record.forget()
    return None


def _without_share(command: list[str]) -> list[str]:
    """The command without the place's own --gpu-memory-utilization and its value."""
    if SHARE not in command:
        return command
    at = command.index(SHARE)
    return command[:at] + command[at + 2 :]


def _get(place: Place, path: str, *, below_v1: bool = True) -> httpx.Response:
    base = place.base_url if below_v1 else place.base_url.removesuffix("/v1")
    trust_env = place.name == "remote"  # a proxy may be on the way there, never to 127.0.0.1
    return httpx.get(base + path, headers=_key(place), timeout=5, trust_env=trust_env)


def _key(place: Place) -> dict[str, str]:
    return {"Authorization": f"Bearer {place.api_key}"}


def check_own(place: Place) -> None:
    """Raise `ServerError` for the remote place, whose server is somebody else's."""
    if place.name == "remote":
        raise ServerError(
            f"The place is remote ({place.reason}): somebody else runs that server. To run one on "
            "this machine, unset COURSE_BASE_URL and set COURSE_PLACE to cpu or gpu."
        )


def serve(server: Server) -> None:
    """Run a server until the course stops it; one that dies is started again, a few times.

    Raises `ServerError` when it cannot be started, or died too often in a row.
    """
    check_own(server.place)
    pauses, death = list(RESTARTS), ""
    while True:
        begin = time.monotonic()
        try:
            server.start()
            print(server, "Stop it with ctrl-C.", sep="\n", flush=True)
            death = server.wait()
        except ServerError as error:
            if isinstance(error, Stopped) or not death:
                raise
            death = str(error)
        if not death:
            print("The server was stopped from elsewhere, by `make stop` or a notebook.")
            return
        if time.monotonic() - begin > LONG_LIFE:
            pauses = list(RESTARTS)
        if not pauses:
            raise ServerError(
                f"{death}\nThat was {len(RESTARTS) + 1} times in a row: it stays off."
            )
        pause = pauses.pop(0)
        print(f"{death}\nStarting it again in {pause} s.", flush=True)
        time.sleep(pause)


def end_serving(server: Server) -> str:
    """What ctrl-C did: it stops the server that was started here, not one that was found."""
    if server.record and not server._owned:
        return f"The server on port {server.place.port} goes on: it was started elsewhere."
    return server.stop()


def heed_signals() -> None:
    """Let SIGTERM and a closed terminal (unless under nohup) end this program as ctrl-C does."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers.server", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["run", "stop"], default="run")
    heed_signals()
    server = None
    try:
        if parser.parse_args().action == "stop":
            print("\n".join(stop_servers()) or "No server of the course is running.")
            return
        server = Server(find_place())
        serve(server)
    except Interrupted as interrupt:
        print(f"\nInterrupted: {interrupt}")
    except KeyboardInterrupt:
        print(f"\n{end_serving(server)}" if server else "")
    except CourseError as error:
        sys.exit(str(error))
