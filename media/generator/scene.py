"""Scenes of named things: a table top and a street."""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from PIL import Image

from media.generator.drawing import (
    RGB,
    TONES,
    Blend,
    Box,
    Pen,
    Size,
    curve,
    lay,
    lay_own_shadow,
    lay_shadow,
)
from media.generator.things import KINDS, TABLE, picture_of

WALLS = {
    "cream": ((250, 243, 228), (236, 222, 198)),
    "mint": ((226, 242, 236), (196, 222, 214)),
    "sky": ((228, 240, 250), (198, 218, 236)),
    "grey": ((238, 239, 243), (212, 215, 224)),
}
STREET_NAMES = ("MAPLE STREET", "OAK STREET", "LAKE ROAD", "KING STREET", "PARK ROAD", "HILL LANE")
HORIZON, KERB = 0.575, 0.64
THIN_SHADOW = ("bicycle", "house")
ON_PAVEMENT = ("person", "bicycle")


@dataclass(frozen=True)
class Placed:
    """A thing in a scene. `x` is its middle (share of the width), `base` its foot and `height`
    its height (shares of the picture's height; None is the usual height of its kind)."""

    name: str
    colour: str
    x: float
    base: float
    height: float | None = None
    text: str = ""

    @property
    def share(self) -> float:
        return self.height or KINDS[self.name].share


@dataclass(frozen=True)
class Scene:
    """What a scene shows: `setting` is "table" or "street", `wall` a name in WALLS."""

    setting: str
    things: tuple[Placed, ...]
    wall: str = "cream"

    def with_thing(self, index: int, thing: Placed | None) -> "Scene":
        """The same scene with one thing replaced, or left out."""
        kept = [thing if i == index else old for i, old in enumerate(self.things)]
        return replace(self, things=tuple(one for one in kept if one))


def make_scene(
    rng: Random, size: Size, smooth: int = 2, *, setting: str | None = None
) -> tuple[Image.Image, dict]:
    """A scene nobody planned: things, colours and places are drawn from `rng`."""
    return draw_scene(plan_scene(rng, size, setting=setting), size, smooth)


def draw_scene(scene: Scene, size: Size, smooth: int = 2) -> tuple[Image.Image, dict]:
    """The picture of `scene` and the record of what is where in it."""
    image = draw_setting(scene, size, smooth)
    placed = [(thing, lay_thing(image, thing, smooth)) for thing in scene.things]
    objects = [describe(thing, box, size) for thing, box in placed]
    counts = Counter(thing.name for thing, _ in placed)
    record = {"kind": "scene", "size": list(size), "setting": scene.setting}
    return image, record | {"counts": dict(counts), "objects": objects}


def describe(thing: Placed, box: Box, size: Size) -> dict:
    """The record of one thing: its name, colour, box in pixels and place in words."""
    record = {"name": thing.name, "colour": thing.colour, "box": list(box)}
    text = {"text": thing.text} if thing.text else {}
    return record | {"place": place_words(box, size)} | text


def place_words(box: Box, size: Size) -> list[str]:
    """Where the middle of `box` lies, in thirds: left/centre/right, then top/middle/bottom."""
    across = int(3 * (box[0] + box[2]) / 2 / size[0])
    down = int(3 * (box[1] + box[3]) / 2 / size[1])
    return [("left", "centre", "right")[min(2, across)], ("top", "middle", "bottom")[min(2, down)]]


def lay_thing(image: Image.Image, thing: Placed, smooth: int = 2) -> Box:
    """Draw one thing, with the shadow at its foot, on `image`; returns its box in pixels."""
    layer = picture_of(thing.name, thing.colour, thing.share * image.height, smooth, thing.text)
    left = round(thing.x * image.width - layer.width / 2)
    top = round(thing.base * image.height) - layer.height
    box = (left, top, left + layer.width, top + layer.height)
    if thing.name == "pencil":
        lay_own_shadow(image, layer, (left, top), 0.008 * image.height)
    lay_foot_shadow(image, box, thing.name)
    lay(image, layer, (left, top))
    return box


def lay_foot_shadow(image: Image.Image, box: Box, name: str) -> None:
    """The soft shadow at the foot of the thing called `name`, if it stands on the ground."""
    foot, thin = KINDS[name].foot, name in THIN_SHADOW
    if foot is None:
        return
    width, deep = box[2] - box[0], max(3, (0.008 if thin else 0.017) * image.height)
    left, right = (box[0] + share * width for share in foot)
    reach = (left, box[3] - deep, right + 0.5 * deep, box[3] + 0.75 * deep)
    lay_shadow(image, reach, strength=0.3 if thin else 0.42, soft=0.35)


# --- grounds -------------------------------------------------------------------------------------


def draw_setting(scene: Scene, size: Size, smooth: int) -> Image.Image:
    """The empty table or street."""
    if scene.setting == "table":
        return _draw_table(size, smooth, WALLS[scene.wall])
    return _draw_street(size, smooth)


