"""The exercises of notebook 13: right answers in many forms, wrong ones with their reason."""

import sys

import numpy as np

from helpers.exercises import BLANK, nb13
from tests.exercise_cases import all_get, hold_answers


def keep_first(boxes: list) -> list:
    kept: list = []
    for box in boxes:
        if not any(box.label == one.label and box.iou(one) > 0.5 for one in kept):
            kept.append(box)
    return kept


def keep_by_any_before(boxes: list) -> list:
    return [
        box
        for i, box in enumerate(boxes)
        if not any(box.label == one.label and box.iou(one) > 0.5 for one in boxes[:i])
    ]


def change(boxes: list) -> list:
    while len(boxes) > 1:
        boxes.pop()
    return boxes


RIGHT = {
    nb13.check_crop: [
        (907, 1134, 2117, 2041),
        [907, 1134, 2117, 2041],
        [908, 1135, 2116, 2041],
        (907.2, 1134.0, 2116.8, 2041.2),
        "907, 1134, 2117, 2041",
        "(907, 1134, 2117, 2041) px",
        {"left": 907, "top": 1134, "right": 2117, "bottom": 2041},
        np.array([907, 1134, 2117, 2041]),
        ["907", "1134", "2117 px", "2041"],
    ],
    nb13.check_doubles: [
        keep_first,
        keep_by_any_before,
        lambda boxes: tuple(keep_first(boxes)),
        lambda boxes: iter(keep_first(boxes)),
    ],
}
WRONG = {
    nb13.check_crop: [
        ((1008, 1210, 2016, 1966), "without its margin"),
        ((958, 1172, 2066, 2003), "a tenth in all"),
        ((225, 375, 525, 675), "on the grid"),
        ((250, 400, 500, 650), "numbers of the grid"),
        ((680, 1512, 1588, 2722), "changed over"),
        ((907, 1512, 2117, 2722), "y goes with the height"),
        ((907, 1134, 2117, 2100), "look at bottom"),
        ((1, 1134, 2, 2041), "look at left and right"),
        *all_get("four whole pixels", (907, 1134, 2117), "907 to 2117", 907, {"left": 907}),
        *all_get("four whole pixels", ["a", "b", "c", "d"], [[1], [2], [3], [4]]),
    ],
    nb13.check_doubles: [
        (lambda boxes: boxes, "the same box twice"),
        (lambda boxes: list(dict.fromkeys(boxes)), "IoU of 0.67"),
        (lambda boxes: [], "one box alone"),
        (
            lambda boxes: [b for i, b in enumerate(boxes) if not any(
                b.iou(o) > 0.5 for o in boxes[:i])],
            "a mug and a plant",
        ),
        (
            lambda boxes: [b for i, b in enumerate(boxes) if not any(
                b.label == o.label and b.iou(o) >= 0.5 for o in boxes[:i])],
            "exactly 0.5",
        ),
        (
            lambda boxes: [b for i, b in enumerate(boxes) if not any(
                b.label == o.label and b.iou(o) > 0 for o in boxes[:i])],
            "only touches it",
        ),
        (lambda boxes: keep_first(boxes)[::-1], "in their order"),
        (lambda boxes: print(end=""), "returns nothing"),
        (change, "changes the list"),
        (lambda one, two: one, "stops with TypeError"),
        (lambda boxes: boxes[0], "stops with IndexError"),
        (lambda boxes: sys.exit(3), "stops with SystemExit (3)"),
        *all_get("is to be a function", [nb13.MUG], "keep", 3),
    ],
}  # fmt: skip
test_every_answer = hold_answers(RIGHT, WRONG)


def test_a_function_that_was_not_written_yet_is_no_answer() -> None:
    def answer(boxes: list): ...

    assert nb13.check_doubles(answer) is BLANK
