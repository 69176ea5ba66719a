"""Who is there: what each seat has open and has got, and how the server is, in the terminal."""

import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from rich.box import SIMPLE_HEAD
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from helpers.card import read_nvidia
from helpers.classroom.door import deal
from helpers.classroom.others import ask_other
from helpers.classroom.seats import Seat
from helpers.places import GIB, Place

REFRESH = 0.5  # times a second
ANSWER = 2.0  # s for the server to tell how it is
ROWS = 15  # of one table
CLOCK = 5.0  # s between two looks at the card and at /metrics


@dataclass
class Tally:
    """What one seat has got so far: 2xx, 4xx and 5xx, and the time (s) of the last of them."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    last: float = 0.0

    def add(self, entry: dict) -> None:
        """Count one line of the door's log; a client that went away was not refused."""
        status = entry["status"]
        self.answered += status < 400
        self.refused += 400 <= status < 500 and entry["sent"] > 0
        self.failed += status >= 500
        self.last = entry["time"]


@dataclass
class Tallies:
    """The tallies of all seats, read from a log that grows; "" is whoever has no seat's key."""

    log: Path
    seats: dict[str, Tally] = field(default_factory=dict)
    _position: int = 0

    def update(self) -> None:
        """Read the whole lines that came since the last time."""
        with contextlib.suppress(FileNotFoundError), self.log.open("rb") as file:
            file.seek(self._position)
            data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._position += len(whole)
            for line in whole.splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line)
                    self.seats.setdefault(entry["seat"], Tally()).add(entry)


def count_open(upstream: int) -> dict[str, int]:
    """How many requests each loopback address has open at vLLM, running or waiting."""
    found: dict[str, int] = {}
    for one in psutil.net_connections("tcp4"):
        if one.status == psutil.CONN_ESTABLISHED and one.raddr and one.raddr.port == upstream:
            found[one.laddr.ip] = found.get(one.laddr.ip, 0) + 1
    return found


def read_gauge(text: str, name: str) -> float:
    """The sum of a metric's values in Prometheus' text format; 0 where it is missing."""
    values = re.findall(rf"^{re.escape(name)}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, values))


def describe_gauges(text: str) -> str:
    """What vLLM's /metrics say of a server, in a line."""
    running, waiting, cache = (
        read_gauge(text, f"vllm:{name}")
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    )
    return f"{running:.0f} running · {waiting:.0f} waiting · KV cache {cache:.0%} full"


class Board:
    """The table of a class, drawn again every two seconds while `show` lasts.

    `others` are the doors of other machines that answer for some of the seats, as host:port.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        log: Path,
        place: Place,
        others: Sequence[str] = (),
        console: Console | None = None,
    ) -> None:
        self.seats, self.place, self.console = tuple(seats), place, console or Console()
        self.others = tuple(others)
        self.tallies = Tallies(log)
        self._looked, self._state = -CLOCK, ""

    def show(self) -> contextlib.AbstractContextManager:
        """Keep the table in the terminal; nothing where the output is no terminal."""
        if not self.console.is_terminal:
            return contextlib.nullcontext()
        return Live(get_renderable=self.draw, console=self.console, refresh_per_second=REFRESH)

    def draw(self) -> Group:
        """The seats that have asked, with what is open now; tables side by side where they fit."""
        self.tallies.update()
        opened = count_open(self.place.port)
        seen = [seat for seat in self.seats if seat.name in self.tallies.seats]
        parts = [seen[at : at + ROWS] for at in range(0, len(seen), ROWS)]
        tables = Columns([self._draw_part(part, opened) for part in parts])
        return Group(self._describe_servers(), tables, self._describe_rest(len(seen)))

    def _draw_part(self, seats: Sequence[Seat], opened: dict[str, int]) -> Table:
        table = Table(box=SIMPLE_HEAD)
        for heading in ("seat", "open", "answered", "refused", "failed", "last"):
            table.add_column(heading, justify="left" if heading == "seat" else "right")
        for seat in seats:
            tally = self.tallies.seats[seat.name]
            counts = (tally.answered, tally.refused, tally.failed)
            ago = f"{max(0, time.time() - tally.last):.0f} s"
            table.add_row(seat.name, self._tell_open(seat, opened), *map(str, counts), ago)
        return table

    def _describe_rest(self, seen: int) -> str:
        strangers = self.tallies.seats.get("", Tally()).refused
        waiting = len(self.seats) - seen
        return f"not heard of: {waiting} seats · refused without a seat's key: {strangers}"

    def _tell_open(self, seat: Seat, opened: dict[str, int]) -> str:
        """The requests that a seat has open here; those at another machine cannot be seen."""
        machine = deal(seat, 1 + len(self.others))
        here = opened.get(seat.source, 0)
        return f"on {machine + 1}" if machine and not here else str(here)

    def _describe_servers(self) -> str:
        if time.monotonic() - self._looked > CLOCK:
            self._looked = time.monotonic()
            own = " · ".join(filter(None, [self._ask_server(), self._ask_card()]))
            lines = [own, *map(self._ask_other, self.others)]
            numbered = [f"{number}  {line}" for number, line in enumerate(lines, 1)]
            self._state = "\n".join(numbered) if self.others else own
        return self._state

    def _ask_server(self) -> str:
        url = self.place.base_url.removesuffix("/v1") + "/metrics"
        try:
            text = httpx.get(url, timeout=ANSWER, trust_env=False).text
        except httpx.HTTPError:
            return "the server does not answer"
        return describe_gauges(text)

    def _ask_other(self, other: str) -> str:
        """The state of another machine, asked in the name of the last seat."""
        try:
            answer = ask_other(other, "/metrics", self.seats[-1].key, ANSWER)
            answer.raise_for_status()
        except httpx.HTTPError:
            return f"{escape(other)} does not answer: its seats are answered elsewhere"
        return f"{escape(other)}: {describe_gauges(answer.text)}"

    def _ask_card(self) -> str:
        card = read_nvidia().card if self.place.name == "gpu" else None
        if card is None:
            return ""
        return f"card {(card.total - card.free) / GIB:.1f} of {card.total / GIB:.1f} GiB"
