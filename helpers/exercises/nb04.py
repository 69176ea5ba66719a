"""Checks for the exercises of notebook 04, Ask about images."""

import base64
import io
import re
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from PIL import Image, ImageChops, ImageStat

from helpers.exercises import BLANK, Verdict, is_blank, read_user_parts, right, show, wrong
from helpers.places import MEDIA

# Exercise 2: what replies about spot_a.png and spot_b.png may look like.
RIGHT_REPLIES = (
    "The mug is red in the first picture and blue in the second.",
    "Only one thing changed: the MUG went from RED to BLUE!",
    "mug: red -> blue",
    "In the second picture there is a blue mug instead of the red one.",
)
WRONG_REPLIES = (
    ("The two pictures are identical.", "it names no difference at all"),
    ("The mug is red in both pictures.", "it never says that the mug turned blue"),
    ("The book is red in the first picture and blue in the second.", "it is not the book"),
    ("The mug is green in the first picture and blue in the second.", "it was red, not green"),
    ("I am bored by the mug, and by this blueprint.", "bored and blueprint are not colours"),
    ("The plate is red and blue; the mug is the same in both.", "the mug did not change there"),
    ("The mug is the same. The red book turned blue.", "the mug did not change there"),
    ("", "it is empty"),
)
FEWEST_LETTERS = 6  # of a question without a question mark: "Which?" is one, "Same" is none
# How a clause begins that asks nothing; a text of such alone is no question. Others pass.
STATEMENT = (
    r"\W*(thank|hello\b|hi\b|hey\b|bye|good(bye| (morning|evening|night|day|work))|well done|"
    r"(here|this|that|these|those|they)( is| are)\b|(very )?(nice|great)\b)"
)


def check_messages(answer: object) -> Verdict:
    """Exercise 1: one request with receipt.png, then bar_chart.png, then a question."""
    if is_blank(answer):
        return BLANK
    try:
        parts = read_user_parts(answer)
        kinds = [_name_part(part) for part in parts]
    except ValueError as error:
        return wrong(str(error))
    seen = [kind for kind in kinds if kind != "text"]
    if seen != ["receipt.png", "bar_chart.png"]:
        found = " and then ".join(seen) or "none"
        return wrong(f"Send receipt.png and then bar_chart.png; your pictures: {found}.")
    if kinds[-1] != "text":
        return wrong("The question is missing at the end: add a text part after both pictures.")
    if not _is_question(parts[-1]["text"]):
        return wrong(f"{parts[-1]['text']!r} asks nothing: end with a question about both.")
    return right(
        "Both pictures in order and the question last: send it and read usage. (The pocket model "
        "never learnt to read such a pair at once.)"
    )


def check_judge(answer: object) -> Verdict:
    """Exercise 2: a function that says whether a reply names the difference of the pair."""
    if is_blank(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function that takes a reply and returns True or False.")
    try:
        for reply in RIGHT_REPLIES:
            if not answer(reply):
                return wrong(f"This right reply is turned down: {reply!r}")
        for reply, reason in WRONG_REPLIES:
            if answer(reply):
                return wrong(f"This reply is accepted, though {reason}: {reply!r}")
    except (Exception, SystemExit) as error:
        return wrong(f"Your function stops with {type(error).__name__} ({error}) at: {reply!r}")
    count = len(RIGHT_REPLIES) + len(WRONG_REPLIES)
    return right(f"All {count} replies are judged rightly; now judge what the model says.")


def _is_question(text: str) -> bool:
    """True for a text with a question mark, or a request long enough to be one and no label."""
    letters = sum(sign.isalpha() for sign in text)
    asks = "?" in text or "？" in text or letters >= FEWEST_LETTERS
    clauses = [clause for clause in re.split("[.!,;:]", text) if re.search(r"\w", clause)]
    says = all(re.match(STATEMENT, clause, re.IGNORECASE) for clause in clauses)
    label = text.strip().endswith(":") or (says and not re.search("[?？]", text))
    return letters > 1 and asks and not label


def _name_part(part: object) -> str:
    """Return "text" or the name of the picture; raise ValueError with what is wrong."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        if not str(part.get("text") or "").strip():
            raise ValueError('A text part is empty: write the question into its "text".')
        return "text"
    if kind != "image_url":
        raise ValueError(f'A part has the type {show(kind)}: use "image_url" and "text".')
    inner = part.get("image_url")
    if not isinstance(inner, dict) or not isinstance(inner.get("url"), str):
        raise ValueError('A picture is to read {"type": "image_url", "image_url": {"url": …}}.')
    return _name_picture(inner["url"])


def _name_picture(url: str) -> str:
    """Say which of the course's pictures a URL leads to, by its content where that is at hand."""
    if not re.match("(https?|data|file):", url, re.IGNORECASE):
        raise ValueError("A url is no URL: use image_data_url(path) or file_url(path).")
    try:
        address = urlsplit(url)
        if address.scheme in ("http", "https"):
            return Path(address.path).name
        small = _shrink(_open_picture(url, address))
    except (OSError, IndexError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("A url leads to no picture: use image_data_url or file_url.") from None
    for name in ("receipt.png", "bar_chart.png"):
        difference = ImageChops.difference(small, _shrink_ours(name))
        if ImageStat.Stat(difference).mean[0] < 8:
            return name
    return "another picture"


def _open_picture(url: str, address: SplitResult) -> Image.Image:
    """The picture that a data: or file:// URL holds or names."""
    if address.scheme == "data":
        return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))
    return Image.open(url2pathname(address.path))


@cache
def _shrink_ours(name: str) -> Image.Image:
    with Image.open(MEDIA / name) as ours:
        return _shrink(ours)


def _shrink(picture: Image.Image) -> Image.Image:
    return picture.convert("L").resize((24, 24))
