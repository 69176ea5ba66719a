"""Checks of the NVIDIA card: the driver, its memory, and whether this torch can use it."""

from helpers.card import (
    INSTALL_DRIVER,
    NO_DRIVER,
    Card,
    Nvidia,
    Program,
    Torch,
    has_kernels,
)
from helpers.places import GIB, MIN_CARD
from helpers.report import Check, State

# Weights 8.3, the largest picture or clip that vLLM 0.11 sets memory aside for 2.9, the rest of
# the engine 0.2, and the KV cache of one request of 16,384 tokens 2.3 GiB.
SMALLEST_BUDGET = 13.7 * GIB
WSL_SHARE = 0.94  # Windows keeps the rest of the card for itself
INSTALL_TORCH = "`python -m pip install --force-reinstall torch==2.8.0`"


def check_driver(nvidia: Nvidia) -> Check:
    """Blackwell cards (RTX 50) came with driver 570, the first to know CUDA 12.8."""
    if not nvidia.driver:
        found = nvidia.trouble
        return Check("NVIDIA driver", found, "570 or newer", "problem", nvidia.way_out)
    return Check("NVIDIA driver", nvidia.driver, "a loaded driver")


def check_card(nvidia: Nvidia) -> Check:
    card = nvidia.card
    if card is None:
        found = nvidia.trouble if nvidia.driver else "none without a driver"
        way_out = f"{nvidia.way_out} Without one, COURSE_PLACE=cpu runs the pocket model."
        return Check("card", found, "an NVIDIA card ≥ 16 GB", "problem", way_out)
    found = f"{card.name}, {card.total / GIB:.1f} GiB"
    if card.total >= MIN_CARD * GIB:
        return Check("card", found, "an NVIDIA card ≥ 16 GB")
    way_out = "The 4B model does not fit in it with room to work: set COURSE_PLACE=cpu."
    return Check("card", found, "an NVIDIA card ≥ 16 GB", "problem", way_out)


def check_idle_card(nvidia: Nvidia) -> Check:
    """On the cpu place: say what is there, and warn of a driver that is broken, not absent."""
    if nvidia.card:
        found = f"{nvidia.card.name}, {nvidia.card.total / GIB:.1f} GiB"
        return Check("card", found, "none needed: place cpu")
    broken = bool(nvidia.trouble) and not nvidia.driver and nvidia.trouble != NO_DRIVER
    state, way_out = ("warning", nvidia.way_out) if broken else ("ok", "")
    return Check("card", nvidia.trouble, "none needed: place cpu", state, way_out)


def check_free_memory(card: Card, share: float, own: set[int]) -> Check:
    """vLLM takes `share` of the card's total memory, and all of it must be free at start.

    The course asks for what is free, 0.90 at most, unless COURSE_SERVE_FLAGS says otherwise.
    What the course's own server holds (pids in `own`) counts as free.
    """
    free = card.free + sum(p.memory or 0 for p in card.programs if p.pid in own)
    needed = max(share * card.total, SMALLEST_BUDGET)
    found, expected = f"{free / GIB:.1f} GiB", f"≥ {needed / GIB:.1f} GiB"
    if free >= needed:
        return Check("VRAM free for the course", found, expected)
    others = [_describe_program(p) for p in card.programs if p.pid not in own]
    way_out = f"End what else uses the card: {', '.join(others) or 'the driver does not say what'}"
    if free >= SMALLEST_BUDGET:
        way_out += ", or take --gpu-memory-utilization out of COURSE_SERVE_FLAGS"
    return Check("VRAM free for the course", found, expected, "problem", f"{way_out}.")


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
    """The driver must know the CUDA version that torch was built for.

    A newer driver runs programs of any older CUDA. An older one of the same major version runs
    them with a limited set of features (NVIDIA, CUDA Compatibility, "Minor Version
    Compatibility"): a warning. Below that nothing runs. The CUDA toolkit that `nvcc` reports
    plays no part, since torch brings its own libraries.
    """
    if torch.trouble:
        found, way_out = "torch does not import", f"Mend torch first: {torch.trouble}"
        return Check("CUDA of driver and torch", found, "torch 2.8.0", "problem", way_out)
    if not torch.cuda:
        way_out = f"Install the CUDA build: {INSTALL_TORCH}."
        found = f"torch {torch.version} for CPUs"
        return Check("CUDA of driver and torch", found, "a CUDA build", "problem", way_out)
    built_for = tuple(int(part) for part in torch.cuda.split("."))
    known = ".".join(map(str, nvidia.cuda))
    found, expected = f"driver {known}, torch {torch.cuda}", f"driver ≥ {torch.cuda}"
    if nvidia.cuda >= built_for:
        return Check("CUDA of driver and torch", found, expected)
    state: State = "warning" if nvidia.cuda[0] == built_for[0] else "problem"
    way_out = f"Update NVIDIA's driver to one that knows CUDA {torch.cuda}. {INSTALL_DRIVER}"
    return Check("CUDA of driver and torch", found, expected, state, way_out)


def check_kernels(card: Card, torch: Torch) -> Check:
    """Has this torch machine code for this card? Else: "no kernel image is available"."""
    kind = f"sm_{card.capability[0]}{card.capability[1]}"
    newest = ", ".join(torch.kernels[-3:]) or "none"
    found = f"… {newest}" if len(torch.kernels) > 3 else newest
    if has_kernels(torch.kernels, card.capability):
        return Check("torch's kernels", found, f"{kind} for this card")
    way_out = f"This torch was not built for {card.name}: {INSTALL_TORCH} brings sm_70 to sm_120."
    return Check("torch's kernels", found, f"{kind} for this card", "problem", way_out)


def check_torch_sees_card(torch: Torch) -> Check:
    """`torch.cuda.is_available()`, asked in a child process with the server's environment."""
    if torch.sees_card:
        return Check("torch sees the card", "yes", "yes")
    way_out = (
        "If the lines above are ok, restart the machine: "
        "the driver's part for CUDA is stuck or was not loaded (`nvidia-smi` may still work)."
    )
    return Check("torch sees the card", "no", "yes", "problem", way_out)
