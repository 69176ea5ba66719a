"""What all subjects share: colours, gradients, a pen that draws larger and scales down, letters."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFilter, ImageFont

RGB = tuple[int, int, int]
RGBA = tuple[int, int, int, int]
Size = tuple[int, int]
Point = tuple[float, float]
Box = tuple[int, int, int, int]

INK: RGB = (45, 48, 66)
PAPER: RGB = (252, 251, 247)
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@dataclass(frozen=True)
class Tone:
    """One named colour as a set of four: lit side, itself, shaded side, outline."""

    light: RGB
    base: RGB
    dark: RGB
    line: RGB

    @property
    def down(self) -> "Blend":
        return Blend((self.light, self.base, self.dark))

    @property
    def round(self) -> "Blend":
        """The shading of an upright cylinder lit from the left."""
        return Blend((self.base, self.light, self.base, self.dark), across=True)


TONES = {
    "red": Tone((240, 84, 80), (217, 34, 42), (172, 16, 30), (104, 8, 22)),
    "orange": Tone((255, 176, 84), (250, 138, 26), (220, 104, 6), (140, 62, 4)),
    "yellow": Tone((255, 232, 110), (252, 208, 32), (232, 174, 10), (138, 98, 4)),
    "green": Tone((104, 204, 104), (44, 160, 68), (22, 120, 52), (10, 70, 34)),
    "blue": Tone((94, 158, 244), (34, 102, 214), (18, 70, 164), (10, 38, 98)),
    "purple": Tone((178, 118, 224), (132, 62, 188), (96, 38, 146), (54, 18, 88)),
    "pink": Tone((255, 178, 208), (244, 126, 174), (218, 88, 142), (134, 40, 82)),
    "white": Tone((255, 255, 255), (244, 244, 242), (212, 216, 222), (96, 102, 116)),
    "grey": Tone((178, 184, 194), (140, 147, 158), (104, 111, 124), (56, 61, 74)),
    "black": Tone((88, 91, 100), (46, 48, 56), (26, 27, 34), (8, 8, 12)),
    "wood": Tone((206, 150, 96), (168, 112, 64), (124, 78, 42), (74, 44, 22)),
}


@dataclass(frozen=True)
class Blend:
    """A gradient through evenly spaced colours, from the top down or from left to right."""

    colours: tuple[RGB | RGBA, ...]
    across: bool = False

    def image(self, size: Size) -> Image.Image:
        count = len(self.colours)
        mode = "RGBA" if len(self.colours[0]) == 4 else "RGB"
        strip = Image.new(mode, (count, 1) if self.across else (1, count))
        strip.putdata(self.colours)
        ends = (0.5, 0, count - 0.5, 1) if self.across else (0, 0.5, 1, count - 0.5)
        return strip.resize(size, Image.Resampling.BILINEAR, box=ends)


@dataclass(frozen=True)
class Glow:
    """A round gradient: `inner` at `centre` (shares of the shape's box), `outer` from `reach` on
    (a share of the longer side)."""

    inner: RGB | RGBA
    outer: RGB | RGBA
    centre: Point = (0.5, 0.5)
    reach: float = 1.0

    def image(self, size: Size) -> Image.Image:
        mode = "RGBA" if len(self.inner) == 4 else "RGB"
        radius = self.reach * max(size)
        width, height = (side * 128 / radius for side in size)
        left, top = 128 - self.centre[0] * width, 128 - self.centre[1] * height
        window = (left, top, left + width, top + height)
        distance = _distance_map().transform(
            size, Image.Transform.EXTENT, window, Image.Resampling.BILINEAR, fillcolor=255
        )
        outer, inner = Image.new(mode, size, self.outer), Image.new(mode, size, self.inner)
        return Image.composite(outer, inner, distance)


@cache
def _distance_map() -> Image.Image:
    """256 × 256: the distance from the middle, 255 from a radius of 128 pixels on."""
    return Image.radial_gradient("L").point(lambda value: value * math.sqrt(2))


Fill = RGB | RGBA | Blend | Glow


class Pen:
    """Draws on its own layer, in units of its own (x to the right, y downwards).

    `scale` is the number of final pixels in a unit. The layer is drawn `smooth` times larger and
    `finish` scales it down, which is what makes the edges soft.
    """

    def __init__(
        self,
        width: float,
        height: float,
        scale: float = 1.0,
        smooth: int = 2,
        *,
        ground: RGB | RGBA = (0, 0, 0, 0),
    ) -> None:
        self.scale, self.smooth = scale * smooth, smooth
        size = tuple(math.ceil(side * scale) * smooth for side in (width, height))
        self.image = Image.new("RGBA" if len(ground) == 4 else "RGB", size, ground)
        self._draw = ImageDraw.Draw(self.image)

    def oval(
        self,
        box: Sequence[float],
        fill: Fill | None = None,
        line: RGB | None = None,
        width: float = 2,
    ) -> None:
        self._shape("ellipse", box, fill, line, width)

    def slab(
        self,
        box: Sequence[float],
        radius: float = 0,
        fill: Fill | None = None,
        line: RGB | None = None,
        width: float = 2,
    ) -> None:
        """A rectangle with round corners."""
        self._shape("rounded_rectangle", box, fill, line, width, radius=radius * self.scale)

    def area(
        self,
        points: Sequence[Point],
        fill: Fill | None = None,
        line: RGB | None = None,
        width: float = 2,
    ) -> None:
        flat = [value for point in points for value in point]
        self._shape("polygon", flat, fill, line, width)

    def stroke(self, points: Sequence[Point], colour: RGB | RGBA, width: float = 2) -> None:
        """An open line with round ends and corners."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        thick = max(1, round(width * self.scale))
        self._draw.line(scaled, fill=colour, width=thick)
        for x, y in scaled if thick > 2 else ():
            half = thick / 2
            self._draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)

    def text(
        self, at: Point, text: str, height: float, colour: RGB, *, face: str = "Sans-Bold"
    ) -> None:
        """`text` with its middle at `at`, in letters of `height` units."""
        letters = font(face, max(4, round(height * self.scale)))
        centre = (at[0] * self.scale, at[1] * self.scale)
        self._draw.text(centre, text, fill=colour, font=letters, anchor="mm")

    def finish(self) -> Image.Image:
        return self.image.reduce(self.smooth) if self.smooth > 1 else self.image

    def _shape(
        self,
        name: str,
        at: Sequence[float],
        fill: Fill | None,
        line: RGB | None,
        width: float,
        **options: float,
    ) -> None:
        at = [value * self.scale for value in at]
        if isinstance(fill, Blend | Glow) or (fill is not None and len(fill) == 4):
            self._paint(name, at, fill, options)
            fill = None
        if fill is not None or line is not None:
            thick = max(1, round(width * self.scale)) if line else 0
            getattr(self._draw, name)(at, fill=fill, outline=line, width=thick, **options)

    def _paint(
        self, name: str, at: list[float], fill: Blend | Glow | RGBA, options: dict[str, float]
    ) -> None:
        left, top = math.floor(min(at[::2])), math.floor(min(at[1::2]))
        size = (math.ceil(max(at[::2])) - left + 1, math.ceil(max(at[1::2])) - top + 1)
        inside = [value - (top if i % 2 else left) for i, value in enumerate(at)]
        mask = Image.new("L", size)
        getattr(ImageDraw.Draw(mask), name)(inside, fill=255, **options)
        paint = Image.new("RGBA", size, fill) if isinstance(fill, tuple) else fill.image(size)
        if paint.mode == "RGB":
            self.image.paste(paint, (left, top), mask)
            return
        clear = Image.new("RGBA", size)
        clear.paste(paint, (0, 0), mask)
        if self.image.mode == "RGBA":
            lay(self.image, clear, (left, top))
        else:
            self.image.paste(clear, (left, top), clear)


