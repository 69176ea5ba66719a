"""Checks for the exercises of notebook 03, Chat with text."""

import math
import re

from helpers.exercises import (
    BLANK,
    Verdict,
    is_blank,
    read_number,
    read_share,
    right,
    show,
    wrong,
)

# Exercise 3: the logprobs of the only three candidates, and the temperature.
LOGPROBS = {"red": -0.105, "blue": -2.813, "green": -3.507}
TOKEN, TEMPERATURE = "blue", 2.0
BICYCLE = r"\b(bicycle|bike)s?\b"
COLOUR = r"colou?r|paint|hue|shade|look"
ITS = rf"{BICYCLE}|\b(it|its|that|one|mine)\b"
DENIED = r"(\b(not|never|no longer|anything but)\b|n['’]t\b)((?!\b(?:but|and)\b)[^,;])*\borange\b"
# What is said of a bicycle is looked for part by part; it takes no grammar of English, so a rare
# wording may be judged wrongly.
PARTS = r"[,;]|\b(?:and|while|whereas|but)\b"
IT = rf"{BICYCLE}|\bits?\b"
OWNER = r"\b(?:my|the|an?|our|your|his|her|their)\s+"
NOT_ITS = rf"{OWNER}(?!colou?r|paint|frame)\w+ (?:(?:is|was|looks) )?(?:\w+ )?orange\b"
FRUIT = (
    r"\borange (?:juice|jam|soda|peel|tree|cake|marmalade|lemonade)|"
    r"\b(?:like|love|eat|hate|drink)s? (?:an )?orange\b(?! bi)"
)
COLOURS = "red|green|blue|yellow|black|white|grey|gray|pink|purple|brown"
OTHER_COLOUR = rf"{BICYCLE}.* is (?:(?!not\b|never\b)\w+ )?({COLOURS})\b"
OTHER_QUESTION = r"colou?r.*(?<!\bor )\bnot\b|\bmy (?!friend|dear)\w+\W*$"
ASKS_NOT = r"(?<!\bor )\bnot\W*$"
PER_SECOND = r"(tokens?|tok|t)?(/|per|a)s(ec(onds?)?)?|tps"


def check_speed(arrivals: list[float], ttft: object, tokens_per_second: object) -> Verdict:
    """Exercise 1: TTFT and tokens a second from the arrival times, in seconds, of the tokens."""
    if is_blank(ttft) or is_blank(tokens_per_second):
        return BLANK
    if not isinstance(arrivals, list) or len(arrivals) < 2 or not _is_rising(arrivals):
        return wrong("Keep the list of the exercise: run the cell that sets it again.")
    first = _read_seconds(ttft)
    expected = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
    speed = read_number(
        tokens_per_second, PER_SECOND, lambda number: math.isclose(number, expected, rel_tol=0.01)
    )
    if first is None:
        return wrong(f"{show(ttft)} is no time: give `ttft` in seconds, as a number.")
    if not math.isclose(first, arrivals[0], rel_tol=0.01):
        return wrong(f"`ttft` is not {show(ttft)}: {_explain_ttft(first, arrivals)}")
    if speed is None:
        return wrong(f"{show(tokens_per_second)} is no number: give tokens a second.")
    if math.isclose(speed, expected, rel_tol=0.01):
        return right(f"{arrivals[0] * 1000:.0f} ms of silence, then {expected:.0f} tokens/s.")
    return wrong(f"Not {speed:.10g} tokens/s: {_explain_speed(speed, arrivals)}")


def check_conversation(answer: object) -> Verdict:
    """Exercise 2: three user turns, of which only the first says that the bicycle is orange."""
    if is_blank(answer):
        return BLANK
    several = isinstance(answer, list | tuple) and len(answer) > 0
    if not several or not all(isinstance(message, dict) for message in answer):
        return wrong("`answer` is to be a list of messages, each a dictionary.")
    texts = [_read_text(message) for message in answer]
    if not all(texts):
        number = texts.index("") + 1
        return wrong(f'Message {number} has no text: write {{"role": …, "content": "…"}}.')
    roles = [message.get("role") for message in answer]
    roles = [role if isinstance(role, str) else None for role in roles]
    start = 1 if roles[0] == "system" else 0
    if fault := _check_roles(roles[start:]):
        return wrong(fault)
    return _check_who_says_orange(texts, start)


def check_probability(answer: object) -> Verdict:
    """Exercise 3: the probability of one of three tokens at temperature 2."""
    if is_blank(answer):
        return BLANK
    number = read_share(answer)
    if number is None:
        return wrong(f"{show(answer)} is no number: give a probability between 0 and 1.")
    expected = _soften(TEMPERATURE)[TOKEN]
    if math.isclose(number, expected, abs_tol=0.001):
        known = math.exp(LOGPROBS[TOKEN])
        return right(f"{expected:.1%}, three times the {known:.1%} that the model gave it.")
    return wrong(f"Not {number:.6g}: {_explain_probability(number)}")


def _is_rising(arrivals: list) -> bool:
    numbers = all(isinstance(one, int | float) for one in arrivals)
    return numbers and arrivals[0] < arrivals[-1]


def _explain_ttft(first: float, arrivals: list[float]) -> str:
    if math.isclose(first, arrivals[0] * 1000, rel_tol=0.01):
        return "that is in milliseconds, seconds are asked for."
    if math.isclose(first, arrivals[-1], rel_tol=0.01):
        return "that is when the last token came."
    return "it is the time from the request to the first token."


