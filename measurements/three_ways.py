"""The same receipts by a server, by `vllm run-batch` and by `LLM`: what each way takes.

    python -m measurements.three_ways [--files 60] [--out measurements/three_ways.csv]

It starts three engines, one after the other, on the course's place; stop its server before.
`start` is the time to the first possible answer: of the server until it is ready, of run-batch all
but the seconds that its own progress line counts, of `LLM` its import and construction.
"""

import argparse
import csv
import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from openai import OpenAI

from helpers.card import read_nvidia
from helpers.media import image_data_url
from helpers.places import MEASUREMENTS, SERVER_ONLY, Place, find_place
from helpers.server import Server, run_to_end
from helpers.versions import read_engine_version
from media.generator.fresh import draw_fresh

COLUMNS = ("way", "machine", "vllm", "files", "start", "work", "date")
FIELDS = {"shop": "string", "date": "string"}
FIELDS |= dict.fromkeys(("subtotal", "tax", "total"), "number")
PLEASE = "Please answer in JSON: the shop, the date, the subtotal, the tax and the total."
SCHEMA = {
    "type": "object",
    "properties": {field: {"type": kind} for field, kind in FIELDS.items()},
    "required": list(FIELDS),
    "additionalProperties": False,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--out", type=Path, default=MEASUREMENTS / "three_ways.csv")
    options = parser.parse_args()
    place = find_place()
    requests = [make_request(seed, place.served_model_name) for seed in range(options.files)]
    ways = {
        "server, 8 at once": time_server,
        "vllm run-batch": time_run_batch,
        "LLM": time_offline,
    }
    for way, measure in ways.items():
        start, work = measure(place, requests)
        save_row(options.out, way, len(requests), start, work)
        print(f"{way:18} start {start:6.1f} s, {len(requests)} files {work:6.1f} s", flush=True)
    for child in psutil.Process().children(recursive=True):
        child.kill()  # once 0.32.0 waited for its engine for ever when Python ended


def make_request(seed: int, model: str) -> dict:
    """The request of notebook 15 about one fresh receipt."""
    picture, _ = draw_fresh("receipt", seed, size=(320, 480))
    image = {"type": "image_url", "image_url": {"url": image_data_url(picture)}}
    messages = [{"role": "user", "content": [image, {"type": "text", "text": PLEASE}]}]
    form = {"type": "json_schema", "json_schema": {"name": "receipt", "schema": SCHEMA}}
    settings = {"max_tokens": 200, "temperature": 0, "response_format": form}
    return {"model": model, "messages": messages} | settings


def time_server(place: Place, requests: list[dict]) -> tuple[float, float]:
    """Seconds until a server is ready, and for all requests, eight at a time."""
    begin = time.perf_counter()
    with Server(place):
        start = time.perf_counter() - begin
        client = OpenAI(base_url=place.base_url, api_key=place.api_key)
        begin = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: client.chat.completions.create(**one), requests))
        return start, time.perf_counter() - begin


def time_run_batch(place: Place, requests: list[dict]) -> tuple[float, float]:
    """The same for a file of requests; the work is what its progress line says, whole seconds."""
    flags = [word for one in place.flags if one.name not in SERVER_ONLY for word in one.words]
    with tempfile.TemporaryDirectory() as folder:
        batch, answers, log = (Path(folder, name) for name in ("in.jsonl", "out.jsonl", "log"))
        head = {"method": "POST", "url": "/v1/chat/completions"}
        lines = [head | {"custom_id": str(n), "body": body} for n, body in enumerate(requests)]
        batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = [str(Path(sys.executable).with_name("vllm")), "run-batch"]
        command += ["-i", str(batch), "-o", str(answers), "--model", str(place.model_path)]
        command += ["--served-model-name", str(place.served_model_name), *flags]
        begin = time.perf_counter()
        if run_to_end(command, place.env, log):
            raise SystemExit(f"vllm run-batch failed:\n{log.read_text()[-2000:]}")
        seconds = time.perf_counter() - begin
        replies = [json.loads(line) for line in answers.read_text().splitlines()]
        assert len(replies) == len(requests) and not any(one["error"] for one in replies)
        minutes, rest = re.findall(r"Completed \| \d+/\d+ \[(\d+):(\d+)<", log.read_text())[-1]
    work = 60 * int(minutes) + int(rest)
    return seconds - work, work


def time_offline(place: Place, requests: list[dict]) -> tuple[float, float]:
    """The same for `LLM`, in this process."""
    os.environ.update(place.env)
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    begin = time.perf_counter()
    llm = start_offline(place)
    start = time.perf_counter() - begin
    begin = time.perf_counter()
    texts = ask_offline(llm, [one["messages"] for one in requests])
    work = time.perf_counter() - begin
    assert all(json.loads(text) for text in texts)
    return start, work


def start_offline(place: Place) -> object:
    from vllm import LLM

    return LLM(str(place.model_path), **place.engine_arguments())


def ask_offline(llm, conversations):
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    form = StructuredOutputsParams(json=SCHEMA)
    params = SamplingParams(temperature=0, max_tokens=200, structured_outputs=form)
    outputs = llm.chat(conversations, params)  # all of them at once
    return [output.outputs[0].text for output in outputs]


def save_row(path: Path, way: str, files: int, start: float, work: float) -> None:
    """Put one way into the table, in place of its row of this machine and version."""
    card = read_nvidia().card
    row = {
        "way": way,
        "machine": card.name if card else f"{psutil.cpu_count()} CPU cores",
        "vllm": ".".join(map(str, read_engine_version())),
        "files": str(files),
        "start": f"{start:.1f}",
        "work": f"{work:.1f}",
        "date": time.strftime("%Y-%m-%d"),
    }
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    same = ("way", "machine", "vllm")
    rows = [one for one in rows if any(one[key] != row[key] for key in same)] + [row]
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
