"""What a check of the machine found, as a table that shows itself."""

import html
import re
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]
MARKS: dict[State, str] = {"ok": "✅", "warning": "⚠️", "problem": "❌"}


@dataclass(frozen=True)
class Check:
    """One line of the report; `way_out` says what to do unless the state is ok."""

    what: str
    found: str
    expected: str
    state: State = "ok"
    way_out: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        return (self.what, self.found, self.expected, self.state)


@dataclass(frozen=True)
class Report:
    """All checks of one machine; a notebook shows it as a table, a terminal as text."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True when nothing stands in the way; warnings are allowed."""
        return all(check.state != "problem" for check in self.checks)

    @property
    def to_do(self) -> tuple[Check, ...]:
        """The checks that call for something, each with its way out."""
        return tuple(check for check in self.checks if check.state != "ok")

    @property
    def summary(self) -> str:
        counts = {state: sum(check.state == state for check in self.checks) for state in MARKS}
        problems = f"{counts['problem']} problem{'s' * (counts['problem'] != 1)}"
        warnings = f"{counts['warning']} warning{'s' * (counts['warning'] != 1)}"
        return f"{len(self.checks)} checks: {counts['ok']} ok, {warnings}, {problems}"

    def __str__(self) -> str:
        rows = [("what", "found", "expected", "state"), *(check.cells for check in self.checks)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        advice = [f"{check.state}: {check.what}: {check.way_out}" for check in self.to_do]
        return "\n".join([*lines, "", self.summary, *advice])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [_format_row("th", ("what", "found", "expected", "state"))]
        for check in self.checks:
            state = f"{MARKS[check.state]} {check.state}"
            rows.append(_format_row("td", (check.what, check.found, check.expected, state)))
        advice = [
            f"<li>{MARKS[check.state]} {check.what}: {_format_code(check.way_out)}</li>"
            for check in self.to_do
        ]
        return f"<table>{''.join(rows)}</table><p>{self.summary}</p><ul>{''.join(advice)}</ul>"


def _format_row(tag: str, cells: tuple[str, ...]) -> str:
    """A row of the HTML table, without colours: it has to read in light and dark themes."""
    left = 'style="text-align: left"'
    return "<tr>" + "".join(f"<{tag} {left}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"


def _format_code(text: str) -> str:
    """Escape a sentence for HTML and set what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
