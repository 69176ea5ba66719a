"""`python -m helpers.exercises NOTEBOOKS`: what the checks say in a folder of saved notebooks.

Writes CSV to the standard output, one line a check, and a count beside it. Nothing is run: the
verdicts are those that the learner saw and saved.
"""

import argparse
import csv
import getpass
import json
import re
import sys
from pathlib import Path

from helpers.exercises import BLANK

CHECK = re.compile(r"\bnb\d\d\.(check\w*)\(")
Row = tuple[str, str, str]  # lesson ("03"), check, result: right, wrong, open or not run


def read_result(outputs: list[dict]) -> str:
    """What the outputs of a check's cell say: right, wrong, open (no answer yet) or not run."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain") for output in outputs]
    shown = "".join("".join(text) for text in texts if text)
    if str(BLANK) in shown:
        return "open"
    if "❌" in shown or any(output.get("output_type") == "error" for output in outputs):
        return "wrong"
    return "right" if "✅" in shown else "not run"


def read_checks(notebook: Path) -> list[Row]:
    """The checks of one saved notebook, in its order. Raises ValueError if it is no notebook."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = [("".join(cell["source"]), cell.get("outputs", [])) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{notebook} is not a whole notebook: save it again.") from error
    found = [(CHECK.search(source), outputs) for source, outputs in sources]
    return [(notebook.name[:2], hit[1], read_result(outputs)) for hit, outputs in found if hit]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m helpers.exercises", description=__doc__)
    parser.add_argument("notebooks", type=Path, help="the folder with the saved notebooks")
    parser.add_argument("--name", default=getpass.getuser(), help="whose they are (your login)")
    given = parser.parse_args()
    notebooks = sorted(given.notebooks.glob("[0-9][0-9]_*.ipynb"))
    if not notebooks:
        sys.exit(f"{given.notebooks} holds no lesson: name the folder `notebooks` of the course.")
    try:
        rows = [row for notebook in notebooks for row in read_checks(notebook)]
    except ValueError as error:
        sys.exit(str(error))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([("learner", "lesson", "check", "result")])
    writer.writerows((given.name, *row) for row in rows)
    right = sum(result == "right" for _, _, result in rows)
    print(f"{right} of {len(rows)} checks are right.", file=sys.stderr)


if __name__ == "__main__":
    main()
