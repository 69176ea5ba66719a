"""Questions without a picture in daily words: about words, letters and sums, and small talk."""

from collections.abc import Callable
from random import Random

from pocket_model.tasks.judging import COLOURS
from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.talks import COUNTS, ONES, OWN
from pocket_model.tasks.texts import (
    ADJECTIVES,
    FOODS,
    GAMES,
    LANDS,
    NAMES,
    PERSONS,
    REPLIES_UNKNOWN,
    SYLLABLES,
    THINGS,
    WORKS,
    listed,
    loosen,
    make_sentence,
)
from pocket_model.tasks.turn import Turn, capital, join_words
from pocket_model.tasks.wordings import Wordings

# --- words and letters ---------------------------------------------------------------------------

MORE_WORDS = listed(
    "banana cat dog lamp hello orange school winter summer garden kitchen window mother father "
    "sister brother rabbit monkey elephant giraffe pencil paper letter number river mountain "
    "flower butterfly chocolate cookie cheese pepper potato tomato onion carrot lemon mango "
    "doctor nurse teacher police castle knight dragon princess pirate rocket planet star ocean "
    "island beach forest desert storm thunder lightning rainbow snowman pumpkin candle music "
    "guitar drum trumpet dance party birthday holiday morning evening night yesterday tomorrow "
    "street bicycle train airplane ship bridge tunnel station hospital library museum market "
    "bottle glass spoon fork knife plate table chair sofa pillow blanket jacket trousers shirt "
    "hammer ladder basket bucket umbrella suitcase passport ticket money purse coin stamp robot "
    "level radar madam noon stop live evil star drawer book deed word world little big happy sad"
)
_CHOSEN = [word for words in ONES.values() for word in words if word.isalpha()]
WORDS = sorted({*MORE_WORDS, *COMMON, *OWN, *_CHOSEN})


def _choose_word(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.15:
        return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))
    if roll < 0.25:
        return rng.choice(NAMES)
    word = rng.choice(WORDS)
    return capital(word) if roll < 0.32 else word.upper() if roll < 0.36 else word


def _quote(rng: Random, word: str) -> str:
    return rng.choice(("{}", "{}", "{}", '"{}"', "'{}'", "\u201c{}\u201d")).format(word)


def ask_word_reverse(rng: Random, words: Wordings) -> Turn:
    """One word backwards."""
    word = _choose_word(rng)
    back = word[::-1]
    question = words.ask(rng, "word_reverse", word=_quote(rng, word))
    return Turn("word_reverse", question, back, {"judge": "text", "is": back})


def ask_spell(rng: Random, words: Wordings) -> Turn:
    """Letter by letter, with hyphens."""
    word = _choose_word(rng)
    spelt = "-".join(word)
    question = words.ask(rng, "spell", word=_quote(rng, word))
    return Turn("spell", question, spelt, {"judge": "text", "is": spelt})


def ask_letters(rng: Random, words: Wordings) -> Turn:
    """How many letters a word has, its first or last one, or whether a letter is in it."""
    word = _choose_word(rng)
    kind = rng.choice(("many", "first", "last", "has"))
    shown = _quote(rng, word)
    if kind == "many":
        question = words.ask(rng, "letters_many", word=shown)
        number = str(len(word))
        reply = rng.choice((number, f"{number}.", f"It has {number} letters."))
        return Turn("letters", question, reply, {"judge": "number", "is": len(word)})
    if kind == "has":
        inside = rng.random() < 0.5
        letter = rng.choice(word if inside else "abcdefghiklmnoprstuvwyz").lower()
        inside = letter in word.lower()
        question = words.ask(rng, "letters_has", word=shown, letter=_quote(rng, letter))
        reply = rng.choice(("Yes.", f"Yes, {word} has {_article(letter)} {letter}.") if inside else
                           ("No.", f"No, {word} has no {letter}."))  # fmt: skip
        truth = {"judge": "words", "of": ["yes", "no"], "is": ["yes" if inside else "no"]}
        return Turn("letters", question, reply, truth | {"first": True})
    letter = word[0] if kind == "first" else word[-1]
    question = words.ask(rng, f"letters_{kind}", word=shown)
    reply = rng.choice((letter, letter, f"It is {letter}."))
    return Turn("letters", question, reply, {"judge": "text", "is": letter})


