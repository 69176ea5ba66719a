"""The picture and the clip of the tutorial this course grew from, if the network gives them."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.places import MEDIA

if TYPE_CHECKING:
    import httpx

BUCKET = "https://qianwen-res.oss-cn-beijing.aliyuncs.com"
MB = 1_000_000
TIMEOUT = 10.0  # seconds without a byte
LONGEST = 120.0  # seconds for a whole file


@dataclass(frozen=True)
class Source:
    """Where a file comes from, how many bytes it may have, and how such a file begins.

    `mark` is (offset, bytes): a log-in page or an error page in the file's place lacks it.
    """

    url: str
    limit: int
    mark: tuple[int, bytes]

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


PICTURE = Source(f"{BUCKET}/Qwen-VL/assets/demo.jpeg", 5 * MB, (0, b"\xff\xd8\xff"))
CLIP = Source(f"{BUCKET}/Qwen2-VL/space_woaudio.mp4", 20 * MB, (4, b"ftyp"))


@dataclass(frozen=True)
class SeedFile:
    """One optional file: its path, or None and the reason in one sentence."""

    name: str
    path: Path | None
    reason: str

    def __str__(self) -> str:
        return f"{'✅' if self.path else '⚠️'} {self.name}: {self.reason}"


@dataclass(frozen=True)
class SeedMedia:
    """What `fetch_seed_media` found: a picture and a clip, either of which may be missing."""

    picture: SeedFile
    clip: SeedFile

    def __str__(self) -> str:
        return f"{self.picture}\n{self.clip}"

    def _repr_markdown_(self) -> str:
        return f"{self.picture}  \n{self.clip}"


class _Refused(Exception):
    """The answer is not the file; the message says why."""


def fetch_seed_media(
    folder: Path = MEDIA / "seed", *, picture: Source = PICTURE, clip: Source = CLIP
) -> SeedMedia:
    """Download the tutorial's picture and clip into `folder`, unless they are there already.

    Nothing in the course depends on them. Whatever goes wrong on the way (no network, a refusal,
    too many bytes, something else than the file) is told in `reason`, never raised.
    """
    return SeedMedia(_fetch(picture, Path(folder)), _fetch(clip, Path(folder)))


def _fetch(source: Source, folder: Path) -> SeedFile:
    import httpx

    path = folder / source.name
    if path.is_file():
        return SeedFile(source.name, path, "it was here already.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        size = _download(source, path)
    except (httpx.ConnectError, httpx.TimeoutException) as error:
        why = f"no answer from the server ({error})"
    # The last three: a proxy that httpx cannot use, such as one of kind SOCKS.
    except (
        *(_Refused, httpx.HTTPError, OSError),
        *(ImportError, ValueError, httpx.InvalidURL),
    ) as error:
        why = str(error) or type(error).__name__
    else:
        return SeedFile(source.name, path, f"{size / MB:.1f} MB downloaded.")
    return SeedFile(source.name, None, f"not downloaded, and not needed: {why.rstrip('.')}.")


def _download(source: Source, path: Path) -> int:
    """Fill a file beside `path` and put it in its place when it is whole; returns its bytes."""
    import httpx

    part = path.with_name(path.name + ".part")
    try:
        with httpx.stream("GET", source.url, timeout=TIMEOUT, follow_redirects=True) as reply:
            if reply.status_code != 200:
                raise _Refused(f"the server answered {reply.status_code}")
            size = _save(reply, source, part)
        _check_start(source, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size


def _save(reply: "httpx.Response", source: Source, part: Path) -> int:
    size, end = 0, time.monotonic() + LONGEST
    with part.open("wb") as file:
        for chunk in reply.iter_bytes():
            size += len(chunk)
            if size > source.limit:
                raise _Refused(f"it is larger than {source.limit / MB:g} MB")
            if time.monotonic() > end:
                raise _Refused(f"it took more than {LONGEST:g} s")
            file.write(chunk)
    return size


def _check_start(source: Source, part: Path) -> None:
    offset, mark = source.mark
    with part.open("rb") as file:
        start = file.read(offset + len(mark))
    if start[offset:] != mark:
        raise _Refused(f"what came is not a {source.name.rsplit('.', 1)[-1]} file")
