"""Daily talk about receipts, charts and written texts.

Most of it is three tables: a section of the wordings, how often it is asked, and what answers it.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from random import Random

from media.generator.chart import COLOURS as BAR_COLOURS
from media.generator.receipt import GOODS, SHOPS, list_lines
from pocket_model.tasks.charts import LABELS, OTHER_LABELS
from pocket_model.tasks.judging import has_one, holds, number_is, text_is
from pocket_model.tasks.printed import COMMON, ORDINALS, make_line, nth_names
from pocket_model.tasks.receipts import MORE_GOODS, PLACES
from pocket_model.tasks.scenes import NUMBERS, number_word, to_thousandths
from pocket_model.tasks.turn import Turn, capital, join_words, to_json
from pocket_model.tasks.wordings import Wordings

ALL_GOODS = (*GOODS, *MORE_GOODS)
LOW_GOODS = [name.lower() for name in ALL_GOODS]
LONGEST_BOXES = 650  # bytes
SEEN_COLOURS = (*BAR_COLOURS, "yellow", "grey", "black", "white")
# The names that fill a question, the replies to choose from, and the truth.
Found = tuple[dict[str, object], Sequence[str], dict]
# {section: (weight, a function that finds for a record what it is given besides, …)}
Kinds = dict[str, tuple]

YES = {"judge": "keys", "all": [["yes\\b"]], "none": ["no\\b"]}
NO = {"judge": "keys", "all": [["no\\b"]], "none": ["yes\\b"]}
UNKNOWN = {"judge": "unknown"}
NOT_SHOWN = (
    *["I do not know. The {} does not show it."] * 3,
    *("The {} does not show it. I do not know.", "I do not know that."),
)


def _ask_kind(rng: Random, record: dict, words: Wordings, kinds: Kinds) -> Turn | None:
    """A question of one of the kinds, that the record has an answer to."""
    for section in rng.choices(list(kinds), [weight for weight, *_ in kinds.values()], k=4):
        _, find, *given = kinds[section]
        found = find(rng, record, *given)
        if found:
            names, replies, truth = found
            return Turn(words.ask(rng, section, **names), rng.choice(replies), truth)
    return None


def _tell(
    _rng: Random, record: dict, field: str, truth: dict | Callable[[str], dict], *replies: str
) -> Found:
    """Replies with the field for each {}; `truth` makes of it what judges them, or is that."""
    value = str(_read_field(record, field))
    judged = truth if isinstance(truth, dict) else truth(value)
    return {}, [reply.replace("{}", value) for reply in replies], judged


def _read_field(record: dict, field: str) -> object:
    """A field of the record, of its printed amounts or of its axis; or the year or month."""
    if field in ("year", "month"):
        day = date.fromisoformat(record["date"])
        return day.strftime("%Y" if field == "year" else "%B")
    places = record, record.get("printed", {}), record.get("axis", {})
    return next(place[field] for place in places if field in place)


def _number(printed: str) -> dict:
    return number_is(json.loads(printed))


def _only(names: list[str], of: Sequence[str]) -> dict:
    return {"judge": "words", "of": of, "is": [name.lower() for name in names]}


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _count(number: int, one: str) -> str:
    """two lines"""
    return f"{number_word(number)} {one if number == 1 else one + 's'}"


def _counted(number: int, one: str, told: str = "There {are} {said}.") -> tuple[tuple, dict]:
    """The number as digits, in a sentence and in words, and its truth."""
    said = _count(number, one)
    told = told.format(are=_are(number), said=said)
    return (str(number), told, f"{capital(said)}."), number_is(number)


def _rank(things: list[dict], key: str, most: bool = True) -> list[dict] | None:
    """From the one with the most (or least) on; None where two share that."""
    ranked = sorted(things, key=lambda one: one[key], reverse=most)
    return ranked if len(ranked) > 1 and ranked[0][key] != ranked[1][key] else None


# --- receipts ------------------------------------------------------------------------------------


def _is_plural(name: str) -> bool:
    return name.endswith("s")


def _was(name: str) -> str:
    """ "the apples were", "the bread was"."""
    return f"{name} {'were' if _is_plural(name) else 'was'}"


def item_words(rng: Random, name: str) -> dict[str, object]:
    """The item as one types it, and the verbs that go with it."""
    many = _is_plural(name)
    named = name.lower() if rng.random() < 0.75 else name
    return {"item": named, "is": "are" if many else "is", "was": "were" if many else "was"}


def _absent_item(rng: Random, record: dict) -> str:
    """Something that nobody could take for one of the items."""
    there = {item["name"] for item in record["items"]}
    while True:
        name = rng.choice(ALL_GOODS)
        if name not in there:
            return name


def _only_items(names: list[str], record: dict) -> dict:
    return _only(names, [item["name"].lower() for item in record["items"]])


def _items(_rng: Random, record: dict) -> Found:
    names = [item["name"] for item in record["items"]]
    low = join_words([name.lower() for name in names])
    replies = f"{join_words(names)}.", f"{join_words(names)}.", f"You bought {low}.", capital(low)
    return {}, replies, _only(names, LOW_GOODS)


def _item_count(_rng: Random, record: dict) -> Found:
    count = len(record["items"])
    there = f"There {_are(count)} {_count(count, 'item')}"
    replies = f"{there} on it.", f"{there} on the receipt.", f"{there}.", str(count)
    return {}, replies, number_is(count)


def _pieces(_rng: Random, record: dict) -> Found | None:
    count = sum(item["quantity"] for item in record["items"])
    if count > 12:
        return None
    return {}, (f"{count} pieces in all.", str(count), f"All together {count}."), number_is(count)


def _extreme_item(_rng: Random, record: dict, most: bool) -> Found | None:
    """By the price on the line; none where two share it."""
    ranked = _rank(record["items"], "cents", most)
    if not ranked:
        return None
    name, price = ranked[0]["name"], ranked[0]["printed"]
    reply = f"{_was(name)} {price}, the {'most' if most else 'least'}."
    known = [item["name"].lower() for item in ranked]
    return {}, (reply,), _only([name], known) | {"first": True}


def _most_pieces(_rng: Random, record: dict) -> Found | None:
    ranked = _rank(record["items"], "quantity")
    if not ranked:
        return None
    name, count = ranked[0]["name"], ranked[0]["quantity"]
    replies = name, f"{name}.", f"{name}: {count}.", f"The {name.lower()}, {count} of it."
    replies = replies[:3] if _is_plural(name) else replies
    known = [item["name"].lower() for item in ranked]
    return {}, replies, _only([name], known) | {"first": True}


def _price(rng: Random, record: dict) -> Found:
    item = rng.choice(record["items"])
    name, price = item["name"], item["printed"]
    replies = (
        *(price, f"{price}.", f"The {name.lower()} cost {price}.", f"{name}: {price}"),
        *(f"The {_was(name.lower())} {price}.", f"{name} cost {price}."),
    )
    return item_words(rng, name), replies, _number(price)


def _price_of_absent(rng: Random, record: dict) -> Found:
    name = _absent_item(rng, record)
    there = f"There {'are' if _is_plural(name) else 'is'} no {name.lower()} on the receipt."
    replies = there, there, f"I see no {name.lower()} on the receipt."
    return item_words(rng, name), replies, {"judge": "absent", "is": name.lower()}


def _quantity(rng: Random, record: dict) -> Found:
    item = rng.choice(record["items"])
    name, count = item["name"], item["quantity"]
    replies = str(count), f"{count}.", f"You bought {count}.", f"{name}: {count}"
    return item_words(rng, name), (*replies, f"{capital(NUMBERS[count])}."), number_is(count)


def _checked(
    fact: str, right: bool, *amounts: str, joint: str = ": "
) -> tuple[tuple[str, ...], dict]:
    """The fact and then the verdict, and their truth: no amount but these may be said."""
    truth = YES if right else NO
    if amounts:
        other = rf"(?!(?:{'|'.join(map(re.escape, amounts))})\b)\d+\.\d\d"
        truth = truth | {"none": [*truth["none"], other]}
    return (f"{fact}{joint}{'yes' if right else 'no'}.",), truth


def _bought(rng: Random, record: dict) -> Found:
    there = rng.random() < 0.5
    name = rng.choice(record["items"])["name"] if there else _absent_item(rng, record)
    listed = join_words([item["name"] for item in record["items"]])
    return item_words(rng, name), *_checked(f"It lists {listed}", there)


def _total_beyond(rng: Random, record: dict, above: bool) -> Found:
    """Whether the total is above, or below, a round amount, which is not very near."""
    said, total = record["printed"]["total"], float(record["printed"]["total"])
    while True:
        limit = max(1, round(total * rng.uniform(0.4, 1.8)))
        limit = limit if limit < 20 else 5 * round(limit / 5)
        if abs(limit - total) > 0.06 * total:
            break
    over = total > limit
    fact = f"The total is {said}, {'more' if over else 'less'} than {limit}"
    return {"amount": limit}, *_checked(fact, over == above, said)


def _another_amount(rng: Random, printed: str) -> str:
    """An amount of which one or two digits are other, so that reading is needed."""
    digits = list(printed)
    for at in rng.sample([i for i, sign in enumerate(digits) if sign != "."], k=rng.choice((1, 2))):
        digits[at] = rng.choice([one for one in "123456789" if one != digits[at]])
    return "".join(digits)


def _wrong_amount(rng: Random, record: dict, printed: str) -> str:
    """An amount that is nearly `printed`, stands in another line or is any other."""
    lines = [item["printed"] for item in record["items"]]
    others = [*lines, *(record["printed"][key] for key in ("subtotal", "tax", "total"))]
    any_other = f"{rng.randint(1, 60)}.{rng.randrange(0, 100, 5):02d}"
    wrong = rng.choice((_another_amount(rng, printed), rng.choice(others), any_other))
    return wrong if wrong != printed else _another_amount(rng, printed)


def _total_is(rng: Random, record: dict) -> Found:
    total, right = record["printed"]["total"], rng.random() < 0.5
    amount = total if right else _wrong_amount(rng, record, total)
    return {"amount": amount}, *_checked(f"The total is {total}", right, total, amount)


def _price_is(rng: Random, record: dict) -> Found:
    item, right = rng.choice(record["items"]), rng.random() < 0.5
    name, price = item["name"], item["printed"]
    amount = price if right else _wrong_amount(rng, record, price)
    checked = _checked(f"The {_was(name.lower())} {price}", right, price, amount)
    return item_words(rng, name) | {"amount": amount}, *checked


def _quantity_is(rng: Random, record: dict) -> Found:
    item, right = rng.choice(record["items"]), rng.random() < 0.5
    real = item["quantity"]
    count = real if right else rng.choice([one for one in range(1, 7) if one != real])
    named = rng.choice((count, NUMBERS[count]))
    names = item_words(rng, item["name"]) | {"count": named}
    return names, *_checked(f"{real} x {item['name']}", right)


def _which_dearer(rng: Random, record: dict, most: bool) -> Found | None:
    """Of two items the one with the higher, or the lower, price on its line."""
    if len(record["items"]) < 2:
        return None
    pair = rng.sample(record["items"], k=2)
    ranked = _rank(pair, "cents", most)
    if not ranked:
        return None
    name, small = ranked[0]["name"], rng.random() < 0.75
    one, two = (item["name"].lower() if small else item["name"] for item in pair)
    facts = ", ".join(f"{item['name']} {item['printed']}" for item in pair)
    return {"one": one, "two": two}, (f"{facts}: {name}.",), has_one(rf"{name.lower()}\W*$")


def _items_above(rng: Random, record: dict) -> Found | None:
    """Items whose lines cost more than an amount that lies between two of them."""
    amounts = sorted(item["cents"] for item in record["items"])
    limits = [cents for cents in range(100, 5000, 100) if amounts[0] < cents < amounts[-1]]
    limits = [cents for cents in limits if cents not in amounts]
    if not limits:
        return None
    limit = rng.choice(limits)
    chosen = [item["name"] for item in record["items"] if item["cents"] > limit]
    said = join_words(chosen)
    return {"amount": limit // 100}, (f"{said}.", said), _only_items(chosen, record)


def _shop_is(rng: Random, record: dict) -> Found:
    shop, right = record["shop"], rng.random() < 0.5
    other = rng.choice([one for one in SHOPS if one != shop])
    if rng.random() < 0.5:  # another place, or another kind of shop
        place, kind = shop.split(" ", 1)
        other = rng.choice([f"{one} {kind}" for one in PLACES if one != place])
    named = shop if right else other
    named = rng.choice((named, named.title()))
    return {"shop": named}, *_checked(f"It is from {shop}", right)


def _year_is(rng: Random, record: dict) -> Found:
    year, right = int(record["date"][:4]), rng.random() < 0.5
    named = year if right else year + rng.choice((-2, -1, 1, 2))
    return {"year": named}, *_checked(f"It is from {record['date']}", right)


def _nth_item(rng: Random, record: dict) -> Found:
    items = record["items"]
    index = rng.randrange(len(items))
    names, name = nth_names(rng, index, len(items)), items[index]["name"]
    replies = name, f"{name}.", f"The {names['which']} item is {name}.", f"It is {name}."
    return names, replies, _only_items([name], record)


PLAINLY = ("{}", "{}.")
RECEIPT_KINDS: Kinds = {
    "rt_items": (18, _items),
    "rt_count": (6, _item_count),
    "rt_pieces": (2, _pieces),
    "rt_date": (8, _tell, "date", holds, *PLAINLY, "On {}.", "It is from {}.", "The date is {}."),
    "rt_year": (2, _tell, "year", holds, "{}", "In {}.", "It is from {}."),
    "rt_month": (2, _tell, "month", holds, "{}", "In {}.", "It was in {}."),
    "rt_shop": (9, _tell, "shop", holds, *PLAINLY, "It is from {}.", "The shop is {}."),
    "rt_top": (2, _tell, "shop", holds, "{}", "{}", "It says {}."),
    "rt_paid": (11, _tell, "total", _number, *PLAINLY, "You paid {}.", "The total is {}.",
                "It was {} in all.", "All together {}."),
    "rt_tax": (6, _tell, "tax", _number, *PLAINLY, "The tax is {}.", "Tax: {}"),
    "rt_rate": (4, _tell, "tax_percent", _number, "{}%", "{} %", "The tax is {} percent.",
                "It is {}%."),
    "rt_subtotal": (8, _tell, "subtotal", _number, *PLAINLY, "The subtotal is {}.",
                    "Subtotal: {}"),
    "rt_number": (5, _tell, "number", _number, *PLAINLY, "The receipt number is {}.",
                  "It is {}."),
    "rt_cheapest": (7, _extreme_item, False),
    "rt_dearest": (12, _extreme_item, True),
    "rt_most": (2, _most_pieces),
    "rt_price": (14, _price),
    "rt_quantity": (8, _quantity),
    "rt_bought": (16, _bought),
    "rt_above": (5, _total_beyond, True),
    "rt_below": (3, _total_beyond, False),
    "rt_total_is": (9, _total_is),
    "rt_price_is": (10, _price_is),
    "rt_quantity_is": (4, _quantity_is),
    "rt_dearer": (4, _which_dearer, True),
    "rt_cheaper": (4, _which_dearer, False),
    "rt_over": (3, _items_above),
    "rt_shop_is": (4, _shop_is),
    "rt_year_is": (2, _year_is),
    "rt_kind": (4, _tell, "shop", has_one("receipt"), "A receipt of {}.",
                "This is a receipt of {}.", "A receipt from {}.", "It is a receipt of {}.",
                "A shop receipt, from {}."),
    "rt_is_receipt": (2, _tell, "shop", YES, "Yes.", "Yes, it is a receipt.",
                      "Yes, it is a receipt of {}."),
    "rt_is_chart": (1, _tell, "shop", NO, "No, it is a receipt.", "No, this is a receipt."),
    "rt_nth": (3, _nth_item),
    "rt_bottom": (1.5, _tell, "shop", has_one("thank you"), "Thank you!", "It says: Thank you!",
                  'It says "Thank you!"'),
    "rt_unknown": (12, _tell, "kind", UNKNOWN, *NOT_SHOWN),
}  # fmt: skip


def ask_receipt_talk(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What somebody wants to know of a receipt; one time in twenty of what is not on it."""
    if rng.random() < 0.05:
        names, replies, truth = _price_of_absent(rng, record)
        question = words.ask(rng, rng.choice(("rt_price", "rt_quantity")), **names)
        return Turn(question, rng.choice(replies), truth)
    return _ask_kind(rng, record, words, RECEIPT_KINDS)


