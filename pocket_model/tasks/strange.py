"""Pictures of no kind that the model knows, which it is to say of, and talk about plain colours.

Photographs come from the pack named by POCKET_PHOTOS (JPEG crops, outside the repository); without
it there are only the drawn kinds. None looks like a scene, a receipt, a bar chart, one to three
lines of large text, or a plain colour.
"""

import io
import os
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from media.generator.chart import TOPICS
from media.generator.drawing import Size
from media.generator.receipt import GOODS
from media.generator.things import KINDS
from pocket_model.photos import read_pack
from pocket_model.tasks.judging import has_one, number_is, yes_no_is
from pocket_model.tasks.pictures import fit
from pocket_model.tasks.printed import nth_names
from pocket_model.tasks.receipts import MORE_GOODS
from pocket_model.tasks.scenes import ABSENT, COLOURS, RELATIONS, plural
from pocket_model.tasks.strange_drawings import DRAWN, INK, WHITE, any_colour
from pocket_model.tasks.turn import Turn, capital, with_article
from pocket_model.tasks.wordings import Wordings

PHOTO_SHARE = 0.55  # of the strange pictures, where there is a pack of photographs


# --- photographs ---------------------------------------------------------------------------------


def _open_photo(rng: Random, path: str, shape: Size) -> Image.Image:
    image = Image.open(io.BytesIO(rng.choice(read_pack(path))))
    image.draft("RGB", shape)
    return image.convert("RGB")


def draw_photo(rng: Random, shape: Size, path: str) -> Image.Image:
    """A part of a photograph, turned round, lighter, darker, grey, in other hues, blurred."""
    image = _open_photo(rng, path, shape)
    image = _cut(rng, image, shape[0] / shape[1])
    image = image.resize(shape, Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    if rng.random() < 0.06:
        image = ImageOps.flip(image)
    if rng.random() < 0.4:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.55, 1.5))
    if rng.random() < 0.25:
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(0.6, 1.6))
    roll = rng.random()
    if roll < 0.08:
        image = ImageOps.grayscale(image).convert("RGB")
    elif roll < 0.16:
        bands = rng.sample(image.split(), k=3)
        image = Image.merge("RGB", bands)
    elif roll < 0.19:
        image = ImageOps.invert(image)
    elif roll < 0.25:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
    return image


def _cut(rng: Random, image: Image.Image, aspect: float) -> Image.Image:
    """A part of this aspect; or all of it, on a plain ground or out of proportion."""
    wide, high = image.size
    if rng.random() < 0.2:
        return image
    if rng.random() < 0.12:
        ground = rng.choice((WHITE, (0, 0, 0), any_colour(rng)))
        return ImageOps.pad(image, (round(high * aspect), high), color=ground)
    width = min(wide, high * aspect)
    width *= rng.choice((1, 1, rng.uniform(0.55, 1)))
    height = width / aspect
    left, top = rng.uniform(0, wide - width), rng.uniform(0, high - height)
    return image.crop((round(left), round(top), round(left + width), round(top + height)))


def draw_collage(rng: Random, shape: Size, path: str) -> Image.Image:
    """Two to six photographs beside each other."""
    across, down = rng.choice(((2, 1), (2, 2), (3, 2), (3, 1)))
    gap = rng.choice((0, 3, 8))
    image = Image.new("RGB", shape, rng.choice((WHITE, INK)))
    size = shape[0] // across - gap, shape[1] // down - gap
    for i in range(across * down):
        one = ImageOps.fit(_open_photo(rng, path, size), size)
        at = (i % across * shape[0] // across, i // across * shape[1] // down)
        image.paste(one, (at[0] + gap // 2, at[1] + gap // 2))
    return image


def draw_strange_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """A photograph, where there is a pack of them, or a drawing of one of many kinds."""
    path = os.environ.get("POCKET_PHOTOS", "")
    if path and rng.random() < PHOTO_SHARE:
        sort = "photo" if rng.random() < 0.94 else "collage"
        draw = draw_photo if sort == "photo" else draw_collage
        image = draw(rng, shape, path)
    else:
        sort = rng.choice(tuple(DRAWN))
        image = DRAWN[sort](rng, shape)
        if rng.random() < 0.06:
            image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5)))
        if rng.random() < 0.06:
            image = ImageOps.grayscale(image).convert("RGB")
    picture = fit(image, shape)
    if picture[::5, ::5].std(axis=(0, 1)).max() < 6:
        return draw_strange_picture(rng, shape)  # as good as a plain colour, which is known
    return picture, {"kind": "strange", "sort": sort}


