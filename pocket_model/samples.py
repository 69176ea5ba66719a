"""Samples of the pocket model's world: media, a conversation about them, and the right answers.

`draw_sample` draws one, `render` writes it as the chat template does, `judge` tells whether a
reply is right. TASKS says what there is, and how often each is drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

import numpy as np

from pocket_model.tasks import (
    calls,
    charts,
    clips,
    copying,
    crops,
    pairs,
    paper_talk,
    printed,
    receipts,
    scene_talk,
    scenes,
    schemas,
    strange,
    talks,
    texts,
    words_talk,
)
from pocket_model.tasks.judging import judge_reply
from pocket_model.tasks.turn import Turn, to_tool_json, write_signature, write_tool_call
from pocket_model.tasks.wordings import Wordings

Shape = tuple[int, ...]  # (width, height); a clip's may be (frames, width, height)
Ask = Callable[[Random, dict, Wordings], Turn | None]


@dataclass(frozen=True)
class Sample:
    """One conversation.

    `media` holds uint8 pictures (height × width × 3), or one clip (frames × height × width × 3).
    `messages` are in the form of the OpenAI API; each assistant turn is a target. `answer` is the
    truth that judges the last one. `task` is the task that the sample was drawn for, `tasks` has
    the task of each target. `schema` is the JSON schema for guided decoding, where there is one.
    """

    task: str
    media: tuple[np.ndarray, ...]
    kind: str
    messages: list[dict]
    seconds: tuple[float, ...] = ()
    tools: tuple[dict, ...] = ()
    answer: object = None
    tasks: tuple[str, ...] = ()
    schema: dict | None = None


@dataclass(frozen=True)
class Family:
    """A kind of picture: how often it is drawn, how, and what can be asked about it.

    `most` is the largest number of questions in one conversation.
    """

    weight: float
    draw: Callable[[Random, Shape], tuple[np.ndarray | tuple[np.ndarray, ...], dict]]
    asks: dict[str, tuple[float, Ask]]
    most: int = 7


SCENE_ASKS: dict[str, tuple[float, Ask]] = {
    "colour": (10, scenes.ask_colour),
    "name": (5, scenes.ask_name),
    "count": (14, scenes.ask_count),
    "where": (9, scenes.ask_where),
    "presence": (7, scenes.ask_presence),
    "relation": (6, scenes.ask_relation),
    "side": (4, scenes.ask_side),
    "describe": (18, scenes.ask_describe),
    "three_sentences": (9, scenes.ask_three_sentences),
    "list": (14, scenes.ask_list),
    "box_one": (18, scenes.ask_box_one),
    "box_all": (18, scenes.ask_box_all),
    "sign": (14, scenes.ask_sign),
    "picture_unknown": (3, scenes.ask_picture_unknown),
    "absent": (3, scenes.ask_absent),
    "follow_up": (4, scenes.ask_follow_up),
    "picture_style": (5, scenes.ask_scene_style),
    "schema": (8, schemas.ask_scene_schema),
    "scene_tool": (6, calls.ask_scene_tool),
    **scene_talk.SCENE_TALK_ASKS,
    **paper_talk.SCENE_TEXT_ASKS,
}
FILL_ASKS: dict[str, tuple[float, Ask]] = {
    "fill": (1, scenes.ask_fill),
    **strange.FILL_TALK_ASKS,
}
TEXT_PICTURE_ASKS: dict[str, tuple[float, Ask]] = {
    "read_line": (5, printed.ask_line),
    "read_lines": (5, printed.ask_lines),
    "read_nth": (2, printed.ask_nth_line),
    **paper_talk.TEXT_TALK_ASKS,
}
RECEIPT_ASKS: dict[str, tuple[float, Ask]] = {
    "receipt_total": (8, receipts.ask_total),
    "receipt_item": (20, receipts.ask_item),
    "receipt_field": (5, receipts.ask_field),
    "receipt_json": (9, receipts.ask_receipt_json),
    "receipt_describe": (2, receipts.ask_describe_receipt),
    "receipt_schema": (6, schemas.ask_receipt_schema),
    "receipt_tool": (4, calls.ask_receipt_tool),
    **paper_talk.RECEIPT_TALK_ASKS,
}
CHART_ASKS: dict[str, tuple[float, Ask]] = {
    "chart_tallest": (5, charts.ask_tallest),
    "chart_shortest": (5, charts.ask_shortest),
    "chart_value": (16, charts.ask_value),
    "chart_json": (6, charts.ask_bars),
    "chart_describe": (2, charts.ask_describe_chart),
    "chart_schema": (5, schemas.ask_chart_schema),
    "chart_tool": (3, calls.ask_chart_tool),
    **paper_talk.CHART_TALK_ASKS,
}
PAIR_ASKS: dict[str, tuple[float, Ask]] = {
    "pair_difference": (6, pairs.ask_difference),
    "pair_colour": (2, pairs.ask_pair_colour),
    "pair_which": (2, pairs.ask_which),
    "pair_same": (1, pairs.ask_pair_same),
}
CLIP_ASKS: dict[str, tuple[float, Ask]] = {
    "clip_direction": (8, clips.ask_direction),
    "clip_colour": (7, clips.ask_clip_colour),
    "clip_when": (18, clips.ask_when),
    "clip_order": (6, clips.ask_order),
    "clip_often": (4, clips.ask_how_often),
    "clip_describe": (8, clips.ask_story),
    "clip_guess": (5, clips.ask_story_and_guess),
    "clip_why": (4, clips.ask_why),
    "clip_appears": (4, clips.ask_what_appears),
    "clip_first": (3, clips.ask_first),
    "clip_unknown": (2, clips.ask_unknown),
    "clip_events": (12, clips.ask_events),
    "clip_is": (5, clips.ask_clip_is),
}
FRAMES_ASKS: dict[str, tuple[float, Ask]] = {
    "frames_when": (4, clips.ask_which_seconds),
    "frames_colour": (1, clips.ask_one_second),
}
CLIP_FRAMES = {(224, 128): 32, (320, 160): 16}


def draw_clip(rng: Random, shape: Shape) -> tuple[np.ndarray, dict]:
    """A clip of 32 or 16 frames, whichever belongs to the size."""
    size = (shape[-2], shape[-1])
    return clips.draw_clip_frames(rng, size, CLIP_FRAMES[size])


FAMILIES: dict[str, dict[str, Family]] = {
    "image": {
        "scene": Family(44, scenes.draw_scene_picture, SCENE_ASKS),
        "fill": Family(2, scenes.draw_fill_picture, FILL_ASKS, most=3),
        "text": Family(13, printed.draw_text_picture, TEXT_PICTURE_ASKS, most=4),
        "crop": Family(5, crops.draw_crop_picture, crops.CROP_ASKS, most=2),
        "receipt": Family(20, receipts.draw_receipt_picture, RECEIPT_ASKS),
        "chart": Family(13, charts.draw_chart_picture, CHART_ASKS),
        "strange": Family(7, strange.draw_strange_picture, strange.STRANGE_ASKS, most=4),
    },
    "pair": {"pair": Family(1, pairs.draw_pair_pictures, PAIR_ASKS, most=3)},
    "clip": {"clip": Family(1, draw_clip, CLIP_ASKS)},
    "frames": {"frames": Family(1, clips.draw_four_frames, FRAMES_ASKS, most=3)},
}
# How often a sample to train on is about a picture that was drawn before.
AGAIN = {"image": 0.9, "pair": 0.93, "clip": 0.95, "frames": 0.9}
TRIES = 200  # pictures that are tried for a question
# Answers that tell nearly all of a picture, and so the answers to the questions after them.
TELLING = (
    *("open_scene", "box_keys", "receipt_lines", "line_boxes", "chart_table", "crop_read"),
    *("describe", "three_sentences", "list", "box_all", "schema", "read_line", "read_lines"),
    *("receipt_json", "receipt_schema", "chart_json", "chart_schema", "chart_describe"),
    *("clip_describe", "clip_guess", "clip_events"),
)
TEXT_ASKS: dict[str, tuple[float, Callable[[Random, Wordings], Turn]]] = {
    "reverse": (27, texts.ask_reverse),
    "sum": (14, texts.ask_sum),
    "glossary": (22, texts.ask_glossary),
    "talk": (12, texts.ask_talk),
    "unknown": (14, texts.ask_unknown),
    "memory": (8, talks.ask_memory),
    "style": (10, talks.ask_style),
    "name_one": (5, talks.ask_name_one),
    "topic": (6, talks.ask_topic),
    "text_json": (5, talks.ask_text_json),
    **copying.COPY_ASKS,
    **calls.CALL_TEXT_ASKS,
    **words_talk.WORD_ASKS,
}
TASKS: dict[str, dict[str, float]] = {
    **{
        kind: {
            task: family.weight * weight / sum(one for one, _ in family.asks.values())
            for family in families.values()
            for task, (weight, _) in family.asks.items()
        }
        for kind, families in FAMILIES.items()
    },
    "text": {task: weight for task, (weight, _) in TEXT_ASKS.items()},
}
# Tasks whose questions or answers can be long: train.py keeps batches of long samples for them.
LONG: dict[str, tuple[str, ...]] = {
    "image": (
        *("describe", "list", "box_all", "box_keys", "points", "schema", "form"),
        *("receipt_json", "receipt_lines", "line_boxes", "receipt_schema"),
        *("chart_json", "chart_table", "chart_schema"),
    ),
    "tools": ("scene_tool", "receipt_tool", "chart_tool"),
    "copies": tuple(copying.COPY_ASKS),
    "calls": tuple(calls.CALL_TEXT_ASKS),
}
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant that answers briefly.",
    "You are the course's pocket model.",
    "Answer the questions about the picture.",
)


def draw_sample(
    rng: Random,
    kind: str,
    shape: Shape | None,
    *,
    wording: str | None = None,
    task: str | None = None,
    kept: list | None = None,
    factors: Mapping[str, float] = MappingProxyType({}),
) -> Sample:
    """A conversation about something new.

    `kind` is "text", "image", "pair", "clip" or "frames"; `shape` is (width, height) of its
    pictures (ignored for text). Without `wording` it is one to train on: the question of `task`,
    or one by the weights of TASKS, and up to six others about the same picture. With `wording`
    ("train" or "held_out") it is that question alone, put in one of these wordings, to be judged.
    `kept` collects what was drawn, for more conversations about it: drawing takes longest. A
    question to be judged is about what is in `kept` wherever it can be. `factors` make tasks more
    or less frequent than TASKS says.
    """
    words = Wordings(wording or "train")
    task = task or rng.choices(list(TASKS[kind]), list(TASKS[kind].values()))[0]
    wanted = 1 if wording else rng.choice((1, 3, 6, 7))
    if kind == "text":
        turns = _ask_text(rng, words, task, min(wanted, 4), factors)
        return _converse(rng, kind, (), turns, task, (), bool(wording))
    name, family = next(pair for pair in FAMILIES[kind].items() if task in pair[1].asks)
    again = 1.0 if wording else AGAIN[kind]
    for _ in range(TRIES):
        media, record = _draw_media(rng, kind, name, shape, kept, again)
        turns = _ask(rng, family, record, words, task, min(wanted, family.most), factors)
        if turns:
            break
        again = min(again, 0.8)  # a question that does not fit what is kept needs something new
    else:
        raise ValueError(f"Nothing drawn fits the question of {task} in {TRIES} tries.")
    media = media if isinstance(media, tuple) else (media,)
    seconds = tuple(record.get("told", record.get("moments", ())))
    return _converse(rng, kind, media, turns, task, seconds, bool(wording))


def judge(sample: Sample, reply_text: str) -> bool | float:
    """Whether the reply to the last question is right (a share of 1 for boxes)."""
    return judge_reply(sample.answer, reply_text)


def _draw_media(
    rng: Random, kind: str, name: str, shape: Shape, kept: list | None, again: float
) -> tuple:
    """Pictures of the family called `name` and their record: new, or `again` those `kept`."""
    drawn = [one for family, one in kept or () if family == name]
    if drawn and rng.random() < again:
        return rng.choice(drawn)
    found = FAMILIES[kind][name].draw(rng, shape)
    if kept is not None:
        kept.append((name, found))
    return found


def _ask(
    rng: Random,
    family: Family,
    record: dict,
    words: Wordings,
    task: str,
    wanted: int,
    factors: Mapping[str, float],
) -> list[Turn]:
    """The question of `task`, then others whose answers it does not tell; none if it cannot be."""
    tries = (_put(family.asks, task, rng, record, words) for _ in range(4))
    first = next(filter(None, tries), None)
    if first is None:
        return []
    turns = [first]
    names, weights = _weigh(family.asks, factors)
    for name in rng.choices(names, weights, k=3 * wanted):
        if len(turns) >= wanted or _stands_alone(first):
            break
        turn = _put(family.asks, name, rng, record, words)
        if turn and not _stands_alone(turn) and not any(_is_like(turn, other) for other in turns):
            turns.append(turn)
    if rng.random() < 0.75:
        turns.sort(key=lambda turn: turn.task in TELLING)
    return turns


def _put(asks: Mapping[str, tuple], task: str, *given) -> Turn | None:
    """The question of a task, under its name, or None if it cannot be put."""
    turn = asks[task][1](*given)
    return turn and replace(turn, task=task)


def _weigh(asks: Mapping[str, tuple], factors: Mapping[str, float]) -> tuple[list, list]:
    """The tasks of a table, and how often each is to be asked."""
    return list(asks), [weight * factors.get(name, 1.0) for name, (weight, _) in asks.items()]


def _stands_alone(turn: Turn) -> bool:
    """Whether it brings a system prompt or tools, which belong at the head of a conversation."""
    return bool(turn.tools) or (bool(turn.before) and turn.before[0]["role"] == "system")


def _is_like(one: Turn, other: Turn) -> bool:
    return one.question == other.question or (one.task, one.truth) == (other.task, other.truth)


def _ask_text(
    rng: Random, words: Wordings, task: str, wanted: int, factors: Mapping[str, float]
) -> list[Turn]:
    turns = [_put(TEXT_ASKS, task, rng, words)]
    names, weights = _weigh(TEXT_ASKS, factors)
    while len(turns) < wanted and not _stands_alone(turns[0]):
        turn = _put(TEXT_ASKS, rng.choices(names, weights)[0], rng, words)
        if not _stands_alone(turn):
            turns.append(turn)
    return turns


def _converse(
    rng: Random,
    kind: str,
    media: tuple[np.ndarray, ...],
    turns: list[Turn],
    task: str,
    seconds: tuple[float, ...],
    single: bool,
) -> Sample:
    """The turns as messages, the media before the first question."""
    messages: list[dict] = []
    tasks: list[str] = []
    if not single and not _stands_alone(turns[0]) and rng.random() < 0.12:
        messages.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    for turn in turns:
        messages += turn.before
        if turn.question:
            messages.append({"role": "user", "content": turn.question})
        messages.append({"role": "assistant", "content": turn.reply})
        replies = [one for one in turn.before if one["role"] == "assistant"]
        tasks += [turn.task] * (1 + len(replies))
    if media:
        first = next(i for i, one in enumerate(messages) if one["role"] == "user")
        content = _place_media(rng, kind, messages[first]["content"], seconds)
        messages[first] = {"role": "user", "content": content}
    truth, tools_offered = turns[-1].truth, turns[0].tools
    schema = truth.get("schema")
    return Sample(task, media, kind, messages, seconds, tools_offered, truth, tuple(tasks), schema)


def _frame_parts(second: float) -> tuple[dict, dict]:
    return {"type": "text", "text": f"<{second:.1f} seconds>"}, {"type": "image"}


def _place_media(rng: Random, kind: str, question: str, seconds: tuple[float, ...]) -> list[dict]:
    """Media first as a rule; pairs with or without a name before each, frames with a time."""
    text = {"type": "text", "text": question}
    if kind == "clip":
        return [{"type": "video"}, text]
    if kind == "frames":
        return [*(part for second in seconds for part in _frame_parts(second)), text]
    if kind == "image":
        parts = [{"type": "image"}, text]
        return parts if rng.random() < 0.92 else parts[::-1]
    names = rng.choice((("Picture 1:", "Picture 2:"), ("First picture:", "Second picture:"), None))
    if names is None:
        return [{"type": "image"}, {"type": "image"}, text]
    named = ({"type": "text", "text": name} for name in names)
    return [*(part for name in named for part in (name, {"type": "image"})), text]


# --- the text that the model reads ---------------------------------------------------------------

PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
CLIP = "<|vision_start|><|video_pad|><|vision_end|>"


def render(sample: Sample) -> list[tuple[str, bool]]:
    """The conversation as the chat template writes it, in pieces; True marks a target.

    A target is an assistant's reply with its <|im_end|>. A clip is one pad for each of `seconds`,
    with the time before it, as vLLM and the processor expand it.
    """
    pieces: list[tuple[str, bool]] = []
    messages = sample.messages
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    if system or sample.tools:
        pieces.append(
            (f"<|im_start|>system\n{_system_text(system, sample.tools)}<|im_end|>\n", False)
        )
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "system" and index == 0:
            continue
        if role == "assistant":
            pieces.append(("<|im_start|>assistant\n", False))
            pieces.append((_assistant_text(message) + "<|im_end|>", True))
            pieces.append(("\n", False))
        elif role == "tool":
            pieces.append((_tool_text(messages, index), False))
        else:
            text = _content_text(message["content"], sample.seconds)
            pieces.append((f"<|im_start|>{role}\n{text}<|im_end|>\n", False))
    return pieces


def _content_text(content: str | list[dict], seconds: tuple[float, ...]) -> str:
    if isinstance(content, str):
        return content
    clip = "".join(f"<{second:.1f} seconds>{CLIP}" for second in seconds)
    shown = {"image": PICTURE, "video": clip}
    return "".join(shown.get(part["type"]) or part["text"] for part in content)


def _assistant_text(message: dict) -> str:
    """Content, then each tool call on lines of its own."""
    text = message.get("content") or ""
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        arguments = function["arguments"]
        if not isinstance(arguments, str):
            arguments = to_tool_json(arguments)
        text += "\n" if text or index else ""
        text += write_tool_call(function["name"], arguments)
    return text


def _tool_text(messages: list[dict], index: int) -> str:
    """Results of tools that follow one another share one user turn."""
    first = index == 0 or messages[index - 1]["role"] != "tool"
    last = index + 1 == len(messages) or messages[index + 1]["role"] != "tool"
    result = _content_text(messages[index]["content"], ())
    text = f"\n<tool_response>\n{result}\n</tool_response>"
    return ("<|im_start|>user" if first else "") + text + ("<|im_end|>\n" if last else "")


def _system_text(system: str, tools: tuple[dict, ...]) -> str:
    if not tools:
        return system
    listed = "".join(f"\n{write_signature(tool['function'])}" for tool in tools)
    return (
        f"{system}{chr(10) * 2 if system else ''}# Tools\n\nThe functions you may call:\n<tools>"
        f"{listed}\n</tools>\n\nTo call one, answer with its name and arguments:\n<tool_call>\n"
        '{"name": …, "arguments": …}\n</tool_call>'
    )
