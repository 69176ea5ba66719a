"""Checks for the exercises of notebook 00."""

import math
import re

from helpers.exercises import (
    BLANK,
    Verdict,
    is_blank,
    read_number,
    read_share,
    read_words,
    right,
    show,
    wrong,
)

PAGE = 16
REQUESTS = (40, 16, 17, 1000, 300)  # tokens of the five requests of exercise 1

GIB = 2**30
CARD, SOLD_AS, WEIGHTS, WORKING = 23.65, 24, 8.27, 5.2  # GiB; exercise 2
KV = 6 * 8192 * 147_456 / GIB  # GiB of six requests of 8,192 tokens
FORGOTTEN = {
    "the weights": WORKING + KV,
    "the working memory": WEIGHTS + KV,
    "weights and working memory": KV,
    "the KV cache": WEIGHTS + WORKING,
    "five of the six requests": WEIGHTS + WORKING + KV / 6,
}

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
    number = read_number(answer, "pages?")
    if number is None:
        return wrong(f"{show(answer)} is no number: answer with a whole number of pages.")
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


def check_share(answer: object) -> Verdict:
    """Exercise 2: the smallest share of a card of 24 GB that holds six requests of 8,192."""
    if is_blank(answer):
        return BLANK
    number = read_share(answer)
    if number is None or not 0 < number <= 100:
        return wrong(f"{show(answer)} is no share of a card: answer with a number such as 0.75.")
    needed = WEIGHTS + WORKING + KV
    if _is_near(number, needed):
        return wrong("That is the GiB that are needed: which share of 23.65 GiB is it?")
    share = number / 100 if number > 1 else number
    if needed / CARD <= share <= 0.8605:
        return right("0.86 of 23.65 GiB holds weights, working memory and six times 1.125 GiB.")
    for what, part in FORGOTTEN.items():
        if part / CARD - 0.001 <= share <= part / CARD + 0.01:
            return wrong(f"You left out {what}: all three parts must fit into the share.")
    if share > needed / CARD:
        return wrong("That is enough, but a smaller share will do and leaves others more.")
    if share >= needed / SOLD_AS - 0.005:
        return wrong("A little too small: 0.85 of 23.65 GiB is 20.1, and 20.2 are needed.")
    return wrong("Too small: add the GiB of weights, working memory and six requests, then divide.")


def check_machines(answer: object) -> Verdict:
    """Exercise 3: the letters of the machines that run the course, in a text or a list."""
    if is_blank(answer):
        return BLANK
    words = None if isinstance(answer, dict) else read_words(answer)
    text = " ".join(words or []).upper()
    letters = set(re.findall(r"[A-Z]", text))
    if not letters or not re.fullmatch(r"[A-E\s,;.&+/]+", text):
        return wrong("Answer with letters from A to E, such as 'B D'.")
    for letter in sorted(letters & FAILS.keys()):
        return wrong(f"{letter} {FAILS[letter]}.")
    for letter in sorted(RUNS.keys() - letters):
        return wrong(f"A machine is missing: one that {RUNS[letter]}.")
    return right("A and C; B lacks kernels, D a newer driver, E free memory.")


def _is_near(number: float, target: float) -> bool:
    return abs(number - target) <= 0.01 * target
