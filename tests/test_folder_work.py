"""Notebook 15's way through a folder, by the functions in its cells, when things go wrong.

A server dies half-way, refuses one request, or is too slow for somebody's patience. What answers
here is a few lines of HTTP, so that it can do that on command; the lesson itself asks vLLM.
"""

import _thread
import ast
import hashlib
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from openai import OpenAI
from pydantic import BaseModel, FiniteFloat, ValidationError

from helpers.errors import CourseError
from helpers.media import MediaError
from helpers.progress import draw_bar
from helpers.server import explain_refusal, run_to_end
from tests.conftest import NOTEBOOKS, find_free_port

NAMES = ("make_key", "in_letters", "can_pass", "answer_one", "read_results", "send_all")
NAMES += ("find_problems", "make_row")


class Doors:
    """Answers chat requests with their text in capitals; `status(text, number)` may say no."""

    def __init__(self, port: int, status: Callable[[str, int], int] = lambda *_: 200) -> None:
        self.asked: Counter[str] = Counter()
        doors, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = request["messages"][0]["content"]
                with lock:
                    code = status(text, doors.asked.total())
                    doors.asked[text] += code == 200
                if not code:  # the engine is gone: no answer at all
                    return self.connection.close()
                message = {"role": "assistant", "content": text.upper()}
                finish, code = ("abort", 200) if code == ABORTED else ("stop", code)
                choice = {"index": 0, "finish_reason": finish, "message": message}
                usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
                body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
                body |= {"choices": [choice], "usage": usage}
                body = body if code == 200 else {"error": {"message": "no", "code": code}}
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "Doors":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def make_request(path: Path) -> dict:
    """What is asked about a file is its text, else its name."""
    if path.name in GONE:
        raise MediaError(f"There is no file {path}: check the name and the folder.")
    text = path.read_text() if path.exists() else path.name
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


ABORTED = 299  # half a reply, with status 200, as 0.32 answers when it is told to end
GONE: set[str] = set()  # files that vanished
PATHS = [Path(f"receipt_{number:02}.jpg") for number in range(20)]


@pytest.fixture
def lesson(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """The functions of the notebook, with a client that does not wait between its tries."""
    cells = json.loads(next(p for p in NOTEBOOKS if p.name.startswith("15")).read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    nodes = [node for text in code for node in ast.parse(text).body]
    found = [n for n in nodes if isinstance(n, ast.FunctionDef) and n.name in NAMES]
    found += [n for n in nodes if isinstance(n, ast.ClassDef) and n.name == "Receipt"]
    assert len(found) == len(NAMES) + 1
    port = find_free_port()
    with OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="x", max_retries=0) as client:
        given = (json, time, hashlib, draw_bar, explain_refusal, as_completed)
        given += (CourseError, ThreadPoolExecutor, BaseModel, ValidationError)
        space = {one.__name__: one for one in given}
        space |= {"writing": threading.Lock(), "patient": client}
        space["results"] = tmp_path / "results.jsonl"
        space |= {"make_request": make_request, "FiniteFloat": FiniteFloat}
        space |= {"keys": {}, "refused": {}}
        exec(compile(ast.Module(found, []), "notebook 15", "exec"), space)
        jobs = {space["make_key"](make_request(path)): path for path in PATHS}
        yield SimpleNamespace(**space, port=port, jobs=jobs, all_keys=list(jobs))
    GONE.clear()


def count_replies(lesson: SimpleNamespace) -> int:
    return sum("reply" in result for result in lesson.read_results().values())


def test_a_server_that_dies_half_way(
    lesson: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with Doors(lesson.port, lambda _, number: 200 if number < 5 else 0) as first:
        lesson.send_all(lesson.jobs)
    said = capsys.readouterr().out
    assert said.count("Stopped. ") == 1 and "5 of 20 are answered now" in said
    failed = [one for one in lesson.read_results().values() if "error" in one]
    assert 1 <= len(failed) <= 16 and all(one["again"] for one in failed)
    lesson.send_all(lesson.jobs)  # and nobody listens
    assert "No server answers" in capsys.readouterr().out
    with Doors(lesson.port) as second:
        lesson.send_all(lesson.jobs)
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 20 and "\n0 to do" in capsys.readouterr().out
    assert set((first.asked + second.asked).values()) == {1}


def test_what_is_refused_is_a_result_and_the_rest_goes_on(lesson: SimpleNamespace) -> None:
    with Doors(lesson.port, lambda text, _: 400 if "_07" in text else 200) as doors:
        lesson.send_all(lesson.jobs)
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 19 and set(doors.asked.values()) == {1, 0}
    refused = lesson.read_results()[lesson.all_keys[7]]
    assert refused["again"] is False and "(400)" in refused["error"]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, ABORTED])
def test_what_can_pass_is_tried_in_the_next_run(lesson: SimpleNamespace, status: int) -> None:
    with Doors(lesson.port, lambda _, number: status if number < 1 else 200):
        lesson.send_all(lesson.jobs, at_once=1)
    assert count_replies(lesson) == 0 and lesson.read_results()[lesson.all_keys[0]]["again"] is True
    with Doors(lesson.port):
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 20


@pytest.mark.parametrize("cut", [1, 30, 60])
def test_a_line_that_was_cut_off_is_asked_again(lesson: SimpleNamespace, cut: int) -> None:
    with Doors(lesson.port) as doors:
        lesson.send_all(lesson.jobs, most=6)
        lesson.results.write_bytes(lesson.results.read_bytes()[:-cut])
        assert count_replies(lesson) == 5
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 20 and doors.asked.total() == 21