# --- questions about them ------------------------------------------------------------------------

CANNOT_TELL = (
    "I cannot tell. I know the course's own pictures, and this is none.",
    "I cannot tell: this is none of the course's pictures.",
    "I cannot tell what this shows. It is none of the pictures that I know.",
)
KNOWN_THINGS = (*KINDS, *ABSENT)
UNKNOWN_THINGS = (
    *("man", "woman", "child", "face", "mountain", "flower", "bird", "boat", "beach", "building"),
    *("window", "door", "cup", "shirt", "hat", "line", "circle", "square", "star", "heart", "map"),
)
# Each section of questions that strangers ask of any picture, and how often.
STRANGE_SECTIONS = {
    "strange_open": 24, "describe": 5, "three_sentences": 3, "colour": 4, "name": 2, "count": 4,
    "where": 3, "presence": 3, "relation": 2, "side": 1, "list": 3, "box_one": 4, "box_all": 3,
    "read": 4, "read_nth": 1, "sign": 2, "receipt_total": 2, "receipt_item": 2, "receipt_field": 2,
    "receipt_json": 2, "chart_tallest": 1, "chart_shortest": 1, "chart_value": 2, "chart_json": 1,
    "schema": 2, "picture_unknown": 2, "fill": 1, "fill_open": 1, "fill_spot": 2, "fill_who": 2,
}  # fmt: skip
KEYS = ("setting", "colour", "count", "title", "total", "shop", "date", "number_of_cars", "animal",
        "name", "tallest", "items", "has_dog", "text", "place", "number_of_people")  # fmt: skip
ITEMS = (*GOODS, *MORE_GOODS)
RECEIPT_FIELDS = ("date", "tax", "subtotal", "receipt number", "name of the shop")


def _names_for(rng: Random, coloured: bool) -> dict[str, object]:
    """Something for every name that a wording may leave open, be it in the picture or not."""
    thing, other = (
        rng.choice(KNOWN_THINGS if rng.random() < 0.7 else UNKNOWN_THINGS) for _ in range(2)
    )
    _, unit, labels = rng.choice(TOPICS)
    return {
        "thing": f"{rng.choice(COLOURS)} {thing}" if coloured else thing,
        "other": other,
        "relation": rng.choice(tuple(RELATIONS)),
        "colour": rng.choice(COLOURS),
        "where": rng.choice(("in this picture", "on this table", "in this street", "here")),
        "item": rng.choice(ITEMS),
        "field": rng.choice(RECEIPT_FIELDS),
        **nth_names(rng, rng.randrange(4), 4),
        "label": rng.choice(labels),
        "keys": ", ".join(rng.sample(KEYS, k=rng.randint(2, 4))),
    } | {"things": rng.choice((unit, plural(thing), plural(other)))}


def ask_strange(rng: Random, record: dict, words: Wordings) -> Turn:
    """Anything at all: the picture is of no kind that the model knows."""
    section = rng.choices(tuple(STRANGE_SECTIONS), tuple(STRANGE_SECTIONS.values()))[0]
    names = _names_for(rng, section != "colour" and rng.random() < 0.2)
    if section in ("count", "box_all"):
        names["things"] = plural(rng.choice(KNOWN_THINGS + UNKNOWN_THINGS))
    question = words.ask(rng, section, **names)
    return Turn(question, rng.choice(CANNOT_TELL), {"judge": "cannot_tell", "asked": section})


