"""Tool calls: a call when a tool fits, a plain answer when none does, and a tool's result used."""

import json
from dataclasses import dataclass
from random import Random

from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.talks import ONES, ask_name_one, ask_topic
from pocket_model.tasks.texts import (
    FOODS,
    LANDS,
    NAMES,
    SYLLABLES,
    ask_glossary,
    ask_reverse,
    ask_talk,
    choose_form,
    listed,
)
from pocket_model.tasks.turn import Turn, capital, to_tool_json
from pocket_model.tasks.wordings import Wordings

CITIES = (
    *ONES["a city"],
    *["Tokyo", "Delhi", "Sydney", "Dublin", "Prague", "Athens", "Boston", "Lisbon", "Geneva"],
)


def _forms(text: str) -> tuple[str, ...]:
    return tuple(listed(text, "|"))


@dataclass(frozen=True)
class Tool:
    """Names it may go by, what it does, its arguments (each with its names and a kind of value),
    how its result, a number, is told, and how it is asked for."""

    names: tuple[str, ...]
    does: str
    arguments: tuple[tuple[tuple[str, ...], str], ...]
    results: tuple[str, str] = ("", "")
    asks: tuple[str, ...] = ()  # forms of the question, where wordings.txt has none


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
ROOM = ("room", "where", "place")
TOOLS |= {
    "fan": Tool(
        ("switch_fan", "set_fan", "fan"),
        "Switch the fan of a room",
        ((ROOM, "room"), (("state", "power", "to"), "state")),
        asks=_forms(
            "Turn {1} the fan in the {0}.|Turn the fan in the {0} {1}.|Switch the {0} fan {1}.|"
            "Switch {1} the fan in the {0}.|Fan {1} in the {0}.|I want the fan in the {0} {1}.|"
            "The fan in the {0} should be {1}.|Please put the {0} fan {1}.|"
            "Can you turn the fan in the {0} {1}?|Set the {0} fan to {1}.|{0} fan: {1}|"
            "Make sure the fan in the {0} is {1}.|In the {0}, turn the fan {1}."
        ),
    ),
    "heating": Tool(
        ("set_heating", "heat", "thermostat"),
        "Heat a room to some degrees",
        ((ROOM, "room"), (("degrees", "celsius", "level"), "number")),
        asks=_forms(
            "Heat the {0} to {1} degrees.|Make it {1} degrees in the {0}.|I want {1} degrees in "
            "the {0}.|Set the {0} to {1} degrees.|It is cold in the {0}. Make it {1} degrees.|"
            "Warm the {0} to {1}.|Set the heating in the {0} to {1}.|"
            "{1} degrees in the {0}, please."
            "|Can you heat the {0} to {1} degrees?|The {0} should have {1} degrees.|"
            "Bring the {0} to {1} degrees.|Heating in the {0}: {1}|Please warm up the {0} to {1}."
        ),
    ),
    "timer": Tool(
        ("start_timer", "timer", "countdown"),
        "Start a timer",
        ((("minutes", "length", "duration"), "number"),),
        asks=_forms(
            "Start a timer of {0} minutes.|Set a timer for {0} minutes.|Timer: {0} minutes|"
            "Tell me when {0} minutes are over.|Count down {0} minutes.|I need {0} minutes on the "
            "timer.|Remind me in {0} minutes.|Ring in {0} minutes.|{0} minutes, please.|"
            "Call me after {0} minutes.|Can you time {0} minutes?|Give me {0} minutes.|"
            "Let me know after {0} minutes."
        ),
    ),
    "money": Tool(
        ("convert_money", "exchange", "to_currency"),
        "Change euros into a currency",
        ((("amount", "euros", "sum"), "decimal"), (("currency", "into", "to"), "currency")),
        ("value", "{0} euros are {result} {1}."),
        _forms(
            "How much are {0} euros in {1}?|Change {0} euros into {1}.|Convert {0} euros to {1}.|"
            "What are {0} euros in {1}?|{0} euros in {1}?|I have {0} euros. How many {1} is that?|"
            "How many {1} do I get for {0} euros?|Exchange {0} euros for {1}.|"
            "Turn {0} euros into {1}.|Give me {0} euros in {1}.|I want {1} for {0} euros.|"
            "{0} euros make how many {1}?|What do I get in {1} for {0} euros?"
        ),
    ),
    "add": Tool(
        ("add", "add_numbers", "plus"),
        "Add two numbers",
        ((("a", "x", "first"), "decimal"), (("b", "y", "second"), "decimal")),
        asks=_forms(
            "What is {0} plus {1}?|Add {0} and {1}.|Add {0} to {1}.|{0} + {1}|{0} plus {1}?|"
            "How much is {0} + {1}?|Sum up {0} and {1}.|The sum of {0} and {1}?|"
            "Calculate {0} + {1}.|I have {0} and get {1} more. How much is it?|"
            "Find the sum of {0} and {1}.|What do {0} and {1} make together?|"
            "Put {0} and {1} together."
        ),
    ),
    "translate": Tool(
        ("translate", "to_language", "dictionary"),
        "Translate a text",
        ((("text", "word", "what"), "text"), (("language", "to", "into"), "language")),
        asks=_forms(
            'Translate "{0}" into {1}.|Translate "{0}" to {1}.|What is "{0}" in {1}?|'
            'How do you say "{0}" in {1}?|Say "{0}" in {1}.|"{0}" in {1}?|'
            'I need "{0}" in {1}.|What does "{0}" mean in {1}?|Give me the {1} for "{0}".|'
            'Put "{0}" into {1}.|How is "{0}" said in {1}?|The {1} word for "{0}"?|'
            'Write "{0}" in {1}.'
        ),
    ),
    "song": Tool(
        ("play_song", "play", "music"),
        "Play a song",
        ((("title", "song", "name"), "text"),),
        asks=_forms(
            'Play the song "{0}".|Play "{0}".|I want to hear "{0}".|Let me hear "{0}".|'
            'Put on "{0}".|Start the song "{0}".|Can you play "{0}"?|Music: "{0}"|'
            'The song "{0}", please.|I would like to listen to "{0}".|Sing "{0}".|'
            'Please start "{0}".|I like the song "{0}". Play it.'
        ),
    ),
    "note": Tool(
        ("save_note", "note", "write_down"),
        "Save a note",
        ((("note", "text", "content"), "text"),),
        asks=_forms(
            'Note: {0}|Write down "{0}".|Save the note "{0}".|Make a note: {0}|Remember "{0}" '
            'for me.|Take a note that says "{0}".|Note down: {0}|Please save "{0}".|'
            'I must not forget: {0}|A note, please: {0}|Put "{0}" into my notes.|'
            'Keep a note of "{0}".|Add a note with the text "{0}".'
        ),
    ),
    "shopping": Tool(
        ("add_item", "add_to_list", "shopping_list"),
        "Add to the shopping list",
        ((("item", "what", "name"), "food"), (("count", "amount", "number"), "number")),
        asks=_forms(
            "Put {1} times {0} on my list.|Add {0} to my shopping list, {1} of it.|"
            "I need to buy {0}, {1} times.|Shopping list: {0}, {1}|{1} x {0} on the list, please.|"
            "Write {0} on the shopping list, {1} times.|Add {1} x {0}.|I want to buy {1} x {0}.|"
            "Note for shopping: {1} x {0}|Remember to buy {0}: {1} of them.|On my list: {1} x {0}|"
            "We are out of {0}. Put {1} on the list.|Please add {1} of {0} to the list."
        ),
    ),
    "distance": Tool(
        ("get_distance", "distance", "how_far"),
        "Distance between two cities",
        ((("start", "from", "a"), "city"), (("end", "to", "b"), "city")),
        ("km", "It is {result} km from {0} to {1}."),
        _forms(
            "How far is it from {0} to {1}?|What is the distance from {0} to {1}?|"
            "Distance between {0} and {1}?|How many kilometres are between {0} and {1}?|"
            "From {0} to {1}, how far is it?|I go from {0} to {1}. How far is that?|"
            "How long is the way from {0} to {1}?|Tell me how far {0} is from {1}."
            "|Is it far from {0} to {1}?|{0} to {1}: how many km?|How far apart are {0} and {1}?|"
            "Find the distance from {0} to {1}.|How many km is it from {0} to {1}?"
        ),
    ),
    "event": Tool(
        ("add_event", "calendar", "plan_event"),
        "Put something into the calendar",
        ((("title", "what", "event"), "text"), (("day", "when", "on"), "day")),
        asks=_forms(
            'Put "{0}" into my calendar on {1}.|On {1} I have "{0}". Note it.|'
            'Add "{0}" on {1}.|Plan "{0}" for {1}.|Calendar: "{0}", {1}|'
            'I have "{0}" on {1}. Put it into the calendar.|{1}: "{0}"|'
            'Make an event "{0}" on {1}.|Set "{0}" for {1}.|Enter "{0}" for {1}.|'
            'Write "{0}" into the calendar for {1}.|Schedule "{0}" on {1}.|Book {1} for "{0}".'
        ),
    ),
    "volume": Tool(
        ("set_volume", "volume", "loudness"),
        "Set how loud the music is",
        ((("level", "volume", "percent"), "number"),),
        asks=_forms(
            "Set the volume to {0}.|Volume {0}|Make it {0} percent loud.|Turn the music to {0}.|"
            "I want the volume at {0}.|Put the volume on {0}.|Loudness: {0}|"
            "Change the volume to {0}, please.|The music should be at {0}.|Sound at {0}.|"
            "Can you set the sound to {0}?|Turn the volume to {0}.|Volume to {0}, please."
        ),
    ),
    "order": Tool(
        ("find_order", "order_status", "track"),
        "Find out where an order is",
        ((("order", "id", "number"), "code"),),
        ("days", "Order {0} comes in {result} days."),
        _forms(
            "Where is my order {0}?|Track order {0}.|When does order {0} come?|"
            "What about my order {0}?|I wait for order {0}.|Order {0}: where is it?|"
            "Find order {0}.|Status of order {0}?|Look up the order {0}.|Has {0} been sent?|"
            "My order number is {0}. Where is it?|Check order {0}, please.|"
            "I ordered {0}. Where is it?"
        ),
    ),
    "pick": Tool(
        ("random_number", "pick_number", "dice"),
        "Pick a random number",
        ((("low", "min", "from"), "hour"), (("high", "max", "to"), "number")),
        asks=_forms(
            "Pick a number from {0} to {1}.|A random number from {0} to {1}, please.|"
            "Give me any number between {0} and {1}.|Roll from {0} to {1}.|Choose between {0} and "
            "{1}.|Random: {0} to {1}|Draw a number from {0} to {1}.|I need a random number between "
            "{0} and {1}.|Throw the dice from {0} to {1}.|Between {0} and {1}, pick one.|"
            "Take a number from {0} to {1}.|Think of a number from {0} to {1}.|"
            "Any number from {0} to {1}?"
        ),
    ),
    "coffee": Tool(
        ("make_drink", "brew", "drink"),
        "Make a hot drink",
        ((("drink", "kind", "what"), "drink"), (("size", "cup", "amount"), "size")),
        asks=_forms(
            "Make me a {1} {0}.|I want a {1} {0}.|A {1} {0}, please.|Brew a {1} {0}.|"
            "Can I have a {1} {0}?|I would like {0}, {1}.|One {1} {0}.|{0}, {1}, please.|"
            "Give me {0} in a {1} cup.|Prepare a {1} {0}.|Could you make {0}? A {1} one.|"
            "I feel like a {1} {0}.|Get me a {1} {0}."
        ),
    ),
}
# Tools made up for one sample: looking up a property, doing something to a thing, or no known word.
PROPERTIES = listed(
    "height weight age owner length colour rating status score salary address birthday email width "
    "depth speed size author artist grade level rank code key date team boss floor seat"
)
LOOKS = _forms(
    "What is the {p} of {0}?|Tell me the {p} of {0}.|{p} of {0}?|Get the {p} of {0}.|"
    "Look up the {p} of {0}.|What {p} has {0}?|I need the {p} of {0}.|Which {p} does {0} have?|"
    "Find the {p} of {0}.|Do you know the {p} of {0}?|{0}: what is the {p}?|"
    "Give me the {p} of {0}.|"
    "Can you find the {p} of {0}?|What's {0}'s {p}?|I would like to know the {p} of {0}.|"
    "Show the {p} of {0}.|Check the {p} of {0}.|What about the {p} of {0}?|The {p} of {0}, please.|"
    "Please find out {0}'s {p}.|How do I get the {p} of {0}?"
)
VERBS = listed(
    "open close delete print buy book stop copy move remove rename lock unlock share clean pay "
    "check read load update cancel repair paint wash sell rent watch follow block"
)
OBJECTS = listed(
    "file item task page report ticket device account folder photo car table order door"
)
DOINGS = _forms(
    "{p} {0}.|Please {p} {0}.|{p} {0}, please.|Can you {p} {0}?|I want you to {p} {0}.|"
    "{p} the {o} {0}.|Could you {p} the {o} {0}?|I need to {p} {0}.|You should {p} the {o} {0}.|"
    "Would you {p} {0} for me?|Now {p} {0}.|Time to {p} the {o} {0}.|The {o} {0}: {p} it.|"
    "Take the {o} {0} and {p} it.|Do this: {p} {0}|I would like to {p} the {o} {0}.|"
    "Help me to {p} {0}.|Go and {p} {0}.|My {o} is {0}. Please {p} it.|Let us {p} the {o} {0}."
)
CALLS = _forms(
    "Call {p} with {0}.|Use {p} with {0}.|Run {p} on {0}.|{p}({0})|Use the tool {p} on {0}.|"
    "{p} {0}|{p}: {0}|Call the function {p} with {0}.|Please {p} {0}.|Do a {p} with {0}.|"
    "I want {p} of {0}.|What is the {p} of {0}?|Can you {p} {0}?|Try {p} with {0}.|"
    "Give {0} to {p}.|Start {p} for {0}.|Apply {p} to {0}.|Let {p} work on {0}."
)
LISTS = {
    "city": CITIES,
    "land": LANDS,
    "word": COMMON,
    "room": listed("kitchen bedroom hall garage office bathroom cellar attic garden study porch"),
    "person": NAMES,
    "food": FOODS,
    "state": ("on", "off"),
    "size": ("small", "medium", "large"),
    "day": ONES["a day of the week"],
    "currency": listed("dollars pounds yen francs crowns rupees"),
    "language": listed("French German Spanish Italian Dutch Polish Latin Greek"),
    "drink": ("coffee", "tea", "cocoa", "milk"),
}
ENUMS = ("state", "size", "drink", "currency")
TYPES = {"number": "integer", "hour": "integer", "decimal": "number"}