def test_an_interrupt_keeps_what_came(
    lesson: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer_slowly(_: str, number: int) -> int:
        time.sleep(0.02)
        if number == 6:
            _thread.interrupt_main()
        return 200

    with Doors(lesson.port, answer_slowly) as doors:
        with pytest.raises(KeyboardInterrupt):
            lesson.send_all(lesson.jobs, at_once=3)
        assert "Interrupted; run the cell again" in capsys.readouterr().out
        assert 6 <= count_replies(lesson) < 20
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 20 and set(doors.asked.values()) == {1}


@pytest.mark.parametrize(
    "line",
    [
        b'{"key": ',
        b"[1]",
        b"null",
        b'"key"',
        b'{"reply": "x"}',
        b'{"key": [1]}',
        b"\xff\xfe\x00",
        b"NaN",
    ],
)
def test_a_line_of_another_kind_counts_as_none(lesson: SimpleNamespace, line: bytes) -> None:
    with Doors(lesson.port) as doors:
        lesson.send_all(lesson.jobs, most=3)
        lesson.results.write_bytes(lesson.results.read_bytes() + b"\n" + line)
        assert count_replies(lesson) == 3
        lesson.send_all(lesson.jobs)
    assert count_replies(lesson) == 20 and set(doors.asked.values()) == {1}


def test_a_file_that_changed_or_vanished_ends_the_run(
    lesson: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its old key gets no answer of the new content; listed again, it is asked about as it is."""
    paper = tmp_path / "paper.jpg"
    paper.write_text("one")
    old = lesson.make_key(make_request(paper))
    paper.write_text("two")
    with Doors(lesson.port) as doors:
        lesson.send_all({old: paper}, at_once=1)
        assert "Stopped. paper.jpg was changed: list the files again." in capsys.readouterr().out
        GONE.add("receipt_03.jpg")
        lesson.send_all(lesson.jobs, at_once=1)
        assert "Stopped. There is no file receipt_03.jpg" in capsys.readouterr().out
        GONE.clear()
        lesson.send_all(lesson.jobs | {lesson.make_key(make_request(paper)): paper})
    assert doors.asked.total() == 21 and doors.asked["two"] == 1 and not doors.asked["one"]


def test_a_name_that_is_no_utf8_can_be_printed_and_saved(
    lesson: SimpleNamespace, tmp_path: Path
) -> None:
    paper = tmp_path / os.fsdecode(b"caf\xe9 \xc3\xa9.jpg")
    paper.write_text("coffee")
    with Doors(lesson.port):
        lesson.send_all({lesson.make_key(make_request(paper)): paper})
    (result,) = lesson.read_results().values()
    assert result["file"] == "caf\\xe9 é.jpg" and result["reply"] == "COFFEE"


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ('{"shop": "A", "date": "d", "subtotal": 1, "tax": 1, "total": 2}', ""),
        ('{"shop": "A", "date": "d", "subtotal": 1, "tax": "1", "total": 2, "more": 0}', ""),
        ('{"shop": "A", "date": "d", "subtotal": 1, "tax": NaN, "total": 2}', "no receipt"),
        ('{"shop": "A", "date": "d", "subtotal": 1, "tax": null, "total": 2}', "no receipt"),
        ('{"shop": "A", "date": "d", "subtotal": 1, "tax": 1}', "no receipt"),
        ("[1, 2]", "no receipt"),
        ("The total is 2.", "no receipt"),
        ("", "no receipt"),
        (None, "no receipt"),
    ],
)
def test_a_reply_of_another_form_is_a_row_that_says_so(
    lesson: SimpleNamespace, reply: str | None, problem: str
) -> None:
    lesson.keys["a.jpg"] = "k"
    row = lesson.make_row("a.jpg", {"k": {"reply": reply, "finish": "stop"}})
    assert row["file"] == "a.jpg" and row["problem"].startswith(problem)
    assert set(row) <= {"file", "shop", "date", "subtotal", "tax", "total", "problem"}
    assert bool(row["problem"]) == bool(problem) == ("total" not in row)


@pytest.mark.parametrize(
    ("done", "total", "line"),
    [
        (1, 4, "██████░░░░░░░░░░░░░░░░░░ 1 of 4, 30 s left"),
        (4, 4, "████████████████████████ 4 of 4, 0 s left"),
        (0, 0, "░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 0, 0 s left"),
    ],
)
def test_a_bar(done: int, total: int, line: str) -> None:
    assert draw_bar(done, total, 10) == line


def test_a_command_is_run_to_its_end(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['WORD']); sys.exit(3)"
    assert run_to_end([sys.executable, "-c", code], {"WORD": "yes"}, tmp_path / "log") == 3
    assert (tmp_path / "log").read_text() == "yes\n"


def test_an_interrupt_reaches_the_command_once_and_is_awaited(tmp_path: Path) -> None:
    log = tmp_path / "log"
    threading.Thread(target=interrupt_when, args=(log,), daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_to_end([sys.executable, "-uc", STUBBORN], {}, log)
    assert log.read_text() == "begun\nasked to end\nended\n"


STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: print("asked to end"))
print("begun")
signal.pause()
time.sleep(0.5)
print("ended")
"""


def interrupt_when(log: Path) -> None:
    """Press ■ as soon as the command has written its first line."""
    while not (log.exists() and log.read_text()):
        time.sleep(0.02)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
