"""The load client of notebook 10 when things go wrong, and the table of figures beside it.

Its cells run here against a small HTTP server that streams as vLLM does and misbehaves on demand;
test_server.py loses a real one. ■ is pressed as JupyterLab does it, in 06's engine start too.
"""

import ast
import asyncio
import contextlib
import csv
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import matplotlib.pyplot as plt
import psutil
import pytest
from jupyter_client import AsyncKernelClient, AsyncKernelManager

from helpers.places import MEASUREMENTS
from helpers.server import Server
from measurements.compare_versions import compare, find_listener
from measurements.load_client import WANTED, find_cells, make_client, run
from tests.conftest import ROOT

AS_A_CELL = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
CHUNK = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}}
ERROR = {"error": {"message": "EngineCore encountered an issue.", "code": 500}}


class FakeServer(ThreadingHTTPServer):
    """Streams four tokens for each request; `behave` is called with each request's number first."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = lambda number, handler: None
        self.seen = self.running = self.most = 0
        self.lock = threading.Lock()
        self.open_sockets: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def die(self) -> None:
        """Close the door and every connection, as a killed server does."""
        threading.Thread(target=self.shutdown).start()
        self.socket.close()
        for one in self.open_sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.seen += 1
            number = self.server.seen
            self.server.running += 1
            self.server.most = max(self.server.most, self.server.running)
            self.server.open_sockets.append(self.connection)
        try:
            if not self.server.behave(number, self):
                self.stream(CHUNK, CHUNK, CHUNK, CHUNK, USAGE)
        finally:
            with self.server.lock:
                self.server.running -= 1

    def stream(self, *chunks: dict, end: bool = True) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.write_chunk(f"data: {json.dumps(chunk)}\n\n".encode())
            time.sleep(0.005)
        if end:
            self.write_chunk(b"data: [DONE]\n\n")
            self.write_chunk(b"")

    def write_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sweep(server: FakeServer, steps: tuple[int, ...], limit: float = 20) -> SimpleNamespace:
    """The notebook's sweep over text; returns its names and the levels."""
    made, levels = make_client(server.url, "fake"), []
    run(made, made.sweep(made.load_client, made.make_text, steps, levels, 4, limit))
    return SimpleNamespace(levels=levels, **vars(made))


def test_a_sweep_counts_what_was_sent(fake: FakeServer) -> None:
    levels = sweep(fake, (1, 4)).levels
    assert [(level.at_once, len(level.timings)) for level in levels] == [(1, 4), (4, 8)]
    assert fake.seen == 12 and fake.most == 4
    for level in levels:
        assert len(level.good) == len(level.timings)
        assert {(timing.prompt, timing.tokens) for timing in level.timings} == {(7, 4)}
        assert all(0 < timing.ttft < timing.total for timing in level.timings)
        assert level.tokens_per_second == pytest.approx(4 * len(level.timings) / level.seconds)


def test_tpot_leaves_the_first_token_out(fake: FakeServer) -> None:
    timing = sweep(fake, (1,)).levels[0].timings[0]
    assert timing.tpot == pytest.approx((timing.total - timing.ttft) / 3)


def test_a_server_that_dies_leaves_the_finished_levels(
    fake: FakeServer, capsys: pytest.CaptureFixture
) -> None:
    def die_at_16(number: int, handler: Handler) -> bool:
        if number == 16:
            handler.stream(CHUNK, CHUNK, end=False)
            fake.die()
        return number >= 16

    fake.behave = die_at_16
    done = sweep(fake, (1, 2, 4, 8, 16))
    assert [level.at_once for level in done.levels] == [1, 2, 4]
    assert [len(level.timings) - len(level.good) for level in done.levels][:2] == [0, 0]
    assert len(done.levels[2].good) < 8 == len(done.levels[2].timings)
    said = capsys.readouterr().out
    assert "Stopped at 4 at once; finished levels kept: 2." in said
    assert "No server answers" in said
    done.plot_sweep({"text": done.levels})
    speeds, broken = plt.gcf().axes[0].get_lines()
    assert list(speeds.get_xdata()) == [1, 2, 4] and broken.get_xdata()[0] == 4
    plt.close("all")