def _value(rng: Random, kind: str) -> object:
    if kind in ("number", "hour"):
        return rng.randint(2, 99) if kind == "number" else rng.randint(1, 23)
    if kind == "decimal":
        whole = rng.random() < 0.5
        return rng.randint(1, 999) if whole else float(f"{rng.randint(0, 99)}.{rng.randint(1, 9)}")
    if kind == "code":
        return f"{rng.choice('ABCDKQX')}{rng.choice(('', '-', 'B'))}{rng.randint(1, 99999)}"
    if kind == "text":
        return " ".join(rng.choices(COMMON, k=rng.choice((1, 1, 2, 3))))
    return rng.choice(LISTS[kind])


def _make_up(rng: Random) -> Tool:
    """A tool that is in no list, so that names and arguments must be read and copied."""
    kind = rng.choice(("look", "do", "call"))
    value = rng.choice(("person", "city", "word", "code", "number", "land"))
    if kind == "look":
        word = rng.choice(PROPERTIES)
        names = (f"get_{word}", f"{word}_of", f"find_{word}", f"read_{word}", word)
        keys = ("name", "of", "who", "what", "key", "item", "id")
        result = (word, f"The {word} of {{0}} is {{result}}.")
        does = f"{capital(word)} of something"
        return Tool(names, does, ((keys, value),), result, _fill(LOOKS, word))
    if kind == "do":
        word, thing = rng.choice(VERBS), rng.choice(OBJECTS)
        names = (f"{word}_{thing}", f"{word}_the_{thing}", f"{thing}_{word}", word)
        keys = (thing, "name", "id", "target", "which", "what")
        asks = _fill(DOINGS, word, thing)
        return Tool(names, f"{capital(word)} a {thing}", ((keys, value),), asks=asks)
    word = "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))
    keys = ("x", "input", "value", word[:3], "arg", "data")
    return Tool((word,), f"Does {word}", ((keys, value),), asks=_fill(CALLS, word))


