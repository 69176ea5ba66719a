"""Crops: a part of a larger receipt, chart or scene, enlarged, as a program cuts it out."""

from random import Random

import numpy as np
from PIL import Image

from media.generator.chart import draw_chart
from media.generator.drawing import Box, Size
from media.generator.receipt import draw_receipt, list_lines
from pocket_model.tasks.charts import plan_chart
from pocket_model.tasks.judging import number_is, text_is
from pocket_model.tasks.paper_talk import item_words
from pocket_model.tasks.pictures import fit
from pocket_model.tasks.receipts import plan_receipt
from pocket_model.tasks.turn import Turn
from pocket_model.tasks.wordings import Wordings
from pocket_model.tasks.worlds import draw_world, plan_world

FILLS = (*[(255, 255, 255)] * 3, (235, 235, 235), (128, 128, 128), (0, 0, 0))


def draw_crop_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """A part of a larger receipt, chart or scene, as a program cuts it out and enlarges it."""
    draw = rng.choices((_crop_receipt, _crop_chart, _crop_scene), (6, 2, 2))[0]
    image, record = draw(rng, shape)
    return fit(image, shape), {"kind": "crop"} | record


def _lay_on_sheet(rng: Random, part: Image.Image, shape: Size) -> Image.Image:
    """`part` as large as it can be on a plain sheet of the form of `shape`."""
    room = rng.uniform(1.0, 1.25 if shape[0] > 330 else 1.06)
    scale = min(shape[0] / part.width, shape[1] / part.height) / room
    size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
    part = part.resize(size, Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", shape, rng.choice((*FILLS, part.getpixel((0, 0)))))
    at = rng.choice(((0.5, 0.5), (0.5, 0.5), (0.5, 0.0), (rng.random(), rng.random())))
    sheet.paste(part, tuple(round(a * (all_ - used)) for a, all_, used in
                            zip(at, shape, size, strict=True)))  # fmt: skip
    return sheet


def _crop_receipt(rng: Random, shape: Size) -> tuple[Image.Image, dict]:
    """One to three lines, over the width of the paper."""
    width = rng.randint(380, 660)
    size = (width, round(width * rng.uniform(1.25, 1.5)))
    image, record = draw_receipt(plan_receipt(rng), size, 1)
    lines = list_lines(record)
    at, count = rng.randrange(len(lines)), rng.choice((1, 1, 1, 2, 3))
    chosen = lines[at : at + count]
    boxes = [box for _, box in chosen]
    margin = rng.uniform(0.2, 0.45) * (boxes[0][3] - boxes[0][1])
    edge = min(box[0] for box in boxes) - margin
    narrow = rng.random() < 0.4  # no wider than the text
    left = max(0.0, edge) if narrow else min(0.07 * image.width, edge)
    part = (left, boxes[0][1] - margin, image.width - left, boxes[-1][3] + margin)
    part = image.crop(_inside(part, image.size))
    found = {"of": "receipt", "lines": [text for text, _ in chosen]}
    if len(chosen) == 1 and 3 <= at < len(lines) - 1:
        found["value"] = float(chosen[0][0].split()[-1])
        found["printed"] = chosen[0][0].split()[-1]
        found["name"] = record["items"][at - 3]["name"] if at < len(lines) - 4 else ""
        found["total"] = at == len(lines) - 2
    return _lay_on_sheet(rng, part, shape), found


def _inside(box: tuple[float, ...], size: Size) -> Box:
    left, top, right, bottom = box
    return (max(0, round(left)), max(0, round(top)),
            min(size[0], round(right)), min(size[1], round(bottom)))  # fmt: skip


def _crop_chart(rng: Random, shape: Size) -> tuple[Image.Image, dict]:
    """The title, or one bar with its label and value."""
    size = (rng.randint(480, 900), rng.randint(400, 560))
    plan = plan_chart(rng, (size[0] // 2, size[1] // 2))
    image, record = draw_chart(plan, size, 1)
    letters = max(9, round(min(size[1] / 18, size[0] / 23)))
    if rng.random() < 0.35:
        first, last = record["bars"][0]["box"], record["bars"][-1]["box"]
        middle, reach = (first[0] + last[2]) / 2, letters * (0.47 * len(record["title"]) + 1.2)
        part = (middle - reach, 0, middle + reach, 0.035 * size[1] + 1.9 * letters)
        part = image.crop(_inside(part, size))
        return _lay_on_sheet(rng, part, shape), {"of": "chart", "lines": [record["title"]]}
    bar = rng.choice(record["bars"])
    left, top, right, bottom = bar["box"]
    reach = (right - left) / 1.2  # half of the bar's share of the width
    across = (left + right) / 2
    part = (across - reach, top - 1.7 * letters, across + reach, bottom + 2.2 * letters)
    part = image.crop(_inside(part, size))
    value = bar["value"]
    found = {"value": value, "printed": str(value), "name": bar["label"], "total": False}
    found |= {"of": "chart", "lines": [str(value), bar["label"]]}
    return _lay_on_sheet(rng, part, shape), found


def _crop_scene(rng: Random, shape: Size) -> tuple[Image.Image, dict]:
    """A street sign or a bus with what is around it."""
    size = rng.choice(((896, 640), (1024, 640), (768, 768)))
    while True:
        plan = plan_world(rng, size)
        if sum(bool(thing.text) for thing in plan.things) == 1:
            break
    image, record = draw_world(plan, size, 1)
    thing = next(one for one in record["objects"] if one.get("text"))
    left, top, right, bottom = thing["box"]
    if thing["name"] == "sign":
        bottom = top + 0.45 * (bottom - top)  # the board without most of its post
    elif rng.random() < 0.6:
        left, top, right, bottom = _number_on_bus(left, top, right, bottom)
    room = rng.uniform(1.05, 1.5)
    width = room * max(right - left, (bottom - top) * shape[0] / shape[1])
    height = width * shape[1] / shape[0]
    found = {"of": thing["name"], "lines": [thing["text"]]}
    if width > size[0] or height > size[1]:
        part = image.crop(_inside((left, top, right, bottom), size))
        return _lay_on_sheet(rng, part, shape), found
    x = min(max(0.0, (left + right - width) / 2), size[0] - width)
    y = min(max(0.0, (top + bottom - height) / 2), size[1] - height)
    return image.crop(_inside((x, y, x + width, y + height), size)), found


def _number_on_bus(left: int, top: int, right: int, bottom: int) -> tuple[float, ...]:
    """The part of a bus with its number."""
    width, height = right - left, bottom - top
    return left + 0.46 * width, top, left + 0.76 * width, top + 0.5 * height


def ask_crop_read(rng: Random, record: dict, words: Wordings) -> Turn:
    """The lines of the part, as they are printed."""
    text = "\n".join(record["lines"])
    section = "crop_read" if len(record["lines"]) == 1 else "crop_read_lines"
    if record["of"] in ("sign", "bus") and rng.random() < 0.3:
        question = words.ask(rng, "sign", thing=record["of"])
    else:
        question = words.ask(rng, section)
    return Turn(question, text, text_is(text))


def ask_crop_value(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """The amount in a line, or the value of a bar."""
    if "value" not in record:
        return None
    printed, name = record["printed"], record["name"]
    if record["total"] and rng.random() < 0.4:
        question = words.ask(rng, "rt_paid")
    elif name and record["of"] == "receipt" and rng.random() < 0.35:
        question = words.ask(rng, "rt_price", **item_words(rng, name))
    else:
        question = words.ask(rng, "crop_value")
    reply = rng.choice((printed, printed, f"{printed}.", f"It is {printed}."))
    return Turn(question, reply, number_is(record["value"]))


CROP_ASKS = {"crop_read": (10, ask_crop_read), "crop_value": (6, ask_crop_value)}
