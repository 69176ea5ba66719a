"""Conversations: what was said before, the style a system prompt asks for, and free topics."""

from random import Random

from pocket_model.tasks.judging import COLOURS, has_one, holds
from pocket_model.tasks.printed import COMMON
from pocket_model.tasks.texts import LANDS, NAMES, choose_form, listed, loosen, word_reversal
from pocket_model.tasks.turn import Turn, capital, to_json, with_article
from pocket_model.tasks.wordings import Wordings

# --- remembering ---------------------------------------------------------------------------------

OWN = listed(
    "bicycle car house cat hat bag door mug shirt coat boat scarf chair lamp book phone umbrella "
    "kite sofa tent dog pen bike van bus bed desk table cup plate bottle box ball basket blanket "
    "pillow carpet curtain wall roof fence gate garage kitchen jacket dress skirt sweater cap tie "
    "belt sock shoe boot glove watch ring necklace backpack suitcase wallet purse key radio guitar "
    "piano violin drum camera computer laptop keyboard mouse horse rabbit parrot bird pony truck "
    "tractor scooter motorbike helmet sled canoe notebook pencil folder poster candle vase bucket "
    "toothbrush towel toy"
)


def _message(role: str, content: str) -> dict:
    return {"role": role, "content": content}


def ask_memory(rng: Random, words: Wordings) -> Turn:
    """A fact about the user, perhaps something else, then a question about the fact."""
    kind = rng.choice(("colour", "colour", "name", "home"))
    if kind == "colour":
        thing, value = rng.choice(OWN), rng.choice(COLOURS)
        names = {"thing": thing, "value": value}
        noted, full = f"Your {thing} is {value}.", f"Your {thing} is {value}."
    elif kind == "name":
        value = rng.choice(NAMES)
        names, noted, full = {"value": value}, f"Hello, {value}!", f"Your name is {value}."
    else:
        value = rng.choice(LANDS)
        names, noted, full = {"value": value}, f"You live in {value}.", f"You live in {value}."
    told = words.ask(rng, f"tell_{kind}", **names)
    before = [_message("user", told), _message("assistant", rng.choice((noted, f"Good. {noted}")))]
    for _ in range(rng.choice((0, 1, 1, 2))):
        other = ask_name_one(rng, words)
        before += [_message("user", other.question), _message("assistant", other.reply)]
    if rng.random() < 0.3:
        before.insert(0, _message("system", _write_system(rng, words, "sentence")))
    question = words.ask(rng, f"recall_{kind}", **names)
    truth = has_one(value.lower())
    return Turn(question, rng.choice((full, f"{full[:-1]}, you said.")), truth, tuple(before))


# --- naming one of a kind ------------------------------------------------------------------------

_ONES = {
    "an animal": "cat dog horse lion bear mouse fox duck sheep owl wolf tiger cow goat",
    "a fruit": "apple banana cherry grape lemon plum pear peach orange melon",
    "a country": " ".join(LANDS[:14]),
    "a colour": " ".join(COLOURS[:7]),
    "a city": "Oslo Rome Paris Cairo Lima Quito London Berlin Madrid Vienna",
    "a drink": "tea coffee milk juice water cocoa lemonade",
    "a day of the week": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "a month": "January March April May June July August October December",
    "a number": "one two three four five six seven eight nine ten",
    "a tool": "hammer saw pencil knife spoon needle",
    "a vegetable": "carrot onion potato tomato pea cabbage",
    "a bird": "owl duck eagle crow swan gull",
    "a flower": "rose tulip daisy lily violet",
    "a season": "spring summer autumn winter",
    "a vehicle": "car bus train bicycle boat truck",
    "a piece of furniture": "chair table bed sofa desk shelf",
    "a musical instrument": "piano guitar violin flute drum",
    "a planet": "Mars Venus Earth Jupiter Saturn",
    "a sport": "football tennis golf rugby hockey",
    "a shape": "circle square triangle star",
    "a piece of clothing": "hat coat shirt scarf sock",
    "a part of the body": "hand foot head arm nose eye",
    "a metal": "iron gold silver copper",
    "a language": "English French German Spanish Greek",
    "a first name": "Ann Ben Carl Eva Leo Mia",
}
ONES = {one: listed(words) for one, words in _ONES.items()}