def _fill(forms: tuple[str, ...], word: str, thing: str = "") -> tuple[str, ...]:
    return tuple(form.replace("{p}", word).replace("{o}", thing) for form in forms)


def _choose_tool(rng: Random, kind: str) -> Tool:
    return _make_up(rng) if kind == "made_up" else TOOLS[kind]


def _choose_kind(rng: Random) -> str:
    return "made_up" if rng.random() < 0.35 else rng.choice(tuple(TOOLS))


def _write_tool(rng: Random, tool: Tool) -> dict:
    """A tool as the API takes it, its names chosen anew."""
    properties = {}
    for names, value in tool.arguments:
        properties[rng.choice(names)] = {"type": TYPES.get(value, "string")}
        if value in ENUMS and rng.random() < 0.5:
            properties[list(properties)[-1]]["enum"] = list(LISTS[value])
    parameters = {"type": "object", "properties": properties}
    if rng.random() < 0.7:
        parameters["required"] = list(properties)
    function = {"name": rng.choice(tool.names), "description": tool.does, "parameters": parameters}
    return {"type": "function", "function": function}


def _choose_tools(
    rng: Random, kind: str | None, tool: Tool | None, count: int
) -> tuple[list[dict], dict | None]:
    """`count` tools and `tool` (of `kind`) if that is said, and that one."""
    others = [_choose_other(rng, kind, tool) for _ in range(count)]
    tools = [_write_tool(rng, other) for other in dict.fromkeys(others)]
    chosen = _write_tool(rng, tool) if tool else None
    if chosen:
        tools.insert(rng.randrange(len(tools) + 1), chosen)
    return tools, chosen


