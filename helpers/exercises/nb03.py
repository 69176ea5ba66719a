"""Checks for the exercises of notebook 03, Chat with text."""

import math
import re

from helpers.exercises import BLANK, Verdict, is_blank, read_number, right, wrong

# Exercise 3: the logprobs of the only three candidates, and the temperature.
LOGPROBS = {"red": -0.105, "blue": -2.813, "green": -3.507}
TOKEN, TEMPERATURE = "blue", 2.0
BICYCLE = r"\b(bicycle|bike)s?\b"
COLOUR = r"colou?r|paint|hue|shade|look"
ITS = rf"{BICYCLE}|\b(it|its|that|one|mine)\b"
DENIED = r"(\b(not|never)\b|n['’]t\b)[^,;]*\borange\b"
PER_SECOND = r"(tokens?|tok|t)? ?(/|per) ?s(ec(onds?)?)?"


def check_speed(arrivals: list[float], ttft: object, tokens_per_second: object) -> Verdict:
    """Exercise 1: TTFT and tokens a second from the arrival times, in seconds, of the tokens."""
    if is_blank(ttft) or is_blank(tokens_per_second):
        return BLANK
    if not isinstance(arrivals, list) or len(arrivals) < 2:
        return wrong("Keep the list of the exercise: run the cell that sets it again.")
    first = _read_seconds(ttft)
    speed = read_number(tokens_per_second, PER_SECOND)
    if first is None:
        return wrong(f"{ttft!r} is no time: give `ttft` in seconds, as a number.")
    if not math.isclose(first, arrivals[0], rel_tol=0.01):
        return wrong(f"`ttft` is not {ttft}: {_explain_ttft(first, arrivals)}")
    if speed is None:
        return wrong(f"{tokens_per_second!r} is no number: give tokens a second.")
    expected = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
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
    start = 1 if roles[0] == "system" else 0
    if fault := _check_roles(roles[start:]):
        return wrong(fault)
    return _check_who_says_orange(texts, start)


def check_probability(answer: object) -> Verdict:
    """Exercise 3: the probability of one of three tokens at temperature 2."""
    if is_blank(answer):
        return BLANK
    number = _read_probability(answer)
    if number is None:
        return wrong(f"{answer!r} is no number: give a probability between 0 and 1.")
    expected = _soften(TEMPERATURE)[TOKEN]
    if math.isclose(number, expected, abs_tol=0.001):
        known = math.exp(LOGPROBS[TOKEN])
        return right(f"{expected:.1%}, three times the {known:.1%} that the model gave it.")
    return wrong(f"Not {number:.6g}: {_explain_probability(number)}")


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
    if not (re.search(COLOUR, last, re.IGNORECASE) and re.search(ITS, last, re.IGNORECASE)):
        return wrong(f"The last turn does not ask for the bicycle's colour: {last!r}")
    return right("Only the first turn knows: cut it from the list and no model can answer.")


def _tells_orange(text: str) -> bool:
    """True if a text about a bicycle has a sentence that says orange, not asks or denies it."""
    sentences = re.findall(r"[^.!?]+[.!?]?", text.lower())
    says = [one for one in sentences if re.search(r"\borange\b", one) and not one.endswith("?")]
    told = any(not re.search(DENIED, one) for one in says)
    return told and re.search(BICYCLE, text, re.IGNORECASE) is not None


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
    if isinstance(answer, str) and answer.strip().endswith("ms"):
        milliseconds = read_number(answer, "ms")
        return None if milliseconds is None else milliseconds / 1000
    return read_number(answer, r"s(ec(onds?)?)?")


def _read_probability(answer: object) -> float | None:
    """A share of 1 from 0.179 or '17.9 %'."""
    if isinstance(answer, str) and answer.strip().endswith("%"):
        percent = read_number(answer, "%")
        return None if percent is None else percent / 100
    return read_number(answer, "")
