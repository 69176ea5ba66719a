"""The exercises of notebook 03: right answers in many forms, wrong ones with their reason."""

import json
import math
from fractions import Fraction
from itertools import product

from helpers.exercises import BLANK, Verdict, nb03
from tests.conftest import ROOT
from tests.exercise_cases import all_get, hold_answers

ARRIVALS = [0.210, 0.231, 0.250, 0.272, 0.291, 0.310, 0.332, 0.350, 0.371, 0.390, 0.410]
TTFT, SPEED, BLUE = 0.21, 50.0, 0.1792213793306976


def check_ttft(answer: object) -> Verdict:
    return nb03.check_speed(ARRIVALS, answer, SPEED)


def check_speed(answer: object) -> Verdict:
    return nb03.check_speed(ARRIVALS, TTFT, answer)


def talk(*texts: object, system: str = "") -> list[dict]:
    roles = ("user", "assistant")
    turns = [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]
    return [{"role": "system", "content": system}, *turns] if system else turns


def part(text: str) -> list[dict]:
    return [{"type": "text", "text": text}]


GOOD = ("My bicycle is orange.", "Nice.", "Name a fruit.", "A pear.", "What colour is my bicycle?")
RIGHT = {
    check_ttft: [
        0.21,
        "0.21",
        "0.210 s",
        "210 ms",
        "210 milliseconds",
        " 0.21 seconds",
        Fraction(21, 100),
    ],
    check_speed: [
        *(50, 50.0, 49.99999, "50", "50 tokens/s", "50 tok/s", "50 per second", "50 tps", "50,000"),
    ],
    nb03.check_conversation: [
        talk(*GOOD),
        talk(*GOOD, system="Be brief."),
        talk(*map(part, GOOD)),
        talk("ORANGE is the paint of the bike", "ok", "2 + 2?", "4", "Its color, please."),
        talk(*GOOD[:4], "Do you remember the paint of my bike?"),
        talk(*GOOD[:4], "What does it look like?"),
        talk("Hello! No joke: I ride a bike. It is orange, not red.", *GOOD[1:]),
        talk("My bicycle isn't blue but orange.", *GOOD[1:]),
        talk("My bicycle is not red but orange.", *GOOD[1:]),
        talk("My bicycle isn't new and it's orange.", *GOOD[1:]),
        talk("My bicycle isn't blue, it's orange.", *GOOD[1:]),
        talk("My bicycle was blue and is now orange.", *GOOD[1:]),
        talk("My car is blue and my bicycle is orange.", *GOOD[1:]),
        talk("My car and my bicycle are orange.", *GOOD[1:]),
        talk("I love orange bikes and have one.", *GOOD[1:]),
        talk("I bought a bicycle. It is a lovely orange.", *GOOD[1:]),
        talk(*GOOD[:4], "Do you know the colour of that one, or not?"),
        talk("My bicycle, which I bought last year, is bright orange.", *GOOD[1:]),
        talk("I own a bicycle. The colour is orange, and the saddle is black.", *GOOD[1:]),
        talk("Near my blue car stands an orange mountain bike!", *GOOD[1:]),
        talk(*GOOD[:4], "Don't you remember the colour of my bike?"),
        talk(*GOOD[:4], "What colour is it, my friend?"),
        tuple(talk(*GOOD)),
        talk(*(tuple(part(text)) for text in GOOD)),
        [turn | {"name": "Ada"} for turn in talk(*GOOD)],
    ],
    nb03.check_probability: [
        *(BLUE, 0.179, 0.18, "0.179", " 0.1792 ", "17.9 %", "17.92%", "17.9 percent"),
    ],
}
WRONG = {
    check_ttft: [
        *all_get("milliseconds, seconds are asked", 210, "210"),
        (0.41, "the last token"),
        (0.231, "from the request to the first"),
        ("soon", "is no time"),
    ],
    check_speed: [
        (55, "one fewer gaps"),
        *all_get("counts the wait", 11 / 0.41, 10 / 0.41),
        (0.02, "seconds for one token"),
        (20, "milliseconds for one token"),
        (100, "divide the tokens after the first"),
        ("fast", "is no number"),
    ],
    nb03.check_conversation: [
        (talk(*GOOD[:4]), "end with a question of the user's"),
        (talk(*GOOD[:3]), "yours has 2"),
        (talk(*GOOD, "Orange.", "Thanks."), "yours has 4"),
        (talk(*GOOD[:1]), "yours has 1"),
        (talk("My bicycle is red.", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("An orange.", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("My bicycle is orangeade.", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("My bicycle is not orange.", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("My bicycle isn't orange.", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("Is my bicycle orange?", *GOOD[1:]), "does not say that a bicycle is orange"),
        (talk("My car is orange and my bicycle is blue.", *GOOD[1:]), "does not say"),
        (talk("My bicycle is blue and my car orange.", *GOOD[1:]), "does not say"),
        (talk("I have a bicycle. My cat is orange.", *GOOD[1:]), "does not say"),
        (talk("My bicycle likes orange juice.", *GOOD[1:]), "does not say"),
        (talk("I eat an orange on my bicycle.", *GOOD[1:]), "does not say"),
        (talk("My bicycle is anything but orange.", *GOOD[1:]), "does not say"),
        (talk("My bicycle is no longer orange.", *GOOD[1:]), "does not say"),
        (talk(*GOOD[:4], "What colour is it not, my car?"), "does not ask"),
        (talk(*GOOD[:4], "What colour is it, my car?"), "does not ask"),
        (talk(*GOOD[:4], "Which colour is it not?"), "does not ask"),
        (talk(*GOOD[:4], "What colour is my bicycle not?"), "does not ask"),
        (talk("Orange.", "Nice.", *GOOD[2:]), "does not say that a bicycle is orange"),
        (talk(*GOOD[:2], "Where do I park my bicycle?", *GOOD[3:]), "about something else"),
        (talk(*GOOD[:3], "Oranges.", GOOD[4]), "given away here: 'Oranges.'"),
        (talk(*GOOD[:4], "What colour is the sky?"), "does not ask"),
        (talk(*GOOD[:4], "Where is my bicycle?"), "does not ask"),
        (talk(GOOD[0], "Nice.", GOOD[0], "Yes.", GOOD[4]), "given away here: 'My bicycle"),
        (talk(*GOOD, system=GOOD[0]), "given away here: 'My bicycle"),
        (talk(GOOD[0], "Orange is nice.", *GOOD[2:]), "given away here: 'Orange is nice.'"),
        (talk(*GOOD[:4], "Is my bicycle orange?"), "given away here: 'Is my"),
        (talk(*GOOD, system="The bicycle is orange."), "given away here: 'The bicycle"),
        (talk(*GOOD[:4], "Good night."), "does not ask"),
        (talk(GOOD[0], "", *GOOD[2:]), "Message 2 has no text"),
        (talk(GOOD[0], ..., *GOOD[2:]), "Message 2 has no text"),
        (talk(GOOD[0], None, *GOOD[2:]), "Message 2 has no text"),
        (talk(GOOD[0], [3], *GOOD[2:]), "Message 2 has no text"),
        ([{"role": "user"}], "Message 1 has no text"),
        (talk(*GOOD)[:2] + talk(*GOOD, system="Be brief."), "at the very start, once"),
        ([talk(*GOOD)[0], *talk(*GOOD)[2:]], "where 'assistant' is due stands 'user'"),
        (talk(*GOOD)[1:], "where 'user' is due stands 'assistant'"),
        ([{"role": "human", "content": GOOD[0]}], "where 'user' is due stands 'human'"),
        ([{"content": GOOD[0]}], "where 'user' is due stands None"),
        ([{"role": "system", "content": "Be brief."}], "end with a question of the user's"),
        (talk(*GOOD)[0], "a list of messages"),
        (list(GOOD), "a list of messages"),
    ],
    nb03.check_probability: [
        (100 * BLUE, "in per cent"),
        (math.exp(-2.813 / 2), "divide by the sum"),
        (math.exp(-2.813), "without any temperature"),
        (math.exp(-2.813) / 2, "not the probability"),
        (0.0606, "at temperature 1"),
        (0.00442, "at temperature 0.5"),
        (0.694, "the one of red"),
        (0.127, "the one of green"),
        (0.5, "divide each logprob by 2"),
        (-1.4065, "divide each logprob by 2"),
        ("blue", "is no number"),
        ("%", "is no number"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_the_notebook_asks_what_is_checked() -> None:
    notebook = json.loads((ROOT / "notebooks" / "03_chat_with_text.ipynb").read_text())
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "nb03.check_speed(came, ttft, tokens_per_second)" in code
    assert f"{ARRIVALS[0]:.3f}, " + ", ".join(f"{t:.3f}" for t in ARRIVALS[1:]) in code
    assert json.dumps(nb03.LOGPROBS) in code
    assert '"blue" at temperature 2' in code


def test_both_numbers_in_every_form() -> None:
    for ttft, speed in product(RIGHT[check_ttft], RIGHT[check_speed]):
        verdict = nb03.check_speed(ARRIVALS, ttft, speed)
        assert verdict, (ttft, speed, verdict.text)
    assert nb03.check_speed(ARRIVALS, ..., ...) is BLANK


def test_right_speed_of_other_arrivals() -> None:
    assert nb03.check_speed([1.0, 1.5, 2.0], 1, 2)
    assert not nb03.check_speed([1.0, 1.5, 2.0], 1, 3)


def test_lost_arrivals() -> None:
    for arrivals in (..., None, [], [0.2], 0.2, "0.2 0.3"):
        verdict = nb03.check_speed(arrivals, TTFT, SPEED)
        assert not verdict and "Keep the list" in verdict.text, (arrivals, verdict.text)
