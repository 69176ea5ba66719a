"""Checks for the exercises of notebook 15, Put it to work."""

import json

from helpers.exercises import BLANK, Verdict, is_blank, read_letters, right, show, wrong

# Exercise 1: which failures can pass, and what is to be said of a letter that is wrong.
PASSES = {"B", "D", "E"}
WHY = {
    "A": "the prompt is as long the next time",
    "C": "the key is as wrong the next time",
    "F": "there will be no such model the next time either",
}
LETTERS = PASSES | WHY.keys()
# Exercise 2: lines of a results file, the keys asked for, those left, and what the case is for.
GOOD, FAILED = {"reply": "{}", "finish": "stop"}, {"error": "no", "again": True}
REFUSED = {"error": "no", "again": False}


def check_retries(answer: object) -> Verdict:
    """Exercise 1: the letters of the failures that are worth another try."""
    if is_blank(answer):
        return BLANK
    letters = read_letters(answer)
    if not letters or letters - LETTERS:
        return wrong(f"{show(answer)} is no text of letters from A to F, such as 'A F'.")
    if extra := sorted(letters - PASSES):
        return wrong(f"{extra[0]} does not pass: {WHY[extra[0]]}.")
    if missing := PASSES - letters:
        count = "one is" if len(missing) == 1 else f"{len(missing)} are"
        return wrong(f"These do, and {count} missing: what is a state of the server, and passes?")
    return right("The three are states of a server; the others are said of the request itself.")


def check_left(answer: object) -> Verdict:
    """Exercise 2: a function that returns the keys that are still to be asked."""
    if is_blank(answer):
        return BLANK
    if not callable(answer):
        return wrong("`answer` is to be a function: def answer(lines, keys): …")
    cases = _make_cases()
    for lines, keys, expected, meaning in cases:
        try:
            found = answer(list(lines), list(keys))
            keys_found = list(found) if isinstance(found, list | tuple) else None
            same = keys_found == expected
        except (Exception, SystemExit) as error:
            return wrong(f"Your function stops with {type(error).__name__} ({error}) {meaning}.")
        if not same:
            return wrong(f"It returns {show(found)} instead of {expected!r} {meaning}.")
    return right(f"{len(cases)} files, {len(cases)} right lists.")


def _make_cases() -> list[tuple[list[str], list[str], list[str], str]]:
    """Lines, keys, the right answer, and what each case is there to find."""

    def line(key: str, result: dict) -> str:
        return json.dumps({"key": key, "file": f"{key}.jpg"} | result)

    good, later, never = line("a", GOOD), line("b", FAILED), line("c", REFUSED)
    return [
        ([], ["a", "b"], ["a", "b"], "where there is no result yet"),
        ([good, line("b", GOOD)], ["a", "b", "c"], ["c"], "where two of three are there"),
        ([line("b", GOOD)], ["c", "b", "a"], ["c", "a"], "where the order is c, b, a"),
        (["", good, ""], ["a", "b"], ["b"], "with blank lines"),
        ([good, line("b", GOOD)[:-9]], ["a", "b"], ["b"], "where the last line was cut off"),
        ([line("b", GOOD)[:20], good], ["a", "b"], ["b"], "where a line in the middle is cut off"),
        ([good, later], ["a", "b"], ["b"], 'where an error says "again": true'),
        ([good, never], ["a", "c"], [], 'where an error says "again": false'),
        ([later, line("b", GOOD)], ["b"], [], "where a failed key was answered later"),
        ([line("b", GOOD), later], ["b"], ["b"], "where the latest result says again"),
        ([line("x", GOOD), good], ["a"], [], "where the file knows other keys"),
    ]
