"""Copying: strings that nobody knows, from anywhere in a question into the answer.

Tools, schemas and forms all live on it. The strings are made anew each time, and they stand among
words, lists, lines with keys, JSON, logs or code, a few of up to 2,000 characters.
"""

import json
import re
from collections.abc import Callable
from random import Random

from pocket_model.tasks.calls import MAKERS, make_word
from pocket_model.tasks.judging import text_is
from pocket_model.tasks.printed import COMMON, ORDINALS
from pocket_model.tasks.texts import NAMES, listed
from pocket_model.tasks.turn import Turn, capital, to_json
from pocket_model.tasks.wordings import Wordings

CONSONANTS = "bcdfghjklmnpqrstvwxz"
VOWELS = "aeiouy"
ALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


# --- strings -------------------------------------------------------------------------------------


def _letters(rng: Random) -> str:
    """A word of letters that make no syllables, or nearly."""
    if rng.random() < 0.5:
        return "".join(
            rng.choice(VOWELS if i % 2 else CONSONANTS) for i in range(rng.randint(3, 9))
        )
    return "".join(rng.choices(CONSONANTS + VOWELS, k=rng.randint(3, 9)))


def _part(rng: Random) -> str:
    make = rng.choice((make_word, _letters, _letters, None))
    return make(rng) if make else rng.choice(COMMON)


def _parts(rng: Random, most: int = 4) -> list[str]:
    return [_part(rng) for _ in range(rng.randint(2, most))]


def _snake(rng: Random) -> str:
    name = "_".join(_parts(rng))
    roll = rng.random()
    name = name.upper() if roll < 0.2 else name
    return f"{name}_{rng.randint(0, 999)}" if roll > 0.75 else name


def _camel(rng: Random) -> str:
    first, *rest = _parts(rng)
    first = capital(first) if rng.random() < 0.4 else first
    tail = "".join(capital(one) for one in rest)
    return first + tail + (str(rng.randint(0, 99)) if rng.random() < 0.25 else "")


def _joined(rng: Random) -> str:
    """Parts with hyphens, dots, slashes, colons, or what is mixed of them."""
    mark = rng.choice(("-", "-", ".", "/", "::", "+", "__", "~"))
    parts = [one if rng.random() < 0.75 else str(rng.randint(0, 9999)) for one in _parts(rng)]
    parts = [capital(one) if rng.random() < 0.2 else one for one in parts]
    return ("/" if mark == "/" and rng.random() < 0.5 else "") + mark.join(parts)


def _random_code(rng: Random) -> str:
    code = "".join(rng.choices(ALL, k=rng.randint(4, 24)))
    return code if rng.random() < 0.6 else f"{code[:4]}-{code[4:]}" if len(code) > 5 else code


def _number(rng: Random) -> str:
    digits = str(rng.randint(10**3, 10 ** rng.randint(4, 14)))
    return rng.choice((digits, digits, f"-{digits[:5]}", f"{digits[:4]}.{rng.randint(10, 99999)}"))


def _dotted(rng: Random) -> str:
    return ".".join(str(rng.randint(0, 255)) for _ in range(rng.choice((3, 4))))


def _odd_date(rng: Random) -> str:
    year, month, day = rng.randint(1950, 2060), rng.randint(1, 12), rng.randint(1, 28)
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    return rng.choice((f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}",
                       f"{year}-{month:02}-{day:02}T{clock}", f"{clock}:{day:02}"))  # fmt: skip


def _name(rng: Random) -> str:
    first = rng.choice(NAMES) if rng.random() < 0.4 else capital(_part(rng))
    return f"{first} {capital(_part(rng))}"


def _price(rng: Random) -> str:
    amount = f"{rng.randint(0, 9999)}.{rng.randint(0, 99):02}"
    return rng.choice((f"{amount} EUR", f"€{amount}", f"{amount} USD", amount, f"£{amount}"))


