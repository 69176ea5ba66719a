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


# Thousands in groups of three: 4,880 or 4 880 or 4_880, but neither 48,80 nor "88 88".
GROUPED = re.compile(r"\s*[+-]?[1-9]\d{0,2}([\s,_]\d{3})+(?![\s,_]*\d)")


def read_number(answer: object, unit: str = "") -> float | None:
    """A finite number from 4880, "4,880", "4 880 tokens" or "0,5"; `unit` is a pattern for the
    last, written without spaces. None for anything else, two numbers in a row among it.
    """
    if isinstance(answer, bool):
        return None
    try:
        number = float(answer if isinstance(answer, Real) else _spell(str(answer), unit))
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _spell(text: str, unit: str) -> str:
    """The text as `float` reads it; "" where it is no single number."""
    compact = re.sub(rf"(?i:{unit})$", "", re.sub(r"\s", "", text))
    if GROUPED.match(text):
        return re.sub(r"[,_]", "", compact)
    if re.search(r"\d[\s_]+\d", text):
        return ""
    return compact.replace(",", ".")


def read_user_parts(answer: object) -> list:
    """The content parts of the user's messages in an OpenAI `messages` list.

    Raises ValueError, with what is missing, unless the last message is a user's with content.
    """
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise ValueError("`answer` is to be a list of messages, each a dictionary.")
    contents = [message.get("content") for message in answer if message.get("role") == "user"]
    texts_or_lists = all(isinstance(content, str | list) for content in contents)
    if not texts_or_lists or not any(contents) or answer[-1].get("role") != "user":
        raise ValueError(
            'The last message is to have "role": "user", and each such message a "content", which '
            "is a text or a list of parts."
        )
    parts: list = []
    for content in contents:
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return parts