def _explain_speed(speed: float, arrivals: list[float]) -> str:
    count, whole, writing = len(arrivals), arrivals[-1], arrivals[-1] - arrivals[0]
    slips = {
        count / writing: "between the first and the last token lie one fewer gaps than tokens.",
        count / whole: "that counts the wait for the first token; divide by the time after it.",
        (count - 1) / whole: "that counts the wait for the first token; divide by the time after.",
        writing / (count - 1): "that is the seconds for one token; you need tokens for one second.",
        1000 * writing / (count - 1): "that is milliseconds for one token; turn it round.",
    }
    for slip, meaning in slips.items():
        if math.isclose(speed, slip, rel_tol=0.01):
            return meaning
    return "divide the tokens after the first by the time between the first and the last."


def _check_roles(roles: list[object]) -> str:
    """Say what is wrong with the order of roles after the system message; '' if nothing."""
    for number, role in enumerate(roles):
        expected = ("user", "assistant")[number % 2]
        if role == "system":
            return "A system message belongs at the very start, once."
        if role != expected:
            return f"User and assistant take turns; where {expected!r} is due stands {role!r}."
    if len(roles) % 2 == 0:
        return "The list is to end with a question of the user's: the reply to it comes next."
    if len(roles) != 5:
        return f"Three user turns are asked for; yours has {len(roles) // 2 + 1}."
    return ""


def _check_who_says_orange(texts: list[str], start: int) -> Verdict:
    first, second, last = texts[start], texts[start + 2], texts[-1]
    if not _tells_orange(first):
        return wrong(f"The first user turn does not say that a bicycle is orange: {first!r}")
    others = [text for number, text in enumerate(texts) if number != start]
    leaks = [text for text in others if re.search(r"\boranges?\b", text, re.IGNORECASE)]
    if leaks:
        return wrong(f"The colour is also given away here: {leaks[0]!r}")
    if re.search(BICYCLE, second, re.IGNORECASE):
        return wrong(f"The second user turn is to be about something else: {second!r}")
    if not _asks_colour(last.lower()):
        return wrong(f"The last turn does not ask for the bicycle's colour: {last!r}")
    return right("Only the first turn knows: cut it from the list and no model can answer.")


def _tells_orange(text: str) -> bool:
    """True if a text about a bicycle has a sentence that says orange, not asks or denies it."""
    sentences = re.findall(r"[^.!?]+[.!?]?", text.lower())
    says = [one for one in sentences if re.search(r"\borange\b", one) and not one.endswith("?")]
    told = any(not re.search(DENIED, one) and _is_about_bicycle(one) for one in says)
    return told and re.search(BICYCLE, text, re.IGNORECASE) is not None


def _is_about_bicycle(sentence: str) -> bool:
    """False if a sentence calls another thing orange, the bicycle another colour, or has fruit."""
    parts = re.split(PARTS, sentence)
    orange = [part for part in parts if re.search(r"\borange\b", part)]
    others = [part for part in parts if part not in orange and re.search(OTHER_COLOUR, part)]
    fits = [
        part
        for part in orange
        if not re.search(FRUIT, part) and (re.search(IT, part) or not re.search(NOT_ITS, part))
    ]
    return bool(fits) and not others


def _asks_colour(text: str) -> bool:
    """True if a text in small letters asks for the colour of the bicycle, or of "it"."""
    if not re.search(COLOUR, text) or not re.search(ITS, text) or re.search(ASKS_NOT, text):
        return False
    return re.search(BICYCLE, text) is not None or not re.search(OTHER_QUESTION, text)


def _explain_probability(number: float) -> str:
    plain, wanted = math.exp(LOGPROBS[TOKEN]), _soften(TEMPERATURE)
    slips = {
        100 * wanted[TOKEN]: "that is in per cent; write it as a share of 1.",
        wanted["red"]: "that is the one of red.",
        wanted["green"]: "that is the one of green.",
        math.sqrt(plain): "divide by the sum over all three, so that they add up to 1 again.",
        plain: "that is without any temperature; divide the logprob by 2 first.",
        plain / 2: "the logprob is to be divided by 2, not the probability.",
        _soften(1)[TOKEN]: "that is at temperature 1; divide each logprob by 2 first.",
        _soften(1 / TEMPERATURE)[TOKEN]: "that is at temperature 0.5; divide, do not multiply.",
    }
    for slip, meaning in slips.items():
        if math.isclose(number, slip, rel_tol=0.005):
            return meaning
    return "divide each logprob by 2, take exp, divide by the sum of the three."


def _soften(temperature: float) -> dict[str, float]:
    """The softmax of LOGPROBS / temperature."""
    weights = {token: math.exp(logprob / temperature) for token, logprob in LOGPROBS.items()}
    return {token: weight / sum(weights.values()) for token, weight in weights.items()}


def _read_text(message: dict) -> str:
    """The text of a message whose content is a string or a list of text parts; '' if none."""
    content = message.get("content")
    if isinstance(content, list | tuple):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = " ".join(part for part in parts if isinstance(part, str))
    return content.strip() if isinstance(content, str) else ""


def _read_seconds(answer: object) -> float | None:
    """Seconds from 0.21, '0.21 s' or '210 ms'."""
    milli = "ms(ec)?|milli ?seconds?"
    if isinstance(answer, str) and re.search(rf"({milli})\W*$", answer, re.IGNORECASE):
        milliseconds = read_number(answer, milli)
        return None if milliseconds is None else milliseconds / 1000
    return read_number(answer, r"s(ec(onds?)?)?")
