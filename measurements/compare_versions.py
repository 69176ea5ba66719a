"""Running servers, as of two versions of vLLM: the same loads on each, in turns.

    python -m measurements.compare_versions URL URL --out mine.csv --note "the servers' flags"

Also measured, where the server runs on this machine: what the process that speaks HTTP works for a
request of one token. Start servers that share a card with --kv-cache-memory-bytes, or each takes
the other's memory for its own.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import psutil
from openai import OpenAI

from helpers.server import records
from measurements.load_client import make_client, run
from measurements.measure_class import describe
from measurements.measure_memory import append_line
from measurements.measure_throughput import COLUMNS, measure_levels

STEP = "side by side"
LOADS = {"make_text": (1, 128), "make_picture": (1, 16)}
AT_ONCE = 128  # requests of one token


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("urls", nargs="+", metavar="URL", help="a server's address, ending in /v1")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, help="append the figures to this table")
    parser.add_argument("--note", default="", help="the servers' flags, for the table")
    options = parser.parse_args()
    for _ in range(options.rounds):
        for url in options.urls:
            with OpenAI(base_url=url, api_key="EMPTY") as client:
                model = client.models.list().data[0].id
            same = describe(url, model, options.note) | {"source": "compare_versions.py"}
            print(same["vllm"], flush=True)
            for step, workload, at_once, metric, value, unit in compare(url, model):
                row = {"step": step, "workload": workload, "at_once": at_once, "metric": metric}
                print(f"   {workload:34} {at_once:4} {metric:30} {value:9,.1f} {unit}", flush=True)
                if options.out:
                    row |= same | {"value": f"{value:.1f}", "unit": unit}
                    append_line(options.out, row, COLUMNS)


def compare(
    url: str, model: str, loads: Mapping[str, Sequence[int]] = LOADS, at_once: int = AT_ONCE
) -> list[tuple]:
    """The figures of one server, as `list_figures` has them."""
    made = make_client(url, model)
    return run(made, measure_all(made, find_listener(url), loads, at_once))


async def measure_all(
    made: SimpleNamespace,
    listener: psutil.Process | None,
    loads: Mapping[str, Sequence[int]],
    at_once: int,
) -> list[tuple]:
    figures = await measure_levels(STEP, made, loads)
    if listener:
        before = count_seconds(listener)
        asked = [made.make_text() for _ in range(at_once)]
        level = await made.run_level(made.load_client, asked, at_once, 1)
        worked = (count_seconds(listener) - before) / at_once * 1000
        if len(level.good) == at_once:
            what = f"text, {level.good[0].prompt} + 1 tokens"
            figures.append((STEP, what, at_once, "HTTP's process, a request", worked, "ms"))
    return figures


def find_listener(url: str) -> psutil.Process | None:
    """The process that listens at an address of this machine, None for another's."""
    address = urlsplit(url)
    own = address.hostname in ("127.0.0.1", "localhost")
    return records.find_listener(address.port) if own else None


def count_seconds(process: psutil.Process) -> float:
    """Seconds of processor time that a process has had."""
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
