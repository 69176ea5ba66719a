"""Draw every picture and clip of the course again: `python -m media.generate` from the root."""

import hashlib
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from PIL import Image

from media.generator.chart import Chart, draw_chart
from media.generator.clip import BallClip, Frames, LightClip, draw_clip, write_clip
from media.generator.pair import draw_pair
from media.generator.receipt import Line, Receipt, draw_receipt
from media.generator.scene import Placed, Scene, draw_scene

FOLDER = Path(__file__).parent
SMOOTH = 4

TABLE_TOP = Scene(
    "table",
    (
        Placed("plant", "green", 0.12, 0.60, 0.43),
        Placed("clock", "orange", 0.35, 0.60, 0.29),
        Placed("bottle", "blue", 0.58, 0.60, 0.43),
        Placed("lamp", "purple", 0.84, 0.62, 0.48),
        Placed("mug", "red", 0.10, 0.90, 0.21),
        Placed("book", "blue", 0.30, 0.94, 0.17),
        Placed("apple", "green", 0.475, 0.86, 0.17),
        Placed("apple", "green", 0.565, 0.95, 0.17),
        Placed("apple", "green", 0.655, 0.86, 0.17),
        Placed("pencil", "yellow", 0.855, 0.93, 0.12),
    ),
)

STREET_SCENE = Scene(
    "street",
    (
        Placed("sun", "yellow", 0.90, 0.19),
        Placed("cloud", "white", 0.36, 0.155),
        Placed("cloud", "white", 0.60, 0.18),
        Placed("house", "red", 0.12, 0.59),
        Placed("tree", "green", 0.30, 0.59),
        Placed("house", "yellow", 0.452, 0.59),
        Placed("sign", "blue", 0.705, 0.595, text="MAPLE STREET"),
        Placed("tree", "green", 0.928, 0.59),
        Placed("car", "red", 0.13, 0.86),
        Placed("person", "orange", 0.30, 0.965),
        Placed("bus", "green", 0.54, 0.87, text="12"),
        Placed("bicycle", "purple", 0.84, 0.96),
    ),
)

RECEIPT = Receipt(
    "RIVER BAKERY",
    date(2026, 3, 14),
    (
        Line("Bread", 2, 325),
        Line("Milk", 1, 115),
        Line("Coffee", 2, 690),
        Line("Apples", 3, 85),
        Line("Butter", 1, 279),
        Line("Cookies", 4, 120),
    ),
    tax_percent=8,
    number=4817,
)

BAR_CHART = Chart(
    "Books sold per day",
    "books",
    ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat"),
    (35, 20, 45, 30, 60, 75),
    top=80,
    step=10,
    colours=("blue", "orange", "green", "red", "purple", "pink"),
)

SPOT = Scene(
    "table",
    (
        Placed("vase", "blue", 0.12, 0.58),
        Placed("candle", "pink", 0.33, 0.58),
        Placed("plant", "green", 0.58, 0.60),
        Placed("clock", "yellow", 0.85, 0.58),
        Placed("box", "purple", 0.15, 0.93),
        Placed("mug", "red", 0.39, 0.90),
        Placed("ball", "green", 0.60, 0.91),
        Placed("book", "orange", 0.835, 0.92),
    ),
    wall="mint",
)
SPOT_CHANGE = (5, Placed("mug", "blue", 0.39, 0.90))

ROLLING_BALL = BallClip(
    "red",
    ((0.0, 0.12), (2.0, 0.55), (4.0, 0.55), (7.0, 0.16)),
    Placed("box", "blue", 0.84, 0.87, 0.34),
    arrival_time=6.0,
    things=(Placed("plant", "green", 0.16, 0.51), Placed("clock", "yellow", 0.66, 0.51)),
    wall="sky",
)

TRAFFIC_LIGHT = LightClip(
    ((0.0, "red"), (2.5, "green"), (5.5, "yellow"), (6.5, "red")),
    car_colour="blue",
    car_time=3.0,
    things=(Placed("house", "yellow", 0.14, 0.59), Placed("tree", "green", 0.42, 0.59)),
)

