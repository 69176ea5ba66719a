"""Pairs of pictures that differ in exactly one thing: another colour, or missing."""

from dataclasses import replace
from random import Random

from PIL import Image, ImageChops

from media.generator.drawing import Size
from media.generator.scene import Placed, Scene, draw_scene, plan_scene
from media.generator.things import KINDS

ALIKE = ({"red", "orange"}, {"orange", "yellow"}, {"red", "pink"}, {"purple", "blue"})


def make_pair(
    rng: Random, size: Size, smooth: int = 2, *, setting: str | None = None
) -> tuple[tuple[Image.Image, Image.Image], dict]:
    """A pair nobody planned: one thing of a scene changes its colour or goes missing."""
    scene = plan_scene(rng, size, setting=setting)
    index = rng.randrange(len(scene.things))
    return draw_pair(scene, index, _choose_change(rng, scene.things[index]), size, smooth)


def draw_pair(
    scene: Scene, index: int, other: Placed | None, size: Size, smooth: int = 2
) -> tuple[tuple[Image.Image, Image.Image], dict]:
    """`scene`, and again with thing number `index` replaced by `other` (None: missing).

    The record's `difference` holds the box outside which the pictures are equal.
    """
    thing = scene.things[index]
    one, first = draw_scene(scene, size, smooth)
    two, second = draw_scene(scene.with_thing(index, other), size, smooth)
    difference = {
        "change": "colour" if other else "missing",
        "name": thing.name,
        "a": thing.colour,
        "b": other.colour if other else None,
        "box": list(ImageChops.difference(one, two).getbbox()),
    }
    record = {"kind": "pair", "size": list(size), "setting": scene.setting}
    sides = {
        side: {"counts": found["counts"], "objects": found["objects"]}
        for side, found in (("a", first), ("b", second))
    }
    return (one, two), record | {"difference": difference} | sides


def _choose_change(rng: Random, thing: Placed) -> Placed | None:
    choices = [
        colour
        for colour in KINDS[thing.name].colours
        if colour != thing.colour and {colour, thing.colour} not in ALIKE
    ]
    if not choices or rng.random() < 0.4:
        return None
    return replace(thing, colour=rng.choice(choices))