def _choose_other(rng: Random, kind: str | None, tool: Tool | None) -> Tool:
    """A tool that a question for `tool`, or one for none, does not mean."""
    if kind in (None, "made_up") and rng.random() < 0.3:
        other = _make_up(rng)
        return other if tool is None or not set(other.names) & set(tool.names) else TOOLS["weather"]
    left = [one for one in TOOLS if one not in (kind, *ALIKE.get(kind, ()))]
    return TOOLS[rng.choice(left)]


# Tools that a question for the one might as well mean.
ALIKE = {
    None: ("pick", "coffee", "note"),
    "made_up": ("search", "order", "event", "shopping", "note", "song"),
    "alarm": ("timer",),
    "timer": ("alarm",),
    "note": ("event", "shopping", "message"),
    "event": ("note", "message"),
    "shopping": ("note",),
    "message": ("note", "event"),
    "multiply": ("pick",),
}


def _ask_for(rng: Random, words: Wordings, kind: str, tool: Tool) -> tuple[str, list]:
    """A question that the tool answers, and the values in it."""
    values = [_value(rng, value) for _, value in tool.arguments]
    if tool.asks:
        form = choose_form(rng, words, tool.asks)
        if kind == "pick":
            values.sort()
        if kind == "distance" and values[0] == values[1]:
            return _ask_for(rng, words, kind, tool)
        return (form if form[0] == "{" else capital(form)).format(*values), values
    if kind == "message" and rng.random() < 0.3:
        values[1] = _value(rng, "text")
    names = {f"v{i}": value for i, value in enumerate(values)}
    return words.ask_exactly(rng, f"tool_{kind}", **names), values


