"""Scenes as a learner asks about them: claims, lists, neighbours, forms, points."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from media.generator.things import KINDS, STREET, TABLE
from pocket_model.tasks import scenes
from pocket_model.tasks.judging import colour_is, has_one, holds, number_is
from pocket_model.tasks.scenes import (
    ABSENT,
    COLOURS,
    PLACES,
    choose_relation,
    choose_thing,
    count_kinds,
    describe_scene,
    fix_articles,
    full_name,
    group_things,
    how_many,
    is_clear,
    number_word,
    place_name,
    plural,
    scene_truth,
    single_things,
    tell_number,
    tell_sides,
    tell_total,
)
from pocket_model.tasks.talks import schema_of
from pocket_model.tasks.turn import Turn, capital, join_words, to_json, with_article
from pocket_model.tasks.wordings import Wordings
from pocket_model.tasks.worlds import choose_text

SPOKEN = {
    "mug": ("mug", "mug", "cup"),
    "bicycle": ("bicycle", "bike", "bike"),
    "person": ("person",),
    "plant": ("plant", "plant", "potted plant"),
}
DONT_KNOW = (scenes.DONT_KNOW[0], *scenes.DONT_KNOW)
CENTRE, MIDDLE = "centre", "middle"
UNSURE = "do not|don't|cannot|can't|does not"


def _spoken(rng: Random, name: str) -> str:
    """A name as people say it: "bike", "red cup"."""
    *colour, last = name.rsplit(" ", 1)
    return " ".join((*colour, rng.choice(SPOKEN[last]))) if last in SPOKEN else name


def _there_are(number: int, name: str) -> str:
    """ "there are two mugs"; `name` may have a colour before it."""
    *before, last = name.split(" ") if name != "traffic light" else (name,)
    noun = " ".join((*before, last if number == 1 else plural(last)))
    return f"there {'is' if number == 1 else 'are'} {number_word(number)} {noun}"


def _absent_name(rng: Random, record: dict) -> str:
    names = tuple(TABLE if record["setting"] == "table" else STREET)
    names = rng.choice((names, names, ABSENT, tuple(KINDS)))
    name = rng.choice(names)
    while name in record["counts"]:
        name = rng.choice(ABSENT)
    return name


# --- claims --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """Something that may be true: the section that asks for it, its names, and what is true.

    `facts` is what may follow a yes or no; of the words `of` it may hold only those in `may`.
    `holds` says whether it is true, where that is not as it was wished for. With `joint` the facts
    come first, then it, then the yes or no; `wrong` has what no right reply says.
    """

    kind: str
    names: dict
    facts: str
    of: object = COLOURS
    may: tuple = ()
    holds: bool | None = None
    joint: str = ""
    wrong: tuple[str, ...] = ()


def _claim_colour(rng: Random, record: dict, wish: bool) -> Claim | None:
    if not wish and rng.random() < 0.12:
        name = _absent_name(rng, record)
        names = {"thing": _spoken(rng, name), "colour": rng.choice(COLOURS)}
        return Claim("colour", names, f"there is no {name} in the picture")
    name = rng.choice(tuple(record["counts"]))
    colours = {one["colour"] for one in record["objects"] if one["name"] == name}
    if len(colours) > 1:
        return None
    colour, many = colours.pop(), record["counts"][name] > 1
    asked = colour if wish else rng.choice([one for one in COLOURS if one != colour])
    things = plural(name) if many else _spoken(rng, name)
    facts = f"the {plural(name)} are {colour}" if many else f"the {name} is {colour}"
    kind = "colours" if many else "colour"
    return Claim(kind, {"thing": things, "colour": asked}, facts, COLOURS, (colour,))


def _claim_place(rng: Random, record: dict, wish: bool) -> Claim | None:
    found = choose_thing(rng, record)
    if not found or not is_clear(found[0], record["size"]):
        return None
    thing, name = found
    across, down = thing["place"]
    sides = {
        *((across,) if across != CENTRE else ()),
        *((down,) if down != MIDDLE else ()),
        *(("middle",) if (across, down) == (CENTRE, MIDDLE) else ()),
    }
    wrong = {"left", "right", "top", "bottom"} - sides
    if across != CENTRE and down != MIDDLE:
        wrong.add("middle")
    side = rng.choice(sorted(sides if wish else wrong))
    places = {
        "left": ("on the left", "on the left", "on the left side", "to the left", "at the left"),
        "right": ("on the right", "on the right", "on the right side", "to the right"),
        "top": ("at the top", "at the top", "near the top", "up at the top", "in the top part"),
        "bottom": ("at the bottom", "at the bottom", "near the bottom", "down at the bottom"),
        "middle": ("in the middle", "in the centre", "in the center", "right in the middle"),
    }
    words, judged = place_name(thing)
    names = {"thing": _spoken(rng, name), "where": rng.choice(places[side])}
    wrong_places = tuple(one for one in PLACES if one not in judged)
    return Claim("place", names, f"the {name} is {words}", joint=": ", wrong=wrong_places)


def _claim_number(rng: Random, record: dict, wish: bool) -> Claim:
    counts = record["counts"]
    name = rng.choice([one for one in counts for _ in range(counts[one])])
    if rng.random() < 0.1:
        name = _absent_name(rng, record)
    number = counts.get(name, 0)
    how = rng.choice(("", "", "", "exactly", "more than", "fewer than", "at least", "only"))
    tests: dict[str, Callable[[int], bool]] = {
        "more than": lambda asked: number > asked,
        "fewer than": lambda asked: number < asked,
        "at least": lambda asked: number >= asked,
    }
    test = tests.get(how, lambda asked: number == asked)
    fitting = [one for one in range(1, 10) if test(one) == wish and abs(one - number) < 4]
    fitting = [one for one in fitting if one > 1 or how != "fewer than"]
    if not fitting:
        how, test = "", number.__eq__
        fitting = [number] if wish and number else [number + 1, number + 2]
    asked = rng.choice(fitting)
    word = rng.choice((number_word(asked), number_word(asked), str(asked)))
    things = plural(name) if asked > 1 else name
    names = {"number": f"{how} {word}".strip(), "things": things}
    kind = "one" if asked == 1 else "number"
    facts, wrong = how_many(number, name), (_other_number(number),)
    return Claim(kind, names, facts, holds=test(asked), joint=": ", wrong=wrong)


def _other_number(number: int) -> str:
    """A pattern for the digits of any other number."""
    return rf"(?!{number}\b)\d"


def _claim_total(rng: Random, record: dict, wish: bool) -> Claim | None:
    number = len(record["objects"])
    if number == 1:
        return None
    others = [number + by for by in (-2, -1, 1, 2) if number + by > 1]
    asked = number if wish else rng.choice(others)
    names = {"number": rng.choice((str(asked), number_word(asked)))}
    wrong = (rf": {_other_number(number)}", rf"so {_other_number(number)}")
    return Claim("total", names, tell_total(record), joint=", so ", wrong=wrong)


def _claim_more(rng: Random, record: dict, wish: bool) -> Claim | None:
    """Whether there are more of one kind than of another."""
    counts = record["counts"]
    if len(counts) < 2:
        return None
    one, other = rng.sample(tuple(counts), 2)
    if (counts[one] > counts[other]) != wish:
        one, other = other, one
    holds = counts[one] > counts[other]
    facts = f"{how_many(counts[one], one)}, {how_many(counts[other], other)}"
    names = {"things": plural(one), "others": plural(other)}
    wrong = tuple(rf"{_other_number(counts[name])}\d* {name}\b" for name in (one, other))
    return Claim("more", names, facts, holds=holds, joint=": ", wrong=wrong)


def _claim_same(rng: Random, record: dict, wish: bool) -> Claim | None:
    """Whether two things have the same colour."""
    single = single_things(record)
    rng.shuffle(single)
    pairs = [(a, b) for i, a in enumerate(single) for b in single[i + 1 :]]
    fitting = [(a, b) for a, b in pairs if (a["colour"] == b["colour"]) == wish]
    if not fitting or (not wish and len(fitting) == len(pairs) and rng.random() < 0.6):
        return None
    one, other = fitting[0]
    names = {"thing": _spoken(rng, one["name"]), "other": _spoken(rng, other["name"])}
    facts = f"the {one['name']} is {one['colour']}, the {other['name']} is {other['colour']}"
    wrong = tuple(set(COLOURS) - {one["colour"], other["colour"]})
    if rng.random() < 0.2:
        return Claim("differ", names, facts, holds=not wish, joint=": ", wrong=wrong)
    return Claim("same", names, facts, joint=": ", wrong=wrong)


def _only(record: dict, name: str) -> dict | None:
    """The thing of this name, if it is the only one."""
    return next((one for one in single_things(record) if one["name"] == name), None)


def _claim_bus(rng: Random, record: dict, wish: bool) -> Claim | None:
    bus = _only(record, "bus")
    if not bus or not bus.get("text"):
        return None
    text = bus["text"]
    near = str(int(text) + rng.choice((-10, -1, 1, 2, 10)))
    others = (near, text[::-1], str(rng.randint(1, 99)), str(rng.randint(1, 99)))
    fitting = [one for one in others if one != text and 0 < int(one) < 100 and one[0] != "0"]
    if not wish and not fitting:
        return None
    names = {"number": text if wish else rng.choice(fitting)}
    wrong = (_other_number(int(text)),)
    return Claim("bus", names, f"the bus has {text}", joint=": ", wrong=wrong)


def _claim_street(rng: Random, record: dict, wish: bool) -> Claim | None:
    sign = _only(record, "sign")
    if not sign or not sign.get("text"):
        return None
    text = sign["text"]
    asked = text if wish else choose_text(rng, "sign")
    if not wish and asked == text:
        return None
    names = {"street": rng.choice((asked, asked.title()))}
    return Claim("street", names, f"the sign says {text}", joint=": ")


def _claim_relation(rng: Random, record: dict, wish: bool) -> Claim | None:
    found = choose_relation(rng, record)
    if not found:
        return None
    name, other, relation, right = found
    if right != wish:
        name, other = other, name
    facts, wrong = tell_sides(name, other, relation, wish)
    names = {"thing": name, "other": other, "relation": relation}
    return Claim("relation", names, facts, joint=": ", wrong=(wrong,))


def _claim_presence(rng: Random, record: dict, wish: bool) -> Claim:
    counts = record["counts"]
    if wish:
        name = rng.choice(tuple(counts))
        facts = _there_are(counts[name], name)
        if counts[name] == 1:
            facts = f"there is {with_article(name)}"
        may = (counts[name],)
    else:
        name, may = _absent_name(rng, record), (0,)
        facts = f"there is no {name} in the picture"
    names = {"thing": _spoken(rng, name), "things": plural(name)}
    return Claim("presence", names, facts, "numbers", may)


def _claim_coloured(rng: Random, record: dict, wish: bool) -> Claim | None:
    """Whether there is a red bus."""
    thing = rng.choice(record["objects"])
    name = thing["name"]
    colours = {one["colour"] for one in record["objects"] if one["name"] == name}
    colour = thing["colour"]
    if not wish:
        colour = rng.choice([one for one in COLOURS if one not in colours])
    things = f"{colour} {plural(name)}"
    names = {"thing": f"{colour} {_spoken(rng, name)}", "things": things}
    if wish:
        number = sum(one["name"] == name and one["colour"] == colour for one in record["objects"])
        some = with_article(full_name(thing))
        facts = f"there is {some}" if number == 1 else _there_are(number, full_name(thing))
        return Claim("presence", names, facts, COLOURS, (colour,))
    facts = f"there is no {colour} {name} in the picture"
    if len(colours) == 1 and rng.random() < 0.6:
        many = record["counts"][name] > 1
        facts = f"the {plural(name) if many else name} {'are' if many else 'is'} {thing['colour']}"
    return Claim("presence", names, facts, COLOURS, (*colours, colour))


CLAIMS = {
    _claim_colour: 10,
    _claim_place: 8,
    _claim_number: 7,
    _claim_relation: 10,
    _claim_presence: 5,
    _claim_coloured: 4,
    _claim_same: 12,
    _claim_total: 7,
    _claim_more: 3,
}
STREET_CLAIMS = {_claim_bus: 20, _claim_street: 6}


def _ask_claim(rng: Random, record: dict, words: Wordings, section: str) -> Turn | None:
    wish = rng.random() < 0.5
    claims = CLAIMS | (STREET_CLAIMS if record["setting"] == "street" else {})
    make = rng.choices(list(claims), list(claims.values()))[0]
    claim = make(rng, record, wish)
    if claim is None:
        return None
    holds = wish if claim.holds is None else claim.holds
    question = fix_articles(f" {words.ask(rng, f'{section}_{claim.kind}', **claim.names)}")[1:]
    yes, no = ("yes", "no") if holds else ("no", "yes")
    if claim.joint:
        reply = f"{capital(claim.facts)}{claim.joint}{yes}."
        right, wrong = ([rf"{one}\W*$", rf"^{one}\b"] for one in (yes, no))
        truth = {"judge": "keys", "all": [right], "none": [*wrong, *claim.wrong]}
        return Turn(question, reply, truth)
    truth = {"judge": "claim", "is": yes, "of": claim.of, "may": list(claim.may)}
    return Turn(question, f"{capital(yes)}, {claim.facts}.", truth)


def ask_most_of(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """Which kind is the most frequent: the two most frequent, then that one."""
    kinds = count_kinds(record)
    if len(kinds) < 2 or kinds[0][1] == kinds[1][1]:
        return None
    name, number = kinds[0]
    facts = ", ".join(how_many(count, one) for one, count in kinds[:2])
    wrong = rf"{_other_number(number)}\d* {plural(name)}\b"
    truth = {"judge": "keys", "all": [[rf"(?:{name}|{plural(name)})\W*$"]], "none": [wrong]}
    reply = f"{facts}: the {plural(name)}."
    return Turn(words.ask(rng, "most_of"), reply, truth)


# --- lists of things -----------------------------------------------------------------------------


def _things_truth(things: list[dict]) -> dict:
    return {"judge": "things", "is": dict(Counter(map(full_name, things))), "rows": {}}


def _list_things(rng: Random, things: list[dict]) -> str:
    return join_words(group_things(things, people=rng.random() < 0.5))


def ask_open_scene(rng: Random, record: dict, words: Wordings) -> Turn:
    """What is to be seen, in daily words; with places, or as a list where a short one is wished."""
    setting = record["setting"]
    on_road = rng.choice(("in the street", "on the road"))
    where = "on the table" if setting == "table" else on_road
    truth = _things_truth(record["objects"])
    if rng.random() < 0.7:
        return Turn(words.ask(rng, "open_scene", where=where), describe_scene(rng, record), truth)
    question = words.ask(rng, "open_list", where=where)
    listed = _list_things(rng, record["objects"])
    forms = f"A {setting} with {listed}.", f"A {setting} with {listed}.", f"I see {listed}."
    return Turn(question, rng.choice(forms), truth)


def ask_anything(rng: Random, record: dict, words: Wordings) -> Turn:
    """Which things have a colour."""
    there = sorted({one["colour"] for one in record["objects"]})
    colour = rng.choice(there)
    if rng.random() < 0.25 and len(there) < len(COLOURS):
        colour = rng.choice([one for one in COLOURS if one not in there])
    things = [one for one in record["objects"] if one["colour"] == colour]
    section = rng.choice(("any_yes_no", "any_which"))
    question = fix_articles(words.ask(rng, section, colour=colour))
    if not things:
        reply = f"{'No, n' if section == 'any_yes_no' else 'N'}othing is {colour}."
        truth = {"judge": "keys", "all": [["no\\b", "nothing", "none"]], "none": ["yes", "the "]}
        return Turn(question, reply, truth)
    groups = group_things(things, people=False)
    listed = join_words([f"the {one.removeprefix('a ').removeprefix('an ')}" for one in groups])
    reply = f"Yes, {listed}." if section == "any_yes_no" else f"{capital(listed)}."
    names = [one["name"] for one in things]
    judged = {"people" if name == "person" and " people" in reply else name for name in names}
    return Turn(question, reply, {"judge": "words", "of": (*KINDS, "people"), "is": sorted(judged)})


# --- neighbours ----------------------------------------------------------------------------------


def _gaps(one: dict, other: dict) -> tuple[float, float]:
    """The gaps across and down between two boxes in pixels; negative where they share a range."""
    a, b = one["box"], other["box"]
    return max(a[0] - b[2], b[0] - a[2]), max(a[1] - b[3], b[1] - a[3])


def _gap(one: dict, other: dict, size: list[int]) -> float:
    across, down = _gaps(one, other)
    return (max(0, across) ** 2 + max(0, down) ** 2) ** 0.5 / size[0]


SIDES = {"left": (0, -1), "right": (0, 1), "above": (1, -1), "below": (1, 1)}
SIDE_NAMES = {"left": "left of", "right": "right of"}


def ask_next_to(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What is next to a thing, or on one side of it; most choices have no clear answer."""
    tries = (_ask_beside(rng, record, words) for _ in range(4))
    return next(filter(None, tries), None)


