"""What the NVIDIA driver says of the card, and what torch was built for.

The driver is asked through NVML, its own library for that, which works without CUDA and
without torch. Torch is asked in a child process: importing it costs seconds, and a process
that has started CUDA can no longer start vLLM's offline engine.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

# The flags say what a build has kernels for; torch.cuda.get_arch_list() hides them without a card.
TORCH_QUESTION = """
import json, torch
flags = torch._C._cuda_getArchFlags() if torch.version.cuda else None
print(json.dumps([torch.__version__, torch.version.cuda, flags or "", torch.cuda.is_available()]))
"""
TORCH_TIMEOUT = 120  # seconds; a first import from a cold disk takes tens of them
NO_DRIVER = "no NVIDIA driver"
INSTALL_DRIVER = (
    "Install NVIDIA's driver 570 or newer (Ubuntu: `sudo ubuntu-drivers install`) and restart, "
    "until `nvidia-smi` shows the card; for WSL2 install it in Windows alone."
)


@dataclass(frozen=True)
class Program:
    """A process that holds memory of the card; `memory` in bytes, None where it is not told."""

    pid: int
    name: str
    memory: int | None


@dataclass(frozen=True)
class Card:
    """One NVIDIA card; memory in bytes, `capability` as (12, 0) for a card of type sm_120."""

    name: str
    capability: tuple[int, int]
    total: int
    free: int
    programs: tuple[Program, ...]


@dataclass(frozen=True)
class Nvidia:
    """The driver and the card; `trouble` and `way_out` say why one of them is missing."""

    driver: str = ""
    cuda: tuple[int, int] = (0, 0)
    card: Card | None = None
    trouble: str = ""
    way_out: str = ""


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
    if pynvml.nvmlDeviceGetCount() == 0:
        way_out = "See whether the machine has one: `lspci | grep -i nvidia`."
        return Nvidia(driver, cuda, None, "the driver finds no card", way_out)
    return Nvidia(driver, cuda, _read_card(pynvml))


def _read_card(pynvml: ModuleType) -> Card:
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)  # the course serves on the first card
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Card(
        name=pynvml.nvmlDeviceGetName(handle),
        capability=tuple(pynvml.nvmlDeviceGetCudaComputeCapability(handle)),
        total=memory.total,
        free=memory.free,
        programs=_list_programs(pynvml, handle),
    )


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


def _explain_silence(pynvml: ModuleType, error: Exception) -> Nvidia:
    """What each refusal of NVML means, and what ends it."""
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return Nvidia(trouble=NO_DRIVER, way_out=INSTALL_DRIVER)
    if isinstance(error, pynvml.NVMLError_LibRmVersionMismatch):
        trouble = "the driver was updated, its old part still runs"
        return Nvidia(trouble=trouble, way_out="Restart the machine.")
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
