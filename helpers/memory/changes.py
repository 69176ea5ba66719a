"""What to change in a start that fails: single flags, and pairs where none alone helps.

Every candidate is planned again, so what is proposed does start and serve. Built in notebook 08.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from helpers.memory.layout import Layout
from helpers.memory.terms import PlanError, Settings
from helpers.places import GIB

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


def advise_less(layout: Layout) -> str:
    """What to do about a start that serves no request of the full length, in one sentence."""
    lower = "give the KV cache more memory"
    if layout.longest_served:
        lower = f"lower --max-model-len to {layout.longest_served}"
    return f"A request of the full length never gets its last block: {lower}."


def find_changes(layout: Layout) -> Iterator[Change]:
    """Every single change with which the server starts and serves, the smallest sacrifice first."""
    for again, change in _try_changes(layout, _list_changes(layout)):
        if again.requests_at_once():
            yield change
    if layout.shortage == "card":
        yield from _say_what_to_free(layout)


def find_pair(layout: Layout) -> tuple[Change, ...]:
    """The first change after which a shorter length is enough, and that length."""
    firsts = [*_take_what_is_free(layout), *_list_changes(layout)]
    for again, first in _try_changes(layout, firsts):
        for last, second in _try_changes(again, _shorten(again)):
            if last.start.length >= SHORTEST and last.requests_at_once():
                return first, second
    return ()


def _try_changes(
    layout: Layout, candidates: Iterable[tuple[Settings, Change]]
) -> Iterator[tuple[Layout, Change]]:
    """Each candidate with its plan; what vLLM would refuse is left out."""
    for settings, change in candidates:
        try:
            again = layout.again(settings)
        except PlanError:
            continue
        yield again, change


def _list_changes(layout: Layout) -> Iterator[tuple[Settings, Change]]:
    return _list_cpu_changes(layout) if layout.start.on_cpu else _list_gpu_changes(layout)


def _list_cpu_changes(layout: Layout) -> Iterator[tuple[Settings, Change]]:
    start = layout.start
    space, cost = (start.free - layout.taken) // GIB, "less KV cache"
    if layout.shortage == "budget":
        needed = start.request_bytes + start.block * start.token_bytes  # and vLLM's own block
        space, cost = math.ceil(needed / GIB), "GiB of the machine's memory"
    again = replace(start.settings, cpu_space=space)
    yield again, Change("VLLM_CPU_KVCACHE_SPACE", str(space), cost)
    yield from _shorten(layout)
    if start.dtype == "float32":
        yield _change(layout, "--dtype", "bfloat16", "rounded numbers")


def _list_gpu_changes(layout: Layout) -> Iterator[tuple[Settings, Change]]:
    settings, start = layout.start.settings, layout.start
    if share := _find_share(layout):
        yield _change_share(layout, share)
    yield from _shorten(layout)
    if start.batch > 2048:
        yield _change(layout, "--max-num-batched-tokens", 2048, "long prompts take more steps")
    if start.seqs > 64:
        yield _change(layout, "--max-num-seqs", 64, "fewer requests at once")
    if not settings.enforce_eager:
        yield _change(layout, "--enforce-eager", True, "no CUDA graphs, slower replies")
    if settings.limit_mm_per_prompt.get("video", 1):
        limits = dict(settings.limit_mm_per_prompt) | {"video": 0}
        again = replace(settings, limit_mm_per_prompt=limits)
        yield again, Change("--limit-mm-per-prompt.video", "0", "no clips")
    if start.dtype == "float32":
        yield _change(layout, "--dtype", "bfloat16", "rounded numbers")
    if settings.kv_cache_dtype == "auto" and start.has_fp8_cache:
        yield _change(layout, "--kv-cache-dtype", "fp8", "keys and values rounded to one byte")
    if not (settings.quantization or start.shapes.quantization):
        yield _change(layout, "--quantization", "fp8", "weights rounded to one byte")


def _change(layout: Layout, flag: str, value: int | str, cost: str) -> tuple[Settings, Change]:
    name = flag.removeprefix("--").replace("-", "_")
    shown = "" if value is True else str(value)
    return replace(layout.start.settings, **{name: value}), Change(flag, shown, cost)


def _change_share(layout: Layout, share: float) -> tuple[Settings, Change]:
    lower = share < layout.start.settings.gpu_memory_utilization
    cost = "less KV cache" if lower else "the card has it to spare"
    again = replace(layout.start.settings, gpu_memory_utilization=share)
    return again, Change("--gpu-memory-utilization", f"{share:.2f}", cost)


def _shorten(layout: Layout) -> Iterator[tuple[Settings, Change]]:
    """The greatest length of which the KV cache holds a whole request.

    Shorter requests may bring less of a clip, which leaves the cache more: so it is looked up
    again in the plan of the length found first.
    """
    length = layout.longest_served
    if layout.shortage == "budget" and 0 < length < layout.start.length:
        settings = layout.start.settings
        shorter = layout.again(replace(settings, max_model_len=length))
        longer = layout.again(replace(settings, max_model_len=shorter.longest_served))
        best = shorter.longest_served if longer.requests_at_once() else length
        yield _change(layout, "--max-model-len", best, "longer requests are refused")


def _find_share(layout: Layout) -> float:
    """The nearest share, in hundredths, with which the server serves; 0 when there is none."""
    now = layout.start.settings.gpu_memory_utilization
    up = range(math.floor(now * 100 + 1e-9) + 1, 100)
    down = range(math.ceil(now * 100 - 1e-9) - 1, 0, -1)
    for hundredth in up if layout.shortage == "budget" else down:
        again = replace(layout.start.settings, gpu_memory_utilization=hundredth / 100)
        if layout.again(again).requests_at_once():
            return hundredth / 100
    return 0.0


def _take_what_is_free(layout: Layout) -> Iterator[tuple[Settings, Change]]:
    """The greatest share, in hundredths, that the card has room for."""
    for hundredth in range(99, 0, -1) if not layout.start.on_cpu else ():
        settings, change = _change_share(layout, hundredth / 100)
        if layout.again(settings).shortage != "card":
            yield settings, change
            return


def _say_what_to_free(layout: Layout) -> Iterator[Change]:
    """Closing other programs, where the whole card would be enough."""
    start = layout.start
    empty = replace(start.card, free=start.card.total)
    again = layout.again(card=empty)
    if again.requests_at_once():
        what = f"close what else uses the {'memory' if start.on_cpu else 'card'}"
        yield Change(what, "", "the settings stay as they are")
