"""Drawings of no kind that the model knows, so that it learns to say that it does not.

None looks like a scene, a receipt, a bar chart, one to three lines of large text, or a plain
colour.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from math import cos, pi, sin
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from media.generator.drawing import RGB, Size, font, mix
from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.turn import capital

WHITE, INK = (255, 255, 255), (25, 25, 30)


# --- means of drawing ----------------------------------------------------------------------------


def any_colour(rng: Random) -> RGB:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _dark(rng: Random) -> RGB:
    return rng.randrange(90), rng.randrange(90), rng.randrange(90)


def _light(rng: Random) -> RGB:
    return rng.randint(205, 255), rng.randint(205, 255), rng.randint(205, 255)


def _two_colours(rng: Random) -> tuple[RGB, RGB]:
    """Two colours that differ much."""
    while True:
        one, other = any_colour(rng), any_colour(rng)
        if sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 200:
            return one, other


@cache
def _grid(shape: Size) -> tuple[np.ndarray, np.ndarray]:
    """x and y of each pixel, each from 0 to 1 down the shorter side."""
    y, x = np.mgrid[0 : shape[1], 0 : shape[0]].astype(np.float32) / min(shape)
    return x, y


def _numbers(rng: Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(32))


def _paint(values: np.ndarray, colours: list[RGB]) -> Image.Image:
    """Values from 0 to 1 as a run of colours."""
    steps = np.linspace(0, 255, len(colours))
    table = np.stack(
        [np.interp(np.arange(256), steps, band) for band in zip(*colours, strict=True)], -1
    )
    index = np.clip(values * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(table.astype(np.uint8)[index])


def _smooth(rng: Random, shape: Size, cells: int, octaves: int = 3) -> np.ndarray:
    """Clouds of numbers from 0 to 1, `cells` of them down the picture."""
    total = np.zeros((shape[1], shape[0]), np.float32)
    numbers = _numbers(rng)
    for octave in range(octaves):
        high = max(2, cells * 2**octave)
        wide = max(2, round(high * shape[0] / shape[1]))
        if high > shape[1] // 2:
            break
        small = Image.fromarray(numbers.random((high, wide), np.float32))
        large = np.asarray(small.resize(shape, Image.Resampling.BICUBIC))
        total += large / 2**octave
    total -= total.min()
    return total / max(total.max(), 1e-6)


def _sheet(shape: Size, colour: RGB) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", shape, colour)
    return image, ImageDraw.Draw(image)


def _point(rng: Random, shape: Size) -> tuple[float, float]:
    return rng.uniform(0, shape[0]), rng.uniform(0, shape[1])


def _oval(pen: ImageDraw.ImageDraw, x: float, y: float, a: float, b: float, fill: RGB) -> None:
    pen.ellipse((x - a, y - b, x + a, y + b), fill=fill)


def _line_of_words(rng: Random, longest: int) -> str:
    text = " ".join(rng.choices(COMMON, k=longest // 4))
    return text[:longest]


# --- drawn kinds ---------------------------------------------------------------------------------


def draw_noise(rng: Random, shape: Size) -> Image.Image:
    """Grains of many or few colours."""
    grain = rng.choice((1, 1, 2, 3, 4, 8, 16, 32))
    bands = rng.choice((1, 3))
    small = _numbers(rng).integers(
        0, 256, (shape[1] // grain, shape[0] // grain, bands), dtype=np.uint8
    )
    if rng.random() < 0.3:
        small = (small > 128).astype(np.uint8) * 255
    image = Image.fromarray(np.broadcast_to(small, (*small.shape[:2], 3)).copy())
    how = rng.choice((Image.Resampling.NEAREST, Image.Resampling.BILINEAR))
    return image.resize(shape, how)


def draw_smoke(rng: Random, shape: Size) -> Image.Image:
    """Soft clouds of two to four colours."""
    colours = [*_two_colours(rng), any_colour(rng), any_colour(rng)][: rng.randint(2, 4)]
    return _paint(_smooth(rng, shape, rng.choice((2, 3, 4, 6, 10)), rng.randint(1, 4)), colours)


def draw_gradient(rng: Random, shape: Size) -> Image.Image:
    """From one colour to another and on, along a line or from a point."""
    x, y = _grid(shape)
    angle = rng.uniform(0, 2 * pi)
    values = x * cos(angle) + y * sin(angle)
    if rng.random() < 0.35:
        values = np.hypot(x - rng.uniform(0, 2), y - rng.uniform(0, 1))
    values = (values - values.min()) / (values.max() - values.min())
    return _paint(values, [*_two_colours(rng), any_colour(rng)][: rng.randint(2, 3)])


def draw_stripes(rng: Random, shape: Size) -> Image.Image:
    """Straight, slanting or wavy stripes, or rings."""
    x, y = _grid(shape)
    angle = rng.choice((0, pi / 2, rng.uniform(0, pi)))
    values = x * cos(angle) + y * sin(angle)
    if rng.random() < 0.3:
        values = values + 0.05 * np.sin(y * rng.uniform(5, 30))
    if rng.random() < 0.25:
        values = np.hypot(x - rng.uniform(0.3, 1.4), y - rng.uniform(0, 1))
    waves = np.sin(values * rng.uniform(12, 120))
    if rng.random() < 0.6:
        waves = np.sign(waves)
    return _paint(waves / 2 + 0.5, list(_two_colours(rng)))


def draw_checks(rng: Random, shape: Size) -> Image.Image:
    """A checkerboard, now and then with tiles of many colours, slanted or warped."""
    x, y = _grid(shape)
    many = rng.uniform(3, 20)
    if rng.random() < 0.4:
        angle = rng.uniform(0.1, 1.4)
        x, y = x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)
    if rng.random() < 0.2:
        x = x + 0.08 * np.sin(7 * y)
    cells = (np.floor(x * many) + np.floor(y * many)) % 2
    return _paint(cells, list(_two_colours(rng)))


def draw_plasma(rng: Random, shape: Size) -> Image.Image:
    """Waves laid over waves, in the colours of a bad dream or a heat camera."""
    x, y = _grid(shape)
    one, two, three = (rng.uniform(3, 20) for _ in range(3))
    values = np.sin(x * one) + np.sin(y * two + x) + np.sin((x + y) * three)
    colours = [any_colour(rng) for _ in range(rng.randint(3, 6))]
    if rng.random() < 0.3:
        colours = [(0, 0, 40), (120, 0, 140), (240, 90, 30), (255, 240, 120)]
    return _paint(values / 6 + 0.5, colours)


def draw_shapes(rng: Random, shape: Size) -> Image.Image:
    """Flat polygons, ovals and rectangles over each other."""
    image, pen = _sheet(shape, rng.choice((WHITE, any_colour(rng), _light(rng))))
    sort = rng.choice(("polygon", "oval", "slab", "all"))
    for _ in range(rng.randint(3, 26)):
        x, y = _point(rng, shape)
        a, b = rng.uniform(8, shape[0] / 4), rng.uniform(8, shape[1] / 3)
        fill, edge = any_colour(rng), rng.choice((None, None, INK))
        one = rng.choice(("polygon", "oval", "slab")) if sort == "all" else sort
        if one == "polygon":
            points = [
                (x + rng.uniform(-a, a), y + rng.uniform(-b, b)) for _ in range(rng.randint(3, 6))
            ]
            pen.polygon(points, fill=fill, outline=edge)
        elif one == "oval":
            pen.ellipse((x - a, y - b, x + a, y + b), fill=fill, outline=edge)
        else:
            pen.rectangle((x - a, y - b, x + a, y + b), fill=fill, outline=edge)
    return image


def draw_one_shape(rng: Random, shape: Size) -> Image.Image:
    """One flat figure on a plain ground: a disc, a star, a heart, a cross, a triangle, an arrow."""
    ground, fill = _two_colours(rng)
    image, pen = _sheet(shape, rng.choice((WHITE, ground)))
    x, y = (rng.uniform(0.35, 0.65) * side for side in shape)
    r = rng.uniform(0.12, 0.42) * shape[1]
    sort = rng.choice(("disc", "ring", "star", "heart", "cross", "polygon", "arrow", "slab"))
    if sort in ("disc", "ring"):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        if sort == "ring":
            _oval(pen, x, y, r * 0.6, r * 0.6, image.getpixel((1, 1)))
    elif sort == "heart":
        for side in (-1, 1):
            _oval(pen, x + side * r * 0.48, y - r * 0.3, r * 0.52, r * 0.52, fill)
        pen.polygon([(x - r * 0.96, y - r * 0.1), (x + r * 0.96, y - r * 0.1), (x, y + r)], fill)
    elif sort == "cross":
        pen.rectangle((x - r, y - r / 3, x + r, y + r / 3), fill)
        pen.rectangle((x - r / 3, y - r, x + r / 3, y + r), fill)
    elif sort == "arrow":
        pen.rectangle((x - r, y - r / 5, x + r / 3, y + r / 5), fill)
        pen.polygon([(x + r / 3, y - r * 0.6), (x + r, y), (x + r / 3, y + r * 0.6)], fill)
    elif sort == "slab":
        pen.rectangle((x - r, y - r * rng.uniform(0.5, 1), x + r, y + r), fill, outline=INK)
    else:
        corners = rng.randint(3, 7)
        count = corners * 2 if sort == "star" else corners
        turned = rng.uniform(0, 6)
        points = []
        for i in range(count):
            length = r * (0.45 if sort == "star" and i % 2 else 1)
            angle = 2 * pi * i / count + turned
            points.append((x + length * cos(angle), y + length * sin(angle)))
        pen.polygon(points, fill)
    return image


def draw_squares(rng: Random, shape: Size) -> Image.Image:
    """Rectangles between black bars, as Mondrian painted them."""
    image, pen = _sheet(shape, WHITE)
    colours = ((220, 30, 30), (30, 60, 190), (250, 215, 40), WHITE, WHITE, (20, 20, 20))
    columns = [0, *sorted(rng.sample(range(20, shape[0]), rng.randint(2, 6))), shape[0]]
    rows = [0, *sorted(rng.sample(range(20, shape[1]), rng.randint(1, 5))), shape[1]]
    width = rng.randint(2, 9)
    for left, right in pairwise(columns):
        for top, bottom in pairwise(rows):
            box = (left, top, right, bottom)
            pen.rectangle(box, fill=rng.choice(colours), outline=INK, width=width)
    return image


def _wander(rng: Random, shape: Size, steps: int) -> list[tuple[float, float]]:
    """A line that turns at random."""
    x, y = _point(rng, shape)
    angle, turned, step = rng.uniform(0, 6), 0.0, rng.uniform(4, 14)
    points = []
    for _ in range(steps):
        turned = 0.8 * turned + rng.uniform(-0.25, 0.25)
        angle += turned
        x, y = x + step * cos(angle), y + step * sin(angle)
        points.append((x, y))
    return points


def draw_doodle(rng: Random, shape: Size) -> Image.Image:
    """Loose lines of a pen on paper."""
    image, pen = _sheet(shape, rng.choice((WHITE, _light(rng))))
    same = _dark(rng)
    for _ in range(rng.randint(2, 14)):
        colour = same if rng.random() < 0.7 else any_colour(rng)
        pen.line(_wander(rng, shape, rng.randint(8, 60)), fill=colour, width=rng.randint(1, 5))
    return image


def draw_hatching(rng: Random, shape: Size) -> Image.Image:
    """Many straight strokes of a pencil."""
    image, pen = _sheet(shape, _light(rng))
    for _ in range(rng.randint(3, 8)):
        x, y = _point(rng, shape)
        angle, gap, length = rng.uniform(0, pi), rng.uniform(3, 9), rng.uniform(30, 160)
        colour = _dark(rng)
        for i in range(rng.randint(8, 28)):
            left, top = x - i * gap * sin(angle), y + i * gap * cos(angle)
            right = left + length * cos(angle + 0.1), top + length * sin(angle + 0.1)
            pen.line((left, top, *right), fill=colour, width=rng.randint(1, 2))
    return image


def draw_graph_paper(rng: Random, shape: Size) -> Image.Image:
    """Squared or lined paper, empty or with a drawn line."""
    image, pen = _sheet(shape, _light(rng))
    step, colour = rng.uniform(7, 30), mix(any_colour(rng), WHITE, 0.4)
    lined = rng.random() < 0.25
    for i in range(int(shape[1] / step) + 1):
        pen.line((0, i * step, shape[0], i * step), fill=colour)
    for i in range(0 if lined else int(shape[0] / step) + 1):
        pen.line((i * step, 0, i * step, shape[1]), fill=colour)
    if rng.random() < 0.6:
        pen.line(_wander(rng, shape, 30), fill=_dark(rng), width=2)
    return image


def draw_maze(rng: Random, shape: Size) -> Image.Image:
    cell = rng.randint(8, 24)
    image, pen = _sheet(shape, rng.choice((WHITE, _light(rng))))
    colour, width = _dark(rng), rng.randint(1, 4)
    slanted = rng.random() < 0.3
    for top in range(0, shape[1], cell):
        for left in range(0, shape[0], cell):
            if slanted:
                ends = ((0, 0, cell, cell), (0, cell, cell, 0))
            else:
                ends = ((0, 0, cell, 0), (0, 0, 0, cell))
            a, b, c, d = rng.choice(ends)
            pen.line((left + a, top + b, left + c, top + d), fill=colour, width=width)
    return image


FACES = ("Sans", "Serif", "Serif", "SansMono", "Serif-Bold")


def draw_page(rng: Random, shape: Size) -> Image.Image:
    """A page of print: eight or more small lines, in one or two columns."""
    ink, paper = (_dark(rng), _light(rng)) if rng.random() < 0.85 else (_light(rng), _dark(rng))
    image, pen = _sheet(shape, paper)
    lines = rng.randint(9, 20)
    step = shape[1] / (lines + 1)
    letters = font(rng.choice(FACES), max(5, round(step * 0.72)))
    columns = rng.choice((1, 1, 2))
    margin = rng.uniform(0.02, 0.08) * shape[0]
    room = (shape[0] - margin * (columns + 1)) / columns
    longest = int(room / (step * 0.72 * 0.52))
    empty = rng.random() * 0.2
    for column in range(columns):
        left = margin + column * (room + margin)
        for i in range(lines):
            if rng.random() > empty:
                length = longest if rng.random() < 0.85 else rng.randint(4, max(5, longest))
                text = _line_of_words(rng, length)
                pen.text((left, step * (i + 0.4)), text, fill=ink, font=letters)
    return image


def draw_table(rng: Random, shape: Size) -> Image.Image:
    """A spreadsheet, a timetable or a calendar: cells with small words and numbers."""
    image, pen = _sheet(shape, WHITE)
    rows, columns = rng.randint(6, 12), rng.randint(4, 9)
    step, wide = shape[1] / rows, shape[0] / columns
    letters = font(rng.choice(FACES), max(6, round(step * 0.45)))
    grid, head = mix(any_colour(rng), WHITE, 0.6), mix(any_colour(rng), WHITE, 0.5)
    pen.rectangle((0, 0, shape[0], step), fill=head)
    if rng.random() < 0.5:
        pen.rectangle((0, 0, wide * 0.9, shape[1]), fill=head)
    for i in range(rows):
        pen.line((0, i * step, shape[0], i * step), fill=grid)
        for j in range(columns):
            if rng.random() < 0.8:
                word = rng.choice(COMMON) if not i or not j else str(rng.randrange(10000))
                pen.text((j * wide + 3, (i + 0.2) * step), word[:9], fill=INK, font=letters)
    for j in range(columns):
        pen.line((j * wide, 0, j * wide, shape[1]), fill=grid)
    return image


CODE = (
    *("def", "return", "import", "for", "if", "self.", "x =", "{", "}", "();", "[0]", "class"),
    *("$ ls -la", "error:", "0x3f", "print(", "while", "==", "// todo", "<div>", "None"),
)


def draw_terminal(rng: Random, shape: Size) -> Image.Image:
    """A terminal or an editor with nine or more lines of code."""
    image, pen = _sheet(
        shape, rng.choice(((12, 12, 14), (30, 32, 44), (0, 40, 50), (250, 250, 248)))
    )
    light = image.getpixel((0, 0))[0] > 128
    lines = rng.randint(10, 20)
    step = shape[1] / lines
    letters = font("SansMono", max(5, round(step * 0.7)))
    numbered = rng.random() < 0.5
    for i in range(lines):
        x = 4.0 + 30 * numbered
        if numbered:
            pen.text((2, i * step), str(i + 1), fill=(128, 128, 128), font=letters)
        if rng.random() < 0.1:
            continue
        x += rng.choice((0, 0, 1, 2, 3)) * step * 1.6
        for _ in range(rng.randint(1, 5)):
            word = rng.choice(CODE) if rng.random() < 0.5 else rng.choice(COMMON)
            colour = _dark(rng) if light else _light(rng) if rng.random() < 0.6 else (90, 220, 120)
            pen.text((x, i * step), word, fill=colour, font=letters)
            x += (len(word) + 1) * step * 0.43
    return image


def draw_window(rng: Random, shape: Size) -> Image.Image:
    """A screen with windows, buttons, side bars and small text, or a telephone's chat."""
    image, pen = _sheet(shape, rng.choice((any_colour(rng), (236, 238, 242), (20, 24, 32))))
    letters = font("Sans", max(6, shape[1] // 26))
    if rng.random() < 0.3:  # a chat
        y = 6.0
        while y < shape[1]:
            mine, wide = rng.random() < 0.5, rng.uniform(0.25, 0.6) * shape[0]
            left = shape[0] - wide - 8 if mine else 8
            high = shape[1] * rng.uniform(0.08, 0.2)
            fill = (60, 140, 240) if mine else (215, 218, 224)
            pen.rounded_rectangle((left, y, left + wide, y + high), 8, fill=fill)
            text = _line_of_words(rng, max(6, int(wide / (shape[1] / 26) / 0.6)))
            pen.text((left + 6, y + 3), text, fill=WHITE if mine else INK, font=letters)
            y += high + 6
        return image
    for _ in range(rng.randint(1, 3)):
        left, top = rng.uniform(0, 0.4) * shape[0], rng.uniform(0, 0.3) * shape[1]
        right, bottom = (
            left + rng.uniform(0.45, 0.7) * shape[0],
            top + rng.uniform(0.5, 0.8) * shape[1],
        )
        pen.rectangle((left, top, right, bottom), fill=_light(rng), outline=INK)
        pen.rectangle((left, top, right, top + 14), fill=any_colour(rng))
        for i, dot in enumerate(((240, 90, 80), (245, 190, 60), (90, 200, 90))):
            _oval(pen, left + 9 + 11 * i, top + 7, 3.5, 3.5, dot)
        pen.rectangle((left, top + 14, left + 60, bottom), fill=mix(any_colour(rng), WHITE, 0.6))
        step = shape[1] / 17
        for i in range(int((bottom - top - 24) / step)):
            y = top + 20 + i * step
            pen.rectangle(
                (left + 6, y + 2, left + rng.randint(25, 52), y + 6), fill=(130, 130, 140)
            )
            if rng.random() < 0.75:
                pen.text((left + 68, y), _line_of_words(rng, rng.randint(6, 24)), INK, letters)
            elif rng.random() < 0.6:
                box = (left + 68, y, left + 68 + rng.randint(30, 90), y + step - 3)
                pen.rounded_rectangle(box, 3, fill=any_colour(rng))
    return image


def draw_map(rng: Random, shape: Size) -> Image.Image:
    """Land and water, or a plan of streets."""
    if rng.random() < 0.5:
        values = _smooth(rng, shape, 3, 4)
        shares = np.digitize(values, (0.42, 0.46, 0.6, 0.75)) / 4
        sea = [(70, 130, 200), (220, 210, 150), (120, 180, 90), (90, 140, 70), (230, 230, 235)]
        image = _paint(shares, sea)
        pen = ImageDraw.Draw(image)
    else:
        image, pen = _sheet(shape, (238, 234, 224))
        for _ in range(rng.randint(1, 4)):
            (x, y), r = _point(rng, shape), rng.uniform(20, 80)
            fill = rng.choice(((170, 210, 235), (195, 225, 170)))
            pen.polygon([(x + rng.uniform(-r, r), y + rng.uniform(-r, r)) for _ in range(6)], fill)
    for _ in range(rng.randint(4, 14)):
        one, other = _point(rng, shape), _point(rng, shape)
        width = rng.choice((2, 2, 4, 7))
        fill = rng.choice((WHITE, (250, 215, 120), (180, 180, 180), (220, 60, 50)))
        pen.line((*one, *other), fill=fill, width=width)
    letters = font("Sans", max(6, shape[1] // 28))
    for _ in range(rng.randint(5, 12)):
        pen.text(_point(rng, shape), capital(rng.choice(COMMON)), fill=INK, font=letters)
    return image


def draw_pie(rng: Random, shape: Size) -> Image.Image:
    """A pie or ring chart with a legend."""
    ground = rng.choice((WHITE, _light(rng)))
    image, pen = _sheet(shape, ground)
    x, y = rng.uniform(0.3, 0.6) * shape[0], rng.uniform(0.45, 0.58) * shape[1]
    r = rng.uniform(0.25, 0.4) * shape[1]
    start = 0.0
    shares = [rng.uniform(0.2, 1) for _ in range(rng.randint(3, 8))]
    letters = font("Sans", max(7, shape[1] // 24))
    for i, share in enumerate(shares):
        end, fill = start + 360 * share / sum(shares), any_colour(rng)
        pen.pieslice((x - r, y - r, x + r, y + r), start, end, fill=fill, outline=WHITE)
        start = end
        top = 0.15 * shape[1] + i * shape[1] / 11
        left = 0.8 * shape[0]
        pen.rectangle((left, top, left + 9, top + 9), fill=fill)
        pen.text((left + 14, top - 2), rng.choice(COMMON)[:8], fill=INK, font=letters)
    if rng.random() < 0.3:
        _oval(pen, x, y, r / 2, r / 2, ground)
    return image


def draw_plot(rng: Random, shape: Size) -> Image.Image:
    """A plot of lines or of points between two axes: no bars."""
    image, pen = _sheet(shape, rng.choice((WHITE, (234, 234, 242), (20, 22, 30))))
    dark = image.getpixel((0, 0))[0] < 100
    left, top, right, bottom = 0.1 * shape[0], 0.1 * shape[1], 0.95 * shape[0], 0.88 * shape[1]
    pen.line((left, top, left, bottom, right, bottom), fill=_light(rng) if dark else INK, width=1)
    letters = font("Sans", max(6, shape[1] // 28))
    grey = (140, 140, 148)
    for i in range(6):
        share = i / 5
        across, down = left + share * (right - left), bottom - share * (bottom - top)
        pen.text((across - 4, bottom + 3), str(i * 2), fill=grey, font=letters)
        pen.text((left - 20, down - 5), str(i * 10), fill=grey, font=letters)
        pen.line((left, down, right, down), fill=mix(grey, image.getpixel((0, 0)), 0.6))
    scatter = rng.random() < 0.45
    for _ in range(rng.randint(1, 4)):
        colour = any_colour(rng)
        level, slope = rng.uniform(0.2, 0.8), rng.uniform(-0.5, 0.5)
        wave, size = rng.uniform(1, 14), rng.uniform(0.02, 0.2)
        points = []
        for i in range(40):
            share = i / 39
            value = level + slope * (share - 0.5) + size * sin(wave * share)
            value += rng.uniform(-0.12, 0.12) * (scatter or rng.random() < 0.3)
            value = min(1, max(0, value))
            points.append((left + share * (right - left), bottom - value * (bottom - top)))
        if scatter:
            for x, y in points:
                _oval(pen, x, y, 3, 3, colour)
        else:
            pen.line(points, fill=colour, width=rng.randint(1, 3))
    return image


def draw_code_squares(rng: Random, shape: Size) -> Image.Image:
    """What a telephone scans: squares, or lines of a bar code."""
    image = Image.new("RGB", shape, rng.choice((WHITE, _light(rng))))
    numbers = _numbers(rng)
    if rng.random() < 0.7:
        many = rng.choice((21, 25, 29, 33))
        cells = (numbers.random((many, many)) < 0.5).astype(np.uint8) * 255
        for top, left in ((0, 0), (0, many - 7), (many - 7, 0)):
            cells[top : top + 7, left : left + 7] = 0
            cells[top + 1 : top + 6, left + 1 : left + 6] = 255
            cells[top + 2 : top + 5, left + 2 : left + 5] = 0
        side = round(rng.uniform(0.55, 0.95) * min(shape))
        size = (side, side)
    else:
        cells = np.repeat((numbers.random((1, 95)) < 0.5).astype(np.uint8) * 255, 2, 0)
        size = round(rng.uniform(0.5, 0.9) * shape[0]), round(rng.uniform(0.3, 0.8) * shape[1])
    code = Image.fromarray(cells).resize(size, Image.Resampling.NEAREST).convert("RGB")
    image.paste(code, (rng.randint(0, shape[0] - size[0]), rng.randint(0, shape[1] - size[1])))
    return image


def draw_music(rng: Random, shape: Size) -> Image.Image:
    image, pen = _sheet(shape, rng.choice((WHITE, (250, 244, 226))))
    staves = rng.randint(2, 5)
    gap = shape[1] / staves / 9
    for i in range(staves):
        top = (i + 0.25) * shape[1] / staves
        for j in range(5):
            pen.line((8, top + j * gap, shape[0] - 8, top + j * gap), fill=INK)
        x = 30.0
        while x < shape[0] - 20:
            y = top + rng.randint(0, 8) * gap / 2
            _oval(pen, x, y, gap * 0.65, gap * 0.5, INK)
            stem = -3.2 * gap if rng.random() < 0.6 else 3.2 * gap
            edge = x + gap * 0.6 if stem < 0 else x - gap * 0.6
            pen.line((edge, y, edge, y + stem), fill=INK, width=1)
            if rng.random() < 0.3:
                pen.line((edge, y + stem, edge + gap * 1.6, y + stem + gap), fill=INK, width=2)
            x += rng.uniform(2, 5) * gap
    return image


def draw_chess(rng: Random, shape: Size) -> Image.Image:
    """A board with pieces, seen from above."""
    image, pen = _sheet(shape, any_colour(rng))
    side = rng.uniform(0.85, 1.0) * shape[1] / 8
    left, top = (shape[0] - 8 * side) * rng.random(), (shape[1] - 8 * side) / 2
    light, dark = ((240, 217, 181), (181, 136, 99)) if rng.random() < 0.6 else _two_colours(rng)
    for i in range(64):
        x, y = left + i % 8 * side, top + i // 8 * side
        pen.rectangle((x, y, x + side, y + side), fill=light if (i + i // 8) % 2 else dark)
        if rng.random() < 0.4:
            fill, edge = rng.choice(((WHITE, INK), (INK, WHITE)))
            x, y, r = x + side / 2, y + side / 2, side * 0.2
            pen.polygon(
                [(x - r * 1.5, y + r * 1.8), (x + r * 1.5, y + r * 1.8), (x, y - r)], fill, edge
            )
            pen.ellipse((x - r, y - r * 1.6, x + r, y + r * 0.4), fill=fill, outline=edge)
    return image


def draw_fractal(rng: Random, shape: Size) -> Image.Image:
    """A Julia set, drawn small and scaled up."""
    x, y = _grid((shape[0] // 3, shape[1] // 3))
    z = (x - x.max() / 2) * 2.2 + 1j * (y - 0.5) * 2.2
    z = z * rng.uniform(0.5, 1.2)
    c = rng.choice((-0.8 + 0.156j, 0.285 + 0.01j, -0.4 + 0.6j, -0.70176 - 0.3842j, -0.835 - 0.23j))
    c += complex(rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03))
    count = np.zeros(z.shape, np.float32)
    for _ in range(18):
        z = np.where(np.abs(z) < 3, z * z + c, 4)
        count += np.abs(z) < 3
    colours = [_dark(rng), *_two_colours(rng), _light(rng)]
    return _paint(count / 18, colours).resize(shape, Image.Resampling.BICUBIC)


def draw_stars(rng: Random, shape: Size) -> Image.Image:
    """The sky at night, or snow: many small points, now and then a moon or a galaxy."""
    ground = rng.choice(((4, 6, 20), (10, 0, 30), (0, 0, 0), (70, 90, 120)))
    image, pen = _sheet(shape, ground)
    if rng.random() < 0.4:
        haze = _smooth(rng, shape, 3, 3) ** 2
        image = _paint(haze, [ground, mix(any_colour(rng), ground, 0.5)])
        pen = ImageDraw.Draw(image)
    for _ in range(rng.randint(60, 220)):
        (x, y), r = _point(rng, shape), rng.choice((0.6, 0.6, 1, 1, 1.5, 2.5))
        _oval(pen, x, y, r, r, _light(rng))
    if rng.random() < 0.3:
        (x, y), r = _point(rng, shape), rng.uniform(15, 50)
        _oval(pen, x, y, r, r, (235, 232, 215))
        for _ in range(5):
            at = x + rng.uniform(-0.6, 0.6) * r, y + rng.uniform(-0.6, 0.6) * r
            _oval(pen, *at, r / 7, r / 7, (205, 202, 190))
    return image


def draw_face(rng: Random, shape: Size) -> Image.Image:
    """A cartoon face or an emoji: a head, eyes, a mouth, hair."""
    image, pen = _sheet(shape, rng.choice((WHITE, any_colour(rng), _light(rng))))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        r = rng.uniform(0.18, 0.42) * shape[1]
        x, y = rng.uniform(0.25, 0.75) * shape[0], rng.uniform(0.4, 0.6) * shape[1]
        skin = rng.choice(((255, 210, 60), (240, 200, 170), (150, 100, 70), any_colour(rng)))
        tall = rng.uniform(1, 1.25)
        if rng.random() < 0.6:
            pen.ellipse(
                (x - r * 1.1, y - r * tall * 1.15, x + r * 1.1, y + r * 0.8), fill=_dark(rng)
            )
        pen.ellipse(
            (x - r, y - r * tall, x + r, y + r * tall), fill=skin, outline=_dark(rng), width=2
        )
        for side in (-1, 1):
            at = x + side * r * 0.38, y - r * 0.2
            _oval(pen, *at, r * 0.17, r * rng.uniform(0.1, 0.2), WHITE)
            _oval(pen, *at, r * 0.08, r * 0.09, INK)
        box = (x - r * 0.45, y + r * 0.05, x + r * 0.45, y + r * 0.6)
        start, end = rng.choice(((10, 170), (190, 350), (0, 360)))
        pen.arc(box, start, end, fill=rng.choice((INK, (190, 40, 50))), width=max(2, int(r / 14)))
    return image


def draw_beast(rng: Random, shape: Size) -> Image.Image:
    """An animal put together from ovals: a body, a head, ears, legs, a tail."""
    sky, grass = _two_colours(rng)
    image, pen = _sheet(shape, rng.choice((WHITE, sky)))
    if rng.random() < 0.4:
        pen.rectangle((0, shape[1] * rng.uniform(0.6, 0.8), *shape), fill=grass)
    fur = rng.choice(
        ((120, 85, 55), (60, 60, 62), (230, 170, 90), (200, 200, 200), any_colour(rng))
    )
    x, y = rng.uniform(0.35, 0.6) * shape[0], rng.uniform(0.5, 0.65) * shape[1]
    a, b = rng.uniform(0.12, 0.24) * shape[0], rng.uniform(0.1, 0.2) * shape[1]
    for share in (-0.7, -0.4, 0.4, 0.7):
        foot = y + b + rng.uniform(0.1, 0.25) * shape[1]
        pen.line(
            (x + a * share, y, x + a * share, foot),
            fill=mix(fur, INK, 0.2),
            width=max(3, int(a / 6)),
        )
    pen.line(
        (x - a, y, x - a * 1.4, y - b * rng.uniform(-1, 1.5)), fill=fur, width=max(2, int(a / 9))
    )
    _oval(pen, x, y, a, b, fur)
    r = b * rng.uniform(0.6, 0.9)
    hx, hy = x + a * 1.05, y - b * 0.9
    for side in (-1, 1):
        top = hy - r * rng.uniform(1.2, 2.0)
        pen.polygon(
            [
                (hx + side * r * 0.8, hy),
                (hx + side * r * 0.2, hy - r * 0.5),
                (hx + side * r * 0.7, top),
            ],
            fur,
        )
    _oval(pen, hx, hy, r, r, mix(fur, WHITE, 0.1))
    for side in (-1, 1):
        _oval(pen, hx + side * r * 0.35, hy - r * 0.15, r * 0.13, r * 0.15, INK)
    _oval(pen, hx, hy + r * 0.3, r * 0.14, r * 0.1, (40, 20, 20))
    for _ in range(rng.choice((0, 0, 6))):
        _oval(
            pen, x + rng.uniform(-0.7, 0.7) * a, y + rng.uniform(-0.6, 0.6) * b, a / 8, a / 8, INK
        )
    return image


def draw_wood(rng: Random, shape: Size) -> Image.Image:
    """Grain of wood, straight or around a knot."""
    x, y = _grid(shape)
    bend = _smooth(rng, shape, 2, 2)
    if rng.random() < 0.4:
        values = np.hypot(x - rng.uniform(0, 1.5), (y - 0.5) * 2) * 20 + bend * 5
    else:
        values = y * rng.uniform(15, 40) + bend * 7
    light = rng.choice(((200, 150, 95), (150, 100, 60), (225, 190, 140)))
    return _paint((values % 1) * 0.6 + 0.4 * bend, [mix(light, (60, 30, 10), 0.5), light])


def draw_bricks(rng: Random, shape: Size) -> Image.Image:
    """A wall of bricks or of tiles."""
    image, pen = _sheet(shape, (200, 195, 188))
    high = rng.randint(12, 36)
    wide, colour = round(high * rng.uniform(1, 2.6)), rng.choice(((165, 75, 55), any_colour(rng)))
    shifted, gap = rng.random() < 0.75, rng.randint(1, 4)
    for row in range(shape[1] // high + 1):
        for column in range(-1, shape[0] // wide + 1):
            left = column * wide + (wide // 2 if shifted and row % 2 else 0)
            shade = mix(colour, rng.choice((WHITE, INK)), rng.uniform(0, 0.25))
            pen.rectangle((left, row * high, left + wide - gap, (row + 1) * high - gap), fill=shade)
    return image


def draw_sky(rng: Random, shape: Size) -> Image.Image:
    """Clouds, a sunset over water, or waves, as a camera sees them."""
    x, y = _grid(shape)
    sort = rng.choice(("clouds", "sunset", "water"))
    if sort == "clouds":
        values = np.clip(_smooth(rng, shape, 3, 4) * 1.8 - 0.4, 0, 1)
        return _paint(values, [(70, 130, 200), (160, 195, 230), (245, 247, 250)])
    if sort == "water":
        waves = np.sin(y * rng.uniform(30, 60) * (1 + y) + 6 * _smooth(rng, shape, 4, 2))
        return _paint(waves / 2 + 0.5, [(10, 50, 90), (40, 110, 150), (150, 205, 220)])
    level, across = rng.uniform(0.45, 0.7), rng.uniform(0.4, 1.4)
    glow = 1 - np.hypot(x - across, y - level) / 1.4
    below = y > level
    glow = np.where(below, glow * (0.6 + 0.4 * np.sin(y * 150)), glow)
    glow = np.where(np.hypot(x - across, y - level) < 0.09 * ~below, 1.2, glow)
    return _paint(glow, [(30, 20, 60), (150, 50, 70), (240, 120, 50), (255, 225, 140)])


def draw_hills(rng: Random, shape: Size) -> Image.Image:
    """Mountains or dunes behind each other, without a road or houses."""
    top, low = _two_colours(rng)
    image = _paint(
        np.repeat(np.linspace(0, 1, shape[1])[:, None], shape[0], 1), [top, mix(top, WHITE, 0.5)]
    )
    pen = ImageDraw.Draw(image)
    layers = rng.randint(2, 6)
    for i in range(layers):
        base, rough = shape[1] * (0.25 + 0.65 * i / layers), rng.uniform(4, 35)
        y, points = base, []
        for x in range(0, shape[0] + 16, rng.choice((8, 16))):
            y += rng.uniform(-rough, rough) * 0.6 + (base - y) * 0.1
            points.append((x, y))
        fill = mix(mix(low, WHITE, 0.6), mix(low, INK, 0.4), i / layers)
        pen.polygon([(0, shape[1]), *points, (shape[0], shape[1])], fill=fill)
    return image


def draw_cells(rng: Random, shape: Size) -> Image.Image:
    """Blobs as under a microscope."""
    image, pen = _sheet(shape, _light(rng))
    colour = any_colour(rng)
    for _ in range(rng.randint(15, 70)):
        (x, y), r = _point(rng, shape), rng.uniform(5, 26)
        tall = r * rng.uniform(0.7, 1.3)
        shade = mix(colour, WHITE, rng.uniform(0.1, 0.6))
        pen.ellipse((x - r, y - tall, x + r, y + tall), fill=shade, outline=mix(shade, INK, 0.3))
        if rng.random() < 0.7:
            _oval(pen, x + r * 0.2, y, r * 0.35, r * 0.35, mix(colour, INK, 0.5))
    return (
        image.filter(ImageFilter.GaussianBlur(rng.choice((0, 1, 2))))
        if rng.random() < 0.5
        else image
    )


def draw_xray(rng: Random, shape: Size) -> Image.Image:
    """Grey blobs and bones on black, or an echo of sound."""
    x, y = _grid(shape)
    values = np.zeros_like(x)
    for _ in range(rng.randint(3, 9)):
        a, b = rng.uniform(0.05, 0.5), rng.uniform(0.05, 0.4)
        at, down = rng.uniform(0.1, 1.6), rng.uniform(0, 1)
        angle = rng.uniform(0, pi)
        u = (x - at) * cos(angle) + (y - down) * sin(angle)
        v = (y - down) * cos(angle) - (x - at) * sin(angle)
        values += rng.uniform(0.2, 0.6) / (1 + ((u / a) ** 2 + (v / b) ** 2) ** 2)
    if rng.random() < 0.4:
        values += 0.15 * np.sin(y * 40)
    values += rng.uniform(0, 0.25) * _smooth(rng, shape, 40, 1)
    return _paint(values / max(1.0, float(values.max())), [(0, 0, 0), (230, 232, 235)])


def draw_handwriting(rng: Random, shape: Size) -> Image.Image:
    """Lines of loops that look like a letter written by hand."""
    image, pen = _sheet(shape, rng.choice((WHITE, (252, 246, 226), _light(rng))))
    lines, colour = rng.randint(4, 10), rng.choice((INK, (30, 40, 130), _dark(rng)))
    step = shape[1] / (lines + 1)
    for i in range(lines):
        x, y, points = rng.uniform(10, 30), (i + 1) * step, []
        end = shape[0] * rng.choice((0.95, 0.9, rng.uniform(0.3, 0.9)))
        high = step * rng.uniform(0.15, 0.3)
        while x < end:
            if rng.random() < 0.16:
                pen.line(points, fill=colour, width=2)
                x, points = x + step * 0.4, []
            points.append((x, y - rng.choice((0, 1, 1, 2.2)) * high))
            points.append((x + step * 0.05, y + rng.choice((0, 0, 0, 1)) * high))
            x += step * rng.uniform(0.08, 0.2)
        pen.line(points, fill=colour, width=2)
    return image


def draw_dim(rng: Random, shape: Size) -> Image.Image:
    """Hardly any light: a dark room, or far too much of it."""
    values = _smooth(rng, shape, rng.choice((2, 4, 9)), 3) ** 2
    grain = _numbers(rng).random((shape[1], shape[0]), np.float32)
    top = mix(any_colour(rng), INK, 0.45)
    if rng.random() < 0.3:
        return _paint(values + 0.15 * grain, [WHITE, mix(top, WHITE, 0.5)])
    return _paint(values * 0.8 + 0.2 * grain, [(0, 0, 0), top])


def draw_mosaic(rng: Random, shape: Size) -> Image.Image:
    """Cells around random points, with or without lead between them."""
    count = rng.randint(8, 40)
    small = shape[0] // 4, shape[1] // 4
    x, y = _grid(small)
    places = [(rng.uniform(0, float(x.max())), rng.random()) for _ in range(count)]
    far = np.stack([(x - across) ** 2 + (y - down) ** 2 for across, down in places])
    nearest = far.argmin(0)
    colours = np.array([any_colour(rng) for _ in range(count)], np.uint8)
    image = Image.fromarray(colours[nearest])
    return image.resize(shape, Image.Resampling.NEAREST)


def draw_pelt(rng: Random, shape: Size) -> Image.Image:
    """Spots of a leopard, stripes of a zebra, camouflage."""
    values = _smooth(rng, shape, rng.randint(5, 16), 1)
    if rng.random() < 0.4:
        values = np.sin(values * rng.uniform(15, 40)) / 2 + 0.5
    levels = rng.randint(2, 4)
    return _paint(
        np.floor(values * levels * 0.999) / (levels - 1), [*_two_colours(rng), _dark(rng)]
    )


def draw_dots(rng: Random, shape: Size) -> Image.Image:
    """Rows of dots of equal or growing size."""
    ground, fill = _two_colours(rng)
    image, pen = _sheet(shape, ground)
    step, grows, shifted = rng.uniform(9, 46), rng.random() < 0.5, rng.random() < 0.5
    for i in range(int(shape[1] / step) + 1):
        for j in range(int(shape[0] / step) + 1):
            r = step * (0.5 * j * step / shape[0] if grows else 0.32)
            _oval(pen, (j + 0.5 * (shifted and i % 2)) * step, i * step, r, r, fill)
    return image


def draw_flag(rng: Random, shape: Size) -> Image.Image:
    """Three stripes, a cross or a disc, as flags have them."""
    colours = [rng.choice((any_colour(rng), (200, 30, 40), WHITE, (0, 60, 150), (0, 130, 70)))
               for _ in range(3)]  # fmt: skip
    image, pen = _sheet(shape, colours[0] if colours[0] != colours[1] else INK)
    wide, high = shape
    sort = rng.choice(("across", "down", "cross", "disc", "slanted"))
    if sort == "across":
        pen.rectangle((0, high / 3, wide, high * 2 / 3), fill=colours[1])
        pen.rectangle((0, high * 2 / 3, wide, high), fill=colours[2])
    elif sort == "down":
        pen.rectangle((wide / 3, 0, wide * 2 / 3, high), fill=colours[1])
        pen.rectangle((wide * 2 / 3, 0, wide, high), fill=colours[2])
    elif sort == "cross":
        at, r = wide * rng.choice((0.35, 0.5)), high * rng.uniform(0.06, 0.14)
        pen.rectangle((at - r, 0, at + r, high), fill=colours[1])
        pen.rectangle((0, high / 2 - r, wide, high / 2 + r), fill=colours[1])
    elif sort == "disc":
        _oval(pen, wide / 2, high / 2, high * 0.3, high * 0.3, colours[1])
    else:
        pen.polygon([(0, 0), (wide, 0), (0, high)], fill=colours[1])
        _oval(pen, wide * 0.2, high * 0.3, high * 0.15, high * 0.15, colours[2])
    return image


def draw_diagram(rng: Random, shape: Size) -> Image.Image:
    """Boxes or circles with small words in them, joined by lines."""
    image, pen = _sheet(shape, rng.choice((WHITE, _light(rng))))
    spots = [(rng.uniform(0.08, 0.92) * shape[0], rng.uniform(0.1, 0.9) * shape[1])
             for _ in range(rng.randint(5, 14))]  # fmt: skip
    colour = _dark(rng)
    for one in spots:
        pen.line((*one, *rng.choice(spots)), fill=colour, width=rng.randint(1, 2))
    letters = font("Sans", max(6, shape[1] // 26))
    sort, fill = rng.choice(("box", "disc", "dot")), _light(rng)
    for x, y in spots:
        if sort == "dot":
            _oval(pen, x, y, 6, 6, any_colour(rng))
            continue
        box = (
            (x - 32, y - 11, x + 32, y + 11) if sort == "box" else (x - 22, y - 22, x + 22, y + 22)
        )
        (pen.rectangle if sort == "box" else pen.ellipse)(box, fill=fill, outline=colour, width=2)
        pen.text((x - 14, y - 6), rng.choice(COMMON)[:6], fill=INK, font=letters)
    return image


def draw_icons(rng: Random, shape: Size) -> Image.Image:
    """The icons of a telephone in rows, or keys of a keyboard."""
    image, pen = _sheet(shape, any_colour(rng))
    rows, columns = rng.randint(3, 5), rng.randint(5, 9)
    wide, high = shape[0] / columns, shape[1] / rows
    side = min(wide, high) * rng.uniform(0.55, 0.85)
    keys = rng.random() < 0.3
    letters = font("Sans", max(6, int(side / 3)))
    for i in range(rows * columns):
        x, y = (i % columns + 0.5) * wide, (i // columns + 0.5) * high
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        pen.rounded_rectangle(box, side / 5, fill=(70, 72, 80) if keys else any_colour(rng))
        if keys:
            letter = rng.choice("QWERTZUIOPASDFGHJKLYXCVBNM123456789")
            pen.text((x - side / 5, y - side / 4), letter, fill=WHITE, font=letters)
        else:
            r = side * rng.uniform(0.12, 0.3)
            draw = rng.choice((pen.ellipse, pen.rectangle))
            draw((x - r, y - r, x + r, y + r), fill=_light(rng))
    return image


def draw_mandala(rng: Random, shape: Size) -> Image.Image:
    """Figures that are repeated around a centre: a flower, a snowflake, a firework."""
    image, pen = _sheet(shape, rng.choice((WHITE, INK, any_colour(rng))))
    x, y = shape[0] * rng.uniform(0.35, 0.65), shape[1] / 2
    for ring in range(rng.randint(1, 4), 0, -1):
        count, colour = rng.randint(5, 16), any_colour(rng)
        far, r = shape[1] * 0.13 * ring, shape[1] * rng.uniform(0.03, 0.12)
        for i in range(count):
            angle = 2 * pi * i / count
            at = x + far * cos(angle), y + far * sin(angle)
            if ring % 2:
                pen.line((x, y, *at), fill=colour, width=3)
            _oval(pen, *at, r, r, colour)
    r = shape[1] * 0.07
    _oval(pen, x, y, r, r, any_colour(rng))
    return image


def draw_web_page(rng: Random, shape: Size) -> Image.Image:
    """A page of the web or of a newspaper: a bar, a headline, pictures, columns of small words."""
    image, pen = _sheet(shape, rng.choice((WHITE, WHITE, (28, 28, 32))))
    ink = INK if image.getpixel((0, 0))[0] > 128 else (225, 225, 230)
    wide, high = shape
    pen.rectangle((0, 0, wide, high * 0.08), fill=any_colour(rng))
    small = max(6, high // 32)
    letters, large = font("Sans", small), font("Sans-Bold", high // 15)
    for i in range(rng.randint(3, 6)):
        pen.text((wide * (0.04 + 0.15 * i), high * 0.02), rng.choice(COMMON), WHITE, letters)
    pen.text((wide * 0.04, high * 0.11), capital(_line_of_words(rng, 22)), fill=ink, font=large)
    columns = rng.randint(2, 4)
    room = wide / columns
    for column in range(columns):
        left, y = column * room + 8, high * 0.22
        if rng.random() < 0.7:
            bottom = y + high * rng.uniform(0.15, 0.35)
            box = (left, y, left + room - 16, bottom)
            pen.rectangle(box, fill=any_colour(rng))
            at = left + room * rng.uniform(0.2, 0.6), (y + bottom) / 2
            _oval(pen, *at, room / 8, (bottom - y) / 4, any_colour(rng))
            y = bottom + 5
        while y < high - small:
            if rng.random() < 0.9:
                words = _line_of_words(rng, int((room - 16) / small / 0.6))
                pen.text((left, y), words, fill=ink, font=letters)
            y += small * 1.35
    return image


def draw_sprites(rng: Random, shape: Size) -> Image.Image:
    """Creatures of large pixels, mirrored, as in old games."""
    image, pen = _sheet(shape, rng.choice((INK, (0, 0, 0), any_colour(rng), WHITE)))
    numbers = _numbers(rng)
    cell = rng.randint(4, 12)
    for _ in range(rng.randint(2, 12)):
        half = numbers.random((8, 4)) < 0.55
        colour, (x, y) = any_colour(rng), _point(rng, (shape[0] - 8 * cell, shape[1] - 8 * cell))
        for row, column in np.argwhere(np.concatenate([half, half[:, ::-1]], 1)):
            left, top = x + column * cell, y + row * cell
            pen.rectangle((left, top, left + cell - 1, top + cell - 1), fill=colour)
    return image


DRAWN: dict[str, Callable[[Random, Size], Image.Image]] = {
    name.removeprefix("draw_"): function
    for name, function in tuple(globals().items())
    if name.startswith("draw_")
}
