"""Notebook 10's loads on a card, a start for each step of notebook 11's ladder, as tables.

    python -m measurements.measure_throughput --model DIR --out measurements/throughput.csv

The share of the card is --budget, a 5090's by default; the flags that vLLM chooses by the size of
the card are set to what it chooses on one of 32 GB. Each start also becomes a line of
measurements/memory.csv. A step that has lines in the table is not measured again. The
model's weights need not be there: add `--flags "--load-format dummy"`. The steps of EXTRAS, which
not every version and machine can do, are measured when --only names them.
"""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

from openai import OpenAI

from measurements import measure_memory
from measurements.load_client import LADDER, make_client, run
from measurements.measure_memory import COURSE, Start

COLUMNS = (
    *("step", "machine", "model", "vllm", "flags", "workload"),
    *("at_once", "metric", "value", "unit", "date", "source"),
)
LENGTH = ["--max-model-len", "16384"]
DEFAULTS = ["--max-num-seqs", "256", "--max-num-batched-tokens", "2048"]  # of a card below 70 GiB
EXTRAS = {  # what each adds to the step "graphs, async"
    "8 tokens a message": ["--async-scheduling", "--stream-interval", "8"],  # not in 0.11.0
    "two cards": ["--async-scheduling", "--data-parallel-size", "2", "--api-server-count", "2"],
}
TOKENS = 128
CLIMB = {"make_text": (1, 128, 512)}
WHOLE = {
    "make_text": (1, 8, 32, 64, 128, 256, 512),
    "make_picture": (1, 16, 64),
    "make_clip": (1, 16),
}


def main() -> None:
    parser = measure_memory.make_parser(__doc__)
    parser.add_argument("--memory", type=Path, default=measure_memory.TABLE)
    parser.add_argument("--budget", type=float, default=28.5, help="GiB of the card")
    options = parser.parse_args()
    made = make_client("http://127.0.0.1:9/v1", "", more=LADDER)  # nothing is sent there
    run(made, asyncio.sleep(0))
    ladder = {"as served": []} | made.LADDER
    known = {row["step"] for row in measure_memory.read_table(options.out)}
    for name, flags in (ladder | EXTRAS).items():
        if name in (options.only or ladder) and name not in known:
            measure_step(name, flags, options)


def measure_step(name: str, flags: list[str], options: argparse.Namespace) -> None:
    """One start with its loads; both tables get their lines when it is over."""
    figures: list[tuple] = []

    def load(url: str) -> None:
        figures.extend(measure_loads(name, url))

    start = Start(name, [*LENGTH, *COURSE, *DEFAULTS, *flags], options.budget)
    line = measure_memory.measure_start(start, options, load)
    measure_memory.append_line(options.memory, line)
    print(name, line["outcome"], line["kv_tokens"], f"{line['seconds']} s", flush=True)
    same = {key: line[key] for key in ("machine", "vllm", "date", "flags")}
    same |= {
        "model": f"{options.model.name} shapes",
        "source": "measure_throughput.py",
    }
    if "--load-format dummy" in options.flags:
        same["model"] += ", random weights"
    for step, workload, at_once, metric, value, unit in figures:
        row = {"step": step, "workload": workload, "at_once": at_once, "metric": metric}
        row |= same | {"value": f"{value:.1f}", "unit": unit}
        measure_memory.append_line(options.out, row, COLUMNS)


def measure_loads(name: str, url: str) -> list[tuple]:
    """The figures of a step: texts for every step, pictures, clips and sizes for the first."""
    client = OpenAI(base_url=url, api_key="EMPTY")
    model = client.models.list().data[0].id
    made = make_client(url, model, more=LADDER, client=client)
    return run(made, measure_all(name, made))


async def measure_all(name: str, made: SimpleNamespace) -> list[tuple]:
    figures = await measure_levels(name, made, WHOLE if name == "as served" else CLIMB)
    if name == "as served":
        for form, how in made.forms.items():
            size, own, ttft, prompt, _ = await made.try_form(*how)
            what = f"{form}, {size:.2f} MB, {prompt} tokens"
            if how[1]:  # scaled down by the client
                figures.append((name, what, 1, "client's own time", own * 1000, "ms"))
            figures.append((name, what, 1, "TTFT", ttft * 1000, "ms"))
            print(*figures[-1], f"own {own * 1000:.0f}", flush=True)
    return figures


async def measure_levels(
    name: str, made: SimpleNamespace, loads: Mapping[str, Sequence[int]]
) -> list[tuple]:
    """The figures of sweeps: of each maker's requests, so many at once."""
    figures: list[tuple] = []
    for maker, steps in loads.items():
        make, levels = getattr(made, maker), []
        await made.measure_request(made.load_client, make(), 2)
        await made.sweep(made.load_client, make, steps, levels, TOKENS)
        for level in levels:
            figures += list_figures(name, maker.removeprefix("make_"), level)
    return figures


def list_figures(step: str, kind: str, level: SimpleNamespace) -> list[tuple]:
    """Median figures of a level; none of one with errors, which is no clean measurement."""
    if len(level.good) < len(level.timings):
        return []
    what = f"{kind}, {level.good[0].prompt} + {TOKENS} tokens"
    ttft, tpot = (level.quantile(figure, 0.5) * 1000 for figure in ("ttft", "tpot"))
    return [
        (step, what, level.at_once, "output tokens/s", level.tokens_per_second, "tokens/s"),
        (step, what, level.at_once, "TTFT", ttft, "ms"),
        (step, what, level.at_once, "TPOT", tpot, "ms"),
        (step, what, level.at_once, "client's share of a core", level.client * 100, "%"),
    ]


if __name__ == "__main__":
    main()
