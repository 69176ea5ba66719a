"""Plan the memory of a vLLM server before it starts, and hold the plan against its log.

vLLM divides a card like this (`determine_available_memory` in its v1/worker/gpu_worker.py):

    KV cache = total × gpu_memory_utilization − weights − other − activations
               − pictures and clips [− CUDA graphs]

`helpers.memory_terms` has the terms, where each figure comes from, and what differs between the
versions of vLLM. On a CPU nothing is tried out at the start: the KV cache is what
VLLM_CPU_KVCACHE_SPACE says. Built in notebook 07.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.card import Card, read_nvidia
from helpers.memory_changes import Change, advise, advise_less, find_changes, find_pair
from helpers.memory_terms import (
    PlanError,
    Settings,
    Start,
    Term,
    count_weights,
    list_terms,
    resolve_start,
)
from helpers.memory_view import Comparison, compare_memory, draw_memory
from helpers.places import GIB
from helpers.shapes import Shapes, read_shapes

__all__ = [
    "Change",
    "Comparison",
    "Plan",
    "PlanError",
    "Settings",
    "compare_memory",
    "draw_memory",
    "make_card",
    "plan_memory",
    "read_card",
    "read_processor",
    "read_settings",
]


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
class Plan:
    """What a start will do with the memory; sizes in bytes.

    `terms` are its parts without the KV cache; `budget` is what vLLM may use, `kv_memory` what is
    left of it for the KV cache (below 0 when nothing is). `shortage` is "" when the server will
    start, else the kind of out of memory: "budget", vLLM's share is too small for what is asked,
    or "card", the card is too full for the share; `reason` says which figures collide.
    """

    start: Start
    terms: tuple[Term, ...]
    budget: int
    kv_memory: int
    shortage: str
    reason: str

    @property
    def starts(self) -> bool:
        return not self.shortage

    @property
    def blocks(self) -> int:
        """Blocks of the KV cache, which is handed out in them."""
        return max(self.kv_memory, 0) // (self.start.token_bytes * self.start.block)

    @property
    def kv_tokens(self) -> int:
        """Tokens of all running requests that fit at once, as the log counts them."""
        if self.start.engine.counts_requests:
            return int(self.concurrency * self.start.length)
        return self.blocks * self.start.block

    @property
    def concurrency(self) -> float:
        """The log's "Maximum concurrency": the cache over one request of the greatest length."""
        return self.blocks / self.start.count_blocks(self.start.length)

    @property
    def longest_that_fits(self) -> int:
        """The greatest --max-model-len that this KV cache allows; 0 when there is none."""
        blocks = self.blocks - (1 if self.start.engine.spare_block else 0)
        return min(max(blocks, 0) * self.start.block, self.start.shapes.longest)

    @property
    def longest_served(self) -> int:
        """The greatest --max-model-len of which one whole request runs; 0 when there is none.

        vLLM keeps one block for itself, which its own check at the start may leave out.
        """
        return min(max(self.blocks - 1, 0) * self.start.block, self.start.shapes.longest)

    def requests_at_once(self, length: int | None = None) -> int:
        """How many requests of `length` tokens, prompt and reply, run without one waiting.

        vLLM keeps one block for itself, so a cache that the log calls 8.00x holds 7 whole ones.
        0 where such a request is too long for --max-model-len; never more than --max-num-seqs.
        Raises `PlanError` for a length below 1.
        """
        length = self.start.length if length is None else length
        if length < 1:
            raise PlanError(f"A request has at least 1 token; {length} were asked for.")
        if self.shortage or length > self.start.length:
            return 0
        whole = (self.blocks - 1) // self.start.count_blocks(length)
        return min(max(whole, 0), self.start.seqs)

    def again(self, settings: Settings | None = None, card: Card | None = None) -> "Plan":
        """The same start with other settings, or on another card."""
        start = self.start
        settings, card = settings or start.settings, card or start.card
        return plan_memory(start.shapes, settings, card=card, version=start.version)

    @property
    def taken(self) -> int:
        """Bytes that are gone before the KV cache gets the rest."""
        return sum(term.size for term in self.terms if term.inside)

    @property
    def beside(self) -> int:
        """Bytes that vLLM takes outside its share."""
        return sum(term.size for term in self.terms if not term.inside)

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
            return (
                f"It does not start (out of memory, {self.shortage}): {self.reason} {advise(self)}"
            )
        many = self.requests_at_once()
        sentence = (
            f"It starts: {self.kv_tokens:,} tokens of KV cache; requests of "
            f"{self.start.length:,} tokens that fit at once: {many:,}."
        )
        return sentence if many else f"{sentence} {advise_less(self)}"

    @property
    def tight(self) -> str:
        """One sentence where the card has no room for all that may be taken; "" where it has."""
        together = self.budget + self.beside
        if self.shortage or self.start.on_cpu or together <= self.start.free:
            return ""
        return (
            f"The share and the CUDA graphs beside it take {_gib(together)}, and "
            f"{_gib(self.start.free)} are free: a large batch can end in torch.OutOfMemoryError."
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

    `model` is the model's folder, its config.json or `helpers.shapes.QWEN3_VL_4B`; `card` is what
    `helpers.card.read_nvidia` or `make_card` returns, with the totals of nvidia-smi.
    Raises `PlanError` for settings that contradict each other, `ShapesError` for a model that is
    no dense Qwen3-VL.
    """
    if not isinstance(card, Card | None):
        raise PlanError(f"card is {card!r}; make_card describes one, None is the processor.")
    shapes = model if isinstance(model, Shapes) else read_shapes(model)
    start = resolve_start(shapes, settings, card or read_processor(), version)
    terms = list_terms(start)
    if start.on_cpu:
        budget = kv_memory = start.space * GIB
    else:
        budget = math.ceil(start.total * start.settings.gpu_memory_utilization)
        kv_memory = budget - sum(term.size for term in terms if term.inside)
    plan = Plan(start, terms, budget, kv_memory, shortage="", reason="")
    shortage, reason = _find_shortage(plan)
    return replace(plan, shortage=shortage, reason=reason)


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


def read_processor() -> Card:
    """This machine's memory as it is when nothing else runs, as the card of a CPU server."""
    import psutil

    total = psutil.virtual_memory().total
    return Card("this processor", (0, 0), total, total, ())


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


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def _find_shortage(plan: Plan) -> tuple[str, str]:
    """(kind, reason) of the out of memory that ends this start; empty when it starts."""
    find_card_shortage = _find_cpu_shortage if plan.start.on_cpu else _find_card_shortage
    if reason := find_card_shortage(plan):
        return "card", reason
    if reason := _find_budget_shortage(plan):
        return "budget", reason
    return "", ""


def _find_cpu_shortage(plan: Plan) -> str:
    asked, free = plan.budget + plan.taken, plan.start.free
    if asked <= free:
        return ""
    return f"it takes {_gib(asked)} of memory in all, and the machine has {_gib(free)} free."


def _find_card_shortage(plan: Plan) -> str:
    """What the card has no room for: the share, the trial runs, or the CUDA graphs.

    While the graphs are recorded, the memory of the trial runs is free again.
    """
    sizes = {term.name: term.size for term in plan.terms}
    trials = sizes["activations"] + sizes["pictures and clips"]
    resting = plan.budget + plan.beside - trials
    free = plan.start.free
    if plan.budget > free:
        return f"the share is {_gib(plan.budget)}, and vLLM finds about {_gib(free)} free."
    if (loading := _count_wide_loading(plan.start)) > free:
        return (
            f"vLLM {plan.start.engine.name} loads the weights in 16 bits before it makes them "
            f"FP8: {_gib(loading)}, and {_gib(free)} are free."
        )
    if plan.taken > free:
        return f"without any KV cache it takes {_gib(plan.taken)}, and {_gib(free)} are free."
    if plan.kv_memory > 0 and resting > free:
        return f"with its CUDA graphs it takes {_gib(resting)}, and {_gib(free)} are free."
    return ""


def _count_wide_loading(start: Start) -> int:
    """Bytes that the weights take before vLLM makes them FP8; 0 where it does not load so."""
    makes_fp8 = start.settings.quantization == "fp8" and not start.shapes.quantization
    return count_weights(start, "") if start.engine.loads_wide and makes_fp8 else 0


def _find_budget_shortage(plan: Plan) -> str:
    """What vLLM's share, or VLLM_CPU_KVCACHE_SPACE, has no room for."""
    start = plan.start
    if plan.kv_memory <= 0:
        return (
            f"the share is {_gib(plan.budget)}, and all but the KV cache takes "
            f"{_gib(plan.taken)} of it."
        )
    if start.length <= plan.longest_that_fits:
        return ""
    return (
        f"one request of {start.length:,} tokens needs {_gib(start.request_bytes)} of KV cache, "
        f"and {_gib(plan.kv_memory)} are left for it."
    )
