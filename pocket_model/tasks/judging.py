"""Judges: whether a reply says what is true, however it is put.

Each takes the truth of a turn (a dictionary whose `judge` names the function) and a reply, and
returns True, False or a number from 0 to 1.
"""

import json
import re
from collections import Counter
from difflib import SequenceMatcher

from media.generator.things import KINDS
from pocket_model.tasks.turn import listed

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "grey")
NUMBER_WORDS = listed("zero one two three four five six seven eight nine ten eleven twelve")
DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)}
DIGITS |= {"no": "0", "none": "0", "once": "1", "twice": "2"}
PLURALS = {"people": "person", "buses": "bus", "boxes": "box"}
NAMES = "|".join(sorted((*KINDS, "people", "thing"), key=len, reverse=True))
COUNTED = r"an?|the|one|two|three|four|five|six|seven|eight|nine|ten|\d+"
THING = re.compile(
    rf"(?:\b({COUNTED}) )?(?:\b({'|'.join(COLOURS)}) )?\b({NAMES})(?:e?s)?\b"
    rf"(?: in ({'|'.join(COLOURS)})\b)?"
)
IGNORANCE = re.compile(r"\b(do not|don't|cannot|can't|not able to|does not|outside)\b")


# --- truths that many questions have -------------------------------------------------------------


def text_is(text: str) -> dict:
    return {"judge": "text", "is": text}


def number_is(number: float) -> dict:
    return {"judge": "number", "is": number}


def colour_is(colour: str) -> dict:
    return {"judge": "words", "of": COLOURS, "is": [colour]}


def yes_no_is(word: str) -> dict:
    """The reply begins with yes, or with no."""
    return {"judge": "words", "of": ("yes", "no"), "is": [word], "first": True}


def holds(text: str) -> dict:
    """The reply has this word or number in it."""
    return {"judge": "holds", "is": text}


def has_one(*patterns: str) -> dict:
    """One of these patterns begins a word of the reply."""
    return {"judge": "keys", "all": [list(patterns)]}


# --- judges --------------------------------------------------------------------------------------


def judge_reply(truth: dict, reply: str) -> bool | float:
    return JUDGES[truth["judge"]](truth, reply.strip())


def find_words(words: tuple[str, ...], reply: str) -> list[str]:
    """Those of `words` that occur in the reply, in its order, each once."""
    pattern = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    found = re.findall(rf"\b(?:{pattern})(?=e?s?\b)", reply.lower())
    return list(dict.fromkeys(found))


def _judge_words(truth: dict, reply: str) -> bool:
    """Of the words `of`, the reply has exactly `is` (or, with `first`, begins with that one)."""
    found = find_words(tuple(truth["of"]), reply)
    if truth.get("first"):
        return found[:1] == list(truth["is"])
    return sorted(found) == sorted(truth["is"]) and bool(reply)


def find_numbers(reply: str) -> list[float]:
    text = re.sub(r"[a-z]+", lambda word: DIGITS.get(word[0], word[0]), reply.lower())
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))]


def _judge_number(truth: dict, reply: str) -> bool:
    numbers = find_numbers(reply)
    return bool(numbers) and numbers[-1] == truth["is"]


def _judge_numbers(truth: dict, reply: str) -> bool:
    """All the numbers, in any order, and no other."""
    return sorted(find_numbers(reply)) == sorted(truth["is"])


def _judge_seconds(truth: dict, reply: str) -> bool:
    numbers = find_numbers(reply)
    return bool(numbers) and abs(numbers[-1] - truth["is"]) <= truth["within"]


def _judge_text(truth: dict, reply: str) -> bool:
    """The reply is the text, alone, in quotation marks, or after "says" or a colon."""
    wanted = truth["is"]
    after = re.split(r"(?:\bsays|\bis|:)\s", reply, maxsplit=1)
    quoted = re.findall(r'["“\'](.*)["”\']', reply, flags=re.DOTALL)
    tries = (reply, after[-1], after[-1].removesuffix("."), *quoted)
    return any(one.strip() == wanted.strip() for one in tries)


def count_things(reply: str) -> Counter:
    """{"red ball": 2, …} as the reply has it; "person in red" is "red person"."""
    found = Counter()
    for count, before, name, after in THING.findall(reply.lower()):
        name = PLURALS.get(name, name)
        number = int(DIGITS.get(count, count if count.isdigit() else "1"))
        found[f"{before or after} {name}".strip()] += number
    return found


def _judge_things(truth: dict, reply: str) -> bool:
    """Every thing with its colour and number, none invented, each in its row."""
    if "sentences" in truth and len(re.findall(r"[.!?](?:\s|$)", reply)) != truth["sentences"]:
        return False
    return dict(count_things(reply)) == truth["is"] and _rows_are_right(truth["rows"], reply)


