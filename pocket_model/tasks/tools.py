"""Tool calls: a call when a tool fits, a plain answer when none does, and a tool's result used."""

import json
from dataclasses import dataclass
from random import Random

from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.talks import ONES, ask_name_one
from pocket_model.tasks.texts import FOODS, LANDS, NAMES, ask_glossary, ask_reverse, ask_talk
from pocket_model.tasks.turn import Turn, to_tool_json
from pocket_model.tasks.wordings import Wordings

CITIES = (
    *ONES["a city"],
    *["Tokyo", "Delhi", "Sydney", "Dublin", "Prague", "Athens", "Boston", "Lisbon", "Geneva"],
)


@dataclass(frozen=True)
class Tool:
    """Names it may go by, what it does, its arguments (each with its names and a kind of value),
    and how its result, a number or a word, is told."""

    names: tuple[str, ...]
    does: str
    arguments: tuple[tuple[tuple[str, ...], str], ...]
    results: tuple[str, str] = ("", "")


TOOLS = {
    "weather": Tool(
        ("get_weather", "weather", "current_weather", "weather_in"),
        "Weather of a city",
        ((("city", "place", "location", "town"), "city"),),
        ("degrees", "It is {result} degrees in {0}."),
    ),
    "time": Tool(
        ("get_time", "time_in", "clock", "local_time"),
        "Time in a city",
        ((("city", "place", "location", "town"), "city"),),
        ("hour", "It is {result} o'clock in {0}."),
    ),
    "people": Tool(
        ("get_population", "population", "count_people"),
        "Population of a country, in millions",
        ((("country", "land", "name"), "land"),),
        ("millions", "{0} has {result} million people."),
    ),
    "multiply": Tool(
        ("multiply", "product", "times"),
        "Multiply two numbers",
        ((("a", "x", "first"), "number"), (("b", "y", "second"), "number")),
        ("product", "{0} times {1} is {result}."),
    ),
    "search": Tool(
        ("search_files", "find_files", "search"),
        "Search files for a word",
        ((("query", "word", "text", "q"), "word"),),
        ("found", "{result} files have the word {0}."),
    ),
    "alarm": Tool(
        ("set_alarm", "alarm", "wake_up"),
        "Set an alarm",
        ((("hour", "at", "time"), "hour"),),
    ),
    "light": Tool(
        ("turn_on_light", "light_on", "switch_light"),
        "Turn on the light in a room",
        ((("room", "where", "place"), "room"),),
    ),
    "message": Tool(
        ("send_message", "write_to", "message"),
        "Send a text to somebody",
        ((("to", "person", "name"), "person"), (("text", "message", "body"), "word")),
    ),
    "price": Tool(
        ("get_price", "price_of", "look_up_price"),
        "Price of a food in euros",
        ((("food", "item", "product", "name"), "food"),),
        ("euros", "The price of {0} is {result} euros."),
    ),
}
ROOMS = ["kitchen", "bedroom", "hall", "garage", "office", "bathroom", "cellar", "attic"]


def _value(rng: Random, kind: str) -> object:
    if kind in ("number", "hour"):
        return rng.randint(2, 99) if kind == "number" else rng.randint(1, 23)
    lists = {"city": CITIES, "land": LANDS, "word": COMMON, "room": ROOMS}
    return rng.choice((lists | {"person": NAMES, "food": FOODS})[kind])


def _write_tool(rng: Random, kind: str) -> dict:
    """A tool as the API takes it, its names chosen anew."""
    tool = TOOLS[kind]
    properties = {
        rng.choice(names): {"type": "integer" if value in ("number", "hour") else "string"}
        for names, value in tool.arguments
    }
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": rng.choice(tool.names), "description": tool.does, "parameters": parameters}
    return {"type": "function", "function": function}


def _choose_tools(rng: Random, kind: str | None) -> tuple[list[dict], dict | None]:
    """One or two tools, among them one of `kind` if that is said, and that one."""
    others = rng.sample(
        [one for one in TOOLS if one != kind], k=rng.choice((0, 1, 1) if kind else (1, 2))
    )
    tools = [_write_tool(rng, other) for other in others]
    chosen = _write_tool(rng, kind) if kind else None
    if chosen:
        tools.insert(rng.randrange(len(tools) + 1), chosen)
    return tools, chosen


def _call(rng: Random, words: Wordings, kind: str) -> tuple[str, dict, list[dict], list]:
    tools, chosen = _choose_tools(rng, kind)
    values = [_value(rng, value) for _, value in TOOLS[kind].arguments]
    names = {f"v{i}": value for i, value in enumerate(values)}
    question = words.ask_exactly(rng, f"tool_{kind}", **names)
    function = chosen["function"]
    keys = function["parameters"]["properties"]
    return (
        question,
        {"name": function["name"], "arguments": dict(zip(keys, values, strict=True))},
        tools,
        values,
    )


def _write_call(call: dict) -> dict:
    """The assistant's message that makes the call."""
    function = {"name": call["name"], "arguments": to_tool_json(call["arguments"])}
    made = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [made]}


def ask_tool_call(rng: Random, words: Wordings) -> Turn:
    question, call, tools, _ = _call(rng, words, rng.choice(tuple(TOOLS)))
    reply = f"<tool_call>\n{to_tool_json(call)}\n</tool_call>"
    return Turn("tool_call", question, reply, {"judge": "call", "is": call}, tools=tuple(tools))


def ask_tool_none(rng: Random, words: Wordings) -> Turn:
    """Tools are there, but none fits the question."""
    tools, _ = _choose_tools(rng, None)
    plain = rng.choice((ask_reverse, ask_glossary, ask_talk, ask_name_one))(rng, words)
    truth = {"judge": "no_call", "then": plain.truth}
    return Turn("tool_none", plain.question, plain.reply, truth, tools=tuple(tools))


def ask_tool_result(rng: Random, words: Wordings) -> Turn:
    """The call was made and its result is there: say it in a sentence."""
    kind = rng.choice([one for one, tool in TOOLS.items() if tool.results[0]])
    question, call, tools, values = _call(rng, words, kind)
    key, told = TOOLS[kind].results
    result = rng.randint(0, 99) if kind != "multiply" else values[0] * values[1]
    content = json.dumps({rng.choice((key, "result", "value")): result})
    called = _write_call(call)
    before = ({"role": "user", "content": question}, called,
              {"role": "tool", "tool_call_id": "call_1", "content": content})  # fmt: skip
    reply = told.format(*values, result=result)
    truth = {"judge": "no_call", "then": {"judge": "holds", "is": str(result)}}
    return Turn("tool_result", "", reply, truth, before, tuple(tools))
