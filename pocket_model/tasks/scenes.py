"""Questions about a scene of things, and about a picture of one colour."""

from collections import Counter
from random import Random

import numpy as np
from PIL import Image, ImageColor

from media.generator.drawing import TONES, Size
from media.generator.things import KINDS, STREET, TABLE
from pocket_model.tasks.judging import COLOURS, colour_is, holds, number_is, text_is, yes_no_is
from pocket_model.tasks.pictures import draw_picture
from pocket_model.tasks.talks import style_turn
from pocket_model.tasks.turn import Turn, capital, join_words, say, to_json, with_article
from pocket_model.tasks.wordings import Wordings
from pocket_model.tasks.worlds import draw_world, plan_world

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
PLURALS = {"person": "people", "bus": "buses", "box": "boxes"}
ABSENT = (
    *("elephant", "dog", "cat", "horse", "piano", "guitar", "ship", "plane", "train", "snowman"),
    *("chair", "sofa", "shark", "rocket", "penguin", "robot", "ladder", "bear", "tent", "violin"),
)
ROWS = ("top", "middle", "bottom")
PLACES = ("left", "right", "top", "bottom", "centre")


def draw_scene_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """A scene that nobody planned. Its record also has the `boxes` in thousandths."""
    image, record = draw_picture(
        rng, shape, lambda size, smooth: draw_world(plan_world(rng, size), size, smooth)
    )
    if not record["objects"]:
        return draw_scene_picture(rng, shape)
    for thing in record["objects"]:
        thing["bbox_2d"] = to_thousandths(thing["box"], record["size"])
    return image, record


def to_thousandths(box: list[int], size: list[int]) -> list[int]:
    scaled = [value * 1000 / side for value, side in zip(box, (*size, *size), strict=True)]
    return [min(1000, max(0, round(value))) for value in scaled]


def draw_fill_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """A picture of one colour: as a browser knows it by name, or as the things are painted."""
    colour = rng.choice(COLOURS)
    plain = {"purple": (128, 0, 128), "grey": (128, 128, 128), "pink": (255, 192, 203)}
    plain |= {"orange": (255, 165, 0), "green": (0, 128, 0)}
    base = plain.get(colour) or ImageColor.getrgb(colour)
    if rng.random() < 0.5:
        base = rng.choice((TONES[colour].base, TONES[colour].base, TONES[colour].light))
    shade = tuple(min(255, max(0, value + rng.randint(-8, 8))) for value in base)
    return np.asarray(Image.new("RGB", shape, shade)), {"kind": "fill", "colour": colour}


# --- words for things ----------------------------------------------------------------------------


def plural(name: str) -> str:
    return PLURALS.get(name, name + "s")