ONE_WORD: tuple[Callable[[Random], str], ...] = (
    *(_snake, _snake, _snake, _camel, _camel, _joined, _joined, _random_code, _random_code),
    *(_number, _dotted, _odd_date, _letters, make_word),
    *(MAKERS["code"], MAKERS["mail"], MAKERS["file"], MAKERS["url"], MAKERS["plate"]),
)
ANY = (*ONE_WORD, *ONE_WORD, _name, _name, _price, MAKERS["text"], MAKERS["place"])
LEAST, MOST = 4, 40


def make_string(rng: Random, *, one_word: bool = True) -> str:
    """4 to 40 characters that can only be copied."""
    while True:
        text = rng.choice(ONE_WORD if one_word else ANY)(rng)
        if LEAST <= len(text) <= MOST:
            return text


def make_strings(rng: Random, count: int, *, one_word: bool = True) -> list[str]:
    found: dict[str, None] = {}
    kind = rng.choice((None, None, *ONE_WORD))  # often all of one sort
    while len(found) < count:
        text = make_string(rng, one_word=one_word) if kind is None else kind(rng)
        if LEAST <= len(text) <= MOST:
            found[text] = None
        elif rng.random() < 0.2:
            kind = None
    return list(found)


# --- what stands around them ---------------------------------------------------------------------

KEYS = listed(
    "name id code city user host port path owner state mode type color size level group team role "
    "key token ref batch unit zone plan item order date time room door file page line label tag "
    "version title street phone mail country price total status source target score rank"
)


def draw_length(rng: Random) -> int:
    """How long a question is to be, in characters: mostly short, a few very long."""
    roll = rng.random()
    if roll < 0.6:
        return rng.randint(20, 220)
    return rng.randint(220, 850) if roll < 0.85 else rng.randint(850, 1850)


def _sentence(rng: Random) -> str:
    words = rng.choices(COMMON, k=rng.randint(3, 9))
    if rng.random() < 0.3:
        words[rng.randrange(len(words))] = make_string(rng)
    return f"{capital(' '.join(words))}."


def _put_together(rng: Random, text: str, question: str) -> str:
    """The text and the question, either first."""
    between = rng.choice(("\n", "\n\n", "\n", " "))
    if rng.random() < 0.5:
        return f"{text}{between}{question}"
    end = "" if question[-1] in ".?!:" else rng.choice((":", ":", ""))
    return f"{question}{end}{between if end or between != ' ' else ': '}{text}"


def _turn(question: str, text: str) -> Turn:
    return Turn(question, text, text_is(text))


# --- one string ----------------------------------------------------------------------------------

MARKS = {
    "in double quotes": '"{}"', "in single quotes": "'{}'", "in square brackets": "[{}]",
    "in round brackets": "({})", "in angle brackets": "<{}>", "in backticks": "`{}`",
    "in curly braces": "{{{}}}", "between the stars": "*{}*", "between the hashes": "#{}#",
    "between <a> and </a>": "<a>{}</a>", "between the bars": "|{}|", "after the arrow": "-> {}",
    "between BEGIN and END": "BEGIN {} END",
}  # fmt: skip


