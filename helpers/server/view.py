"""What a server shows of itself while it starts: its log, and a line that says what goes on."""

import contextlib
import os
import time
from pathlib import Path

from helpers.server.log_lines import strip_colours

LONGEST_LOG = 16 * 2**20  # bytes of a log to read at once


def read_log(path: Path, most: int = LONGEST_LOG) -> str:
    """A log without colour codes; of one longer than `most` bytes the beginning and the end."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size <= most:
            data = file.read()
        else:
            data = file.read(most // 2) + b"\n[...]\n"
            file.seek(size - most // 2)
            data += file.read(most // 2)
    return strip_colours(data.decode(errors="replace"))


def find_aside(log: Path) -> Path:
    """Where the log of the server before is kept: server-PORT.log.1."""
    return log.with_suffix(".log.1")


def put_aside(log: Path) -> Path:
    """Make room for a new log; returns where the old one is now."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(find_aside(log))
    return find_aside(log)


class StageLine:
    """The line on the screen that says what a start is busy with, and for how long."""

    def __init__(self) -> None:
        self.begin = self.since = time.monotonic()
        self.stage = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def show(self, stage: str) -> None:
        if stage != self.stage:
            print("\n" if self.stage else "", end="")
            self.stage, self.since = stage, time.monotonic()
        print(f"\r{time.monotonic() - self.since:4.0f} s  {stage}", end="", flush=True)

    def end(self, text: str = "") -> None:
        print(f"\n{text}" if text else "", flush=True)
