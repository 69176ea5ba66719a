"""Ask a running vLLM server the pocket model's questions, and print how many it answers right.

    python -m pocket_model.evaluate [--count 500] [--out FILE] [--sheets FOLDER] [--tasks a,b]

Samples come from seeds that training never draws. Each task is asked `count` times in wordings
that it was trained on and again in wordings that it was not, greedy, several at once; the tasks
share their pictures where they can, which the server's caches make use of. Failures follow the
table. `--sheets` also writes, for each task, pictures of ten failures to a folder.
The server's address is COURSE_BASE_URL, else http://127.0.0.1:8085/v1.
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
from openai import BadRequestError, OpenAI
from PIL import Image, ImageDraw

from helpers.media import image_data_url
from helpers.media.files import write_data_url
from media.generator.clip import write_clip
from pocket_model import samples
from pocket_model.tasks.turn import write_tool_call

SHAPES = {
    "image": ((512, 288), (448, 288), (288, 448), (384, 384), (320, 320)),
    "pair": ((448, 288), (320, 320)),
    "clip": ((224, 128), (320, 160)),
    "frames": ((512, 256),),
    "text": (None,),
}
WORDINGS = ("train", "held_out")
LONGEST = 1000  # tokens of a reply
RIGHT = 1.0  # a judge may also give a number from 0 to 1


@dataclass(frozen=True)
class Reply:
    """What the server said to one sample, and what the judge says of it."""

    wording: str
    sample: object
    text: str
    score: float
    first: float  # s to the first token
    seconds: float
    tokens: int


def draw(kind: str, task: str, wording: str, number: int, kept: list):
    """Held-out sample `number` of a task, about a picture in `kept` where it can be."""
    rng = Random(f"held-out/{wording}/{task}/{number}")
    shape = SHAPES[kind][number % len(SHAPES[kind])]
    return samples.draw_sample(rng, kind, shape, wording=wording, task=task, kept=kept)


def to_request(messages: Sequence[dict], sample, urls: dict) -> list[dict]:
    """The messages in OpenAI's form, the sample's pictures and clip in them as data URLs.

    `urls` keeps the URL of each array for the next sample about it.
    """
    waiting = iter(sample.media)
    found = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, (list, tuple)):
            content = [_to_part(part, waiting, sample.seconds, urls) for part in content]
        found.append({**message, "content": content})
    return found


def _to_part(part: dict, media, seconds: tuple[float, ...], urls: dict) -> dict:
    if part["type"] == "text":
        return part
    shown = next(media)
    if id(shown) not in urls:
        is_picture = part["type"] == "image"
        url = image_data_url(Image.fromarray(shown)) if is_picture else _clip_url(shown, seconds[0])
        urls[id(shown)] = shown, url
    name = f"{part['type']}_url"
    return {"type": name, name: {"url": urls[id(shown)][1]}}


def _clip_url(frames: np.ndarray, first: float) -> str:
    """An mp4 of which vLLM 0.11 sees exactly these frames: 16 at 2 fps, or 32 of 192.

    `first` is the second of the first pair, as it tells it: half a frame of the 32.
    """
    fps, repeat = (2, 1) if len(frames) == 16 else (Fraction(round(30 / first), 10), 6)
    pictures = [Image.fromarray(frame) for frame in frames for _ in range(repeat)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(pictures, path, fps=fps)
        return write_data_url("video/mp4", path.read_bytes())


def ask(client: OpenAI, model: str, wording: str, sample, urls: dict) -> Reply:
    """Stream the reply to the sample's last question, and judge it."""
    question = list(sample.messages[:-1])
    options = {"temperature": 0, "max_tokens": LONGEST, "stream": True}
    options["stream_options"] = {"include_usage": True}
    if sample.tools:
        options["tools"] = list(sample.tools)
    if sample.schema:
        wanted = {"name": "answer", "schema": sample.schema}
        options["response_format"] = {"type": "json_schema", "json_schema": wanted}
    begin = time.monotonic()
    text, first, tokens = "", None, 0
    calls: dict[int, list[str]] = {}
    request = to_request(question, sample, urls)
    try:
        for chunk in client.chat.completions.create(model=model, messages=request, **options):
            tokens = chunk.usage.completion_tokens if chunk.usage else tokens
            if chunk.choices:
                delta = chunk.choices[0].delta
                text += delta.content or ""
                first = first or ((delta.content or delta.tool_calls) and time.monotonic())
                for call in delta.tool_calls or []:
                    _add_call(calls, call)
    except BadRequestError as error:
        text = f"(the server refused: {error})"
    end = time.monotonic()
    text += "\n".join(write_tool_call(*call) for call in calls.values())
    score = float(samples.judge(sample, text))
    return Reply(wording, sample, text, score, (first or end) - begin, end - begin, tokens)


def _add_call(calls: dict[int, list[str]], call) -> None:
    parts = calls.setdefault(call.index, ["", ""])
    parts[0] += call.function.name or ""
    parts[1] += call.function.arguments or ""


