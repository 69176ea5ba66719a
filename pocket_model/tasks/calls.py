"""Calls of tools that were never seen: ordinary and made-up ones, with a picture or without.

A tool's name, its arguments and their descriptions are composed anew for each sample, so that they
can only be read and copied. Some domains are never trained on (those of a line that begins "@!").
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from string import Template

from pocket_model.tasks import charts, receipts, scenes
from pocket_model.tasks.judging import has_one, holds
from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.talks import ONES, ask_name_one
from pocket_model.tasks.texts import (
    FOODS,
    NAMES,
    SYLLABLES,
    ask_glossary,
    ask_reverse,
    ask_sum,
    ask_talk,
    ask_unknown,
    listed,
)
from pocket_model.tasks.turn import (
    Turn,
    capital,
    with_article,
    write_signature,
    write_tool_call,
)
from pocket_model.tasks.wordings import Wordings, make_choices, vary
from pocket_model.tasks.words_talk import (
    ask_name_some,
    ask_spell,
    ask_sum_talk,
    ask_unknown_talk,
    ask_word_reverse,
)

CITIES = (
    *ONES["a city"],
    *["Tokyo", "Delhi", "Sydney", "Dublin", "Prague", "Athens", "Boston", "Lisbon", "Geneva"],
)
REPLIES_NO_TOOL = (
    "I cannot do that. No tool fits.",
    "I do not know. No tool here fits.",
    "I cannot do that: I have no tool for it.",
)
# A domain: "@name group: verbs; nouns; what it does; result=kind", then a line for each argument
# (letter, names, kind), then its requests: "-" what one asks to be done, "?" a question or
# anything that stands alone. "@!" is never trained on, "@%" is called with what a picture holds.
DOMAINS = Path(__file__).with_name("tool_domains.txt")
GROUPS = Path(__file__).with_name("tool_groups.txt")


@dataclass(frozen=True)
class Slot:
    """An argument: what it may be called, and what kind of value it takes."""

    names: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class Domain:
    """A tool of daily life: what it may be called, what it takes, and how people ask for it."""

    name: str
    group: str
    verbs: tuple[str, ...]
    nouns: tuple[str, ...]
    does: str
    result: tuple[str, str]
    slots: dict[str, Slot]
    forms: tuple[tuple[str, str], ...]  # (section of the frame, request)


@cache
def read_domains() -> dict[str, tuple[Domain, ...]]:
    """{"train": domains, "held_out": those never trained on, "picture": those for a picture}."""
    found: dict[str, list[Domain]] = {"train": [], "held_out": [], "picture": []}
    text = DOMAINS.read_text(encoding="utf-8").replace("\n  ", " ")  # a line that goes on
    for block in re.split(r"^@", text, flags=re.MULTILINE)[1:]:
        head, *lines = block.strip().splitlines()
        titles, rest = head.split(":", 1)
        name, group = titles.lstrip("!%").split()
        verbs, nouns, does, result = (part.strip() for part in rest.split(";"))
        slots, forms = {}, []
        for line in lines:
            mark, text = line.split(" ", 1)
            if mark in "-?":
                forms.append(("tool_do" if mark == "-" else "tool_say", text))
            else:
                names, kind = text.split(" ", 1)
                slots[mark] = Slot(tuple(names.split("/")), kind)
        key, kind = result.split("=")
        domain = Domain(name, group, tuple(verbs.split()), tuple(nouns.split()), does,
                        (key, kind), slots, tuple(forms))  # fmt: skip
        found[{"!": "held_out", "%": "picture"}.get(head[0], "train")].append(domain)
    return {which: tuple(domains) for which, domains in found.items()}


@cache
def read_sets(name: str) -> list[set[str]]:
    """The sets of groups under this name in tool_groups.txt."""
    text = GROUPS.read_text(encoding="utf-8").replace("\n  ", " ")
    return [set(groups.split()) for groups in re.findall(rf"^{name}: (.*)$", text, re.MULTILINE)]


def read_groups(name: str) -> set[str]:
    return set().union(*read_sets(name))


# --- domains made up on the spot -----------------------------------------------------------------

THINGS = listed(
    "bike car room book product order user lamp pump machine boat house garden tree device sensor "
    "file report task player team hotel shop street bridge cable battery printer engine wheel tank "
    "box parcel ticket phone laptop screen desk chair shelf door window bottle recipe song film "
    "course lesson student teacher doctor patient dog cat horse cow plant field truck tractor "
    "crane robot drone camera server router disk table bucket mailbox sock tent kayak violin piano"
)
THINGS_HELD_OUT = listed("oven ladder candle helmet puzzle balloon carpet statue wagon anchor")
PROPERTIES = listed(
    "price stock weight height colour owner size age length status score address rating speed "
    "level pressure power version title author date place width depth name rank code key grade "
    "floor seat team value cost number state type mood smell noise temperature distance volume "
    "brand model material shape history capacity load limit range mileage rent tax salary"
)
PROPERTIES_HELD_OUT = listed("thickness warranty density origin flavour humidity strength postcode")
ACTIONS = listed(
    "open close delete print buy reserve stop start copy move lock unlock share clean pay check "
    "read update cancel repair paint wash sell rent watch follow block test load empty fill weigh "
    "count hide show reset charge pause freeze heat cool archive approve reject ship sign tag"
)
ACTIONS_HELD_OUT = listed("polish melt inspect rotate wrap donate calibrate")
# Words that mean nearly the same stand in one class: no family has two of them.
CLASSES = {
    word: index
    for index, row in enumerate(
        (
            "price cost value rent salary tax", "rank score rating grade level status state",
            "size height width depth length volume capacity load limit range distance shape",
            "age date", "code key number name title id version brand model type address place",
            "temperature heat cool freeze", "mood smell noise flavour", "owner author team",
            "pressure power speed mileage", "stock count weigh weight check test inspect read show",
            "open unlock", "close lock hide archive", "delete cancel reject empty",
            "buy reserve rent pay", "stop pause start reset", "wash clean polish",
            "sell share ship donate", "update repair calibrate set change", "copy print",
            "watch follow", "approve sign tag", "fill charge", "origin postcode",
            "density strength",
        )
    )
    for word in row.split()
}  # fmt: skip
ENTITY_KINDS = ("made", "made", "code", "digits", "person", "code")
ENTITY_NAMES = ("name", "id", "key", "which", "item", "ref", "label", "number")


def _entity_slot(rng: Random, thing: str, kind: str) -> Slot:
    names = (thing, f"{thing}_id", f"{thing}_name", rng.choice(ENTITY_NAMES))
    return Slot(names, kind)


def _make_family(rng: Random, which: str, count: int) -> list[tuple[Domain, dict[str, str]]]:
    """`count` tools for the same sort of thing, alike in name, and the names for their requests."""
    held = which == "held_out"
    thing = rng.choice(THINGS_HELD_OUT if held else THINGS)
    properties = PROPERTIES_HELD_OUT if held else PROPERTIES
    actions = ACTIONS_HELD_OUT if held else ACTIONS
    kind = rng.choice(ENTITY_KINDS)
    slot = _entity_slot(rng, thing, kind)
    used: set[str] = set()
    family = []
    while len(family) < count:
        how = rng.choice(("look", "look", "act", "set"))
        word = rng.choice(actions if how == "act" else properties)
        sort = str(CLASSES.get(word, word))
        if sort in used or word == thing:
            continue
        used.add(sort)
        one = with_article(thing)
        if how == "look":
            verbs, noun = ("get", "find", "look_up", "read", "fetch", "show", "check"), word
            does, result = f"find the {word} of {one}", (word, rng.choice(("int", "made")))
        elif how == "act":
            verbs, noun, does, result = (word,), "", f"{word} {one}", ("status", "done")
        else:
            verbs, noun = ("set", "change", "write", "update"), word
            does, result = f"set the {word} of {one}", ("status", "done")
        nouns = ((f"{thing}_{noun}", f"{noun}_of_{thing}", f"{noun}_of_the_{thing}")
                 if noun else (thing, f"the_{thing}", f"one_{thing}"))  # fmt: skip
        slots = {"a": slot}
        if how == "set":
            value = rng.choice(("int", "dec", "made", "word", "neg"))
            slots["b"] = Slot((word, "value", f"new_{word}", "to"), value)
        domain = Domain(f"{word}_{thing}", thing, verbs, nouns, does, result, slots,
                        ((f"tool_{how}", ""),))  # fmt: skip
        family.append((domain, {"p": word, "e": thing}))
    return family


# --- values --------------------------------------------------------------------------------------

STREETS = listed("Street Square Road Station Bridge Park Lane Market Gate Harbour Hill Church")
ROOMS = listed(
    "kitchen bedroom hall garage office bathroom cellar attic garden study porch lounge library "
    "nursery pantry workshop studio balcony dining-room lab"
)
KINDS_OF_PLACE = listed("bakery pharmacy bank cafe supermarket gym school museum toilet bar")
PLANTS = listed("fern cactus rose ivy basil orchid palm bonsai mint tulip lemon-tree")
LANGUAGES = listed("French German Spanish Italian Dutch Polish Latin Greek Danish Czech Turkish")
CURRENCIES = listed("dollars pounds yen francs crowns rupees pesos zloty lira USD GBP CHF")
DAYS = listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday tomorrow")
MONTHS = listed("January February March April May June July August October November")
LETTERS = "ABCDEFGHKLMNPRSTUVWXYZ"
TYPES = {"int": "integer", "small": "integer", "dec": "number", "money": "number", "neg": "number"}


def make_word(rng: Random, least: int = 2, most: int = 3) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randint(least, most)))


def _make_code(rng: Random) -> str:
    letters = "".join(rng.choices(LETTERS, k=rng.randint(1, 3)))
    number = str(rng.randint(1, 99999))
    return rng.choice(
        (f"{letters}-{number}", f"{letters}{number}", f"{number}{letters}", f"{letters}_{number}",
         f"{letters.lower()}-{number}", f"{letters}-{number[:2]}-{rng.choice(LETTERS)}",
         f"{make_word(rng, 1, 2)}{number}", f"{make_word(rng, 1, 2)}_{letters.lower()}")
    )  # fmt: skip


def _make_text(rng: Random) -> str:
    words = [
        make_word(rng) if rng.random() < 0.3 else rng.choice(COMMON)
        for _ in range(rng.choice((1, 2, 2, 3, 3, 4, 5)))
    ]
    how = rng.choice(("small", "small", "first", "all"))
    if how == "all":  # as titles are written
        words = [capital(word) for word in words]
    text = " ".join(words)
    return capital(text) if how == "first" else text


def _make_file(rng: Random) -> str:
    stem = rng.choice((make_word(rng), rng.choice(COMMON), f"{rng.choice(COMMON)}_{make_word(rng)}",
                       f"{rng.choice(COMMON)}-{rng.randint(1, 99)}"))  # fmt: skip
    folder = f"{rng.choice(COMMON)}/" if rng.random() < 0.25 else ""
    return f"{folder}{stem}.{rng.choice(('txt', 'pdf', 'csv', 'md', 'py', 'json', 'jpg', 'doc'))}"


def _make_date(rng: Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2024, 2031)
    return rng.choice(
        (rng.choice(DAYS), rng.choice(DAYS), f"{year}-{month:02}-{day:02}",
         f"{day} {rng.choice(MONTHS)}", f"{rng.choice(MONTHS)} {day}",
         f"{day:02}/{month:02}/{year}")
    )  # fmt: skip


def _make_place(rng: Random) -> str:
    name = capital(make_word(rng)) if rng.random() < 0.6 else capital(rng.choice(COMMON))
    return name if rng.random() < 0.3 else f"{name} {rng.choice(STREETS)}"


def _make_person(rng: Random) -> str:
    return rng.choice(NAMES) if rng.random() < 0.5 else capital(make_word(rng))


class Number(str):
    """A number as it is written, so that 12.30 is copied as 12.30."""

    __slots__ = ()


def _make_decimal(rng: Random, negative: float) -> Number:
    roll = rng.random()
    sign = "-" if rng.random() < negative else ""
    whole = str(rng.randint(0, 99) if roll < 0.7 else rng.randint(100, 5000))
    part = "" if rng.random() < 0.35 else f".{rng.randint(1, 9)}" if roll < 0.6 else (
        f".{rng.randint(0, 9)}{rng.randint(1, 9)}")  # fmt: skip
    return Number(sign + whole + part) if sign + whole != "-0" or part else Number("0")


def _make_money(rng: Random) -> Number:
    whole = str(rng.randint(1, rng.choice((20, 100, 2000))))
    return Number(whole if rng.random() < 0.4 else f"{whole}.{rng.randint(0, 99):02}")


MAKERS: dict[str, Callable[[Random], object]] = {
    "city": lambda rng: rng.choice(CITIES) if rng.random() < 0.4 else capital(make_word(rng)),
    "place": _make_place,
    "room": lambda rng: rng.choice(ROOMS),
    "person": _make_person,
    "fullname": lambda rng: f"{_make_person(rng)} {capital(make_word(rng))}",
    "team": lambda rng: f"{capital(make_word(rng))} {rng.choice(('United', 'FC', 'Bears'))}",
    "word": lambda rng: rng.choice(COMMON) if rng.random() < 0.6 else make_word(rng),
    "made": lambda rng: rng.choice((make_word, make_word, _make_code))(rng),
    "thing": lambda rng: rng.choice(THINGS) if rng.random() < 0.5 else rng.choice(COMMON),
    "thing2": lambda rng: rng.choice(KINDS_OF_PLACE),
    "plant": lambda rng: rng.choice(PLANTS),
    "food": lambda rng: rng.choice(FOODS).removeprefix("a ").removeprefix("an "),
    "text": _make_text,
    "code": _make_code,
    "digits": lambda rng: str(rng.randint(100, 9999999)),
    "small": lambda rng: rng.randint(1, 12),
    "int": lambda rng: rng.randint(2, rng.choice((50, 99, 500, 9999))),
    "dec": lambda rng: _make_decimal(rng, 0.25),
    "neg": lambda rng: _make_decimal(rng, 0.6),
    "money": _make_money,
    "time": lambda rng: f"{rng.randint(0, 23)}:{rng.randint(0, 59):02}",
    "date": _make_date,
    "day": lambda rng: rng.choice(DAYS),
    "mail": lambda rng: (
        f"{make_word(rng)}{rng.choice(('', '.b', '_x', '7'))}@{make_word(rng)}"
        f".{rng.choice(('org', 'com', 'net', 'de', 'io'))}"
    ),
    "phone": lambda rng: rng.choice(("0", "+44 ", "+1-", "")) + str(rng.randint(10**5, 10**9)),
    "file": _make_file,
    "path": lambda rng: f"/{rng.choice(COMMON)}/{make_word(rng)}",
    "url": lambda rng: (
        f"{rng.choice(('', 'www.', 'https://'))}{make_word(rng)}"
        f".{rng.choice(('org', 'com', 'net'))}"
    ),
    "host": lambda rng: f"{make_word(rng, 1, 2)}-{rng.randint(1, 40)}",
    "secret": lambda rng: "".join(rng.choices(LETTERS + "abdefh2345678", k=rng.randint(5, 10))),
    "plate": lambda rng: f"{''.join(rng.choices(LETTERS, k=2))}-{rng.randint(10, 9999)}",
    "square": lambda rng: f"{rng.choice('abcdefgh')}{rng.randint(1, 8)}",
    "language": lambda rng: rng.choice(LANGUAGES),
    "currency": lambda rng: rng.choice(CURRENCIES),
    "ticker": lambda rng: "".join(rng.choices(LETTERS, k=rng.randint(3, 4))),
    "done": lambda rng: rng.choice(("done", "ok")),
}


def _make_value(rng: Random, slot: Slot) -> tuple[object, str]:
    """A value, and what the request calls it."""
    if slot.kind.startswith("enum:"):
        word = rng.choice(slot.kind[5:].split("/"))
        return word, word
    if slot.kind.startswith("bool:"):
        yes = rng.random() < 0.5
        return yes, slot.kind[5:].split("/")[not yes]
    value = MAKERS[slot.kind](rng)
    return value, str(value)


def write_value(value: object) -> str:
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def write_call(name: str, arguments: dict[str, object]) -> str:
    """A call with its numbers as in the request."""
    return write_tool_call(name, write_arguments(arguments))


def write_arguments(arguments: dict[str, object]) -> str:
    inner = ", ".join(f"{json.dumps(key)}: {write_value(one)}" for key, one in arguments.items())
    return f"{{{inner}}}"


def true_call(name: str, arguments: dict[str, object]) -> dict:
    """The call as the judge compares it."""
    plain = {
        key: json.loads(value) if isinstance(value, Number) else value
        for key, value in arguments.items()
    }
    return {"name": name, "arguments": plain}


# --- names and descriptions ----------------------------------------------------------------------

PREFIXES = (*[""] * 24, "my_", "do_", "api_", "app_", "home_", "tool_", "x_", "the_")
SUFFIXES = (*[""] * 20, "_v2", "_now", "_tool", "_api", "_2", "_by_name", "_info")
DESCRIPTIONS = (
    "{C}", "{C}.", "{c}", "{C}.", "Use this to {c}.", "Call it to {c}.", "A tool to {c}",
    "This function can {c}.", "Tool: {c}", "Helps to {c}", "Use it when the user wants to {c}.",
    "{C}. Returns the result as JSON.", "To {c}.", "Lets you {c}", "{C}.", "{C}. Returns text.",
    "{C}. Call it only when the user asks for it.", "{C}, and say how it went.",
    "Call this when somebody wants to {c}. Gives a short answer.", "{C} for the user.",
)  # fmt: skip
ARGUMENT_PREFIXES = (*[""] * 20, "the_", "my_", "in_", "target_", "new_", "arg_", "p_")
ARGUMENT_SUFFIXES = (*[""] * 20, "_value", "_name", "_text", "_1", "_str", "_in")
ARGUMENT_DESCRIPTIONS = (
    "the {n}", "The {n}", "{N}", "{n}", "{N} of the request", "which {n}", "The {n} to use.",
    "the {n}, as the user says it", "{N}.", "the wanted {n}", "the {n} that the request is about",
    "Which {n} it is", "{N} as text or number",
)  # fmt: skip


def _in_style(rng: Random, name: str, style: str) -> str:
    """snake_case as it is, or camelCase, PascalCase, with hyphens, in capitals."""
    if style == "snake":
        return name
    if style == "hyphen":
        return name.replace("_", "-")
    first, *rest = name.split("_")
    tail = "".join(capital(one) for one in rest)
    return (capital(first) if style == "pascal" else first) + tail


STYLES = ("snake", "snake", "snake", "snake", "camel", "camel", "hyphen", "pascal")


def name_tool(rng: Random, domain: Domain) -> tuple[str, bool]:
    """A name composed anew, and whether it tells nothing."""
    roll = rng.random()
    style = rng.choice(STYLES)
    if roll < 0.12:
        parts = [make_word(rng, 1, 3) for _ in range(rng.choice((1, 2, 2, 3)))]
        name = "_".join(parts) + (str(rng.randint(1, 99)) if rng.random() < 0.2 else "")
        return _in_style(rng, name, style), True
    verb, noun = rng.choice(domain.verbs), rng.choice(domain.nouns)
    name = f"{verb}_{noun}" if roll < 0.7 else f"{noun}_{verb}" if roll < 0.86 else noun
    if name == verb or rng.random() < 0.15:
        name = f"{name}_{make_word(rng, 1, 2)}"
    return _in_style(rng, rng.choice(PREFIXES) + name + rng.choice(SUFFIXES), style), False


def _write_property(
    rng: Random, slot: Slot, style: str, plain: str, taken: set[str]
) -> tuple[str, dict]:
    """A name for an argument and its schema."""
    made = rng.random() < 0.08
    key = rng.choice(slot.names)
    while True:
        name = (f"{make_word(rng, 1, 2)}{rng.choice(('', '', '1', '_x', '7'))}" if made else
                rng.choice(ARGUMENT_PREFIXES) + key + rng.choice(ARGUMENT_SUFFIXES))  # fmt: skip
        name = _in_style(rng, name, style)
        if name not in taken:
            break
        made = True
    kind = slot.kind
    found: dict[str, object] = {"type": TYPES.get(kind, "string")}
    if kind in ("int", "small") and rng.random() < 0.2:
        found["type"] = "number"
    if kind in TYPES and rng.random() < 0.08:
        found["type"] = "string"
    if kind.startswith("bool:"):
        found["type"] = "boolean"
    if kind.startswith("enum:"):
        members = kind[5:].split("/")
        found["enum"] = [one.upper() for one in members] if rng.random() < 0.15 else members
    if made or rng.random() < 0.4:
        told = rng.choice(ARGUMENT_DESCRIPTIONS)
        found["description"] = told.format(n=plain, N=capital(plain))
        if kind.startswith("bool:"):
            yes, no = kind[5:].split("/")
            found["description"] = f"true: {yes}, false: {no}"
    return name, found


EXTRA = ("verbose", "lang", "format", "dry_run", "silent", "callback", "locale", "debug", "trace")


def write_tool(rng: Random, domain: Domain, *, plain: bool = False) -> tuple[dict, dict[str, str]]:
    """A tool as users of the API write it, and {letter: name of the argument}."""
    name, opaque = name_tool(rng, domain)
    style = rng.choice(("snake", "snake", "snake", "camel"))
    keys: dict[str, str] = {}
    properties: dict[str, dict] = {}
    for letter, slot in domain.slots.items():
        told = slot.names[0].replace("_", " ")
        key, schema = _write_property(rng, slot, style, told, set(properties))
        keys[letter] = key
        properties[key] = schema
    if rng.random() < 0.1:  # one that no request needs
        extra = rng.choice(EXTRA)
        if extra not in properties:
            told = rng.choice(("optional", "Optional.", "rarely needed", "only if asked for"))
            properties[extra] = {"type": rng.choice(("boolean", "string")), "description": told}
    parameters: dict[str, object] = {"type": "object", "properties": properties}
    if rng.random() < 0.75:
        parameters["required"] = list(keys.values())
    function: dict[str, object] = {"name": name}
    if opaque or plain or rng.random() < 0.9:
        told = rng.choice(DESCRIPTIONS)
        function["description"] = told.format(c=domain.does, C=capital(domain.does))
    function["parameters"] = parameters
    return {"type": "function", "function": function}, keys


# --- requests ------------------------------------------------------------------------------------

QUOTED = re.compile(r'"(\$[a-c])"')
QUOTES = (r'"\1"', r'"\1"', r"'\1'", "\u201c\\1\u201d", r'"\1"')
FREE = ("text", "path", "file", "url", "mail", "code", "secret")  # a full stop would belong to them


def ask_for(
    rng: Random,
    words: Wordings,
    domain: Domain,
    names: dict[str, str],
    *,
    bare: bool = False,
    given: str | None = None,
) -> tuple[str, dict[str, object]]:
    """A request, and {letter: the value that it gives}; `bare` has no words around it.

    `given` is the value of a tool that takes only one.
    """
    values, said = {}, {}
    for letter, slot in domain.slots.items():
        value, told = _make_value(rng, slot)
        values[letter], said[letter] = value, given or told
    frame, form = rng.choice(domain.forms)
    if not form:
        return words.ask(rng, frame, **said, **names), values
    form = make_choices(rng, form)
    form = QUOTED.sub(rng.choice(QUOTES), form)
    if words.which == "train":
        form = vary(rng, form) if frame == "tool_say" else form
    used = re.findall(r"\$([a-c])", form)
    core = Template(form).substitute(said)
    last = domain.slots[used[-1]].kind if used else ""
    if bare:
        question = core
    elif used and form.endswith(f"${used[-1]}") and last in FREE:  # nothing may follow
        if frame == "tool_do":
            core = rng.choice(("", "", "please ", "can you ", "I want you to ", "now ")) + core
        question = core
    elif frame == "tool_say":  # varied above
        question = words.ask_exactly(rng, frame, core=core)
    else:
        question = words.ask(rng, frame, core=core)
    if question == core and not form.startswith("$") and rng.random() < 0.4:
        question = capital(question)
    question = re.sub(r"\?[?.!]+$|[.!]+(?=\?$)", "?", question)
    return question, {letter: values[letter] for letter in domain.slots if letter in used}


def _other_domains(rng: Random, avoid: set[str], count: int) -> list[Domain]:
    """Tools of other sorts than those in `avoid`."""
    pool = read_domains()["train"]
    found: list[Domain] = []
    while len(found) < count:
        domain = rng.choice(pool)
        if domain.group not in avoid:
            avoid = avoid | {domain.group}
            found.append(domain)
    return found


def _alike(group: str) -> set[str]:
    """The groups that a request of this group might mean as well, and itself."""
    return {group}.union(*(near for near in read_sets("near") if group in near))


COUNTS = (1, 2, 2, 3, 3, 4, 5, 5, 6)
LONGEST = 1200  # bytes of the tools of one sample


@dataclass
class Request:
    """A request for one of some tools."""

    question: str
    name: str
    arguments: dict[str, object]
    tools: list[dict]
    domain: Domain
    names: dict[str, str]
    keys: dict[str, str]
    tool: dict


def make_request(rng: Random, words: Wordings, most: int = 6) -> Request:
    """A request, and tools one of which does it; half of the others are of the same sort."""
    if rng.random() < 0.2:
        family = _make_family(rng, words.which, rng.choice((1, 2, 2, 3, 4)))
        (domain, names), others = family[0], [one for one, _ in family[1:]]
    else:
        domain, names, others = rng.choice(read_domains()[words.which]), {}, []
    alike = bool(others)
    count = min(rng.choice(COUNTS), most)
    others = others[: most - 1]
    others += _other_domains(rng, _alike(domain.group), max(0, count - 1 - len(others)))
    tool, keys = write_tool(rng, domain, plain=alike)
    question, values = ask_for(rng, words, domain, names)
    function = tool["function"]
    if "required" in function["parameters"]:  # what the request does not give is no duty
        given = [keys[letter] for letter in values]
        function["parameters"]["required"] = [
            one for one in function["parameters"]["required"] if one in given
        ]
    tools = _with_others(rng, tool, others, alike)
    arguments = _arguments(tool, keys, values)
    return Request(question, function["name"], arguments, tools, domain, names, keys, tool)


def _arguments(tool: dict, keys: dict[str, str], values: dict[str, object]) -> dict[str, object]:
    """The values under the names of the arguments, as their types and members want them."""
    properties = tool["function"]["parameters"]["properties"]
    found: dict[str, object] = {}
    for letter, value in values.items():
        schema = properties[keys[letter]]
        if schema["type"] == "string":
            value = str(value)
        if "enum" in schema:
            value = next(one for one in schema["enum"] if one.lower() == value.lower())
        found[keys[letter]] = value
    return found


def _with_others(rng: Random, tool: dict, others: list[Domain], plain: bool) -> list[dict]:
    """The tool among others, as long as they are not too long together."""
    tools, length = [tool], len(write_signature(tool["function"]))
    names = {tool["function"]["name"]}
    for other in others:
        written, _ = write_tool(rng, other, plain=plain)
        length += len(write_signature(written["function"]))
        if length > LONGEST or written["function"]["name"] in names:
            break
        names.add(written["function"]["name"])
        tools.append(written)
    rng.shuffle(tools)
    return tools


SYSTEMS = (
    "You are a helpful assistant with tools.",
    "You are a helpful assistant.",
    "Use the tools where they fit.",
    "You can call functions. Call one only if it is needed.",
    "You help at home.",
    "You are an assistant. Tools are at hand.",
    "Answer briefly. Call a tool when one fits.",
)


def _before(rng: Random) -> tuple[dict, ...]:
    if rng.random() < 0.2:
        return ({"role": "system", "content": rng.choice(SYSTEMS)},)
    return ()


def ask_tool_call(rng: Random, words: Wordings) -> Turn:
    """A tool that was never seen, asked for in daily words."""
    made = make_request(rng, words)
    reply = write_call(made.name, made.arguments)
    truth = {"judge": "call", "is": true_call(made.name, made.arguments)}
    return Turn(made.question, reply, truth, _before(rng), tuple(made.tools))


LISTED = ("city", "place", "person", "fullname", "team", "plant", "room", "digits", "code", "thing",
          "word", "food", "file", "host", "made")  # fmt: skip


def ask_tool_two(rng: Random, words: Wordings) -> Turn:
    """Two requests in one message: two calls, of one tool or of two."""
    first = make_request(rng, words, most=3)
    tools, domain = first.tools, first.domain
    slot = domain.slots.get("a")
    if rng.random() < 0.35 and len(domain.slots) == 1 and slot.kind in LISTED:
        values = [MAKERS[slot.kind](rng) for _ in range(2)]
        both = f"{values[0]} {rng.choice(('and', 'and', 'and', 'and also', '&'))} {values[1]}"
        question, _ = ask_for(rng, words, domain, first.names, given=both)
        calls = [(first.name, _arguments(first.tool, first.keys, {"a": value})) for value in values]
    elif rng.random() < 0.5 or first.names:
        asked = [ask_for(rng, words, domain, first.names, bare=True) for _ in range(2)]
        calls = [(first.name, _arguments(first.tool, first.keys, values)) for _, values in asked]
        question = words.ask_exactly(rng, "tool_and", one=asked[0][0], two=asked[1][0])
    else:
        second = make_request(rng, words, most=1)
        if second.domain.group in _alike(domain.group) or second.names:
            return ask_tool_two(rng, words)
        asked = [ask_for(rng, words, one.domain, {}, bare=True) for one in (first, second)]
        calls = [
            (one.name, _arguments(one.tool, one.keys, values))
            for one, (_, values) in zip((first, second), asked, strict=True)
        ]
        tools = [one for one in first.tools if one["function"]["name"] == first.name]
        tools += second.tools
        rng.shuffle(tools)
        question = words.ask_exactly(rng, "tool_and", one=asked[0][0], two=asked[1][0])
    names = {one["function"]["name"] for one in tools}
    if calls[0] == calls[1] or len(names) < len(tools) or not {one for one, _ in calls} <= names:
        return ask_tool_two(rng, words)
    reply = "\n".join(write_call(*call) for call in calls)
    truth = {"judge": "calls", "is": [true_call(*call) for call in calls]}
    return Turn(question, reply, truth, _before(rng), tuple(tools))


def ask_tool_none(rng: Random, words: Wordings) -> Turn:
    """No tool fits: a plain answer, or that there is none for it."""
    roll = rng.random()
    if roll < 0.5:
        asks, avoid = rng.choice(((PLAIN_ASKS, PLAIN_AVOID),) * 3 + ((WORLD_ASKS, WORLD_AVOID),))
        tools = _some_tools(rng, avoid)
        plain = rng.choice(asks)(rng, words)
        truth = {"judge": "no_call", "then": plain.truth}
        return Turn(plain.question, plain.reply, truth, _before(rng), tools)
    if roll < 0.7:  # the same things, another wish
        family = _make_family(rng, words.which, rng.choice((2, 3, 4)))
        (domain, names), *others = family
        question, _ = ask_for(rng, words, domain, names)
        tools = tuple(write_tool(rng, one, plain=True)[0] for one, _ in others)
    else:
        domain = rng.choice(read_domains()[words.which])
        question, _ = ask_for(rng, words, domain, {})
        tools = _some_tools(rng, _alike(domain.group))
    truth = {"judge": "no_call", "then": {"judge": "unknown"}}
    reply = rng.choice(REPLIES_NO_TOOL)
    return Turn(question, reply, truth, _before(rng), tools)


PLAIN_ASKS = (ask_reverse, ask_glossary, ask_glossary, ask_talk, ask_talk, ask_name_one, ask_sum,
              ask_sum_talk, ask_word_reverse, ask_name_some, ask_spell)  # fmt: skip
PLAIN_AVOID = read_groups("plain")
# Questions about the world, and the tools that might well answer one of them.
WORLD_ASKS = (ask_unknown, ask_unknown_talk)
WORLD_AVOID = {one.group for one in read_domains()["train"]} - read_groups("apart")


def _some_tools(rng: Random, avoid: set[str]) -> tuple[dict, ...]:
    """Tools of none of these groups."""
    count, length, tools = rng.choice(COUNTS), 0, []
    for domain in _other_domains(rng, avoid, min(count, 5)):
        written, _ = write_tool(rng, domain)
        length += len(write_signature(written["function"]))
        if length > LONGEST and tools:
            break
        tools.append(written)
    return tuple(tools)


# --- results -------------------------------------------------------------------------------------

ERRORS = (
    "unknown {n}", "no such {n}", "{n} not found", "timeout", "access denied", "service is down",
    "invalid {n}", "too many requests", "out of range", "no connection", "{n} is missing",
)  # fmt: skip
MORE_KEYS = ("id", "ms", "took", "request", "version", "count_of_calls")


def ask_tool_result(rng: Random, words: Wordings) -> Turn:
    """The result of a call is there, of any form: told in a short sentence."""
    made = make_request(rng, words, most=2)
    key, kind = made.domain.result
    called = {"id": f"call_{rng.randint(1, 99)}", "type": "function", "function": {
        "name": made.name,
        "arguments": write_arguments(made.arguments),
    }}  # fmt: skip
    content, reply, truth = _make_result(rng, key, kind, made)
    before = (
        *_before(rng),
        {"role": "user", "content": made.question},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": called["id"], "content": content},
    )
    judged = {"judge": "no_call", "then": truth}
    return Turn("", reply, judged, before, tuple(made.tools))


def _make_result(rng: Random, key: str, kind: str, made: Request) -> tuple[str, str, dict]:
    roll = rng.random()
    if roll < 0.15:
        slot = next(iter(made.domain.slots.values()), Slot(("request",), "word"))
        error = rng.choice(ERRORS).format(n=slot.names[0].replace("_", " "))
        content = rng.choice((json.dumps({"error": error}), f"Error: {error}",
                              json.dumps({"status": "error", "message": error})))  # fmt: skip
        truth = {"judge": "keys", "all": [["did not work"], [re.escape(error)]]}
        return content, f"That did not work: {error}.", truth
    if kind == "done":
        word = rng.choice(("done", "ok"))
        told = {key: word}, {"ok": True}, {"success": True}, {"result": word}, word
        content = rng.choice(told)
        content = content if content == word else json.dumps(content)
        return content, rng.choice(("Done.", "That is done.")), has_one("done")
    value = MAKERS[kind](rng)
    shown = write_value(value)
    name = key.replace("_", " ")
    if roll < 0.25:
        content, name = str(value), "result"
    elif roll < 0.4:
        word = rng.choice(("result", "value", "answer", "output"))
        content, name = f'{{"{word}": {shown}}}', rng.choice((word, name))
    else:
        pairs = [f'"{key}": {shown}']
        for other in rng.sample(MORE_KEYS, k=rng.choice((0, 0, 1, 2))):
            pairs.append(f'"{other}": {rng.randint(1, 999)}')
        if rng.random() < 0.3:
            pairs.append(rng.choice(('"status": "ok"', '"ok": true', '"error": null')))
        rng.shuffle(pairs)
        content = f"{{{', '.join(pairs)}}}"
    reply = rng.choice((f"The {name} is {value}.", f"The result is {value}.",
                        f"The {name}: {value}.", f"It is {value}."))  # fmt: skip
    return content, reply, holds(str(value))


# --- with a picture ------------------------------------------------------------------------------


# Each goes with the section pic_… of its name.
PICTURE_TOOLS = {one.name: one for one in read_domains()["picture"]}
PICTURE_AVOID = read_groups("picture")
Wish = tuple[str, str, object]  # kind of tool, what the picture holds in words, its value


def _picture_call(
    rng: Random, words: Wordings, kind: str, given: dict[str, tuple[str, object]]
) -> Turn:
    """A call whose values stand in the picture; `given` has {letter: (words, value)}."""
    domain = PICTURE_TOOLS[kind]
    tool, keys = write_tool(rng, domain, plain=True)
    others = _other_domains(rng, PICTURE_AVOID, rng.choice((0, 1, 1, 2, 3)))
    tools = _with_others(rng, tool, others, False)
    values = {letter: value for letter, (_, value) in given.items()}
    question = words.ask(rng, f"pic_{kind}", **{one: told for one, (told, _) in given.items()})
    properties = tool["function"]["parameters"]["properties"]
    for letter, value in values.items():  # the type of what the picture holds
        of_type = {str: "string", int: "integer", Number: "number"}[type(value)]
        properties[keys[letter]]["type"] = of_type
    arguments = {keys[letter]: values[letter] for letter in domain.slots}
    name = tool["function"]["name"]
    truth = {"judge": "call", "is": true_call(name, arguments)}
    reply = write_call(name, arguments)
    return Turn(question, reply, truth, _before(rng), tuple(tools))


def _plain_answer(rng: Random, words: Wordings, turn: Turn | None) -> Turn | None:
    """The question needs no tool, though some are there."""
    if turn is None or turn.before or turn.tools:
        return None
    domains = _other_domains(rng, set(PICTURE_AVOID), rng.choice((1, 1, 2, 3)))
    if rng.random() < 0.5:
        domains[0] = PICTURE_TOOLS[rng.choice(("convert", "send", "split", "street", "search"))]
    tools = tuple(write_tool(rng, one)[0] for one in domains)
    truth = {"judge": "no_call", "then": turn.truth}
    return Turn(turn.question, turn.reply, truth, _before(rng), tools)


def _say(rng: Random, words: Wordings, what: str, **names: object) -> str:
    return words.ask_exactly(rng, f"say_{what}", **names)


def _call_with(rng: Random, words: Wordings, kind: str, what: str, value: object) -> Turn:
    """A call with one value, which stands in the picture."""
    return _picture_call(rng, words, kind, {"x": (_say(rng, words, what), value)})


def _add_more(
    rng: Random, words: Wordings, amounts: list[tuple[str, object]], text: tuple[str, str]
) -> tuple[str, dict[str, tuple[str, object]]]:
    """A kind of call for one or two of the amounts, or the text, and what it is given."""
    kind = rng.choice(("number", "number", "convert", "add", "send", "split", "text", "send"))
    one, other = rng.sample(amounts, k=2)
    given: dict[str, tuple[str, object]] = {"x": one}
    if kind == "convert":
        currency = rng.choice(CURRENCIES)
        given["c"] = currency, currency
    elif kind == "add":
        given["y"] = other
    elif kind == "split":
        people = rng.randint(2, 12)
        given["n"] = str(people), people
    elif kind == "text":
        given["x"] = text
    elif kind == "send":
        person = _make_person(rng)
        told, value = rng.choice((one, text))
        given = {"n": (person, person), "x": (told, str(value))}
    return kind, given


def ask_receipt_tool(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """A tool to be called with what the receipt says."""
    if rng.random() < 0.25:
        asks = (receipts.ask_total, receipts.ask_item, receipts.ask_field)
        return _plain_answer(rng, words, rng.choice(asks)(rng, record, words))
    printed, items = record["printed"], record["items"]
    item = rng.choice(items)
    amounts: list[tuple[str, object]] = [
        (_say(rng, words, field), Number(printed[field])) for field in ("total", "tax", "subtotal")
    ]
    named = item["name"] if rng.random() < 0.5 else item["name"].lower()
    amounts.append((_say(rng, words, "price", item=named), Number(item["printed"])))
    field = rng.choice(("shop", "date", "number"))
    text = _say(rng, words, field), record[field]
    roll = rng.random()
    if roll < 0.1:
        return _call_with(rng, words, "date", "date", record["date"])
    if roll < 0.2:
        dear = sorted(items, key=lambda one: one["cents"])
        if len(dear) > 1 and dear[-1]["cents"] == dear[-2]["cents"]:
            return None
        return _call_with(rng, words, "list", "dear", dear[-1]["name"])
    if roll < 0.26:
        return _call_with(rng, words, "list", "first_item", items[0]["name"])
    if roll < 0.32:
        return _call_with(rng, words, "search", "shop", record["shop"])
    return _picture_call(rng, words, *_add_more(rng, words, amounts, text))


def ask_chart_tool(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """A tool to be called with what the chart says."""
    if rng.random() < 0.25:
        asks = (charts.ask_tallest, charts.ask_shortest, charts.ask_value)
        return _plain_answer(rng, words, rng.choice(asks)(rng, record, words))
    bars = sorted(record["bars"], key=lambda one: one["value"])
    low, high = bars[0], bars[-1]
    if low["value"] == bars[1]["value"] or high["value"] == bars[-2]["value"]:
        return None
    pair = rng.sample(bars, k=2)
    amounts = [(_say(rng, words, "bar", label=one["label"]), one["value"]) for one in pair]
    amounts.append((_say(rng, words, "most"), high["value"]))
    amounts.append((_say(rng, words, "least"), low["value"]))
    what, value = rng.choice(
        (("most_label", high["label"]), ("least_label", low["label"]), ("title", record["title"]))
    )
    text = _say(rng, words, what), value
    kind, given = _add_more(rng, words, amounts, text)
    if kind in ("convert", "split"):
        kind, given = "number", {"x": given["x"]}
    return _picture_call(rng, words, kind, given)


def ask_scene_tool(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """A tool to be called with what the scene shows."""
    if rng.random() < 0.25:
        asks = (scenes.ask_colour, scenes.ask_count, scenes.ask_sign, scenes.ask_name)
        return _plain_answer(rng, words, rng.choice(asks)(rng, record, words))
    things, counts = record["objects"], record["counts"]
    colours = Counter(one["colour"] for one in things)
    thing = rng.choice(things)
    name, colour = thing["name"], thing["colour"]
    wishes: list[Wish] = [
        ("count", _say(rng, words, "count", things=scenes.plural(name)), counts[name])
    ]
    if counts[name] == 1 and name != "person":
        wishes.append(("colour", _say(rng, words, "colour", thing=name), colour))
    if colours[colour] == 1:
        wishes.append(("search", _say(rng, words, "thing", colour=colour), name))
    if thing.get("text") and counts[name] == 1 and name in ("sign", "bus"):
        wishes += [("street", _say(rng, words, "sign", thing=name), thing["text"])] * 3
    kind, told, value = rng.choice(wishes)
    if kind != "count" and rng.random() < 0.35:
        kind = rng.choice(("text", "send", "search"))
    given: dict[str, tuple[str, object]] = {"x": (told, value)}
    if kind == "send":
        person = _make_person(rng)
        given = {"n": (person, person), "x": given["x"]}
    return _picture_call(rng, words, kind, given)


CALL_TEXT_ASKS = {
    "tool_call": (40, ask_tool_call),
    "tool_none": (16, ask_tool_none),
    "tool_result": (8, ask_tool_result),
    "tool_two": (7, ask_tool_two),
}
