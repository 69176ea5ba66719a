"""Checks of the NVIDIA card: the driver, its memory, and whether this torch can use it."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

from helpers.card import (
    NO_DRIVER,
    Card,
    Nvidia,
    Program,
    Torch,
    has_kernels,
    in_container,
    read_kernels,
)
from helpers.environment.report import Check, State
from helpers.places import GIB, MIN_CARD
from helpers.versions import find_stack

# What vLLM 0.11.0 takes for the 4B with clips allowed, in GiB, as an H100 showed: weights 8.6,
# the largest clip 3.3, CUDA's libraries 0.2. The sampler comes on top, and then the KV cache.
FIXED = 12.1
VOCABULARY = 151_936
TOKEN_BYTES = 147_456  # KV cache
REQUESTS, LENGTH = 256, 16_384  # vLLM's default below 70 GiB, and the course's --max-model-len
# Flags that change these terms.
OTHER_TERMS = {"kv_cache_dtype", "quantization", "tensor_parallel_size"}
BATCH = 2048  # tokens a step: what a server takes below 70 GiB, and what is counted here
LIMITS, NO_CLIPS = "limit_mm_per_prompt", r'video": 0\b'
CUDA_HIDES = 0.47  # GiB of the driver's total that CUDA does not show
LARGEST_SHARE = 0.90  # the most that the course asks for by itself
SMALL_FLAGS = "--max-num-seqs 32 --max-model-len 8192"  # what a card of 16 GB has room for
WSL_SHARE = 0.94  # Windows keeps the rest of the card for itself
# The first driver that knows each CUDA (NVIDIA, CUDA Toolkit Release Notes).
DRIVERS = {"12.8": "570", "12.9": "575", "13.0": "580"}


def count_smallest(requests: int = REQUESTS, length: int = LENGTH) -> float:
    """Bytes that vLLM 0.11.0 must be given for the 4B and one request of `length` tokens.

    The sampler sorts a row of the vocabulary for each of `requests` at once, with 38 bytes a word
    from 128 rows on and 50 below. tests/test_environment.py holds it against the planner.
    """
    sorting = requests * VOCABULARY * (38 if requests >= 128 else 50)
    return FIXED * GIB + sorting + length * TOKEN_BYTES


def find_torch() -> str:
    """The torch that this environment's vLLM was built against."""
    return find_stack().works["torch"].removeprefix("==")


def say_torch() -> str:
    return f"`python -m pip install --force-reinstall torch=={find_torch()}`"


def check_driver(nvidia: Nvidia) -> Check:
    """Blackwell cards (RTX 50) came with driver 570, the first to know CUDA 12.8.

    Whether it is new enough for this torch, `check_cuda` says.
    """
    if not nvidia.driver:
        found, expected = nvidia.trouble, f"{find_stack().driver} or newer"
        return Check("NVIDIA driver", found, expected, "problem", nvidia.way_out)
    return Check("NVIDIA driver", nvidia.driver, "a loaded driver")


def check_card(nvidia: Nvidia) -> Check:
    card = nvidia.card
    if card is None:
        found = nvidia.trouble if nvidia.driver else "none without a driver"
        way_out = f"{nvidia.way_out} Without a card, COURSE_PLACE=cpu runs the pocket model."
        return Check("card", found, "an NVIDIA card ≥ 16 GB", "problem", way_out)
    found = f"{card.name}, {card.total / GIB:.1f} GiB"
    if card.total >= MIN_CARD * GIB:
        return Check("card", found, "an NVIDIA card ≥ 16 GB")
    way_out = "The 4B model in bf16 leaves no room to work in it: set COURSE_PLACE=cpu."
    return Check("card", found, "an NVIDIA card ≥ 16 GB", "problem", way_out)


