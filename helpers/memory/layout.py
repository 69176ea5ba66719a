"""Divide the memory of one start, before it happens: what each part takes, and whether it fits.

vLLM divides a card like this (`determine_available_memory` in its v1/worker/gpu_worker.py):

    KV cache = total × gpu_memory_utilization − weights − other − activations
               − pictures and clips [− CUDA graphs]

`helpers.memory.terms` has the terms, where each figure comes from, and what differs between the
versions of vLLM. On a CPU nothing is tried out at the start: the KV cache is what
VLLM_CPU_KVCACHE_SPACE says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from helpers.card import Card
from helpers.memory.shapes import Shapes, read_shapes
from helpers.memory.terms import (
    PlanError,
    Settings,
    Start,
    Term,
    count_weights,
    list_terms,
    resolve_start,
)
from helpers.places import GIB


@dataclass(frozen=True)
class Layout:
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

    @classmethod
    def make(
        cls,
        model: Shapes | Path | str | Mapping[str, Any],
        settings: Settings,
        card: Card | None,
        version: str,
    ) -> Self:
        """Divide the memory; the arguments and errors are those of `plan_memory`."""
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
        layout = cls(start, terms, budget, kv_memory, shortage="", reason="")
        shortage, reason = _find_shortage(layout)
        return replace(layout, shortage=shortage, reason=reason)

    def again(self, settings: Settings | None = None, card: Card | None = None) -> Self:
        """The same start with other settings, or on another card."""
        start = self.start
        return self.make(
            start.shapes, settings or start.settings, card or start.card, start.version
        )

    @property
    def taken(self) -> int:
        """Bytes that are gone before the KV cache gets the rest."""
        return sum(term.size for term in self.terms if term.inside)

    @property
    def beside(self) -> int:
        """Bytes that vLLM takes outside its share."""
        return sum(term.size for term in self.terms if not term.inside)


def read_processor() -> Card:
    """This machine's memory as it is when nothing else runs, as the card of a CPU server."""
    import psutil

    total = psutil.virtual_memory().total
    return Card("this processor", (0, 0), total, total, ())


def say_gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"


def _find_shortage(layout: Layout) -> tuple[str, str]:
    """(kind, reason) of the out of memory that ends this start; empty when it starts."""
    find_card_shortage = _find_cpu_shortage if layout.start.on_cpu else _find_card_shortage
    if reason := find_card_shortage(layout):
        return "card", reason
    if reason := _find_budget_shortage(layout):
        return "budget", reason
    return "", ""


def _find_cpu_shortage(layout: Layout) -> str:
    asked, free = layout.budget + layout.taken, layout.start.free
    if asked <= free:
        return ""
    return f"it takes {say_gib(asked)} of memory in all, and the machine has {say_gib(free)} free."


def _find_card_shortage(layout: Layout) -> str:
    """What the card has no room for: the share, the trial runs, or the CUDA graphs.

    While the graphs are recorded, the memory of the trial runs is free again.
    """
    sizes = {term.name: term.size for term in layout.terms}
    trials = sizes["activations"] + sizes["pictures and clips"]
    resting = layout.budget + layout.beside - trials
    free = layout.start.free
    if layout.budget > free:
        return f"the share is {say_gib(layout.budget)}, and vLLM finds about {say_gib(free)} free."
    if (loading := _count_wide_loading(layout.start)) > free:
        return (
            f"vLLM {layout.start.engine.name} loads the weights in 16 bits before it makes them "
            f"FP8: {say_gib(loading)}, and {say_gib(free)} are free."
        )
    if layout.taken > free:
        return (
            f"without any KV cache it takes {say_gib(layout.taken)}, and {say_gib(free)} are free."
        )
    if layout.kv_memory > 0 and resting > free:
        return f"with its CUDA graphs it takes {say_gib(resting)}, and {say_gib(free)} are free."
    return ""


def _count_wide_loading(start: Start) -> int:
    """Bytes that the weights take before vLLM makes them FP8; 0 where it does not load so."""
    makes_fp8 = start.settings.quantization == "fp8" and not start.shapes.quantization
    return count_weights(start, "") if start.engine.loads_wide and makes_fp8 else 0


def _find_budget_shortage(layout: Layout) -> str:
    """What vLLM's share, or VLLM_CPU_KVCACHE_SPACE, has no room for."""
    start = layout.start
    if layout.kv_memory <= 0:
        return (
            f"the share is {say_gib(layout.budget)}, and all but the KV cache takes "
            f"{say_gib(layout.taken)} of it."
        )
    if start.length <= layout.longest_that_fits:
        return ""
    return (
        f"one request of {start.length:,} tokens needs {say_gib(start.request_bytes)} of KV cache, "
        f"and {say_gib(layout.kv_memory)} are left for it."
    )
