"""The seats of a class: a name and a random key each, and the line that a learner copies."""

import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CourseError

MOST_SEATS = 100  # one server, one door; each seat has an address of its own from 127.0.1.1 on
KEY_BYTES = 16
LINE = re.compile(r"export COURSE_BASE_URL=\S+ COURSE_API_KEY=([0-9a-f]{32})\b")


class ClassError(CourseError):
    """The class cannot be served as it was asked for."""


@dataclass(frozen=True)
class Seat:
    """One learner's place: `number` from 1 on, and the key that nginx knows the seat by."""

    number: int
    key: str

    @property
    def name(self) -> str:
        return f"seat-{self.number:02}"

    @property
    def source(self) -> str:
        """The loopback address from which nginx asks vLLM for this seat."""
        return f"127.0.1.{self.number}"

    def line(self, base_url: str) -> str:
        """What the learner copies into a terminal."""
        return f"export COURSE_BASE_URL={base_url} COURSE_API_KEY={self.key}  # {self.name}"


def make_seats(count: int) -> list[Seat]:
    """So many seats with fresh keys; `ClassError` for too few or too many."""
    if not 1 <= count <= MOST_SEATS:
        raise ClassError(
            f"--seats is {count}; a class has 1 to {MOST_SEATS} seats. For more, serve "
            "several classes, each from a machine of its own."
        )
    return [Seat(number, secrets.token_hex(KEY_BYTES)) for number in range(1, count + 1)]


def read_seats(path: Path) -> list[Seat]:
    """The seats whose lines `write_seats` wrote, so that learners keep their keys tomorrow."""
    try:
        keys = LINE.findall(path.read_text())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ClassError(f"The seats in {path} cannot be read ({why}).") from None
    if not 1 <= len(keys) <= MOST_SEATS or len(set(keys)) < len(keys):
        raise ClassError(
            f"{path} holds {len(keys)} seats, {len(set(keys))} of them different; it should hold 1 "
            f"to {MOST_SEATS} lines as --write-keys wrote them."
        )
    return [Seat(number, key) for number, key in enumerate(keys, 1)]


def write_seats(seats: Sequence[Seat], base_url: str, path: Path) -> None:
    """Write one line a seat into a new file that this user alone can read."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ClassError(
            f"{path} exists, and keys in it may be in use: give --write-keys another name, or take "
            f"the keys that it holds with --read-keys {path}."
        ) from None
    except OSError as error:
        raise ClassError(f"The keys cannot be written to {path} ({error.strerror}).") from None
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{seat.line(base_url)}\n" for seat in seats)
