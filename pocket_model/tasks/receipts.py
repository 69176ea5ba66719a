"""Questions about a shop receipt."""

from datetime import date, timedelta
from random import Random

import numpy as np

from media.generator.drawing import Size
from media.generator.receipt import COUNTERS, GOODS, SHOPS, Line, Receipt, draw_receipt
from pocket_model.tasks.judging import number_is, text_is
from pocket_model.tasks.pictures import draw_picture
from pocket_model.tasks.turn import Turn, listed, to_json
from pocket_model.tasks.wordings import Wordings

MORE_GOODS = listed(
    "Salt Sugar Flour Beans Soup Cake Nuts Olives Grapes Peaches Plums Pears Carrots Onions Peas "
    "Potatoes Salad Pizza Ham Fish Oil Jam Pie Corn Water Candles Pens Paper Notebook Soap Brush "
    "Muffin Bagel Sandwich Cocoa Cream Garlic Ginger Mustard Mints"
)
PLACES = listed("NORTH SOUTH OLD NEW BLUE RED LITTLE ROYAL CENTRAL STATION VILLAGE GARDEN LAKE")
KINDS_OF_SHOP = listed("MARKET BAKERY BOOKS CAFE STORE SHOP KIOSK DELI KITCHEN GROCER")


def plan_receipt(rng: Random, most: int = 6) -> Receipt:
    """Prices nobody knows by heart; names and shops mostly other than the generator's."""
    names = rng.sample((*GOODS, *MORE_GOODS), k=rng.randint(min(3, most), most))
    lines = tuple(
        Line(name, rng.choice((1, 1, 1, 2, 3, 4, 5)), rng.randint(10, 199) * rng.choice((1, 5)))
        for name in names
    )
    shop = f"{rng.choice(PLACES)} {rng.choice(KINDS_OF_SHOP)}"
    day = date(2025, 1, 1) + timedelta(days=rng.randrange(1000))
    percent, number = rng.choice((5, 7, 8, 10, 19, 20)), rng.randint(1000, 9999)
    shop = rng.choice(SHOPS) if rng.random() < 0.4 else shop
    return Receipt(shop, day, lines, percent, number, rng.randrange(len(COUNTERS)))


def draw_receipt_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """As many lines as can be read at this height."""
    most = 6 if shape[1] >= 440 else 4 if shape[1] >= 380 else 2
    return draw_picture(
        rng, shape, lambda size, smooth: draw_receipt(plan_receipt(rng, most), size, smooth)
    )


def ask_total(rng: Random, record: dict, words: Wordings) -> Turn:
    total = record["printed"]["total"]
    reply = rng.choice((total, f"The total is {total}.", f"{total}.", f"The total is {total}."))
    return Turn(words.ask(rng, "receipt_total"), reply, number_is(float(total)))


def ask_item(rng: Random, record: dict, words: Wordings) -> Turn:
    item = rng.choice(record["items"])
    name, price = item["name"], item["printed"]
    named = name if rng.random() < 0.6 else name.lower()
    reply = rng.choice((price, f"{name}: {price}", f"The price of {name} is {price}."))
    return Turn(words.ask(rng, "receipt_item", item=named), reply, number_is(float(price)))


def ask_field(rng: Random, record: dict, words: Wordings) -> Turn:
    """Shop, date, number, subtotal, tax, or how many of an item."""
    field = rng.choice(("shop", "date", "number", "subtotal", "tax", "quantity"))
    if field == "quantity":
        item = rng.choice(record["items"])
        asked, value = f"quantity of {item['name']}", str(item["quantity"])
    elif field == "number":
        asked, value = "receipt number", record["number"]
    else:
        asked = {"shop": "name of the shop"}.get(field, field)
        value = record["printed"].get(field) or record[field]
    reply = rng.choice((value, f"The {asked} is {value}."))
    return Turn(words.ask(rng, "receipt_field", field=asked), reply, text_is(value))


def items_of(record: dict) -> list[dict]:
    return [
        {"name": item["name"], "quantity": item["quantity"], "price": item["cents"] / 100}
        for item in record["items"]
    ]


def ask_receipt_json(rng: Random, record: dict, words: Wordings) -> Turn:
    """The whole receipt; amounts are numbers as printed."""
    value = {"items": items_of(record), "total": record["total_cents"] / 100}
    return Turn(words.ask(rng, "receipt_json"), to_json(value), {"judge": "json", "is": value})


def ask_describe_receipt(rng: Random, record: dict, words: Wordings) -> Turn:
    count, total, shop = len(record["items"]), record["printed"]["total"], record["shop"]
    reply = rng.choice(
        (
            f"A receipt of {shop} with {count} items. The total is {total}.",
            f"This is a receipt of {shop}. It has {count} items and a total of {total}.",
            f"The picture shows a receipt of {shop}: {count} items, {total} in all.",
        )
    )
    truth = {"judge": "keys", "all": [["receipt"], [shop.lower()], [total]]}
    return Turn(words.ask(rng, "describe", where="in this picture"), reply, truth)
