"""The pocket model's samples: all tasks draw, read as the template writes them, and judge right."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from string import Template

import jinja2
import numpy as np
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from PIL import Image

from pocket_model import natural, photos
from pocket_model.samples import FAMILIES, TASKS, Sample, draw_sample, judge, render
from pocket_model.tasks import strange
from pocket_model.tasks.judging import count_things, overlap
from pocket_model.tasks.strange_drawings import DRAWN
from pocket_model.tasks.texts import read_glossary
from pocket_model.tasks.turn import write_signature
from pocket_model.tasks.wordings import Wordings, read_wordings
from pocket_model.tasks.worlds import draw_world, plan_world

ROOT = Path(__file__).parents[1]
SHAPES = {
    "text": None, "image": (512, 288), "pair": (448, 288), "clip": (16, 320, 160),
    "frames": (512, 256),
}  # fmt: skip
ALL = [(kind, task) for kind, tasks in TASKS.items() for task in tasks]
FEW_ANSWERS = (
    *("picture_unknown", "absent", "schema", "presence", "relation", "where", "fill"),
    *("yes_no", "confirm", "odd_question", "strange"),
)
CLIP = "<|vision_start|><|video_pad|><|vision_end|>"


def reply_of(sample: Sample) -> str:
    return sample.messages[-1]["content"]


@cache
def read_template() -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string((ROOT / "pocket_model/chat_template.jinja").read_text())


def write_by_template(sample: Sample) -> str:
    """What the chat template makes of the messages, as transformers renders it."""
    tools = list(sample.tools) or None
    return read_template().render(
        messages=sample.messages, tools=tools, add_generation_prompt=False
    )


@cache
def draw_families(kind: str, seed: int) -> list:
    """A picture or clip of each family, for all tasks about it: drawing takes longest."""
    families = FAMILIES.get(kind, {}).items()
    return [(name, family.draw(Random(seed), SHAPES[kind])) for name, family in families]


def ask_about_drawn(seed: int, kind: str, task: str, wording: str) -> Sample:
    kept = draw_families(kind, seed)
    return draw_sample(
        Random(seed), kind, SHAPES[kind], wording=wording, task=task, kept=list(kept)
    )


@pytest.mark.parametrize("wording", ["train", pytest.param("held_out", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("kind", "task"), ALL)
def test_a_task_draws_and_its_own_answer_is_right(kind, task, wording):
    for seed in range(3):
        sample = ask_about_drawn(seed, kind, task, wording)
        assert (sample.task, sample.kind, sample.tasks[-1]) == (task, kind, task)
        assert judge(sample, reply_of(sample)) == pytest.approx(1), sample.messages
        assert json.loads(json.dumps(sample.answer)), "the truth is JSON"


@pytest.mark.parametrize(("kind", "task"), ALL)
def test_wrong_replies_are_refused(kind, task):
    sample = ask_about_drawn(2, kind, task, "train")
    for wrong in ("", "The zebra is turquoise, 123456.", "[]", "{}"):
        assert judge(sample, wrong) < 0.5, (wrong, sample.answer)


@pytest.mark.slow
@pytest.mark.parametrize("task", [task for kind, task in ALL if kind == "image"])
def test_the_answer_to_another_picture_is_mostly_wrong(task):
    """Else a judge would let everything pass."""
    if task in FEW_ANSWERS:
        pytest.skip("few possible answers")
    drawn = [draw_sample(Random(seed), "image", (448, 288), wording="train", task=task)
             for seed in range(8)]  # fmt: skip
    crossed = [judge(one, reply_of(other)) for one, other in pairwise(drawn)]
    assert sum(score > 0.9 for score in crossed) <= 3


@pytest.fixture(scope="module")
def used() -> set[str]:
    """The sets of wordings that `conversations` chose from."""
    return set()


@pytest.fixture(scope="module")
def conversations(used) -> dict[str, list[Sample]]:
    """Samples of every kind, drawn once for all tests that only look at them."""
    original = Wordings.choose

    def note(self, rng, task):
        used.add(self.which)
        return original(self, rng, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Wordings, "choose", note)
        made = {}
        for kind, shape in SHAPES.items():
            kept = []
            made[kind] = [draw_sample(Random(seed), kind, shape, kept=kept) for seed in range(25)]
        return made


@pytest.mark.parametrize("kind", SHAPES)
def test_render_writes_what_the_template_writes(kind, conversations):
    for sample in conversations[kind]:
        pieces = render(sample)
        text = "".join(piece for piece, _ in pieces)
        stamped = "".join(f"<{second:.1f} seconds>{CLIP}" for second in sample.seconds)
        assert text == write_by_template(sample).replace(CLIP, stamped or CLIP)
        targets = [piece for piece, is_target in pieces if is_target]
        said = [one for one in sample.messages if one["role"] == "assistant"]
        assert len(targets) == len(said) == len(sample.tasks)
        assert all(target.endswith("<|im_end|>") for target in targets)


def test_tools_and_their_results_are_rendered_as_the_template_does():
    for task in ("tool_call", "tool_none", "tool_result"):
        sample = draw_sample(Random(3), "text", None, task=task)
        assert sample.tools
        assert "".join(piece for piece, _ in render(sample)) == write_by_template(sample)


def test_any_tool_of_the_api_is_listed_in_one_line_below_what_it_does():
    unit = {"enum": ["C", "F", None]}
    places = {"type": "array", "items": {"type": "string"}, "description": "the places"}
    either = {"type": ["string", "null"]}
    properties = {"unit": unit, "places": places, "at": either, "any": {}}
    tools = [
        {"name": "now", "description": None, "parameters": None},
        {"name": "clock"},
        {"name": "wait", "parameters": {"type": "object", "properties": {}}},
        {
            "name": "weather",
            "description": "Tell the weather.",
            "parameters": {"properties": properties, "required": ["places", "at"]},
        },
    ]
    for tool in tools:
        text = read_template().render(messages=[], tools=[{"type": "function", "function": tool}])
        assert f"<tools>\n{write_signature(tool)}\n</tools>" in text
    assert write_signature(tools[3]) == (
        '// Tell the weather.\nweather(unit?: "C" | "F" | null, '
        'places: {"type": "array", "items": {"type": "string"}, "description": "the places"} '
        '(the places), at: {"type": ["string", "null"]}, any?: {})'
    )


def test_each_task_has_enough_wordings_and_none_is_held_out_and_trained_on():
    for task, wordings in read_wordings().items():
        few = task in ("in_one_word", "in_one_number")
        assert len(set(wordings["train"])) >= (8 if few else 14), task
        assert len(set(wordings["held_out"])) >= (2 if few else 10), task
        assert not set(wordings["train"]) & set(wordings["held_out"]), task


def test_a_stranger_can_ask_every_wording_of_the_sections_about_strange_pictures():
    names = strange._names_for(Random(1), False)
    for section in strange.STRANGE_SECTIONS:
        for wordings in read_wordings()[section].values():
            for wording in wordings:
                Template(wording).substitute(names)


def test_training_never_uses_a_held_out_wording(conversations, used):
    assert conversations and used == {"train"}


@pytest.mark.parametrize("shape", [(512, 288), (288, 448), (384, 384), (256, 256), (288, 512)])
def test_pictures_have_the_shape_asked_for(shape):
    for seed in range(6):
        sample = draw_sample(Random(seed), "image", shape)
        assert [one.shape for one in sample.media] == [(shape[1], shape[0], 3)]
        assert sample.media[0].dtype == np.uint8


@pytest.mark.parametrize("name", DRAWN)
def test_a_strange_picture_is_drawn_in_every_shape(name):
    for number, shape in enumerate([(512, 288), (288, 512), (256, 256)]):
        assert DRAWN[name](Random(number), shape).size == shape


def test_a_pack_of_photographs_is_drawn_from(tmp_path, monkeypatch):
    (tmp_path / "some").mkdir()
    rng = np.random.default_rng(1)
    for name in ("one.png", "two.jpg"):
        picture = rng.integers(0, 255, (9, 12, 3)).astype(np.uint8)
        Image.fromarray(picture).resize((1000, 1200)).save(tmp_path / "some" / name)
    Image.new("RGB", (400, 300), "red").save(tmp_path / "some" / "plain.png")
    (tmp_path / "some" / "no.png").write_text("no picture")
    files = photos.make_pack([tmp_path / "some"], most=10**7)
    assert len(files) == 2 * (1 + photos.PARTS)
    photos.write_pack(tmp_path / "pack.npz", files)
    monkeypatch.setenv("POCKET_PHOTOS", str(tmp_path / "pack.npz"))
    monkeypatch.setattr(strange, "PHOTO_SHARE", 1.0)
    picture, record = strange.draw_strange_picture(Random(1), (288, 448))
    assert picture.shape == (448, 288, 3)
    assert record["sort"] in ("photo", "collage")
    assert len(natural.load_photographs()) == len(files)


@pytest.mark.slow
def test_the_judges_of_the_natural_questions_know_right_from_wrong(capsys):
    assert natural.check() == 0, capsys.readouterr().out


@pytest.mark.parametrize(("shape", "frames"), [((224, 128), 32), ((320, 160), 16)])
def test_clips_have_a_second_for_each_pair_of_frames(shape, frames):
    sample = draw_sample(Random(2), "clip", shape)
    assert sample.media[0].shape == (frames, shape[1], shape[0], 3)
    assert len(sample.seconds) == frames // 2
    assert list(sample.seconds) == sorted(sample.seconds)


def test_boxes_hold_the_things_in_thousandths():
    """A thing's box differs from its surroundings more than an equal box of the empty ground."""
    scene = plan_world(Random(4), (512, 288))
    full, record = draw_world(scene, (512, 288), 1)
    empty, _ = draw_world(scene.__class__(scene.setting, (), scene.wall), (512, 288), 1)
    changed = np.abs(np.asarray(full, int) - np.asarray(empty, int)).sum(2) > 60
    for thing in record["objects"]:
        left, top, right, bottom = thing["box"]
        assert changed[top:bottom, left:right].mean() > 0.2, thing


