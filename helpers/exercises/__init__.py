"""Checks for the exercises: one module for each notebook, `nb03` for notebook 03."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What a check says of an answer: right or not, and in one sentence why."""

    ok: bool
    text: str

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return f"{'✅' if self.ok else '❌'} {self.text}"

    __repr__ = __str__


def right(text: str) -> Verdict:
    return Verdict(True, text)


def wrong(text: str) -> Verdict:
    return Verdict(False, text)


def is_blank(answer: object) -> bool:
    """True while the learner has not replaced the `...` of the exercise."""
    return answer is ...


BLANK = wrong("Nothing here yet: replace the `...` with your answer and run the cell again.")
