"""Ask a running server the natural questions of natural.txt, and print how many it answers right.

    python -m pocket_model.natural [--rounds 1] [--out FILE] [--at-once 8]
    python -m pocket_model.natural --check

Each line of natural.txt is a question as a learner types it, and the rule that knows the answer.
A rule fills the names in braces from the record of a picture and says what a right reply holds, or
it says that the picture does not fit. Training never sees these questions nor these pictures.
natural_tools.json has sets of ordinary tools, requests that one of them does, and one that none
does.
`--check` asks nobody: it tries the judges on a right reply and on wrong ones for each line.
The server's address is COURSE_BASE_URL, as in `evaluate`. Half of the strange pictures are
photographs where POCKET_PHOTOS names a pack of them (`tasks/strange.py`).
"""

import argparse
import json
import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
from openai import OpenAI
from PIL import Image, ImageDraw, ImageOps

from pocket_model.evaluate import RIGHT, SHAPES, Reply, ask, connect
from pocket_model.natural_rules import RULES, Truth, is_honest, is_right
from pocket_model.photos import read_pack
from pocket_model.tasks.charts import draw_chart_picture
from pocket_model.tasks.printed import draw_text_picture
from pocket_model.tasks.receipts import draw_receipt_picture
from pocket_model.tasks.scenes import draw_fill_picture, draw_scene_picture

QUESTIONS = Path(__file__).with_name("natural.txt")
TOOLS = Path(__file__).with_name("natural_tools.json")
WITHOUT_PICTURE = ("words", "talk")
TRIES = 200
DO_NOT_KNOW = "I do not know."


def read_questions() -> list[tuple[str, str, str]]:
    """(kind, question, rule) of each line."""
    found, kind = [], ""
    for line in filter(None, map(str.strip, QUESTIONS.read_text().splitlines())):
        if line.startswith("["):
            kind = line.strip("[]")
        elif not line.startswith("#"):
            question, rule = (part.strip() for part in line.rsplit("|", 1))
            found.append((kind, question, rule))
    return found


# --- pictures ------------------------------------------------------------------------------------


def draw_scene(rng: Random, shape, setting: str) -> tuple[np.ndarray, dict]:
    while True:
        image, record = draw_scene_picture(rng, shape)
        if record["setting"] == setting:
            return image, record


def load_photographs() -> list[bytes]:
    """Held-out photographs as JPEG files; none where they are not at hand."""
    path = os.environ.get("POCKET_PHOTOS")
    return read_pack(path) if path else []


