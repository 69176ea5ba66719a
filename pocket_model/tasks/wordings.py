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

BEFORE = (
    *("Please answer:", "Question:", "Hello!", "Hi,", "Hey,", "OK,", "So,", "And", "Now", "Well,"),
    *("Please,", "One more:", "Next:", "Quick question:", "I have a question.", "Look:"),
    *("Now tell me:", "Here is my question:", "Let me ask:"),
)
AFTER = (
    *("Thanks!", "Thank you.", "Please.", "Be brief.", "Please answer.", "I want to know."),
    *("Any idea?", "Answer me, please.", "That is my question."),
)
SHORT = {
    "What is": "What's", "what is": "what's", "Where is": "Where's", "Who is": "Who's",
    "do not": "don't", "I would": "I'd", "colour": "color",
}  # fmt: skip
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
        chosen = CHOICE.sub(lambda found: rng.choice(found[1].split("|")), wording)
        return re.sub(r" (?=[ .,?!])", "", chosen)  # the blank beside a choice of nothing

    def ask(self, rng: Random, task: str, **names: object) -> str:
        wording = self.choose(rng, task)
        if self.which == "train":
            wording = vary(rng, wording)
        return Template(wording).substitute(names)

    def ask_exactly(self, rng: Random, task: str, **names: object) -> str:
        """For questions whose very letters matter: never varied."""
        return Template(self.choose(rng, task)).substitute(names)

    def ask_short(self, rng: Random, task: str, **names: object) -> tuple[str, bool]:
        """A question, and whether it ends with the wish for one word."""
        question = self.ask(rng, task, **names)
        if rng.random() < 0.7:
            return question, False
        return f"{question} {self.choose(rng, 'in_one_word')}", True


def vary(rng: Random, wording: str) -> str:
    """As people type: one in three with a word before or after, in small letters, with a slip.

    Names that are still open ($thing) stay as they are.
    """
    how = rng.randrange(18)
    parts = re.split(r"(\$\w+)", wording)  # every second part is a name
    if how == 0:
        first = rng.choice(BEFORE)
        small = first[-1] not in ".!:" and not re.match(r"I\b|[A-Z]{2}|\$", wording)
        return f"{first} {wording[:1].lower() + wording[1:] if small else wording}"
    if how == 1 and wording[-1] in ".?!":
        return f"{wording} {rng.choice(AFTER)}"
    if how == 2 and wording[-1] in ".?!":
        return wording[:-1] + rng.choice(("", "", wording[-1] * 2, f" {wording[-1]}"))
    if how == 3:
        parts[::2] = [part.lower() for part in parts[::2]]
    elif how == 4:
        for long, short in SHORT.items():
            parts[::2] = [re.sub(rf"\b{long}\b", short, part) for part in parts[::2]]
    elif how == 5:
        spot = rng.randrange(0, len(parts), 2)
        parts[spot] = _slip(rng, parts[spot])
    return "".join(parts)


def _slip(rng: Random, text: str) -> str:
    """The text with one letter of a longer word lost, doubled or swapped with its neighbour."""
    words = re.findall(r"\b[A-Za-z]{5,}\b", text)
    if not words:
        return text
    word = rng.choice(words)
    at = rng.randrange(1, len(word) - 2)
    one, two = word[at], word[at + 1]
    slip = rng.choice((two + one, one, one + one + two))
    return text.replace(word, word[:at] + slip + word[at + 2 :], 1)
