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
LINE = re.compile(
    r"export COURSE_BASE_URL=\S+ COURSE_API_KEY=(?P<key>[0-9a-f]{32})\s+# seat-(?P<number>\d+)\s*"
)


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
    """The seats whose lines `write_seats` wrote, so that learners keep their keys tomorrow.

    A line may be taken out, to lock a seat out: the others keep their names.
    """
    try:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ClassError(f"The seats in {path} cannot be read ({why}).") from None
    found = [LINE.fullmatch(line.strip("\ufeff \t")) for line in lines]
    if None in found:
        raise ClassError(
            f"Line {found.index(None) + 1} of {path} is no seat's line as --write-keys wrote it: "
            "mend it, or take it out to lock that seat out."
        )
    seats = [Seat(int(line["number"]), line["key"]) for line in found]
    different = min(len({seat.key for seat in seats}), len({seat.number for seat in seats}))
    if not seats or different < len(seats) or any(not 1 <= s.number <= MOST_SEATS for s in seats):
        raise ClassError(
            f"{path} holds {len(seats)} seats, {different} of them different; it should hold 1 "
            f"to {MOST_SEATS} lines as --write-keys wrote them."
        )
    return seats


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