def ask_receipt_lines(rng: Random, record: dict, words: Wordings) -> Turn:
    """All lines as printed, or those of the items alone."""
    lines = [text for text, _ in list_lines(record)]
    section = "receipt_lines"
    if rng.random() < 0.3:
        section, lines = "receipt_item_lines", lines[3:-4]
    text = "\n".join(lines)
    return Turn(words.ask(rng, section), text, text_is(text))


def _boxes_turn(question: str, lines: list[tuple[str, list[int]]]) -> Turn:
    """Texts with boxes in thousandths."""
    value = [{"bbox_2d": box, "text_content": text} for text, box in lines]
    return Turn(question, to_json(value), {"judge": "lines_with_boxes", "is": value})


def ask_line_boxes(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """All lines with their boxes, those of the items, or one that is named."""
    size = record["size"]
    lines = [(text, to_thousandths(box, size)) for text, box in list_lines(record)]
    roll = rng.random()
    if roll < 0.4:
        turn = _boxes_turn(words.ask(rng, "line_boxes"), lines)
        if len(turn.reply) <= LONGEST_BOXES:
            return turn
    if roll < 0.7:
        question = words.ask(rng, "line_boxes_items")
        return _boxes_turn(question, lines[3:-4])
    names = ("shop name", "receipt number", "date", *(item["name"] for item in record["items"]),
             "subtotal", "tax", "total", "thank-you line")  # fmt: skip
    at = rng.choice((*range(len(lines)), len(lines) - 2, len(lines) - 2, 0, 2))
    named = names[at].lower() if rng.random() < 0.7 else names[at]
    return _boxes_turn(words.ask(rng, "line_box_one", line=named), [lines[at]])


RECEIPT_TALK_ASKS = {
    "receipt_talk": (30, ask_receipt_talk),
    "receipt_lines": (6, ask_receipt_lines),
    "line_boxes": (6, ask_line_boxes),
}


def ask_sign_boxes(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What is written in a scene, from left to right, with boxes."""
    written = [(one["text"], one["bbox_2d"]) for one in record["objects"] if one.get("text")]
    if not written:
        return None
    written.sort(key=lambda one: one[1][0])
    turn = _boxes_turn(words.ask(rng, "sign_boxes"), written)
    return turn if len(turn.reply) <= LONGEST_BOXES else None


SCENE_TEXT_ASKS = {"sign_boxes": (5, ask_sign_boxes)}


# --- charts --------------------------------------------------------------------------------------


def _labels_of(record: dict) -> list[str]:
    return [bar["label"] for bar in record["bars"]]


def _verdict(facts: str, right: bool) -> tuple[tuple[str, ...], dict]:
    """The reply to a yes or no question, which states what is seen and then judges; its truth."""
    return _checked(facts, right, joint=", so ")


def _told(*bars: dict) -> str:
    """Lima: 25, Oslo: 19"""
    return ", ".join(f"{bar['label']}: {bar['value']}" for bar in bars)


def _all_bars(record: dict) -> str:
    return f"The bars are {join_words(_labels_of(record))}"


def _unit_of(record: dict) -> dict[str, object]:
    return {"things": record["axis"]["label"]}


def _only_labels(names: list[str], record: dict) -> dict:
    return _only(names, [label.lower() for label in _labels_of(record)])


def _first_label(bar: dict, record: dict) -> dict:
    """The truth that this label is the first one in the reply."""
    return _one_label(bar, record) | {"first": True}


def _one_label(bar: dict, record: dict) -> dict:
    return _only_labels([bar["label"]], record)


def _one_value(bar: dict, _record: dict) -> dict:
    return number_is(bar["value"])


def _tell_bar(
    rng: Random,
    record: dict,
    choose: Callable[[Random, dict], dict | None],
    judge: Callable[[dict, dict], dict],
    *replies: str,
) -> Found | None:
    """The chosen bar, put into the question and the replies; `judge` makes the truth of it."""
    bar = choose(rng, record)
    if not bar:
        return None
    names = bar | _unit_of(record)
    return names, [reply.format(**names) for reply in replies], judge(bar, record)


def _any_bar(rng: Random, record: dict) -> dict:
    return rng.choice(record["bars"])


def _highest(_rng: Random, record: dict) -> dict:
    return max(record["bars"], key=lambda bar: bar["value"])


def _lowest(_rng: Random, record: dict) -> dict:
    return min(record["bars"], key=lambda bar: bar["value"])


def _only_highest(_rng: Random, record: dict) -> dict | None:
    ranked = _rank(record["bars"], "value")
    return ranked and ranked[0]


def _only_lowest(_rng: Random, record: dict) -> dict | None:
    ranked = _rank(record["bars"], "value", most=False)
    return ranked and ranked[0]


def _second(_rng: Random, record: dict) -> dict | None:
    bars = sorted(record["bars"], key=lambda bar: -bar["value"])
    clear = len({bar["value"] for bar in bars[:3]}) == min(3, len(bars))
    return bars[1] if clear else None


def _higher_of_two(rng: Random, record: dict) -> dict | None:
    one, two, names = _two_bars(rng, record)
    ranked = _rank([one, two], "value")
    return ranked and ranked[0] | names


def _nth_bar(rng: Random, record: dict) -> dict:
    bars = record["bars"]
    index = rng.randrange(len(bars))
    return bars[index] | {"which": "last" if index == len(bars) - 1 else ORDINALS[index][0]}


def _bar_of_value(rng: Random, record: dict) -> dict | None:
    """The bar that has a value; none where another has it too."""
    bar = rng.choice(record["bars"])
    alone = [one["value"] for one in record["bars"]].count(bar["value"]) == 1
    return bar if alone else None


def _about(_rng: Random, record: dict) -> Found:
    title, bars = record["title"], record["bars"]
    low = title[:1].lower() + title[1:]
    replies = (
        *(f"{title}.", f"It is about {low}.", f"It shows {low}.", f"The chart shows {low}."),
        f"{title}, for {join_words(_labels_of(record))}.",
        f"{title}, in {len(bars)} bars.",
    )
    return {}, replies, holds(title)


def _bar_count(_rng: Random, record: dict) -> Found:
    count = len(record["bars"])
    replies = str(count), f"There are {NUMBERS[count]} bars.", f"{capital(NUMBERS[count])}."
    return {}, replies, number_is(count)


def _labels(_rng: Random, record: dict) -> Found:
    return {}, (f"{_all_bars(record)}.",), _only_labels(_labels_of(record), record)


def _count_is(rng: Random, record: dict) -> Found:
    said = count = len(record["bars"])
    if rng.random() >= 0.5:
        said = min(10, max(2, count + rng.choice((-2, -1, -1, 1, 1, 2, 3))))
    names = {"count": rng.choice((said, said, NUMBERS[said]))} | _unit_of(record)
    return names, *_verdict(f"{_all_bars(record)}: {count}", said == count)


def _bar_colour(rng: Random, record: dict) -> Found:
    bar = rng.choice(record["bars"])
    label, colour = bar["label"], bar["colour"]
    replies = (
        *(f"The bar of {label} is {colour}.", f"It is {colour}.", f"{capital(colour)}."),
        *(colour, f"The {label} bar is {colour}."),
    )
    if label.lower() in BAR_COLOURS:
        replies = replies[1:4]
    return {"label": label}, replies, _only([colour], BAR_COLOURS)


def _bar_of_colour(rng: Random, record: dict) -> Found | None:
    bars, colours = record["bars"], {bar["colour"] for bar in record["bars"]}
    if len(colours) < 2 or any(bar["label"].lower() in BAR_COLOURS for bar in bars):
        return None
    colour = rng.choice(sorted(colours))
    found = [bar["label"] for bar in bars if bar["colour"] == colour]
    said, verb = join_words(found), _are(len(found))
    names = {"colour": colour, "is": verb, "bars": "bar" if verb == "is" else "bars"}
    return names, (f"{said}.", said, f"{said} {verb} {colour}."), _only_labels(found, record)


def _colours_there(record: dict) -> list[str]:
    return list(dict.fromkeys(bar["colour"] for bar in record["bars"]))


def _same_colour(_rng: Random, record: dict) -> Found:
    colours = _colours_there(record)
    every = "All" if len(colours) == 1 else "The"
    return {}, *_verdict(f"{every} bars are {join_words(colours)}", len(colours) == 1)


def _colours_of_bars(_rng: Random, record: dict) -> Found:
    colours = _colours_there(record)
    said = join_words(colours)
    they, bars = ("They are all", "All bars") if len(colours) == 1 else ("They are", "The bars")
    replies = f"{capital(said)}.", f"{they} {said}.", f"{bars} are {said}."
    return {}, replies, _only(colours, BAR_COLOURS)


def _count_colour(rng: Random, record: dict) -> Found:
    there = [bar["colour"] for bar in record["bars"]]
    colour = rng.choice((*there, rng.choice(BAR_COLOURS)))
    return {"colour": colour}, *_counted(there.count(colour), f"{colour} bar")


def _colour_is(rng: Random, record: dict) -> Found | None:
    if any(bar["label"].lower() in SEEN_COLOURS for bar in record["bars"]):
        return None
    bar = rng.choice(record["bars"])
    label, colour = bar["label"], bar["colour"]
    there = [one["colour"] for one in record["bars"]]
    said = rng.choice([one for one in (*there, *SEEN_COLOURS) if one != colour])
    said = colour if rng.random() < 0.5 else said
    return {"label": label, "colour": said}, *_verdict(f"{label} is {colour}", said == colour)


def _two_bars(rng: Random, record: dict, order: int = 0) -> tuple[dict, dict, dict[str, object]]:
    """Two bars, and the names that a question about them fills in.

    With an order of 1, the first is the higher, with -1 the lower.
    """
    one, two = rng.sample(record["bars"], k=2)
    if (one["value"] - two["value"]) * order < 0:
        one, two = two, one
    return one, two, {"one": one["label"], "two": two["label"]} | _unit_of(record)


def _difference(rng: Random, record: dict, order: int) -> Found:
    """Oslo: 19, Lima: 25. 25 - 19 = 6."""
    one, two, names = _two_bars(rng, record, order)
    low, high = sorted((one["value"], two["value"]))
    return names, (f"{_told(one, two)}. {high} - {low} = {high - low}.",), number_is(high - low)


def _sum_of_bars(rng: Random, record: dict) -> Found:
    """Lima: 25, Oslo: 19. 25 + 19 = 44."""
    one, two, names = _two_bars(rng, record)
    a, b = one["value"], two["value"]
    return names, (f"{_told(one, two)}. {a} + {b} = {a + b}.",), number_is(a + b)


def _is_higher(rng: Random, record: dict, higher: bool) -> Found | None:
    """Whether one of two bars is the higher, or the lower."""
    one, two, names = _two_bars(rng, record)
    if one["value"] == two["value"]:
        return None
    return names, *_verdict(_told(one, two), (one["value"] > two["value"]) == higher)


def _bars_beyond(
    rng: Random, record: dict, above: bool
) -> tuple[list[dict], dict[str, object]] | None:
    """The bars above, or below, a value that none of them has, and the names for a question.

    It is a round one, or one just beside that of a bar.
    """
    step, top = record["axis"]["step"], record["axis"]["max"]
    values = [bar["value"] for bar in record["bars"]]
    limit = rng.choice(range(step, top, max(1, step // 2)) or (step,))
    if rng.random() < 0.4:
        limit = rng.choice(values) + rng.choice((-1, -1, 1))
    if limit <= 0 or limit in values:
        return None
    chosen = [bar for bar in record["bars"] if (bar["value"] > limit) == above]
    return chosen, {"value": limit} | _unit_of(record)


def _which_beyond(rng: Random, record: dict, above: bool) -> Found | None:
    found = _bars_beyond(rng, record, above)
    if not found:
        return None
    chosen, names = [bar["label"] for bar in found[0]], found[1]
    if not chosen:
        return names, ("None.", "None of them.", "There is none."), has_one("none\\b", "no\\b")
    said = join_words(chosen)
    return names, (f"{said}.", said, f"{said}."), _only_labels(chosen, record)


def _count_beyond(rng: Random, record: dict, above: bool) -> Found | None:
    """Mon: 12, Thu: 40. 2 bars."""
    found = _bars_beyond(rng, record, above)
    if not found:
        return None
    chosen, names = found
    count = len(chosen)
    reply = f"{_told(*chosen) or 'None'}. {count} {'bar' if count == 1 else 'bars'}."
    return names, (reply,), number_is(count)


def _bar_beyond(rng: Random, record: dict, above: bool) -> Found:
    """Whether one bar is above, or below, a value that it does not have."""
    bar, step = rng.choice(record["bars"]), record["axis"]["step"]
    value, beside = bar["value"], rng.choice((1, max(1, step // 2), step, 2 * step))
    limit = value + beside if value <= beside or rng.random() < 0.5 else value - beside
    names = {"label": bar["label"], "value": limit} | _unit_of(record)
    return names, *_verdict(_told(bar), (value > limit) == above)


def _any_above(rng: Random, record: dict) -> Found:
    best, step = max(record["bars"], key=lambda bar: bar["value"]), record["axis"]["step"]
    value = best["value"]
    beside = rng.choice((1, max(1, step // 2), step))
    limit = value + beside if rng.random() < 0.5 else max(0, value - beside)
    names = {"value": limit} | _unit_of(record)
    return names, *_verdict(f"The highest is {_told(best)}", value > limit)


def _is_extreme(rng: Random, record: dict, most: bool) -> Found | None:
    """Whether a bar is the highest, or the lowest."""
    ranked = _rank(record["bars"], "value", most)
    if not ranked:
        return None
    best, how = ranked[0], "highest" if most else "lowest"
    bar = best if rng.random() < 0.5 else rng.choice(ranked[1:])
    return {"label": bar["label"]}, *_verdict(f"The {how} is {best['label']}", bar is best)


def _range_of_bars(_rng: Random, record: dict) -> Found:
    """The highest is Lima: 25, the lowest is Oslo: 19. 25 - 19 = 6."""
    low, *_, high = sorted(record["bars"], key=lambda bar: bar["value"])
    a, b = high["value"], low["value"]
    reply = f"The highest is {_told(high)}, the lowest is {_told(low)}. {a} - {b} = {a - b}."
    return _unit_of(record), (reply,), number_is(a - b)


def _total_of_bars(_rng: Random, record: dict) -> Found | None:
    """Lima: 25, Oslo: 19, Rome: 6. 25 + 19 = 44, 44 + 6 = 50."""
    if len(record["bars"]) > 5:
        return None
    steps, total = [], record["bars"][0]["value"]
    for bar in record["bars"][1:]:
        steps.append(f"{total} + {bar['value']} = {total + bar['value']}")
        total += bar["value"]
    reply = f"{_told(*record['bars'])}. {', '.join(steps)}."
    return _unit_of(record), (reply,), number_is(total)


def _value_is(rng: Random, record: dict) -> Found:
    bar = rng.choice(record["bars"])
    label, value = bar["label"], bar["value"]
    step = record["axis"]["step"]
    other = rng.choice([one["value"] for one in record["bars"] if one is not bar] + [value + step])
    other = other if other != value else value + step
    said = value if rng.random() < 0.5 else other
    names = {"label": label, "value": said} | _unit_of(record)
    return names, *_verdict(_told(bar), said == value)


def _absent_label(rng: Random, record: dict) -> Found:
    there = _labels_of(record)
    while True:
        label = rng.choice(rng.choice((rng.choice(LABELS), OTHER_LABELS)))
        if label not in there and len(label) > 1:
            break
    missing = f"There is no {label} in the chart."
    replies = missing, f"There is no bar for {label}.", missing
    return {"label": label} | _unit_of(record), replies, {"judge": "absent", "is": label.lower()}


def _has_label(rng: Random, record: dict) -> Found:
    there = rng.random() < 0.45
    label = rng.choice(_labels_of(record)) if there else _absent_label(rng, record)[0]["label"]
    return {"label": label} | _unit_of(record), *_verdict(_all_bars(record), there)


def _next_bar(rng: Random, record: dict) -> Found:
    labels = _labels_of(record)
    index = rng.randrange(len(labels) - 1)
    truth = _only_labels([labels[index + 1]], record)
    return {"label": labels[index]}, (f"{labels[index + 1]}.",), truth


def _all_values(_rng: Random, record: dict) -> Found:
    said = f"{_told(*record['bars'])}."
    return _unit_of(record), (said,), text_is(said)


def _axis_top(_rng: Random, record: dict) -> Found:
    top = record["axis"]["max"]
    return _unit_of(record), (f"The axis goes up to {top}.",), number_is(top)


CHART_KINDS: Kinds = {
    "ct_title": (6, _tell, "title", holds, *PLAINLY, "The title is {}.", "It is called {}."),
    "ct_about": (5, _about),
    "ct_count": (6, _bar_count),
    "ct_count_is": (7, _count_is),
    "ct_labels": (12, _labels),
    "ct_max": (12, _tell_bar, _highest, _one_value, "The highest is {label}: {value}."),
    "ct_min": (9, _tell_bar, _lowest, _one_value, "The lowest is {label}: {value}."),
    "ct_best": (9, _tell_bar, _only_highest, _first_label, "{label}.", "{label}",
                "{label}, with {value}.", "{label} has the most {things}."),
    "ct_worst": (8, _tell_bar, _only_lowest, _first_label, "{label}.", "{label}",
                 "{label}, with {value}.", "{label} has the fewest {things}."),
    "ct_value": (10, _tell_bar, _any_bar, _one_value, "{value}", "{value}.", "{label}: {value}",
                 "{value} {things}.", "It is {value}."),
    "ct_colour": (9, _bar_colour),
    "ct_of_colour": (4, _bar_of_colour),
    "ct_same_colour": (3, _same_colour),
    "ct_colour_is": (9, _colour_is),
    "ct_difference": (8, _difference, 0),
    "ct_more": (8, _difference, 1),
    "ct_fewer": (4, _difference, -1),
    "ct_sum": (9, _sum_of_bars),
    "ct_above": (5, _which_beyond, True),
    "ct_below": (4, _which_beyond, False),
    "ct_higher": (13, _is_higher, True),
    "ct_lower": (5, _is_higher, False),
    "ct_which": (5, _tell_bar, _higher_of_two, _first_label, "{label}.", "{label}",
                 "{label} is higher.", "{label}, with {value}."),
    "ct_value_is": (5, _value_is),
    "ct_is_best": (3, _is_extreme, True),
    "ct_is_worst": (2, _is_extreme, False),
    "ct_second": (2, _tell_bar, _second, _first_label, "{label}.", "{label}",
                  "{label}, with {value}."),
    "ct_colours": (4, _colours_of_bars),
    "ct_count_above": (8, _count_beyond, True),
    "ct_count_below": (3, _count_beyond, False),
    "ct_any_above": (3, _any_above),
    "ct_bar_above": (4, _bar_beyond, True),
    "ct_bar_below": (2, _bar_beyond, False),
    "ct_range": (3, _range_of_bars),
    "ct_total": (4, _total_of_bars),
    "ct_count_colour": (3, _count_colour),
    "ct_has": (9, _has_label),
    "ct_nth": (3, _tell_bar, _nth_bar, _one_label, "{label}.", "{label}",
               "The {which} bar is {label}."),
    "ct_nth_value": (3, _tell_bar, _nth_bar, _one_value, "The {which} is {label}: {value}."),
    "ct_next": (3, _next_bar),
    "ct_with_value": (3, _tell_bar, _bar_of_value, _one_label, "{label}.", "{label} has {value}."),
    "ct_values": (4, _all_values),
    "ct_unit": (9, _tell, "label", holds, "The chart counts {}."),
    "ct_axis_top": (7, _axis_top),
    "ct_kind": (4, _tell, "title", has_one("bar chart", "bar graph"), "A bar chart.",
                "It is a bar chart.", "A bar chart: {}.", "This is a bar chart.",
                "A bar chart, {}."),
    "ct_is_bar": (1, _tell, "kind", YES, "Yes.", "Yes, it is a bar chart.", "Yes, a bar chart."),
    "ct_is_other": (2, _tell, "kind", NO, "No, it is a bar chart.", "No, this is a bar chart."),
    "ct_unknown": (5, _tell, "kind", UNKNOWN, *NOT_SHOWN),
}  # fmt: skip


def ask_chart_talk(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What somebody wants to know of a chart; one time in twenty of a bar that is not there."""
    if rng.random() < 0.05:
        names, replies, truth = _absent_label(rng, record)
        return Turn(words.ask(rng, "ct_value", **names), rng.choice(replies), truth)
    return _ask_kind(rng, record, words, CHART_KINDS)


def ask_chart_table(rng: Random, record: dict, words: Wordings) -> Turn:
    """The bars as a JSON object or rows, as CSV or as a table in Markdown."""
    bars = [(bar["label"], bar["value"]) for bar in record["bars"]]
    form = rng.choice(("object", "rows", "csv", "markdown"))
    question = words.ask(rng, f"chart_table_{form}")
    if form in ("object", "rows"):
        rows = [{"label": label, "value": value} for label, value in bars]
        value = dict(bars) if form == "object" else rows
        return Turn(question, to_json(value), {"judge": "json", "is": value})
    if form == "csv":
        lines = ["label,value", *(f"{label},{value}" for label, value in bars)]
    else:
        rows = [f"| {label} | {value} |" for label, value in bars]
        lines = ["| label | value |", "|---|---|", *rows]
    text = "\n".join(lines)
    return Turn(question, text, text_is(text))


CHART_TALK_ASKS = {"chart_talk": (20, ask_chart_talk), "chart_table": (5, ask_chart_table)}


# --- written texts -------------------------------------------------------------------------------


def _written(record: dict) -> list[str]:
    """All words of all lines, without the marks that end a sentence."""
    return [word.strip(".!?") for line in record["lines"] for word in line.split()]


def _all_text(_rng: Random, record: dict) -> Found:
    text = "\n".join(record["lines"])
    replies = (text, text, text, f"It says: {text}")
    return {}, replies if len(record["lines"]) == 1 else replies[:1], text_is(text)


def _end_word(_rng: Random, record: dict, index: int) -> Found | None:
    """The first or last word."""
    words = _written(record)
    word = words[index]
    if len(words) < 2 or not word.isalpha():
        return None
    which = "last" if index else "first"
    replies = word, word, f"The {which} word is {word}.", f'"{word}"'
    return {}, replies, text_is(word)


def _line_count(_rng: Random, record: dict) -> Found:
    return {}, *_counted(len(record["lines"]), "line")


def _word_count(_rng: Random, record: dict) -> Found | None:
    words = _written(record)
    if len(words) > 10 or not all(map(str.isalpha, words)):
        return None
    return {}, *_counted(len(words), "word")


def _has_number(_rng: Random, record: dict) -> Found | None:
    words = _written(record)
    numbers = [word for word in words if re.fullmatch(r"\d+(\.\d+)?", word)]
    if any(any(sign.isdigit() for sign in word) and word not in numbers for word in words):
        return None  # a code, a date or a time: not everybody calls that a number
    if not numbers:
        return {}, ("No.", "No, there is no number.", "No, there are only letters."), NO
    said = join_words(numbers)
    return {}, (f"Yes, {said}.", "Yes.", f"Yes: {said}"), YES


def _only_word(record: dict) -> str | None:
    """The word that is all of the text, if it is short enough to be spelt."""
    word = record["lines"][0].strip(".!?")
    short = len(record["lines"]) == 1 and word.isalpha() and 2 <= len(word) <= 9
    return word if short else None


def _spelt(_rng: Random, record: dict) -> Found | None:
    word = _only_word(record)
    if word is None:
        return None
    forms = ["-".join(word), " ".join(word), ", ".join(word)]
    return {}, (forms[0], forms[0], forms[1]), {"judge": "one_of", "is": forms, "alike": 0.97}


def _letters(_rng: Random, record: dict) -> Found | None:
    word = _only_word(record)
    return word and ({}, *_counted(len(word), "letter", "It has {said}."))


def _says(rng: Random, record: dict) -> Found:
    """The lines and then the verdict, which alone is judged: the lines may hold a "no"."""
    lines, right = record["lines"], rng.random() < 0.5
    text = rng.choice(lines)
    if not right:
        text = make_line(rng, 16) if rng.random() < 0.5 else rng.choice(COMMON)
        if text.rstrip(".!?").lower() in "\n".join(lines).lower():
            text = "ZEPHYR 77"
    verdict = "yes" if right else "no"
    said = ", ".join(f'"{line}"' for line in lines)
    names = {"text": text.rstrip(".!?") or text}
    return names, (f"It says {said}: {verdict}.",), has_one(rf"{verdict}\W*$")


def _capitals(_rng: Random, record: dict) -> Found | None:
    text = " ".join(record["lines"])
    if sum(map(str.isalpha, text)) < 3:
        return None
    if text == text.upper():
        return {}, ("Yes.", "Yes, all letters are capitals.", "Yes, it is all in capitals."), YES
    return {}, ("No.", "No, there are small letters too.", "No, not all of it."), NO


def _text_kind(_rng: Random, record: dict) -> Found:
    first, count = record["lines"][0], len(record["lines"])
    if count == 1:
        replies = f"A text: {first}", f"It is a text. It says: {first}", f"A line of text: {first}"
    else:
        many = _count(count, "line")
        replies = f"A text of {many}.", f"It is a text of {many}.", f"{capital(many)} of text."
    return {}, replies, has_one("text")


def _nth_written(rng: Random, record: dict) -> Found | None:
    lines = record["lines"]
    if len(lines) == 1:
        return None
    index = rng.choice((*range(len(lines)), len(lines) - 1))
    line = lines[index]
    return nth_names(rng, index, len(lines)), (line,), text_is(line)


TEXT_KINDS: Kinds = {
    "tp_all": (14, _all_text),
    "tp_first": (5, _end_word, 0),
    "tp_last": (5, _end_word, -1),
    "tp_lines": (4, _line_count),
    "tp_words": (4, _word_count),
    "tp_number": (3, _has_number),
    "tp_spell": (4, _spelt),
    "tp_letters": (2, _letters),
    "tp_says": (5, _says),
    "tp_capitals": (2, _capitals),
    "tp_kind": (3, _text_kind),
    "tp_nth": (12, _nth_written),
}


def ask_text_talk(rng: Random, record: dict, words: Wordings) -> Turn | None:
    return _ask_kind(rng, record, words, TEXT_KINDS)


TEXT_TALK_ASKS = {"text_talk": (7, ask_text_talk)}
