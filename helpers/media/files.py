"""What pictures and clips have in common: a file that is there, its name, and its URLs."""

import base64
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from helpers.errors import CourseError
from helpers.places import MEDIA, ROOT

MAX_ASPECT = 200  # Qwen3VLProcessor refuses sides further apart
MAX_FILE_BYTES = 100 * 2**20  # base64 adds a third, and a data URL is one line of JSON


class MediaError(CourseError):
    """A picture, clip or text that the server would choke on."""


def check_file(path: Path, max_bytes: int) -> int:
    """Return the size in bytes of a regular file within the limit, or raise MediaError."""
    with _telling(path):
        status = path.stat()
    return _check_status(path, status, max_bytes)


@contextmanager
def open_file(path: Path, max_bytes: int) -> Iterator[BinaryIO]:
    """Open a file that `check_file` accepts, and no other that took its place meanwhile."""
    check_file(path, max_bytes)
    with ExitStack() as stack:
        with _telling(path):
            file = stack.enter_context(open(path, "rb", opener=_open_at_once))
        _check_status(path, os.fstat(file.fileno()), max_bytes)
        yield file


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # or a pipe would wait for its writer


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file that `check_file` accepts."""
    with open_file(path, max_bytes) as file, _telling(path):
        return file.read()


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into a MediaError."""
    try:
        yield
    except FileNotFoundError:
        raise MediaError(
            f"There is no file {name_file(path)}: check the name and the folder; a relative path "
            "starts at the notebook's folder, and MEDIA is the folder of the course's own files."
        ) from None
    except OSError as error:
        raise MediaError(
            f"{name_file(path)} cannot be read ({error.strerror or error}): check its name, its "
            "permissions and those of its folder."
        ) from error
    except ValueError as error:
        raise MediaError(
            f"{str(path)!r} is no name of a file ({error}): check how it was written."
        ) from error


def _check_status(path: Path, status: os.stat_result, max_bytes: int) -> int:
    name = name_file(path)
    if stat.S_ISDIR(status.st_mode):
        raise MediaError(f"{name} is a folder: name one file inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{name} is a device or a pipe: copy what it gives to a file first.")
    if status.st_size == 0:
        raise MediaError(f"{name} is empty (0 bytes): download or save it again.")
    if status.st_size > max_bytes:
        raise MediaError(
            f"{name} has {say_bytes(status.st_size)}, more than the {say_bytes(max_bytes)} that "
            "can be sent well: make it smaller, or cut it, first."
        )
    return status.st_size


def check_aspect(width: int, height: int, name: str) -> None:
    """Raise MediaError for a shape that the model's processor refuses."""
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise MediaError(
            f"{name} is {width}×{height} px: one side is more than {MAX_ASPECT} times the other, "
            "which Qwen3-VL's processor refuses, so crop it or put it on a wider background."
        )


def file_url(path: str | Path) -> str:
    """Turn a file inside MEDIA into a `file://` URL, which a server on this machine opens itself.

    The server reads one folder alone (`--allowed-local-media-path`) and follows symlinks before it
    compares, so this does too. It does not look inside the file: `check_image` and `check_clip` do.
    """
    path = Path(path)
    check_file(path, MAX_FILE_BYTES)
    real = path.resolve()
    if not real.is_relative_to(MEDIA.resolve()):
        raise MediaError(
            f"{name_file(path)} is outside {name_file(MEDIA)}, the one folder that the server may "
            "read: copy it there, or send it as a data URL (image_data_url, clip_data_url)."
        )
    return real.as_uri()


def write_data_url(kind: str, data: bytes) -> str:
    """Return `data:KIND;base64,…`, a third longer than the data."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def name_file(path: str | Path) -> str:
    """Name a file as the learner would: inside the course without the way to it."""
    path = Path(path)
    if path.is_absolute() and path.is_relative_to(ROOT):
        return str(path.relative_to(ROOT))
    return str(path)


def say_bytes(count: int) -> str:
    for size, unit in ((1e6, "MB"), (1e3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