def check_other_cards(nvidia: Nvidia) -> list[Check]:
    """The course serves on the first card; a better one in another slot would lie idle."""
    what = "several cards"
    if nvidia.card and nvidia.card.sliced:
        way_out = (
            "vLLM gets one slice and not the memory of the whole card. Turn MIG off (`sudo "
            "nvidia-smi -mig 0`), or serve on a slice yourself and set COURSE_BASE_URL."
        )
        return [Check(what, "MIG slices of one", "a whole card", "warning", way_out)]
    if nvidia.card is None or not nvidia.others:
        return []
    found, expected = f"the first is used, not {', '.join(nvidia.others)}", "the first is the best"
    if set(nvidia.others) == {nvidia.card.name}:
        return [Check(what, found, expected)]
    way_out = (
        f"The course takes the first in `nvidia-smi`, {nvidia.card.name}. For another start a "
        "server yourself (CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1 vllm serve …) and "
        "set COURSE_BASE_URL to its address."
    )
    return [Check(what, found, expected, "warning", way_out)]


def check_idle_card(nvidia: Nvidia) -> Check:
    """On the cpu place: say what is there, and warn of a driver that is broken, not absent."""
    if nvidia.card:
        found = f"{nvidia.card.name}, {nvidia.card.total / GIB:.1f} GiB"
        return Check("card", found, "none needed: place cpu")
    broken = bool(nvidia.trouble) and not nvidia.driver and nvidia.trouble != NO_DRIVER
    state, way_out = ("warning", nvidia.way_out) if broken else ("ok", "")
    return Check("card", nvidia.trouble, "none needed: place cpu", state, way_out)


def count_asked(arguments: Mapping[str, object]) -> float | None:
    """Bytes that vLLM 0.11.0 must be given for a place's `engine_arguments()`.

    None where flags change the terms (FP8, no clips, a length such as "8K"): those are left to
    notebook 08's planner.
    """
    length, requests = arguments.get("max_model_len"), arguments.get("max_num_seqs", REQUESTS)
    limits = {name: value for name, value in arguments.items() if name.startswith(LIMITS)}
    if (
        OTHER_TERMS & arguments.keys()
        or arguments.get("max_num_batched_tokens", BATCH) != BATCH
        or re.search(NO_CLIPS, json.dumps(limits))
        or {type(length), type(requests)} != {int}
    ):
        return None
    return count_smallest(requests, length)


def check_budget(card: Card, share: float, arguments: Mapping[str, object]) -> Check:
    """Does vLLM's `share` of the empty card hold the 4B and one longest request?"""
    what, needed = "VRAM for the flags", count_asked(arguments)
    if needed is None:
        return Check(what, "own flags, not counted", "notebook 08 counts")
    budget = share * (card.total - CUDA_HIDES * GIB)
    found, expected = f"{share:g} of it, {budget / GIB:.1f} GiB", f"≥ {needed / GIB:.1f} GiB"
    if budget >= needed:
        return Check(what, found, expected)
    length, requests = arguments["max_model_len"], arguments.get("max_num_seqs", REQUESTS)
    less = SMALL_FLAGS if length > 8192 or requests > 32 else "--max-model-len 4096"
    way_out = (
        f"With these flags vLLM 0.11.0 has no room for one request of {length:,} tokens: start "
        f"JupyterLab with COURSE_SERVE_FLAGS='{less}', or plan others in notebook 08."
    )
    return Check(what, found, expected, "problem", way_out)


