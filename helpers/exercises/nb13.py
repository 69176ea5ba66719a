"""Checks for the exercises of notebook 13, Find and read."""

import re
from collections.abc import Mapping
from itertools import islice

from helpers.exercises import BLANK, Verdict, is_blank, is_unwritten, read_number, right, wrong
from helpers.media import Box

PHOTO = (4032, 3024)
BOX = Box("sign", 250, 400, 500, 650)
MARGIN = 0.1  # of the box's width or height, at each side
SIDES = ("left", "top", "right", "bottom")

# Exercise 2: lists of boxes, and which of them stay.
MUG, NEAR, FAR = (Box("mug", x, 100, x + 100, 200) for x in (100, 120, 180))
PLANT = Box("plant", 100, 100, 200, 200)
HALF = Box("mug", 100, 100, 150, 200)  # its IoU with MUG is 0.5 and no more
CASES = (
    ([], (), "an empty list"),
    ([MUG], (0,), "one box alone"),
    ([MUG, MUG], (0,), "the same box twice"),
    ([MUG, NEAR], (0,), "two mugs with an IoU of 0.67"),
    ([NEAR, MUG, FAR], (0, 2), "a double, and one that only touches it"),
    ([MUG, PLANT], (0, 1), "a mug and a plant in the same place"),
    ([MUG, HALF], (0, 1), "an IoU of exactly 0.5, which is not more than 0.5"),
    ([PLANT, MUG, NEAR, PLANT], (0, 1), "doubles of two labels"),
    ([MUG, FAR, MUG, FAR], (0, 1), "two mugs, each twice"),
)


def check_crop(answer: object) -> Verdict:
    """Exercise 1: a box of the grid as pixels of a photo, with a margin of a tenth."""
    if is_blank(answer):
        return BLANK
    sides = _read_sides(answer)
    if sides is None:
        return wrong("`answer` is to be four whole pixels: left, top, right, bottom.")
    if _near(sides, _cut(PHOTO, MARGIN), 2.01):  # rounded down at each step
        cut = [round(side) for side in _cut(PHOTO, MARGIN)]
        return right(f"{cut}: the margin is counted in pixels of the box, not of the photo.")
    for other, hint in (
        (_cut(PHOTO, 0), "That is the box without its margin: add a tenth at each side."),
        (_cut(PHOTO, MARGIN / 2), "That is a tenth in all; it is to be a tenth at each side."),
        (_cut((1000, 1000), MARGIN), "That is on the grid: multiply by the side, divide by 1000."),
        (_cut((1000, 1000), 0), "Those are the numbers of the grid, not pixels."),
        (_cut(PHOTO[::-1], MARGIN), "Width and height are changed over: x goes with the width."),
        (_cut((PHOTO[0],) * 2, MARGIN), "The width measures x alone; y goes with the height."),
    ):
        if _near(sides, other, 1.01):
            return wrong(hint)
    off = [name for name, a, b in zip(SIDES, sides, _cut(PHOTO, MARGIN), strict=True)
           if abs(a - b) > 2.01]  # fmt: skip
    return wrong(f"Not yet: look at {' and '.join(off)}. A pixel is number × side / 1000.")


def check_doubles(answer: object) -> Verdict:
    """Exercise 2: a function that leaves out boxes that an earlier one doubles."""
    if is_blank(answer) or is_unwritten(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function that takes a list of boxes and returns one.")
    for boxes, kept, what in CASES:
        given = list(boxes)
        try:
            found = answer(given)
            found = list(islice(found, 10)) if found is not None else None
        except (Exception, SystemExit) as error:
            return wrong(f"With {what} your function stops with {type(error).__name__} ({error}).")
        if found is None:
            return wrong("Your function returns nothing: end it with `return` and the list.")
        if given != boxes:
            return wrong(f"With {what} your function changes the list it was given: build a new.")
        if found != [boxes[i] for i in kept]:
            return wrong(f"With {what} {len(kept)} of {len(boxes)} are to stay, in their order.")
    return right("All lists come back without doubles, and what stands side by side stays.")


def _cut(size: tuple[int, int], margin: float) -> tuple[float, ...]:
    """The box as pixels of a picture of `size`, with a margin at each side."""
    x1, x2 = (side * size[0] / 1000 for side in (BOX.x1, BOX.x2))
    y1, y2 = (side * size[1] / 1000 for side in (BOX.y1, BOX.y2))
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    return x1 - across, y1 - down, x2 + across, y2 + down


def _near(sides: list[float], other: tuple[float, ...], most: float) -> bool:
    return all(abs(a - b) <= most for a, b in zip(sides, other, strict=True))


def _read_sides(answer: object) -> list[float] | None:
    """Four numbers from a list, a tuple, a dictionary of the sides or a text of them."""
    if isinstance(answer, Mapping):
        answer = [answer.get(name) for name in SIDES]
    if isinstance(answer, str):
        answer = re.findall(r"-?\d+(?:\.\d+)?", answer)
    try:
        parts = list(islice(answer, 5))  # it may have no end
    except Exception:
        return None
    if len(parts) != 4 or isinstance(answer, bytes | set):
        return None
    sides = [read_number(part, "px|pixels") for part in parts]
    return None if None in sides else sides