def test_descriptions_tell_the_record_and_nothing_else():
    family = FAMILIES["image"]["scene"]
    for seed in range(20):
        _, record = family.draw(Random(seed), (448, 288))
        turn = family.asks["describe"][1](Random(seed), record, Wordings())
        truth = {}
        for thing in record["objects"]:
            name = f"{thing['colour']} {thing['name']}"
            truth[name] = truth.get(name, 0) + 1
        assert dict(count_things(turn.reply)) == truth


def test_an_open_question_has_several_right_answers():
    family = FAMILIES["image"]["scene"]
    _, record = family.draw(Random(1), (448, 288))
    ask = family.asks["describe"][1]
    assert len({ask(Random(seed), record, Wordings()).reply for seed in range(10)}) >= 5


def test_a_conversation_shows_its_media_once_and_asks_nothing_twice(conversations):
    for kind, count in (("image", 1), ("pair", 2), ("clip", 1)):
        for sample in conversations[kind]:
            parts = [part for one in sample.messages if isinstance(one["content"], list)
                     for part in one["content"]]  # fmt: skip
            assert sum(part["type"] != "text" for part in parts) == count == len(sample.media)


def test_glossary_answers_are_short():
    glossary = read_glossary()
    assert len(glossary) >= 40
    for term, answers in glossary.items():
        assert 2 <= len(answers) <= 3, term
        assert all(len(answer) <= 160 for answer in answers), term


def test_overlap_of_boxes():
    assert overlap([0, 0, 10, 10], [0, 0, 10, 10]) == 1
    assert overlap([0, 0, 10, 10], [5, 0, 15, 10]) == pytest.approx(1 / 3)
    assert overlap([0, 0, 10, 10], [20, 20, 30, 30]) == 0