def _ask_beside(rng: Random, record: dict, words: Wordings) -> Turn | None:
    found = choose_thing(rng, record)
    if not found:
        return None
    thing, name = found
    side = rng.choice((*("left", "right", "left", "right", "above", "below"), *["next to"] * 6))
    size = record["size"]
    others = [one for one in record["objects"] if one is not thing]
    if side in SIDES:
        axis, sign = SIDES[side]
        middle = thing["box"][axis] + thing["box"][axis + 2]
        beyond = [sign * (one["box"][axis] + one["box"][axis + 2] - middle) / 2 for one in others]
        others = [one for one, by in zip(others, beyond, strict=True) if by > -0.02 * size[axis]]
        if not others and rng.random() >= 0.75:
            return _nothing_there(rng, words, name, side)
    if not others:
        return None
    ranked = sorted((_gap(thing, one, size), index) for index, one in enumerate(others))
    nearest = others[ranked[0][1]]
    across, down = _gaps(thing, nearest)
    lies_well = _is_nearest(thing, nearest, others, size) and side == "next to"
    lies_well |= down < 0 if side in ("next to", "left", "right") else across < 0 <= down + 5
    if side in ("next to", "left", "right") and across < -5:
        return None
    if not lies_well or ranked[0][0] > 0.3:
        return None
    if len(ranked) > 1 and ranked[1][0] < ranked[0][0] * 1.5 + 0.04:
        return None
    question = words.ask(rng, f"beside_{side.replace(' ', '_')}", thing=_spoken(rng, name))
    answer = full_name(nearest)
    place, _ = place_name(thing)
    reply = f"The {name} is {place}, the {answer} {SIDE_NAMES.get(side, side)} it."
    known = {nearest["name"], thing["name"]}
    wrong = [rf"{one}\b" for one in KINDS if one not in known]
    right = [answer]
    if thing["name"] != nearest["name"]:
        colours = "|".join(one for one in COLOURS if one != nearest["colour"])
        wrong.append(rf"(?:{colours}) {nearest['name']}\b")
        right.append(rf"the {nearest['name']}\b")
    return Turn(question, reply, has_one(*right) | {"none": wrong})


