"""What to change in a start that fails: single flags, and pairs where none alone helps.

Every candidate is planned again, so what is proposed does start and serve. Built in notebook 07.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from helpers.memory_terms import PlanError, Settings
from helpers.places import GIB

if TYPE_CHECKING:
    from helpers.memory import Plan

SHORTEST = 1024  # tokens; a shorter --max-model-len is no advice beside a second change


@dataclass(frozen=True)
class Change:
    """One flag that would make the server start, its value, and what that costs."""

    flag: str
    value: str
    cost: str

    def __str__(self) -> str:
        joint = "" if not self.value else " " if self.flag.startswith("--") else "="
        return f"`{self.flag}{joint}{self.value}` ({self.cost})"


def advise(plan: "Plan") -> str:
    """What to do about a start that fails, in one sentence."""
    if plan.changes:
        return f"Smallest change: {plan.changes[0]}."
    if plan.pair:
        return f"No single flag helps, these two together do: {plan.pair[0]} and {plan.pair[1]}."
    larger = "a machine with more memory" if plan.start.on_cpu else "a larger card"
    return f"Nothing helps: take a smaller model or {larger}."


def advise_less(plan: "Plan") -> str:
    """What to do about a start that serves no request of the full length, in one sentence."""
    lower = "give the KV cache more memory"
    if plan.longest_served:
        lower = f"lower --max-model-len to {plan.longest_served}"
    return f"A request of the full length never gets its last block: {lower}."


def find_changes(plan: "Plan") -> Iterator[Change]:
    """Every single change with which the server starts and serves, the smallest sacrifice first."""
    for again, change in _try_changes(plan, _list_changes(plan)):
        if again.requests_at_once():
            yield change
    if plan.shortage == "card":
        yield from _say_what_to_free(plan)


def find_pair(plan: "Plan") -> tuple[Change, ...]:
    """The first change after which a shorter length is enough, and that length."""
    firsts = [*_take_what_is_free(plan), *_list_changes(plan)]
    for again, first in _try_changes(plan, firsts):
        for last, second in _try_changes(again, _shorten(again)):
            if last.start.length >= SHORTEST and last.requests_at_once():
                return first, second
    return ()


def _try_changes(
    plan: "Plan", candidates: Iterable[tuple[Settings, Change]]
) -> Iterator[tuple["Plan", Change]]:
    """Each candidate with its plan; what vLLM would refuse is left out."""
    for settings, change in candidates:
        try:
            again = plan.again(settings)
        except PlanError:
            continue
        yield again, change


def _list_changes(plan: "Plan") -> Iterator[tuple[Settings, Change]]:
    return _list_cpu_changes(plan) if plan.start.on_cpu else _list_gpu_changes(plan)


def _list_cpu_changes(plan: "Plan") -> Iterator[tuple[Settings, Change]]:
    start = plan.start
    space, cost = (start.free - plan.taken) // GIB, "less KV cache"
    if plan.shortage == "budget":
        needed = start.request_bytes + start.block * start.token_bytes  # and vLLM's own block
        space, cost = math.ceil(needed / GIB), "GiB of the machine's memory"
    again = replace(start.settings, cpu_space=space)
    yield again, Change("VLLM_CPU_KVCACHE_SPACE", str(space), cost)
    yield from _shorten(plan)
    if start.dtype == "float32":
        yield _change(plan, "--dtype", "bfloat16", "rounded numbers")


def _list_gpu_changes(plan: "Plan") -> Iterator[tuple[Settings, Change]]:
    settings, start = plan.start.settings, plan.start
    if share := _find_share(plan):
        yield _change_share(plan, share)
    yield from _shorten(plan)
    if start.batch > 2048:
        yield _change(plan, "--max-num-batched-tokens", 2048, "long prompts take more steps")
    if start.seqs > 64:
        yield _change(plan, "--max-num-seqs", 64, "fewer requests at once")
    if not settings.enforce_eager:
        yield _change(plan, "--enforce-eager", True, "no CUDA graphs, slower replies")
    if settings.limit_mm_per_prompt.get("video", 1):
        limits = dict(settings.limit_mm_per_prompt) | {"video": 0}
        again = replace(settings, limit_mm_per_prompt=limits)
        yield again, Change("--limit-mm-per-prompt.video", "0", "no clips")
    if start.dtype == "float32":
        yield _change(plan, "--dtype", "bfloat16", "rounded numbers")
    if settings.kv_cache_dtype == "auto":
        yield _change(plan, "--kv-cache-dtype", "fp8", "keys and values rounded to one byte")
    if not (settings.quantization or start.shapes.quantization):
        yield _change(plan, "--quantization", "fp8", "weights rounded to one byte")


def _change(plan: "Plan", flag: str, value: int | str, cost: str) -> tuple[Settings, Change]:
    name = flag.removeprefix("--").replace("-", "_")
    shown = "" if value is True else str(value)
    return replace(plan.start.settings, **{name: value}), Change(flag, shown, cost)


def _change_share(plan: "Plan", share: float) -> tuple[Settings, Change]:
    lower = share < plan.start.settings.gpu_memory_utilization
    cost = "less KV cache" if lower else "the card has it to spare"
    again = replace(plan.start.settings, gpu_memory_utilization=share)
    return again, Change("--gpu-memory-utilization", f"{share:.2f}", cost)


def _shorten(plan: "Plan") -> Iterator[tuple[Settings, Change]]:
    """The greatest length of which the KV cache holds a whole request."""
    if plan.shortage == "budget" and 0 < plan.longest_served < plan.start.length:
        length = plan.longest_served
        yield _change(plan, "--max-model-len", length, "longer requests are refused")


def _find_share(plan: "Plan") -> float:
    """The nearest share, in hundredths, with which the server serves; 0 when there is none."""
    now = plan.start.settings.gpu_memory_utilization
    up = range(math.floor(now * 100 + 1e-9) + 1, 100)
    down = range(math.ceil(now * 100 - 1e-9) - 1, 0, -1)
    for hundredth in up if plan.shortage == "budget" else down:
        again = replace(plan.start.settings, gpu_memory_utilization=hundredth / 100)
        if plan.again(again).requests_at_once():
            return hundredth / 100
    return 0.0


def _take_what_is_free(plan: "Plan") -> Iterator[tuple[Settings, Change]]:
    """The greatest share, in hundredths, that the card has room for."""
    for hundredth in range(99, 0, -1) if not plan.start.on_cpu else ():
        settings, change = _change_share(plan, hundredth / 100)
        if plan.again(settings).shortage != "card":
            yield settings, change
            return


def _say_what_to_free(plan: "Plan") -> Iterator[Change]:
    """Closing other programs, where the whole card would be enough."""
    start = plan.start
    empty = replace(start.card, free=start.card.total)
    again = plan.again(card=empty)
    if again.requests_at_once():
        what = f"close what else uses the {'memory' if start.on_cpu else 'card'}"
        yield Change(what, "", "the settings stay as they are")