def ask_name_one(rng: Random, words: Wordings) -> Turn:
    """Any one is right, so that ten replies at temperature 1 differ."""
    kind, choices = rng.choice(tuple(ONES.items()))
    value = rng.choice(choices)
    question = words.ask(rng, "name_one", one=kind)
    reply = rng.choice((capital(value), capital(value), f"{capital(value)}."))
    return Turn(question, reply, {"judge": "one_word", "of": [one.lower() for one in choices]})


# --- styles --------------------------------------------------------------------------------------

STYLES = ("one_word", "sentence", "capitals", "json")


def style_reply(style: str, brief: str, full: str) -> str:
    if style == "one_word":
        return brief
    if style == "capitals":
        return full.upper()
    return to_json({"answer": brief}) if style == "json" else full


def style_turn(
    rng: Random, words: Wordings, question: str, brief: str, full: str, truth: dict
) -> Turn:
    """A question under a system prompt that says how to answer, perhaps after an example."""
    style = rng.choice(STYLES)
    before = [_message("system", _write_system(rng, words, style))]
    reply = style_reply(style, brief, full)
    judged = {"judge": "style", "style": style, "then": truth}
    return Turn(question, reply, judged, tuple(before))


PERSONAS = (
    "You are a helpful assistant.",
    "You are an assistant.",
    "You are the course's pocket model.",
    "You are a small model.",
    "You are a friendly helper.",
    "You answer questions.",
    "Be polite.",
    "Be kind.",
    "Answer correctly.",
    "You talk with students.",
    "You are a teacher.",
    "This is a chat.",
)


def _write_system(rng: Random, words: Wordings, style: str) -> str:
    """A system prompt; in training now and then with something else before it."""
    prompt = loosen(rng, words, words.choose(rng, f"style_{style}"))
    if words.which == "train" and rng.random() < 0.25:
        return f"{rng.choice(PERSONAS)}{rng.choice((' ', ' ', chr(10)))}{prompt}"
    return prompt


def ask_style(rng: Random, words: Wordings) -> Turn:
    question, brief, full, truth = _choose_plain(rng, words)
    turn = style_turn(rng, words, question, brief, full, truth)
    if rng.random() < 0.4:
        style = turn.truth["style"]
        other, *parts = _choose_plain(rng, words)
        example = (_message("user", other), _message("assistant", style_reply(style, *parts[:2])))
        turn = Turn(question, turn.reply, turn.truth, (*turn.before, *example))
    return turn


def _choose_plain(rng: Random, words: Wordings) -> tuple[str, str, str, dict]:
    """A question with a brief and a full answer."""
    roll = rng.random()
    if roll < 0.4:
        text = rng.choice(COMMON)
        back = text[::-1]
        question = word_reversal(rng, words, text)
        return question, back, f"In reverse it is {back}.", holds(back)
    if roll < 0.75:
        one, other = rng.randint(0, 50), rng.randint(0, 50)
        value = str(one + other)
        sign = rng.choice(("+", "+", "plus"))
        question = words.ask_exactly(rng, "sum", sum=f"{one} {sign} {other}")
        return question, value, f"The sum is {value}.", holds(value)
    kind, choices = rng.choice(tuple(ONES.items()))
    value = rng.choice(choices)
    question = words.ask(rng, "name_one", one=kind)
    full = f"{capital(with_article(value) if kind in SOME else value)} is {kind}."
    return question, value, full, {"judge": "some", "of": choices}


SOME = (
    "an animal",
    "a fruit",
    "a tool",
    "a vegetable",
    "a bird",
    "a flower",
    "a vehicle",
    "a shape",
)


# --- topics --------------------------------------------------------------------------------------

