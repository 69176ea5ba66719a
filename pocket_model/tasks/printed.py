"""Pictures of plain text: words, numbers, codes and lines in several faces and colours."""

from random import Random

import numpy as np
from PIL import Image, ImageDraw

from media.generator.drawing import Blend, Size, font, mix
from pocket_model.tasks.judging import text_is
from pocket_model.tasks.pictures import choose_size, fit
from pocket_model.tasks.turn import Turn, listed
from pocket_model.tasks.wordings import Wordings

FACES = ("Sans", "Sans", "Sans-Bold", "Sans-Bold", "SansMono", "SansMono-Bold", "Serif")
# Without I, l and O, which look like 1 and 0.
CAPITALS, SMALL, DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "0123456789"
ORDINALS = (
    ("first", "1st"), ("second", "2nd"), ("third", "3rd"), ("fourth", "4th"), ("fifth", "5th"),
    ("sixth", "6th"), ("seventh", "7th"), ("eighth", "8th"), ("ninth", "9th"), ("tenth", "10th"),
)  # fmt: skip
COUNTED = ("one", "two", "three", "four", "five", "six", "seven")
COMMON = listed(
    "apple bread milk tea coffee sugar rice egg fish salt cake soup juice water beans pasta "
    "cheese butter honey lemon onion potato carrot pepper grape melon peach plum pear cherry "
    "hello world open closed stop exit push pull sale menu hotel taxi bank school music garden "
    "river stone cloud light night green house table chair window door paper pencil book clock "
    "phone train boat road bridge tower castle forest island market summer winter monday friday "
    "today tomorrow cat dog bird horse mouse sheep tiger lion bear wolf fox duck please thank you "
    "wait here there platform ticket room floor danger caution welcome no smoking keep clear left "
    "right up down in out the a my your small big old new fast slow red blue is was runs sleeps "
    "eats likes sees on under over and with we they she he it sun moon star rain snow wind sea "
    "sand tree leaf quick brown jumps lazy model token server cache memory image video frame "
    "answer"
)


def make_line(rng: Random, longest: int = 26) -> str:
    """A line as one meets them: words, a code, a number, a price, a date, a time."""
    roll = rng.random()
    if roll < 0.2:
        return _letters(rng, CAPITALS + DIGITS, 1, 8)
    if roll < 0.3:
        return _letters(rng, CAPITALS + SMALL + DIGITS, 2, 8)
    if roll < 0.42:
        return _style(rng, rng.choice(COMMON))
    if roll < 0.72:
        words = rng.choices(COMMON, k=rng.randint(2, 6))
        return _style(rng, " ".join(words))[:longest].strip()
    if roll < 0.8:
        return f"{_style(rng, rng.choice(COMMON))} {rng.uniform(0.5, 99):.2f}"
    if roll < 0.86:
        return f"{rng.randint(1990, 2035)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if roll < 0.9:
        return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    return str(rng.randrange(10 ** rng.randint(1, 8)))


def _letters(rng: Random, choice: str, least: int, most: int) -> str:
    return "".join(rng.choice(choice) for _ in range(rng.randint(least, most)))


def _style(rng: Random, text: str) -> str:
    text = rng.choice((str.upper, str.title, str.capitalize, str))(text)
    return text + rng.choice(("", "", "", "", "!", "?", "."))


def draw_text_picture(rng: Random, shape: Size) -> tuple[np.ndarray, dict]:
    """One to three lines on paper. The record has them as `lines`."""
    size = choose_size(rng, shape)
    count = rng.choice((1, 1, 2, 2, 3, 3))
    lines = [make_line(rng, 22 if shape[0] < 330 else 28) for _ in range(count)]
    face = rng.choice(FACES)
    least = 15 * size[0] / shape[0]
    height = rng.uniform(least, min(0.28 * size[1], 0.75 * size[1] / (1.4 * count)))
    letters = font(face, round(height))
    widest = max(letters.getlength(line) for line in lines)
    if widest > 0.94 * size[0]:
        height *= 0.94 * size[0] / widest
        letters = font(face, max(round(least * 0.9), int(height)))
        widest = max(letters.getlength(line) for line in lines)
    if widest > 0.98 * size[0]:
        return draw_text_picture(rng, shape)
    ink, image = _draw_paper(rng, size)
    pen, step = ImageDraw.Draw(image), height * rng.uniform(1.25, 1.7)
    top = rng.uniform(0.02, 0.98) * max(0.0, size[1] - step * count)
    left = rng.uniform(0.01, 0.99) * (size[0] - widest)
    for i, line in enumerate(lines):
        pen.text((left, top + i * step), line, fill=ink, font=letters)
    return fit(image, shape), {"kind": "text", "lines": lines}


def _draw_paper(rng: Random, size: Size) -> tuple[tuple[int, int, int], Image.Image]:
    """A colour of ink and an empty sheet, dark on light more often than light on dark."""
    dark = tuple(rng.randint(0, 95) for _ in range(3))
    light = tuple(rng.randint(215, 255) for _ in range(3))
    if rng.random() < 0.25:
        dark, light = light, dark
    if rng.random() < 0.5:
        return dark, Image.new("RGB", size, light)
    return dark, Blend((light, mix(light, dark, 0.12))).image(size)


def ask_line(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """All that is written, where that is one line."""
    if len(record["lines"]) > 1:
        return None
    text = record["lines"][0]
    forms = (f"It says: {text}", f"The text says: {text}")
    reply = rng.choice(forms) if rng.random() < 0.15 else text
    return Turn(words.ask(rng, "read"), reply, text_is(text))


def ask_lines(rng: Random, record: dict, words: Wordings) -> Turn | None:
    """All that is written, where that is several lines."""
    if len(record["lines"]) == 1:
        return None
    text = "\n".join(record["lines"])
    return Turn(words.ask(rng, "read"), text, text_is(text))


def nth_names(rng: Random, index: int, count: int) -> dict[str, object]:
    """What one of several lines is called: $which in plain words, $nth in any, $number after it."""
    last = index == count - 1 and (index > 1 or rng.random() < 0.5)
    nth, short = ORDINALS[index]
    calls = [short, nth]
    if index == count - 1:
        calls += [*listed("last bottom lowest final"), "very last", "very bottom"]
    elif index == 0:
        calls += [*listed("top topmost opening"), "very first", "very top"]
    elif index * 2 + 1 == count:
        calls += listed("middle middle")
    number = rng.choice((COUNTED[index], str(index + 1)))
    return {"which": "last" if last else nth, "nth": rng.choice(calls), "number": number}


def ask_nth_line(rng: Random, record: dict, words: Wordings) -> Turn | None:
    lines = record["lines"]
    if len(lines) == 1:
        return None
    index = rng.choice((*range(len(lines)), len(lines) - 1))
    section = rng.choice(("read_nth", "tp_nth"))
    question = words.ask(rng, section, **nth_names(rng, index, len(lines)))
    return Turn(question, lines[index], text_is(lines[index]))