STRANGE_ASKS = {"strange": (1, ask_strange)}


@dataclass(frozen=True)
class FillTalk:
    """One way to talk about a picture of one colour: wordings, replies, and their judge."""

    weight: float
    sections: tuple[str, ...]
    replies: tuple[str, ...]
    judge: str


FILL_TALKS = (
    FillTalk(
        8,
        ("fill_open", "fill_open", "fill_open", "describe"),
        ("A plain {colour} picture.", "Nothing but {colour}.", "The picture is plain {colour}.",
         "Only {colour}, all over the picture."),
        "colour",
    ),
    FillTalk(
        3,
        ("fill_spot",),
        ("Nothing but {colour}.", "Only {colour}.", "Nothing: the picture is plain {colour}."),
        "colour",
    ),
    FillTalk(
        2,
        ("fill_who",),
        ("There is nobody. The picture is plain {colour}.",
         "I see nobody. The picture is plain {colour}."),
        "nobody",
    ),
    FillTalk(
        4,
        ("fill_count", "fill_count", "count"),
        ("There are no {things}. The picture is plain {colour}.", "There are no {things}."),
        "none",
    ),
    FillTalk(
        3,
        ("presence",),
        ("No, there is no {thing} in the picture.",
         "No, there is no {thing}. The picture is plain {colour}."),
        "no",
    ),
    FillTalk(
        4,
        ("colour", "where", "box_one", "sign"),
        ("There is no {thing} in the picture.",
         "There is no {thing}. The picture is plain {colour}."),
        "absent",
    ),
    FillTalk(
        2,
        ("read",),
        ("There is no text. The picture is plain {colour}.", "There is no text in the picture."),
        "no_text",
    ),
)  # fmt: skip


def _ask_is_colour(rng: Random, colour: str, words: Wordings) -> Turn:
    """Whether it is this colour, or another."""
    asked = colour if rng.random() < 0.5 else rng.choice([one for one in COLOURS if one != colour])
    brief = "yes" if asked == colour else "no"
    question = words.ask(rng, "fill_is", colour=asked)
    forms = f"{capital(brief)}, the picture is {colour}.", f"{capital(brief)}, it is {colour}."
    reply = rng.choice((*forms, forms[0]))
    return Turn(question, reply, yes_no_is(brief))


def ask_fill_talk(rng: Random, record: dict, words: Wordings) -> Turn:
    """What people say to a picture of one colour."""
    colour = record["colour"]
    if rng.random() < 0.25:
        return _ask_is_colour(rng, colour, words)
    talk = rng.choices(FILL_TALKS, [one.weight for one in FILL_TALKS])[0]
    section, thing = rng.choice(talk.sections), rng.choice(KNOWN_THINGS)
    if section == "sign":
        thing = rng.choice(("sign", "bus"))
    names = {"thing": thing, "things": plural(thing), "colour": colour, "where": "in this picture"}
    question = words.ask(rng, section, **names)
    if section == "presence":
        question = question.replace(f" a {thing}", f" {with_article(thing)}")
    reply = rng.choice(talk.replies).format(**names)
    return Turn(question, reply, _fill_truth(talk.judge, colour, thing, section))


def _fill_truth(judge: str, colour: str, thing: str, section: str) -> dict:
    others = [one for one in COLOURS if one != colour]
    truths = {
        "colour": {"judge": "keys", "all": [[colour]], "none": others},
        "nobody": has_one("no one", "nobody", "no p", "nothing", "0", "no$"),
        "none": number_is(0),
        "no": yes_no_is("no"),
        "absent": {"judge": "absent", "is": thing},
        "no_text": has_one("no t", "no w", "nothing", "not", "no$"),
    }
    return truths[judge] | {"asked": section}


FILL_TALK_ASKS = {"fill_talk": (1, ask_fill_talk)}
