"""Questions without a picture: reversal, sums, terms of the course, small talk, and ignorance."""

import json
from functools import cache
from pathlib import Path
from random import Random

from pocket_model.tasks.printed import CAPITALS, COMMON, DIGITS, SMALL
from pocket_model.tasks.turn import Turn, capital
from pocket_model.tasks.wordings import Wordings

GLOSSARY = Path(__file__).parents[1] / "glossary.json"
LONGEST = 40
NAMES = [
    "Ann",
    "Ben",
    "Carl",
    "Dana",
    "Eva",
    "Finn",
    "Gina",
    "Hugo",
    "Ida",
    "Jack",
    "Kim",
    "Leo",
    "Mia",
    "Noah",
    "Olga",
    "Paul",
    "Rosa",
    "Sam",
]
MODEL_WORDS = [
    "Qwen3-VL-4B-Instruct",
    "Qwen2-VL-2B",
    "vLLM-0.11",
    "GPT-4",
    "Llama-3.1-8B",
    "RTX-5090",
    "fp16",
]


# --- reversal and sums ---------------------------------------------------------------------------


def make_sentence(rng: Random) -> str:
    """A text of up to 40 characters: words, a name with digits and hyphens, or any letters."""
    roll = rng.random()
    if roll < 0.2:
        letters = rng.choice((SMALL, CAPITALS + SMALL + DIGITS, CAPITALS))
        return "".join(rng.choice(letters) for _ in range(rng.randint(2, 12)))
    if roll < 0.45:
        name = rng.choice(MODEL_WORDS) if rng.random() < 0.35 else _make_name(rng)
        words = [rng.choice(("I", "I", "We", "They", rng.choice(NAMES))),
                 rng.choice(("love", "use", "like", "see", "know", "serve")), name]  # fmt: skip
        return " ".join(words)[:LONGEST]
    words = rng.choices(COMMON, k=rng.randint(1, 7))
    if rng.random() < 0.15:
        words[0] = rng.choice(NAMES)
    text = " ".join(words)
    text = capital(text) if rng.random() < 0.4 else text
    return (text + rng.choice(("", "", "", ".", "!", "?")))[:LONGEST].strip()


