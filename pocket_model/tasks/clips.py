"""Questions about a clip: a ball that rolls, or a traffic light with a car that waits.

A clip comes in one of two forms, as vLLM 0.11.0 hands them to the model: 32 frames spread over
a clip of more (the seconds told are then a little early), or all 16 of a clip at 2 a second.
Seconds in questions and answers are those told to the model before each pair of frames.
"""

import json
from dataclasses import replace
from random import Random

import numpy as np

from media.generator.clip import BallClip, LightClip, draw_clip
from media.generator.clip import _plan_ball as plan_ball
from media.generator.clip import _plan_light as plan_light
from media.generator.drawing import Size
from media.generator.things import BRIGHT
from pocket_model.tasks.judging import colour_is, has_one, number_is, yes_no_is
from pocket_model.tasks.pictures import fit
from pocket_model.tasks.scenes import fix_articles
from pocket_model.tasks.turn import Turn, capital, join_words, say, with_article
from pocket_model.tasks.wordings import Wordings

LENGTHS = (8.0, 8.0, 8.0, 4.0, 6.0, 10.0, 12.0, 16.0)


def draw_clip_frames(rng: Random, shape: Size, frames: int) -> tuple[np.ndarray, dict]:
    """`frames` (32 or 16) of a clip of 8 s; its record tells `seconds` for each pair of frames.

    32 frames stand for a clip of any length: the told seconds are stretched to it.
    """
    scale = rng.choice((1.0, 1.0, 1.0, 1.0, 1.5, 2.0))
    size = tuple(round(side * scale / 2) * 2 for side in shape)
    plan = vary_plan(rng, rng.choice((plan_ball, plan_light))(rng, size))
    fps = 2.0 if frames == 16 else 31 * 24 / 191
    smooth = 2 if scale == 1 and rng.random() < 0.3 else 1
    images, record = draw_clip(plan, size, smooth, fps=fps, seconds=frames / fps)
    stretch = 1.0 if frames == 16 else rng.choice(LENGTHS) / 8
    told_step = stretch * (0.5 if frames == 16 else 8 / 32)
    told = tuple((2 * i + 0.5) * told_step for i in range(frames // 2))
    record |= {"told": told, "subject": "ball" if isinstance(plan, BallClip) else "light"}
    record["step"] = 2 * told_step
    for event in record["events"]:
        first = next((i for i in range(frames) if i / fps >= event["time"] - 1e-6), frames - 1)
        event["told"] = float(f"{told[first // 2]:.1f}")
    return np.stack([fit(image, shape) for image in images]), record


def draw_four_frames(rng: Random, shape: Size) -> tuple[tuple[np.ndarray, ...], dict]:
    """Four pictures of a clip, a second or more apart; the record tells the second of each."""
    size = shape
    plan = vary_plan(rng, rng.choice((plan_ball, plan_light))(rng, size))
    images, record = draw_clip(plan, size, 1, fps=1.0, seconds=8.0)
    chosen = sorted(rng.sample(range(8), 4)) if rng.random() < 0.7 else [1, 3, 5, 7]
    record["subject"] = "ball" if isinstance(plan, BallClip) else "light"
    record["moments"] = [float(second) for second in chosen]
    record["shown"] = [_shown_at(record, second) for second in chosen]
    return tuple(fit(images[second], shape) for second in chosen), record


def _shown_at(record: dict, second: float) -> str:
    """The colour of the light at a second, or whether the thing that arrives is there."""
    happened = [event for event in record["events"] if event["time"] <= second + 1e-6]
    if is_ball(record):
        return "there" if any(event["action"] == "appears" for event in happened) else ""
    lamps = [event["action"] for event in happened if event["action"].startswith("turns ")]
    return lamps[-1].removeprefix("turns ") if lamps else "red"


def vary_plan(rng: Random, plan: BallClip | LightClip) -> BallClip | LightClip:
    """Other times than the generator's, so that seconds are read and not guessed."""
    if isinstance(plan, LightClip):
        green = rng.choice((1.0, 1.5, 2.0, 2.5, 3.0, 3.5))
        yellow = green + rng.choice((1.5, 2.0, 2.5, 3.0))
        changes = ((0.0, "red"), (green, "green"), (yellow, "yellow"), (yellow + 1.0, "red"))
        return replace(plan, changes=changes, car_time=green + rng.choice((0.5, 0.5, 1.0)))
    colour = rng.choice([one for one in BRIGHT if one != plan.arrival.colour])
    height = plan.arrival.height or (0.34 if plan.arrival.name == "box" else None)
    arrival = replace(plan.arrival, height=height if rng.random() < 0.4 else plan.arrival.height)
    time = rng.choice((1.0, 1.5, 2.5, 3.0, 3.5, 4.5, 5.0, 5.5, 6.0, 6.5))
    return replace(plan, colour=colour, arrival=arrival, arrival_time=time)


def tell(second: float) -> str:
    return f"{second:.1f}"


def is_ball(record: dict) -> bool:
    return record["subject"] == "ball"


def _events(record: dict, *actions: str) -> list[dict]:
    return [event for event in record["events"] if event["action"] in actions]


def _rolls(record: dict) -> list[dict]:
    return _events(record, "rolls left", "rolls right")


# --- the ball ------------------------------------------------------------------------------------


def ask_direction(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """Which way it rolls, first or in the end."""
    if not is_ball(record):
        return None
    rolls = _rolls(record)
    first = len(rolls) > 1 and rng.random() < 0.5
    wording = "clip_direction_first" if first else "clip_direction_last"
    side = rolls[0 if first else -1]["action"].split()[-1]
    question, short = words.ask_short(rng, wording)
    when = "first" if first else "in the end"
    forms = f"The ball rolls {side} {when}.", f"It rolls to the {side}.", f"To the {side}."
    reply = say(rng, short, side, *forms)
    return Turn(question, reply, {"judge": "words", "of": ("left", "right"), "is": [side]})


def ask_clip_colour(rng: Random, record: dict, words: Wordings) -> Turn:
    things = record["objects"][:2] if is_ball(record) else record["objects"][1:2]
    if rng.random() < 0.2:
        things = record["objects"][2:]
    thing = rng.choice(things)
    name, colour = thing["name"], thing["colour"]
    arrives = is_ball(record) and thing is record["objects"][1]
    called = f"{name} that appears" if arrives and rng.random() < 0.6 else name
    question, short = words.ask_short(rng, "clip_colour", thing=called)
    reply = say(rng, short, colour, f"The {name} is {colour}.", f"It is {colour}.")
    return Turn(question, reply, colour_is(colour))


def ask_when(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """The second of an event that happens once."""
    event, phrase = rng.choice(_single_events(record))
    question = words.ask(rng, "clip_when", event=phrase, does=to_base_form(phrase))
    second = tell(event["told"])
    reply = f"At {second} seconds."
    if rng.random() < 0.25:
        question, reply = f"{question} {words.choose(rng, 'in_one_number')}", second
    within = max(0.55, 1.05 * record["step"])
    return Turn(question, reply, {"judge": "seconds", "is": event["told"], "within": within})


BASE_FORMS = {
    "appears": "appear", "turns": "turn", "drives": "drive", "starts": "start", "rolls": "roll",
    "stops": "stop",
}  # fmt: skip


def to_base_form(phrase: str) -> str:
    """ "the box appears" as it stands after "does": "the box appear"."""
    return " ".join(BASE_FORMS.get(word, word) for word in phrase.split())


def _single_events(record: dict) -> list[tuple[dict, str]]:
    """Events to ask for, each with words such as "the blue box appears"."""
    if not is_ball(record):
        found = [(event, f"the light {event['action']}") for event in record["events"]
                 if event["action"] in ("turns green", "turns yellow")]  # fmt: skip
        car = _events(record, "drives off")[0]
        names = f"the {car['colour']} car drives off", "the car drives off", "the car starts"
        return [*found, *((car, name) for name in names)]
    arrival = _events(record, "appears")[0]
    names = f"the {arrival['colour']} {arrival['name']} appears", f"the {arrival['name']} appears"
    found = [(arrival, name) for name in names]
    rolls, stops = _rolls(record), _events(record, "stops")
    if len(rolls) == 2:
        side = rolls[1]["action"].split()[-1]
        found += [(rolls[1], "the ball rolls back"), (rolls[1], f"the ball rolls {side}")]
        found += [(stops[0], "the ball first stops")]
    else:
        found += [(stops[0], "the ball stops")]
    return found


def ask_order(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """Which of two events comes first."""
    events = _single_events(record)
    (one, first), (other, second) = rng.sample(events, 2)
    if abs(one["told"] - other["told"]) < 1.01 * record["step"]:
        return None
    early, words_early = (one, first) if one["told"] < other["told"] else (other, second)
    question = words.ask(rng, "clip_order", one=first, other=second)
    reply = rng.choice((f"First {words_early}.", f"{capital(words_early)} first."))
    late = second if early is one else first
    return Turn(question, reply, {"judge": "keys", "all": [[words_early]], "none": [late]})


def ask_how_often(rng: Random, record: dict, words: Wordings) -> Turn:
    if is_ball(record):
        number = len(_rolls(record))
        task, claim = "clip_often_ball", "The ball rolls {}."
    else:
        number = len([one for one in record["events"] if one["action"].startswith("turns")])
        task, claim = "clip_often_light", "The light changes {}."
    word = {1: "once", 2: "twice", 3: "three times"}[number]
    question, short = words.ask_short(rng, task)
    reply = say(rng, short, rng.choice((str(number), word)), claim.format(word))
    return Turn(question, reply, number_is(number))


# --- whole clips ---------------------------------------------------------------------------------


def tell_ball(rng: Random, record: dict) -> str:
    """The story in the order of its events, with seconds or without."""
    ball, arrival = record["objects"][:2]
    rolls = [event["action"].split()[-1] for event in _rolls(record)]
    timed = rng.random() < 0.35
    appears = _events(record, "appears")[0]
    when = f" at {tell(appears['told'])} seconds" if timed else ""
    some = with_article(f"{arrival['colour']} {arrival['name']}")
    subject = with_article(f"{ball['colour']} ball")
    back = f", then rolls back to the {rolls[1]} and stops" if len(rolls) > 1 else ""
    story = f"{capital(subject)} rolls to the {rolls[0]} and stops{back}."
    arrives = rng.choice((f"{capital(some)} appears{when}.", f"Meanwhile {some} appears{when}."))
    return f"{story} {arrives}"


def tell_light(rng: Random, record: dict) -> str:
    car = record["objects"][1]["colour"]
    timed = rng.random() < 0.35
    green, yellow = (_events(record, f"turns {lamp}")[0] for lamp in ("green", "yellow"))
    at = f" at {tell(green['told'])} seconds" if timed else ""
    then = f" at {tell(yellow['told'])} seconds" if timed else ""
    return rng.choice(
        (
            f"A {car} car waits at a red traffic light. The light turns green{at} and the car "
            f"drives off. Then the light turns yellow{then} and red.",
            f"The traffic light is red and a {car} car waits. It turns green{at}, the car drives "
            f"off, then it turns yellow{then} and red again.",
        )
    ).replace("A orange", "An orange").replace("a orange", "an orange")  # fmt: skip


def _story_truth(record: dict) -> dict:
    if is_ball(record):
        ball, arrival = record["objects"][:2]
        rolls = [event["action"].split()[-1] for event in _rolls(record)]
        path = ".*".join(rolls)
        groups = [[f"{ball['colour']} ball"], [f"{arrival['colour']} {arrival['name']} appears"]]
        none = ["rolls back"] if len(rolls) == 1 else []
        return {"judge": "keys", "all": [*groups, [path]], "none": none}
    car = record["objects"][1]["colour"]
    steps = ["red.*green.*yellow.*red"], ["drives off"]
    return {"judge": "keys", "all": [[f"{car} car"], *steps]}


def ask_story(rng: Random, record: dict, words: Wordings) -> Turn:
    story = (tell_ball if is_ball(record) else tell_light)(rng, record)
    wording = "clip_path" if is_ball(record) and rng.random() < 0.12 else "clip_describe"
    return Turn(words.ask(rng, wording), story, _story_truth(record))


def ask_story_and_guess(rng: Random, record: dict, words: Wordings) -> Turn:
    """The question of the tutorial: describe, and guess what somebody is going to do."""
    who = "ball" if is_ball(record) else "car"
    story = (tell_ball if is_ball(record) else tell_light)(rng, record)
    question = words.ask(rng, "clip_guess", who=who)
    guess = "stay where it is" if is_ball(record) else "drive on"
    truth = _story_truth(record)
    truth["all"] = [*truth["all"], ["going to", "will"]]
    return Turn(question, f"{story} I guess the {who} is going to {guess}.", truth)


def ask_why(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """What the car does, and why."""
    if is_ball(record):
        return None
    car = record["objects"][1]["colour"]
    reply = f"The {car} car waits because the light is red. It drives off when it turns green."
    truth = {"judge": "keys", "all": [["waits"], ["drives off"], ["red.*green"]]}
    return Turn(words.ask(rng, "clip_why"), reply, truth)


def ask_what_appears(rng: Random, record: dict, words: Wordings) -> Turn | None:
    if not is_ball(record):
        return None
    thing = record["objects"][1]
    name = f"{thing['colour']} {thing['name']}"
    reply = rng.choice(
        (f"{capital(with_article(name))} appears.", f"{capital(with_article(name))}.")
    )
    return Turn(words.ask(rng, "clip_appears"), reply, has_one(name))


def ask_first(rng: Random, record: dict, words: Wordings) -> Turn:
    """What happens first of all."""
    if is_ball(record):
        side = _rolls(record)[0]["action"].split()[-1]
        colour = record["objects"][0]["colour"]
        reply = f"First the {colour} ball rolls to the {side}."
        truth = {"judge": "keys", "all": [["ball"], ["rolls"], [side]]}
    else:
        reply = "First the light is red and the car waits."
        truth = {"judge": "keys", "all": [["red"], ["waits"]]}
    return Turn(words.ask(rng, "clip_first"), reply, truth)


def ask_unknown(rng: Random, record: dict, words: Wordings) -> Turn:
    question = words.ask(rng, "clip_unknown")
    reply = rng.choice(("I do not know. The video does not show it.", "I do not know that."))
    return Turn(question, reply, {"judge": "unknown"})


# --- a clip as four pictures ---------------------------------------------------------------------


def ask_which_seconds(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """At which of the seconds told the light has a colour, or the thing that arrives is there."""
    if is_ball(record):
        thing = record["objects"][1]
        seen, what = "there", with_article(f"{thing['colour']} {thing['name']}")
        question = words.ask(rng, "frames_there", thing=what)
    else:
        seen = rng.choice(("red", "green", "green", "yellow"))
        question = words.ask(rng, "frames_light", colour=seen)
    seconds = [
        moment
        for moment, shown in zip(record["moments"], record["shown"], strict=True)
        if shown == seen
    ]
    if not seconds:
        return None
    told = join_words([tell(second) for second in seconds])
    reply = f"At {told} seconds."
    return Turn(question, reply, {"judge": "numbers", "is": seconds})


def ask_one_second(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """The colour of the light at one of the seconds told."""
    if is_ball(record):
        return None
    index = rng.randrange(4)
    colour = record["shown"][index]
    second = tell(record["moments"][index])
    question, short = words.ask_short(rng, "frames_colour", second=second)
    reply = say(rng, short, colour, f"The light is {colour}.", f"It is {colour}.")
    return Turn(question, reply, colour_is(colour))


# --- events for a program, and plain questions ---------------------------------------------------

TIME_KEYS = ("time", "time", "second", "seconds", "t", "start", "at", "when", "time_s", "ts")
EVENT_KEYS = ("event", "event", "what", "action", "description", "happens", "text", "label")
NOT_THERE = ("dog", "cat", "bus", "train", "person", "bicycle", "tree", "apple", "lamp", "boat",
             "plane", "horse", "chair", "bird")  # fmt: skip


def ask_events(rng: Random, record: dict, words: Wordings) -> Turn:
    """All events with the seconds told, as JSON with the keys asked for."""
    time, event = rng.choice(TIME_KEYS), rng.choice(EVENT_KEYS)
    rows = [{time: one["told"], event: _event_words(one)} for one in record["events"]
            if one["action"] != "is gone"]  # fmt: skip
    question = words.ask_exactly(rng, "clip_events", time=time, event=event)
    reply = json.dumps(rows, separators=(",", ":"))
    within = max(0.55, 1.05 * record["step"])
    truth = {"judge": "events", "is": rows, "keys": [time, event], "within": within}
    return Turn(question, reply, truth)


def _event_words(event: dict) -> str:
    name = "light" if event["name"] == "traffic light" else event["name"]
    return f"the {name} {event['action']}"


def ask_clip_is(rng: Random, record: dict, words: Wordings) -> Turn:
    """Whether a thing is in the clip at all."""
    names = {one["name"] for one in record["objects"]}
    there = rng.random() < 0.5
    absent = [one for one in (*NOT_THERE, "ball", "car") if one not in names]
    name = rng.choice(sorted(names) if there else absent)
    question = words.ask(rng, "clip_is", thing=name)
    some = with_article(name)
    reply = rng.choice(
        (f"Yes, there is {some}.", f"Yes, the video shows {some}.")
        if there
        else (f"No, there is no {name} in the video.", f"No, I see no {name}.")
    )
    return Turn(fix_articles(question), reply, yes_no_is("yes" if there else "no"))
