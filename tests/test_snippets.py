"""Every cell tagged `snippet` runs alone: pasted into an empty Python, against a running server.

Those that import no more than openai, Pillow, PyAV and httpx run where there is nothing else.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from helpers.versions import REFERENCE, find_stack
from notebooks.snippets import PAGE, Snippet, find_snippets
from tests.conftest import ROOT, find_free_port

pytestmark = pytest.mark.slow

STACK = "reference" if find_stack() is REFERENCE else "current"
LOCK = ROOT / "requirements" / f"cpu-{STACK}.txt"
SNIPPETS = list(find_snippets())
CURL = re.findall(r"```bash\n([^`]*\bcurl\b[^`]*)```", PAGE.read_text(encoding="utf-8"))


def name(snippet: Snippet) -> str:
    return f"{snippet.notebook.name[:2]}-{snippet.task}"


def pick(task: str) -> Snippet:
    return next(snippet for snippet in SNIPPETS if snippet.task.startswith(task))


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A Python with openai, Pillow, PyAV and httpx as the stack pins them, and nothing else.

    `-I`: it finds no package through PYTHONPATH or the folder that it runs in.
    """
    uv, folder = Path(sys.executable).with_name("uv"), tmp_path_factory.mktemp("bare") / "venv"
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", python, "--constraint", LOCK]
    for where in (["--offline"], []):  # from uv's cache, else from the network
        done = subprocess.run(
            [*install, *where, "openai", "pillow", "av", "httpx"], capture_output=True, text=True
        )
        if done.returncode == 0:
            return [str(python), "-I"]
    pytest.fail(
        "The snippets' own Python needs openai, Pillow, PyAV and httpx, neither in uv's cache "
        f"nor to be downloaded: connect to the network once. {done.stderr[-500:]}"
    )


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """Where a snippet runs; the course's files lie where a path such as ../media leads."""
    for folder in ("media", "pocket_model"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def run(
    code: str, python: list[str], folder: Path, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*python, "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize("snippet", SNIPPETS, ids=name)
def test_snippet_runs_alone(
    snippet: Snippet,
    bare_python: list[str],
    empty_folder: Path,
    shared_environment: dict[str, str],
    own_temporary: dict[str, str],
) -> None:
    python = bare_python if snippet.is_bare else [sys.executable]
    done = run(snippet.code, python, empty_folder, shared_environment | own_temporary)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip(), "a snippet shows something"
    assert not list(empty_folder.iterdir()), "a snippet leaves no file behind"


@pytest.fixture
def web_address() -> Iterator[str]:
    """A web server that shows the media."""
    media = partial(SimpleHTTPRequestHandler, directory=ROOT / "media")
    with ThreadingHTTPServer(("127.0.0.1", 0), media) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{web.server_port}"
        web.shutdown()


def test_a_picture_from_the_web_and_one_that_is_none(
    bare_python: list[str], empty_folder: Path, shared_environment: dict[str, str], web_address: str
) -> None:
    code = pick("Ask about a picture").code
    for url, answers in ((f"{web_address}/spot_a.png", True), ("no.png", False)):
        yours = code.replace('url = ""', f'url = "{url}"')
        assert yours != code
        (empty_folder / "no.png").write_text("no picture")
        done = run(yours, bare_python, empty_folder, shared_environment)
        assert (done.returncode == 0) is answers, done.stderr
        if not answers:
            assert re.fullmatch(r".*no\.png.*: put the path .*\n", done.stderr), "one sentence"


# Runs every code of a JSON list in one Python, without waiting between tries; writes, for each,
# what it printed and how it ended: the words of `sys.exit`, null, or a traceback.
DRIVER = """
import contextlib, io, json, os, sys, time, traceback
time.sleep = lambda seconds: None
ends = []
for code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(code, {"__name__": "__main__"})
            end = None
        except SystemExit as left:
            end = left.code
        except BaseException:
            end = traceback.format_exc()
    ends.append((printed.getvalue(), end))
json.dump(ends, sys.stdout)
"""


class Doors(BaseHTTPRequestHandler):
    """A server in trouble; which, is the first part of its address."""

    def do_GET(self) -> None:
        trouble, _, rest = self.path[1:].partition("/")
        if trouble == "locked":
            return self.answer({"error": "Unauthorized"}, 401)
        if trouble == "page":
            return self.answer("<html>Log in</html>")
        if rest != "v1/models":
            return self.answer({"detail": "Not Found"}, 404)
        return self.answer({"data": [{"id": "m", "max_model_len": 9}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        trouble = self.path[1:].partition("/")[0]
        if trouble == "nameless":
            words = {"message": f"The model `{request['model']}` does not exist.", "code": 404}
            return self.answer({"error": words}, 404)
        choice = {"index": 0, "delta": {"content": "The sea is"}, "finish_reason": None}
        if trouble == "aborted":  # as 0.32 does when it is told to end
            choice |= {"finish_reason": "abort", "message": {"content": "The sea is"}}
        half = json.dumps({"choices": [choice]})
        if trouble == "aborted" and not request.get("stream"):
            return self.answer(half)
        half = f"data: {half}\n\n" if request.get("stream") else half[:-9]
        # "broken" has promised more than it sends; "cut" ends as if that were all.
        return self.answer(half, more=999 * (trouble == "broken"))

    def answer(self, body: object, status: int = 200, more: int = 0) -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = {"<": "text/html", "d": "text/event-stream"}.get(data[:1].decode())
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(data) + more))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def doors() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Doors) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


# What is wrong, the address (none: nobody listens) and what else is set.
TROUBLES = {
    "away": ("", {}),
    "another program": ("/page/v1", {}),
    "no v1": ("/nameless", {}),
    "a wrong key": ("/locked/v1", {"COURSE_API_KEY": "no"}),
    "a key of odd letters": ("/locked/v1", {"COURSE_API_KEY": "schlüssel"}),
    "a key with its line end": ("/locked/v1", {"COURSE_API_KEY": "abc\n"}),
    "a proxy that is away": ("", {"HTTP_PROXY": "http://127.0.0.1:9"}),
    "a proxy of another kind": ("/locked/v1", {"ALL_PROXY": "socks5://127.0.0.1:9"}),
    "a proxy of no kind": ("/locked/v1", {"ALL_PROXY": "socks://127.0.0.1:9"}),
    "a wrong model": ("/nameless/v1", {}),
    "a reply that is cut": ("/cut/v1", {}),
    "a reply that breaks off": ("/broken/v1", {}),
    "a stream that is aborted": ("/aborted/v1", {}),
}
ASKING = [one for one in SNIPPETS if one.asks_server]
# The server's words, and one line that is the same everywhere.
SENTENCE = re.compile(
    r"\n?[^\n].*\nIs http\S+ up\? See COURSE_BASE_URL \(…/v1\), COURSE_API_KEY, NO_PROXY\.",
    re.DOTALL,
)
NO_METRICS = re.compile(r"http\S+/metrics says nothing of .*: is it a vLLM server\?")


def run_all(
    codes: list[str], python: list[str], folder: Path, env: dict[str, str]
) -> list[tuple[str, str]]:
    """What each code printed, and the words that it ended with."""
    done = subprocess.run(
        [*python, "-c", DRIVER],
        input=json.dumps(codes),
        cwd=folder,
        env={"LANG": "C.UTF-8"} | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_every_snippet_ends_in_the_same_words(
    trouble: str, doors: str, bare_python: list[str], empty_folder: Path
) -> None:
    where, more = TROUBLES[trouble]
    address = f"{doors}{where}" if where else f"http://127.0.0.1:{find_free_port()}/v1"
    concerned = {"/nameless/v1": "chat.completions", "/cut/v1": "chat.completions"}
    concerned |= {"/broken/v1": "chat.completions", "/aborted/v1": "abort"}
    snippets = [one for one in ASKING if concerned.get(where, "") in one.code]
    codes = [one.code.replace("LIMIT = 600", "LIMIT = -1") for one in snippets]
    ends = run_all(codes, bare_python, empty_folder, {"COURSE_BASE_URL": address} | more)
    for snippet, (printed, end) in zip(snippets, ends, strict=True):
        assert SENTENCE.fullmatch(str(end)) or NO_METRICS.fullmatch(str(end)), (
            f"{snippet.task}: {printed}\n{end}"
        )
    assert not list(empty_folder.iterdir())


@pytest.mark.parametrize("name", ["none.png", "missing.png", "."])
def test_a_file_that_is_no_picture_or_clip(
    name: str, doors: str, bare_python: list[str], empty_folder: Path
) -> None:
    """In place of the path at the top, and of the picture that is drawn to have one."""
    (empty_folder / "none.png").write_text("no picture")
    path = re.compile(
        r'"\.\./media/[^"]+"|(?<=^url = )""|Image\.new\(.*\)(?=  # or Image\.open)', re.M
    )
    theirs = {"url": f'"{name}"', "Ima": f'Image.open("{name}")'}
    taking = [one for one in ASKING if path.search(one.code)]
    codes = [
        path.sub(lambda found: theirs.get(found[0][:3], f'"{name}"'), one.code) for one in taking
    ]
    address = {"COURSE_BASE_URL": f"{doors}/cut/v1"}
    for (printed, end), snippet in zip(
        run_all(codes, bare_python, empty_folder, address), taking, strict=True
    ):
        told = re.fullmatch(r".+: put .+ into \w+.*", str(end)) or SENTENCE.fullmatch(str(end))
        assert told, f"{snippet.task}: {printed}\n{end}"
    assert len(taking) >= 5


def test_a_folder_of_all_sorts(
    bare_python: list[str], empty_folder: Path, shared_environment: dict[str, str]
) -> None:
    """What Pillow opens is asked about, the rest told, and a second run asks for that alone."""
    for name in (b"a.png", b"a.JPG", b"caf\xe9.bmp", b"d.webp", b"e.gif"):
        Image.new("RGB", (320, 320), "blue").save(empty_folder / os.fsdecode(name))
    (empty_folder / "none.png").write_text("no picture")
    (empty_folder / "folder").mkdir()
    first, line = pick("Ask about a folder").code, 'Image.new("RGB", (320, 320), "red")'
    code = re.sub(r"(?m)^FOLDER = .*\n.*\n", 'FOLDER = Path(".")\n', first)
    assert line in first and line not in code
    env = shared_environment
    for answered in (5, 0):
        done = run(code, bare_python, empty_folder, env)
        assert done.returncode == 1 and "The next run asks these again." in done.stderr
        assert done.stderr.count("has no answer: ") == 2 and "none.png" in done.stderr
        assert len(re.findall("(?i): .*blue", done.stdout)) == answered
    assert (empty_folder / os.fsdecode(b"caf\xe9.bmp.txt")).read_text()
    done = run(code.replace('Path(".")', 'Path("mistyped")'), bare_python, empty_folder, env)
    assert done.returncode == 1 and "No such file" in done.stderr and "mistyped" in done.stderr


@pytest.mark.parametrize("commands", CURL, ids=["question", "picture"])
def test_the_same_by_curl(
    commands: str, empty_folder: Path, shared_environment: dict[str, str]
) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=empty_folder,
        env=shared_environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"finish_reason":"stop"' in done.stdout