@pytest.mark.parametrize(
    ("chunks", "sentence"),
    [((CHUNK, ERROR), "The engine behind the server has died"), ((CHUNK,), "The reply broke off.")],
)
def test_a_stream_that_ends_badly_is_an_error(
    fake: FakeServer, chunks: tuple[dict, ...], sentence: str, capsys: pytest.CaptureFixture
) -> None:
    fake.behave = lambda number, handler: number == 2 and (handler.stream(*chunks) or True)
    levels = sweep(fake, (1, 2)).levels
    assert [timing.error.startswith(sentence) for timing in levels[0].timings].count(True) == 1
    assert len(levels) == 1 and f"1 × {sentence}" in capsys.readouterr().out


def test_a_refusal_is_an_error_and_not_tried_again(fake: FakeServer) -> None:
    def refuse(number: int, handler: Handler) -> bool:
        handler.send_response(500)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    fake.behave = refuse
    level = sweep(fake, (2, 4)).levels[0]
    assert fake.seen == 4 and not level.good
    assert all("failed without a word (500)" in timing.error for timing in level.timings)
    assert level.tokens_per_second == 0


def test_what_the_server_says_is_quoted_without_its_wrapping(fake: FakeServer) -> None:
    def refuse(number: int, handler: Handler) -> bool:
        body = json.dumps({"error": {"message": "The sky is falling.", "code": 400}}).encode()
        handler.send_response(400)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    fake.behave = refuse
    level = sweep(fake, (2,)).levels[0]
    said = "The server refused the request (400) and says: The sky is falling."
    assert {timing.error for timing in level.timings} == {said}


def test_a_request_that_takes_too_long_is_an_error(
    fake: FakeServer, capsys: pytest.CaptureFixture
) -> None:
    """One never answers, one stops in the middle of its reply."""

    def stall(number: int, handler: Handler) -> bool:
        if number == 7:
            handler.stream(CHUNK, end=False)
        if number in (6, 7):
            time.sleep(3)
        return number in (6, 7)

    fake.behave = stall
    levels = sweep(fake, (1, 2, 4), limit=1).levels
    assert [len(level.timings) - len(level.good) for level in levels] == [0, 2]
    assert "2 × No whole reply within 1 s." in capsys.readouterr().out


@pytest.mark.slow
def test_an_interrupt_in_the_notebook_keeps_the_finished_levels(fake: FakeServer) -> None:
    """The client's cells in a real kernel, and the interrupt that JupyterLab's ■ sends."""
    fake.behave = lambda number, handler: number > 4 and (time.sleep(10) or True)
    sweep_cell = """
levels = []
await sweep(load_client, make_text, (1, 2, 4), levels, 4)
"""
    after = ["print([level.at_once for level in levels])", "plot_sweep({'text': levels})"]
    cells = [set_up(fake), *find_cells(), sweep_cell, *after]
    replies = asyncio.run(run_cells(cells, lambda: fake.seen > 4))
    *before, swept, kept, plotted = replies
    assert {reply["status"] for reply in (*before, kept, plotted)} == {"ok"}, replies
    assert swept["status"] == "error"  # the cell ends, and with it whatever it would do next
    assert "Interrupted at 2 at once; finished levels kept: 1." in swept["text"]
    assert kept["text"] == "[1]\n"


@pytest.mark.slow
def test_an_interrupted_request_shows_nothing_of_aiohttp(fake: FakeServer) -> None:
    """Jupyter hands ■ over when the loop wakes up, here when the server hangs up."""
    fake.behave = lambda number, handler: time.sleep(2) or True
    ask = "await measure_request(load_client, make_text(), 4)"
    cells = [set_up(fake), *find_cells(), ask, "1 + 1"]
    *_, asked, after = asyncio.run(run_cells(cells, lambda: fake.seen > 0))
    assert (asked["status"], after["status"]) == ("error", "ok")
    shown = "".join(asked["traceback"])
    assert "measure_request" in shown and "aiohttp/" not in shown


@pytest.mark.slow
def test_an_interrupt_while_the_changed_server_is_measured_stops_it(fake: FakeServer) -> None:
    stub = """
runs = {"text": []}
class Server:
    def __init__(self, place, extra_flags): pass
    def start(self): return self
    def __enter__(self): return self
    def __exit__(self, *_): print("Stopped again.")
server, TOKENS = SimpleNamespace(stop=lambda: "Stopped."), 8
"""
    fake.behave = lambda number, handler: time.sleep(0.5)
    made = find_cells((*WANTED, r"^default = next"))
    cells = [set_up(fake), *made[:-1], stub, made[-1], "1 + 1"]
    *_, served, after = asyncio.run(run_cells(cells, lambda: fake.seen > 2))
    assert (served["status"], after["status"]) == ("error", "ok"), served
    assert "Stopped again." in served["text"]
    assert served["seconds"] < 5


