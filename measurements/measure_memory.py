"""Start real vLLM servers with one setting after another and write down what their logs say.

    python measurements/measure_memory.py --model DIR --out measurements/memory.csv

Each start becomes one line of the table, also one that fails, and the server is ended before
the next. Lines that the table has already (same start, machine, vLLM and shapes) are not measured
again, so a run that was broken off, or was given `--all SECONDS`, goes on where it stopped. On a
machine with an NVIDIA card the starts are those of GPU_STARTS, else those of CPU_STARTS. The
model's weights need not be there: with config and tokenizer alone, add
`--flags "--load-format dummy"`. No other server may run meanwhile.
"""

import argparse
import csv
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib.metadata import packages_distributions, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from helpers.card import read_nvidia  # noqa: E402
from helpers.memory import read_shapes  # noqa: E402
from helpers.memory.terms import CUDA_HIDES  # noqa: E402
from helpers.places import GIB  # noqa: E402
from helpers.server import LogError, StartFacts, read_facts  # noqa: E402
from helpers.server.server import find_vllm  # noqa: E402

TABLE = Path(__file__).with_name("memory.csv")
COLUMNS = (
    "start",
    "machine",
    "vllm",
    "date",
    "model",
    "budget_gib",
    "flags",
    "env",
    "outcome",
    "total_gib",
    "free_gib",
    "weights_gib",
    "activations_gib",
    "other_gib",
    "graphs_gib",
    "encoder_tokens",
    "kv_gib",
    "kv_tokens",
    "max_model_len",
    "model_len_that_fits",
    "seconds",
    "source",
)
Use = Callable[[str], None]
SHORTEST = 60  # s; a start is not begun with less time than that
COURSE = ["--limit-mm-per-prompt", '{"image": 4, "video": 1}']
NO_VIDEO = ["--limit-mm-per-prompt", '{"image": 4, "video": 0}']
TEXT_ALONE = ["--limit-mm-per-prompt", '{"image": 0, "video": 0}']
NO_CACHE = {"VLLM_DISABLE_COMPILE_CACHE": "1"}  # 0.32 takes compiled code of starts with pictures
CARD_DEFAULTS = ["--max-num-seqs", "256", "--max-num-batched-tokens", "2048"]
LARGE_BATCH = ["--max-num-batched-tokens", "8192"]


@dataclass(frozen=True)
class Start:
    """A setting to try: flags of `vllm serve`, and the card's share in GiB."""

    name: str
    flags: list[str]
    budget: float | None = None  # GiB; the script makes the share of the card from it
    env: dict[str, str] = field(default_factory=dict)


def _gpu(name: str, budget: float, length: int, *flags: str) -> Start:
    return Start(name, ["--max-model-len", str(length), *flags], budget)


def _small_card(name: str, budget: float, length: int, *flags: str) -> Start:
    """A start with vLLM's sizes for a card below 70 GiB, also on a larger one."""
    return _gpu(name, budget, length, *CARD_DEFAULTS, *flags)


GPU_STARTS = (
    _small_card("no video", 28.5, 32768, *NO_VIDEO),
    _small_card("64 sequences", 28.5, 16384, *COURSE, "--max-num-seqs", "64"),
    _small_card("1,024 sequences", 72, 16384, *COURSE, "--max-num-seqs", "1024"),
    replace(_small_card("text alone", 28.5, 16384, *TEXT_ALONE), env=NO_CACHE),
    _gpu("large card", 72, 16384, *COURSE, "--max-num-seqs", "1024", *LARGE_BATCH),
    _small_card("few sequences", 28.5, 16384, *COURSE, "--max-num-seqs", "16"),
    _small_card("fp8 kv", 24, 65536, *COURSE, "--kv-cache-dtype", "fp8"),
    _small_card("fp8 weights", 16, 8192, *COURSE, "--quantization", "fp8"),
    _small_card("eager", 28.5, 16384, *COURSE, "--enforce-eager"),
    _small_card("small card", 16, 4096, *NO_VIDEO),
    _gpu("longest request", 72, 262144, *COURSE),
    _small_card("fails: budget", 8, 4096, *COURSE),
    Start("fails: card", ["--max-model-len", "16384", "--gpu-memory-utilization", "0.999"]),
    _small_card("course profile", 28.5, 16384, *COURSE),
    _small_card("fails: length", 28.5, 262144, *COURSE),
    _small_card("127 sequences", 28.5, 16384, *COURSE, "--max-num-seqs", "127"),
)


def _cpu(name: str, space: int, length: int, *flags: str, dtype: str = "float32") -> Start:
    profile = ["--max-model-len", str(length), "--dtype", dtype, "--enforce-eager"]
    env = {"VLLM_CPU_KVCACHE_SPACE": str(space), "TORCHDYNAMO_DISABLE": "1"}
    return Start(name, [*profile, *flags], None, env)


CPU_STARTS = (
    _cpu("course profile", 1, 16384, *COURSE, "--max-num-batched-tokens", "65536"),
    _cpu("double the space", 2, 4096, *COURSE),
    _cpu("no whole blocks", 3, 5000, *NO_VIDEO, "--max-num-seqs", "8"),
    _cpu("half the numbers", 1, 32768, *COURSE, dtype="bfloat16"),
    _cpu("fp8 kv", 1, 16384, *COURSE, "--kv-cache-dtype", "fp8"),
    _cpu("fails: length", 1, 262144, *COURSE),
)


