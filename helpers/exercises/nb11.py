"""Checks for the exercises of notebook 11, Outgrow one card: questions about the recorded runs."""

import csv
import itertools
import re
from functools import cache

from helpers.exercises import BLANK, Verdict, is_blank, read_number, read_share, right, show, wrong
from helpers.places import MEASUREMENTS

MACHINE, VERSION = "NVIDIA H200", "0.26.0"
LADDER = (
    *("eager", "graphs, not async", "graphs, async", "8192 tokens a step", "FP8 weights"),
    *("FP8 weights and KV", "512 requests", "4 API servers"),
)


@cache
def read_mean(step: str, at_once: int) -> float:
    """The mean of the recorded tokens a second of a step, on the H200 with vLLM 0.26.0."""
    with (MEASUREMENTS / "throughput.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["unit"] == "tokens/s"]
    wanted = (MACHINE, VERSION, step, str(at_once))
    keys = ("machine", "vllm", "step", "at_once")
    found = [float(row["value"]) for row in rows if tuple(row[key] for key in keys) == wanted]
    return sum(found) / len(found)


def _simplify(name: str) -> str:
    """A step's name without its commas, in small letters."""
    return " ".join(re.findall(r"\w+", name)).casefold()


def check_jump(answer: object) -> Verdict:
    """Exercise 1: the step of the ladder that gains one request most over the step before."""
    if is_blank(answer):
        return BLANK
    if not isinstance(answer, str):
        return wrong("`answer` is to be the name of a step, in quotes.")
    step = _simplify(answer)
    named = next((name for name in LADDER if _simplify(name) == step), "")
    if not named:
        return wrong(f"{show(answer)} is no step of the ladder: {' · '.join(LADDER)}.")
    if named == LADDER[0]:
        return wrong("*eager* is the first step; there is none before it.")
    jumps = {
        after: read_mean(after, 1) / read_mean(before, 1)
        for before, after in itertools.pairwise(LADDER)
    }
    if jumps[named] == max(jumps.values()):
        return right(f"× {jumps[named]:.1f}: without CUDA graphs the card waits for the processor.")
    return wrong(f"Not that one: × {jumps[named]:.2f}. Divide each step by the one before it.")


def check_second_card(answer: object) -> Verdict:
    """Exercise 2: two cards against one at 512 at once, as a factor."""
    if is_blank(answer):
        return BLANK
    times = read_mean("two cards", 512) / read_mean("graphs, async", 512)
    factor = read_number(
        answer, "(×|x|times)?", lambda number: abs(number - times) < 0.06, before="×|x"
    )
    factor = read_share(answer) if factor is None else factor
    if factor is None:
        return wrong("`answer` is to be one number, such as 1.5.")
    if abs(factor - times) < 0.06:
        return right(
            f"× {times:.2f}, more than two cards can give: a second process writes as well, and "
            "one card with fewer messages made nearly as much."
        )
    if abs(factor * times - 1) < 0.06:
        return wrong("The other way round: two cards over one.")
    if abs(factor - read_mean("two cards", 128) / read_mean("graphs, async", 128)) < 0.06:
        return wrong("That is at 128 at once; the question is about 512.")
    return wrong(f"Not {factor:g}: divide *two cards* by *graphs, async*, both at 512 at once.")
