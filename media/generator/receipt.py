"""Shop receipts whose sums are right: amounts are whole cents throughout."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from PIL import Image, ImageDraw

from media.generator.drawing import (
    INK,
    RGB,
    Blend,
    Box,
    Point,
    Size,
    lay_cast_shadow,
    mix,
    write,
)

SHOPS = ("CORNER MARKET", "GREEN GROCER", "RIVER BAKERY", "CITY BOOKS", "HARBOUR CAFE", "SUN STORE")
GOODS = {
    "Apples": 240, "Bread": 325, "Milk": 115, "Coffee": 690, "Butter": 279, "Honey": 545,
    "Eggs": 360, "Cheese": 485, "Tea": 310, "Rice": 199, "Pasta": 149, "Tomatoes": 265,
    "Lemons": 85, "Yoghurt": 95, "Juice": 220, "Cookies": 275,
}  # fmt: skip
COUNTERS = ((96, 128, 150), (138, 112, 92), (92, 128, 112), (120, 112, 148))
GREY = (110, 112, 124)


@dataclass(frozen=True)
class Line:
    """One line of goods: how many, and the price of one in cents."""

    name: str
    quantity: int
    unit_cents: int

    @property
    def cents(self) -> int:
        return self.quantity * self.unit_cents


@dataclass(frozen=True)
class Receipt:
    shop: str
    day: date
    lines: tuple[Line, ...]
    tax_percent: int
    number: int
    counter: int = 0

    @property
    def subtotal(self) -> int:
        return sum(line.cents for line in self.lines)

    @property
    def tax(self) -> int:
        """In cents, half a cent rounded up."""
        return (self.subtotal * self.tax_percent + 50) // 100

    @property
    def total(self) -> int:
        return self.subtotal + self.tax


def make_receipt(rng: Random, size: Size, smooth: int = 2) -> tuple[Image.Image, dict]:
    """A receipt nobody planned, with 3 to 6 lines."""
    goods = rng.sample(tuple(GOODS.items()), k=rng.randint(3, 6))
    lines = (Line(name, rng.choice((1, 1, 1, 2, 3, 4)), cents) for name, cents in goods)
    day = date(2026, 1, 1) + timedelta(days=rng.randrange(365))
    plan = Receipt(
        rng.choice(SHOPS), day, tuple(lines), rng.choice((5, 7, 8, 10, 19, 20)),
        rng.randint(1000, 9999), rng.randrange(len(COUNTERS)),
    )  # fmt: skip
    return draw_receipt(plan, size, smooth)


def draw_receipt(plan: Receipt, size: Size, smooth: int = 2) -> tuple[Image.Image, dict]:
    """The picture of a receipt on a counter, and the record of what is printed on it."""
    image, paper = _draw_paper(plan, size, smooth)
    printer = _Printer(image, paper, rows=len(plan.lines) + 11.6)
    shop = printer.centre(plan.shop, bold=True, larger=1.4)
    number = printer.centre(f"Receipt no. {plan.number}", colour=GREY)
    day = printer.centre(plan.day.isoformat())
    printer.rule()
    items = [_print_line(printer, line) for line in plan.lines]
    printer.rule()
    sums = {
        "subtotal": printer.pair("Subtotal", money(plan.subtotal)),
        "tax": printer.pair(f"Tax {plan.tax_percent}%", money(plan.tax)),
        "total": printer.pair("TOTAL", money(plan.total), bold=True, larger=1.3),
    }
    printer.rule()
    thanks = printer.centre("Thank you!")
    boxes = {"shop": shop, "number": number, "date": day, **sums, "thanks": thanks}
    return image, _record(plan, size) | {
        "items": items,
        "boxes": {name: list(box) for name, box in boxes.items()},
    }


def list_lines(record: dict) -> list[tuple[str, list[int]]]:
    """(text, box) of each line that is printed, from the top down."""
    boxes, printed = record["boxes"], record["printed"]
    return [
        (record["shop"], boxes["shop"]),
        (f"Receipt no. {record['number']}", boxes["number"]),
        (record["date"], boxes["date"]),
        *((f"{one['quantity']} x {one['name']} {one['printed']}", one["box"])
          for one in record["items"]),
        (f"Subtotal {printed['subtotal']}", boxes["subtotal"]),
        (f"Tax {record['tax_percent']}% {printed['tax']}", boxes["tax"]),
        (f"TOTAL {printed['total']}", boxes["total"]),
        ("Thank you!", boxes["thanks"]),
    ]  # fmt: skip


def money(cents: int) -> str:
    """As printed: 1234 is "12.34"."""
    return f"{cents // 100}.{cents % 100:02d}"


def _record(plan: Receipt, size: Size) -> dict:
    cents = {"subtotal": plan.subtotal, "tax": plan.tax, "total": plan.total}
    return {
        "kind": "receipt",
        "size": list(size),
        "shop": plan.shop,
        "number": str(plan.number),
        "date": plan.day.isoformat(),
        "tax_percent": plan.tax_percent,
        **{f"{name}_cents": value for name, value in cents.items()},
        "printed": {name: money(value) for name, value in cents.items()},
    }


def _print_line(printer: "_Printer", line: Line) -> dict:
    box = printer.pair(f"{line.quantity} x {line.name}", money(line.cents))
    return {
        "name": line.name,
        "quantity": line.quantity,
        "unit_cents": line.unit_cents,
        "cents": line.cents,
        "printed": money(line.cents),
        "box": list(box),
    }


class _Printer:
    """Prints rows of type down a strip of paper."""

    def __init__(self, image: Image.Image, paper: Box, *, rows: float) -> None:
        self.image = image
        self.left, self.right = paper[0], paper[2]
        self.row = (paper[3] - paper[1]) / rows
        self.y = paper[1]
        by_width = (self.right - self.left) / (23 * 0.602)
        self.height = max(7, int(min(self.row * 0.7, by_width)))

    def centre(self, text: str, *, bold: bool = False, larger: float = 1, colour: RGB = INK) -> Box:
        middle = (self.left + self.right) / 2
        return self._write((middle, self._advance(larger)), text, "ma", bold, larger, colour)

    def pair(self, name: str, value: str, *, bold: bool = False, larger: float = 1) -> Box:
        """A name at the left and an amount at the right; the box holds both."""
        y = self._advance(larger)
        one = self._write((self.left, y), name, "la", bold, larger, INK)
        two = self._write((self.right, y), value, "ra", bold, larger, INK)
        return one[0], min(one[1], two[1]), two[2], max(one[3], two[3])

    def rule(self) -> None:
        y = round(self.y + self.row * 0.4)
        dash = max(2, round(self.height * 0.35))
        for x in range(self.left, self.right - dash, 2 * dash):
            self.image.paste((150, 150, 158), (x, y, x + dash, y + max(1, dash // 4)))
        self.y += self.row

    def _advance(self, larger: float) -> float:
        y, self.y = self.y, self.y + self.row * larger
        return y

    def _write(
        self, at: Point, text: str, anchor: str, bold: bool, larger: float, colour: RGB
    ) -> Box:
        face = "SansMono-Bold" if bold else "SansMono"
        height = int(self.height * larger)
        return write(self.image, at, text, height, colour, face=face, anchor=anchor)


def _draw_paper(plan: Receipt, size: Size, smooth: int) -> tuple[Image.Image, Box]:
    width, height = size
    low = COUNTERS[plan.counter]
    image = Blend((mix(low, (255, 255, 255), 0.2), low)).image(size)
    left, top, right, bottom = 0.06 * width, 0.03 * height, 0.94 * width, 0.96 * height
    step = (right - left) / 36
    jagged = [(right - i * step, bottom + (i % 2) * step) for i in range(37)]
    outline = [(left, top), (right, top), *jagged]
    lay_cast_shadow(image, outline, 0.016 * width)
    mask = Image.new("L", (width * smooth, height * smooth))
    ImageDraw.Draw(mask).polygon([(x * smooth, y * smooth) for x, y in outline], fill=255)
    paper = Blend(((255, 255, 252), (244, 243, 238))).image(size)
    image.paste(paper, (0, 0), mask.reduce(smooth))
    margin = 0.045 * width
    inside = (left + margin, top + 0.035 * height, right - margin, bottom - 0.01 * height)
    return image, tuple(round(value) for value in inside)
