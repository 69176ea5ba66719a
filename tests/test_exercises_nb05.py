"""The exercises of notebook 05: right answers in many forms, wrong ones with their reason."""

import copy

import numpy as np
import pytest
from PIL import Image

from helpers.exercises import nb05
from helpers.media.clips import sample_frames
from helpers.media.pictures import image_data_url
from helpers.places import MEDIA

CHECKS = [nb05.check_cost, nb05.check_timed_messages]


@pytest.mark.parametrize("check", CHECKS)
def test_unanswered(check: object) -> None:
    verdict = check(...)
    assert not verdict
    assert "Nothing here yet" in str(verdict)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "answer", [None, "", [], {}, object(), "many", [3], -1, True, float("nan"), [{}], b"\xff"]
)
def test_odd_answers_are_wrong_and_never_fail(check: object, answer: object) -> None:
    assert not check(answer)


# 1: what a clip costs


@pytest.mark.parametrize(
    "answer",
    [
        3520,
        3520.0,
        "3520",
        " 3,520 ",
        "3_520 tokens",
        "3520 visual tokens",
        "3.520",
        np.int64(3520),
    ],
)
def test_right_cost(answer: object) -> None:
    assert nb05.check_cost(answer), nb05.check_cost(answer).text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
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
    ],
)
def test_wrong_cost(answer: object, hint: str) -> None:
    verdict = nb05.check_cost(answer)
    assert not verdict
    assert hint in verdict.text


# 2: pictures with their seconds


@pytest.fixture(scope="module")
def frames() -> dict[int, Image.Image]:
    every, seconds = sample_frames(MEDIA / "rolling_ball.mp4", 192)
    return {round(second): every[seconds.index(second)] for second in (1.0, 3.0, 5.0, 7.0)}


def picture(image: Image.Image, **options: int) -> dict:
    return {"type": "image_url", "image_url": {"url": image_data_url(image, **options)}}


def text(words: str) -> dict:
    return {"type": "text", "text": words}


QUESTION = text("When does the box appear?")


def build(frames: dict, form: str = "<{:.1f} seconds>", seconds: tuple = (1, 3, 5, 7)) -> list:
    parts = []
    for image, second in zip(frames.values(), seconds, strict=True):
        parts += [text(form.format(second)), picture(image)]
    return [{"role": "user", "content": [*parts, QUESTION]}]


@pytest.mark.parametrize(
    "form",
    [
        "<{:.1f} seconds>",
        "{}",
        "{} s",
        "At {:.2f}s:",
        "Second {}:",
        "Picture 2 of 4, taken at {} seconds",
        "{} sec (frame 24)",
        "A clip of 8 s, at {} s",
        "At second {} (picture 1 of 4)",
        "Second {} (frame 24/192)",
        "picture 2: at {} s of 8 s",
        "{} of 8 seconds",
        "{} s / 8 s",
        "{},0 s",
        "(frame 24,{:.1f} s)",
        "{}000 ms",
        "{}000 milliseconds:",
    ],
)
def test_right_labels(frames: dict, form: str) -> None:
    verdict = nb05.check_timed_messages(build(frames, form))
    assert verdict, verdict.text


def test_right_in_other_shapes(frames: dict) -> None:
    answer = build(frames)
    content = answer[0]["content"]
    small = [content[0], picture(frames[1], max_side=320), *content[2:]]
    split = [{"role": "user", "content": [part]} for part in content]
    split[-1]["content"] = QUESTION["text"]
    for other in (
        [{"role": "system", "content": "Be brief."}, *answer],
        [{"role": "user", "content": [text("Four frames of a clip."), *content]}],
        [{"role": "user", "content": small}],
        split,
    ):
        verdict = nb05.check_timed_messages(other)
        assert verdict, verdict.text


def test_wrong_seconds(frames: dict) -> None:
    for seconds, hint in (
        ((0, 1, 2, 3), "Picture 1 is the frame at 1 s, and the text says 0"),
        ((1, 2, 3, 4), "Picture 2 is the frame at 3 s, and the text says 2"),
        ((1, 3, 5, 8), "Picture 4 is the frame at 7 s, and the text says 8"),
    ):
        verdict = nb05.check_timed_messages(build(frames, seconds=seconds))
        assert not verdict
        assert hint in verdict.text


def test_wrong_messages(frames: dict) -> None:
    content = build(frames)[0]["content"]
    turned = {second: frames[second] for second in (3, 1, 5, 7)}
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    bare = {"type": "image_url", "image_url": {"url": "frame.png"}}
    other = picture(Image.open(MEDIA / "street_scene.png"))
    cases = (
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
    )
    for parts, hint in cases:
        answer = [{"role": "user", "content": parts}]
        before = copy.deepcopy(answer)
        verdict = nb05.check_timed_messages(answer)
        assert not verdict
        assert hint in verdict.text
        assert answer == before


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ({"role": "user", "content": "?"}, "a list of messages"),
        ([{"role": "assistant", "content": "Hello."}], "The last message"),
        ([{"role": "user", "content": 3}], "The last message"),
    ],
)
def test_wrong_shape(answer: object, hint: str) -> None:
    verdict = nb05.check_timed_messages(answer)
    assert not verdict
    assert hint in verdict.text