def number_word(number: int) -> str:
    """three; digits beyond ten."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def single_things(record: dict) -> list[dict]:
    """The things whose names are theirs alone."""
    return [one for one in record["objects"] if record["counts"][one["name"]] == 1]


def full_name(thing: dict) -> str:
    return f"{thing['colour']} {thing['name']}"


def call_thing(rng: Random, record: dict, thing: dict) -> str | None:
    """The shortest words that mean this thing alone, or None if there are none."""
    same_name = [one for one in record["objects"] if one["name"] == thing["name"]]
    same_both = [one for one in same_name if one["colour"] == thing["colour"]]
    if len(same_both) > 1:
        return None
    if len(same_name) > 1 or rng.random() < 0.35:
        return full_name(thing)
    return thing["name"]


def choose_thing(rng: Random, record: dict) -> tuple[dict, str] | None:
    """A thing that can be named, and its name."""
    things = list(record["objects"])
    rng.shuffle(things)
    for thing in things:
        words = call_thing(rng, record, thing)
        if words:
            return thing, words
    return None


# --- colours, names, numbers, places -------------------------------------------------------------


def ask_fill(rng: Random, record: dict, words: Wordings) -> Turn:
    colour = record["colour"]
    question, short = words.ask_short(rng, "fill")
    forms = f"The picture is {colour}.", f"It is {colour}.", f"The colour is {colour}."
    return Turn(question, say(rng, short, colour, *forms), colour_is(colour))


def ask_colour(rng: Random, record: dict, words: Wordings) -> Turn | None:
    single = single_things(record)
    if not single:
        return None
    thing = rng.choice(single)
    name, colour = thing["name"], thing["colour"]
    question, short = words.ask_short(rng, "colour", thing=name)
    forms = f"The {name} is {colour}.", f"It is {colour}.", f"It is a {colour} {name}."
    reply = say(rng, short, colour, forms[0], forms[0], *forms)
    reply = reply.replace("a orange", "an orange")
    return Turn(question, reply, colour_is(colour))


def ask_name(rng: Random, record: dict, words: Wordings) -> Turn | None:
    counts = Counter(one["colour"] for one in record["objects"])
    single = [one for one in record["objects"] if counts[one["colour"]] == 1]
    if not single:
        return None
    name, colour = rng.choice(single)["name"], None
    colour = next(one["colour"] for one in single if one["name"] == name)
    question, short = words.ask_short(rng, "name", colour=colour)
    forms = f"It is {with_article(name)}.", f"The {name} is {colour}.", f"The {name}."
    reply = say(rng, short, name, *forms)
    return Turn(question, reply, {"judge": "words", "of": tuple(KINDS), "is": [name]})


def how_many(number: int, name: str) -> str:
    """3 mugs."""
    return f"{number} {name if number == 1 else plural(name)}"


def count_kinds(record: dict) -> list[tuple[str, int]]:
    """(name, number) of each kind, the most frequent first, then from left to right."""
    things = sorted(record["objects"], key=lambda one: one["box"][0])
    return Counter(one["name"] for one in things).most_common()


def tell_total(record: dict) -> str:
    """2 mugs, 1 lamp: 3."""
    parts = ", ".join(how_many(number, name) for name, number in count_kinds(record))
    return f"{parts}: {len(record['objects'])}"


def tell_number(things: list[dict]) -> str:
    """Mug, mug, lamp: 3."""
    if not things:
        return "None."
    names = [one["name"] for one in sorted(things, key=lambda one: one["box"][0])]
    return f"{capital(', '.join(names))}: {len(names)}."


def ask_count(rng: Random, record: dict, words: Wordings) -> Turn:
    roll, counts, told = rng.random(), record["counts"], None
    if roll < 0.1:
        name = rng.choice(tuple(TABLE if record["setting"] == "table" else STREET))
        number, things = counts.get(name, 0), plural(name)
    elif roll < 0.2:
        colour = rng.choice([one["colour"] for one in record["objects"]])
        found = [one for one in record["objects"] if one["colour"] == colour]
        number, told = len(found), tell_number(found)
        name, things = f"{colour} thing", f"{colour} things"
    elif roll < 0.28:
        number, name, things = len(record["objects"]), "thing", rng.choice(("things", "objects"))
        told = f"{tell_total(record)}."
    else:
        name = rng.choice([one for one in counts for _ in range(counts[one] ** 2)])
        number, things = counts[name], plural(name)
    question, short = words.ask_short(rng, "count", things=things)
    word = number_word(number)
    what = name if number == 1 else things
    verb = "is" if number == 1 else "are"
    forms = f"There {verb} {word} {what}.", f"I see {word} {what}."
    brief = rng.choice((str(number), word if number else "none"))
    reply = say(rng, short, brief, forms[0], forms[0], forms[1])
    reply = told if told and not short else reply
    return Turn(question, reply, number_is(number))


def place_name(thing: dict) -> tuple[str, list[str]]:
    """ "at the top left", and the words that judge it."""
    across, down = thing["place"]
    if across == "centre" and down == "middle":
        return "in the centre", ["centre"]
    if across == "centre":
        return f"at the {down}", [down]
    if down == "middle":
        return f"on the {across}", [across]
    return f"at the {down} {across}", [across, down]


def is_clear(thing: dict, size: list[int]) -> bool:
    """Whether the middle of a thing lies well inside one third of the picture, each way."""
    left, top, right, bottom = thing["box"]
    shares = (left + right) / 2 / size[0], (top + bottom) / 2 / size[1]
    return all(abs(share - edge) > 0.02 for share in shares for edge in (1 / 3, 2 / 3))


def ask_where(rng: Random, record: dict, words: Wordings) -> Turn | None:
    found = choose_thing(rng, record)
    if not found or not is_clear(found[0], record["size"]):
        return None
    thing, name = found
    place, judged = place_name(thing)
    question = words.ask(rng, "where", thing=name)
    forms = f"The {name} is {place}.", f"It is {place}.", f"{capital(place)}."
    reply = rng.choice((forms[0], *forms))
    return Turn(question, reply, {"judge": "words", "of": PLACES, "is": judged})


def ask_presence(rng: Random, record: dict, words: Wordings) -> Turn:
    things = [(one["name"], full_name(one)) for one in record["objects"]]
    if rng.random() < 0.5:
        name, there = rng.choice(rng.choice(things)), True
    elif rng.random() < 0.5:
        name, there = rng.choice(tuple(KINDS) + ABSENT), False
    else:
        name, there = f"{rng.choice(COLOURS[:7])} {rng.choice(things)[0]}", False
    there = there or any(name in pair for pair in things)
    question, short = words.ask_short(rng, "presence", thing=name)
    question = fix_articles(question)
    some = with_article(name)
    yes = f"Yes, there is {some}.", f"Yes, I see {some}."
    no = f"No, there is no {name}.", f"No, I see no {name}."
    reply = say(rng, short, "yes" if there else "no", *(yes if there else no))
    return Turn(question, reply, yes_no_is("yes" if there else "no"))


def fix_articles(text: str) -> str:
    for letter in "aeio":
        text = text.replace(f" a {letter}", f" an {letter}")
    return text


# --- relations -----------------------------------------------------------------------------------

RELATIONS = {
    "left of": (0, -1),
    "to the left of": (0, -1),
    "right of": (0, 1),
    "to the right of": (0, 1),
    "above": (1, -1),
    "below": (1, 1),
}


def choose_two(rng: Random, record: dict) -> tuple[tuple[dict, str], tuple[dict, str]] | None:
    named = [(one, call_thing(rng, record, one)) for one in record["objects"]]
    named = [pair for pair in named if pair[1]]
    return tuple(rng.sample(named, 2)) if len(named) > 1 else None


def distance(one: dict, other: dict, axis: int) -> float:
    """From the middle of `other` to that of `one`, in thousandths of the picture."""
    a, b = one["bbox_2d"], other["bbox_2d"]
    return (a[axis] + a[axis + 2] - b[axis] - b[axis + 2]) / 2


def tell_sides(name: str, other: str, relation: str, holds: bool) -> tuple[str, str]:
    """ "the mug is on the left, the lamp on the right", and a pattern for the wrong sides."""
    axis, sign = RELATIONS[relation]
    sides = (("on the left", "on the right"), ("above", "below"))[axis]
    if (sign < 0) != holds:
        sides = sides[::-1]
    wrong = rf"(?:{name} is {sides[1]}|{other} is {sides[0]})\b"
    return f"the {name} is {sides[0]}, the {other} {sides[1]}", wrong


def choose_relation(rng: Random, record: dict) -> tuple[str, str, str, bool] | None:
    """Names of two things, a relation, and whether it holds; they lie clearly apart."""
    pair = choose_two(rng, record)
    if not pair:
        return None
    (one, name), (other, other_name) = pair
    relation = rng.choice(tuple(RELATIONS))
    axis, sign = RELATIONS[relation]
    value = sign * distance(one, other, axis)
    if abs(value) < (60 if axis == 0 else 110):
        return None
    return name, other_name, relation, value > 0


def ask_relation(rng: Random, record: dict, words: Wordings) -> Turn | None:
    found = choose_relation(rng, record)
    if not found:
        return None
    name, other, relation, right = found
    question, short = words.ask_short(rng, "relation", thing=name, other=other, relation=relation)
    brief = "yes" if right else "no"
    facts, _ = tell_sides(name, other, relation, right)
    reply = capital(brief) if short else f"{capital(facts)}: {brief}."
    return Turn(question, reply, yes_no_is(brief))


def ask_side(rng: Random, record: dict, words: Wordings) -> Turn | None:
    pair = choose_two(rng, record)
    if not pair:
        return None
    (one, name), (other, other_name) = pair
    value = distance(one, other, 0)
    if abs(value) < 60 or one["name"] == other["name"]:
        return None
    left = one if value < 0 else other
    chosen = name if value < 0 else other_name
    question, short = words.ask_short(rng, "side", thing=name, other=other_name)
    reply = say(rng, short, left["name"], f"The {chosen} is further left.", f"The {chosen}.")
    known = (one["name"], other["name"])
    truth = {"judge": "words", "of": known, "is": [left["name"]], "first": True}
    return Turn(question, reply, truth)


# --- whole scenes --------------------------------------------------------------------------------


def group_things(things: list[dict], *, people: bool) -> list[str]:
    """Words for a row of things from left to right, equal ones together: three green apples."""
    kinds = Counter()
    for thing in sorted(things, key=lambda one: one["box"][0]):
        kinds[thing["name"], thing["colour"]] += 1
    return [_count_words(*kind, number, people=people) for kind, number in kinds.items()]


def _count_words(name: str, colour: str, number: int, *, people: bool) -> str:
    noun = name if number == 1 else plural(name)
    words = f"{noun} in {colour}" if people and name == "person" else f"{colour} {noun}"
    if number == 1:
        return with_article(words)
    return f"{number_word(number)} {words}"


def split_rows(rng: Random, record: dict) -> list[tuple[str, str]]:
    """(row, what stands in it) from top to bottom."""
    people = rng.random() < 0.7
    rows = []
    for row in ROWS:
        things = [one for one in record["objects"] if one["place"][1] == row]
        if things:
            rows.append((row, join_words(group_things(things, people=people))))
    return rows


def _row_place(row: str) -> str:
    return {"top": "at the top", "middle": "in the middle", "bottom": "at the bottom"}[row]


def describe_scene(rng: Random, record: dict) -> str:
    """All things with colours and places, in one of several forms and orders."""
    setting, rows = record["setting"], split_rows(rng, record)
    if rng.random() < 0.3:
        rows = rows[::-1]
    parts = [(_row_place(row), things) for row, things in rows]
    opening = rng.choice(("A {}", "This is a {}", "The picture shows a {}", "I see a {}"))
    opening = opening.format(setting)
    if rng.random() < 0.5:
        sentences = [f"{capital(place)}: {things}." for place, things in parts]
        return f"{opening}. {' '.join(sentences)}"
    joined = "; ".join(f"{place} {things}" for place, things in parts)
    return f"{opening}: {joined}."


def scene_truth(record: dict) -> dict:
    things = Counter(full_name(one) for one in record["objects"])
    return {"judge": "things", "is": dict(things), "rows": row_truth(record)}


def row_truth(record: dict) -> dict[str, str]:
    """The row in which all things of one colour and name stand, for those that share a row."""
    rows: dict[str, set] = {}
    for one in record["objects"]:
        rows.setdefault(full_name(one), set()).add(one["place"][1])
    return {name: found.pop() for name, found in rows.items() if len(found) == 1}


def ask_describe(rng: Random, record: dict, words: Wordings) -> Turn:
    where = "on this table" if record["setting"] == "table" else "in this street"
    question = words.ask(rng, "describe", where=where)
    return Turn(question, describe_scene(rng, record), scene_truth(record))


def ask_three_sentences(rng: Random, record: dict, words: Wordings) -> Turn:
    setting = record["setting"]
    see = rng.choice(("I see", "you see", "we see"))
    rows = [f"{_row_place(row)} {see} {things}" for row, things in split_rows(rng, record)]
    first = rng.choice(("This is a {}", "The picture shows a {}", "I see a {}")).format(setting)
    if len(rows) == 1:
        number = len(record["objects"])
        word = number_word(number)
        rows.append(f"There {'is' if number == 1 else 'are'} {word} in all")
    if len(rows) == 3:
        rows = [f"{rows[0]}, and {rows[1]}", rows[2]]
    reply = " ".join(f"{capital(sentence)}." for sentence in (first, *rows))
    return Turn(words.ask(rng, "three_sentences"), reply, scene_truth(record) | {"sentences": 3})


def ask_list(rng: Random, record: dict, words: Wordings) -> Turn:
    """Each colour and name once, in reading order or from left to right."""
    things = record["objects"]
    if rng.random() < 0.6:
        things = sorted(things, key=lambda one: (ROWS.index(one["place"][1]), one["box"][0]))
    else:
        things = sorted(things, key=lambda one: one["box"][0])
    lines = list(dict.fromkeys(full_name(one) for one in things))
    return Turn(words.ask(rng, "list"), "\n".join(lines), {"judge": "lines", "is": sorted(lines)})


# --- boxes and signs -----------------------------------------------------------------------------


def label_boxes(things: list[dict], names: list[str]) -> list[dict]:
    """Boxes in thousandths with a name each."""
    pairs = zip(things, names, strict=True)
    return [{"bbox_2d": thing["bbox_2d"], "label": name} for thing, name in pairs]


def ask_box_one(rng: Random, record: dict, words: Wordings) -> Turn | None:
    found = choose_thing(rng, record)
    if not found:
        return None
    thing, name = found
    boxes = label_boxes([thing], [name])
    question = words.ask(rng, "box_one", thing=name)
    return Turn(question, to_json(boxes), {"judge": "boxes", "is": boxes})


def ask_box_all(rng: Random, record: dict, words: Wordings) -> Turn:
    things = sorted(record["objects"], key=lambda one: (one["box"][0], one["box"][1]))
    if rng.random() < 0.6 or len(things) > 6:
        kind = rng.choice(things)["name"]
        things = [one for one in things if one["name"] == kind]
        asked, names = plural(kind), [kind] * len(things)
    else:
        asked, names = rng.choice(("things", "objects")), [full_name(one) for one in things]
    boxes = label_boxes(things, names)
    question = words.ask(rng, "box_all", things=asked)
    return Turn(question, to_json(boxes), {"judge": "boxes", "is": boxes})


def ask_sign(rng: Random, record: dict, words: Wordings) -> Turn | None:
    written = [one for one in single_things(record) if one["name"] in ("sign", "bus")]
    if not written:
        return None
    thing = rng.choice(written)
    name, text = thing["name"], thing["text"]
    reply = rng.choice((text, f"The {name} says {text}.", f"It says {text}."))
    return Turn(words.ask(rng, "sign", thing=name), reply, text_is(text))


DONT_KNOW = (
    "I do not know. The picture does not show it.",
    "I do not know that.",
    "I cannot tell that from the picture. I do not know.",
    "The picture does not say. I do not know.",
)


def ask_picture_unknown(rng: Random, record: dict, words: Wordings) -> Turn:
    thing = rng.choice(record["objects"])["name"]
    question = words.ask(rng, "picture_unknown", thing=thing)
    return Turn(question, rng.choice(DONT_KNOW), {"judge": "unknown"})


def ask_absent(rng: Random, record: dict, words: Wordings) -> Turn:
    """The colour or place of a thing that is not there."""
    name = rng.choice([name for name in (*KINDS, *ABSENT) if name not in record["counts"]])
    question = words.ask(rng, rng.choice(("colour", "where")), thing=name)
    reply = rng.choice((f"There is no {name} in the picture.", f"I see no {name}."))
    return Turn(question, reply, {"judge": "absent", "is": name})


# --- what refers to what was said ----------------------------------------------------------------


def ask_follow_up(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """A second question that makes sense only after the first."""
    single = single_things(record)
    if not single:
        return None
    first = rng.choice(single)
    about_other = rng.random() < 0.5 and len(single) > 1
    if about_other:
        other = rng.choice([one for one in single if one is not first])
    elif not is_clear(first, record["size"]):
        return None
    turn = ask_colour(rng, record | {"objects": [first]}, words)
    if about_other:
        question = words.ask(rng, "follow_colour", thing=other["name"])
        reply, truth = f"The {other['name']} is {other['colour']}.", colour_is(other["colour"])
    else:
        question = words.ask(rng, "follow_where")
        place, judged = place_name(first)
        reply = rng.choice((f"The {first['name']} is {place}.", f"It is {place}."))
        truth = {"judge": "words", "of": PLACES, "is": judged}
    before = ({"role": "user", "content": turn.question},
              {"role": "assistant", "content": turn.reply})  # fmt: skip
    return Turn(question, reply, truth, before)


def ask_scene_style(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """A colour or a number in the style that the system prompt asks for."""
    single = single_things(record)
    if not single or rng.random() < 0.4:
        name = rng.choice(record["objects"])["name"]
        brief = str(record["counts"][name])
        question = words.ask(rng, "count", things=plural(name))
        full = f"There {'is' if brief == '1' else 'are'} {how_many(int(brief), name)}."
    else:
        thing = rng.choice(single)
        brief = thing["colour"]
        question = words.ask(rng, "colour", thing=thing["name"])
        full = f"The {thing['name']} is {brief}."
    return style_turn(rng, words, question, brief, full, holds(brief))
