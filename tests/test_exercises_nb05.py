"""The exercises of notebook 05: right answers in many forms, wrong ones with their reason."""

import av
import numpy as np
from PIL import Image

from helpers.exercises import nb05
from helpers.media.pictures import image_data_url
from helpers.places import MEDIA
from tests.exercise_cases import hold_check

COSTS = [
    *(3520, 3520.0, "3520", " 3,520 ", "3_520 tokens", "3520 visual tokens"),
    *("3.520", np.int64(3520)),
]
WRONG_COSTS = [
    (7040, "two frames share a step"),
    (11_000, "only 32"),
    (22_000, "only 32"),
    (880, "vLLM 0.32"),
    (1760, "in pairs"),
    (220, "that is one step"),
    (14_080, "patches of 16×16"),
    (3660, "leave the times"),
    (3519, "multiply the steps"),
    (0, "multiply the steps"),
    ([3520, 1], "one number"),
]
LABELS = [
    *("<{:.1f} seconds>", "{}", "{} s", "At {:.2f}s:", "Second {}:"),
    *("Picture 2 of 4, taken at {} seconds", "{} sec (frame 24)", "A clip of 8 s, at {} s"),
    *("At second {} (picture 1 of 4)", "Second {} (frame 24/192)", "picture 2: at {} s of 8 s"),
    *("{} of 8 seconds", "{} s / 8 s", "{},0 s", "(frame 24,{:.1f} s)"),
    *("{}000 ms", "{}000 milliseconds:"),
]


def test_cost() -> None:
    hold_check(nb05.check_cost, COSTS, WRONG_COSTS)


def picture(image: Image.Image, **options: int) -> dict:
    return {"type": "image_url", "image_url": {"url": image_data_url(image, **options)}}


def text(words: str) -> dict:
    return {"type": "text", "text": words}


QUESTION = text("When does the box appear?")


def ask(*parts: object) -> list[dict]:
    return [{"role": "user", "content": list(parts)}]


def build(frames: dict, form: str = "<{:.1f} seconds>", seconds: tuple = (1, 3, 5, 7)) -> list:
    parts = []
    for frame, second in zip(frames.values(), seconds, strict=True):
        parts += [text(form.format(second)), frame]
    return ask(*parts, QUESTION)


def test_timed_messages() -> None:
    with av.open(str(MEDIA / "rolling_ball.mp4")) as clip:
        shown = (frame for frame in clip.decode(video=0) if frame.time in nb05.SECONDS)
        images = {int(frame.time): frame.to_image() for frame in shown}
    frames = {second: picture(image, max_side=320) for second, image in images.items()}
    answer = build(frames)
    content = answer[0]["content"]
    split = [{"role": "user", "content": [part]} for part in content]
    split[-1]["content"] = QUESTION["text"]
    whole = [content[0], picture(images[1]), *content[2:]]
    right = [
        *(build(frames, form) for form in LABELS),
        [{"role": "system", "content": "Be brief."}, *answer],
        ask(text("Four frames of a clip."), *content),
        ask(*whole),
        split,
    ]
    turned = {second: frames[second] for second in (3, 1, 5, 7)}
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    bare = {"type": "image_url", "image_url": {"url": "frame.png"}}
    other = picture(Image.open(MEDIA / "street_scene.png"))
    seconds = [
        ((0, 1, 2, 3), "Picture 1 is the frame at 1 s, and the text says 0"),
        ((1, 2, 3, 4), "Picture 2 is the frame at 3 s, and the text says 2"),
        ((1, 3, 5, 8), "Picture 4 is the frame at 7 s, and the text says 8"),
    ]
    parts = [
        (content[:-1], "question is missing"),
        ([*content[:-1], text(" ")], "question is missing"),
        ([QUESTION, *content[:-1]], "question is missing"),
        ([*content[:-1], text("?")], "question is missing"),
        ([*content[:-1], text("<8.0 seconds>")], "question is missing"),
        ([*content[:-1], *content], "there are 8"),
        ([text("<5.0 seconds>"), *content], "the second of another one too: 5"),
        ([text("<1.0 seconds> <3.0 seconds>"), *content[1:]], "the text says 3"),
        ([text("<-1.0 seconds>"), *content[1:]], "the text says -1"),
        ([text("at 2 s of 8 s"), *content[1:]], "the text says 2"),
        ([text("At second 3 (picture 1 of 4)"), *content[1:]], "the text says 3"),
        ([text("1000 s"), *content[1:]], "the text says 1000"),
        ([text("1 ms"), *content[1:]], "the text says 0.001"),
        ([{"type": "text", "text": 1}, *content[1:]], "is to be a text, not 1"),
        ([part for part in content if part["type"] != "text"], "no second is told"),
        ([*content[:2], content[3], *content[4:]], "Before picture 2 no second is told"),
        ([content[1], content[0], content[3], content[2], *content[4:]], "Before picture 1"),
        ([*content[:6], QUESTION], "there are 3"),
        ([QUESTION], "there are 0"),
        (build(turned, seconds=(3, 1, 5, 7))[0]["content"], "Picture 1 is not the frame at 1 s"),
        ([content[0], other, *content[2:]], "Picture 1 is not the frame at 1 s"),
        ([content[0], broken, *content[2:]], "holds no picture"),
        ([content[0], bare, *content[2:]], "no data URL"),
        ([content[0], {"type": "image_url", "image_url": "x"}, QUESTION], "is to read"),
        ([{"type": "video_url"}, QUESTION], "has the type 'video_url'"),
    ]
    wrong = [
        *((build(frames, seconds=told), hint) for told, hint in seconds),
        *((ask(*told), hint) for told, hint in parts),
        ({"role": "user", "content": "?"}, "a list of messages"),
        ([{"role": "assistant", "content": "Hello."}], "The last message"),
        ([{"role": "user", "content": 3}], "The last message"),
    ]
    hold_check(nb05.check_timed_messages, right, wrong)