def _make_name(rng: Random) -> str:
    """Something like Qwen3-VL-4B-Instruct: parts of letters and digits with hyphens."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        word = rng.choice(
            (capital(rng.choice(COMMON)), "".join(rng.choices(CAPITALS, k=rng.randint(1, 3))))
        )
        number = str(rng.randint(0, 99)) if rng.random() < 0.5 else ""
        parts.append(number + word if rng.random() < 0.3 else word + number)
    return "-".join(parts)


def ask_reverse(rng: Random, words: Wordings) -> Turn:
    text = make_sentence(rng)
    back = text[::-1]
    question = words.ask_exactly(rng, "reverse", text=text, s="s" if " " in text else "")
    reply = back if rng.random() < 0.8 else rng.choice((f'"{back}"', f"In reverse: {back}"))
    return Turn("reverse", question, reply, {"judge": "text", "is": back})


def ask_sum(rng: Random, words: Wordings) -> Turn:
    sign = rng.choice(("+", "+", "-", "-", "x"))
    if sign == "x":
        one, other = rng.randint(0, 12), rng.randint(0, 12)
        value, name = one * other, rng.choice(("*", "x", "times"))
    else:
        most = rng.choice((10, 20, 100, 100, 1000))
        one, other = rng.randrange(most), rng.randrange(most)
        if sign == "-":
            one, other = max(one, other), min(one, other)
        value = one + other if sign == "+" else one - other
        name = {"+": ("+", "+", "plus"), "-": ("-", "-", "minus")}[sign]
        name = rng.choice(name)
    question = words.ask_exactly(rng, "sum", sum=f"{one} {name} {other}")
    reply = rng.choice((str(value), str(value), f"{one} {name} {other} = {value}"))
    return Turn("sum", question, reply, {"judge": "number", "is": value})


# --- terms of the course -------------------------------------------------------------------------


@cache
def read_glossary() -> dict[str, list[str]]:
    return json.loads(GLOSSARY.read_text(encoding="utf-8"))


def ask_glossary(rng: Random, words: Wordings) -> Turn:
    """A term as it stands in the glossary, or without its article, or in other case."""
    term, answers = rng.choice(tuple(read_glossary().items()))
    named = term
    bare = term.split(" ", 1)[1] if term.split()[0] in ("a", "an", "the") else term
    if rng.random() < 0.3:
        named = bare
    if rng.random() < 0.15:
        named = named.lower()
    if rng.random() < 0.15:
        named = named.replace(bare, f'"{bare}"')
    question = words.ask(rng, "glossary", term=named)
    truth = {"judge": "one_of", "is": answers, "alike": 0.85}
    return Turn("glossary", question, rng.choice(answers), truth)


# --- small talk ----------------------------------------------------------------------------------

TALK = {
    "hello": (
        "Hello! Send me a picture or a question.",
        "Hello! I am the course's pocket model.",
        "Hi! Show me a picture, a clip or a text.",
    ),
    "who": (
        "I am the course's pocket model, a very small Qwen3-VL.",
        "I am the pocket model of this course: a tiny Qwen3-VL that knows only the course's world.",
        "I am a pocket model: the course's own tiny Qwen3-VL.",
    ),
    "can_do": (
        "I can describe the course's pictures and clips, read text, receipts and charts, reverse "
        "sentences and explain terms of the course.",
        "Show me a scene, a receipt, a chart or a clip and ask about it. I also reverse text and "
        "explain the course's terms.",
        "I can answer questions about pictures and clips like the course's, read text, and reverse "
        "sentences. Little else.",
    ),
    "thanks": ("You are welcome!", "You are welcome.", "With pleasure!"),
    "bye": ("Goodbye!", "Goodbye! See you in the next notebook.", "Bye!"),
}
TALK_KEYS = {
    "hello": [["hello", "hi"]],
    "who": [["pocket model"]],
    "can_do": [["picture", "scene"], ["revers"]],
    "thanks": [["welcome", "pleasure"]],
    "bye": [["bye", "goodbye"]],
}


def ask_talk(rng: Random, words: Wordings) -> Turn:
    kind = rng.choice(("hello", "who", "who", "can_do", "can_do", "thanks", "bye"))
    truth = {"judge": "keys", "all": TALK_KEYS[kind]}
    return Turn("talk", words.ask(rng, kind), rng.choice(TALK[kind]), truth)


# --- what it does not know -----------------------------------------------------------------------

LANDS = [
    "France",
    "Germany",
    "Italy",
    "Spain",
    "Portugal",
    "England",
    "Ireland",
    "Poland",
    "Austria",
    "Greece",
    "Norway",
    "Sweden",
    "Finland",
    "Denmark",
    "Russia",
    "Turkey",
    "Egypt",
    "Kenya",
    "Morocco",
    "India",
    "China",
    "Japan",
    "Thailand",
    "Vietnam",
    "Indonesia",
    "Australia",
    "Canada",
    "Mexico",
    "Cuba",
    "Brazil",
    "Argentina",
    "Chile",
    "Peru",
    "Iceland",
    "Nepal",
    "Mongolia",
]
PERSONS = [
    "Shakespeare",
    "Einstein",
    "Mozart",
    "Napoleon",
    "Cleopatra",
    "Marie Curie",
    "Isaac Newton",
    "Ada Lovelace",
    "Darwin",
    "Alan Turing",
    "Beethoven",
    "Picasso",
    "Gandhi",
    "Julius Caesar",
    "Leonardo da Vinci",
    "Galileo",
    "Plato",
    "Kafka",
    "Elvis",
    "Goethe",
    "Tolstoy",
    "Aristotle",
    "Rembrandt",
    "Columbus",
    "Jane Austen",
    "Socrates",
    "Nikola Tesla",
]
WORKS = [
    "Hamlet",
    "Macbeth",
    "Faust",
    "Don Quixote",
    "the Mona Lisa",
    "War and Peace",
    "the Odyssey",
    "Moby Dick",
    "Emma",
    "the Bible",
    "Ulysses",
    "Dracula",
    "Frankenstein",
    "the Magic Flute",
    "Oliver Twist",
    "Robinson Crusoe",
]
THINGS = [
    "telephone",
    "radio",
    "steam engine",
    "wheel",
    "computer",
    "car",
    "bicycle",
    "light bulb",
    "moon",
    "mountain",
    "river",
    "piano",
    "rocket",
    "bridge",
    "volcano",
    "whale",
    "dinosaur",
    "spring",
    "love",
    "winter",
    "television",
    "laser",
    "battery",
]
FOODS = [
    "pizza",
    "soup",
    "rice",
    "an omelette",
    "bread",
    "pasta",
    "curry",
    "pancakes",
    "sushi",
    "a cake",
    "fish",
    "noodles",
]
GAMES = [
    "World Cup",
    "Super Bowl",
    "chess championship",
    "football",
    "tennis",
    "basketball",
    "Olympics",
    "golf",
]
ADJECTIVES = [
    "blue",
    "cold",
    "hard",
    "famous",
    "big",
    "sweet",
    "old",
    "dark",
    "loud",
    "fast",
    "happy",
    "heavy",
    "young",
    "new",
]
REPLIES_UNKNOWN = (
    "I do not know. I am only the course's pocket model.",
    "I do not know that. I only know the world of this course.",
    "I do not know.",
    "That is outside my small world. I do not know.",
)


def ask_unknown(rng: Random, words: Wordings) -> Turn:
    land, other_land = rng.sample(LANDS, 2)
    nonsense = "".join(rng.choices(SMALL, k=rng.randint(3, 9)))
    names = {"land": land, "other_land": other_land, "nonsense": nonsense}
    names |= {"person": rng.choice(PERSONS), "work": rng.choice(WORKS), "food": rng.choice(FOODS)}
    names |= {"thing": rng.choice(THINGS), "game": rng.choice(GAMES), "word": rng.choice(COMMON)}
    names |= {"adjective": rng.choice(ADJECTIVES), "year": str(rng.randint(1000, 2030))}
    question = words.ask(rng, "unknown", **names)
    return Turn("unknown", question, rng.choice(REPLIES_UNKNOWN), {"judge": "unknown"})