def measure_start(start: Start, options: argparse.Namespace, use: Use | None = None) -> dict:
    """Start one server, wait for ready or failure, end it; returns the line of the table.

    `use` is called with the address of a server that is ready, before it is ended.
    """
    model = options.model.resolve()
    card = read_nvidia().card
    flags = [*shlex.split(options.flags), *start.flags]  # the last one counts
    if start.budget and card:
        share = start.budget / (card.total / GIB - CUDA_HIDES)
        flags += ["--gpu-memory-utilization", f"{share:.4f}"]
    log, seconds = run_until_ready(model, flags, start.env, options.limit, use)
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"\W+", "_", f"{start.name} {find_version()}")
        (options.logs / f"{name}.log").write_text(log)
    try:
        facts = read_facts(log)
    except LogError:  # it ended before it wrote its version
        facts = StartFacts(find_version(), "cuda" if card else "cpu", {}, "failed")
    return describe(start, facts, flags) | {
        "machine": card.name if card else "CPU",
        "total_gib": facts.total or (round(card.total / GIB - CUDA_HIDES, 2) if card else ""),
        "model": read_name(model),
        "seconds": round(seconds),
    }


def read_name(model: Path) -> str:
    """The shapes that the KV cache depends on: a model of the course may be trained anew."""
    shapes = read_shapes(model)
    heads = f"{shapes.kv_heads} KV heads of {shapes.head_dim}"
    return f"hidden {shapes.hidden}, {shapes.layers} layers, {heads}"


def describe(start: Start, facts: StartFacts, flags: list[str]) -> dict:
    return {
        "start": start.name,
        "vllm": facts.version.removesuffix(".post2"),
        "date": date.today().isoformat(),
        "budget_gib": start.budget or "",
        "flags": shlex.join(flags),
        "env": " ".join(f"{name}={value}" for name, value in start.env.items()),
        "outcome": facts.outcome,
        "free_gib": facts.free,
        "weights_gib": facts.weights,
        "activations_gib": facts.activations,
        "other_gib": facts.other,
        "graphs_gib": facts.graphs,
        "encoder_tokens": facts.encoder_tokens,
        "kv_gib": facts.kv_memory,
        "kv_tokens": facts.kv_tokens,
        "max_model_len": facts.max_model_len,
        "model_len_that_fits": facts.model_len_that_fits,
        "source": "log",
    }


def run_until_ready(
    model: Path, flags: list[str], env: dict[str, str], limit: float, use: Use | None
) -> tuple[str, float]:
    """The log of one start, and its seconds; the server is gone when this returns."""
    port = find_port()
    command = [str(find_vllm()), "serve", str(model), "--served-model-name", model.name]
    command += ["--host", "127.0.0.1", "--port", str(port), *flags]
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        path = Path(folder) / "log"
        env = os.environ | env | {"TMPDIR": folder}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        with path.open("wb") as log:
            process = subprocess.Popen(
                command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        begin = time.monotonic()
        try:
            ready = wait_for_end(process, path, limit)
            seconds = time.monotonic() - begin
            if ready and use:
                use(f"http://127.0.0.1:{port}/v1")
        finally:
            end_session(process)
        return path.read_text(errors="replace"), seconds


def wait_for_end(process: subprocess.Popen, path: Path, limit: float) -> bool:
    """Wait until the server is ready (True), ends, or the time is up."""
    end = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < end:
        if "Application startup complete" in path.read_text(errors="replace"):
            return True
        time.sleep(1)
    return False


def end_session(process: subprocess.Popen) -> None:
    """End every process of the server, politely first, and wait until the card is free of it."""
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
        end = time.monotonic() + patience
        alive = send(process, number)
        while alive and time.monotonic() < end:
            time.sleep(0.5)
            alive = send(process, 0)


def send(process: subprocess.Popen, number: int) -> bool:
    """Signal the server's processes; False when none is left."""
    process.poll()
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def find_version() -> str:
    """The vLLM that this Python has, as the table names it: the CPU build's .post2 left out."""
    distribution = packages_distributions()["vllm"][0]
    return version(distribution).removesuffix(".post2")


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_table(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append_line(path: Path, line: dict, columns: Sequence[str] = COLUMNS) -> None:
    """Add one line; the table is complete after every start."""
    rows = [*read_table(path), {name: "" if v is None else v for name, v in line.items()}]
    half = path.with_suffix(".tmp")
    with half.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    half.replace(path)


def make_parser(about: str) -> argparse.ArgumentParser:
    """The options of a script that starts servers one after another; it ends them when it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # end the server first, as at ctrl-C
    parser = argparse.ArgumentParser(description=about.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder with config.json")
    parser.add_argument("--out", type=Path, required=True, help="the table to add lines to")
    parser.add_argument("--only", nargs="+", help="names of starts; else all")
    parser.add_argument("--flags", default="", help="more flags for every start; its own win")
    parser.add_argument("--logs", type=Path, help="a folder to keep the logs in")
    parser.add_argument("--limit", type=float, default=400, help="seconds for one start")
    return parser


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--all", type=float, default=86400, help="seconds for all starts")
    options = parser.parse_args()
    card = read_nvidia().card
    machine, model = card.name if card else "CPU", read_name(options.model)
    names = ("start", "machine", "vllm", "model")
    known = {tuple(row[name] for name in names) for row in read_table(options.out)}
    begin = time.monotonic()
    for start in GPU_STARTS if card else CPU_STARTS:
        done = (start.name, machine, find_version(), model) in known
        if done or start.name not in (options.only or [start.name]):
            continue
        options.limit = min(options.limit, options.all - (time.monotonic() - begin))
        if options.limit < SHORTEST:
            print("The time is up; run the same command again for the rest.", flush=True)
            return
        line = measure_start(start, options)
        if line["outcome"] == "starting":
            print(f"{start.name}: no outcome within {options.limit:.0f} s, not written down.")
            continue
        append_line(options.out, line)
        print(
            *(line[n] for n in ("start", "outcome", "kv_tokens", "seconds")), sep=" · ", flush=True
        )


if __name__ == "__main__":
    main()
