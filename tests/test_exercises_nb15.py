"""The exercises of notebook 15: right answers in many forms, wrong ones with their reason."""

import json
import sys

from helpers.exercises import nb15
from tests.exercise_cases import all_get, hold_answers


def read_lines(lines: list) -> dict:
    found = {}
    for line in lines:
        try:
            result = json.loads(line)
        except ValueError:
            continue
        found[result["key"]] = result
    return found


def find_left(lines: list, keys: list) -> list:
    found = read_lines(lines)
    return [key for key in keys if key not in found or found[key].get("again")]


def find_left_backwards(lines: list, keys: list) -> tuple:
    """From the end on, the first word on a key counts; as a tuple, and its lists emptied."""
    latest, left = {}, []
    for line in reversed(lines):
        if line.endswith("}"):
            result = json.loads(line)
            latest.setdefault(result["key"], result.get("again", False))
    left = [key for key in keys if latest.get(key, True)]
    lines.clear()
    keys.clear()
    return tuple(left)


def forget_again(lines: list, keys: list) -> list:
    found = read_lines(lines)
    return [key for key in keys if key not in found]


def take_errors_for_left(lines: list, keys: list) -> list:
    found = read_lines(lines)
    return [key for key in keys if key not in found or "error" in found[key]]


def keep_once_good(lines: list, keys: list) -> list:
    done = set()
    for line in lines:
        if line.endswith("}") and not json.loads(line).get("again"):
            done.add(json.loads(line)["key"])
    return [key for key in keys if key not in done]


def keep_once_failed(lines: list, keys: list) -> list:
    results = [json.loads(line) for line in lines if line.endswith("}")]
    failed = {one["key"] for one in results if one.get("again")}
    return [key for key in keys if key in failed or key not in {one["key"] for one in results}]


RIGHT = {
    nb15.check_retries: [
        *("BDE", "b d e", "B, D and E", "E,D,B", ["B", "D", "E"], {"b", "d", "e"}),
        ("B", "D", "E"),
    ],
    nb15.check_left: [find_left, find_left_backwards],
}
WRONG = {
    nb15.check_retries: [
        *all_get("A does not pass", "A", "ABDE", "abcdef"),
        *all_get("C does not pass", "BCDE"),
        *all_get("F does not pass", "BDEF"),
        *all_get("one is missing", "B D", ["E", "B"]),
        *all_get("2 are missing", "E"),
        *all_get("is no text of letters", "G", "all", "none", 3, ["B", "X"]),
    ],
    nb15.check_left: [
        (["b"], "is to be a function"),
        (lambda lines: [], "stops with TypeError"),
        (lambda lines, keys: sys.exit(1), "stops with SystemExit"),
        (lambda lines, keys: set(keys), "instead of ['a', 'b'] where there is no result"),
        (lambda lines, keys: [json.loads(line)["key"] for line in lines], "where there is no"),
        (lambda lines, keys: sorted(find_left(lines, keys)), "where the order is c, b, a"),
        (
            lambda lines, keys: keys if not lines else [json.loads(x) for x in lines] and [],
            "instead of ['c'] where two",
        ),
        (forget_again, 'says "again": true'),
        (take_errors_for_left, 'says "again": false'),
        (keep_once_good, "the latest result says again"),
        (keep_once_failed, "was answered later"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)