def check_free_memory(
    card: Card, share: float, own: set[int], smallest: float | None = None
) -> Check:
    """vLLM takes `share` of the card's total memory, and all of it must be free at start.

    The course asks for what is free but for 1 GiB, in whole hundredths and 0.90 at most, unless
    COURSE_SERVE_FLAGS says otherwise (places.memory_share); `smallest` are the bytes that the
    place's flags need of it. What the course's own server holds (pids in `own`) counts as free;
    where the driver does not say how much that is, there is nothing to check.
    """
    what, held = "VRAM free for the course", {p.pid: p.memory for p in card.programs}
    free = card.free + sum(held.get(pid) or 0 for pid in own)
    least = (smallest or count_smallest()) / (card.total - CUDA_HIDES * GIB)
    enough = min(math.ceil(least * 100) / 100, LARGEST_SHARE) * card.total + GIB
    needed = max(share * card.total, enough)
    found, expected = f"{free / GIB:.1f} GiB", f"≥ {needed / GIB:.1f} GiB"
    if free >= needed:
        return Check(what, found, expected)
    if own and not any(held.get(pid) for pid in own):
        return Check(what, f"{found} beside the course's own server", expected)
    others = [_describe_program(p) for p in card.programs if p.pid not in own]
    way_out = f"End what else uses the card: {', '.join(others) or 'the driver does not say what'}"
    if free >= enough:
        way_out += ", or take --gpu-memory-utilization out of COURSE_SERVE_FLAGS"
    return Check(what, found, expected, "problem", f"{way_out}.")


def _describe_program(program: Program) -> str:
    size = "" if program.memory is None else f", {program.memory / GIB:.1f} GiB"
    return f"{program.name} (pid {program.pid}{size})"


def check_neighbours(card: Card, own: set[int]) -> Check:
    """Who else holds the card; whether that is too much, the free memory decides."""
    names = [
        _describe_program(program) + (" of the course" if program.pid in own else "")
        for program in card.programs
    ]
    return Check("programs on the card", ", ".join(names) or "none", "any that leave enough free")


def check_wsl_share(share: float) -> Check:
    """Windows holds some 6 % of the card back, seen by users as a start that fails above 0.94."""
    if share <= WSL_SHARE:
        return Check("memory share on WSL2", f"{share:g}", f"≤ {WSL_SHARE}")
    way_out = "Take `--gpu-memory-utilization 0.90` in COURSE_SERVE_FLAGS."
    return Check("memory share on WSL2", f"{share:g}", f"≤ {WSL_SHARE}", "problem", way_out)


def check_cuda(nvidia: Nvidia, torch: Torch) -> Check:
    """The driver must know the CUDA version that torch, and vLLM with it, was built for.

    A newer driver runs programs of any older CUDA. An older one of the same major version runs
    finished machine code (NVIDIA, "Minor Version Compatibility"), but no PTX, which it would have
    to translate; vLLM's FlashAttention 2 has machine code for cards of 8.x alone, so on later
    ones it ends in "PTX … unsupported toolchain" (vllm#37140). Below that nothing runs.
    """
    what = "CUDA of driver and torch"
    if torch.trouble:
        way_out = f"Mend torch first: {torch.trouble}"
        expected = f"torch {find_torch()}"
        return Check(what, "torch does not import", expected, "problem", way_out)
    if not torch.cuda:
        found, way_out = (
            f"torch {torch.version} for CPUs",
            f"Install the CUDA build: {say_torch()}.",
        )
        return Check(what, found, "a CUDA build", "problem", way_out)
    built_for = tuple(int(part) for part in torch.cuda.split("."))
    if not nvidia.driver:
        way_out = "See the line `NVIDIA driver`."
        return Check(what, "no driver to ask", f"driver ≥ {torch.cuda}", "problem", way_out)
    known = ".".join(map(str, nvidia.cuda))
    found, expected = f"driver {known}, torch {torch.cuda}", f"driver ≥ {torch.cuda}"
    if nvidia.cuda >= built_for:
        return Check(what, found, expected)
    same = nvidia.cuda[0] == built_for[0]
    needs_ptx = nvidia.card is not None and nvidia.card.capability >= (9, 0)
    state: State = "warning" if same and not needs_ptx else "problem"
    return Check(what, found, expected, state, _update_driver(torch.cuda))


def _update_driver(cuda: str) -> str:
    version = f" ({DRIVERS[cuda]} or newer)" if cuda in DRIVERS else ""
    where = " on the machine outside this container" if in_container() else ""
    return (
        f"Update NVIDIA's driver{where} to one that knows CUDA {cuda}{version}: an older one does "
        "not translate the kernels that vLLM brings as PTX. For WSL2 install it in Windows alone."
    )


