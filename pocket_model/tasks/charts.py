"""Questions about a bar chart."""

from functools import partial
from random import Random

import numpy as np

from media.generator.chart import COLOURS, TOPICS, Chart, draw_chart
from media.generator.drawing import Size
from pocket_model.tasks.judging import number_is
from pocket_model.tasks.pictures import draw_picture
from pocket_model.tasks.turn import Turn, join_words, listed, say, to_json
from pocket_model.tasks.wordings import Wordings

SUBJECTS = (
    *((title, unit) for title, unit, _ in TOPICS),
    *(("Books sold per day", "books"), ("Rain", "days"), ("Cups of tea", "cups")),
    *(("Goals", "goals"), ("Messages sent", "messages"), ("Tickets", "tickets")),
    *(("Steps", "steps"), ("Bikes", "bikes")),
)
LABELS = (
    *(labels for _, _, labels in TOPICS),
    ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    ("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ("A", "B", "C", "D", "E", "F", "G"),
    ("2019", "2020", "2021", "2022", "2023", "2024"),
    ("Ann", "Ben", "Carl", "Dana", "Eva", "Finn", "Gina"),
    ("Red", "Blue", "Green", "Pink", "White"),
    ("Tea", "Milk", "Juice", "Water", "Cocoa"),
    ("Cat", "Dog", "Bird", "Fish", "Horse"),
)
OTHER_LABELS = listed(  # of no bar: for questions about a bar that is not there
    "London Madrid Vienna Tokyo Dublin Athens Boston Prague Munich Milan Delhi Cuba Spain Italy "
    "Japan Kenya Peru Tom Lucy Max Sam Nina Paul Emma Otto Iris Hugo Mia Leo Kate Omar Yuki "
    "Pear Orange Mango Peach Kiwi Melon Fig Lime Bread Cheese Pasta Soup Cake Honey Salt Eggs "
    "Coffee Beer Wine Cola Soda Cow Pig Sheep Duck Frog Mouse Goat Rabbit Tiger Hawks Sharks "
    "Bulls Ravens Tigers Yellow Black Brown Grey Purple Monday Friday Week Today Spring Summer "
    "Winter June July August Maths Music Art Sport Bus Train Car Tram Boat Home School Office "
    "Total Other Rest 2015 2018 2025 2030 1999"
)


def plan_chart(rng: Random, shape: Size) -> Chart:
    """As many bars as leave room for their labels in a picture that is scaled to `shape`."""
    title, unit = rng.choice(SUBJECTS)
    labels = rng.choice(LABELS)
    count = rng.randint(3, max(3, min(len(labels), shape[0] // 66)))
    labels = tuple(rng.sample(labels, k=count)) if rng.random() < 0.4 else labels[:count]
    step = rng.choice((2, 10, 10, 20, 50, 100))
    halves = rng.sample(range(1, 17), k=count)
    top = (max(halves) + rng.choice((2, 2, 3))) // 2 * step
    same = rng.random() < 0.3
    colours = (rng.choice(COLOURS),) * count if same else tuple(rng.choices(COLOURS, k=count))
    odd = rng.random() < 0.5  # values that are no half steps of the axis
    values = tuple(
        half * step // 2 + (rng.randrange(max(1, step // 2)) if odd else 0) for half in halves
    )
    return Chart(title, unit, labels, values, top, step, colours)


def draw_chart_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    return draw_picture(
        rng, shape, lambda size, smooth: draw_chart(plan_chart(rng, shape), size, smooth)
    )


def ask_extreme(rng: Random, record: dict, words: Wordings, *, most: bool) -> Turn:
    """The tallest or shortest bar."""
    adjective = "tallest" if most else "shortest"
    bars = record["bars"]
    label = (max if most else min)(bars, key=lambda one: one["value"])["label"]
    question, short = words.ask_short(rng, f"chart_{adjective}", things=record["axis"]["label"])
    forms = f"{label} is the {adjective}.", f"The {adjective} bar is {label}.", f"{label}."
    reply = label if short else rng.choice((*forms, label))
    known = tuple(one["label"].lower() for one in bars)
    truth = {"judge": "words", "of": known, "is": [label.lower()], "first": True}
    return Turn(question, reply, truth)


ask_tallest = partial(ask_extreme, most=True)
ask_shortest = partial(ask_extreme, most=False)


def ask_value(rng: Random, record: dict, words: Wordings) -> Turn:
    bar = rng.choice(record["bars"])
    label, value = bar["label"], str(bar["value"])
    unit = record["axis"]["label"]
    question, short = words.ask_short(rng, "chart_value", label=label, things=unit)
    forms = f"The value of {label} is {value}.", f"{label}: {value}", f"It is {value}."
    reply = say(rng, short, value, *forms)
    return Turn(question, reply, number_is(bar["value"]))


def ask_bars(rng: Random, record: dict, words: Wordings) -> Turn:
    """All bars as JSON: {"Mon": 35, …}."""
    value = {bar["label"]: bar["value"] for bar in record["bars"]}
    return Turn(words.ask(rng, "chart_json"), to_json(value), {"judge": "json", "is": value})


def ask_describe_chart(rng: Random, record: dict, words: Wordings) -> Turn:
    bars, title = record["bars"], record["title"]
    tallest = max(bars, key=lambda one: one["value"])["label"]
    labels = join_words([bar["label"] for bar in bars])
    reply = rng.choice(
        (
            f"A bar chart, {title}, with {len(bars)} bars: {labels}. {tallest} is the tallest.",
            f"This is a bar chart: {title}. The bars are {labels}. The tallest is {tallest}.",
            f"The picture shows a bar chart, {title}. It has the bars {labels}. "
            f"{tallest} is the tallest.",
        )
    )
    truth = {"judge": "keys", "all": [["bar chart"], [title.lower()], [tallest.lower()]]}
    return Turn(words.ask(rng, "describe", where="in this picture"), reply, truth)
