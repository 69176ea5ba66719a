"""What the NVIDIA driver says of the card, and what torch was built for.

The driver is asked through NVML, its own library for that, which works without CUDA and
without torch. Torch is asked in a child process: importing it costs seconds, and CUDA, once
started, keeps some of the card's memory for as long as the process lives.
"""

import json
import mmap
import os
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from helpers.versions import find_stack

# The flags say what a build has kernels for; torch.cuda.get_arch_list() hides them without a card.
TORCH_QUESTION = """
import json, torch
flags = torch._C._cuda_getArchFlags() if torch.version.cuda else None
print(json.dumps([torch.__version__, torch.version.cuda, flags or "", torch.cuda.is_available()]))
"""
TORCH_TIMEOUT = 120  # seconds; a first import from a cold disk takes tens of them
NO_DRIVER = "no NVIDIA driver"
DRIVER = find_stack().driver
INSTALL_DRIVER = (
    f"Install NVIDIA's driver {DRIVER} or newer (Ubuntu: `sudo ubuntu-drivers install`; an RTX 50 "
    f"card needs one whose name ends in -open, such as nvidia-driver-{DRIVER}-open) and restart, "
    "until `nvidia-smi` shows the card; for WSL2 install it in Windows alone."
)
OPEN_CONTAINER = (
    "This is a container: start it with `--gpus all` (podman: `--device nvidia.com/gpu=all`). On "
    f"the machine outside, NVIDIA's driver {DRIVER} or newer and its container toolkit must be "
    "installed."
)
# NVIDIA/open-gpu-kernel-modules#872 and #862: what "No devices were found" meant on a 5090.
FIND_CARD = (
    "See whether the machine has one: `lspci | grep -i nvidia`. If so and it is an RTX 50, install "
    f"the driver whose name ends in -open (nvidia-driver-{DRIVER}-open or newer), and turn "
    "Resizable BAR and Above 4G Decoding on in the BIOS."
)
FATBIN = b"\x50\xed\x55\xba"  # how a fat binary begins
CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # Docker's and Podman's


@dataclass(frozen=True)
class Program:
    """A process that holds memory of the card; `memory` in bytes, None where it is not told."""

    pid: int
    name: str
    memory: int | None


@dataclass(frozen=True)
class Card:
    """One NVIDIA card; memory in bytes, `capability` as (12, 0) for a card of type sm_120.

    `sliced` says that it is divided by MIG: then a program gets one slice, not this memory.
    """

    name: str
    capability: tuple[int, int]
    total: int
    free: int
    programs: tuple[Program, ...]
    sliced: bool = False


@dataclass(frozen=True)
class Nvidia:
    """The driver and the card; `trouble` and `way_out` say why one of them is missing.

    `others` are the names of further cards, in the order of nvidia-smi, which is that of the
    PCI slots; CUDA keeps to it with CUDA_DEVICE_ORDER=PCI_BUS_ID and else puts the fastest first.
    """

    driver: str = ""
    cuda: tuple[int, int] = (0, 0)
    card: Card | None = None
    trouble: str = ""
    way_out: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Torch:
    """Torch's version, the CUDA it was built for ("" for a CPU build) and its kernels."""

    version: str = ""
    cuda: str = ""
    kernels: tuple[str, ...] = ()
    sees_card: bool = False
    trouble: str = ""


def read_nvidia() -> Nvidia:
    """Ask the driver; each way of having no driver or no card comes back with its own advice."""
    try:
        import pynvml
    except ImportError:
        trouble = "cannot ask the driver: nvidia-ml-py is missing"
        return Nvidia(trouble=trouble, way_out="Install it: `python -m pip install nvidia-ml-py`.")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return _explain_silence(pynvml, error)
    try:
        return _ask_driver(pynvml)
    except pynvml.NVMLError as error:
        return _explain_silence(pynvml, error)
    finally:
        pynvml.nvmlShutdown()


