"""The exercises of notebook 04: right answers in many forms, wrong ones with their reason."""

import math
import re
import sys

from PIL import Image

from helpers.exercises import nb04
from helpers.media.files import file_url
from helpers.media.pictures import image_data_url
from helpers.places import MEDIA
from tests.exercise_cases import hold_answers


def picture(url: str) -> dict:
    return {"type": "image_url", "image_url": {"url": url}}


RECEIPT = picture(image_data_url(MEDIA / "receipt.png"))
CHART = picture(image_data_url(MEDIA / "bar_chart.png"))
QUESTION = {"type": "text", "text": "Which of the two shows the larger number?"}


def ask(*parts: object) -> list[dict]:
    return [{"role": "user", "content": list(parts)}]


def read_words(reply: str) -> list[str]:
    return re.findall("[a-z]+", reply.lower())


def says_all(text: str) -> bool:
    return {"mug", "red", "blue"} <= set(read_words(text))


RIGHT = {
    nb04.check_messages: [
        ask(RECEIPT, CHART, QUESTION),
        ask(picture(file_url(MEDIA / "receipt.png")), CHART, QUESTION),
        ask(picture("http://127.0.0.1:8000/receipt.png"), CHART, QUESTION),
        ask(picture(image_data_url(MEDIA / "receipt.png", max_side=320)), CHART, QUESTION),
        ask(
            picture(image_data_url(Image.open(MEDIA / "receipt.png"))),
            picture(image_data_url(Image.open(MEDIA / "bar_chart.png").convert("L"))),
            QUESTION,
        ),
        ask(
            {"type": "text", "text": "A:"}, RECEIPT, {"type": "text", "text": "B:"}, CHART, QUESTION
        ),
        [{"role": "system", "content": "Be brief."}, *ask(RECEIPT, CHART, QUESTION)],
        tuple(ask(RECEIPT, CHART, QUESTION)),
        [{"role": "user", "content": (RECEIPT, CHART, QUESTION)}],
        ask(RECEIPT, CHART, {"type": "text", "text": "Compare them."}),
        ask(RECEIPT, CHART, {"type": "text", "text": "Thanks! Which is larger?"}),
        ask(RECEIPT, CHART, {"type": "text", "text": "Hi, compare both please"}),
        ask(RECEIPT, CHART, {"type": "text", "text": "Here are two pictures. Compare them."}),
        ask(RECEIPT, CHART, {"type": "text", "text": "It is your task to compare them."}),
        ask(RECEIPT, CHART, {"type": "text", "text": "The larger number of the two, please."}),
        ask(RECEIPT, CHART, {"type": "text", "text": "哪个数字更大？"}),
        ask(RECEIPT) + ask(CHART) + [{"role": "user", "content": "Which is larger?"}],
    ],
    nb04.check_judge: [
        lambda reply: any(says_all(part) for part in re.split("[.;!]", reply)),
        lambda reply: sum(map(says_all, re.split("[.;!]", reply))),
        lambda reply: (
            re.search(r"\bmug\b[^.;]*\b(red|blue)\b|\b(red|blue) mug\b", reply, re.I)
            and says_all(reply)
            and "same" not in reply
        ),
    ],
}
WRONG = {
    nb04.check_messages: [
        (ask(CHART, RECEIPT, QUESTION), "bar_chart.png and then receipt.png"),
        (ask(RECEIPT, QUESTION), "your pictures: receipt.png"),
        (ask(QUESTION), "your pictures: none"),
        (ask(picture(image_data_url(MEDIA / "spot_a.png")), CHART, QUESTION), "another picture"),
        (ask(QUESTION, RECEIPT, CHART), "The question is missing at the end"),
        (ask(RECEIPT, CHART, {"type": "text", "text": " "}), "A text part is empty"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "Picture 2:"}), "asks nothing"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "?"}), "asks nothing"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "Thank you very much."}), "asks nothing"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "These are two pictures."}), "asks nothing"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "Good morning!"}), "asks nothing"),
        (ask(RECEIPT, CHART, {"type": "text", "text": 5}), "is to be a text, not 5"),
        (ask(RECEIPT, CHART, {"type": "text", "text": ["Which?"]}), "is to be a text, not ['W"),
        (ask(RECEIPT, CHART, {"type": "text", "text": "x"}), "asks nothing"),
        (ask(RECEIPT, RECEIPT, CHART, QUESTION), "your pictures: receipt.png and then receipt.png"),
        (ask(RECEIPT, CHART, RECEIPT, CHART, QUESTION), "your pictures"),
        (ask(..., CHART, QUESTION), "has the type None"),
        (ask(math.nan), "has the type None"),
        (ask(picture("http://[bad/receipt.png"), CHART, QUESTION), "leads to no picture"),
        (ask(picture(""), CHART, QUESTION), "is no URL: use"),
        (ask(picture(None), CHART, QUESTION), "is to read"),
        (ask({"type": "image", "image": "x"}, CHART, QUESTION), "has the type 'image'"),
        (ask({"type": "image_url", "image_url": "x"}, CHART, QUESTION), "is to read"),
        (ask(picture("receipt.png"), CHART, QUESTION), "is no URL: use"),
        (ask(picture("file:///nothing.png"), CHART, QUESTION), "leads to no picture"),
        (ask(picture("data:image/png;base64,AAAA"), CHART, QUESTION), "leads to no picture"),
        (ask(picture("data:image/png;base64,A"), CHART, QUESTION), "leads to no picture"),
        (ask(picture("data:image/png"), CHART, QUESTION), "leads to no picture"),
        (ask(RECEIPT, CHART, QUESTION)[0], "a list of messages"),
        ([{"role": "assistant", "content": "Hello."}], "The last message"),
        ([{"role": "user", "content": 3}], "The last message"),
    ],
    nb04.check_judge: [
        (lambda reply: True, "names no difference"),
        (lambda reply: False, "is turned down"),
        (lambda reply: None, "is turned down"),
        (lambda reply: "mug" in reply, "MUG"),
        (lambda reply: "mug" in reply.lower(), "never says"),
        (
            lambda reply: all(word in reply.lower() for word in ("mug", "red", "blue")),
            "bored and blueprint",
        ),
        (says_all, "the mug did not change there: 'The plate"),
        (
            lambda reply: any(map(says_all, reply.split(";"))),
            "the mug did not change there: 'The mug is the same.",
        ),
        (lambda reply: {"red", "blue"} <= set(read_words(reply)), "not the book"),
        (lambda reply: {"mug", "blue"} <= set(read_words(reply)), "red, not green"),
        (lambda reply: reply[0] == "T" or bool(reply), "names no difference"),
        (lambda: True, "stops with TypeError"),
        (lambda reply: sys.exit(3), "stops with SystemExit (3)"),
        ("mug", "is to be a function"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)
