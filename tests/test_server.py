"""The server helper against real processes: real vLLM servers, real signals, real ports."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from helpers.card import Nvidia
from helpers.places import Place
from helpers.server import server as server_module
from helpers.server.records import Record, ServerError, check_port_free, find_servers, stop_record
from helpers.server.server import Server, _without_share
from helpers.versions import REFERENCE, find_stack
from measurements.load_client import make_client, run
from tests.conftest import course_environment, find_free_port

START = "from helpers.places import find_place; from helpers.server import Server; "
START += "server = Server(find_place()).start(); print('ANSWERS', flush=True); "


def wait_until(true: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


def find_record(port: int) -> Record | None:
    return next((record for record in find_servers() if record.port == port), None)


def start_python(code: str, port: int, log: Path) -> subprocess.Popen:
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=course_environment(port),
            stdout=out,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.slow
def test_life_of_a_server(cpu_place: Place, capsys: pytest.CaptureFixture) -> None:
    """Start, use, attach, refuse other flags, lose the first process in a sweep, clean up."""
    server = Server(cpu_place).start()
    try:
        record = server.record
        assert "Ready after" in capsys.readouterr().out
        assert f"qwen3-vl-pocket on vLLM {find_stack().vllm}" in str(server)
        assert any("EngineCore" in p.name() for p in record.processes())
        assert listening_addresses(record, cpu_place.port) == {"127.0.0.1"}

        other = Server(cpu_place).start()
        assert other.record == record
        with other:
            pass  # attached, so the end of the block leaves the server alone
        assert httpx.get(f"{cpu_place.base_url}/models").status_code == 200

        with pytest.raises(ServerError, match="other flags"):
            Server(cpu_place, extra_flags=["--max-model-len", "4096"]).start()

        lose_it_in_a_sweep(server, capsys)
        wait_until(lambda: not record.alive())
        assert record.processes(), "EngineCore outlives the API server, or vLLM has changed"
        assert list(Path(record.temporary).iterdir()), "vLLM leaves sockets, or it has changed"
        again = Server(cpu_place)
        assert again._find_running() is None
        assert not record.processes() and not Path(record.temporary).exists()
        check_port_free(cpu_place.port)
    finally:
        for left in (r for r in find_servers() if r.port == cpu_place.port):
            stop_record(left)


def lose_it_in_a_sweep(server: Server, capsys: pytest.CaptureFixture) -> None:
    """Notebook 10's client meets a server that is killed: it keeps what it has, and says why."""
    made, levels = make_client(server.place.base_url, server.place.served_model_name), []
    killer = threading.Timer(0.3, os.kill, [server.record.pid, signal.SIGKILL])

    def make() -> list[dict]:
        if len(levels) == 2 and killer.ident is None:  # the third level is being prepared
            killer.start()
        return made.make_text()

    run(made, made.sweep(made.load_client, make, (1, 2, 4, 8), levels, 64))
    said = capsys.readouterr().out
    assert [level.at_once for level in levels] == [1, 2, 4]
    assert "Stopped at 4 at once; finished levels kept: 2." in said
    assert "No server answers" in said


def listening_addresses(record: Record, port: int) -> set[str]:
    """Where the API listens. (torch's TCPStore has a port of its own on all addresses.)"""
    connections = (c for p in record.processes() for c in p.net_connections("tcp"))
    return {
        c.laddr.ip for c in connections if (c.status, c.laddr.port) == (psutil.CONN_LISTEN, port)
    }


@pytest.mark.slow
def test_server_of_a_killed_python_ends_with_it(tmp_path: Path) -> None:
    port = find_free_port()
    log = tmp_path / "out"
    child = start_python(START + "import time; time.sleep(600)", port, log)
    try:
        wait_until(lambda: "ANSWERS" in log.read_text() or child.poll() is not None)
        record = find_record(port)
        processes = 3 if find_stack() is REFERENCE else 4  # 0.32's EngineCore has a Worker
        assert len(record.processes()) == processes
        child.kill()
        child.wait()
        wait_until(lambda: find_record(port) is None and not Path(record.temporary).exists(), 30)
        check_port_free(port)
    finally:
        child.kill()


def end_by_request(url: str) -> None:
    """A request that is right for OpenAI, and ends the engine of vLLM 0.11.0."""
    body = {"model": "qwen3-vl-pocket", "messages": [{"role": "user", "content": "Hello"}]}
    body["response_format"] = {"type": "text"}
    answer = httpx.post(f"{url}/chat/completions", json=body, timeout=60)
    assert answer.status_code == 500, "vLLM has learnt it"


@pytest.mark.slow
def test_serve_survives_the_death_of_its_engine(tmp_path: Path) -> None:
    """EngineCore is killed, as the system does when memory is short; vLLM ends with code 0."""
    port, log = find_free_port(), tmp_path / "out"
    code = "import sys; sys.argv = ['server']; from helpers.server import server; server.main()"
    child = start_python(code, port, log)
    try:
        wait_until(lambda: "Stop it with ctrl-C" in log.read_text())
        record = find_record(port)
        engine = next(p for p in record.processes() if "EngineCore" in p.name())
        engine.kill()
        wait_until(lambda: "Starting it again in 2 s" in log.read_text())
        assert "The server died. The engine died while" in log.read_text()
        assert f"Its log: {record.log_path}.1" in log.read_text()
        assert not record.processes() and not Path(record.temporary).exists()
        wait_until(lambda: log.read_text().count("Stop it with ctrl-C") == 2)
        if find_stack() is REFERENCE:
            end_by_request(f"http://127.0.0.1:{port}/v1")
            wait_until(lambda: "Starting it again in 5 s" in log.read_text())
            assert '{"type": "text"}' in log.read_text().split("Starting it again in 2 s")[1]
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
        assert "elsewhere" not in log.read_text()
        assert "Stopped: " in log.read_text() or "No server of the course" in log.read_text()
    finally:
        child.kill()