def lay(ground: Image.Image, layer: Image.Image, at: tuple[int, int]) -> None:
    """Lay an RGBA layer over `ground` at a place that may reach over its edges."""
    left, top = max(0, at[0]), max(0, at[1])
    right = min(ground.width, at[0] + layer.width)
    bottom = min(ground.height, at[1] + layer.height)
    if right <= left or bottom <= top:
        return
    part = layer.crop((left - at[0], top - at[1], right - at[0], bottom - at[1]))
    if ground.mode == "RGBA":
        ground.alpha_composite(part, (left, top))
    else:
        ground.paste(part, (left, top), part)


def lay_shadow(
    ground: Image.Image, box: Sequence[float], *, strength: float = 0.4, soft: float = 0.25
) -> None:
    """Darken an ellipse of `ground`; `soft` is the blur as a share of the ellipse's height."""
    left, top, right, bottom = box
    blur = max(1.0, (bottom - top) * soft)
    margin = math.ceil(2 * blur)
    size = (math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin)
    mask = Image.new("L", size)
    inner = (margin, margin, size[0] - margin, size[1] - margin)
    ImageDraw.Draw(mask).ellipse(inner, fill=round(255 * strength))
    mask = mask.filter(ImageFilter.BoxBlur(blur / 2)).filter(ImageFilter.BoxBlur(blur / 2))
    shade = Image.new("RGBA", size, (22, 20, 44, 0))
    shade.putalpha(mask)
    lay(ground, shade, (round(left) - margin, round(top) - margin))


