"""Questions about two pictures that differ in one thing."""

from dataclasses import replace
from random import Random

import numpy as np

from media.generator.drawing import Size
from media.generator.pair import ALIKE
from media.generator.scene import Placed, Scene
from media.generator.things import KINDS
from pocket_model.tasks.judging import colour_is, yes_no_is
from pocket_model.tasks.pictures import choose_size, choose_smooth, fit
from pocket_model.tasks.scenes import full_name, single_things
from pocket_model.tasks.turn import Turn, capital, say
from pocket_model.tasks.wordings import Wordings
from pocket_model.tasks.worlds import draw_world, plan_world


def draw_pair_pictures(rng: Random, shape: Size) -> tuple[tuple[np.ndarray, np.ndarray], dict]:
    """A scene twice; one thing has another colour, or is missing in one of them."""
    size = choose_size(rng, shape)
    smooth = choose_smooth(rng, size, shape)
    scene, index = _choose_scene(rng, size)
    thing = scene.things[index]
    other = _choose_change(rng, scene, thing)
    scenes = [scene, scene.with_thing(index, other)]
    rng.shuffle(scenes)
    drawn = [draw_world(one, size, smooth) for one in scenes]
    colours = [_colour_in(one, thing, other) for one in scenes]
    record = {"kind": "pair", "name": thing.name, "colours": colours}
    record |= {"records": [found for _, found in drawn]}
    return tuple(fit(image, shape) for image, _ in drawn), record


def _choose_scene(rng: Random, size: Size) -> tuple[Scene, int]:
    """A scene, and a thing in it that is the only one of its name."""
    while True:
        scene = plan_world(rng, size)
        names = [thing.name for thing in scene.things]
        single = [i for i, name in enumerate(names) if names.count(name) == 1]
        if single and len(names) > 1:
            return scene, rng.choice(single)


def _choose_change(rng: Random, scene: Scene, thing: Placed) -> Placed | None:
    choices = [
        colour
        for colour in KINDS[thing.name].colours
        if colour != thing.colour and {colour, thing.colour} not in ALIKE
    ]
    if not choices or rng.random() < 0.35:
        return None
    return replace(thing, colour=rng.choice(choices))


def _colour_in(scene: Scene, thing: Placed, other: Placed | None) -> str | None:
    if thing in scene.things:
        return thing.colour
    return other.colour if other else None


def ask_difference(rng: Random, record: dict, words: Wordings) -> Turn:
    name, colours = record["name"], record["colours"]
    question = words.ask(rng, "pair_difference")
    known = tuple(KINDS)
    if None in colours:
        side = ("first", "second")[colours.index(None)]
        forms = (
            f"The {name} is missing in the {side} picture.",
            f"In the {side} picture the {name} is missing.",
            f"The {side} picture has no {name}.",
        )
        truth = {"judge": "keys", "all": [[name], [side], ["missing", "no "]]}
    else:
        one, two = colours
        forms = (
            f"The {name} is {one} in the first picture and {two} in the second.",
            f"In the first picture the {name} is {one}, in the second it is {two}.",
            f"The {name} changes from {one} to {two}.",
        )
        truth = {"judge": "keys", "all": [[name], [f"{one}\\b.*\\b{two}"]]}
    truth["none"] = [other for other in known if other != name and other not in name]
    return Turn(question, rng.choice((forms[0], *forms)), truth)


def ask_pair_colour(rng: Random, record: dict, words: Wordings) -> Turn:
    """The colour of the thing that changed, or of another, in one of the two."""
    side = rng.randrange(2)
    found = record["records"][side]
    single = single_things(found)
    changed = [one for one in single if one["name"] == record["name"]]
    thing = rng.choice(changed or single or found["objects"][:1])
    name, colour = thing["name"], thing["colour"]
    which = ("first", "second")[side]
    question, short = words.ask_short(rng, "pair_colour", thing=name, which=which)
    reply = say(rng, short, colour, f"The {name} is {colour} in the {which} picture.",
                f"In the {which} picture the {name} is {colour}.")  # fmt: skip
    return Turn(question, reply, colour_is(colour))


def ask_which(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """In which of the two the thing is (or has that colour)."""
    side = rng.randrange(2)
    colour = record["colours"][side]
    if colour is None:
        side, colour = 1 - side, record["colours"][1 - side]
    thing = full_name({"name": record["name"], "colour": colour})
    which = ("first", "second")[side]
    question, short = words.ask_short(rng, "pair_which", thing=thing)
    forms = f"The {which} picture shows the {thing}.", f"The {thing} is in the {which} picture."
    reply = say(rng, short, which, *forms, f"The {which} picture.")
    return Turn(question, reply, {"judge": "words", "of": ("first", "second"), "is": [which]})


def ask_pair_same(rng: Random, record: dict, words: Wordings) -> Turn:
    question, short = words.ask_short(rng, "pair_same")
    name = record["name"]
    forms = f"No, they differ in one thing: the {name}.", f"No, the {name} is different."
    return Turn(question, say(rng, short, "no", *map(capital, forms)), yes_no_is("no"))
