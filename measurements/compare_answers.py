"""Hold a file of answers against an older one: which items changed, and did the share really fall?

    python -m measurements.compare_answers OLD.jsonl NEW.jsonl [--chance 0.05]

Both files are of notebook 14: the first line says what answered, each other line is one item with
its question, truth, reply and verdict. They are compared item by item. Exit code 0: no fall beyond
chance. 1: the share right fell, and chance alone makes such a fall less often than `--chance`.
2: the files cannot be compared.
"""

import argparse
import json
import math
import sys
from pathlib import Path

NEEDED = ("id", "question", "truth", "reply", "verdict")
VERDICTS = ("right", "wrong", "unclear", "error")
SHOWN = 5  # changed items that are listed each way


class AnswersError(Exception):
    """Files of answers that cannot be read or compared."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--chance", type=_read_chance, default=0.05)
    options = parser.parse_args()
    try:
        runs = [read_answers(path) for path in (options.old, options.new)]
        better, worse = find_flips(*(items for _, items in runs))
    except AnswersError as error:
        print(error, file=sys.stderr)
        return 2
    for name, (about, items) in zip(("old", "new"), runs, strict=True):
        print(f"{name}: {describe(about, items)}")
        if errors := sum(item["verdict"] == "error" for item in items.values()):
            print(f"     {errors} without an answer count as not right: ask them again first")
    for name, flips in (("better", better), ("worse", worse)):
        print(f"{name} on {len(flips)}")
        for item in flips[:SHOWN]:
            old, new = (items[item]["reply"] for _, items in runs)
            print(f"  {item}, truth {runs[0][1][item]['truth']!r}: {old!r:.80} → {new!r:.80}")
    chance = fall_chance(len(better), len(worse))
    fell = len(worse) > len(better) and chance < options.chance
    print(f"Chance alone makes such a fall in {chance:.1%} of cases:", "FELL" if fell else "passed")
    return int(fell)


def read_answers(path: Path) -> tuple[dict, dict[str, dict]]:
    """What a file says of its run, and its items by id.

    Raises AnswersError with one sentence where the file is missing, cut off or of another kind.
    """
    try:
        text = path.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise AnswersError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError:
        raise AnswersError(
            f"{path} is no JSONL of answers, or its last line was cut off: write it again."
        ) from None
    if not all(isinstance(line, dict) for line in lines) or len(lines) < 2:
        raise AnswersError(f"{path} holds no answers: a line on the run, then one line an item.")
    about, *items = lines
    for number, item in enumerate(items, start=2):
        if not all(isinstance(item.get(name), str) for name in NEEDED):
            raise AnswersError(f"Line {number} of {path} is to have {', '.join(NEEDED)} as texts.")
        if item["verdict"] not in VERDICTS:
            raise AnswersError(
                f"Line {number} of {path} has the verdict {item['verdict']!r}, "
                f"which is none of {', '.join(VERDICTS)}."
            )
    by_id = {item["id"]: item for item in items}
    if len(by_id) < len(items):
        raise AnswersError(f"{path} has an item twice: each id is to stand on one line.")
    return about, by_id


def find_flips(old: dict[str, dict], new: dict[str, dict]) -> tuple[list[str], list[str]]:
    """The ids that are right only in the new run, and those only in the old one.

    Raises AnswersError unless both runs asked the same items: those that one of them lacks could
    be the ones that it would fail.
    """
    if missing := sorted(old.keys() ^ new.keys()):
        raise AnswersError(
            f"The files hold different items, {missing[0]!r} among {len(missing)} that only one of "
            "them has: ask the same ones, or take the others out of both files."
        )
    for item in old:
        if any(old[item][name] != new[item][name] for name in ("question", "truth")):
            raise AnswersError(
                f"Item {item!r} has another question or truth in the other file, so the two are "
                "not about the same: ask the old items again."
            )
    right = [{item for item in run if run[item]["verdict"] == "right"} for run in (old, new)]
    better = [item for item in old if item in right[1] - right[0]]
    return better, [item for item in old if item in right[0] - right[1]]


def fall_chance(better: int, worse: int) -> float:
    """How often chance alone makes at least so many of the flips worse ones (one-sided).

    If nothing changed, each flip is a coin (McNemar's exact test). Built in notebook 14, two-sided.
    """
    flips = better + worse
    return sum(math.comb(flips, k) for k in range(worse, flips + 1)) / 2**flips


def describe(about: dict, items: dict[str, dict]) -> str:
    """One line: what answered, and its share right."""
    verdicts = [item["verdict"] for item in items.values()]
    named = " · ".join(str(about[n]) for n in ("model", "vllm", "variant") if about.get(n))
    others = [f"{verdicts.count(name)} {name}" for name in VERDICTS[1:] if name in verdicts]
    share = verdicts.count("right") / len(verdicts)
    return ", ".join([f"{named}: {share:.0%} of {len(verdicts)} right", *others])


def _read_chance(text: str) -> float:
    chance = float(text)
    if not 0 < chance < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return chance


if __name__ == "__main__":
    sys.exit(main())
