"""Fresh pictures by number: `draw_fresh("receipt", 7)` is a picture that no file holds.

The same kind, seed and size give the same pixels and record on every machine, so a figure that
was measured on seeds 0 to 29 can be measured again. What is drawn is planned as the pocket model's
training planned it (prices that nobody knows by heart, several things of a kind), from seeds that
training never drew.
"""

from datetime import date, timedelta
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from media.generator.chart import draw_chart
from media.generator.drawing import INK, PAPER, Size, font, write
from media.generator.receipt import draw_receipt, list_lines
from media.generator.scene import draw_scene
from pocket_model.tasks.charts import plan_chart
from pocket_model.tasks.receipts import plan_receipt
from pocket_model.tasks.worlds import plan_world

SIZES = {"receipt": (640, 960), "chart": (960, 640), "scene": (1280, 720), "notice": (640, 960)}
SIZES |= dict.fromkeys(("table", "street", "sign"), SIZES["scene"])
KINDS = tuple(SIZES)
SUBJECTS = ("MEETING", "CONCERT", "LIBRARY", "WORKSHOP", "MARKET", "SWIMMING", "LUNCH", "TOUR")


def draw_fresh(kind: str, seed: int, size: Size | None = None) -> tuple[Image.Image, dict]:
    """A picture that nobody planned, and the record of what is in it.

    `kind` is one of KINDS; "scene" is a table or a street, "sign" a street with one sign. `size` is
    (width, height) in pixels, by default that of the course's own file of the kind. The records
    are those of media/README.md. A receipt's has `subtotal`, `tax` and `total` as numbers too,
    each item its `price` (the amount printed in its row), and `lines` is all that is printed.
    Raises ValueError for another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"There is no fresh {kind!r}: take one of {', '.join(KINDS)}.")
    size = size or SIZES[kind]
    rng = Random(f"fresh {kind} {seed}")
    if kind == "receipt":
        return _add_numbers(*draw_receipt(plan_receipt(rng), size))
    if kind == "chart":
        return draw_chart(plan_chart(rng, (384, 384)), size)
    if kind == "notice":
        return _draw_notice(rng, size)
    while True:
        scene = plan_world(rng, size)
        signs = sum(thing.name == "sign" for thing in scene.things)
        if kind in ("scene", scene.setting) or (kind == "sign" and signs == 1):
            return draw_scene(scene, size)


def draw_pages(seed: int) -> tuple[list[Image.Image], dict]:
    """Three pages in an order of their own: a receipt, a chart and a notice.

    The record has `pages`, the record of each in that order.
    """
    kinds = ["receipt", "chart", "notice"]
    Random(f"fresh pages {seed}").shuffle(kinds)
    drawn = [draw_fresh(kind, seed) for kind in kinds]
    return [page for page, _ in drawn], {"kind": "pages", "pages": [one for _, one in drawn]}


def save_pages(pages: list[Image.Image], path: str | Path) -> Path:
    """Write pictures as the pages of one PDF, 96 pixels an inch, as scanners do (JPEG)."""
    first, *others = pages
    options = {"save_all": True, "append_images": others, "resolution": 96, "quality": 95}
    first.save(path, "PDF", **options)
    return Path(path)


def _add_numbers(image: Image.Image, record: dict) -> tuple[Image.Image, dict]:
    """The same with amounts as a reply has them: numbers, not cents."""
    sums = {name: record[f"{name}_cents"] / 100 for name in ("subtotal", "tax", "total")}
    items = [item | {"price": item["cents"] / 100} for item in record["items"]]
    lines = [text for text, _ in list_lines(record)]
    return image, record | sums | {"items": items, "lines": lines}


def print_order(image: Image.Image, record: dict, *lines: str) -> Image.Image:
    """A copy of a receipt with up to two lines more below its thanks, in small capitals."""
    copy = image.copy()
    letters = round(0.0375 * image.width)
    top = record["boxes"]["thanks"][3]
    for row, line in enumerate(lines):
        at = (image.width / 2, top + 1.2 * row * letters)
        write(copy, at, line.upper(), letters, face="SansMono-Bold", anchor="ma")
    return copy


def forge_total(image: Image.Image, record: dict, amount: str) -> Image.Image:
    """A copy of a receipt with another amount printed over its total."""
    copy, (_, top, right, bottom) = image.copy(), record["boxes"]["total"]
    left = (record["boxes"]["total"][0] + right) // 2
    copy.paste(image.getpixel((right + 4, top)), (left, top - 2, right + 4, bottom + 3))
    write(copy, (right, top), amount, bottom - top, face="SansMono-Bold", anchor="ra")
    return copy


def _draw_notice(rng: Random, size: Size) -> tuple[Image.Image, dict]:
    """A sheet with three large lines: what, on which day, at what time."""
    day = date(2026, 1, 1) + timedelta(days=rng.randrange(365))
    hour = f"{rng.randint(8, 20):02}:{rng.choice((0, 15, 30, 45)):02}"
    lines = [rng.choice(SUBJECTS), day.isoformat(), hour]
    image = Image.new("RGB", size, PAPER)
    pen, letters = ImageDraw.Draw(image), font("Sans-Bold", round(0.085 * size[0]))
    boxes = []
    for row, line in enumerate(lines):
        at = (round(0.09 * size[0]), round(size[1] * (0.2 + 0.14 * row)))
        pen.text(at, line, fill=INK, font=letters)
        boxes.append([round(side) for side in pen.textbbox(at, line, font=letters)])
    return image, {"kind": "notice", "size": list(size), "lines": lines, "boxes": boxes}
