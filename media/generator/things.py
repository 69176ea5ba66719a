"""The catalogue of things, and how one of them becomes a small picture of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from media.generator import street_things as street
from media.generator import table_things as table
from media.generator.drawing import TONES, Pen

BRIGHT = ("red", "orange", "yellow", "green", "blue", "purple", "pink")


@dataclass(frozen=True)
class Kind:
    """One kind of thing: its size in units, its usual height as a share of the picture's, its
    colours, and which part of its width touches the ground (None: it lies flat, or flies)."""

    draw: Callable[..., None]
    width: float
    height: float
    share: float
    colours: tuple[str, ...] = BRIGHT
    foot: tuple[float, float] | None = (0.02, 1.02)

    def units(self, text: str) -> float:
        """Its width in units; a sign's depends on what is written on it."""
        return street.sign_width(text) if self.draw is street.draw_sign else self.width

    def aspect(self, text: str = "") -> float:
        return self.units(text) / self.height


TABLE = {
    "mug": Kind(table.draw_mug, 116, 100, 0.20, (*BRIGHT, "white", "black"), foot=(0.04, 0.82)),
    "book": Kind(table.draw_book, 180, 78, 0.17),
    "apple": Kind(table.draw_apple, 100, 112, 0.165, ("red", "green", "yellow"), foot=(0.12, 0.96)),
    "pencil": Kind(table.draw_pencil, 200, 64, 0.12, foot=None),
    "lamp": Kind(table.draw_lamp, 150, 230, 0.42, (*BRIGHT, "black"), foot=(0.04, 0.78)),
    "clock": Kind(table.draw_clock, 120, 142, 0.26, (*BRIGHT, "black"), foot=(0.1, 0.94)),
    "plant": Kind(table.draw_plant, 150, 210, 0.38, ("green",), foot=(0.22, 0.82)),
    "bottle": Kind(table.draw_bottle, 72, 220, 0.38, ("green", "blue", "red", "purple", "orange")),
    "ball": Kind(table.draw_ball, 100, 100, 0.16, foot=(0.15, 0.95)),
    "box": Kind(table.draw_box, 124, 110, 0.20),
    "candle": Kind(table.draw_candle, 90, 170, 0.27),
    "vase": Kind(table.draw_vase, 96, 160, 0.30, (*BRIGHT, "white"), foot=(0.14, 0.9)),
}

STREET = {
    "house": Kind(street.draw_house, 200, 240, 0.40, (*BRIGHT, "white")),
    "tree": Kind(street.draw_tree, 150, 230, 0.34, ("green",), foot=(0.25, 0.8)),
    "sign": Kind(street.draw_sign, 0, 150, 0.18, ("blue", "green", "red", "black"), foot=None),
    "car": Kind(street.draw_car, 230, 100, 0.145, (*BRIGHT, "white", "black")),
    "bus": Kind(street.draw_bus, 330, 150, 0.225),
    "bicycle": Kind(street.draw_bicycle, 170, 112, 0.15, (*BRIGHT, "black")),
    "person": Kind(street.draw_person, 80, 190, 0.24),
    "sun": Kind(street.draw_sun, 120, 120, 0.16, ("yellow",), foot=None),
    "cloud": Kind(street.draw_cloud, 180, 84, 0.10, ("white",), foot=None),
    "traffic light": Kind(street.draw_signal, 90, 330, 0.46, ("black",), foot=(0.2, 0.9)),
}

KINDS = TABLE | STREET


def picture_of(
    name: str, colour: str, height: float, smooth: int = 2, text: str = "", **options: float
) -> Image.Image:
    """The thing alone, `height` pixels high, on a transparent ground without empty margins."""
    kind = KINDS[name]
    pen = Pen(kind.units(text), kind.height, height / kind.height, smooth)
    kind.draw(pen, TONES[colour], text, **options)
    layer = pen.finish()
    return layer.crop(layer.getbbox())
