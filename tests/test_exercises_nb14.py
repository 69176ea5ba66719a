"""The exercises of notebook 14: right answers in many forms, wrong ones with their reason."""

import re
import sys

import numpy as np

from helpers.exercises import BLANK, nb14
from tests.exercise_cases import all_get, hold_answers


def judge(reply: str | None, truth: str) -> str:
    said = {"yes", "no"} & set(re.findall("[a-z]+", (reply or "").lower()))
    if len(said) != 1:
        return "unclear"
    return "right" if said == {truth} else "wrong"


def judge_by_pattern(reply: str | None, truth: str) -> str:
    found = re.findall(r"\b(yes|no)\b", str(reply).lower())
    if not found or len(set(found)) > 1:
        return "Unclear"
    return "Right" if found[0] == truth else "Wrong"


def judge_by_letters(reply: str | None, truth: str) -> str:
    if not reply:
        return "unclear"
    said = "yes" if "yes" in reply.lower() else "no" if "no" in reply.lower() else ""
    return "unclear" if not said else "right" if said == truth else "wrong"


RIGHT = {
    nb14.check_chance: [
        *(0.057373046875, 0.0574, 0.057, 0.06, 940 / 16384, np.float64(0.0574)),
        *("5.7 %", "5.74%", "about 0.057", "0,0574", "6 percent", ".0574", "p = 0.057"),
    ],
    nb14.check_judge: [judge, judge_by_pattern, lambda reply, truth: np.str_(judge(reply, truth))],
    nb14.check_items: [
        520,
        521,
        520.31,
        523,
        "520",
        "about 520 items",
        "521 items",
        "521 pictures",
        np.int64(521),
    ],
}
WRONG = {
    nb14.check_chance: [
        *all_get("in percent", 5.74, 5.737),
        *all_get("one direction alone", 0.0287, "2.9 %"),
        (0.0444, "11 to 3 exactly: what"),
        (0.0222, "11 to 3 exactly, in one direction"),
        *all_get("chi-square", 0.0614, 0.0325),
        (0.943, "the contrary"),
        *all_get("only these", 0.5, 0.0001, "14"),
        *all_get("is no number", "chance", "11 to 3", [0.0574]),
    ],
    nb14.check_judge: [
        (judge_by_letters, "'I cannot tell.' with the truth 'no' is unclear"),
        (lambda reply, truth: "right", "'YES!' with the truth 'no' is wrong"),
        (lambda reply, truth: "unclear", "'Yes.' with the truth 'yes' is right"),
        (lambda reply, truth: judge(reply, truth) == "right", "none of the three verdicts"),
        (lambda reply, truth: judge(reply.strip(), truth), "None with the truth 'yes': your"),
        (lambda reply, truth: print(end=""), "returns nothing"),
        (lambda reply: "right", "stops with TypeError"),
        (lambda reply, truth: sys.exit(3), "stops with SystemExit (3)"),
        *all_get("is to be a function", "right", {"Yes.": "right"}, 3),
    ],
    nb14.check_items: [
        *all_get("not counted twice", 1041, "1,041", 1040),
        (410, "1.645"),
        (256, "0.84"),
        *all_get("0.03", 0.05, 2.8, "4"),
        *all_get("second formula", 5000, 312, "200 items"),
        *all_get("no number", "many items", [520]),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_a_function_that_was_not_written_yet_is_no_answer() -> None:
    def answer(reply: str, truth: str): ...

    assert nb14.check_judge(answer) is BLANK
