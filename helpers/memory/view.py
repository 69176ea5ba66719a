"""A plan of a server's memory beside its log, as a table and as a bar. Built in notebook 08."""

import html
import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from helpers.memory.plan import Plan
from helpers.places import GIB
from helpers.server import StartFacts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "weights": "#4477aa",
    "other": "#bbbbbb",
    "activations": "#ccbb44",
    "pictures and clips": "#ee7733",
    "CUDA graphs": "#aa3377",
    "KV cache": "#66ccbb",
    "Python and vLLM": "#bbbbbb",
}


@dataclass(frozen=True)
class Comparison:
    """Plan and log side by side; a row is (part, planned, logged, difference)."""

    plan: Plan
    facts: StartFacts
    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def kv_error(self) -> float | None:
        """How far the planned KV tokens are off, as a share of the log's; None without a figure."""
        if not self.facts.kv_tokens:
            return None
        return self.plan.kv_tokens / self.facts.kv_tokens - 1

    @property
    def agrees(self) -> bool:
        """True for the same start, the planned outcome and KV tokens within 1 %.

        A server that is ready but whose log has no KV tokens proves nothing: False.
        """
        start, facts = self.plan.start, self.facts
        same_device = (facts.device == "cpu") == start.on_cpu
        same_length = facts.max_model_len in (None, start.length)
        same_outcome = facts.outcome == (self.plan.shortage or "ready")
        if not (same_device and same_length and same_outcome):
            return False
        if self.kv_error is None:
            return facts.outcome != "ready"
        return abs(self.kv_error) <= 0.01

    def __str__(self) -> str:
        rows = [("part", "plan", "log", "difference"), *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("part", "plan", "log", "difference"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def compare_memory(plan: Plan, facts: StartFacts) -> Comparison:
    """Hold a plan against what a log says (`helpers.server.read_facts`)."""
    sizes = {term.name: term.size / GIB for term in plan.terms}
    work = sizes.get("activations", 0.0) + sizes.get("pictures and clips", 0.0)
    pairs = [
        ("weights", sizes["weights"], facts.weights),
        ("other", sizes.get("other"), facts.other),
        ("activations, pictures and clips", work or None, facts.activations),
        ("CUDA graphs", sizes.get("CUDA graphs"), facts.graphs),
        ("KV cache", plan.kv_memory / GIB, facts.kv_memory),
    ]
    rows = [
        (name, f"{size:.2f} GiB", "—" if fact is None else f"{fact:.2f} GiB", _say_gap(size, fact))
        for name, size, fact in pairs
        if size is not None
    ]
    tokens = "—" if facts.kv_tokens is None else f"{facts.kv_tokens:,}"
    planned = f"{plan.kv_tokens:,}"
    rows.append(("tokens of KV cache", planned, tokens, _say_gap(plan.kv_tokens, facts.kv_tokens)))
    rows.append(("outcome", plan.shortage or "ready", facts.outcome, ""))
    return Comparison(plan, facts, tuple(rows))


def _say_gap(planned: float, fact: float | None) -> str:
    return f"{planned / fact - 1:+.1%}" if fact else ""


def draw_memory(
    plan: Plan, facts: StartFacts | None = None, *, ax: "Axes | None" = None
) -> "Figure":
    """One bar of the memory, planned, with the log's below it where `facts` are given.

    Hatched is the KV cache that one request of --max-model-len needs, where that is too much.
    """
    if ax is None:
        size = (9, 2.7 if facts else 2.1)
        ax = _make_figure_class()(figsize=size, layout="constrained").subplots()
    bars = {"plan": _list_segments(plan)}
    if facts is not None:
        bars["log"] = _list_fact_segments(facts)
    for row, segments in enumerate(bars.values()):
        _draw_bar(ax, row, segments)
    ends = [_draw_needed(plan, ax), plan.start.total / GIB, plan.budget / GIB]
    if not plan.start.on_cpu:
        ax.axvline(plan.budget / GIB, color="black", linestyle="--", label="end of the share")
    ax.axvline(plan.start.free / GIB, color="black", linestyle=":", label="free before the start")
    ax.set(xlim=(0, max(ends) * 1.01), ylim=(len(bars) - 0.4, -0.6), xlabel="GiB")
    ax.set_yticks(range(len(bars)), list(bars))
    ax.set_title(str(plan.start), fontsize=10, loc="left")
    ax.spines[["top", "right", "left"]].set_visible(False)
    _draw_legend(ax)
    return ax.figure


@cache
def _make_figure_class() -> type["Figure"]:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows also where pyplot was never imported."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=80)
            return file.getvalue()

    return Picture


def _list_segments(plan: Plan) -> list[tuple[str, float]]:
    """(name, GiB) from left to right: what is inside the share, the KV cache, what is beside."""
    inside = [(term.name, term.size / GIB) for term in plan.terms if term.inside]
    beside = [(term.name, term.size / GIB) for term in plan.terms if not term.inside]
    return [*inside, ("KV cache", max(plan.kv_memory, 0) / GIB), *beside]


def _list_fact_segments(facts: StartFacts) -> list[tuple[str, float]]:
    parts = {
        "weights": facts.weights,
        "other": facts.other,
        "activations": facts.activations,
        "KV cache": facts.kv_memory,
        "CUDA graphs": facts.graphs,
    }
    return [(name, size) for name, size in parts.items() if size]


def _draw_bar(ax: "Axes", row: int, segments: list[tuple[str, float]]) -> None:
    left, widest = 0.0, sum(size for _, size in segments)
    for name, size in segments:
        if size > 0:
            ax.barh(row, size, left=left, color=COLOURS[name], edgecolor="white", label=name)
        if size > widest / 20:
            colour = "white" if name in ("weights", "CUDA graphs") else "black"
            middle = {"ha": "center", "va": "center", "fontsize": 9, "color": colour}
            ax.text(left + size / 2, row, f"{size:.1f}", **middle)
        left += size


def _draw_needed(plan: Plan, ax: "Axes") -> float:
    """Hatch what one request needs when it is too long; returns where that ends, in GiB."""
    if plan.shortage != "budget":
        return 0.0
    left, needed = plan.taken / GIB, plan.start.request_bytes / GIB
    style = {"facecolor": "none", "edgecolor": "#cc3311", "hatch": "///"}
    ax.barh(0, needed, left=left, height=0.5, label="one request needs", **style)
    return left + needed


def _draw_legend(ax: "Axes") -> None:
    handles, names = ax.get_legend_handles_labels()
    lines = len(ax.lines)  # drawn after the bars, listed before them
    unique = dict(
        zip(names[lines:] + names[:lines], handles[lines:] + handles[:lines], strict=True)
    )
    place = {"loc": "outside lower center", "ncols": 5, "fontsize": 8, "frameon": False}
    ax.figure.legend(unique.values(), unique, **place)
