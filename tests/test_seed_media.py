"""The optional download of the tutorial's media, against a small server on this machine."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers.media import seed as seed_media
from helpers.media.seed import CLIP, PICTURE, SeedMedia, Source, fetch_seed_media

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(5000)
HERE = {"/demo.jpeg": JPEG, "/clip.mp4": MP4, "/page.jpeg": b"<html>Please log in</html>"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/slow"):
            self._answer(JPEG[:3], promised=100)
            for byte in JPEG[3:100]:
                time.sleep(0.05)
                self.wfile.write(bytes([byte]))
        elif self.path.startswith("/cut"):
            self._answer(JPEG, promised=2 * len(JPEG))
        elif self.path in HERE:
            self._answer(HERE[self.path])
        else:
            self.send_error(404)

    def _answer(self, body: bytes, *, promised: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(promised or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def picture_at(site: ThreadingHTTPServer, path: str, *, limit: int = 10_000) -> Source:
    return Source(f"http://127.0.0.1:{site.server_port}{path}", limit, PICTURE.mark)


def clip_at(site: ThreadingHTTPServer, path: str = "/clip.mp4") -> Source:
    return Source(f"http://127.0.0.1:{site.server_port}{path}", 10_000, CLIP.mark)


def test_both_files_come_and_are_not_asked_for_again(
    site: ThreadingHTTPServer, tmp_path: Path
) -> None:
    sources = {"picture": picture_at(site, "/demo.jpeg"), "clip": clip_at(site)}
    media = fetch_seed_media(tmp_path / "seed", **sources)
    assert media.picture.path.read_bytes() == JPEG
    assert media.clip.path.read_bytes() == MP4
    again = fetch_seed_media(tmp_path / "seed", **sources)
    assert again.picture.path == media.picture.path
    assert site.asked == ["/demo.jpeg", "/clip.mp4"]


@pytest.mark.parametrize(
    ("path", "limit", "words"),
    [
        ("/gone.jpeg", 10_000, "404"),
        ("/demo.jpeg", 100, "larger"),
        ("/cut.jpeg", 100_000, "closed connection"),
        ("/page.jpeg", 10_000, "not a jpeg"),
    ],
)
def test_a_failure_is_told_and_leaves_nothing(
    site: ThreadingHTTPServer, tmp_path: Path, path: str, limit: int, words: str
) -> None:
    media = fetch_seed_media(
        tmp_path, picture=picture_at(site, path, limit=limit), clip=clip_at(site)
    )
    assert media.picture.path is None
    assert words in media.picture.reason
    assert media.clip.path is not None
    assert [file.name for file in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_file_that_drips_is_given_up(
    site: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_media, "LONGEST", 0.3)
    monkeypatch.setattr(site, "handle_error", lambda *_: None)
    media = fetch_seed_media(tmp_path, picture=picture_at(site, "/slow.jpeg"), clip=clip_at(site))
    assert "it took more than 0.3 s" in media.picture.reason


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "strange://127.0.0.1:9", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    nowhere = Source("http://127.0.0.1:9/demo.jpeg", 10, PICTURE.mark)
    media = fetch_seed_media(tmp_path, picture=nowhere, clip=nowhere)
    assert media.picture.path is None
    assert media.picture.reason.startswith("not downloaded, and not needed: ")


def test_an_unreachable_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nowhere = Source(f"http://127.0.0.1:{held.getsockname()[1]}/demo.jpeg", 10, PICTURE.mark)
        media = fetch_seed_media(tmp_path, picture=nowhere, clip=nowhere)
    assert media.picture.path is None
    assert media.clip.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(site: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "seed").write_text("a file in the way")
    media = fetch_seed_media(
        tmp_path / "seed", picture=picture_at(site, "/demo.jpeg"), clip=clip_at(site)
    )
    assert media.picture.path is None


def test_an_interrupt_leaves_no_half_file(
    site: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    def interrupted(reply: httpx.Response) -> Iterator[bytes]:
        yield JPEG[:10]
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx.Response, "iter_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_seed_media(tmp_path, picture=picture_at(site, "/demo.jpeg"), clip=clip_at(site))
    assert list(tmp_path.iterdir()) == []


def test_the_result_shows_itself(site: ThreadingHTTPServer, tmp_path: Path) -> None:
    media = fetch_seed_media(tmp_path, picture=picture_at(site, "/gone.jpeg"), clip=clip_at(site))
    assert isinstance(media, SeedMedia)
    assert "⚠️ gone.jpeg: not downloaded" in str(media)
    assert "✅ clip.mp4" in media._repr_markdown_()


def test_the_real_sources_are_capped() -> None:
    assert (PICTURE.name, CLIP.name) == ("demo.jpeg", "space_woaudio.mp4")
    assert PICTURE.limit == 5_000_000
    assert CLIP.limit == 20_000_000