def ask_all(
    client: OpenAI, model: str, kind: str, tasks: Sequence[str], counts: dict, at_once: int
) -> dict[str, list[Reply]]:
    """Replies to the held-out samples of each task: `counts[wording]` in each kind of wording."""
    replies: dict[str, list[Reply]] = {task: [] for task in tasks}
    lock = threading.Lock()

    def ask_number(number: int) -> None:
        kept, urls = [], {}
        for task in tasks:
            for wording in [one for one in WORDINGS if number < counts[one]]:
                sample = draw(kind, task, wording, number, kept)
                reply = ask(client, model, wording, sample, urls)
                with lock:
                    replies[task].append(reply)

    with ThreadPoolExecutor(at_once) as pool:
        for done, _ in enumerate(pool.map(ask_number, range(max(counts.values()))), 1):
            print(f"\r{kind}: {done} of {max(counts.values())}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return replies


def write_row(kind: str, task: str, replies: Sequence[Reply]) -> str:
    """A table row: the mean score (share right, or mean IoU …) for each kind of wording."""
    cells = []
    for wording in WORDINGS:
        scores = [r.score for r in replies if r.wording == wording]
        cells.append(f"{100 * statistics.mean(scores):.1f}")
    first = statistics.median(r.first for r in replies)
    tokens = statistics.median(r.tokens for r in replies)
    return f"| {kind} | {task} | {' | '.join(cells)} | {tokens:.0f} | {first:.2f} |"


def show_question(sample) -> str:
    """The last question of a sample, in one line."""
    questions = [m["content"] for m in sample.messages if m["role"] in ("user", "tool")]
    content = questions[-1]
    if not isinstance(content, str):
        content = " ".join(part["text"] for part in content if part["type"] == "text")
    return " ".join(content.split())


def list_failures(task: str, replies: Sequence[Reply], limit: int) -> list[str]:
    lines = []
    for reply in [r for r in replies if r.score < RIGHT][:limit]:
        right = reply.sample.messages[-1].get("content") or reply.sample.answer
        lines.append(
            f"{task} [{reply.wording}] {reply.score:.2f} asked {show_question(reply.sample)!r}"
            f" right {right!r} said {reply.text!r}"
        )
    return lines


def draw_sheet(replies: Sequence[Reply], path: Path) -> None:
    """Ten failures with their pictures (a clip: four of its frames), question and reply."""
    failures = [r for r in replies if r.score < RIGHT and r.sample.media][:10]
    if not failures:
        return
    height = 300
    sheet = Image.new("RGB", (1200, height * len(failures)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, reply in enumerate(failures):
        pictures = list(reply.sample.media)
        if reply.sample.kind == "clip":
            frames = pictures[0]
            pictures = [frames[i] for i in np.linspace(0, len(frames) - 1, 4, dtype=int)]
        x = 0
        for picture in pictures:
            image = Image.fromarray(picture)
            image.thumbnail((600 // min(len(pictures), 3), height - 10))
            sheet.paste(image, (x, row * height))
            x += image.width + 4
        right = reply.sample.messages[-1].get("content")
        words = f"{show_question(reply.sample)}\nRIGHT: {right}\nSAID: {reply.text}"
        lines = "\n".join(re.sub(r"(.{85})", r"\1\n", line) for line in words.split("\n"))
        pen.text((x + 8 if x < 680 else 4, row * height + (4 if x < 680 else 200)), lines, "black")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def measure_speed(replies: Sequence[Reply]) -> float:
    """Median tokens a second after the first token, one request among `at_once` others."""
    rates = [(r.tokens - 1) / (r.seconds - r.first) for r in replies if r.tokens > 20]
    return statistics.median(rates) if rates else 0.0


def connect() -> tuple[OpenAI, str]:
    """A client of the server at COURSE_BASE_URL, or the course's own, and the model's name."""
    url = os.environ.get("COURSE_BASE_URL", "http://127.0.0.1:8085/v1")
    client = OpenAI(base_url=url, api_key=os.environ.get("COURSE_API_KEY", "EMPTY"), timeout=600)
    return client, client.models.list().data[0].id


def evaluate(options: argparse.Namespace, out) -> None:
    client, model = connect()
    counts = {"train": options.count, "held_out": options.new or options.count}
    print(f"{model} at {client.base_url}, {counts} samples a task", file=out)
    print("| kind | task | known wordings | new wordings | tokens | first token, s |", file=out)
    print("|---|---|---|---|---|---|", file=out, flush=True)
    failures, everything = [], []
    for kind, tasks in samples.TASKS.items():
        chosen = [t for t in tasks if not options.tasks or t in options.tasks.split(",")]
        asked = ask_all(client, model, kind, chosen, counts, options.at_once) if chosen else {}
        for task, replies in asked.items():
            print(write_row(kind, task, replies), file=out, flush=True)
            failures += list_failures(task, replies, options.failures)
            everything += replies
            if options.sheets:
                draw_sheet(replies, options.sheets / f"{task}.png")
    print(
        f"\n{measure_speed(everything):.0f} tokens/s a reply, {options.at_once} at once", file=out
    )
    print("\nFailures", *failures, sep="\n", file=out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--new", type=int, help="of new wordings, if not as many")
    parser.add_argument("--tasks", default="", help="names, with commas; else all")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--failures", type=int, default=30, help="listed for each task")
    parser.add_argument("--out", type=Path, help="write here instead of the terminal")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of failures")
    options = parser.parse_args()
    with options.out.open("w") if options.out else nullcontext(sys.stdout) as out:
        evaluate(options, out)


if __name__ == "__main__":
    main()
