"""Questions without a picture in daily words: about words, letters and sums, and small talk."""

from collections.abc import Callable
from random import Random

from pocket_model.tasks.judging import COLOURS, has_one, number_is, text_is
from pocket_model.tasks.printed import COMMON, ORDINALS
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
FREQUENT = "abcdefghiklmnoprstuvwyz"  # without j, q and x
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
    return Turn(words.ask(rng, "word_reverse", word=_quote(rng, word)), back, text_is(back))


def ask_spell(rng: Random, words: Wordings) -> Turn:
    """Letter by letter, with hyphens."""
    word = _choose_word(rng)
    spelt = "-".join(word)
    return Turn(words.ask(rng, "spell", word=_quote(rng, word)), spelt, text_is(spelt))


def _how_many(rng: Random, words: Wordings, word: str) -> tuple[str, str, dict]:
    question = words.ask(rng, "letters_many", word=_quote(rng, word))
    said = f"{len(word)} letters" if len(word) != 1 else "1 letter"
    return question, f"{said}.", number_is(len(word))


def _is_in(rng: Random, words: Wordings, word: str) -> tuple[str, str, dict]:
    letter = rng.choice(word if rng.random() < 0.5 else FREQUENT).lower()
    inside = letter in word.lower()
    question = words.ask(rng, "letters_has", word=_quote(rng, word), letter=_quote(rng, letter))
    said = f"yes, {letter} is in it." if inside else f"no, {letter} is not in it."
    truth = {"judge": "words", "of": ["yes", "no"], "is": ["yes" if inside else "no"]}
    return question, said, truth | {"first": True}


def _which_letter(rng: Random, words: Wordings, word: str) -> tuple[str, str, dict]:
    kind = rng.choice(("first", "last", "nth", "nth"))
    index = {"first": 0, "last": len(word) - 1}.get(kind, rng.randrange(len(word)))
    names = {"word": _quote(rng, word)}
    told = kind
    if kind == "nth":
        told = rng.choice(PLACES_OF_LETTERS[index])
        if index == len(word) - 2 and rng.random() < 0.3:
            told = rng.choice(("second to last", "second last", "last but one"))
        names["nth"] = told
    question = words.ask(rng, f"letters_{kind}", **names)
    letter = word[index]
    return question, f"the {told} is {letter}.", _is_letter(letter)


def _is_letter(letter: str) -> dict:
    return {"judge": "keys", "all": [[rf"is {letter.lower()}\W*$"]]}


def _how_often(rng: Random, words: Wordings, word: str) -> tuple[str, str, dict]:
    letter = rng.choice(word if rng.random() < 0.85 else FREQUENT).lower()
    number = word.lower().count(letter)
    question = words.ask(rng, "letters_often", word=_quote(rng, word), letter=_quote(rng, letter))
    said = f"{letter} is in it {number} {'time' if number == 1 else 'times'}."
    return question, said, number_is(number) | {"letter": letter}


def _spell_counting(word: str, letter: str) -> str:
    """b-a1-n-a2-n-a3 for the letter a in banana."""
    number, parts = 0, []
    for one in word:
        number += one.lower() == letter
        parts.append(f"{one}{number}" if one.lower() == letter else one)
    return "-".join(parts)


PLACES_OF_LETTERS = (*ORDINALS, *((f"{number}th", f"{number}th") for number in range(11, 21)))
LETTER_ASKS = (_how_many, _how_many, _which_letter, _which_letter, _which_letter, _is_in,
               _how_often, _how_often)  # fmt: skip


def ask_letters(rng: Random, words: Wordings) -> Turn:
    """How many letters a word has, which is the n-th, whether one is in it, and how often.

    The reply spells the word first and counts while it does.
    """
    word = _choose_word(rng)
    question, said, truth = rng.choice(LETTER_ASKS)(rng, words, word)
    letter = truth.pop("letter", "")
    spelt = _spell_counting(word, letter) if letter else "-".join(word)
    return Turn(question, f"{spelt}: {said}", truth)


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
    return Turn(words.ask(rng, f"case_{kind}", text=text), changed, text_is(changed))


# --- sums ----------------------------------------------------------------------------------------

