"""The load client of notebook 10, for whoever measures or tests with it: its own cells, run here.

The code lives in the notebook, because it is what the notebook teaches.
"""

import asyncio
import itertools
import json
import random
import re
from collections.abc import Coroutine
from types import SimpleNamespace

from helpers.places import ROOT

NOTEBOOKS = [
    ROOT / "notebooks" / name
    for name in ("10_measure_throughput.ipynb", "11_outgrow_one_card.ipynb")
]
WANTED = (
    r"^import asyncio",
    r"^class Timing",
    r"^def open_client",
    r"^async def measure_request",
    r"^numbers =",
    r"^def make_text",
    r"^class Level",
    r"^async def run_level",
    r"^def print_level",
    r"^async def sweep",
    r"^def plot_sweep",
)
# What the script of the ladder needs besides: 10's forms of a photo, 11's steps.
LADDER = (r"^noise =", r"^def encode", r"^async def try_form", r"^LADDER =")


def find_cells(wanted: tuple[str, ...] = WANTED) -> list[str]:
    """The notebooks' cells that define what is wanted, in their order."""
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text())["cells"]]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [one for one in code if any(re.search(part, one, re.MULTILINE) for part in wanted)]
    assert len(found) == len(wanted), "the notebooks' cells have changed: see WANTED"
    return [one.removesuffix("\n\nplot_sweep(runs)") for one in found]


def make_client(
    base_url: str, model: str, api_key: str = "EMPTY", more: tuple[str, ...] = (), **names: object
) -> SimpleNamespace:
    """What the cells define (`load_client`, `run_level`, `make_text` …), against one server.

    `more` cells besides, and the `names` that they need.
    """
    place = SimpleNamespace(name="cpu", base_url=base_url, api_key=api_key)
    names |= {"place": place, "MODEL": model, "__name__": "notebook_10"}

    async def define() -> None:  # in a running loop, as in Jupyter
        for cell in find_cells((*WANTED, *more)):
            exec(cell, names)

    names["runner"] = asyncio.Runner()
    names["runner"].run(define())
    names["numbers"] = itertools.count(random.randrange(10**9))  # no run sends another's texts
    return SimpleNamespace(**names)


def run(made: SimpleNamespace, work: Coroutine) -> object:
    """Run one of the client's coroutines to its end, and close its connections."""

    async def run_and_close() -> object:
        async with made.load_client:
            return await work

    with made.runner:
        return made.runner.run(run_and_close())
