"""JSON in a form that the question sets: other keys each time, from a picture's record."""

from random import Random

from pocket_model.tasks.scenes import plural
from pocket_model.tasks.talks import schema_of
from pocket_model.tasks.turn import Turn, to_json
from pocket_model.tasks.wordings import Wordings


def _ask_fields(rng: Random, words: Wordings, fields: dict[str, object], most: int = 4) -> Turn:
    """Some of the fields, in an order of their own."""
    keys = rng.sample(tuple(fields), k=rng.randint(min(2, len(fields)), min(most, len(fields))))
    wanted = {key: fields[key] for key in keys}
    question = words.ask(rng, "schema", keys=", ".join(keys))
    truth = {"judge": "json", "is": wanted, "schema": schema_of(wanted)}
    return Turn(question, to_json(wanted), truth)


def ask_scene_schema(rng: Random, record: dict, words: Wordings) -> Turn:
    counts = record["counts"]
    fields: dict[str, object] = {
        rng.choice(("setting", "place", "scene")): record["setting"],
        rng.choice(("things", "number_of_things", "object_count")): len(record["objects"]),
    }
    for thing in record["objects"]:
        name = thing["name"].replace(" ", "_")
        if counts[thing["name"]] == 1:
            key = rng.choice(("{}_colour", "colour_of_{}", "{}_color")).format(name)
            fields[key] = thing["colour"]
        many = plural(name)
        key = rng.choice(("number_of_{}", "{}", "count_of_{}", "how_many_{}")).format(many)
        fields[key] = counts[thing["name"]]
        if thing.get("text") and counts[thing["name"]] == 1 and name in ("sign", "bus"):
            fields[rng.choice(("{}_text", "text_on_{}")).format(name)] = thing["text"]
    for name in ("dog", rng.choice(("mug", "car", "tree", "apple", "clock", "bus"))):
        fields[rng.choice(("has_{}", "is_{}_there", "{}_present")).format(name)] = name in counts
    return _ask_fields(rng, words, fields)


def ask_receipt_schema(rng: Random, record: dict, words: Wordings) -> Turn:
    items = record["items"]
    fields: dict[str, object] = {
        rng.choice(("shop", "store", "shop_name", "seller")): record["shop"],
        rng.choice(("date", "day", "date_of_receipt")): record["date"],
        rng.choice(("number", "receipt_number", "receipt_no")): record["number"],
        rng.choice(("subtotal", "net")): record["subtotal_cents"] / 100,
        rng.choice(("tax", "tax_amount")): record["tax_cents"] / 100,
        rng.choice(("tax_percent", "tax_rate")): record["tax_percent"],
        rng.choice(("total", "sum", "total_amount", "amount")): record["total_cents"] / 100,
        rng.choice(("items", "number_of_items", "item_count")): len(items),
        rng.choice(("names", "item_names", "goods")): [item["name"] for item in items],
    }
    return _ask_fields(rng, words, fields)


def ask_chart_schema(rng: Random, record: dict, words: Wordings) -> Turn:
    bars = record["bars"]
    tallest, shortest = (choose(bars, key=lambda one: one["value"]) for choose in (max, min))
    fields: dict[str, object] = {
        rng.choice(("title", "chart_title", "name")): record["title"],
        rng.choice(("bars", "number_of_bars", "bar_count")): len(bars),
        rng.choice(("tallest", "tallest_bar", "highest", "maximum_at")): tallest["label"],
        rng.choice(("shortest", "shortest_bar", "lowest", "minimum_at")): shortest["label"],
        rng.choice(("maximum", "largest_value", "max")): tallest["value"],
        rng.choice(("minimum", "smallest_value", "min")): shortest["value"],
        rng.choice(("unit", "axis_label")): record["axis"]["label"],
        rng.choice(("labels", "names_of_bars")): [bar["label"] for bar in bars],
    }
    return _ask_fields(rng, words, fields)