# {section: what computes the value, and what the reply says before it}
SUMS: dict[str, tuple[Callable[[int, int], int], str]] = {
    "sum_add": (lambda one, other: one + other, "{a} + {b} ="),
    "sum_take": (lambda one, other: one - other, "{a} - {b} ="),
    "sum_times": (lambda one, other: one * other, "{a} x {b} ="),
    "sum_half": (lambda one, other: one // 2, "{a} / 2 ="),
    "sum_double": (lambda one, other: one * 2, "2 x {a} ="),
    "sum_next": (lambda one, other: one + 1, "{a} + 1 ="),
    "sum_before": (lambda one, other: one - 1, "{a} - 1 ="),
    "sum_larger": (max, "{a} or {b}: the larger is"),
    "sum_smaller": (min, "{a} or {b}: the smaller is"),
}


def ask_sum_talk(rng: Random, words: Wordings) -> Turn:
    """Sums as people say them: 3 and 4, 12 less 5, half of 8, the larger one."""
    kind = rng.choice(("add", "add", "add", "take", "take", "times", "times", "half", "double",
                       "next", "before", "larger", "smaller"))  # fmt: skip
    compute, told = SUMS[f"sum_{kind}"]
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
    question = words.ask(rng, f"sum_{kind}", a=one, b=other)
    return Turn(question, f"{told.format(a=one, b=other)} {value}.", number_is(value))


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
    return Turn(question, capital(reply), truth)


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
    return Turn(question, rng.choice(NO_PICTURE), has_one("no picture"))


NOTHING_SAID = "Hello! Send me a picture or a question."
NOTHINGS = (
    *("?", "??", "...", ".", "hm", "hmm", "test", "asdf", "qwerty", "testing", "ok", "OK", "aha"),
    *("ah", "oh", "so", "well", "yo", "huh?", "eh", "la la la", "bla bla", "blah", "test 123", "-"),
    *("one two test", "!", "!!!", ":)", ":-)", "lol", "hi?", "mhm", "um", "ehm", "is this on?"),
    *("anyone?", "nothing", "just testing", "a test", "this is a test", "let me test this", "abc"),
    *("oh dear", "ah well", "so so", "oh my", "I see", "as I said", "never mind", "forget it"),
    *("let me think", "wait", "one moment", "I don't know", "no idea", "well well", "and?"),
    *("what?", "hello?", "go on", "whatever", "nothing really", "just so", "fine", "good grief"),
    *("maybe", "perhaps", "yes", "no", "yep", "nope", "then?", "hm ok", "alright", "right", "umm"),
)
NOTHINGS_HELD_OUT = ("????", "..", "hmmm", "test test", "uh", "oh well", ";)", "asdfasdf", "tst")


SMILES = (":)", ":-)", ":D", ":(", ":P", "^^", "xD", ":-D", "<3", "-_-", "o_o", ":/", ":o")
SOUNDS = listed(
    "h-m u-m a-h o-h e-h m-m e-r w-o-w o-k y-o a-h-a h-u-h h-e-h o-h-o p-f s-o n-a u-g-h p-s-t "
    "b-r-r y-e-p y-e-s"
)
FILLED = listed(
    "blah|bla|test|la|so|ha|he|hm|ok|da|one two|tap|beep|ping|check|yeah|well|dum|testing|abc|"
    "1 2 3|hi ho|no",
    "|",
)
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qwertzuiop")


def _say_nothing(rng: Random) -> str:
    """Marks, a smile, a long sound, a word again and again, or keys hit anyhow."""
    roll = rng.random()
    if roll < 0.3:
        return rng.choice(NOTHINGS)
    if roll < 0.45:
        mark = rng.choice(("?", "?", ".", ".", "!", "?!", "-", ",", "*", "#", "/", "~"))
        return mark * rng.randint(1, 7)
    if roll < 0.55:
        return rng.choice(SMILES)
    if roll < 0.72:
        parts = rng.choice(SOUNDS).split("-")
        place = rng.randrange(len(parts))
        parts[place] *= rng.randint(1, 6)
        return "".join(parts) + rng.choice(("", "", "...", "?", "!", ".", ".."))
    if roll < 0.85:
        between = rng.choice((" ", " ", ", ", "... ", "-"))
        said = between.join([rng.choice(FILLED)] * rng.randint(1, 4))
        return said + rng.choice(("", "", ".", "!"))
    row = rng.choice(ROWS)
    if rng.random() < 0.5:
        return "".join(rng.choices(row, k=rng.randint(3, 12)))
    return row[: rng.randint(3, 8)] * rng.randint(1, 3)


def ask_talk_more(rng: Random, words: Wordings) -> Turn:
    """Hardly anything is said."""
    if words.which == "held_out":
        question = rng.choice(NOTHINGS_HELD_OUT)
    else:
        question = _say_nothing(rng)
        while question in NOTHINGS_HELD_OUT:
            question = _say_nothing(rng)
        question = loosen(rng, words, question)
    return Turn(question, NOTHING_SAID, {"judge": "keys", "all": [["hello", "hi"], ["picture"]]})


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
    return Turn(question, rng.choice(REPLIES_UNKNOWN), {"judge": "unknown"})


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
