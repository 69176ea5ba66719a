"""The dev container and the Dockerfile: their commands are the Makefile's, their figures ours.

Nothing is built here. Where a Docker daemon is at hand, build it by the line in the Dockerfile.
"""

import json
import re

from helpers.environment.checks import RAM_NEEDED
from tests.conftest import ROOT

CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
DOCKERFILE = (ROOT / ".devcontainer" / "Dockerfile").read_text()
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def read_steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", "")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line]


def find_make_targets(text: str) -> list[str]:
    return re.findall(r"\bmake[\", ]+([a-z-]+)", text)


def test_its_commands_are_the_makefiles() -> None:
    used = find_make_targets(CONTAINER["postCreateCommand"])
    used += [
        target
        for word, rest in read_steps()
        if word == "CMD" or (word == "RUN" and rest.startswith("make"))
        for target in find_make_targets(rest)
    ]
    assert used == ["setup", "setup", "lab"]
    assert set(used) <= set(TARGETS)


def test_the_machine_is_large_enough() -> None:
    needs = CONTAINER["hostRequirements"]
    readme = (ROOT / "README.md").read_text()
    disk = int(re.search(r"Set-up takes about (\d+) GB of disk", readme)[1])
    memory = int(re.fullmatch(r"(\d+)gb", needs["memory"])[1])
    assert memory * 10**9 >= RAM_NEEDED["cpu"]
    assert f"--memory {memory}g " in DOCKERFILE
    assert int(re.fullmatch(r"(\d+)gb", needs["storage"])[1]) >= 2 * disk


def test_the_dockerfile_is_whole_and_nobody_is_root() -> None:
    steps = read_steps()
    known = {"FROM", "RUN", "USER", "ENV", "WORKDIR", "COPY", "CMD"}
    assert {word for word, _ in steps} <= known
    heads = [rest for word, rest in steps if word == "FROM"]
    stages = [re.fullmatch(r"(\S+) AS (\S+)", head).groups() for head in heads]
    assert re.fullmatch(r"python:3\.1[1-3]-slim-\w+", stages[0][0])
    assert stages[1][0] == CONTAINER["build"]["target"] == stages[0][1]
    user = next(rest for word, rest in steps if word == "USER")
    assert user == CONTAINER["remoteUser"] != "root"
    assert f"useradd --create-home --shell /bin/bash {user}\n" in DOCKERFILE
    assert ("ENV", "COURSE_PLACE=cpu") in steps


def test_what_git_ignores_stays_out_of_the_image() -> None:
    """Environments, downloads and a seat's key are not copied into an image."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv*", ".course", "models", "site"} <= set(ignored)
