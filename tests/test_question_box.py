"""How notebook 15's question box takes a stream that ends too early, or falls silent."""

import ast
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from openai import OpenAI

from helpers.server import explain_refusal
from tests.conftest import NOTEBOOKS

NAMES = ("read_pieces", "reply_to")
PATIENCE = 1.5  # s
PIECES = ("A ", "green ", "house.")
FINISHES = ("stop", "length", "abort")
BROKEN = "The reply broke off. The connection broke off in the middle"
SILENT = "The reply broke off. No answer within the client's time limit"


class Stream(BaseHTTPRequestHandler):
    """Streams PIECES, and ends as the name of the model says."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        end = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["model"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, piece in enumerate(PIECES, start=1):
            finish = end if number == len(PIECES) and end in FINISHES else None
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": finish}
            self.write(json.dumps({"choices": [choice]}))
        if end == "silent":
            time.sleep(2 * PATIENCE)
        if end in ("silent", "broken"):
            self.close_connection = True
            return
        if finish:
            self.write("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def write(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))


@pytest.fixture
def box() -> Iterator[SimpleNamespace]:
    """The functions of the notebook, between widgets that are none."""
    cells = json.loads(next(p for p in NOTEBOOKS if p.name.startswith("15")).read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    nodes = [node for text in code for node in ast.parse(text).body]
    found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name in NAMES]
    assert len(found) == len(NAMES)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    shown: list[str] = []
    with OpenAI(base_url=address, api_key="x", timeout=30, max_retries=0) as quick:
        space = {name: SimpleNamespace(disabled=True) for name in ("ask", "upload", "stop")}
        space |= {"quick": quick, "talk": [], "about": ["picture"], "stopping": threading.Event()}
        space |= {"explain_refusal": explain_refusal, "MODEL": "stop"}
        space["show_talk"] = lambda trouble="": shown.append(trouble)
        exec(compile(ast.Module(found, []), "notebook 15", "exec"), space)
        yield SimpleNamespace(space=space, shown=shown, **space)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("end", "more"), [("stop", ""), ("length", " … (max_tokens reached)")])
def test_a_whole_reply_stays(box: SimpleNamespace, end: str, more: str) -> None:
    box.space["MODEL"] = end
    box.reply_to("What is it?")
    assert [one["role"] for one in box.talk] == ["user", "assistant"]
    assert box.talk[0]["content"] == ["picture", {"type": "text", "text": "What is it?"}]
    assert box.talk[1]["content"] == "".join(PIECES) + more
    assert not any(box.shown) and not box.about
    assert not box.ask.disabled and box.stop.disabled


@pytest.mark.parametrize(
    ("end", "says"),
    [("cut", BROKEN), ("broken", BROKEN), ("abort", BROKEN), ("silent", SILENT)],
)
def test_a_reply_that_ends_too_early_is_taken_back(
    box: SimpleNamespace, end: str, says: str
) -> None:
    box.reply_to("What is it?")
    box.space |= {"MODEL": end, "quick": box.quick.with_options(timeout=PATIENCE)}
    before = list(box.talk)
    box.reply_to("And what colour?")
    assert box.talk == before and box.shown[-1].startswith(says)
    assert not box.ask.disabled and box.stop.disabled


def test_the_picture_goes_with_the_next_question(box: SimpleNamespace) -> None:
    box.space["MODEL"] = "cut"
    box.reply_to("What is it?")
    assert box.about == ["picture"] and not box.talk


def test_a_reply_that_was_stopped_stays_as_far_as_it_came(box: SimpleNamespace) -> None:
    box.space["show_talk"] = lambda *_: box.stopping.set()
    box.reply_to("What is it?")
    assert box.talk[-1] == {"role": "assistant", "content": "A "}
    assert not box.ask.disabled