def check_kernels(card: Card, torch: Torch) -> Check:
    """Has this torch machine code for this card? Else: "no kernel image is available"."""
    kind = f"sm_{card.capability[0]}{card.capability[1]}"
    newest = ", ".join(torch.kernels[-3:]) or "none"
    found = f"… {newest}" if len(torch.kernels) > 3 else newest
    if has_kernels(torch.kernels, card.capability):
        return Check("torch's kernels", found, f"{kind} for this card")
    way_out = f"This torch was not built for {card.name}: {say_torch()} brings up to sm_120."
    return Check("torch's kernels", found, f"{kind} for this card", "problem", way_out)


def check_engine_kernels(card: Card, vllm: Path) -> list[Check]:
    """The same of vLLM's own kernels, in its folder; FlashAttention 2 may come as PTX."""
    files = [*vllm.glob("_C.*so"), *vllm.glob("_C_stable_libtorch.*so")]
    files += [*vllm.glob("vllm_flash_attn/_vllm_fa2_C.*so")]
    kernels = {file.name.partition(".")[0]: read_kernels(file) for file in files}
    kernels = {name: types for name, types in kernels.items() if types}
    lacking = [name for name, types in kernels.items() if not has_kernels(types, card.capability)]
    what, expected = "vLLM's kernels", f"sm_{card.capability[0]}{card.capability[1]} for this card"
    if not kernels:
        return []
    if not lacking:
        return [Check(what, " and ".join(kernels), expected)]
    found = "; ".join(f"{name}: {', '.join(kernels[name][-2:])}" for name in lacking)
    way_out = f"This vLLM was not built for {card.name}: make the environment anew (README)."
    return [Check(what, found, expected, "problem", way_out)]


def check_torch_sees_card(torch: Torch) -> Check:
    """`torch.cuda.is_available()`, asked in a child process with the server's environment."""
    if torch.sees_card:
        return Check("torch sees the card", "yes", "yes")
    way_out = (
        "If the lines above are ok, restart the machine: "
        "the driver's part for CUDA is stuck or was not loaded (`nvidia-smi` may still work)."
    )
    if in_container():
        way_out += " In a container, NVIDIA_DRIVER_CAPABILITIES must name compute and utility."
    return Check("torch sees the card", "no", "yes", "problem", way_out)


def check_kernel_cache(card: Card, env: Mapping[str, str]) -> Check:
    """Can the driver keep what it compiles?

    vLLM's FlashAttention 2 has machine code for cards of 8.x alone; from 10.0 on (RTX 50) the
    driver compiles it at first use, which took an H100 made to do the same 50 s at the first
    reply and 90 s more at the start, and keeps the result (32 MB) in this folder.
    """
    what, folder = "driver's kernel cache", _find_kernel_cache(env)
    exists = next(path for path in (folder, *folder.parents) if path.exists())
    disabled = env.get("CUDA_CACHE_DISABLE", "0").strip() not in ("", "0")
    if not disabled and exists.is_dir() and os.access(exists, os.W_OK | os.X_OK):
        return Check(what, str(folder), "a folder to write in")
    if disabled:
        found, mend = "CUDA_CACHE_DISABLE is set", "unset CUDA_CACHE_DISABLE"
    else:
        found, mend = f"cannot write {folder}", "set CUDA_CACHE_PATH to a folder of yours"
    kind = ".".join(map(str, card.capability))
    way_out = (
        f"For a card of type {kind} the driver compiles kernels at first use, a minute or two, and "
        f"would do so at every start: {mend}."
    )
    return Check(what, found, "a folder to write in", "warning", way_out)


def _find_kernel_cache(env: Mapping[str, str]) -> Path:
    """Where the driver keeps compiled kernels on Linux (CUDA C++ Programming Guide)."""
    given = env.get("CUDA_CACHE_PATH")
    return Path(given) if given else Path(env.get("HOME") or "/") / ".nv" / "ComputeCache"