def set_up(fake: FakeServer) -> str:
    return f"""
from types import SimpleNamespace
place = SimpleNamespace(name="cpu", base_url="{fake.url}", api_key="EMPTY")
MODEL = "fake"
"""


async def run_cells(cells: list[str], interrupt: Callable[[], bool]) -> list[dict]:
    """Run cells in a kernel of their own, and interrupt it once, when `interrupt` is true."""
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel(cwd=str(ROOT))
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        waiting = asyncio.create_task(interrupt_when(manager, interrupt))
        replies = [await run_cell(client, cell) for cell in cells]
        await waiting
        return replies
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def run_cell(client: AsyncKernelClient, code: str) -> dict:
    """The cell's status and error, what it printed under "text", and how many "seconds" it took."""
    text: list[str] = []
    begin = time.monotonic()

    def keep(message: dict) -> None:
        if message["msg_type"] == "stream":
            text.append(message["content"]["text"])

    reply = await client.execute_interactive(code, timeout=150, output_hook=keep)
    return reply["content"] | {"text": "".join(text), "seconds": time.monotonic() - begin}


async def interrupt_when(manager: AsyncKernelManager, true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    await manager.interrupt_kernel()


@pytest.mark.slow
def test_an_interrupt_while_notebook_06_starts_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM swallows a KeyboardInterrupt there (`zmq_socket_ctx`), and waits for ten minutes."""
    notebook = json.loads((ROOT / "notebooks/06_reason_over_video_offline.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    start = next(source for source in sources if "llm = LLM(" in source)
    monkeypatch.setenv("COURSE_PLACE", "cpu")

    def engine_is_starting() -> bool:
        children = psutil.Process().children(recursive=True)
        words = [child.as_dict(["cmdline"])["cmdline"] or [] for child in children]
        return any("--multiprocessing-fork" in one for one in words)

    started, after = asyncio.run(run_cells([start, "1 + 1"], engine_is_starting))
    assert (started["status"], started["ename"]) == ("error", "SystemExit"), started
    assert started["evalue"] == "Interrupted: there is no engine."
    assert after["status"] == "ok"


@pytest.mark.parametrize("notebook", ["05", "06", "10"])
def test_no_cell_takes_the_name_of_a_function(notebook: str) -> None:
    """Else a cell that calls it fails when it is run again after the other one."""
    (path,) = (ROOT / "notebooks").glob(f"{notebook}_*.ipynb")
    cells = json.loads(path.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines = [line for one in code for line in compile(one, str(path), "exec", AS_A_CELL).body]
    made = {line.name for line in lines if isinstance(line, ast.FunctionDef)}
    names = [
        node
        for line in lines
        if not isinstance(line, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(line)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    assert not made & {node.id for node in names}


@pytest.mark.slow
def test_the_loads_that_compare_two_versions(shared_server: Server) -> None:
    figures = compare(
        shared_server.place.base_url, shared_server.model, {"make_text": (1, 2)}, at_once=4
    )
    levels = [(at_once, metric) for _, _, at_once, metric, *_ in figures]
    assert [*dict.fromkeys(at_once for at_once, _ in levels)] == [1, 2, 4]
    assert levels[-1] == (4, "HTTP's process, a request") and len(levels) == 9
    assert all(value >= 0 for *_, value, _ in figures)
    assert find_listener("http://127.0.0.1:9/v1") is None


def test_the_table_of_gpu_figures_says_whose_each_is() -> None:
    with (MEASUREMENTS / "throughput.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 11
    for row in rows:
        assert None not in row and all(value.strip() for value in row.values()), row
        assert float(row["value"]) > 0 and int(row["at_once"]) >= 1
        assert row["unit"] in ("tokens/s", "ms", "s", "%")
    served = [row for row in rows if row["step"] == "as served"]
    assert {1, 8, 32, 128} <= {
        int(row["at_once"]) for row in served if row["metric"] == "output tokens/s"
    }