def ask_copy(rng: Random, words: Wordings) -> Turn:
    """Say exactly this; or what stands in quotes, in brackets or after an arrow."""
    length = draw_length(rng)
    if rng.random() < 0.45:
        text = make_string(rng, one_word=False)
        return _turn(words.ask(rng, "copy_this", x=text), text)
    text = make_string(rng, one_word=rng.random() < 0.7)
    where, form = rng.choice(tuple(MARKS.items()))
    plain = [
        " ".join(rng.choice(COMMON) if rng.random() < 0.7 else _part(rng) for _ in range(7))
        for _ in range(length // 45 + 1)
    ]
    at = rng.randrange(len(plain))
    marked = form.format(text)
    if where == "after the arrow":
        plain[at] = f"{plain[at]} {marked}"
        filler = "\n".join(plain)
    else:
        row = plain[at].split(" ")[: rng.randint(2, 7)]
        row.insert(rng.randrange(len(row) + 1), marked)
        plain[at] = " ".join(row)
        filler = rng.choice(("\n", " ", ". ", "\n- ")).join(plain)
    question = words.ask(rng, "copy_marked", where=where)
    between = rng.choice(("\n", "\n\n", "\n"))
    if rng.random() < 0.5:
        return _turn(f"{filler}{between}{question}", text)
    end = "" if question[-1] in ".?!:" else ":"
    return _turn(f"{question}{end}{between}{filler}", text)


# --- one of several ------------------------------------------------------------------------------


def _name_nth(rng: Random, index: int, count: int) -> str:
    if index == count - 1 and rng.random() < 0.6:
        return "last"
    if index == count - 2 and count > 2 and rng.random() < 0.3:
        return rng.choice(("second to last", "second last", "next to last"))
    if index >= len(ORDINALS):
        end = {1: "st", 2: "nd", 3: "rd"}.get((index + 1) % 10, "th") if index > 19 else "th"
        return f"{index + 1}{end}"
    return rng.choice(ORDINALS[index])


def _write_list(items: list[str], style: str) -> str:
    if style == "json":
        return json.dumps(items, ensure_ascii=False)
    if style == "numbered":
        return "\n".join(f"{i}. {one}" for i, one in enumerate(items, 1))
    if style == "dash":
        return "\n".join(f"- {one}" for one in items)
    between = {"comma": ", ", "line": "\n", "words": " ", "semicolon": "; ", "bar": " | "}
    return between[style].join(items)


def ask_copy_nth(rng: Random, words: Wordings) -> Turn:
    """The n-th of a list, of lines or words; the one that contains something; two swapped."""
    roll = rng.random()
    if roll < 0.12:
        one, other = make_strings(rng, 2)
        return _turn(words.ask(rng, "copy_swap", x=one, y=other), f"{other} {one}")
    length = draw_length(rng)
    strange = rng.random() < 0.85
    count = max(rng.randint(3, 8), min(length // 18, 60))
    items = make_strings(rng, count, one_word=roll < 0.8) if strange else rng.sample(COMMON, k=8)
    most, left = 0, length
    for text in items:
        most, left = most + 1, left - len(text) - 3
        if left < 0:
            break
    items = items[: max(3, most)]
    styles = ("comma", "line", "dash", "numbered", "words", "semicolon", "bar", "json")
    style = rng.choice(styles)
    if style == "words" and any(" " in one for one in items):
        style = "line"
    many = len(items) > 8
    index = rng.randrange(len(items))
    if many and style != "numbered":  # nobody counts that far
        index = rng.choice((0, 0, 1, 2, 3, len(items) - 1, len(items) - 1))
    sort = {"words": "word", "line": "line"}.get(style, rng.choice(("item", "one", "entry")))
    sort = rng.choice((sort, sort, "item"))
    text = _write_list(items, style)
    wanted = items[index]
    if roll < 0.3:
        start = rng.randrange(max(1, len(wanted) - 3))
        piece = wanted[start : start + rng.choice((3, 4))].strip()
        if len(piece) > 2 and sum(piece in one for one in items) == 1 and piece != wanted:
            question = words.ask(rng, "copy_contains", x=piece)
            return _turn(_under(rng, text, question), wanted)
    nth = _name_nth(rng, index, len(items))
    question = words.ask(rng, "copy_nth", nth=nth, item=sort)
    return _turn(_under(rng, text, question), wanted)


def _under(rng: Random, text: str, question: str) -> str:
    """The question and the list, with a new line where the list has lines."""
    if "\n" in text:
        if rng.random() < 0.5:
            return f"{text}\n\n{question}" if rng.random() < 0.5 else f"{text}\n{question}"
        return f"{question}{'' if question[-1] in '.?!:' else ':'}\n{text}"
    return _put_together(rng, text, question)


# --- what follows a key --------------------------------------------------------------------------


def ask_copy_after(rng: Random, words: Wordings) -> Turn:
    """The value of a key among lines, in JSON or in code; the word after another one."""
    length = draw_length(rng)
    style = rng.choice(("lines", "lines", "json", "code", "words", "sentence", "table", "env"))
    if style == "words":
        row: dict[str, None] = {}
        while length > 0 or len(row) < 5:
            word = make_string(rng) if rng.random() < 0.3 else _part(rng)
            row[word] = None
            length -= len(word) + 1
        found = list(row)
        at = rng.randrange(len(found) - 1)
        if rng.random() < 0.7:
            found[at + 1] = make_string(rng)
        question = words.ask(rng, "copy_follows", k=found[at])
        return _turn(_put_together(rng, " ".join(found), question), found[at + 1])
    pairs: dict[str, str] = {}
    sort = rng.choice(("plain", "odd", "odd", "numbered"))
    while length > 0 or len(pairs) < 3:
        key = rng.choice(KEYS) if sort == "plain" and len(pairs) < 12 else _part(rng)
        key = f"{rng.choice(KEYS)[0]}_{rng.randint(1, 99)}" if sort == "numbered" else key
        if sort == "odd":
            key = f"{rng.choice(KEYS)}_{key}"
        if sort == "numbered" and len(pairs) > 30:
            key = _snake(rng)
        if key not in pairs:
            pairs[key] = make_string(rng, one_word=style not in ("lines", "json", "table"))
            length -= len(key) + len(pairs[key]) + (10 if style in ("json", "sentence") else 5)
    key = rng.choice(tuple(pairs))
    text = {
        "lines": lambda: "\n".join(f"{k}{mark}{v}" for k, v in pairs.items()),
        "json": lambda: json.dumps(pairs, ensure_ascii=False, indent=rng.choice((None, None, 1))),
        "code": lambda: "\n".join(f'{k} = "{v}"' for k, v in pairs.items()),
        "sentence": lambda: " ".join(f"The {k} is {v}." for k, v in pairs.items()),
        "table": lambda: "\n".join(f"| {k} | {v} |" for k, v in pairs.items()),
        "env": lambda: "\n".join(f"{k.upper()}={v}" for k, v in pairs.items()),
    }
    mark = rng.choice((": ", ": ", " = ", " -> ", "\t", " - "))
    shown = text[style]()
    if style == "env":
        key, pairs = key.upper(), {k.upper(): v for k, v in pairs.items()}
    question = words.ask(rng, "copy_key", k=key)
    return _turn(_under(rng, shown, question), pairs[key])


# --- forms ---------------------------------------------------------------------------------------


def _form_keys(rng: Random, count: int) -> list[str]:
    found: dict[str, None] = {}
    odd = rng.random() < 0.5
    while len(found) < count:
        name = f"{rng.choice(KEYS)}_{_part(rng)}" if odd else rng.choice(KEYS)
        found[_camel(rng) if odd and rng.random() < 0.3 else name] = None
    return list(found)


def _form_value(rng: Random) -> object:
    roll = rng.random()
    if roll < 0.15:
        return rng.randint(0, 10 ** rng.randint(1, 6))
    if roll < 0.2:
        tenths = rng.randint(1, 9999) + rng.randint(1, 9) / 100 + rng.randint(0, 9) / 10
        return round(tenths, 2) if rng.random() < 0.5 else rng.random() < 0.5
    return _no_number(rng, one_word=rng.random() < 0.6)


def _no_number(rng: Random, *, one_word: bool = True) -> str:
    """A string that nobody takes for a number."""
    while True:
        text = make_string(rng, one_word=one_word)
        if not re.fullmatch(r"-?[\d.]+", text):
            return text


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)


def ask_copy_form(rng: Random, words: Wordings) -> Turn:
    """JSON with the keys that are given, its values from lines, a row or sentences."""
    count = rng.choice((1, 2, 2, 3, 3, 4, 5))
    keys = _form_keys(rng, count)
    values = [_form_value(rng) for _ in keys]
    wanted: dict[str, object] = dict(zip(keys, values, strict=True))
    style = rng.choice(("lines", "direct", "direct", "template", "template", "row", "some"))
    if style == "lines":
        mark = rng.choice((": ", " = ", ": ", "="))
        text = "\n".join(f"{key}{mark}{_plain(value)}" for key, value in wanted.items())
        question = _under(rng, text, words.ask(rng, "form_lines"))
    elif style == "direct":
        told = rng.choice(("{} = {}", "{}: {}", "{} is {}", "{} should be {}"))
        parts = [told.format(key, _plain(value)) for key, value in wanted.items()]
        question = words.ask(rng, "form_direct", pairs=", ".join(parts))
    elif style == "row":
        mark = rng.choice((", ", ",", ";", " | ", "\t"))
        text = f"{mark.join(keys)}\n{mark.join(_plain(value) for value in values)}"
        if any(mark.strip() and mark.strip() in _plain(value) for value in values):
            return ask_copy_form(rng, words)
        question = _under(rng, text, words.ask(rng, "form_row"))
    else:
        question, wanted = _ask_from_text(rng, words, style)
    reply = to_json(wanted)
    if len(reply) > 480:
        return ask_copy_form(rng, words)
    return Turn(question, reply, {"judge": "json", "is": json.loads(reply)})


FACTS = listed(
    "city|town|owner|user name|password|street|order number|file|server|code|room|phone number|"
    "e-mail|project|customer|product|date|plate|key|ticket|branch|device|team|link|account",
    "|",
)
TOLD = ("The {f} is {v}.", "{f}: {v}", "We have the {f} {v}.", "Its {f} is {v}.", "My {f} is {v}.",
        "{v} is the {f}.", "As {f} we use {v}.", "The {f} was {v}.")  # fmt: skip
FACTS_MADE = {"city": "city", "town": "city", "owner": "fullname", "customer": "fullname",
              "street": "place", "file": "file", "phone number": "phone", "e-mail": "mail",
              "date": "date", "plate": "plate", "link": "url", "server": "host"}  # fmt: skip


def _fact(rng: Random, name: str) -> str:
    """A value for it, fitting or any, but nothing that could be meant as a number."""
    if name in FACTS_MADE and rng.random() < 0.6:
        value = str(MAKERS[FACTS_MADE[name]](rng))
        if not value.isdigit():
            return value
    return _no_number(rng)


def _ask_from_text(rng: Random, words: Wordings, style: str) -> tuple[str, dict[str, object]]:
    """Facts in sentences among others, and a form with a key for some of them."""
    count = rng.choice((2, 3, 3, 4, 5))
    names = rng.sample(FACTS, k=count)
    values = {name: _fact(rng, name) for name in names}
    told = []
    for name, value in values.items():
        form = rng.choice(TOLD)
        said = form.format(f=name, v=value)
        told.append(said if form.startswith("{v}") else capital(said))
    more = [_sentence(rng) for _ in range(draw_length(rng) // 60)]
    lines = told + more
    rng.shuffle(lines)
    in_lines = any(": " in one for one in told) or rng.random() < 0.5
    text = ("\n" if in_lines else " ").join(lines)
    asked = rng.sample(names, k=rng.randint(1, min(3, count)))
    if style == "some":
        keys = [name.replace(" ", "_").replace("-", "_") for name in asked]
        question = words.ask(rng, "form_some", keys=", ".join(keys))
    else:
        keys = _form_keys(rng, len(asked)) if rng.random() < 0.6 else list("abc"[: len(asked)])
        form = "{" + ", ".join(f'"{key}": ...' for key in keys) + "}"
        sign = rng.choice((" = ", ": ", " is ", " being ", " = "))
        meant = ", ".join(f"{key}{sign}the {name}" for key, name in zip(keys, asked, strict=True))
        question = words.ask(rng, "form_template", form=form, meant=meant)
    wanted = {key: values[name] for key, name in zip(keys, asked, strict=True)}
    return _under(rng, text, question), wanted


COPY_ASKS = {
    "copy": (10, ask_copy),
    "copy_nth": (10, ask_copy_nth),
    "copy_after": (12, ask_copy_after),
    "copy_form": (16, ask_copy_form),
}
