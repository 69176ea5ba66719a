"""The ways to put each question, from the files in forms/: those trained on and those held out.

A section [task] holds one wording a line, and may go on in another file. `$name` is filled in,
`[a|b|]` stands for one of the choices, which may hold choices of their own. The wordings below
the line `---` are never trained on.
"""

import re
from collections.abc import Callable
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
TAILS = ("pls", "please", "plz", "thx", "thanks", "?", "??", ":)", "asap", "- thanks", "...")
SHORT = {
    "What is": "What's", "what is": "whats", "Where is": "Where's", "Who is": "Who's", "What's":
    "Whats", "do not": "dont", "I would": "I'd", "colour": "color", "you": "u", "are": "r",
    "picture": "pic", "please": "pls", "Please": "Pls", "want to": "wanna", "and": "&",
}  # fmt: skip
CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")


@cache
def read_wordings() -> dict[str, dict[str, tuple[str, ...]]]:
    """{task: {"train": wordings, "held_out": wordings}}."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for path in sorted((Path(__file__).parent / "forms").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        sections = re.split(r"^\[([a-z_]+)\]\n", text, flags=re.MULTILINE)[1:]
        for task, body in zip(sections[::2], sections[1::2], strict=True):
            train, held_out = (part.strip().splitlines() for part in body.split("---\n"))
            known = found.setdefault(task, {"train": (), "held_out": ()})
            known["train"] += tuple(train)
            known["held_out"] += tuple(held_out)
    return found


@dataclass(frozen=True)
class Wordings:
    """Puts questions in the wordings that are trained on, or in those that are held out."""

    which: str = "train"

    def choose(self, rng: Random, task: str) -> str:
        """A wording of `task` with its choices made and its names left open."""
        wording = rng.choice(read_wordings()[task][self.which])
        chosen = make_choices(rng, wording)
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


def make_choices(rng: Random, wording: str) -> str:
    """The wording with one of each `[a|b|]`, the innermost first."""
    left = 1
    while left:
        wording, left = CHOICE.subn(lambda found: rng.choice(found[1].split("|")), wording)
    return wording


def vary(rng: Random, wording: str) -> str:
    """As people type: every second one with a word before or after, in small letters, with a slip.

    Names that are still open ($thing) stay as they are.
    """
    if rng.random() < 0.5:
        return wording
    hows = rng.sample(CHANGES, k=rng.choice((1, 1, 2)))
    for how in CHANGES:
        if how in hows:
            wording = how(rng, wording)
    return wording


def _in_words(change: Callable[[str], str], wording: str) -> str:
    """`change` made to what is between the open names."""
    parts = re.split(r"(\$\w+)", wording)  # every second part is a name
    parts[::2] = map(change, parts[::2])
    return "".join(parts)


def _say_before(rng: Random, wording: str) -> str:
    first = rng.choice(BEFORE)
    small = first[-1] not in ".!:" and not re.match(r"I\b|[A-Z]{2}|\$", wording)
    return f"{first} {wording[:1].lower() + wording[1:] if small else wording}"


def _say_after(rng: Random, wording: str) -> str:
    if wording[-1] in ".?!":
        return f"{wording} {rng.choice(AFTER)}"
    return f"{wording} {rng.choice(TAILS)}"


def _drop_mark(rng: Random, wording: str) -> str:
    if wording[-1] not in ".?!":
        return wording
    return wording[:-1] + rng.choice(("", "", "", wording[-1] * 2, f" {wording[-1]}", " pls"))


def _lower(rng: Random, wording: str) -> str:
    return _in_words(str.lower, wording)


def _shorten(rng: Random, wording: str) -> str:
    for long, short in SHORT.items():
        wording = _in_words(
            lambda part, long=long, short=short: re.sub(rf"\b{long}\b", short, part), wording
        )
    return wording


def _slip(rng: Random, wording: str) -> str:
    """One letter of a longer word lost, doubled, swapped with its neighbour or another."""
    parts = re.split(r"(\$\w+)", wording)
    words = re.findall(r"\b[A-Za-z]{4,}\b", " ".join(parts[::2]))
    if not words:
        return wording
    word = rng.choice(words)
    at = rng.randrange(1, len(word) - 1)
    one, two = word[at], word[at + 1]
    slip = rng.choice((two + one, one, one + one + two, rng.choice("aeioutrnsm") + two))
    changed = word[:at] + slip + word[at + 2 :]
    return re.sub(rf"(?<!\$)\b{word}\b", changed, wording, count=1)


CHANGES = (_shorten, _slip, _say_before, _drop_mark, _say_after, _lower)
