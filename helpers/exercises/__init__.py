"""Checks for the exercises: one module for each notebook, `nb03` for notebook 03."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from numbers import Real

LONGEST = 600  # characters of a verdict that quotes an answer
# What an odd value does to code that reads it, from `None < 1` to an array's truth value.
ODD_VALUE = (TypeError, ValueError, ArithmeticError, AttributeError)


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
    return Verdict(False, text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def is_blank(answer: object) -> bool:
    """True while the learner has not replaced the `...` of the exercise."""
    return answer is ...


def is_unwritten(answer: object) -> bool:
    """Whether a function is still `def answer(boxes): ...`."""
    code = getattr(answer, "__code__", None)
    empty = (lambda boxes: None).__code__
    return code is not None and code.co_code == empty.co_code and code.co_consts in (
        (None,), empty.co_consts
    )  # fmt: skip


BLANK = wrong("Nothing here yet: replace the `...` with your answer and run the cell again.")


# Thousands in groups of three: 4,880 or 4 880 or 4_880, but neither 48,80 nor "88 88".
GROUPED = re.compile(r"\s*[+-]?[1-9]\d{0,2}([\s,_]\d{3})+(?![\s,_]*\d)")
DOTTED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")  # 8.580, which is 8580 to half of Europe
ABOUT = r"about|around|roughly|approximately|approx\.?|circa|ca\.|~|≈|="
PERCENT = r"%|percent|pct"
JOINING = re.compile(r"\b(and|or|both|the|machines?|tokens?)\b|['\"]", re.IGNORECASE)


def show(answer: object) -> str:
    """The answer as Python writes it, at most 80 characters."""
    try:
        text = repr(answer)
    except Exception:
        return f"this {type(answer).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def read_letters(answer: object) -> set[str]:
    """Capital letters from "A F", "a and f", "AF" or ["A", "F"]; none from anything else."""
    given = answer if isinstance(answer, list | tuple | set | frozenset) else [answer]
    words = re.findall("[a-z]+", " ".join(one.lower() for one in given if isinstance(one, str)))
    return {letter for word in words if word != "and" for letter in word.upper()}


def read_number(
    answer: object,
    unit: str = "",
    fits: Callable[[float], bool] | None = None,
    *,
    before: str = "",
) -> float | None:
    """A finite number from 4880, "4,880", "about 4 880 tokens" or "0,5". None for anything else,
    two numbers in a row among it.

    `unit` is a pattern for what may stand behind the number, written without spaces, `before` one
    for what may stand in front, such as a flag's name.

    Three digits behind a single dot or comma can be read in two ways (8.580, 4,882): `fits` says
    which of the two is right; without it the dot is a decimal point and the comma is not.
    """
    if isinstance(answer, bool):
        return None
    if isinstance(answer, Real):
        numbers = [_make_float(answer)]
    else:
        numbers = [_make_float(text) for text in _spell(answer, unit, before)]
    read = [number for number in numbers if number is not None]
    return next((number for number in read if fits and fits(number)), read[0] if read else None)


def read_share(answer: object, *, before: str = "") -> float | None:
    """A share of 1 from 0.179, "17.9 %" or "17.9 percent"; `before` as in `read_number`."""
    number = read_number(answer, PERCENT, before=before)
    in_percent = isinstance(answer, str) and re.search(rf"({PERCENT}|per cent)\W*$", answer, re.I)
    return number / 100 if number is not None and in_percent else number


def read_size(answer: object) -> tuple[int, int] | None:
    """A width and a height in whole pixels, from a pair, "352×198 px" or a dictionary of both."""
    if isinstance(answer, str):
        text = re.sub(r"(?i)px|pixels|width|height|[()\[\]:=]", " ", answer)
        times = re.split(r"(?i)\s*(?:[x×*]|\bby\b)\s*", text)
        answer = times if len(times) > 1 else re.split("[,;]", text)
    elif isinstance(answer, Mapping):
        answer = [answer.get("width"), answer.get("height")]
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return None
    sides = [read_number(side, "px|pixels") for side in answer]
    if any(side is None or side < 1 or side != int(side) for side in sides):
        return None
    return int(sides[0]), int(sides[1])


def read_words(answer: object) -> list[str] | None:
    """The words of a text, or of a list of texts, without "and" and its like; else None."""
    try:
        texts = [answer] if isinstance(answer, str) else list(islice(answer, 100))
    except Exception:
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    return JOINING.sub(" ", " ".join(texts)).split()


def _make_float(number: Real | str) -> float | None:
    try:
        made = float(number)
    except (ValueError, OverflowError, TypeError):
        return None
    return made if math.isfinite(made) else None


def _spell(answer: object, unit: str, before: str) -> list[str]:
    """The readings of an answer as `float` takes them, the likeliest first; [] if it is none."""
    if isinstance(answer, list | tuple | dict | set):
        return []
    try:
        text = str(answer)
    except Exception:
        return []
    for word in (before, ABOUT):
        text = re.sub(rf"^\s*(?i:{word})\s*", "", text)
    compact = re.sub(rf"(?i:(?:{unit})\.?)$", "", re.sub(r"\s", "", text))
    if GROUPED.match(text):
        decimal = [compact.replace(",", ".")] if compact.count(",") == 1 else []
        return [re.sub(r"[,_]", "", compact), *decimal]
    if re.search(r"\d[\s_]+\d", text):
        return []
    if DOTTED.fullmatch(compact):
        whole = compact.replace(".", "")
        return [compact, whole] if compact.count(".") == 1 else [whole]
    return [compact.replace(",", ".")]


def read_user_parts(answer: object) -> list:
    """The content parts of the user's messages in an OpenAI `messages` list, tuples as lists.

    Raises ValueError, with what is missing, unless the last message is a user's with content and
    each text is one.
    """
    answer = _send(answer)
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
    for part in parts:
        text = part.get("text", "") if isinstance(part, dict) else ""
        if not isinstance(text, str):
            raise ValueError(f'The "text" of a part is to be a text, not {show(text)}.')
    return parts


def _send(answer: object) -> object:
    """The answer as it arrives, tuples as lists; unchanged if it cannot be sent at all."""
    try:
        return json.loads(json.dumps(answer))
    except (TypeError, ValueError, RecursionError):
        return answer
