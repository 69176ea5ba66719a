"""What the rules of natural.txt know: names for a question, and what a right reply to it holds."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from math import dist
from random import Random

from media.generator.receipt import GOODS
from media.generator.things import KINDS
from pocket_model.tasks.judging import count_things, find_numbers
from pocket_model.tasks.receipts import MORE_GOODS
from pocket_model.tasks.scenes import ABSENT, COLOURS, full_name, is_clear, plural, single_things
from pocket_model.tasks.turn import join_words, listed, with_article

HONEST = re.compile(
    r"\b(not know|don'?t know|no idea|not sure|not (shown|visible|printed)|not (say|show|tell)|"
    r"(cannot|can'?t|can not|unable to|not able to) (\w+ )?(tell|say|know|answer|read|"
    r"recogni[sz]e|make out|identify|see what)|doesn'?t (say|show|tell)|"
    r"(do not|don'?t) (understand|recogni[sz]e))\b"
)
YES = r"\b(?:yes|yep|yeah|correct|indeed|true|(?:that is|that's|you are|you're) right)\b"
NO = r"\b(?:no|nope|not|wrong|false|none|nothing|incorrect|\w+n't)\b"
NEGATED = re.compile(r"\b(?:no|not|\w+n't)(?: (?:an?|the|any|see|have))*(?: \w+){1,2}", re.I)
SAME = {"center": "centre", "middle": "centre", "upper": "top", "lower": "bottom", "gray": "grey"}
ANIMALS = listed(
    "ant bat bear bee bird bull butterfly camel cat chicken cow crab crocodile crow deer dog "
    "dolphin donkey dove duck eagle elephant fish fly fox frog giraffe goat goose hamster hare "
    "hedgehog hen hippo horse kangaroo koala lamb leopard lion lizard monkey mouse octopus "
    "otter owl panda parrot penguin pig pony rabbit rat raven rhino seal shark sheep snail "
    "snake spider squirrel swan tiger turtle whale wolf worm zebra"
)
WORDS = listed("lamp garden bread yellow train music window paper tiger clock river cheese")


@dataclass(frozen=True)
class Truth:
    """What a right reply holds. A group of `need` is met by any of its words.

    `core` tells one truth from another, and `answer` is a right reply. Of `vocabulary`, the reply
    may have only what is in `may`; with `first`, only the first such word counts.
    """

    core: str
    answer: str
    names: dict = field(default_factory=dict)
    need: tuple[tuple[str, ...], ...] = ()
    least: float = 1.0  # the share of the groups that must be met
    vocabulary: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    first: bool = False
    numbers: tuple[float, ...] = ()  # the first or last number must be one of these
    known: tuple[float, ...] | None = None  # and the others some of these, if these are given
    says: str = ""  # yes or no; or the reply meets `need`
    honest: bool = False  # the right reply is that it does not know
    scene: dict | None = None  # things that the reply names must be in it
    wrong: str = ""  # a wrong reply for the check


def is_honest(reply: str) -> bool:
    return bool(HONEST.search(reply.lower().replace("’", "'")))


def has(word: str, reply: str) -> bool:
    """The word in any case, maybe in the plural; one letter alone, or in this case."""
    if len(word) == 1 and reply.strip(" .!\"'").lower() == word.lower():
        return True
    pattern = rf"(?<!\w){re.escape(word)}(?:e?s)?(?!\w)"
    return bool(re.search(pattern, reply, flags=0 if len(word) == 1 else re.IGNORECASE))


def is_right(truth: Truth, reply: str) -> bool:
    """Any true wording is right; what the judge can see to be false is not."""
    reply = " ".join(reply.replace("’", "'").split())
    if truth.honest:
        return is_honest(reply) and len(reply) < 200
    if not reply or is_honest(reply):
        return False
    met = [any(has(word, _same(reply)) or has(word, reply) for word in g) for g in truth.need]
    holds = bool(met) and sum(met) >= truth.least * len(met)
    if truth.says:
        said = re.search(rf"({YES})|{NO}", reply.lower())
        claim = truth.says if holds else ""
        if said:
            claim = "yes" if said[1] else "no"
        if claim != truth.says:
            return False
    elif met and not holds:
        return False
    return _is_true(truth, reply) and _numbers_fit(truth, reply)


def _same(reply: str) -> str:
    return re.sub(r"[A-Za-z]+", lambda word: SAME.get(word[0].lower(), word[0]), reply)


def _claims(reply: str) -> str:
    """The reply without its yes or no, and without what it says is not so."""
    rest = re.sub(r"^\W*(?:yes|no|nope)\b\W*", "", _same(reply), flags=re.IGNORECASE)
    return NEGATED.sub("", rest) if rest.lower() != "none" else rest


def _is_true(truth: Truth, reply: str) -> bool:
    said = _claims(reply)
    found = [word for word in truth.vocabulary if len(word) > 1 and has(word, said)]
    if truth.first:
        found = sorted(found, key=lambda word: said.lower().find(word.lower()))[:1]
    if not all(word in truth.may for word in found):
        return False
    if truth.scene:
        there = {full_name(one) for one in truth.scene["objects"]} | set(truth.scene["counts"])
        told = [name for name in count_things(said) if "thing" not in name]
        return all(name in there or name in truth.names.values() for name in told)
    return True


def _numbers_fit(truth: Truth, reply: str) -> bool:
    text = re.sub(r"\b(that|this|the|which|\w*est) one\b", "", reply.lower())
    said = find_numbers(re.sub(r"^\W*(yes|no)\b[,.!:]? ?(?=\S)|[:$€£]|\.(?=\s|$)", " ", text))
    if truth.numbers and not (said and {said[0], said[-1]} & set(truth.numbers)):
        return False
    return truth.known is None or all(n in (*truth.known, *truth.numbers, 1) for n in said)


def _say(claim: str, told: str, plainly: str = "", wrong: str = "") -> dict[str, str]:
    """The right and a wrong reply to a claim that is so or not; without one, those given."""
    if not claim:
        return {"answer": plainly, "wrong": wrong}
    answer = f"{claim.capitalize()}, {told}." if told else f"{claim.capitalize()}."
    return {"answer": answer, "says": claim, "wrong": {"yes": "No.", "no": "Yes."}[claim]}


def _number(number: int, **names: str) -> Truth:
    """A number that the reply ends or begins with."""
    return Truth(str(number), f"{number}.", names, numbers=(number,), wrong=f"{number + 1}.")


def _colour(rng: Random, colour: str, claim: str, subject: str, names: dict, **facts) -> Truth:
    """The colour of the subject; `claim` asks whether it has it, or has another."""
    other = rng.choice([one for one in COLOURS[:7] if one != colour])
    names = names | {"colour": other if claim == "no" else colour}
    said = _say(claim, f"it is {colour}", f"{subject} is {colour}.", f"{subject} is {other}.")
    facts |= {"vocabulary": COLOURS, "may": (colour,)}
    return Truth(colour, names=names, need=((colour,),), **said, **facts)


def _first_of(right: str, wrong: str, told: str = "{}.", names: dict | None = None,
              vocabulary: tuple[str, ...] = ()) -> Truth:  # fmt: skip
    """Which of two, or of the `vocabulary`: the first that the reply names."""
    return Truth(right, told.format(right), names or {}, ((right,),), may=(right,), first=True,
                 vocabulary=vocabulary or (right, wrong), wrong=told.format(wrong))  # fmt: skip


def unknown(core: str, wrong: str, **names: str) -> Truth:
    return Truth(core, "I do not know that.", names, honest=True, wrong=wrong)


# --- scenes --------------------------------------------------------------------------------------


def _single(rng: Random, record: dict, count: int = 1) -> list[dict]:
    """So many things whose names are theirs alone, or none."""
    single = single_things(record)
    return rng.sample(single, count) if len(single) >= count else []


def colour_of(rng: Random, record: dict, claim: str = "") -> Truth | None:
    for thing in _single(rng, record):
        name = thing["name"]
        return _colour(rng, thing["colour"], claim, f"The {name}", {"thing": name}, scene=record)
    return None


def count(rng: Random, record: dict, claim: str = "", what: str = "kind") -> Truth | None:
    """A number of a kind, of a colour, or of all things; `claim` asks whether it is so many."""
    things = record["objects"]
    if what == "kind":
        name = rng.choice(things)["name"]
        number, names = record["counts"][name], {"things": plural(name)}
    elif what == "colour":
        colour = rng.choice(things)["colour"]
        number, names = sum(one["colour"] == colour for one in things), {"colour": colour}
    elif what == "zero":
        free = [one for one in (*KINDS, *ABSENT) if one not in record["counts"]]
        number, names = 0, {"things": plural(rng.choice(free))}
    else:
        number, names = len(things), {}
    told = number + (rng.choice((1, 2)) if claim == "no" else 0)
    if claim and number < 2:
        return None
    names["number"] = str(told)
    said = _say(claim, f"there are {number}", f"There are {number}.", f"There are {number + 2}.")
    if claim:
        return Truth(str(number), names=names, need=((str(number),),), **said)
    if number == 0:
        said["answer"] = "There are none."
        return Truth("0", names=names, need=(("no", "none", "zero", "0"),), known=(0,), **said)
    known = {*record["counts"].values(), *Counter(one["colour"] for one in things).values()}
    return Truth(str(number), names=names, numbers=(number,),
                 known=tuple(known) if what == "all" else (), **said)  # fmt: skip


def where(rng: Random, record: dict) -> Truth | None:
    for thing in _single(rng, record):
        if is_clear(thing, record["size"]):
            across, down = thing["place"]
            true = [word for word in (across, down) if word not in ("centre", "middle")]
            true = true or ["centre"]
            wrong = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
            return Truth(" ".join(true), f"At the {' '.join(reversed(true))}.",
                         {"thing": thing["name"]}, (tuple(true),),
                         vocabulary=("left", "right", "top", "bottom"), may=tuple(true),
                         wrong=f"On the {wrong.get(true[0], 'left')}.")  # fmt: skip
    return None


def at_side(rng: Random, record: dict, claim: str) -> Truth | None:
    for thing in _single(rng, record):
        side = thing["place"][0]
        if side != "centre" and is_clear(thing, record["size"]):
            asked = side if claim == "yes" else {"left": "right", "right": "left"}[side]
            return Truth(side, names={"thing": thing["name"], "side": asked}, need=((side,),),
                         vocabulary=("left", "right"), may=(side,),
                         **_say(claim, f"it is on the {side}"))  # fmt: skip
    return None


def present(rng: Random, record: dict, claim: str, of: str = "thing") -> Truth | None:
    """Is there a thing, a thing of a colour, or anything of a colour?"""
    thing = rng.choice(record["objects"])
    if claim == "yes":
        name, colour = thing["name"], thing["colour"]
    elif of == "thing":
        name = rng.choice([one for one in (*KINDS, *ABSENT) if one not in record["counts"]])
        colour = "red"
    else:
        seen = [o for o in record["objects"] if of == "colour" or o["name"] == thing["name"]]
        taken = {one["colour"] for one in seen}
        if of == "colour":  # the ground has colours, too
            taken |= {"green", "blue", "orange"}
        free = [one for one in COLOURS[:7] if one not in taken]
        if not free or thing["name"] in ("tree", "plant", "sun", "cloud", "traffic light"):
            return None
        name, colour = thing["name"], rng.choice(free)
    whole = {"thing": name, "both": f"{colour} {name}", "colour": f"{colour} thing"}[of]
    names = {"thing": name, "a_thing": with_article(whole), "things": plural(name),
             "colour": colour}  # fmt: skip
    said = _say(claim, f"there is {with_article(whole)}" if claim == "yes" else f"no {whole}")
    alike = [o["name"] for o in record["objects"] if o["colour"] == colour]
    need = (tuple(alike),) if of == "colour" and claim == "yes" else ()
    return Truth(whole, names=names, need=need, scene=record, **said)


def where_absent(rng: Random, record: dict) -> Truth:
    name = rng.choice([one for one in ABSENT if one not in record["counts"]])
    return Truth(name, f"There is no {name} in the picture.", {"thing": name}, says="no",
                 wrong=f"The {name} is on the left.")  # fmt: skip


def _middle(thing: dict) -> tuple[float, float]:
    left, top, right, bottom = thing["box"]
    return (left + right) / 2, (top + bottom) / 2


def next_to(rng: Random, record: dict) -> Truth | None:
    """What stands nearest, where everything else is much further."""
    for thing in _single(rng, record):
        others = [one for one in record["objects"] if one is not thing]
        others.sort(key=lambda one: dist(_middle(one), _middle(thing)))
        far = [dist(_middle(one), _middle(thing)) for one in others]
        if len(far) > 1 and far[1] > 1.6 * far[0] and far[0] < 0.35 * record["size"][0]:
            name = others[0]["name"]
            other = next((o["name"] for o in others if o["name"] != name), "elephant")
            return Truth(name, f"The {name}.", {"thing": thing["name"]}, ((name, *_people(name)),),
                         scene=record, vocabulary=tuple(KINDS), may=(name, thing["name"]),
                         wrong=f"The {other}.")  # fmt: skip
    return None


def _people(name: str) -> tuple[str, ...]:
    return ("people", "man", "woman") if name == "person" else ()


def relation(rng: Random, record: dict, claim: str) -> Truth | None:
    """Is one thing left of another? Far enough apart to be plain."""
    pair = _single(rng, record, 2)
    if not pair:
        return None
    left, right = sorted(pair, key=_middle)
    if _middle(right)[0] - _middle(left)[0] < 0.2 * record["size"][0]:
        return None
    names = {"left": left["name"], "right": right["name"]}
    if claim == "no":
        names = {"left": right["name"], "right": left["name"]}
    return Truth(claim, names=names, **_say(claim, ""))


def further_left(rng: Random, record: dict) -> Truth | None:
    true = relation(rng, record, "yes")
    if not true:
        return None
    left, right = true.names["left"], true.names["right"]
    names = dict(zip(("thing", "other"), rng.sample((left, right), 2), strict=True))
    return _first_of(left, right, "The {}.", names)


def what_is_colour(rng: Random, record: dict) -> Truth | None:
    colours = Counter(one["colour"] for one in record["objects"])
    single = [one for one in record["objects"] if colours[one["colour"]] == 1]
    if not single:
        return None
    name, colour = (thing := rng.choice(single))["name"], thing["colour"]
    other = rng.choice([one for one in KINDS if one not in record["counts"]])
    return Truth(name, f"The {name}.", {"colour": colour}, ((name, *_people(name)),), scene=record,
                 vocabulary=tuple(KINDS), may=(name,), wrong=f"The {other}.")  # fmt: skip


def what_there(rng: Random, record: dict) -> Truth:
    """An open question: most kinds named, and nothing that is not there."""
    names = sorted(record["counts"])
    absent = rng.choice([one for one in KINDS if one not in names])
    answer = f"I see {join_words([full_name(one) for one in record['objects']])}."
    need = tuple((name, plural(name), *_people(name)) for name in names)
    return Truth(" ".join(names), answer, {}, need, least=0.6, scene=record,
                 wrong=f"I see a {absent}.")  # fmt: skip


def colours_there(rng: Random, record: dict) -> Truth:
    colours = sorted({one["colour"] for one in record["objects"]})
    absent = next(one for one in COLOURS if one not in colours)
    return Truth(" ".join(colours), f"{join_words(colours)}.", {}, tuple((c,) for c in colours),
                 least=0.6, vocabulary=COLOURS, may=tuple(colours), wrong=f"{absent}.")  # fmt: skip


def setting(rng: Random, record: dict) -> Truth:
    true, other = ("table", "street") if record["setting"] == "table" else ("street", "table")
    need = {"table": ("table", "desk", "inside", "indoors", "room"),
            "street": ("street", "road", "outside", "outdoors", "town", "city")}  # fmt: skip
    return Truth(true, f"It is a {true}.", {}, (need[true],), vocabulary=need[other],
                 wrong=f"It is a {other}.")  # fmt: skip


def same_colour(rng: Random, record: dict, claim: str) -> Truth | None:
    pair = _single(rng, record, 2)
    if not pair or (pair[0]["colour"] == pair[1]["colour"]) != (claim == "yes"):
        return None
    names = {"thing": pair[0]["name"], "other": pair[1]["name"]}
    return Truth(claim, names=names, scene=record, **_say(claim, ""))


def most_of(rng: Random, record: dict) -> Truth | None:
    (name, number), *rest = Counter(record["counts"]).most_common(2)
    if not rest or rest[0][1] == number:
        return None
    return Truth(name, f"The {plural(name)}.", {}, ((name, plural(name)),), scene=record,
                 vocabulary=tuple(record["counts"]), may=(name,), first=True,
                 wrong=f"The {plural(rest[0][0])}.")  # fmt: skip


def text_on(rng: Random, record: dict, name: str, claim: str = "") -> Truth | None:
    found = [one for one in record["objects"] if one["name"] == name]
    if len(found) != 1:
        return None
    text = found[0]["text"]
    other = str(int(text) % 99 + 1) if name == "bus" else "OTHER STREET"
    numbers = (float(text),) if name == "bus" and not claim else ()
    said = _say(claim, f"it is {text}", f"It says {text}.", f"It says {other}.")
    names = {"text": other if claim == "no" else text}
    return Truth(text, names=names, need=((text,),), numbers=numbers, **said)


def unknown_scene(rng: Random, record: dict) -> Truth:
    return unknown("scene", "It is Anna.", thing=rng.choice(record["objects"])["name"])


# --- receipts ------------------------------------------------------------------------------------


def _amounts(record: dict) -> tuple[float, ...]:
    """All numbers of a receipt."""
    found = [*record["printed"].values(), record["number"], record["tax_percent"]]
    found += [x for one in record["items"] for x in (one["printed"], one["quantity"])]
    found += [one["unit_cents"] / 100 for one in record["items"]]
    found += [float(part) for part in record["date"].split("-")] + [len(record["items"])]
    return tuple(map(float, found)) + tuple(-float(x) for x in record["date"].split("-"))


def amount(rng: Random, record: dict, what: str, claim: str = "") -> Truth:
    """A number that is printed; of an item, where `what` says so."""
    item = rng.choice(record["items"])
    values = {"price": item["printed"], "quantity": str(item["quantity"]),
              "items": str(len(record["items"])), "number": record["number"],
              "percent": str(record["tax_percent"])}  # fmt: skip
    value = values.get(what) or record["printed"][what]
    right = (float(value),)
    if what == "items":  # how many lines, or how many pieces
        right += (float(sum(one["quantity"] for one in record["items"])),)
    if what == "price":
        right += (item["unit_cents"] / 100,)
    near = f"{float(value) + 3:.2f}" if "." in value else str(int(value) + 3)
    names = {"item": item["name"].lower(), "value": near if claim == "no" else value}
    said = _say(claim, f"it is {value}", value, "7654321")
    if claim:
        return Truth(value, names=names, need=((value,),), **said)
    return Truth(value, names=names, numbers=right, known=_amounts(record), **said)


def bought(rng: Random, record: dict) -> Truth:
    names = [one["name"] for one in record["items"]]
    return Truth(" ".join(names), f"{join_words(names)}.", {}, tuple((one,) for one in names),
                 vocabulary=(*GOODS, *MORE_GOODS), may=(*names, *_shop_words(record)),
                 known=_amounts(record))  # fmt: skip


def _shop_words(record: dict) -> tuple[str, ...]:
    return tuple(one for one in (*GOODS, *MORE_GOODS) if has(one, record["shop"]))


def bought_item(rng: Random, record: dict, claim: str) -> Truth:
    names = [one["name"] for one in record["items"]]
    taken = " ".join(names)
    free = [one for one in (*GOODS, *MORE_GOODS) if one not in taken]
    item = rng.choice(names if claim == "yes" else free)
    return Truth(item, names={"item": item.lower()}, **_say(claim, ""))


def extreme_item(rng: Random, record: dict, most: bool) -> Truth | None:
    """The cheapest or dearest item, where the line's price and the unit's agree on it."""
    names = tuple(one["name"] for one in record["items"])
    found = {(max if most else min)(record["items"], key=lambda one: one[key])["name"]
             for key in ("cents", "unit_cents")}  # fmt: skip
    if len(found) > 1 or len(names) < 2:
        return None
    (name,) = found
    return _first_of(name, next(one for one in names if one != name), vocabulary=names)


def when(rng: Random, record: dict) -> Truth:
    day = date.fromisoformat(record["date"])
    ways = ["{0:%Y-%m-%d}", "{0.day} {0:%B}", "{0:%B} {0.day}", "{0.day} {0:%b}", "{0:%b} {0.day}",
            "{0:%d.%m.%Y}", "{0:%d/%m/%Y}", "{0:%m/%d/%Y}", "{0.day}th {0:%B}",
            "{0:%B} {0.day}th", "{0.day}th of {0:%B}"]  # fmt: skip
    return Truth(record["date"], f"It was on {record['date']}.", {},
                 (tuple(way.format(day) for way in ways),))  # fmt: skip


def year(rng: Random, record: dict) -> Truth:
    text = record["date"][:4]
    return Truth(text, text, {}, ((text, record["date"]),), wrong=str(int(text) + 1))


def shop(rng: Random, record: dict, claim: str = "") -> Truth:
    name = record["shop"]
    asked = rng.choice([one for one in ("Moon Cafe", "Oak Kiosk") if one.upper() != name])
    if claim == "yes":
        asked = name.title()
    said = _say(claim, f"it is {name}", f"The shop is {name}.", "The shop is SUN KIOSK.")
    return Truth(name, names={"shop": asked}, need=((name,),), **said)


# --- charts --------------------------------------------------------------------------------------


def _chart_numbers(record: dict) -> tuple[float, ...]:
    labels = find_numbers(" ".join(one["label"] for one in record["bars"]))
    return tuple([one["value"] for one in record["bars"]] + labels + [len(record["bars"])])


def title(rng: Random, record: dict) -> Truth:
    text, unit = record["title"], record["axis"]["label"]
    key = max(text.split(), key=len)
    return Truth(text, f"It is about {text}.", {}, ((text, key, unit),), wrong="Cheese and ham")


def chart_number(rng: Random, record: dict, what: str, claim: str = "") -> Truth | None:
    bars = sorted(record["bars"], key=lambda one: one["value"])
    one, other = rng.sample(bars, 2)
    high, low = sorted((one, other), key=lambda bar: -bar["value"])
    limit = rng.choice(bars)["value"] - 1
    number = {"bars": len(bars), "value": one["value"], "highest": bars[-1]["value"],
              "lowest": bars[0]["value"], "difference": high["value"] - low["value"],
              "sum": one["value"] + other["value"], "top": record["axis"]["max"],
              "above": sum(bar["value"] > limit for bar in bars)}[what]  # fmt: skip
    names = {"label": one["label"], "other": other["label"], "unit": record["axis"]["label"],
             "high": high["label"], "low": low["label"],
             "limit": str(limit)}  # fmt: skip
    names["value"] = str(number + (rng.randint(2, 9) if claim == "no" else 0))
    said = _say(claim, f"it is {number}", f"It is {number}.", f"It is {number + 2}.")
    if claim:
        return Truth(str(number), names=names, need=((str(number),),), **said)
    known = (*_chart_numbers(record), limit, -low["value"])
    return Truth(str(number), names=names, numbers=(number,), known=known, **said)


def extreme_bar(rng: Random, record: dict, most: bool) -> Truth:
    bars = sorted(record["bars"], key=lambda one: one["value"], reverse=most)
    labels = tuple(one["label"] for one in bars)
    return _first_of(*labels[:2], names={"unit": record["axis"]["label"]}, vocabulary=labels)


def higher_of(rng: Random, record: dict, claim: str = "") -> Truth:
    """Which of two has more; or whether the first has."""
    low, high = sorted(rng.sample(record["bars"], 2), key=lambda one: one["value"])
    pair = (high, low) if claim == "yes" else (low, high)
    if not claim:
        pair = rng.sample(pair, 2)
    names = {"label": pair[0]["label"], "other": pair[1]["label"], "unit": record["axis"]["label"]}
    if claim:
        return Truth(claim, names=names, **_say(claim, ""))
    return _first_of(high["label"], low["label"], names=names)


def labels_of(rng: Random, record: dict) -> Truth:
    labels = [one["label"] for one in record["bars"]]
    return Truth(" ".join(labels), f"{', '.join(labels)}.", {}, tuple((one,) for one in labels),
                 known=_chart_numbers(record), wrong="Spoon, fork, knife.")  # fmt: skip


def bar_colour(rng: Random, record: dict, claim: str = "") -> Truth | None:
    if any(one["label"].lower() in COLOURS for one in record["bars"]):
        return None
    bar = rng.choice(record["bars"])
    return _colour(rng, bar["colour"], claim, "It", {"label": bar["label"]})


def label_there(rng: Random, record: dict, claim: str) -> Truth:
    there = claim == "yes"
    label = rng.choice(record["bars"])["label"] if there else rng.choice(("Zoe", "Berlin", "Rice"))
    return Truth(label, names={"label": label}, **_say(claim, ""))


def unit(rng: Random, record: dict) -> Truth:
    text = record["axis"]["label"]
    return Truth(text, f"{text}.", {}, ((text, record["title"]),), wrong="kilograms")


# --- text, plain, strange, words, talk -----------------------------------------------------------


def all_lines(rng: Random, record: dict, count: int = 0) -> Truth | None:
    lines = [" ".join(line.split()) for line in record["lines"]]
    if count and len(lines) != count:
        return None
    return Truth(" ".join(lines), " ".join(lines), {}, tuple((one,) for one in lines))


def one_line(rng: Random, record: dict, index: int) -> Truth | None:
    lines = [" ".join(line.split()) for line in record["lines"]]
    if len(lines) < max(2, index + 1):
        return None
    wanted, rest = lines[index], [line for line in lines if line != lines[index]]
    if not rest or any(line in wanted or wanted in line for line in rest):
        return None
    return Truth(wanted, wanted, {}, ((wanted,),), vocabulary=tuple(rest), wrong=rest[0])


def line_count(rng: Random, record: dict) -> Truth:
    return _number(len(record["lines"]))


def plain(rng: Random, record: dict, claim: str = "") -> Truth:
    return _colour(rng, record["colour"], claim, "It", {})


def nothing(rng: Random, record: dict) -> Truth:
    need = ("no", "none", "nothing", "zero", "0", "empty", "only", "just", "plain")
    return Truth("nothing", "There is nothing in it.", {}, (need,), vocabulary=tuple(KINDS),
                 wrong="I see a mug and a lamp.")  # fmt: skip


def cannot_tell(rng: Random, record: dict) -> Truth:
    return unknown("strange", "It is a red mug on a table.", thing=rng.choice(list(KINDS)),
                   colour=rng.choice(COLOURS))  # fmt: skip


def reversed_word(rng: Random, record: dict) -> Truth:
    word = rng.choice(WORDS)
    turned = word[::-1]
    return Truth(turned, turned, {"word": word}, ((turned, *(between.join(turned) for between in
                 ("-", " ", ", "))),), wrong=word)  # fmt: skip


def letters(rng: Random, record: dict, first: bool | None = None) -> Truth:
    """How many letters a word has, or its first or last one."""
    word = rng.choice(WORDS)
    if first is None:
        return _number(len(word), word=word)
    letter = word[0] if first else word[-1]
    ways = (letter.upper(), f"'{letter}'", f'"{letter}"', f"{letter}.")
    return Truth(letter, letter.upper(), {"word": word}, (ways,), wrong="Q")


def animals(rng: Random, record: dict, number: int = 3) -> Truth:
    """At least so many animals among the words."""
    share = number / len(ANIMALS)
    return Truth("animals", "cat, dog, horse"[: 15 if number > 2 else 8], {},
                 tuple((one,) for one in ANIMALS), least=share - 1e-9,
                 wrong="table, lamp, red")  # fmt: skip


def arithmetic(rng: Random, record: dict, sign: str) -> Truth:
    one, other = rng.randint(2, 9), rng.randint(2, 9)
    if sign == "-":
        one = other + one
    number = {"+": one + other, "-": one - other, "*": one * other}[sign]
    return _number(number, one=str(one), other=str(other))


def talk(*need: str, answer: str) -> Callable[[Random, dict], Truth]:
    return lambda rng, record: Truth("talk", answer, {}, (need,), wrong="The red bar has 7.")


def world(rng: Random, record: dict) -> Truth:
    return unknown("world", "It is 4.")


def unknown_paper(rng: Random, record: dict) -> Truth:
    return unknown("paper", "Her name is Anna.")


def _claimed(name: str, rule: Callable, /, **more: object) -> dict[str, Callable]:
    """A rule twice: the claim is so, or is not."""
    return {
        f"{name}_{claim}": lambda rng, record, c=claim: rule(rng, record, claim=c, **more)
        for claim in ("yes", "no")
    }


def _with(rule: Callable, *given: object, **more: object) -> Callable:
    return lambda rng, record: rule(rng, record, *given, **more)


RULES: dict[str, Callable[[Random, dict], Truth | None]] = {
    "colour_of": colour_of, **_claimed("colour", colour_of),
    "count_of": count, "count_colour": _with(count, what="colour"),
    "count_all": _with(count, what="all"), "count_zero": _with(count, what="zero"),
    **_claimed("count", count), **_claimed("count_all", count, what="all"),
    "where": where, **_claimed("side", at_side), "where_absent": where_absent,
    **_claimed("present", present), **_claimed("present_both", present, of="both"),
    **_claimed("any_colour", present, of="colour"),
    "next_to": next_to, **_claimed("relation", relation), "further_left": further_left,
    "what_is_colour": what_is_colour, "what_there": what_there, "colours_there": colours_there,
    "setting": setting, **_claimed("same_colour", same_colour), "most_of": most_of,
    "text_on_bus": _with(text_on, "bus"), "text_on_sign": _with(text_on, "sign"),
    **_claimed("bus", text_on, name="bus"), "unknown_scene": unknown_scene,
    **{name: _with(amount, name) for name in ("total", "tax", "subtotal", "price", "quantity",
                                              "items", "number", "percent")},
    **_claimed("total", amount, what="total"), **_claimed("price", amount, what="price"),
    "bought": bought, **_claimed("bought", bought_item),
    "cheapest": _with(extreme_item, False), "dearest": _with(extreme_item, True),
    "date": when, "year": year, "shop": shop, **_claimed("shop", shop),
    "unknown_paper": unknown_paper, "title": title, "unit": unit, "labels": labels_of,
    **{name: _with(chart_number, what) for name, what in (
        ("bars", "bars"), ("value", "value"), ("highest_value", "highest"),
        ("lowest_value", "lowest"), ("difference", "difference"), ("sum_two", "sum"),
        ("axis_top", "top"), ("above", "above"))},
    **_claimed("value", chart_number, what="value"), **_claimed("bars", chart_number, what="bars"),
    "highest": _with(extreme_bar, True), "lowest": _with(extreme_bar, False),
    "higher_of": higher_of, **_claimed("higher", higher_of),
    "bar_colour": bar_colour, **_claimed("bar_colour", bar_colour),
    **_claimed("label", label_there),
    "text": all_lines, "text_one": _with(all_lines, 1), "line_count": line_count,
    "first_line": _with(one_line, 0), "second_line": _with(one_line, 1),
    "last_line": _with(one_line, -1),
    "plain": plain, **_claimed("plain", plain), "nothing": nothing, "cannot_tell": cannot_tell,
    "reversed": reversed_word, "letters": letters, "first_letter": _with(letters, True),
    "last_letter": _with(letters, False), "three_animals": animals,
    "one_animal": _with(animals, 1), "plus": _with(arithmetic, "+"),
    "minus": _with(arithmetic, "-"), "times": _with(arithmetic, "*"),
    "hello": talk("hello", "hi", "hey", "help", "good", answer="Hello! How can I help?"),
    "who": talk("model", "assistant", "pocket", answer="I am a small model."),
    "thanks": talk("welcome", "pleasure", "glad", "happy", "problem", "any time",
                   answer="You are welcome."),
    "bye": talk("bye", "goodbye", "see you", "soon", "good night", answer="Goodbye!"),
    "can_do": talk("picture", "image", "question", "read", "count", "describe", "chart",
                   answer="I can answer questions about pictures."),
    "world": world,
}  # fmt: skip