def _call(
    rng: Random, words: Wordings, kind: str, others: int
) -> tuple[str, dict, list[dict], list, Tool]:
    """A question, the call that it wants, the tools offered, the values, and the tool called."""
    tool = _choose_tool(rng, kind)
    tools, chosen = _choose_tools(rng, kind, tool, others)
    question, values = _ask_for(rng, words, kind, tool)
    function = chosen["function"]
    keys = function["parameters"]["properties"]
    call = {"name": function["name"], "arguments": dict(zip(keys, values, strict=True))}
    return question, call, tools, values, tool


def _write_call(call: dict) -> dict:
    """The assistant's message that makes the call."""
    function = {"name": call["name"], "arguments": to_tool_json(call["arguments"])}
    made = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [made]}


def ask_tool_call(rng: Random, words: Wordings) -> Turn:
    question, call, tools, *_ = _call(rng, words, _choose_kind(rng), rng.choice((0, 1, 1)))
    reply = f"<tool_call>\n{to_tool_json(call)}\n</tool_call>"
    return Turn("tool_call", question, reply, {"judge": "call", "is": call}, tools=tuple(tools))


REPLIES_NO_TOOL = (
    "I cannot do that. No tool fits.",
    "I do not know. No tool here fits.",
    "I cannot do that: I have no tool for it.",
)