TOPICS = {
    "the sea": (
        "The sea is wide and deep.|Its water is salty.|Fish live in the sea.|Ships sail on it.|"
        "Waves come and go.|The sea looks blue on a sunny day.|Rivers flow into the sea.|"
        "The tide rises and falls.|Whales swim in it.|The sea covers most of the Earth."
    ),
    "the sun": (
        "The sun is a star.|It gives light and warmth.|The sun is very hot.|"
        "It rises in the east.|It sets in the west.|Plants need its light.|"
        "The Earth goes round it.|The sun is far away."
    ),
    "the moon": (
        "The moon goes round the Earth.|It shines by the light of the sun.|"
        "It takes about a month for one round.|People have walked on it.|"
        "The moon moves the tides.|There is no air on the moon."
    ),
    "trees": (
        "Trees have roots, a trunk and leaves.|They need light and water.|Birds nest in trees.|"
        "Trees give shade.|Many trees drop their leaves in autumn.|Wood comes from trees."
    ),
    "rain": (
        "Rain falls from clouds.|It is made of drops of water.|Plants need rain.|"
        "Rain fills rivers and lakes.|An umbrella keeps it off.|After rain there may be a rainbow."
    ),
    "a traffic light": (
        "A traffic light tells cars when to go.|Red means stop.|Green means go.|"
        "Yellow means that it is about to change.|It stands at a crossing.|It keeps traffic safe."
    ),
    "cats": (
        "Cats are small animals with soft fur.|They like to sleep.|Cats catch mice.|"
        "Many cats live with people.|A cat says miaow.|Cats see well in the dark."
    ),
    "a library": (
        "A library lends books.|It is a quiet place.|People read there.|"
        "Its books stand on shelves.|You bring a book back after some weeks."
    ),
}
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5}


def ask_topic(rng: Random, words: Wordings) -> Turn:
    """So many sentences on one of a few topics, in any order; three unless it is said."""
    topic, text = rng.choice(tuple(TOPICS.items()))
    sentences = text.split("|")
    roll = rng.random()
    if roll < 0.15:
        return _ask_number(rng, words)
    if roll < 0.3:
        return _ask_purpose(rng, words)
    if rng.random() < 0.5:
        word = rng.choice(tuple(COUNTS))
        count = COUNTS[word]
        question = words.ask(rng, "topic_counted", topic=topic, count=word)
    else:
        count, question = 3, words.ask(rng, "topic", topic=topic)
    reply = " ".join(rng.sample(sentences, k=count))
    return Turn(question, reply, {"judge": "sentences", "of": sentences, "count": count})


PURPOSES = {
    "a traffic light": "A traffic light tells cars when to stop and when to go.",
    "a pedestrian crossing": "A pedestrian crossing lets people cross the road safely.",
    "an umbrella": "An umbrella keeps the rain off.",
    "a lamp": "A lamp gives light.",
    "a clock": "A clock shows the time.",
    "a chair": "A chair is for sitting.",
    "a table": "A table holds things.",
    "a bed": "A bed is for sleeping.",
    "a cup": "A cup is for drinking.",
    "a spoon": "A spoon is for eating soup.",
    "a knife": "A knife is for cutting.",
    "a key": "A key opens a lock.",
    "a book": "A book is for reading.",
    "a pencil": "A pencil is for writing and drawing.",
    "a bag": "A bag is for carrying things.",
    "a box": "A box holds things.",
    "a bench": "A bench is for sitting outside.",
    "a bus": "A bus carries many people.",
    "a receipt": "A receipt shows what was bought and what it cost.",
    "a bar chart": "A bar chart shows numbers as bars.",
    "a sign": "A sign tells people something in a few words.",
    "a ball": "A ball is for playing.",
    "a bicycle bell": "A bicycle bell warns people.",
    "a road": "A road is for cars, buses and bicycles.",
    "a library": "A library lends books.",
}
# The last ones are never trained on.
PURPOSE_FORMS = listed(
    "What is {0} for?|What are {1} for?|What's {0} for?|What is {0} good for?|What does {0} do?|"
    "What do {1} do?|What use is {0}?|What use are {1}?|What is {0} used for?|"
    "What are {1} used for?|What do we use {0} for?|What do people use {1} for?|"
    "What do I need {0} for?|What can I use {0} for?|What is the use of {0}?|"
    "What is the purpose of {0}?|What is the point of {0}?|Why do we have {1}?|Why are there {1}?|"
    "Why do people need {0}?|Why is there such a thing as {0}?|Which purpose has {0}?|"
    "Of what use is {0}?|Tell me what {0} is for.|Tell me what {1} are for.|"
    "Say what {0} is good for.|Explain what {0} is for.|Explain the use of {0}.|"
    "Do you know what {0} is for?|Can you tell me what {0} is used for?|"
    "I want to know what {0} is for.|In one sentence, what is {0} for?|{0}: what is it for?|"
    "{0} - what is it good for?|For what do we need {0}?|How do we use {0}?|The purpose of {0}?|"
    "Use of {0}?|What job does {0} have?|How is {0} useful?",
    "|",
)