def _is_nearest(thing: dict, nearest: dict, others: list[dict], size: list[int]) -> bool:
    """Whether its middle is much nearer to that of `thing` than any other."""

    def away(one: dict) -> float:
        a, b = one["box"], thing["box"]
        return ((a[0] + a[2] - b[0] - b[2]) ** 2 + (a[1] + a[3] - b[1] - b[3]) ** 2) ** 0.5 / 2

    rest = [away(one) for one in others if one is not nearest]
    return away(nearest) < min(0.35 * size[0], min(rest, default=size[0]) / 1.5)


def _nothing_there(rng: Random, words: Wordings, name: str, side: str) -> Turn | None:
    question = words.ask(rng, f"beside_{side}", thing=name)
    reply = f"Nothing is {SIDE_NAMES.get(side, side)} the {name}."
    return Turn(question, reply, has_one("nothing", "no "))


# --- numbers of things ---------------------------------------------------------------------------


def ask_count_all(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """How many things in all, of a colour, in a half, of how many kinds: the things, then that."""
    things, roll = record["objects"], rng.random()
    truth = number_is(len(things))
    if roll < 0.35:
        return Turn(words.ask(rng, "total_all"), f"{tell_total(record)}.", truth)
    if roll < 0.6:
        colour = rng.choice(COLOURS if rng.random() < 0.15 else [one["colour"] for one in things])
        things = [one for one in things if one["colour"] == colour]
        question = words.ask(rng, "total_colour", colour=colour)
    elif roll < 0.8:
        side = rng.choice(("left", "right", "top", "bottom"))
        axis = 0 if side in ("left", "right") else 1
        side_of = record["size"][axis]
        middles = [(one["box"][axis] + one["box"][axis + 2]) / 2 / side_of for one in things]
        if any(abs(middle - 0.5) < 0.04 for middle in middles):
            return None
        before = side in ("left", "top")
        pairs = zip(things, middles, strict=True)
        things = [one for one, middle in pairs if (middle < 0.5) == before]
        question = words.ask(rng, "total_half", side=side)
    else:
        kinds = [name for name, _ in count_kinds(record)]
        reply = f"{capital(', '.join(kinds))}: {len(kinds)}."
        return Turn(words.ask(rng, "total_kinds"), reply, number_is(len(kinds)))
    return Turn(question, tell_number(things), truth | {"is": len(things)})


# --- what is written -----------------------------------------------------------------------------


def ask_text_on(rng: Random, record: dict, words: Wordings) -> Turn | None:
    street, counts = record["setting"] == "street", record["counts"]
    if not street and rng.random() < 0.75:
        return None
    name = rng.choice(("bus", "sign"))
    if counts.get(name, 0) > 1:
        return None
    if name not in counts and street and rng.random() < 0.6:
        return None
    section = {"bus": "on_bus", "sign": rng.choice(("on_sign", "which_street"))}[name]
    question = words.ask(rng, section)
    if not counts.get(name):
        if section != "which_street":
            reply = rng.choice((f"There is no {name} in the picture.", f"There is no {name}."))
            return Turn(question, reply, {"judge": "absent", "is": name})
        truth = has_one("no (?:street )?(?:sign|name)", *UNSURE.split("|"))
        return Turn(question, rng.choice(DONT_KNOW[:3]), truth) if street else None
    text = _only(record, name).get("text")
    if not text:
        return None
    forms = {
        "on_bus": (text, text, f"The number is {text}.", f"It is {text}."),
        "on_sign": (text, text, f"The sign says {text}.", f"It says {text}."),
        "which_street": (text, text, f"It is {text}.", f"This is {text}."),
    }
    return Turn(question, rng.choice(forms[section]), holds(text))


# --- the first ten minutes -----------------------------------------------------------------------


def _first_colours(rng: Random, record: dict) -> tuple | None:
    colours = list(dict.fromkeys(one["colour"] for one in record["objects"]))
    if "traffic light" in record["counts"]:
        return None
    verb = "The things are" if len(record["objects"]) > 1 else "It is"
    forms = f"{verb} {join_words(colours)}.", capital(join_words(colours)) + "."
    return {}, rng.choice(forms), {"judge": "words", "of": COLOURS, "is": colours}


def _area(thing: dict) -> int:
    left, top, right, bottom = thing["box"]
    return (right - left) * (bottom - top)


def _first_extreme(rng: Random, record: dict, most: bool) -> tuple | None:
    """The biggest or smallest thing, where it is so at first sight."""
    things = sorted(record["objects"], key=_area, reverse=most)
    if len(things) < 2:
        return None
    first, second = map(_area, things[:2])
    if not (first > 1.4 * second if most else second > 1.5 * first):
        return None
    name = full_name(things[0])
    forms = f"The {name}.", f"The {name} is the {'biggest' if most else 'smallest'}."
    return {}, rng.choice(forms), {"judge": "first_thing", "is": name}


def _first_side(rng: Random, record: dict) -> tuple | None:
    side, axis = rng.choice((("left", 0), ("right", 0), ("top", 1), ("bottom", 1)))
    if not all(is_clear(one, record["size"]) for one in record["objects"]):
        return None
    things = [one for one in record["objects"] if one["place"][axis] == side]
    plainly = f"at the {side}" if axis else f"on the {side}"
    place = rng.choice((plainly, plainly, f"in the {side} part" if axis else f"{plainly} side"))
    if not things:
        return {"where": place}, f"There is nothing {plainly}.", has_one("nothing", "no ")
    return {"where": place}, f"{capital(_list_things(rng, things))}.", _things_truth(things)


def _first_middle(rng: Random, record: dict) -> tuple | None:
    things = [one for one in record["objects"] if one["place"] == [CENTRE, MIDDLE]]
    if not all(is_clear(one, record["size"]) for one in record["objects"]) or not things:
        return None
    return {}, f"{capital(_list_things(rng, things))}.", _things_truth(things)


def _first_setting(rng: Random, record: dict) -> tuple:
    setting = record["setting"]
    forms = f"A {setting}.", f"It is a {setting}.", f"This is a {setting}."
    truth = {"judge": "words", "of": ("table", "street"), "is": [setting]}
    return {}, rng.choice(forms), truth


def _first_only(rng: Random, record: dict) -> tuple | None:
    if len(record["objects"]) != 1 or record["counts"].get("traffic light"):
        return None
    one = record["objects"][0]
    forms = f"It is {one['colour']}.", f"The {one['name']} is {one['colour']}."
    truth = colour_is(one["colour"])
    return {}, rng.choice(forms), truth


def _first_everything(rng: Random, record: dict) -> tuple:
    return {}, describe_scene(rng, record), scene_truth(record)


def _first_kinds(rng: Random, record: dict) -> tuple:
    counts = record["counts"]
    told = [with_article(one) if counts[one] == 1 else plural(one) for one in counts]
    forms = f"{capital(join_words(told))}.", f"I see {join_words(told)}."
    judged = ["people" if one == "person" and counts[one] > 1 else one for one in counts]
    truth = {"judge": "words", "of": (*KINDS, "people"), "is": sorted(judged)}
    return {}, rng.choice(forms), truth


def _first_light(rng: Random, record: dict) -> tuple | None:
    lights = [one for one in record["objects"] if one["name"] == "traffic light"]
    if not lights:
        if record["setting"] == "table" or rng.random() < 0.92:
            return None
        truth = {"judge": "absent", "is": "traffic light"}
        return {}, "There is no traffic light in the picture.", truth
    if len(lights) > 1 or not lights[0].get("text"):
        return None
    colour = lights[0]["text"]
    forms = f"The traffic light shows {colour}.", f"The traffic light is {colour}.", f"{colour}."
    truth = {"judge": "words", "of": ("red", "yellow", "green"), "is": [colour]}
    return {}, capital(rng.choice(forms)), truth


# {section: (weight, what finds the names, reply and truth, more for it)}
FIRST = {
    "first_colours": (5, _first_colours),
    "first_biggest": (4, _first_extreme, True),
    "first_smallest": (3, _first_extreme, False),
    "first_side": (9, _first_side),
    "first_middle": (5, _first_middle),
    "first_setting": (2, _first_setting),
    "first_only": (7, _first_only),
    "first_everything": (2, _first_everything),
    "first_kinds": (4, _first_kinds),
    "first_light": (9, _first_light),
}


def ask_first_minutes(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What else a learner asks about such a picture in the first ten minutes."""
    section = rng.choices(list(FIRST), [weight for weight, *_ in FIRST.values()])[0]
    _, find, *given = FIRST[section]
    found = find(rng, record, *given)
    if not found:
        return None
    names, reply, truth = found
    return Turn(words.ask(rng, section, **names), reply, truth)


def ask_odd_question(rng: Random, record: dict, words: Wordings) -> Turn:
    """What such a picture does not show."""
    thing = rng.choice(single_things(record) or record["objects"])["name"]
    question = words.ask(rng, "odd_question", thing=_spoken(rng, thing))
    return Turn(question, rng.choice(DONT_KNOW), {"judge": "unknown"})


# --- forms ---------------------------------------------------------------------------------------

FIELDS = {
    "what": ("what", "thing", "name", "object", "item", "kind", "type", "label", "noun", "title"),
    "colour": ("colour", "color", "tint", "hue", "paint", "shade", "painted", "tone"),
    "place": ("place", "where", "position", "location", "spot", "region", "area"),
    "number": ("how_many", "number", "count", "amount", "quantity", "n"),
}
MEANINGS = {
    "what": ("what it is", "the name of the thing", "the kind of thing"),
    "colour": ("its colour", "the colour", "its color", "what colour it has"),
    "place": ("its place", "where it is", "where it stands", "its position"),
    "number": ("how many there are", "the number of them"),
}
STRANGE = ("x1", "x2", "a", "b", "q7", "zed", "f_1", "foo", "bar", "k", "col_3", "v", "w", "alpha")


def _place(thing: dict) -> str:
    return " ".join(place_name(thing)[1][::-1])  # "top left"


def _choose_keys(rng: Random, fields: list[str]) -> tuple[dict[str, str], str]:
    """A key for each field, and the keys as the question lists them."""
    strange = rng.random() < 0.3
    if strange:
        keys = rng.sample(STRANGE, k=len(fields))
    else:
        keys = [rng.choice(FIELDS[field]) for field in fields]
    told = strange or rng.random() < 0.2
    mark = rng.choice(('"', '"', "", "", "'"))
    named = [f"{mark}{key}{mark}" for key in keys]
    if told:
        form = rng.choice(("{} ({})", "{} = {}", "{}: {}", "{} for {}"))
        meant = (rng.choice(MEANINGS[field]) for field in fields)
        named = [form.format(key, what) for key, what in zip(named, meant, strict=True)]
    listed = join_words(named) if rng.random() < 0.6 else ", ".join(named)
    return dict(zip(fields, keys, strict=True)), listed


def ask_form(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """One named thing, or all of a kind, in JSON with keys of the asker's own."""
    if rng.random() < 0.3:
        return _ask_form_list(rng, record, words)
    found = choose_thing(rng, record)
    if not found:
        return None
    thing, name = found
    values = {"what": thing["name"], "colour": thing["colour"]}
    if is_clear(thing, record["size"]):
        values["place"] = _place(thing)
    if name == thing["name"] and rng.random() < 0.3:
        values["number"] = 1
    fields = rng.sample(tuple(values), k=rng.randint(min(2, len(values)), len(values)))
    keys, listed = _choose_keys(rng, fields)
    value = {keys[field]: values[field] for field in fields}
    question = words.ask(rng, "form_one", thing=name, keys=listed)
    truth = {"judge": "json", "is": value, "schema": schema_of(value)}
    return Turn(question, to_json(value), truth)


def _ask_form_list(rng: Random, record: dict, words: Wordings) -> Turn | None:
    name = rng.choice(tuple(record["counts"]))
    things = [one for one in record["objects"] if one["name"] == name]
    if len(things) > 6:
        return None
    things.sort(key=lambda one: one["box"][0])
    known = ["what", "colour"]
    if all(is_clear(one, record["size"]) for one in things):
        known.append("place")
    fields = rng.sample(known, k=rng.choice((2, 2, min(3, len(known)))))
    keys, listed = _choose_keys(rng, fields)
    all_values = [
        {"what": name, "colour": one["colour"], "place": _place(one) if "place" in fields else ""}
        for one in things
    ]
    rows = [{keys[field]: values[field] for field in fields} for values in all_values]
    question = words.ask(rng, "form_list", things=plural(name), keys=listed)
    truth = {"judge": "json", "is": rows, "any_order": True, "schema": schema_of(rows)}
    return Turn(question, to_json(rows), truth)


# --- points and boxes ----------------------------------------------------------------------------


def _choose_kind(rng: Random, record: dict) -> tuple[str, list[dict]]:
    """A kind of thing and all of it from left to right."""
    name = rng.choice(record["objects"])["name"]
    things = [one for one in record["objects"] if one["name"] == name]
    return name, sorted(things, key=lambda one: one["box"][0])


def _point(thing: dict) -> list[int]:
    left, top, right, bottom = thing["bbox_2d"]
    return [(left + right) // 2, (top + bottom) // 2]


def ask_points(rng: Random, record: dict, words: Wordings) -> Turn | None:
    if rng.random() < 0.6:
        found = choose_thing(rng, record)
        if not found:
            return None
        things, name = [found[0]], found[1]
        question = words.ask(rng, "point_one", thing=name)
    else:
        name, things = _choose_kind(rng, record)
        question = words.ask(rng, "point_all", things=plural(name), thing=name)
    reply = to_json([{"point_2d": _point(one), "label": name} for one in things])
    boxes = [{"bbox_2d": one["bbox_2d"], "label": name} for one in things]
    return Turn(question, reply, {"judge": "points", "is": boxes})


EXTRAS = {"colour": ("colour", "color", "tint"), "place": ("place", "position", "where")}


def ask_box_keys(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """Boxes with one more key: the colour or the place."""
    name, things = _choose_kind(rng, record)
    asked = plural(name)
    if rng.random() < 0.4:
        asked = rng.choice(("things", "objects"))
        things = sorted(record["objects"], key=lambda one: (one["box"][0], one["box"][1]))
    if len(things) > 7:
        return None
    clear = all(is_clear(one, record["size"]) for one in things)
    field = rng.choice(("colour", "colour", "place")) if clear else "colour"
    key = rng.choice(EXTRAS[field])
    boxes = [
        {
            "bbox_2d": one["bbox_2d"],
            "label": one["name"],
            key: one["colour"] if field == "colour" else _place(one),
        }
        for one in things
    ]
    question = words.ask(rng, "box_keys", things=asked, key=key)
    return Turn(question, to_json(boxes), {"judge": "boxes", "is": boxes, "extra": key})


SCENE_TALK_ASKS: dict[str, tuple[float, Callable[[Random, dict, Wordings], Turn | None]]] = {
    "yes_no": (44, partial(_ask_claim, section="yn")),
    "confirm": (24, partial(_ask_claim, section="cf")),
    "most_of": (8, ask_most_of),
    "open_scene": (18, ask_open_scene),
    "anything": (8, ask_anything),
    "next_to": (16, ask_next_to),
    "count_all": (16, ask_count_all),
    "text_on": (7, ask_text_on),
    "first_minutes": (24, ask_first_minutes),
    "odd_question": (4, ask_odd_question),
    "form": (12, ask_form),
    "points": (14, ask_points),
    "box_keys": (14, ask_box_keys),
}
