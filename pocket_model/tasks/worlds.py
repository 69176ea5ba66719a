"""Scenes to train on: those of the course's generator, and freer ones of the same things."""

from collections import Counter
from functools import lru_cache
from random import Random

from PIL import Image

from media.generator.drawing import Box, Size
from media.generator.scene import (
    ON_PAVEMENT,
    STREET_NAMES,
    WALLS,
    Placed,
    Scene,
    describe,
    draw_setting,
    lay_thing,
    plan_scene,
)
from media.generator.things import KINDS, STREET, TABLE

SIGN_WORDS = (
    *("MAPLE", "OAK", "LAKE", "KING", "PARK", "HILL", "RIVER", "GARDEN", "MILL", "STATION", "ROSE"),
    *("CHURCH", "BRIDGE", "MARKET", "SCHOOL", "QUEEN", "FOX", "STONE", "WINDSOR", "NORTH", "ELM"),
)
SIGN_ENDS = ("STREET", "ROAD", "LANE", "WAY", "SQUARE", "AVENUE")
BASES = {
    "sun": (0.15, 0.3),
    "cloud": (0.12, 0.3),
    "house": (0.585, 0.6),
    "tree": (0.585, 0.6),
    "sign": (0.588, 0.6),
    "traffic light": (0.9, 0.96),
}
ROAD, PAVEMENT, TABLE_TOP = (0.83, 0.88), (0.92, 0.975), (0.55, 0.96)
GAP = 0.012


@lru_cache(maxsize=96)
def _ground(setting: str, wall: str, size: Size, smooth: int) -> Image.Image:
    return draw_setting(Scene(setting, (), wall), size, smooth)


def draw_world(scene: Scene, size: Size, smooth: int) -> tuple[Image.Image, dict]:
    """What `media.generator.scene.draw_scene` gives, with the empty ground drawn only once."""
    image = _ground(scene.setting, scene.wall, size, smooth).copy()
    boxes = [lay_thing(image, thing, smooth) for thing in scene.things]
    objects = [describe(*pair, size) for pair in zip(scene.things, boxes, strict=True)]
    counts = Counter(thing.name for thing in scene.things)
    record = {"kind": "scene", "size": list(size), "setting": scene.setting}
    return image, record | {"counts": dict(counts), "objects": objects}


def plan_world(rng: Random, size: Size) -> Scene:
    """Half the time as the course's generator plans, else freely."""
    if rng.random() < 0.45:
        return _name_signs(rng, plan_scene(rng, size))
    return plan_free(rng, size)


def plan_free(rng: Random, size: Size) -> Scene:
    """One to nine things of one setting at places of their own, often several of a kind."""
    setting = rng.choice(("table", "table", "street"))
    names = _choose_names(rng, TABLE if setting == "table" else STREET)
    larger = rng.uniform(0.75, 1.05) if len(names) > 4 else rng.uniform(0.8, 1.5)
    placed, boxes = [], []
    for name in names:
        found = _place(rng, size, name, larger * rng.uniform(0.9, 1.1), boxes)
        if found:
            placed.append(found[0])
            boxes.append(found[1])
    placed.sort(key=lambda thing: thing.base)
    return Scene(setting, tuple(placed), rng.choice(tuple(WALLS)))


def _choose_names(rng: Random, kinds: dict) -> list[str]:
    names = list(kinds)
    if rng.random() < 0.45:
        many = [rng.choice(names)] * rng.randint(2, 6)
        return many + rng.choices(names, k=rng.randint(0, 3))
    return rng.choices(names, k=rng.choice((1, 2, 3, 4, 5, 6, 7)))


def _place(
    rng: Random, size: Size, name: str, larger: float, taken: list[Box]
) -> tuple[Placed, tuple[float, ...]] | None:
    """A thing where it hides nothing that is there (boxes are shares of the picture)."""
    text = choose_text(rng, name)
    height = min(KINDS[name].share * larger, 0.7)
    width = height * KINDS[name].aspect(text) * size[1] / size[0]
    low, high = _base_range(name)
    if width > 0.94:
        return None
    for _ in range(25):
        base = max(rng.uniform(low, high), height + 0.02)
        x = rng.uniform(width / 2 + 0.01, 0.99 - width / 2)
        box = (x - width / 2 - GAP, base - height - GAP, x + width / 2 + GAP, base + GAP)
        if not any(_overlap(box, other) for other in taken):
            colour = rng.choice(KINDS[name].colours)
            return Placed(name, colour, x, base, height, text), box
    return None


def _base_range(name: str) -> tuple[float, float]:
    if name in TABLE:
        return TABLE_TOP
    return BASES.get(name) or (PAVEMENT if name in ON_PAVEMENT else ROAD)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    across = min(one[2], other[2]) > max(one[0], other[0])
    return across and min(one[3], other[3]) > max(one[1], other[1])


def choose_text(rng: Random, name: str) -> str:
    """What stands on a sign or a bus, and which lamp of a traffic light is lit."""
    if name == "sign":
        roll = rng.random()
        if roll < 0.25:
            return rng.choice(STREET_NAMES)
        name = _make_up_name(rng) if roll < 0.6 else rng.choice(SIGN_WORDS)
        return f"{name} {rng.choice(SIGN_ENDS)}"
    if name == "traffic light":
        return rng.choice(("red", "yellow", "green"))
    return str(rng.randint(1, 99)) if name == "bus" else ""


def _make_up_name(rng: Random) -> str:
    """A word that can be read but not guessed: TORMEL."""
    syllables = (rng.choice("BCDFGHKLMNPRSTVW") + rng.choice("AEIOU") for _ in range(2))
    return "".join(syllables) + rng.choice(("", "L", "N", "R", "S", "T"))


def _name_signs(rng: Random, scene: Scene) -> Scene:
    """Other street names where they are not wider than the planned ones."""
    for index, thing in enumerate(scene.things):
        other = choose_text(rng, "sign")
        if thing.name == "sign" and len(other) <= len(thing.text):
            renamed = Placed("sign", thing.colour, thing.x, thing.base, thing.height, other)
            scene = scene.with_thing(index, renamed)
    return scene
