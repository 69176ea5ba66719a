"""Boxes and points in a reply: read them, turn them into pixels, draw them with their names.

Qwen3-VL places things on a grid that runs from 0 to 1000 across the picture and from 0 to 1000 down
it, whatever its size. (Documentation speaks of 999 and of 1000; on a picture 4,000 px wide that is
a difference of 4 px.)
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

GRID = 1000
DECODER = json.JSONDecoder(strict=False)  # line breaks inside a text are let pass
BROKEN = re.compile(r"\{[^{}]*\}")
TONES = ("#d92a2a", "#2266d6", "#178a3c", "#b05a00", "#843ebc", "#c2257a", "#3d4652")


@dataclass(frozen=True)
class Box:
    """A rectangle on the grid, from the upper left corner, and what the reply calls it."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    @classmethod
    def from_pixels(cls, label: str, box: Iterable[float], size: tuple[int, int]) -> "Box":
        """The box of a record: pixels of a picture of `size` (width, height)."""
        sides = (GRID * side / size[i % 2] for i, side in enumerate(box))
        return cls(label, *sides)

    def to_pixels(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in a picture of `size` (width, height)."""
        width, height = size
        xs, ys = (self.x1, self.x2), (self.y1, self.y2)
        (left, right), (top, bottom) = (
            [round(side * length / GRID) for side in sides]
            for sides, length in ((xs, width), (ys, height))
        )
        return left, top, right, bottom

    @property
    def area(self) -> float:
        return max(0, self.x2 - self.x1) * max(0, self.y2 - self.y1)

    def iou(self, other: "Box") -> float:
        """The area that two boxes share, divided by the area that they cover together.

        Built in notebook 13.
        """
        across = min(self.x2, other.x2) - max(self.x1, other.x1)
        down = min(self.y2, other.y2) - max(self.y1, other.y1)
        shared = max(0, across) * max(0, down)
        return shared / (self.area + other.area - shared) if shared else 0.0

    def holds(self, point: "Point") -> bool:
        return self.x1 <= point.x <= self.x2 and self.y1 <= point.y <= self.y2


@dataclass(frozen=True)
class Point:
    """A place on the grid, and what the reply calls it."""

    label: str
    x: float
    y: float

    def to_pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        return round(self.x * size[0] / GRID), round(self.y * size[1] / GRID)


def list_boxes(record: dict) -> list[Box]:
    """The true boxes of a scene, from its record in pixels (media/README.md)."""
    size = record["size"]
    return [Box.from_pixels(one["name"], one["box"], size) for one in record["objects"]]


def read_boxes(reply: str, labels: Iterable[str] = ()) -> tuple[list[Box], list[str]]:
    """The boxes in a reply, and a sentence for each entry that was left out.

    Takes `{"bbox_2d": [x1, y1, x2, y2], "label": …}` (or "text_content") in a list, in a fence,
    behind a sentence, and of a list that was cut off what came before the cut. With `labels` only
    entries whose label holds one of them count. Raises nothing. Built in notebook 13.
    """
    return _read(reply, "bbox_2d", Box, labels)


def read_points(reply: str, labels: Iterable[str] = ()) -> tuple[list[Point], list[str]]:
    """The same for points, `{"point_2d": [x, y], "label": …}`."""
    return _read(reply, "point_2d", Point, labels)


def draw_boxes(
    picture: Image.Image, found: Iterable[Box | Point], *, names: bool = True
) -> Image.Image:
    """A copy of the picture with each box or point and its name; a colour for each name.

    Without `names` (which would hide what stands close above, such as a line of text) only these.
    A photo that was taken sideways is put upright, as it is when it is sent.
    """
    drawn = ImageOps.exif_transpose(picture).convert("RGB")
    pen, thick = ImageDraw.Draw(drawn), max(2, round(max(picture.size) / 320))
    letters = ImageFont.load_default(max(11, round(max(picture.size) / 45)))
    tones: dict[str, str] = {}
    for one in found:
        tone = tones.setdefault(one.label, TONES[len(tones) % len(TONES)])
        left, top, *rest = one.to_pixels(drawn.size)
        if rest:
            pen.rectangle((left, top, *rest), outline=tone, width=thick)
        else:
            reach = 3 * thick
            pen.ellipse((left - reach, top - reach, left + reach, top + reach), fill=tone)
        if names:
            _draw_name(pen, (left, top), one.label, tone, letters)
    return drawn


def _draw_name(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    name: str,
    tone: str,
    letters: ImageFont.FreeTypeFont,
) -> None:
    """The name above the place, or below its upper edge where there is no room above."""
    if not name:
        return
    _, _, width, height = pen.textbbox((0, 0), name, font=letters)
    x, y = at[0], at[1] - height - 4
    y = y if y >= 0 else at[1]
    pen.rectangle((x, y, x + width + 6, y + height + 4), fill=tone)
    pen.text((x + 3, y + 1), name, fill="white", font=letters)


def _read(reply: str, key: str, kind: type, labels: Iterable[str]) -> tuple[list, list[str]]:
    wanted = [label.casefold() for label in labels]
    found, problems = [], []
    entries, is_cut = _split(reply, key)
    for number, entry in enumerate(entries, start=1):
        try:
            one = kind(*_read_entry(entry, key))
            if wanted and not any(name in one.label.casefold() for name in wanted):
                raise ValueError(f"{one.label!r} was not asked for")
            found.append(one)
        except ValueError as error:
            problems.append(f"Entry {number} is left out: {error}.")
    if is_cut:
        problems.append("The reply ends inside an entry: give it more max_tokens.")
    if not found and not problems and not re.search(r"\[\s*\]", reply):
        problems.append(f"The reply holds no entry with {key}: {reply.strip()[:60]!r}.")
    return found, problems


def _split(reply: str, key: str) -> tuple[list[dict | str], bool]:
    """The entries of a reply, a text for one that is no JSON, and whether the last is cut off.

    Each is read as JSON from its brace on, so that a brace or a quotation mark inside a text counts
    as text. An object around the entries is looked into.
    """
    entries, at = [], 0
    while (begin := reply.find("{", at)) >= 0:
        try:
            fields, end = DECODER.raw_decode(reply, begin)
            is_around = key not in fields and "{" in reply[begin + 1 : end]
            at = begin + 1 if is_around else end
            entries += [] if is_around else [fields]
        except (ValueError, RecursionError) as error:
            if "}" not in reply[begin:] or "Unterminated string" in str(error):
                return entries, True
            broken = BROKEN.match(reply, begin)
            at = broken.end() if broken else begin + 1
            entries += [broken[0]] if broken else []
    return entries, False


def _read_entry(fields: dict | str, key: str) -> tuple[str | float, ...]:
    """The label and the coordinates of one entry; ValueError says what is wrong with it."""
    if isinstance(fields, str):
        raise ValueError(f"{fields[:40]!r} is no JSON")
    sides, label = fields.get(key), fields.get("label", fields.get("text_content", ""))
    name = str(label)
    length = 4 if key == "bbox_2d" else 2
    numbers = isinstance(sides, list) and len(sides) == length and all(map(_is_number, sides))
    if not numbers:
        raise ValueError(f"its {key} is {str(sides)[:40]}, not {length} numbers")
    if min(sides) < 0 or max(sides) > GRID:
        raise ValueError(f"{name!r} reaches outside of 0 to {GRID}: {str(sides)[:40]}")
    if length == 4 and (sides[2] <= sides[0] or sides[3] <= sides[1]):
        raise ValueError(f"{name!r} ends before it begins: {sides}")
    return (name, *sides)


def _is_number(side: object) -> bool:
    if isinstance(side, int):
        return not isinstance(side, bool)  # isfinite would make a float of it, whatever its length
    return isinstance(side, float) and math.isfinite(side)