@pytest.mark.slow
def test_interrupt_during_start_leaves_nothing(tmp_path: Path) -> None:
    port = find_free_port()
    log = tmp_path / "out"
    child = start_python(START, port, log)
    wait_until(lambda: find_record(port) and re.search("importing|reading", log.read_text()))
    record = find_record(port)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) != 0
    assert "Interrupted: the start was broken off. Stopped: " in log.read_text()
    assert not record.processes() and find_record(port) is None


# Notebook 02 starts with a length that does not fit, and its log is compared.
@pytest.mark.slow
def test_a_start_that_dies_says_why(cpu_place: Place) -> None:
    server = Server(cpu_place, extra_flags=["--max-model-lenn", "8192"])
    with pytest.raises(ServerError, match="does not know --max-model-lenn 8192") as caught:
        server.start()
    assert str(server.log_path) in str(caught.value)
    assert find_record(cpu_place.port) is None
    assert server.record is None


def test_a_start_that_takes_too_long_is_ended(cpu_place: Place) -> None:
    with pytest.raises(ServerError, match="not ready after 1 s, still"):
        Server(cpu_place).start(limit=1)
    assert find_record(cpu_place.port) is None


def test_port_of_another_program_is_refused_with_its_name(cpu_place: Place) -> None:
    named = rf"Port {cpu_place.port} .* \(pid {os.getpid()}\)"
    holder = socket.create_server(("127.0.0.1", cpu_place.port))
    with holder, pytest.raises(ServerError, match=named):
        Server(cpu_place).start()
    assert find_record(cpu_place.port) is None


def test_a_port_shared_by_so_reuseport_counts_as_taken() -> None:
    with socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        first.bind(("127.0.0.1", 0))
        first.listen()
        with pytest.raises(ServerError, match="is not free"):
            check_port_free(first.getsockname()[1])


def test_gpu_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", "gpu")
    monkeypatch.setenv("COURSE_BASE_URL", f"http://127.0.0.1:{find_free_port()}/v1")
    monkeypatch.setattr(server_module, "read_nvidia", lambda: Nvidia())
    with pytest.raises(ServerError, match="no NVIDIA card is found"):
        Server(server_module.find_place()).start()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_in_a_terminal_stops_with_it(tmp_path: Path, number: int) -> None:
    port, log = find_free_port(), tmp_path / "out"
    code = "import sys; sys.argv = ['server']; from helpers.server import server; server.main()"
    child = start_python(code, port, log)
    wait_until(lambda: find_record(port) and "starting" in log.read_text())
    record = find_record(port)
    child.send_signal(number)
    child.wait(30)
    assert not record.processes() and find_record(port) is None
    assert "Interrupted: the start was broken off. Stopped: " in log.read_text()


@pytest.mark.slow
def test_ctrl_c_twice_while_the_engine_starts(tmp_path: Path) -> None:
    """The moment at which vLLM 0.11 swallows a SIGTERM and goes on to become ready."""
    port, log = find_free_port(), tmp_path / "out"
    code = "import sys; sys.argv = ['server']; from helpers.server import server; server.main()"
    child = start_python(code, port, log)
    wait_until(lambda: "starting the engine process" in log.read_text())
    record = find_record(port)
    child.send_signal(signal.SIGINT)
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 0
    assert not record.processes() and find_record(port) is None
    assert "Interrupted: the start was broken off. Stopped: " in log.read_text()


def test_missing_model(cpu_place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_MODEL", str(tmp_path))
    place = server_module.find_place()
    with pytest.raises(ServerError, match=f"no model in {tmp_path}"):
        Server(place).start()


@pytest.mark.slow
def test_remote_place_is_greeted_and_never_stopped(shared_server: Server) -> None:
    place = Place(
        name="remote",
        reason="test",
        base_url=shared_server.place.base_url,
        api_key="EMPTY",
        note="",
    )
    server = Server(place).start()
    assert server.model == "qwen3-vl-pocket"
    assert "goes on" in server.stop()
    assert shared_server.record.alive()


def test_remote_server_that_is_away() -> None:
    url = f"http://127.0.0.1:{find_free_port()}/v1"
    place = Place(name="remote", reason="test", base_url=url, api_key="EMPTY", note="")
    with pytest.raises(ServerError, match=r"No model list from .*Check COURSE_BASE_URL"):
        Server(place).start()


def test_command_can_be_pasted_into_a_shell(cpu_place: Place) -> None:
    server = Server(cpu_place, extra_flags=["--seed", "1"])
    assert server.command.startswith("VLLM_CPU_KVCACHE_SPACE=1 TORCHDYNAMO_DISABLE=1 ")
    shown = server.command.replace(" vllm serve ", " printf '%s\\n' vllm serve ", 1)
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == server.arguments
    assert server.arguments[server.arguments.index("--host") + 1] == "127.0.0.1"
    assert "--trust-remote-code" not in server.arguments


def test_the_share_of_the_card_does_not_make_another_server() -> None:
    share = ["--gpu-memory-utilization", "0.90"]
    assert _without_share(["vllm", *share, "--port", "1"]) == ["vllm", "--port", "1"]
    assert _without_share(["vllm", "--port", "1"]) == ["vllm", "--port", "1"]
    asked_for = ["vllm", *share, "--port", "1", "--gpu-memory-utilization", "0.5"]
    assert _without_share(asked_for)[-1] == "0.5"
