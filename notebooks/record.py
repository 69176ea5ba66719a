"""Run the notebooks and save their outputs: `make record`, or `python notebooks/record.py 03 04`.

They run as a learner runs them, on this machine's place and port. The lessons that only talk to
the server share one. What is saved: stderr dropped, progress lines as they looked at their end.
"""

import csv
import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers.places import find_place
from helpers.server import Server

ROOT = Path(__file__).resolve().parent.parent
TIMES = ROOT / "measurements" / "lessons.csv"
ALONE = ("02", "06", "10")  # they start and stop engines themselves


def main() -> None:
    wanted = sys.argv[1:]
    folder = ROOT / "notebooks"
    found = [*sorted(folder.glob("[0-9]*.ipynb")), *sorted(folder.glob("solutions/[0-9]*.ipynb"))]
    chosen = [path for path in found if not wanted or path.name[:2] in wanted]
    alone = [path for path in chosen if path.name[:2] in ALONE]
    shared = [path for path in chosen if path not in alone]
    with Server(find_place()) if shared else nullcontext():
        failed = [path.name for path in shared if not record(path)]
    failed += [path.name for path in alone if not record(path)]
    if failed:
        sys.exit(f"Not recorded: {', '.join(failed)}")


def record(path: Path) -> bool:
    """Run one notebook and save it; a notebook that fails is left as it was."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=3600,  # on the gpu place one cell of 11 starts eight servers
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    begin = time.monotonic()
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path.relative_to(ROOT)}: {error.ename}: {error.evalue}\n{error.traceback[-2000:]}")
        return False
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = clean(cell.outputs)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)
    seconds = round(time.monotonic() - begin)
    print(f"{path.relative_to(ROOT)}: {seconds} s", flush=True)
    if path.parent.name == "notebooks":
        save_seconds(path.name[:2], seconds)
    return True


def save_seconds(lesson: str, seconds: int) -> None:
    """Put what a lesson's cells took into the table that its stated minutes are held against."""
    with TIMES.open(newline="") as file:
        rows = {row["lesson"]: row for row in csv.DictReader(file)}
    measured = f"{time.strftime('%Y-%m-%d')} by record.py"
    rows[lesson] = {"lesson": lesson, "seconds": seconds, "measured": measured}
    with TIMES.open("w", newline="") as file:
        table = csv.DictWriter(file, ("lesson", "seconds", "measured"), lineterminator="\n")
        table.writeheader()
        table.writerows(rows[name] for name in sorted(rows))


def clean(outputs: list) -> list:
    """Join what came in pieces, drop stderr, and keep of a progress line its last state."""
    kept: list = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if kept and output.output_type == "stream" == kept[-1].output_type:
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text)
    return [move_home(output) for output in kept]


def move_home(value: object) -> object:
    """The same output as if the course lay in a learner's home, wherever it was recorded."""
    if isinstance(value, str):
        return value.replace(str(ROOT), "/home/you/qwen3-vl-course")
    if isinstance(value, list):
        return [move_home(part) for part in value]
    if isinstance(value, dict):
        return type(value)((key, move_home(part)) for key, part in value.items())
    return value


if __name__ == "__main__":
    main()
