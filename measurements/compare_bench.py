"""Our load client beside `vllm bench serve`, on one server, in turns: the same load from both.

    python -m measurements.compare_bench --at-once 1 8 32 128 --rounds 5

Both send the same kind of texts, each text once (nothing comes from the prefix cache), and let
every reply run to --tokens. Which of the two begins changes with each round, and a round in which
other programs used more than --noise of the cores is not counted. The server is the course's own,
started if it does not run.
"""

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil

from helpers.places import Place, find_place
from helpers.server import Server
from measurements.load_client import make_client, run

FIGURES = ("tokens/s", "TTFT ms", "TPOT ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--rounds", type=int, default=5, help="quiet rounds of each client")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--noise", type=float, default=0.1, help="what others may use of the cores")
    parser.add_argument("--patience", type=float, default=600, help="seconds for each level")
    options = parser.parse_args()
    place = find_place()
    with Server(place) as server:
        print(server)
        for at_once in options.at_once:
            compare(server, at_once, options)


def compare(server: Server, at_once: int, options: argparse.Namespace) -> None:
    """Take turns until each has its quiet rounds; print their medians, least and most."""
    count = {1: 8, 8: 32}.get(at_once, 2 * at_once)
    ways = {"ours": measure_ours, "bench": measure_bench}
    results: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    tried, end = 0, time.monotonic() + options.patience
    while min(map(len, results.values())) < options.rounds and time.monotonic() < end:
        tried += 1
        for name in sorted(ways, reverse=tried % 2 == 0):
            with count_others(server) as others:
                figures = ways[name](server.place, server.model, at_once, count, options.tokens)
            if others[0] <= options.noise:
                results[name].append(figures)
    print(f"\n{at_once} at once, {count} requests of {options.tokens} tokens; {tried} rounds, of")
    print(f"which those count in which others used at most {options.noise:.0%} of the cores")
    for name, rows in results.items():
        cells = [
            f"{figure} {statistics.median(values):8.1f} ({min(values):.1f} to {max(values):.1f})"
            for figure, values in zip(FIGURES, zip(*rows, strict=True), strict=bool(rows))
        ]
        print(f"{name:6}{len(rows):3} rounds ", "   ".join(cells))
    if all(results.values()):
        ours, bench = (statistics.median(row[0] for row in rows) for rows in results.values())
        print(f"ours / bench {ours / bench:.1%} of the median tokens/s", flush=True)


@contextlib.contextmanager
def count_others(server: Server) -> Iterator[list[float]]:
    """Put into the list which share of all cores programs other than ours and the server used."""
    ours = [psutil.Process(), *server.record.processes()]

    def read() -> tuple[float, float, float]:
        busy = psutil.cpu_times()
        own = sum(process.cpu_times().user + process.cpu_times().system for process in ours)
        return time.monotonic(), busy.user + busy.nice + busy.system, own

    others: list[float] = []
    before = read()
    yield others
    seconds, busy, own = (now - then for now, then in zip(read(), before, strict=True))
    others.append((busy - own) / (seconds * psutil.cpu_count()))


def measure_ours(
    place: Place, model: str, at_once: int, count: int, tokens: int
) -> tuple[float, ...]:
    made = make_client(place.base_url, model, place.api_key)
    conversations = [made.make_text() for _ in range(count)]

    async def warm_up_and_measure() -> SimpleNamespace:
        await made.measure_request(made.load_client, made.make_text(), 2)
        return await made.run_level(made.load_client, conversations, at_once, tokens)

    level = run(made, warm_up_and_measure())
    if len(level.good) < count:
        raise SystemExit(f"ours: {count - len(level.good)} of {count} requests failed")
    milliseconds = [level.quantile(figure, 0.5) * 1000 for figure in ("ttft", "tpot")]
    return level.tokens_per_second, *milliseconds


def measure_bench(
    place: Place, model: str, at_once: int, count: int, tokens: int
) -> tuple[float, ...]:
    made = make_client(place.base_url, model, place.api_key)
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.jsonl"
        lines = [json.dumps({"prompt": made.make_text()[0]["content"]}) for _ in range(count)]
        texts.write_text("\n".join(lines))
        flags = {
            "--backend": "openai-chat",
            "--base-url": place.base_url.removesuffix("/v1"),
            "--endpoint": "/v1/chat/completions",
            "--model": place.model_path,
            "--served-model-name": model,
            "--dataset-name": "custom",
            "--dataset-path": texts,
            "--custom-output-len": tokens,
            "--num-prompts": count,
            "--max-concurrency": at_once,
            "--temperature": 0,
        }
        words = [str(word) for flag in flags.items() for word in flag]
        result = run_bench([*words, "--ignore-eos", "--disable-tqdm"])
    if result["completed"] < count:
        raise SystemExit(f"bench: {count - result['completed']} of {count} requests failed")
    return result["output_throughput"], result["median_ttft_ms"], result["median_tpot_ms"]


def run_bench(words: list[str]) -> dict:
    """What `vllm bench serve` runs, in this process, so that a round costs no start of Python."""
    from vllm.benchmarks import serve

    try:
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError:  # vLLM 0.11
        from vllm.utils import FlexibleArgumentParser

    parser = FlexibleArgumentParser()
    serve.add_cli_args(parser)
    plain = {"--custom-skip-chat-template", "--skip-chat-template"}  # 0.11 and 0.26
    words = [*words, *plain.intersection(parser._option_string_actions)]
    with contextlib.redirect_stdout(io.StringIO()):
        return serve.main(parser.parse_args(words))


if __name__ == "__main__":
    main()