SHOWS = {
    "table_top.png": "A table with a plant, an orange alarm clock, a blue bottle, a purple lamp, "
    "a red mug, a blue book, three green apples and a yellow pencil.",
    "street_scene.png": "A street with a red and a yellow house, two trees, the sign MAPLE STREET, "
    "a red car, a person in an orange shirt, a green bus with the number 12, a purple bicycle, "
    "two clouds and the sun.",
    "receipt.png": "A receipt of RIVER BAKERY with six items, subtotal, tax and total.",
    "bar_chart.png": "A bar chart of the books sold on each day from Monday to Saturday.",
    "spot_a.png": "A table with eight things, among them a red mug.",
    "spot_b.png": "The same table as in spot_a.png, with a blue mug in place of the red one.",
    "rolling_ball.mp4": "A red ball rolls to the right, stops, rolls back and stops again; "
    "meanwhile a blue box appears.",
    "traffic_light.mp4": "A blue car waits at a red light and drives off when it is green; then "
    "the light turns yellow and red.",
}


def draw_pictures() -> dict[str, tuple[Image.Image, dict]]:
    """Every picture of the course by file name, with its record."""
    pictures = {
        "table_top.png": draw_scene(TABLE_TOP, (1280, 720), SMOOTH),
        "street_scene.png": draw_scene(STREET_SCENE, (1280, 720), SMOOTH),
        "receipt.png": draw_receipt(RECEIPT, (640, 960), SMOOTH),
        "bar_chart.png": draw_chart(BAR_CHART, (960, 640), SMOOTH),
    }
    images, record = draw_pair(SPOT, *SPOT_CHANGE, (768, 512), SMOOTH)
    sides = {side: record.pop(side) for side in ("a", "b")}
    for side, other, image in (("a", "b", images[0]), ("b", "a", images[1])):
        words = {"side": side, "other": f"spot_{other}.png"}
        pictures[f"spot_{side}.png"] = image, record | words | sides[side]
    return pictures


def draw_clips() -> dict[str, tuple[Frames, dict]]:
    """Every clip of the course by file name, with its record."""
    return {
        "rolling_ball.mp4": draw_clip(ROLLING_BALL, (854, 480), SMOOTH, fps=24, seconds=8),
        "traffic_light.mp4": draw_clip(TRAFFIC_LIGHT, (854, 480), SMOOTH, fps=2, seconds=8),
    }


def write_media(folder: Path = FOLDER) -> dict[str, dict]:
    """Write the pictures, the clips and records.json into `folder`; returns the records."""
    records = {}
    for name, (image, record) in draw_pictures().items():
        save(folder / name, lambda path, image=image: image.save(path, "PNG", optimize=True))
        records[name] = record
    for name, (frames, record) in draw_clips().items():
        fps = record["fps"]
        save(folder / name, lambda path, f=frames, fps=fps: write_clip(f, path, fps=fps))
        records[name] = record
    records = {name: _complete(folder / name, record) for name, record in records.items()}
    text = format_records(records)
    save(folder / "records.json", lambda path: path.write_text(text, encoding="utf-8"))
    return records


def save(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place."""
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _complete(path: Path, record: dict) -> dict:
    """The record as it stands in records.json: what is common to all files comes first."""
    head = {
        "kind": record["kind"],
        "shows": SHOWS[path.name],
        "size": record["size"],
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return head | record


def format_records(records: dict[str, dict]) -> str:
    """JSON with one line for each field, and for each entry of a field's list."""
    files = []
    for name, record in records.items():
        fields = [f"  {json.dumps(key)}: {_format_field(value)}" for key, value in record.items()]
        files.append(f" {json.dumps(name)}: {{\n" + ",\n".join(fields) + "\n }")
    return "{\n" + ",\n".join(files) + "\n}\n"


def _format_field(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = ",\n".join(f"   {json.dumps(entry, ensure_ascii=False)}" for entry in value)
        return f"[\n{lines}\n  ]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    for name in write_media():
        sys.stdout.write(f"{name}  {(FOLDER / name).stat().st_size / 1000:.0f} kB\n")