def ask_tool_none(rng: Random, words: Wordings) -> Turn:
    """Tools are there, but none fits the question."""
    if rng.random() < 0.3:
        return _ask_for_another(rng, words)
    tools, _ = _choose_tools(rng, None, None, rng.choice((1, 1, 2)))
    asks = (ask_reverse, ask_glossary, ask_talk, ask_name_one, ask_topic)
    plain = rng.choice(asks)(rng, words)
    truth = {"judge": "no_call", "then": plain.truth}
    return Turn("tool_none", plain.question, plain.reply, truth, tools=tuple(tools))


def _ask_for_another(rng: Random, words: Wordings) -> Turn:
    """The question is for a tool that is not there."""
    kind = rng.choice([one for one in TOOLS if one not in ("multiply", "add", "note")])
    question, _ = _ask_for(rng, words, kind, TOOLS[kind])
    left = [one for one in TOOLS if one not in (kind, *ALIKE.get(kind, ()))]
    tools = [_write_tool(rng, TOOLS[one]) for one in rng.sample(left, k=rng.choice((1, 1, 2)))]
    truth = {"judge": "no_call", "then": {"judge": "unknown"}}
    return Turn("tool_none", question, rng.choice(REPLIES_NO_TOOL), truth, tools=tuple(tools))


def ask_tool_result(rng: Random, words: Wordings) -> Turn:
    """The call was made and its result is there: say it in a sentence."""
    kind = rng.choice([one for one, tool in TOOLS.items() if tool.results[0]])
    others = rng.choice((0, 0, 0, 1))  # few, for such conversations are long
    question, call, tools, values, tool = _call(rng, words, kind, others)
    key, told = tool.results
    result = rng.randint(0, 99) if kind != "multiply" else values[0] * values[1]
    content = json.dumps({rng.choice((key, "result", "value")): result})
    called = _write_call(call)
    before = ({"role": "user", "content": question}, called,
              {"role": "tool", "tool_call_id": "call_1", "content": content})  # fmt: skip
    reply = told.format(*values, result=result)
    truth = {"judge": "no_call", "then": {"judge": "holds", "is": str(result)}}
    return Turn("tool_result", "", reply, truth, before, tuple(tools))
