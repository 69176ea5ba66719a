"""Checks for the exercises: one module for each notebook, `nb03` for notebook 03."""

import math
import re
from dataclasses import dataclass
from numbers import Real


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


def read_number(answer: object, unit: str = "") -> float | None:
    """A finite number from 4880, "4,880" or "4 880 tokens"; `unit` is a pattern for the last."""
    if isinstance(answer, bool):
        return None
    plain = answer
    if not isinstance(answer, Real):
        plain = re.sub(rf"(?i:{unit})$", "", re.sub(r"[\s,_]", "", str(answer)))
    try:
        number = float(plain)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_user_parts(answer: object) -> list:
    """The content parts of the user's messages in an OpenAI `messages` list.

    Raises ValueError, with what is missing, unless the last message is a user's with content.
    """
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise ValueError("`answer` is to be a list of messages, each a dictionary.")
    parts: list = []
    for message in answer:
        content = message.get("content")
        if message.get("role") == "user" and isinstance(content, str):
            parts.append({"type": "text", "text": content})
        elif message.get("role") == "user" and isinstance(content, list):
            parts += content
    if not parts or answer[-1].get("role") != "user":
        raise ValueError('The last message is to have "role": "user" and a "content".')
    return parts