def _ask_driver(pynvml: ModuleType) -> Nvidia:
    driver = pynvml.nvmlSystemGetDriverVersion()
    number = pynvml.nvmlSystemGetCudaDriverVersion_v2()  # 12080 stands for 12.8
    cuda = (number // 1000, number % 1000 // 10)
    handles = [
        pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
    ]
    if not handles:
        way_out = OPEN_CONTAINER if in_container() else FIND_CARD
        return Nvidia(driver, cuda, None, "the driver finds no card", way_out)
    first, *others = handles  # the course serves on the first card
    names = tuple(pynvml.nvmlDeviceGetName(handle) for handle in others)
    return Nvidia(driver, cuda, _read_card(pynvml, first), others=names)


def _read_card(pynvml: ModuleType, handle: object) -> Card:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Card(
        name=pynvml.nvmlDeviceGetName(handle),
        capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
        total=memory.total,
        free=memory.free,
        programs=_list_programs(pynvml, handle),
        sliced=_is_sliced(pynvml, handle),
    )


def _is_sliced(pynvml: ModuleType, handle: object) -> bool:
    """MIG mode as it is now; cards that have none refuse the question."""
    try:
        return pynvml.nvmlDeviceGetMigMode(handle)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except pynvml.NVMLError:
        return False


def _list_programs(pynvml: ModuleType, handle: object) -> tuple[Program, ...]:
    """Compute and graphics programs, largest first; WSL2's driver does not tell, and none come."""
    memory: dict[int, int | None] = {}
    asks = (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    )
    for ask in asks:
        try:
            memory |= {process.pid: process.usedGpuMemory for process in ask(handle)}
        except pynvml.NVMLError:
            continue
    programs = [Program(pid, _name_process(pid), size) for pid, size in memory.items()]
    return tuple(sorted(programs, key=lambda program: -(program.memory or 0)))


def _name_process(pid: int) -> str:
    """The process' name; outside of this container it cannot be seen."""
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process that cannot be seen from here"


def in_container() -> bool:
    """True inside Docker or Podman, which show a card only when they are told to."""
    return any(mark.exists() for mark in CONTAINER_MARKS)


def _explain_silence(pynvml: ModuleType, error: Exception) -> Nvidia:
    """What each refusal of NVML means, and what ends it."""
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        way_out = OPEN_CONTAINER if in_container() else INSTALL_DRIVER
        return Nvidia(trouble=NO_DRIVER, way_out=way_out)
    if isinstance(error, pynvml.NVMLError_LibRmVersionMismatch):
        trouble = "the driver was updated, its old part still runs"
        return Nvidia(trouble=trouble, way_out="Restart the machine.")
    if isinstance(error, pynvml.NVMLError_DriverNotLoaded) and in_container():
        return Nvidia(trouble="a driver that is not loaded", way_out=OPEN_CONTAINER)
    if isinstance(error, pynvml.NVMLError_DriverNotLoaded):
        way_out = f"Load it (`sudo modprobe nvidia`) or restart. If that fails: {INSTALL_DRIVER}"
        return Nvidia(trouble="a driver that is not loaded", way_out=way_out)
    way_out = f"See what `nvidia-smi` says, and restart. If it stays so: {INSTALL_DRIVER}"
    return Nvidia(trouble=f"the driver answers: {error}", way_out=way_out)


def read_torch(env: dict[str, str]) -> Torch:
    """Ask torch in a child process, as the server will see it: with `env` in its environment.

    It takes about 2 s; `trouble` holds the last line of a failure.
    """
    command, env = [sys.executable, "-c", TORCH_QUESTION], os.environ | env
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=TORCH_TIMEOUT, check=True, env=env
        )
    except subprocess.TimeoutExpired:
        return Torch(trouble=f"torch took over {TORCH_TIMEOUT} s to import")
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        return Torch(trouble=lines[-1] if lines else f"exit code {error.returncode}")
    version, cuda, kernels, sees_card = json.loads(answer.stdout.splitlines()[-1])
    return Torch(version, cuda or "", tuple(kernels.split()), sees_card)


def read_kernels(library: Path) -> tuple[str, ...]:
    """The kernel types in a compiled library, as `has_kernels` wants them; () without CUDA.

    nvcc puts fat binaries into it: a head of 16 bytes with the length of what follows, then an
    entry for each type, whose own head tells kind (1 is PTX), lengths and type. An "a" behind a
    type is not told.
    """
    found = set()
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(FATBIN)
        while start >= 0:
            head, size = struct.unpack_from("<HQ", data, start + 6)
            at, end = start + head, min(start + head + size, len(data) - 32)
            while head == 16 and at < end:
                kind, _, entry_head, entry = struct.unpack_from("<HHIQ", data, at)
                (number,) = struct.unpack_from("<I", data, at + 28)
                found.add((number, "compute" if kind == 1 else "sm"))
                at += entry_head + entry
            start = data.find(FATBIN, start + 4)
    return tuple(f"{kind}_{number}" for number, kind in sorted(found))


def has_kernels(kernels: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """True when one of torch's kernel types ("sm_120", "compute_90") runs on this capability.

    An sm_XY binary runs on the same major number from its minor on (sm_120 also on 12.1, never
    on 10.0); with "a" behind it on exactly XY; compute_XY is PTX, compiled at load for XY and
    anything newer (NVIDIA, Blackwell Compatibility Guide, "Application Compatibility").
    """
    return any(_runs(kernel, capability) for kernel in kernels)


def _runs(kernel: str, capability: tuple[int, int]) -> bool:
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", kernel)
    if match is None:
        return False
    kind, major, minor, suffix = match.groups()
    built_for = (int(major), int(minor))
    if suffix == "a":
        return built_for == capability
    if kind == "compute" and not suffix:
        return built_for <= capability
    return built_for[0] == capability[0] and built_for <= capability
