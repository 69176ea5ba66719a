"""Checks for the exercises of notebook 00."""

import math
import re

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, wrong

PAGE = 16
REQUESTS = (40, 16, 17, 1000, 300)  # tokens of the five requests of exercise 1

GIB = 2**30
CARD, SHARE, WEIGHTS, WORKING = 24, 0.9, 8.27, 3.1  # GiB but for the share; exercise 2
KV_PER_TOKEN = 147_456  # bytes

# Exercise 3: why each machine runs the course or does not.
RUNS = {"A": "has what it takes", "C": "runs sm_86 kernels on an sm_89 card"}
FAILS = {
    "B": "has a torch whose newest kernels are sm_90: nothing in it runs on an sm_120 card",
    "D": "has a driver that stops at CUDA 11.8, a major version before torch's 12.8",
    "E": "has enough memory in all, but a game holds what the course needs",
}


def check_pages(answer: object) -> Verdict:
    """Exercise 1: how many pages of 16 tokens the five REQUESTS take."""
    if is_blank(answer):
        return BLANK
    number = read_number(answer)
    if number is None:
        return wrong(f"{answer!r} is no number: answer with a whole number of pages.")
    pages = sum(math.ceil(tokens / PAGE) for tokens in REQUESTS)
    if number == pages:
        return right(f"{pages} pages, {pages * PAGE - sum(REQUESTS)} of their places unused.")
    if number == sum(tokens // PAGE for tokens in REQUESTS):
        return wrong("You rounded down: the last page of a request is taken even if half full.")
    if math.ceil(number) == math.ceil(sum(REQUESTS) / PAGE):
        return wrong("You rounded the sum: two requests do not share a page, so round each one.")
    if number == pages * PAGE:
        return wrong("That is the number of tokens the pages hold; how many pages are they?")
    return wrong(f"{number:g} is not it: divide each length by {PAGE}, round up, then add.")


def check_tokens(answer: object) -> Verdict:
    """Exercise 2: tokens of KV cache on a card of 24 GiB; right within 1 %."""
    if is_blank(answer):
        return BLANK
    number = read_number(answer)
    if number is None:
        return wrong(f"{answer!r} is no number: answer with a number of tokens.")
    budget = CARD * SHARE
    if _is_near(number, _count_tokens(budget - WEIGHTS - WORKING)):
        return right("About 74,500 tokens: four requests of the course's 16,384, and some room.")
    if _is_near(number, _count_tokens(CARD - WEIGHTS - WORKING)):
        return wrong("vLLM may use 0.9 of the card: begin with 0.9 × 24 GiB.")
    if _is_near(number, _count_tokens(budget)):
        return wrong("The weights and the working memory come off the budget first.")
    if _is_near(number, _count_tokens(budget - WEIGHTS)):
        return wrong("The working memory of 3.1 GiB comes off as well.")
    if _is_near(number, _count_tokens(budget - WORKING)):
        return wrong("The weights of 8.27 GiB come off as well.")
    if _is_near(number, budget - WEIGHTS - WORKING):
        return wrong("Those are the GiB that are left: how many tokens of 147,456 bytes are they?")
    return wrong("Not it: (0.9 × 24 − weights − working memory) × 2**30 / bytes of one token.")


def check_machines(answer: object) -> Verdict:
    """Exercise 3: the letters of the machines that run the course, in any form."""
    if is_blank(answer):
        return BLANK
    text = answer if isinstance(answer, str) else " ".join(map(str, _as_list(answer)))
    letters = set(re.findall(r"[A-Z]", re.sub(r"\b(AND|OR)\b", " ", text.upper())))
    if not letters or letters - RUNS.keys() - FAILS.keys():
        return wrong("Answer with letters from A to E, such as 'B D'.")
    for letter in sorted(letters & FAILS.keys()):
        return wrong(f"{letter} {FAILS[letter]}.")
    for letter in sorted(RUNS.keys() - letters):
        return wrong(f"A machine is missing: one that {RUNS[letter]}.")
    return right("A and C; B lacks kernels, D a newer driver, E free memory.")


def _as_list(answer: object) -> list[object]:
    return list(answer) if isinstance(answer, (list, tuple, set, frozenset)) else [answer]


def _count_tokens(gib: float) -> float:
    return gib * GIB / KV_PER_TOKEN


def _is_near(number: float, target: float) -> bool:
    return abs(number - target) <= 0.01 * target
