"""Checks for the exercises of notebook 05, Ask about videos."""

import base64
import binascii
import io
import re
from functools import cache

from PIL import Image, ImageChops, ImageStat

from helpers.exercises import (
    BLANK,
    Verdict,
    is_blank,
    read_number,
    read_user_parts,
    right,
    show,
    wrong,
)
from helpers.media import sample_frames
from helpers.places import MEDIA

# Exercise 1: 100 frames of 640×352 px. 32 are taken, in 16 pairs of 20 × 11 cells.
COST = 16 * 20 * 11
WRONG_COSTS = {
    2 * COST: "two frames share a step, so halve it",
    50 * 220: "only 32 of the 100 frames are taken",
    100 * 220: "only 32 of the 100 frames are taken, and two frames share a step",
    4 * 220: "8 frames would be 2 a second, as in vLLM 0.32; 0.11.0 takes 32",
    8 * 220: "8 frames would be 2 a second, as in vLLM 0.32; 0.11.0 takes 32, in pairs",
    220: "that is one step; the clip has more of them",
    COST * 4: "that counts patches of 16×16; a cell, and so a token, is 32×32 pixels",
}

# Exercise 2: the seconds of the four frames, and how far from them a label may lie.
SECONDS = (1, 3, 5, 7)
NEAR = 0.3
NUMBER = r"((?<![\w.])-?\d+(?:[.,]\d+)?(?![.,]?\d))"
TIME = NUMBER + r"\s*(m(?:illi)?)?\s?s(?:ec\w*)?\b"
COUNTED = rf"\b(?:picture|frame|image)\s*{NUMBER}|(?:\bof\s|/)\s*(?:a clip of )?(?:{TIME}|{NUMBER})"


def check_cost(answer: object) -> Verdict:
    """Exercise 1: the visual tokens of a clip of 4 s, 25 frames a second, 640×352 px."""
    if is_blank(answer):
        return BLANK
    tokens = read_number(answer, "(visual)?tokens?", lambda number: number == COST)
    if tokens is None:
        return wrong("`answer` is to be one number, the visual tokens of the clip.")
    if tokens == COST:
        return right("16 steps of 20 × 11 cells: 3,520, for a clip of 4 s or of 4 minutes.")
    if tokens in WRONG_COSTS:
        return wrong(f"Not {tokens:g}: {WRONG_COSTS[tokens]}.")
    if COST < tokens < COST + 300:
        return wrong("A little too many: leave the times, the marks and the question out.")
    return wrong(f"Not {tokens:g}: multiply the steps by the cells of 32×32 px in one frame.")


def check_timed_messages(answer: object) -> Verdict:
    """Exercise 2: four frames of the ball clip as pictures, the right second before each."""
    if is_blank(answer):
        return BLANK
    try:
        labels, pictures, question = _split_parts(read_user_parts(answer))
    except ValueError as error:
        return wrong(str(error))
    if len(pictures) != len(SECONDS):
        return wrong(f"Send the four pictures; there are {len(pictures)}.")
    for number, (label, picture) in enumerate(zip(labels, pictures, strict=True), start=1):
        if fault := _find_fault(number, label, picture):
            return wrong(fault)
    if not _has_words(question):
        return wrong("The question is missing at the end: add a text part after the pictures.")
    return right("Each picture has its second before it: the model can tell when, not only what.")


def _find_fault(number: int, label: str, picture: Image.Image) -> str:
    """Say what is wrong with one picture and the text before it; '' if nothing."""
    true = SECONDS[number - 1]
    told = _read_seconds(label)
    if not any(abs(second - true) <= NEAR for second in _find_seconds(picture)):
        return f"Picture {number} is not the frame at {true} s: send the four in their order."
    if not told:
        return f'Before picture {number} no second is told: put "<{true}.0 seconds>" there.'
    if abs(told[-1] - true) > NEAR:
        return f"Picture {number} is the frame at {true} s, and the text says {told[-1]:g}."
    others = [second for second in told if abs(second - true) > NEAR and second in SECONDS]
    if others:
        return f"Before picture {number} stands the second of another one too: {others[0]:g}."
    return ""


def _split_parts(parts: list) -> tuple[list[str], list[Image.Image], str]:
    """Return the text before each picture, the pictures, and the text after the last one."""
    labels, pictures, text = [], [], ""
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text":
            text += f" {part.get('text') or ''}"
        elif kind == "image_url":
            labels.append(text)
            pictures.append(_read_picture(part))
            text = ""
        else:
            raise ValueError(f'A part has the type {show(kind)}: use "text" and "image_url".')
    return labels, pictures, text.strip()


def _read_picture(part: dict) -> Image.Image:
    inner = part.get("image_url")
    url = inner.get("url") if isinstance(inner, dict) else None
    if not isinstance(url, str):
        raise ValueError('A picture is to read {"type": "image_url", "image_url": {"url": …}}.')
    if not url.startswith("data:image/"):
        raise ValueError("A url is no data URL: let image_data_url(picture) write it.")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
        picture.load()
    except (OSError, binascii.Error):
        raise ValueError("A data URL holds no picture: let image_data_url write it.") from None
    return picture


def _find_seconds(picture: Image.Image) -> list[float]:
    """The seconds of the ball clip at which it looks like the picture; none for another one."""
    ours = _shrink(picture)
    differences = {
        second: ImageStat.Stat(ImageChops.difference(ours, theirs)).mean[0]
        for second, theirs in _shrink_clip().items()
    }
    least = min(differences.values())
    if least > 8:
        return []
    return [second for second, difference in differences.items() if difference <= least + 0.5]


@cache
def _shrink_clip() -> dict[float, Image.Image]:
    """32 frames of the ball clip by their second, small and grey."""
    frames, seconds = sample_frames(MEDIA / "rolling_ball.mp4", 32)
    return {second: _shrink(frame) for second, frame in zip(seconds, frames, strict=True)}


def _shrink(picture: Image.Image) -> Image.Image:
    return picture.convert("L").resize((48, 27))


def _read_seconds(text: str) -> list[float]:
    """The numbers before "s" or "ms", in seconds; without such, the last number in the text.

    Which picture it is, and of how many or how long a clip, is left aside.
    """
    rest = re.sub(COUNTED, " ", text, flags=re.IGNORECASE)
    for told in (rest, text):
        times = re.findall(TIME, told, re.IGNORECASE)
        times = times or [(number, "") for number in re.findall(NUMBER, told)[-1:]]
        if times:
            return [
                float(number.replace(",", ".")) / (1000 if milli else 1) for number, milli in times
            ]
    return []


def _has_words(text: str) -> bool:
    """True if letters are left of a text without its times."""
    return bool(re.search(r"[^\W\d_]", re.sub(TIME, "", text, flags=re.IGNORECASE)))
