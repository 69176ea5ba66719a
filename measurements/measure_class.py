"""How many learners a running server carries: how long they wait, at each size of a class.

    COURSE_BASE_URL=http://127.0.0.1:8085/v1 python -m measurements.measure_class --out mine.csv

Each learner asks, reads the reply, thinks, and asks again: six texts, three pictures of 1,280 × 720
and a clip in ten questions, each another one, replies of 128 tokens. `--pause 0` is the worst
moment of a class, "now everybody": each asks again as soon as the reply is there. A class whose
95th percentile is above `--limit` is the last. The lines have the columns of throughput.csv.
"""

import argparse
import asyncio
import random
import shlex
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
from openai import OpenAI
from PIL import Image

from helpers.card import read_nvidia
from helpers.media import image_data_url
from helpers.places import MEDIA, find_place
from measurements.load_client import make_client, run
from measurements.measure_memory import append_line
from measurements.measure_throughput import COLUMNS, TOKENS

LEARNERS = (10, 30, 60, 100, 200, 400, 800)
QUESTIONS = ("text",) * 6 + ("picture",) * 3 + ("clip",)
Asked = tuple[str, "SimpleNamespace"]  # the kind of a question, and its Timing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, nargs="+", default=LEARNERS)
    parser.add_argument("--pause", type=float, default=20, help="s between reply and question")
    parser.add_argument("--seconds", type=float, default=60, help="for each class")
    parser.add_argument("--limit", type=float, default=5, help="s that the 95th percentile may be")
    parser.add_argument("--out", type=Path, help="append the figures to this table")
    parser.add_argument("--note", default="", help="the server's flags, for the table")
    options = parser.parse_args()
    place = find_place()
    with OpenAI(base_url=place.base_url, api_key=place.api_key) as client:
        model = client.models.list().data[0].id
    made = make_client(place.base_url, model, place.api_key)
    run(made, measure_classes(made, options, describe(place.base_url, model, options.note)))


def describe(base_url: str, model: str, flags: str) -> dict[str, str]:
    """What the lines of one run share."""
    version = httpx.get(f"{base_url.removesuffix('/v1')}/version", timeout=10).json()["version"]
    card = read_nvidia().card
    if "--load-format dummy" in flags:
        model += " shapes, random weights"
    same = {"machine": card.name if card else "CPU", "model": model}
    return same | {
        "vllm": version.partition("+")[0].removesuffix(".post2"),
        "flags": shlex.join(shlex.split(flags)),
        "date": date.today().isoformat(),
        "source": "measure_class.py",
    }


async def measure_classes(
    made: SimpleNamespace, options: argparse.Namespace, same: dict[str, str]
) -> None:
    makers = list_makers(made)
    for make in makers.values():
        await made.measure_request(made.load_client, make(), 2)
    for learners in options.learners:
        asked = await hold_class(made, makers, learners, options.pause, options.seconds)
        errors = {timing.error for _, timing in asked if timing.error}
        print(f"{learners} learners, {options.pause:g} s between:", *errors, flush=True)
        waited = {
            kind: [timing.total for k, timing in asked if kind in (k, "all") and not timing.error]
            for kind in ("all", *makers)
        }
        for kind, seconds in waited.items():
            if seconds:
                p50, p95 = np.quantile(seconds, (0.5, 0.95))
                print(f"   {kind:8} {len(seconds):5} replies  p50 {p50:6.2f} s  p95 {p95:6.2f} s")
                if options.out and not errors:
                    what = f"{kind}, {options.pause:g} s between, {len(seconds)} replies"
                    for metric, value in (("p50", p50), ("p95", p95)):
                        row = {"step": "a class", "workload": what, "at_once": learners} | same
                        row |= {"metric": f"{metric} of a reply", "value": f"{value:.2f}"}
                        append_line(options.out, row | {"unit": "s"}, COLUMNS)
        if errors or np.quantile(waited["all"], 0.95) > options.limit:
            return


def list_makers(made: SimpleNamespace) -> dict[str, Callable[[], list]]:
    """For each kind of question what makes one that nobody has asked."""
    table = Image.open(MEDIA / "table_top.png").convert("RGB").resize((1280, 720))

    def make_picture() -> list:
        url = image_data_url(made.mark(table))
        content = [{"type": "image_url", "image_url": {"url": url}}]
        return [{"role": "user", "content": [*content, {"type": "text", "text": "Describe it."}]}]

    return {"text": made.make_text, "picture": make_picture, "clip": made.make_clip}


async def hold_class(
    made: SimpleNamespace,
    makers: dict[str, Callable[[], list]],
    learners: int,
    pause: float,
    seconds: float,
) -> list[Asked]:
    """Let so many learners ask for `seconds`; what they have open then is answered and counts."""
    end, asked = time.monotonic() + seconds, []

    async def attend(number: int) -> None:
        await asyncio.sleep(random.uniform(0, pause))
        while time.monotonic() < end:
            kind = random.choice(QUESTIONS)
            messages = await asyncio.to_thread(makers[kind])
            asked.append((kind, await made.measure_request(made.load_client, messages, TOKENS)))
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

    await asyncio.gather(*map(attend, range(learners)))
    return asked


if __name__ == "__main__":
    main()