def _rows_are_right(rows: dict[str, str], reply: str) -> bool:
    parts = re.split(r"\b(?:at the|in the) (top|middle|bottom)\b", reply.lower())
    told = {row: count_things(text) for row, text in zip(parts[1::2], parts[2::2], strict=True)}
    return all(name in told.get(row, ()) for name, row in rows.items())


def _judge_lines(truth: dict, reply: str) -> bool:
    """The same lines in any order."""
    return sorted(line.strip(" -*").lower() for line in reply.splitlines()) == truth["is"]


def overlap(one: list[float], other: list[float]) -> float:
    """Intersection over union of two boxes."""
    across = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    shared = across * down
    return shared / (areas - shared) if areas > shared else 0.0


def read_json(reply: str) -> object:
    """The JSON of a reply, with or without a fence around it. Raises ValueError."""
    return json.loads(re.sub(r"^```(?:json)?|```$", "", reply).strip())


def read_boxes(reply: str) -> list[dict] | None:
    """The boxes of a reply, or None if it is no list of boxes with labels."""
    try:
        boxes = read_json(reply)
        fine = all(len(one["bbox_2d"]) == 4 and one["label"] and sum(one["bbox_2d"]) >= 0
                   for one in boxes)  # fmt: skip
    except (ValueError, TypeError, KeyError):
        return None
    return boxes if fine else None


def _judge_boxes(truth: dict, reply: str) -> float:
    """Mean overlap of each true box with the best reply of its label; extra boxes count as 0.

    The key `extra`, where there is one, must be right too.
    """
    boxes = read_boxes(reply) or []
    total = 0.0
    left = list(boxes)
    for wanted in truth["is"]:
        keys = ("label", truth["extra"]) if "extra" in truth else ("label",)
        fitting = [one for one in left if all(one.get(key) == wanted[key] for key in keys)]
        best = max(
            fitting, key=lambda one: overlap(one["bbox_2d"], wanted["bbox_2d"]), default=None
        )
        if best:
            total += overlap(best["bbox_2d"], wanted["bbox_2d"])
            left.remove(best)
    return total / max(len(boxes), len(truth["is"]))


def _judge_points(truth: dict, reply: str) -> float:
    """The share of true boxes that hold exactly one point of their label; others count as wrong."""
    try:
        points = read_json(reply)
        found = [(one["label"].lower(), *map(float, one["point_2d"])) for one in points]
        held = [0] * len(truth["is"])
        for label, across, down in found:
            for index, true in enumerate(truth["is"]):
                left, top, right, bottom = true["bbox_2d"]
                fits = left <= across <= right and top <= down <= bottom
                held[index] += fits and label == true["label"].lower()
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0.0
    return held.count(1) / max(len(found), len(held))


def _judge_claim(truth: dict, reply: str) -> bool:
    """Yes or no first, as it is; then, of the words `of` (or numbers), only those that `may` be."""
    low = reply.lower()
    if find_words(("yes", "no"), low)[:1] != [truth["is"]]:
        return False
    rest = re.sub(r"^\W*(?:yes|no)\b|\b(?:not|isn't|aren't)( an?| the)? \w+", "", low)
    if truth["of"] == "numbers":
        return all(number in truth["may"] for number in find_numbers(rest))
    return all(word in truth["may"] for word in find_words(tuple(truth["of"]), rest))


def _judge_first_thing(truth: dict, reply: str) -> bool:
    """The first thing that is named is the right one; its colour may be left out, not be wrong."""
    found = next(iter(count_things(reply)), "")
    return found in (truth["is"], truth["is"].split(" ", 1)[1])


def _judge_lines_with_boxes(truth: dict, reply: str) -> float:
    """Lines of text with boxes: 1 if all texts are right in their order and the boxes lie well,
    else the share that is right."""
    try:
        lines = read_json(reply)
        found = [(one["text_content"], [float(side) for side in one["bbox_2d"]]) for one in lines]
    except (ValueError, TypeError, KeyError):
        return 0.0
    wanted = truth["is"]
    shares = [
        overlap(box, true["bbox_2d"]) if text == true["text_content"] and len(box) == 4 else -1.0
        for (text, box), true in zip(found, wanted, strict=False)
    ]
    most = max(len(found), len(wanted))
    share = sum(max(0.0, one) for one in shares) / most if most else 0.0
    return 1.0 if share >= 0.5 and len(found) == len(wanted) and min(shares) >= 0 else share


