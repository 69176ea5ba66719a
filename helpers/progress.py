"""Plain progress lines for jobs that move many bytes, and a bar for those that do many things."""

import time
from collections.abc import Callable

FIRST_LINE = 2.0  # seconds: a job that ends sooner stays silent
STEP = 0.05  # of the whole
LONGEST_SILENCE = 60.0  # seconds


def format_bytes(count: float) -> str:
    """Write a number of bytes in decimal units, as disks and hubs do: 8.88 GB, 512 kB."""
    for unit, size, digits in (("GB", 1e9, 2), ("MB", 1e6, 1), ("kB", 1e3, 1)):
        if count >= size:
            return f"{count / size:.{digits}f} {unit}"
    return f"{count:.0f} B"


def draw_bar(done: int, total: int, seconds: float) -> str:
    """How far a job of many things is after so many seconds: `███░░ 9 of 15, 4 s left`."""
    left = seconds / done * (total - done) if done else 0
    return f"{'█' * (24 * done // max(1, total)):░<24} {done} of {total}, {left:.0f} s left"


class Progress:
    """Reports how far a job is: `Downloading: 4.44 GB of 8.88 GB · 50 % · 95.1 MB/s`.

    A line comes after two seconds, then with every twentieth of the whole, and once a minute
    where that takes longer.
    """

    def __init__(self, what: str, total: int, report: Callable[[str], None]) -> None:
        self.what, self.total, self.report = what, total, report
        self.last_done: int | None = None
        self.last_time = time.monotonic()

    def update(self, done: int) -> None:
        """Say that `done` of the `total` bytes are there."""
        done = min(done, self.total)
        if self.last_done is None:
            self.last_done = done
        waited = time.monotonic() - self.last_time
        grown = done - self.last_done
        if waited < FIRST_LINE or (grown < STEP * self.total and waited < LONGEST_SILENCE):
            return
        share = done / self.total if self.total else 1
        amount = f"{format_bytes(done)} of {format_bytes(self.total)}"
        self.report(f"{self.what}: {amount} · {share:.0%} · {format_bytes(grown / waited)}/s")
        self.last_done, self.last_time = done, time.monotonic()