def draw_strange(rng: Random, shape) -> tuple[np.ndarray, dict]:
    """A photograph, or noise, stripes, a gradient or random shapes."""
    photographs = load_photographs()
    if photographs and rng.random() < 0.5:
        with Image.open(BytesIO(rng.choice(photographs))) as photograph:
            image = ImageOps.fit(photograph.convert("RGB"), shape)
        return np.asarray(image), {"kind": "strange", "what": "photograph"}
    what = rng.choice(("noise", "stripes", "gradient", "shapes"))
    dice, (width, height) = np.random.default_rng(rng.randrange(2**32)), shape
    one, other = dice.integers(0, 256, (2, 3))
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    slope = across * rng.uniform(-1, 1) + down * rng.uniform(-1, 1)
    if what == "noise":
        picture = dice.integers(0, 256, (height, width, 3))
    elif what == "stripes":
        is_one = (slope // rng.uniform(4, 24)) % 2 == 0
        picture = np.where(is_one[..., None], one, other)
    elif what == "gradient":
        share = ((slope - slope.min()) / np.ptp(slope))[..., None]
        picture = share * one + (1 - share) * (255 - one)
    else:
        sheet = Image.new("RGB", shape, tuple(map(int, one)))
        pen = ImageDraw.Draw(sheet)
        for _ in range(rng.randint(6, 40)):
            points = [(rng.randrange(width), rng.randrange(height)) for _ in range(3)]
            pen.polygon(points, fill=tuple(map(int, dice.integers(0, 256, 3))))
        picture = np.asarray(sheet)
    return picture.astype(np.uint8), {"kind": "strange", "what": what}


DRAWN = {
    "table": lambda rng, shape: draw_scene(rng, shape, "table"),
    "street": lambda rng, shape: draw_scene(rng, shape, "street"),
    "receipt": draw_receipt_picture,
    "chart": draw_chart_picture,
    "text": draw_text_picture,
    "plain": draw_fill_picture,
    "strange": draw_strange,
}


@lru_cache(600)
def draw(kind: str, series: str, number: int) -> tuple[np.ndarray | None, dict]:
    """Picture `number` of a kind; a seed that training never draws."""
    if kind in WITHOUT_PICTURE:
        return None, {"kind": kind}
    shape = SHAPES["image"][number % len(SHAPES["image"])]
    return DRAWN[kind](Random(f"natural/{series}/{kind}/{number}"), shape)


def prepare(
    kind: str, question: str, rule: str, number: int, series: str
) -> tuple[np.ndarray | None, str, Truth]:
    """The first picture from `number` on that the rule fits, the question about it, its truth."""
    for tried in range(number, number + TRIES):
        image, record = draw(kind, series, tried)
        truth = RULES[rule](Random(f"natural/{series}/{question}/{tried}"), record)
        if truth:
            return image, question.format(**truth.names), truth
    raise ValueError(f"Nothing drawn fits {rule} ({kind}) in {TRIES} tries.")


def prepare_all(series: str, every: int = 1) -> list[tuple[str, np.ndarray | None, str, Truth]]:
    """All lines, or one of so many; three neighbours are about one picture where it fits."""
    return [
        (kind, *prepare(kind, question, rule, number // 3, series))
        for number, (kind, question, rule) in islice(enumerate(read_questions()), 0, None, every)
    ]


# --- asking and telling --------------------------------------------------------------------------


def ask_one(client: OpenAI, model: str, image, question: str, urls: dict) -> str:
    content, media = question, ()
    if image is not None:
        content, media = [{"type": "image"}, {"type": "text", "text": question}], (image,)
    return _ask(client, model, content, media, (), {"judge": "unknown"}, urls).text


def _ask(client: OpenAI, model: str, content, media, tools, truth: dict, urls: dict) -> Reply:
    messages = ({"role": "user", "content": content}, {"role": "assistant", "content": ""})
    sample = SimpleNamespace(
        messages=messages, media=media, seconds=(), tools=tools, schema=None, answer=truth
    )
    return ask(client, model, "natural", sample, urls)


def read_tools() -> list[tuple[tuple[dict, ...], str, dict]]:
    """(tools, request, truth) of each request."""
    found = []
    for one in json.loads(TOOLS.read_text()):
        tools = tuple(one["tools"])
        for wish in one["asks"]:
            call = {"name": wish["name"], "arguments": wish["arguments"]}
            found.append((tools, wish["ask"], {"judge": "call", "is": call}))
        anything = {"judge": "keys", "all": [["."]]}
        found += [(tools, wish, {"judge": "no_call", "then": anything}) for wish in one["none"]]
    return found


def write_tools(client: OpenAI, model: str, at_once: int, out) -> None:
    """Ask for every tool, and tell how often the call was right, name and arguments."""
    wishes = read_tools()
    with ThreadPoolExecutor(at_once) as pool:
        replies = list(pool.map(lambda one: _ask(client, model, one[1], (), *one[::2], {}), wishes))
    print("\n| tools | requests | right % |\n|---|---|---|", file=out)
    for title, judge in (("one fits", "call"), ("none fits", "no_call")):
        of = [reply for (*_, truth), reply in zip(wishes, replies, strict=True)
              if truth["judge"] == judge]  # fmt: skip
        right = sum(reply.score == RIGHT for reply in of)
        print(f"| {title} | {len(of)} | {100 * right / len(of):.1f} |", file=out)
    print("\nWrong:", file=out)
    for (_, wish, truth), reply in zip(wishes, replies, strict=True):
        if reply.score != RIGHT:
            print(f"tools: {wish!r} truth {truth.get('is')} said {reply.text!r}", file=out)


def write_table(rows: list[tuple], out) -> None:
    """`rows` are (kind, question, truth, reply)."""
    print("| kind | questions | right % | honest among the wrong % |", file=out)
    print("|---|---|---|---|", file=out)
    kinds = defaultdict(list)
    for row in rows:
        kinds[row[0]].append(row)
    for kind, some in [*kinds.items(), ("all", rows)]:
        wrong = [row for row in some if not is_right(row[2], row[3])]
        honest = sum(is_honest(reply) for *_, reply in wrong)
        share = f"{100 * honest / len(wrong):.0f}" if wrong else ""
        right = 100 - 100 * len(wrong) / len(some)
        print(f"| {kind} | {len(some)} | {right:.1f} | {share} |", file=out)
    print("\nWrong:", file=out)
    for kind, question, truth, reply in rows:
        if not is_right(truth, reply):
            said = f"{kind}: {question!r} truth {truth.answer!r} said {reply!r}"
            print(said, file=out)


def run(options: argparse.Namespace, out) -> None:
    client, model = connect()
    print(f"{model} at {client.base_url}, {options.rounds} rounds\n", file=out)
    rows, urls = [], {}
    for series in range(options.rounds):
        lines = prepare_all(str(series))
        with ThreadPoolExecutor(options.at_once) as pool:
            replies = pool.map(lambda line: ask_one(client, model, line[1], line[2], urls), lines)
            for (kind, _, question, truth), reply in zip(lines, replies, strict=True):
                rows.append((kind, question, truth, reply))
        print(f"round {series + 1} of {options.rounds}", file=sys.stderr)
        urls.clear()
    write_table(rows, out)
    write_tools(client, model, options.at_once, out)


# --- checking the judges -------------------------------------------------------------------------


def find_other(kind: str, question: str, rule: str, number: int, truth: Truth) -> str:
    """A wrong answer: the truth's own, or that for another picture with another truth."""
    if truth.wrong:
        return truth.wrong
    for tried in range(number + 1, number + TRIES):
        other = prepare(kind, question, rule, tried, "check")[2]
        if other.core != truth.core:
            return other.answer
    raise ValueError(f"Every picture has the same answer to {question}.")


def check() -> int:
    """How many times a judge was wrong, each told in a line."""
    failures = 0
    for number, (kind, question, rule) in enumerate(read_questions()):
        _, asked, truth = prepare(kind, question, rule, number // 3, "check")
        other = find_other(kind, question, rule, number // 3, truth)
        tries = [(truth.answer, True), ("", False), (DO_NOT_KNOW, truth.honest), (other, False)]
        for reply, wanted in tries:
            if is_right(truth, reply) != wanted:
                failures += 1
                print(f"{kind} {rule}: {asked!r} truth {truth.answer!r} judged {reply!r}")
    print(f"{len(read_questions())} lines, {failures} failures")
    return failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="each with new pictures")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--out", type=Path, help="write here instead of the terminal")
    parser.add_argument("--check", action="store_true", help="try the judges, without a server")
    options = parser.parse_args()
    if options.check:
        sys.exit(bool(check()))
    with options.out.open("w") if options.out else nullcontext(sys.stdout) as out:
        run(options, out)


if __name__ == "__main__":
    main()
