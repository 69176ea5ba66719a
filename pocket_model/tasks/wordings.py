"""The ways to put each question, from wordings.txt: those trained on and those held out.

A section [task] holds one wording a line. `$name` is filled in, `[a|b|]` stands for one of the
choices. The wordings below the line `---` are never trained on.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from string import Template

CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")


@cache
def read_wordings() -> dict[str, dict[str, tuple[str, ...]]]:
    """{task: {"train": wordings, "held_out": wordings}}."""
    text = Path(__file__).with_name("wordings.txt").read_text(encoding="utf-8")
    sections = re.split(r"^\[([a-z_]+)\]\n", text, flags=re.MULTILINE)[1:]
    found = {}
    for task, body in zip(sections[::2], sections[1::2], strict=True):
        train, held_out = (part.strip().splitlines() for part in body.split("---\n"))
        found[task] = {"train": tuple(train), "held_out": tuple(held_out)}
    return found


@dataclass(frozen=True)
class Wordings:
    """Puts questions in the wordings that are trained on, or in those that are held out."""

    which: str = "train"

    def choose(self, rng: Random, task: str) -> str:
        """A wording of `task` with its choices made and its names left open."""
        wording = rng.choice(read_wordings()[task][self.which])
        return CHOICE.sub(lambda found: rng.choice(found[1].split("|")), wording)

    def ask(self, rng: Random, task: str, **names: object) -> str:
        question = Template(self.choose(rng, task)).substitute(names)
        return question if self.which == "held_out" else roughen(rng, question)

    def ask_exactly(self, rng: Random, task: str, **names: object) -> str:
        """For questions whose very letters matter: never roughened."""
        return Template(self.choose(rng, task)).substitute(names)

    def ask_short(self, rng: Random, task: str, **names: object) -> tuple[str, bool]:
        """A question, and whether it ends with the wish for one word."""
        question = self.ask(rng, task, **names)
        if rng.random() < 0.7:
            return question, False
        return f"{question} {self.choose(rng, 'in_one_word')}", True


def roughen(rng: Random, question: str) -> str:
    """As people type: now and then without a capital, without the last mark, or with a please."""
    roll = rng.random()
    if roll < 0.06:
        return question[:1].lower() + question[1:]
    if roll < 0.12 and question[-1] in "?.":
        return question[:-1]
    if roll < 0.16 and question.endswith("?"):
        return question[:-1] + ", please?"
    if roll < 0.19:
        return f"Please answer: {question}"
    return question