def lay_own_shadow(
    ground: Image.Image, layer: Image.Image, at: tuple[int, int], offset: float
) -> None:
    """The shadow of a thing that lies flat: its own shape, `offset` pixels down and right."""
    margin = math.ceil(2 * offset)
    mask = Image.new("L", (layer.width + 2 * margin, layer.height + 2 * margin))
    mask.paste(layer.getchannel("A").point(lambda value: value * 0.45), (margin, margin))
    shade = Image.new("RGBA", mask.size, (22, 20, 44, 0))
    shade.putalpha(mask.filter(ImageFilter.BoxBlur(max(1.0, offset * 0.6))))
    lay(ground, shade, (round(at[0] + offset) - margin, round(at[1] + offset) - margin))


def lay_cast_shadow(
    ground: Image.Image, outline: Sequence[Point], offset: float, *, strength: float = 0.45
) -> None:
    """The soft shadow that a flat thing of this `outline` casts `offset` pixels down and right."""
    part = 4
    mask = Image.new("L", (ground.width // part + 1, ground.height // part + 1))
    moved = [((x + offset) / part, (y + offset) / part) for x, y in outline]
    ImageDraw.Draw(mask).polygon(moved, fill=round(255 * strength))
    blur = max(1.0, offset / part * 0.8)
    mask = mask.filter(ImageFilter.BoxBlur(blur / 2)).filter(ImageFilter.BoxBlur(blur / 2))
    whole = (mask.width * part, mask.height * part)
    mask = mask.resize(whole, Image.Resampling.BILINEAR).crop((0, 0, *ground.size))
    ground.paste((22, 20, 44), (0, 0), mask)


def curve(points: Sequence[Point], *, steps: int = 6) -> list[Point]:
    """A closed smooth outline through `points` (a Catmull-Rom spline)."""
    count, outline = len(points), []
    for i in range(count):
        a, b, c, d = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            w = (
                -t + 2 * t**2 - t**3,
                2 - 5 * t**2 + 3 * t**3,
                t + 4 * t**2 - 3 * t**3,
                t**3 - t**2,
            )
            outline.append(
                tuple((w[0] * a[k] + w[1] * b[k] + w[2] * c[k] + w[3] * d[k]) / 2 for k in (0, 1))
            )
    return outline


def arc(box: Sequence[float], start: float, end: float, *, steps: int = 16) -> list[Point]:
    """Points on the ellipse in `box`, from `start` to `end` degrees (0 right, 90 down)."""
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    rx, ry = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(angle), cy + ry * math.sin(angle)) for angle in angles]


def turn(points: Sequence[Point], degrees: float, centre: Point) -> list[Point]:
    """`points` turned clockwise (as seen) round `centre`."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    (cx, cy) = centre
    return [
        (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos)
        for x, y in points
    ]


def mix(one: RGB, other: RGB, share: float) -> RGB:
    """`one` with `share` (0 to 1) of `other` in it."""
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


@cache
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A DejaVu face as shipped with matplotlib, so that letters look alike on every machine."""
    return ImageFont.truetype(
        FONTS / f"DejaVu{face}.ttf", size, layout_engine=ImageFont.Layout.BASIC
    )


def write(
    image: Image.Image,
    at: Point,
    text: str,
    height: int,
    colour: RGB = INK,
    *,
    face: str = "Sans",
    anchor: str = "la",
) -> Box:
    """Write on a finished picture and return the box [x1, y1, x2, y2] of the ink."""
    draw, letters = ImageDraw.Draw(image), font(face, height)
    at = (round(at[0]), round(at[1]))
    draw.text(at, text, fill=colour, font=letters, anchor=anchor)
    left, top, right, bottom = draw.textbbox(at, text, font=letters, anchor=anchor)
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
