"""Bar charts with known values, written above the bars."""

from dataclasses import dataclass
from random import Random

from PIL import Image

from media.generator.drawing import TONES, Blend, Box, Pen, Size, write

TOPICS = (
    ("Books sold", "books", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")),
    ("Visitors by month", "visitors", ("Jan", "Feb", "Mar", "Apr", "May", "Jun")),
    ("Fruit eaten", "pieces", ("Apple", "Banana", "Cherry", "Grape", "Lemon", "Plum")),
    ("Trees planted", "trees", ("North", "East", "South", "West", "Centre")),
    ("Points by team", "points", ("Lions", "Bears", "Wolves", "Eagles", "Foxes")),
    ("Hours of sun", "hours", ("Oslo", "Rome", "Paris", "Cairo", "Lima", "Quito")),
)
COLOURS = ("blue", "orange", "green", "red", "purple", "pink")
GRID, GREY = (222, 224, 230), (92, 96, 110)


@dataclass(frozen=True)
class Chart:
    """What a chart shows: one value for each label, on an axis from 0 to `top` in `step`s."""

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[int, ...]
    top: int
    step: int
    colours: tuple[str, ...]


def make_chart(rng: Random, size: Size, smooth: int = 2) -> tuple[Image.Image, dict]:
    """A chart nobody planned, of 4 to 6 bars whose values end on half a step of the axis."""
    title, unit, labels = rng.choice(TOPICS)
    count = rng.randint(4, len(labels))
    step = rng.choice((2, 10, 20, 100))
    values = rng.sample(range(1, 13), k=count)
    top = (max(values) + 2) // 2 * step
    same = rng.random() < 0.4
    colours = (rng.choice(COLOURS),) * count if same else tuple(rng.sample(COLOURS, k=count))
    heights = tuple(value * step // 2 for value in values)
    return draw_chart(Chart(title, unit, labels[:count], heights, top, step, colours), size, smooth)


def draw_chart(plan: Chart, size: Size, smooth: int = 2) -> tuple[Image.Image, dict]:
    """The picture of a chart and the record of its values."""
    plot = _plot_box(plan, size)
    image, boxes = _draw_bars(plan, size, plot, smooth)
    _write_words(plan, image, plot, boxes)
    bars = [
        {"label": label, "value": value, "colour": colour, "box": list(box)}
        for label, value, colour, box in zip(
            plan.labels, plan.values, plan.colours, boxes, strict=True
        )
    ]
    axis = {"label": plan.unit, "min": 0, "max": plan.top, "step": plan.step}
    record = {"kind": "chart", "size": list(size), "title": plan.title, "axis": axis}
    return image, record | {"bars": bars}


def _plot_box(plan: Chart, size: Size) -> Box:
    width, height = size
    letters = _letters(size)
    left = round(0.03 * width + letters * (1.6 + 0.65 * len(str(plan.top))))
    return (
        left,
        round(0.07 * height + 2.4 * letters),
        round(0.965 * width),
        round(height - 2.7 * letters),
    )


def _letters(size: Size) -> int:
    """The height of the small letters in pixels."""
    return max(9, round(min(size[1] / 18, size[0] / 23)))


def _height_of(value: int, plan: Chart, plot: Box) -> float:
    return plot[3] - (plot[3] - plot[1]) * value / plan.top


def _draw_bars(plan: Chart, size: Size, plot: Box, smooth: int) -> tuple[Image.Image, list[Box]]:
    pen = Pen(*size, 1, smooth, ground=(250, 250, 252))
    thin = max(1.0, size[1] / 500)
    pen.slab((0, 0, *size), 0, (250, 250, 252))
    pen.slab((plot[0], plot[1], plot[2], plot[3]), 0, (255, 255, 255))
    for value in range(0, plan.top + 1, plan.step):
        y = _height_of(value, plan, plot)
        pen.slab((plot[0], y - thin / 2, plot[2], y + thin / 2), 0, GRID)
    boxes = [_bar_box(plan, plot, i) for i in range(len(plan.values))]
    for box, colour in zip(boxes, plan.colours, strict=True):
        tone, line = TONES[colour], max(1.0, size[1] / 420)
        edge = (box[0], box[1], box[2] - 1 / smooth, box[3])
        pen.slab(edge, 0, Blend((tone.light, tone.base)), tone.line, line)
    pen.slab((plot[0], plot[3] - thin, plot[2], plot[3] + thin), 0, GREY)
    pen.slab((plot[0] - thin, plot[1], plot[0] + thin, plot[3]), 0, GREY)
    return pen.finish(), boxes


def _bar_box(plan: Chart, plot: Box, index: int) -> Box:
    slot = (plot[2] - plot[0]) / len(plan.values)
    left = plot[0] + slot * (index + 0.2)
    top = _height_of(plan.values[index], plan, plot)
    return round(left), round(top), round(left + 0.6 * slot), plot[3]


def _write_words(plan: Chart, image: Image.Image, plot: Box, boxes: list[Box]) -> None:
    letters = _letters(image.size)
    middle = (plot[0] + plot[2]) / 2
    title = round(1.15 * letters)
    write(image, (middle, 0.035 * image.height), plan.title, title, face="Sans-Bold", anchor="ma")
    for box, label, value in zip(boxes, plan.labels, plan.values, strict=True):
        across = (box[0] + box[2]) / 2
        write(image, (across, plot[3] + 0.5 * letters), label, letters, anchor="ma")
        write(image, (across, box[1] - 0.25 * letters), str(value), letters, anchor="ms")
    for value in range(0, plan.top + 1, plan.step):
        at = (plot[0] - 0.5 * letters, _height_of(value, plan, plot))
        write(image, at, str(value), round(0.8 * letters), GREY, anchor="rm")
    side = Image.new("RGB", (plot[3] - plot[1], round(1.5 * letters)), (250, 250, 252))
    write(side, (side.width / 2, side.height / 2), plan.unit, letters, GREY, anchor="mm")
    image.paste(side.transpose(Image.Transpose.ROTATE_90), (round(0.012 * image.width), plot[1]))