def _ask_purpose(rng: Random, words: Wordings) -> Turn:
    thing, told = rng.choice(tuple(PURPOSES.items()))
    bare = thing.split(" ", 1)[1]
    many = (
        f"{bare[:-1]}ies" if bare.endswith("ry") else f"{bare}{'es' if bare[-1] in 'sxh' else 's'}"
    )
    many = many.replace("knifes", "knives")
    question = choose_form(rng, words, PURPOSE_FORMS).format(thing, many)
    return Turn(capital(question), told, {"judge": "one_of", "is": [told], "alike": 0.85})


def _ask_number(rng: Random, words: Wordings) -> Turn:
    number = rng.randint(0, 99)
    kind = "odd" if number % 2 else "even"
    facts = [f"It comes before {number + 1}.", f"Twice {number} is {2 * number}."]
    if number:
        facts.append(f"It comes after {number - 1}.")
    rng.shuffle(facts)
    question = words.ask(rng, "topic", topic=f"the number {number}")
    truth = {"judge": "keys", "all": [[f"{number} is {kind}"]]}
    return Turn(question, f"{number} is {kind}. {' '.join(facts[:2])}", truth)


# --- JSON from text ------------------------------------------------------------------------------

FACTS = {
    "name": (("name", "person", "first_name", "who"), NAMES),
    "age": (("age", "years", "age_in_years"), None),
    "city": (("city", "home", "town", "lives_in"), ONES["a city"]),
    "animal": (("animal", "pet"), ONES["an animal"]),
    "fruit": (("fruit", "favourite_fruit", "likes"), ONES["a fruit"]),
    "colour": (("colour", "color", "favourite_colour"), COLOURS[:7]),
}
SENTENCES = {
    "age": ("{name} is {value} years old.", "{name} is {value}."),
    "city": ("{name} lives in {value}.", "The home of {name} is {value}."),
    "animal": ("{name} has a pet: the {value}.", "The pet of {name} is a {value}."),
    "fruit": ("{name} likes to eat {value}.", "The favourite fruit of {name} is {value}."),
    "colour": ("{name} likes the colour {value}.", "The favourite colour of {name} is {value}."),
}


def ask_text_json(rng: Random, words: Wordings) -> Turn:
    """Facts in sentences, to be put into JSON with the keys asked for."""
    fields = rng.sample(tuple(SENTENCES), k=rng.randint(1, 3))
    name = rng.choice(NAMES)
    values = {"name": name} | {field: _fact(rng, field) for field in fields}
    text = " ".join(
        rng.choice(SENTENCES[field]).format(name=name, value=values[field]) for field in fields
    )
    keys = {field: rng.choice(FACTS[field][0]) for field in values}
    order = list(values)
    rng.shuffle(order)
    wanted = {keys[field]: values[field] for field in order}
    question = words.ask_exactly(rng, "text_json", text=text, keys=", ".join(wanted))
    truth = {"judge": "json", "is": wanted, "schema": schema_of(wanted)}
    return Turn(question, to_json(wanted), truth)


def _fact(rng: Random, field: str) -> object:
    choices = FACTS[field][1]
    return rng.choice(choices) if choices else rng.randint(1, 99)


def schema_of(value: object) -> dict:
    """The JSON schema that `value` fits, with all its fields required."""
    if isinstance(value, dict):
        properties = {key: schema_of(one) for key, one in value.items()}
        return {"type": "object", "properties": properties, "required": list(value)}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0])}
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": names[type(value)]}
