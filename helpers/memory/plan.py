"""Plan the memory of a vLLM server in words: what fits, what is short, what to change.

Built in notebook 08.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.card import Card, read_nvidia
from helpers.memory.changes import Change, advise_less, find_changes, find_pair
from helpers.memory.layout import Layout, say_gib
from helpers.memory.shapes import Shapes
from helpers.memory.terms import PlanError, Settings, Start, Term
from helpers.places import GIB

# Flags that change the memory in a way that the planner has no formula for, and their defaults.
UNPLANNED = {
    "tensor_parallel_size": 1,
    "pipeline_parallel_size": 1,
    "kv_cache_memory_bytes": None,
    "kv_cache_memory": None,
    "block_size": None,
    "num_gpu_blocks_override": None,
    "cpu_offload_gb": 0,
    "enable_lora": False,
    "speculative_config": None,
    "skip_mm_profiling": False,
    "mm_processor_kwargs": None,
}


@dataclass(frozen=True)
class Plan(Layout):
    """A layout of the memory that says what fits, or what to change."""

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Single changes that make the server start, the smallest sacrifice first."""
        return tuple(find_changes(self)) if self.shortage else ()

    @cached_property
    def pair(self) -> tuple[Change, ...]:
        """Two changes that make the server start together, where no single one does."""
        return find_pair(self) if self.shortage and not self.changes else ()

    @property
    def verdict(self) -> str:
        """One to three sentences: it starts and what fits, or why not and what to change."""
        if not self.starts:
            failure = f"It does not start (out of memory, {self.shortage}): {self.reason}"
            return f"{failure} {self._advise()}"
        many = self.requests_at_once()
        sentence = (
            f"It starts: {self.kv_tokens:,} tokens of KV cache; requests of "
            f"{self.start.length:,} tokens that fit at once: {many:,}."
        )
        return sentence if many else f"{sentence} {advise_less(self)}"

    def _advise(self) -> str:
        """What to do about a start that fails, in one sentence."""
        if self.changes:
            return f"Smallest change: {self.changes[0]}."
        if self.pair:
            return (
                f"No single flag helps, these two together do: {self.pair[0]} and {self.pair[1]}."
            )
        larger = "a machine with more memory" if self.start.on_cpu else "a larger card"
        return f"Nothing helps: take a smaller model or {larger}."

    @property
    def tight(self) -> str:
        """One sentence where the card has no room for all that may be taken; "" where it has."""
        together = self.budget + self.beside
        if self.shortage or self.start.on_cpu or together <= self.start.free:
            return ""
        return (
            f"The share and the CUDA graphs beside it take {say_gib(together)}, and "
            f"{say_gib(self.start.free)} are free: a large batch can end in torch.OutOfMemoryError."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What may still go wrong, and what was or was not measured of this start."""
        return (self.tight, *self.start.notes) if self.tight else self.start.notes

    def _list_rows(self) -> list[tuple[str, str, str]]:
        """(part, size, source) of every part that takes something."""
        kv = Term("KV cache", max(self.kv_memory, 0), _say_kv_source(self.start))
        inside = [*(term for term in self.terms if term.inside), kv]
        beside = [term for term in self.terms if not term.inside]
        where = "" if self.start.on_cpu else "beside the share; "
        rows = [(t.name, t.size, t.source) for t in inside]
        rows += [(t.name, t.size, where + t.source) for t in beside]
        return [(name, f"{size / GIB:.2f} GiB", source) for name, size, source in rows if size]

    def __str__(self) -> str:
        rows = [f"{name:20}{size:>10}  {source}" for name, size, source in self._list_rows()]
        return "\n".join([str(self.start), *rows, self.verdict, *self.notes])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        rows = [f"| {name} | {size} | {source} |" for name, size, source in self._list_rows()]
        table = ["| part | size | where the figure is from |", "|---|---|---|", *rows]
        verdict = f"{'✅' if self.starts else '❌'} {self.verdict}"
        notes = [note if note.startswith("Held") else f"⚠️ {note}" for note in self.notes]
        return "\n\n".join([f"**{self.start}**", "\n".join(table), verdict, *notes])


def plan_memory(
    model: Shapes | Path | str | Mapping[str, Any],
    settings: Settings,
    *,
    card: Card | None = None,
    version: str = "0.11.0",
) -> Plan:
    """Plan one start of `vllm serve` on one card, or on the processor where `card` is None.

    `model` is the model's folder, its config.json or `helpers.memory.QWEN3_VL_4B`; `card` is what
    `helpers.card.read_nvidia` or `make_card` returns, with the totals of nvidia-smi.
    Raises `PlanError` for settings that contradict each other, `ShapesError` for a model that is
    no dense Qwen3-VL.
    """
    return Plan.make(model, settings, card, version)


def make_card(name: str, total: float, free: float | None = None) -> Card:
    """A card to plan for, in GiB as nvidia-smi shows them (an RTX 5090: 31.84).

    Raises `PlanError` for what is no size, for a card below 1 GiB or more free than there is.
    """
    free = total if free is None else free
    for size in (total, free):
        if isinstance(size, bool) or not isinstance(size, int | float) or not math.isfinite(size):
            raise PlanError(f"{size!r} is no size of a card; a number of GiB is wanted.")
    if total < 1:
        raise PlanError(f"A card of {total} GiB is none that vLLM could use; give GiB, not bytes.")
    if not 0 <= free <= total:
        raise PlanError(f"A card of {total} GiB cannot have {free} GiB free.")
    return Card(name, (12, 0), round(total * GIB), round(free * GIB), ())


def read_card() -> Card:
    """This machine's NVIDIA card as it is when nothing runs on it, so also beside a server.

    Raises `PlanError` where there is none.
    """
    card = read_nvidia().card
    if card is None:
        raise PlanError("No NVIDIA card here; make_card describes one to plan for.")
    return replace(card, free=card.total)


def read_settings(arguments: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Settings:
    """The settings in a server's arguments: `place.engine_arguments()`, or those in a log.

    `env` is the server's environment, for VLLM_CPU_KVCACHE_SPACE (`place.env`). Raises `PlanError`
    for a flag that memory depends on and the planner does not know.
    """
    for name, default in UNPLANNED.items():
        if arguments.get(name, default) not in (default, None):
            flag = "--" + name.replace("_", "-")
            raise PlanError(f"The planner does not know {flag}, and the memory depends on it.")
    names = {field.name for field in fields(Settings)}
    known = {name: value for name, value in arguments.items() if name in names}
    limits = {  # --limit-mm-per-prompt.video 0
        name.partition(".")[2]: value
        for name, value in arguments.items()
        if name.startswith("limit_mm_per_prompt.")
    }
    if arguments.get("language_model_only"):
        limits = {"image": 0, "video": 0}
    if limits:
        known["limit_mm_per_prompt"] = dict(known.get("limit_mm_per_prompt", {})) | limits
    known["cpu_space"] = _read_space((env or {}).get("VLLM_CPU_KVCACHE_SPACE", ""))
    return Settings(**known)


def _read_space(text: str) -> int | None:
    """GiB of VLLM_CPU_KVCACHE_SPACE; None where it is not set."""
    try:
        return int(text) if text else None
    except ValueError:
        raise PlanError(
            f"VLLM_CPU_KVCACHE_SPACE is {text!r}; it has to be a whole number of GiB."
        ) from None


def _say_kv_source(start: Start) -> str:
    where = "the rest of the share"
    if start.on_cpu:
        where = "0.11's default" if start.settings.cpu_space is None else "VLLM_CPU_KVCACHE_SPACE"
    return f"{where}; {start.token_bytes:,} bytes a token"