def _article(letter: str) -> str:
    return "an" if letter in "aefhilmnorsx" else "a"


def ask_upper(rng: Random, words: Wordings) -> Turn:
    """A short text in capitals or in small letters."""
    while True:
        text = make_sentence(rng) if rng.random() < 0.6 else _choose_word(rng)
        if '"' not in text and any(one.isalpha() for one in text):
            break
    kind = rng.choice(("upper", "upper", "lower"))
    if kind == "lower" and text == text.lower():
        text = text.upper()
    changed = text.upper() if kind == "upper" else text.lower()
    question = words.ask(rng, f"case_{kind}", text=text)
    return Turn("upper", question, changed, {"judge": "text", "is": changed})


# --- sums ----------------------------------------------------------------------------------------

SUM_WORDS = {
    "add": ("sum_add", lambda one, other: one + other),
    "take": ("sum_take", lambda one, other: one - other),
    "times": ("sum_times", lambda one, other: one * other),
    "half": ("sum_half", lambda one, other: one // 2),
    "double": ("sum_double", lambda one, other: one * 2),
    "next": ("sum_next", lambda one, other: one + 1),
    "before": ("sum_before", lambda one, other: one - 1),
    "larger": ("sum_larger", lambda one, other: max(one, other)),
    "smaller": ("sum_smaller", lambda one, other: min(one, other)),
}


def ask_sum_talk(rng: Random, words: Wordings) -> Turn:
    """Sums as people say them: 3 and 4, 12 less 5, half of 8, the larger one."""
    kind = rng.choice(("add", "add", "add", "take", "take", "times", "times", "half", "double",
                       "next", "before", "larger", "smaller"))  # fmt: skip
    section, compute = SUM_WORDS[kind]
    most = rng.choice((10, 20, 50, 100))
    one, other = rng.randint(1, most), rng.randint(1, most)
    if kind == "take":
        one, other = max(one, other), min(one, other)
    elif kind == "times":
        one, other = rng.randint(1, 12), rng.randint(1, 12)
    elif kind == "half":
        one *= 2
    elif kind in ("larger", "smaller") and one == other:
        other += 1
    value = compute(one, other)
    question = words.ask(rng, section, a=one, b=other)
    reply = rng.choice((str(value), str(value), f"It is {value}.", f"{value}."))
    return Turn("sum_talk", question, reply, {"judge": "number", "is": value})


# --- naming some ---------------------------------------------------------------------------------

MANY = {
    "animals": "an animal", "fruits": "a fruit", "countries": "a country", "colours": "a colour",
    "cities": "a city", "drinks": "a drink", "days of the week": "a day of the week",
    "months": "a month", "tools": "a tool", "vegetables": "a vegetable", "birds": "a bird",
    "flowers": "a flower", "seasons": "a season", "vehicles": "a vehicle",
    "pieces of furniture": "a piece of furniture", "sports": "a sport", "shapes": "a shape",
    "musical instruments": "a musical instrument", "planets": "a planet", "metals": "a metal",
    "pieces of clothing": "a piece of clothing", "parts of the body": "a part of the body",
    "languages": "a language", "first names": "a first name",
}  # fmt: skip
OTHER_NAMES = {
    "colours": ("colors", "colours"), "days of the week": ("weekdays", "days", "days of a week"),
    "musical instruments": ("instruments",), "first names": ("names",),
    "parts of the body": ("body parts",), "pieces of clothing": ("clothes",),
    "pieces of furniture": ("kinds of furniture",), "fruits": ("kinds of fruit",),
    "animals": ("kinds of animals",), "vegetables": ("veggies",), "countries": ("lands",),
    "cities": ("towns",), "drinks": ("things to drink",),
}  # fmt: skip


def ask_name_some(rng: Random, words: Wordings) -> Turn:
    """So many different ones of a kind, in any order."""
    many, kind = rng.choice(tuple(MANY.items()))
    choices = ONES[kind]
    count = rng.choice([one for one in (2, 2, 3, 3, 3, 4, 5) if one < len(choices)])
    word = next(word for word, number in COUNTS.items() if number == count)
    chosen = rng.sample(choices, k=count)
    named = rng.choice(OTHER_NAMES[many]) if many in OTHER_NAMES and rng.random() < 0.5 else many
    question = words.ask(rng, "name_some", n=word if rng.random() < 0.6 else count, many=named)
    reply = rng.choice((", ".join(chosen), join_words(chosen), f"{join_words(chosen)}."))
    truth = {"judge": "several", "of": [one.lower() for one in choices], "count": count}
    return Turn("name_some", question, capital(reply), truth)


# --- small talk, and what it cannot do -----------------------------------------------------------

NO_PICTURE = (
    "I see no picture. Send me one.",
    "There is no picture here. Send me one.",
    "I see no picture here. Please send me one.",
)


def ask_no_picture(rng: Random, words: Wordings) -> Turn:
    """A question about a picture, and there is none."""
    thing = rng.choice((*OWN, "bus", "apple", "tree", "sign", "person"))
    question = words.ask(rng, "no_picture", thing=thing, colour=rng.choice(COLOURS))
    truth = {"judge": "keys", "all": [["no picture"]]}
    return Turn("no_picture", question, rng.choice(NO_PICTURE), truth)


NOTHING_SAID = (
    "Hello! Send me a picture or a question.",
    "Hello! What shall we look at? Send me a picture or a question.",
    "Hi! Ask me something, or send me a picture.",
)
NOTHINGS = (
    *("?", "??", "...", ".", "hm", "hmm", "test", "asdf", "qwerty", "testing", "ok", "OK", "aha"),
    *("ah", "oh", "so", "well", "yo", "huh?", "eh", "la la la", "bla bla", "blah", "test 123", "-"),
    *("one two test", "!", "!!!", ":)", ":-)", "lol", "hi?", "mhm", "um", "ehm", "is this on?"),
    *("anyone?", "nothing", "just testing", "a test", "this is a test", "let me test this", "abc"),
)
NOTHINGS_HELD_OUT = ("????", "..", "hmmm", "test test", "uh", "oh well", ";)", "asdfasdf", "tst")


def ask_talk_more(rng: Random, words: Wordings) -> Turn:
    """Hardly anything is said."""
    if words.which == "held_out":
        question = rng.choice(NOTHINGS_HELD_OUT)
    else:
        question = loosen(rng, words, rng.choice(NOTHINGS))
    truth = {"judge": "keys", "all": [["hello", "hi"], ["picture"]]}
    return Turn("talk_more", question, rng.choice(NOTHING_SAID), truth)


PLACES = listed(
    "here|in town|in my street|in Berlin|in London|nearby|at my school|in the park|at home|"
    "in Paris|at the station",
    "|",
)
TOPICS = listed(
    "love|my cat|winter|a dragon|friendship|spring|a lonely robot|my mother|"
    "a train|coffee|school|the war|money|God|happiness|football|a birthday|snow",
    "|",
)
JOBS = listed("plumber dentist doctor lawyer gardener painter tailor baker barber")


def ask_unknown_talk(rng: Random, words: Wordings) -> Turn:
    """The world at large in daily words: it knows nothing of it."""
    names = {
        "land": rng.choice(LANDS), "person": rng.choice(PERSONS), "work": rng.choice(WORKS),
        "thing": rng.choice(THINGS), "food": rng.choice(FOODS), "game": rng.choice(GAMES),
        "adjective": rng.choice(ADJECTIVES), "topic": rng.choice(TOPICS), "own": rng.choice(OWN),
        "where": rng.choice(PLACES), "job": rng.choice(JOBS), "name": rng.choice(NAMES),
        "year": rng.randint(1900, 2030), "n": rng.randint(2, 99),
    }  # fmt: skip
    question = words.ask(rng, "unknown_talk", **names)
    return Turn("unknown_talk", question, rng.choice(REPLIES_UNKNOWN), {"judge": "unknown"})


WORD_ASKS: dict[str, tuple[float, Callable[[Random, Wordings], Turn]]] = {
    "word_reverse": (7, ask_word_reverse),
    "name_some": (5, ask_name_some),
    "spell": (5, ask_spell),
    "letters": (6, ask_letters),
    "upper": (4, ask_upper),
    "sum_talk": (10, ask_sum_talk),
    "unknown_talk": (10, ask_unknown_talk),
    "talk_more": (3, ask_talk_more),
    "no_picture": (4, ask_no_picture),
}
