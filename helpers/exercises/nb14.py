"""Checks for the exercises of notebook 14, Measure the answers."""

import math

from helpers.exercises import (
    BLANK,
    Verdict,
    is_blank,
    is_unwritten,
    read_number,
    read_share,
    right,
    show,
    wrong,
)

BETTER, WORSE, TRIES = 11, 3, 200  # exercise 1
FALL, FLIPS = 0.03, 0.06  # exercise 3: points to notice, share of the items that differ
VERDICTS = ("right", "wrong", "unclear")
# Exercise 2: replies to "Is there a bicycle?", the truth, and the verdict.
REPLIES = (
    ("Yes.", "yes", "right"),
    ("yes, there is one on the left", "yes", "right"),
    ("YES!", "no", "wrong"),
    ("No.", "no", "right"),
    ("No, I see no bicycle.", "yes", "wrong"),
    ("There is no bicycle.", "no", "right"),
    ("Yes, a red bicycle.", "no", "wrong"),
    ("I cannot tell.", "no", "unclear"),
    ("I do not know.", "no", "unclear"),
    ("A snow-white house.", "no", "unclear"),
    ("A cat with green eyes.", "yes", "unclear"),
    ("Yes and no.", "yes", "unclear"),
    ("Yes and no.", "no", "unclear"),
    ("", "no", "unclear"),
    (None, "yes", "unclear"),
)


def check_chance(answer: object) -> Verdict:
    """Exercise 1: McNemar's exact chance, two-sided, for 11 better and 3 worse."""
    if is_blank(answer):
        return BLANK
    told = read_share(answer, before="p")
    if told is None:
        return wrong(f"{show(answer)} is no number: give a share such as 0.2, or '20 %'.")
    flips, least = BETTER + WORSE, min(BETTER, WORSE)
    ways = [math.comb(flips, k) / 2**flips for k in range(least + 1)]
    chance = 2 * sum(ways)
    if abs(told - chance) < 0.003:
        return right(
            f"{chance:.1%}: above 5 %, so 4 points of 200 items may be chance, though 11 to 3 "
            "looks clear."
        )
    for other, hint in (
        (100 * chance, "That is in percent: write it with a % sign, or as a share of 1."),
        (chance / 2, "That is one direction alone: as uneven in the other counts too."),
        (2 * ways[-1], "That is 11 to 3 exactly: what is more uneven counts too."),
        (ways[-1], "That is 11 to 3 exactly, in one direction: what is more uneven counts too."),
        (0.0614, "That is the approximation by chi-square: so few flips need the exact sum."),
        (0.0325, "That is the approximation by chi-square: so few flips need the exact sum."),
        (1 - chance, "That is the chance of the contrary."),
    ):
        if abs(told - other) <= 0.02 * other:
            return wrong(hint)
    return wrong(f"Not {show(answer)}: chance_of takes the flips, and only these; not the {TRIES}.")


def check_judge(answer: object) -> Verdict:
    """Exercise 2: a judge of replies to a question of yes or no."""
    if is_blank(answer) or is_unwritten(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function that takes a reply and the truth.")
    for reply, truth, verdict in REPLIES:
        case = f"The reply {reply!r} with the truth {truth!r}"
        try:
            found = answer(reply, truth)
        except (Exception, SystemExit) as error:
            return wrong(f"{case}: your function stops with {type(error).__name__} ({error}).")
        if found is None:
            return wrong(f"{case}: your function returns nothing.")
        if not isinstance(found, str) or found.strip().lower() not in VERDICTS:
            return wrong(f"{case}: it returns {show(found)}, which is none of the three verdicts.")
        if found.strip().lower() != verdict:
            return wrong(f"{case} is {verdict}; your function says {found.strip().lower()}.")
    return right(f"All {len(REPLIES)} replies judged: this judge may judge.")


def check_items(answer: object) -> Verdict:
    """Exercise 3: the items of a paired comparison that finds 3 points with 6 % of flips."""
    if is_blank(answer):
        return BLANK
    told = read_number(
        answer, "items?|pictures?|pairs?", fits=lambda number: abs(number - 521) < 10
    )
    if told is None:
        return wrong(f"{show(answer)} is no number of items.")
    if 515 <= told <= 530:
        return right("About 520, which both servers answer.")
    for other, hint in (
        (1041, "Both answer the same items, so they are not counted twice."),
        (410, "That is with 1.645, for a fall alone; either direction takes 1.96."),
        (255, "That leaves the 0.84 out: half of such falls would go unseen."),
    ):
        if abs(told - other) <= 0.02 * other:
            return wrong(hint)
    if told < 5:
        return wrong("So few: write 3 points as 0.03 and 6 % as 0.06.")
    return wrong(f"Not {show(answer)}: f is 0.06 and d is 0.03 in the second formula.")