def _draw_table(size: Size, smooth: int, wall: tuple[RGB, RGB]) -> Image.Image:
    width, edge = size[0] / size[1], 0.40
    pen = Pen(width, 1, size[1], min(smooth, 2), ground=wall[0])
    pen.slab((0, 0, width, edge), 0, Blend(wall))
    pen.slab((0, edge - 0.012, width, edge), 0, (*TONES["wood"].line, 70))
    pen.slab((0, edge, width, 1), 0, Blend(((226, 190, 148), (204, 158, 112))))
    for i in range(1, 5):
        y = edge + (1 - edge) * (i / 5) ** 1.25
        pen.stroke([(0, y), (width, y)], (186, 142, 98), 0.003)
    pen.slab((0, edge, width, edge + 0.008), 0, (240, 212, 176))
    return pen.finish()


def _draw_street(size: Size, smooth: int) -> Image.Image:
    width = size[0] / size[1]
    pen = Pen(width, 1, size[1], min(smooth, 2), ground=(150, 206, 246))
    pen.slab((0, 0, width, HORIZON), 0, Blend(((112, 184, 240), (206, 234, 250))))
    for hill, tone in (((-0.1, 0.40), (158, 208, 168)), ((0.45, 0.44), (132, 192, 144))):
        start, top = hill
        outline = [(start, 0.62), (start + 0.3, top), (start + 0.75, top + 0.04)]
        pen.area(curve([*outline, (start + 1.5, 0.62), (start + 0.7, 0.7)], steps=12), tone)
    for start in (1.0, 1.9):
        pen.oval((start, 0.42, start + 1.2, 0.8), (158, 208, 168))
    pen.slab((0, HORIZON - 0.035, width, KERB), 0, Blend(((150, 200, 110), (112, 172, 84))))
    pen.slab((0, HORIZON + 0.012, width, KERB), 0, Blend(((222, 220, 214), (200, 198, 194))))
    pen.slab((0, KERB, width, KERB + 0.012), 0, (158, 158, 160))
    pen.slab((0, KERB + 0.012, width, 0.9), 0, Blend(((92, 96, 106), (74, 78, 88))))
    for i in range(round(width / 0.16)):
        pen.slab((0.03 + i * 0.16, 0.764, 0.12 + i * 0.16, 0.776), 0, (240, 240, 236))
    pen.slab((0, 0.888, width, 0.9), 0, (158, 158, 160))
    pen.slab((0, 0.9, width, 1), 0, Blend(((222, 220, 214), (206, 204, 198))))
    return pen.finish()


# --- plans ---------------------------------------------------------------------------------------


def plan_scene(rng: Random, size: Size, *, setting: str | None = None) -> Scene:
    """Choose what to show so that nothing hides anything else."""
    setting = setting or rng.choice(("table", "street"))
    things = _plan_table(rng, size) if setting == "table" else _plan_street(rng, size)
    return Scene(setting, tuple(things), rng.choice(tuple(WALLS)))


def _plan_table(rng: Random, size: Size) -> list[Placed]:
    names = list(TABLE)
    rng.shuffle(names)
    low = [name for name in names if TABLE[name].share <= 0.2]
    back = [name for name in names if name not in low[:4]]
    if rng.random() < 0.6:
        low = [low[0]] * rng.randint(2, 3) + low[1:]
    rows = _plan_row(rng, size, back, (0.56, 0.60)), _plan_row(rng, size, low, (0.86, 0.94))
    return [*rows[0], *rows[1]]


def _plan_street(rng: Random, size: Size) -> list[Placed]:
    wide = size[0] / size[1] > 1.3
    back = (
        ["house", "tree", "sign", *rng.choices(("house", "tree"), k=3)]
        if wide
        else ["house", *rng.sample(("house", "tree", "sign"), k=2)]
    )
    front = rng.sample(("car", "car", "bus", "bicycle", "person", "person"), k=6)
    air = rng.sample(("sun", "cloud", "cloud"), k=rng.randint(1, 3))
    rng.shuffle(back)
    rows = [(air, (0.17, 0.185)), (back, (0.588, 0.60)), (front, (0.845, 0.88))]
    return [thing for names, base in rows for thing in _plan_row(rng, size, names, base)]


def _plan_row(
    rng: Random, size: Size, names: list[str], base: tuple[float, float], gap: float = 0.04
) -> list[Placed]:
    """As many of `names` as find room side by side, the room left over spread at random."""
    width, chosen, used = size[0] / size[1], [], gap
    for name in names:
        text = _choose_text(rng, name)
        needed = KINDS[name].aspect(text) * KINDS[name].share + gap
        if used + needed <= width:
            chosen.append((name, text, needed))
            used += needed
    rng.shuffle(chosen)
    cuts = sorted(rng.uniform(0, width - used) for _ in chosen)
    placed, left = [], gap
    for (name, text, needed), cut in zip(chosen, cuts, strict=True):
        middle = (left + cut + (needed - gap) / 2) / width
        colour = rng.choice(KINDS[name].colours)
        foot = rng.uniform(*base) + (0.085 if name in ON_PAVEMENT else 0)
        placed.append(Placed(name, colour, middle, foot, text=text))
        left += needed
    return placed


def _choose_text(rng: Random, name: str) -> str:
    if name == "sign":
        return rng.choice(STREET_NAMES)
    return str(rng.randint(1, 99)) if name == "bus" else ""