def _judge_json(truth: dict, reply: str) -> bool:
    """The same JSON; with `any_order`, a list in any order."""
    try:
        said = read_json(reply)
    except ValueError:
        return False
    if truth.get("any_order") and isinstance(said, list):
        return sorted(map(_sorted_json, said)) == sorted(map(_sorted_json, truth["is"]))
    return said == truth["is"]


def _sorted_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _judge_events(truth: dict, reply: str) -> bool:
    """The same events in any order of equal times, each within so many seconds."""
    time, event = truth["keys"]
    try:
        rows = [(one[event], float(one[time])) for one in json.loads(reply)]
    except (ValueError, TypeError, KeyError):
        return False
    wanted = sorted((one[event], one[time]) for one in truth["is"])
    return len(rows) == len(wanted) and all(
        said[0] == true[0] and abs(said[1] - true[1]) <= truth["within"]
        for said, true in zip(sorted(rows), wanted, strict=True)
    )


def _judge_one_of(truth: dict, reply: str) -> bool:
    """Nearly one of the right answers, letter by letter."""
    low = reply.lower()
    return any(
        SequenceMatcher(None, low, one.lower(), autojunk=False).ratio() >= truth.get("alike", 0.92)
        for one in truth["is"]
    )


def _judge_keys(truth: dict, reply: str) -> bool:
    """Every group of `all` has one of its words in the reply, and none of `none` occurs."""
    low = reply.lower()
    fine = all(any(re.search(rf"\b{word}", low) for word in group) for group in truth["all"])
    return fine and not any(re.search(rf"\b{word}", low) for word in truth.get("none", ()))


def _judge_unknown(truth: dict, reply: str) -> bool:
    return bool(IGNORANCE.search(reply.lower()))


def _judge_absent(truth: dict, reply: str) -> bool:
    return bool(re.search(rf"\b(no|not)\b.*{truth['is']}|don't|cannot", reply.lower()))


def _judge_call(truth: dict, reply: str) -> bool:
    """Exactly this tool call, and nothing else."""
    found = re.fullmatch(r"<tool_call>\s*(\{.*\})\s*</tool_call>", reply, flags=re.DOTALL)
    return bool(found) and _judge_json(truth, found[1])


def _judge_calls(truth: dict, reply: str) -> bool:
    """Exactly these tool calls in any order, and nothing else."""
    parts = re.findall(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", reply, flags=re.DOTALL)
    rest = re.sub(r"<tool_call>\s*\{.*?\}\s*</tool_call>", "", reply, flags=re.DOTALL)
    try:
        said = [_sorted_json(json.loads(part)) for part in parts]
    except ValueError:
        return False
    return not rest.strip() and sorted(said) == sorted(map(_sorted_json, truth["is"]))


def _judge_no_call(truth: dict, reply: str) -> bool:
    return "<tool_call>" not in reply and bool(reply) and judge_reply(truth["then"], reply) > 0


def _judge_one_word(truth: dict, reply: str) -> bool:
    return len(reply.split()) == 1 and reply.lower().strip(".!") in truth["of"]


def _judge_sentences(truth: dict, reply: str) -> bool:
    """So many sentences, each one of those known to be right."""
    sentences = re.split(r"(?<=[.!?])\s+", reply)
    return len(sentences) == truth["count"] and set(sentences) <= set(truth["of"])


def _judge_holds(truth: dict, reply: str) -> bool:
    """The reply has the word or number `is`, alone or in a sentence."""
    pattern = rf"(?<![a-z0-9]){re.escape(truth['is'].lower())}(?![a-z0-9])"
    return bool(re.search(pattern, reply.lower()))


def _judge_some(truth: dict, reply: str) -> bool:
    return any(_judge_holds(holds(one), reply) for one in truth["of"])


def _judge_several(truth: dict, reply: str) -> bool:
    """So many different words of those known, and nothing but them."""
    said = [one for one in re.split(r"\s*[,;\n.]\s*|\s+and\s+|\s+", reply.lower()) if one]
    return len(said) == len(set(said)) == truth["count"] and set(said) <= set(truth["of"])


def _judge_style(truth: dict, reply: str) -> bool:
    """The wished form, and within it a right answer."""
    forms = {
        "one_word": len(reply.split()) == 1,
        "sentence": len(reply.split()) > 2 and reply.endswith("."),
        "capitals": reply == reply.upper() and len(reply.split()) > 1,
        "json": reply.startswith('{"answer":'),
    }
    return forms[truth["style"]] and judge_reply(truth["then"], reply) > 0


def _judge_cannot_tell(truth: dict, reply: str) -> bool:
    """The reply says that it cannot tell, and tells nothing."""
    return "cannot tell" in reply.lower() and len(reply) < 160


JUDGES = {
    name.removeprefix("_judge_"): function
    for name, function in tuple(globals().items())
    if name.startswith("_judge_")
}
