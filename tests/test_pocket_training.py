"""The pocket model's training code against transformers, on a tiny configuration on the CPU."""

import json
import os
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from pocket_model import samples as real_samples
from pocket_model.batches import Slot, encode_pieces, grid_of, make_batch
from pocket_model.evaluate import to_request
from pocket_model.export import export
from pocket_model.feed import DrawnBatches
from pocket_model.model import PocketModel, Shape
from pocket_model.tokenizer import (
    END_OF_TEXT,
    IM_END,
    IMAGE_PAD,
    NAMES,
    decode,
    encode,
    make_tokenizer,
)
from pocket_model.train import Settings, load_weights, rate_scale, split_weights, train

pytestmark = pytest.mark.slow  # torch and transformers take seconds to import
TINY = Shape(
    hidden=64,
    layers=3,
    mlp=96,
    heads=2,
    kv_heads=1,
    vision_hidden=64,
    vision_layers=2,
    vision_mlp=96,
    position_side=4,
    deepstack=(0, 1),
)
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}
SLOTS = (
    Slot("text", None, 2, 96),
    Slot("image", (64, 96), 2, 64),
    Slot("pair", (96, 64), 2, 80),
    Slot("clip", (64, 64), 2, 160),
)
SETTINGS = Settings(
    steps=4, workers=0, warm_up=2, noise=0.0, slots=SLOTS, plan=(("text", "image", "pair", "clip"),)
)
KINDS = ("text", "image", "pair", "clip")


@dataclass(frozen=True)
class Sample:
    """A stand-in for the samples of the world: which colours are these?"""

    kind: str
    media: tuple[np.ndarray, ...]
    question: str
    reply: str
    seconds: tuple[float, ...] = ()
    tasks: tuple[str, ...] = ("colours",)


def draw_sample(rng: Random, kind: str, shape: tuple[int, int] | None, **_) -> Sample:
    names = rng.sample(list(COLOURS), 2)
    if kind == "text":
        return Sample(kind, (), f"Reverse {names[0]}.", names[0][::-1])
    width, height = shape
    grounds = [rng.randint(0, 60) + np.zeros((height, width, 3), np.uint8) for _ in names]
    for ground, name in zip(grounds, names, strict=True):
        ground[8 : height - 16, 16:] = COLOURS[name]
    if kind == "image":
        return Sample(kind, (grounds[0],), "Which colour?", names[0])
    if kind == "pair":
        return Sample(kind, tuple(grounds), "Which colours?", " ".join(names))
    clip = np.stack([grounds[0]] * 4 + [grounds[1]] * 4)
    return Sample(kind, (clip,), "Which?", " ".join(names), seconds=(0.25, 1.25, 2.25, 3.25))


def render(sample: Sample) -> list[tuple[str, bool]]:
    clip = "<|vision_start|><|video_pad|><|vision_end|>"
    seen = "".join(f"<{second:.1f} seconds>{clip}" for second in sample.seconds)
    if not sample.seconds:
        seen = "<|vision_start|><|image_pad|><|vision_end|>" * len(sample.media)
    asked = f"<|im_start|>user\n{seen}{sample.question}<|im_end|>\n<|im_start|>assistant\n"
    return [(asked, False), (sample.reply + "<|im_end|>", True), ("\n", False)]


TASKS = {kind: {"colours": 1.0} for kind in ("text", "image", "pair", "clip")}
WORLD = SimpleNamespace(draw_sample=draw_sample, render=render, TASKS=TASKS)


@pytest.fixture(autouse=True)
def one_thread():
    """The matrices are so small that threads only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw_pieces(rng: Random, slot: Slot):
    sample = draw_sample(rng, slot.kind, slot.shape)
    return sample, render(sample)


def fixed_world(slots=SLOTS) -> SimpleNamespace:
    """Two samples of each kind, over and over."""
    made = {s.kind: [draw_sample(Random(i), s.kind, s.shape) for i in (1, 2)] for s in slots}
    turn = count()
    return SimpleNamespace(
        draw_sample=lambda _rng, kind, _shape, **_: made[kind][next(turn) % 2],
        render=render,
        TASKS=TASKS,
        made=made,
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> tuple[PocketModel, Path]:
    """A model with all of its parts at work, and its checkpoint."""
    torch.manual_seed(3)
    model = PocketModel(TINY)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.add_(torch.randn_like(weight) * (0.1 if weight.ndim == 1 else 0.03))
            weight.copy_(weight.half())  # what the checkpoint can hold
            assert name.startswith("model.")
    folder = tmp_path_factory.mktemp("export") / "tiny"
    export(model.state_dict(), folder, shape=TINY)
    return model.eval(), folder


TEXTS = (
    "Write 'Größe 東京 🙂' in reverse.\n",
    "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>x<|im_end|>\n",
    '<tool_call>\n{"name": "a"}\n</tool_call> <|im_start |> <|no_mark|>',
    "  two  spaces\tand\r\ntabs ",
    "",
)


@pytest.mark.parametrize("text", TEXTS)
def test_tokenizer_agrees_with_the_exported_one(text, exported):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(exported[1])
    assert encode(text) == tokenizer(text)["input_ids"]
    assert decode(encode(text)) == text == tokenizer.decode(encode(text))


def test_tokenizer_keeps_bytes_and_special_ids():
    tokenizer = make_tokenizer()
    assert tokenizer("az")["input_ids"] == [97, 122]
    assert all(tokenizer.convert_tokens_to_ids(mark) == i for i, mark in NAMES.items())
    assert tokenizer.eos_token_id == IM_END


@pytest.mark.parametrize("kind", KINDS)
def test_logits_equal_those_of_transformers(kind, exported):
    from transformers import AutoProcessor, Qwen3VLForConditionalGeneration
    from transformers.video_utils import VideoMetadata

    model, folder = exported
    slot = next(slot for slot in SLOTS if slot.kind == kind)
    arrays, _ = make_batch(slot, Random(5), draw_pieces)
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        found = model(batch)
    reference = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(folder)
    rng = Random(5)
    for row in range(slot.batch):
        sample, pieces = draw_pieces(rng, slot)
        media = {}
        limits = {"size": {"shortest_edge": 1024, "longest_edge": 10**6}}
        if kind in ("image", "pair"):
            media = {"images": [Image.fromarray(p) for p in sample.media], "images_kwargs": limits}
        if kind == "clip":
            told = VideoMetadata(total_num_frames=8, fps=2.0, frames_indices=list(range(8)))
            clip = torch.from_numpy(sample.media[0]).permute(0, 3, 1, 2)
            kwargs = {"do_sample_frames": False, "video_metadata": [told], **limits}
            media = {"videos": [clip], "videos_kwargs": kwargs}
        text = "".join(piece for piece, _ in pieces)
        if kind == "clip":  # the processor writes the seconds itself
            after = text.rindex("<|vision_end|>") + len("<|vision_end|>")
            text = text[: text.index("<0.2")] + "<|video_pad|>" + text[after:]
        inputs = processor(text=[text], return_tensors="pt", **media)
        n = inputs["input_ids"].shape[1] - 1  # without the last line feed
        assert inputs["input_ids"][0, :n].tolist() == batch["ids"][row, :n].tolist()
        with torch.no_grad():
            wanted = reference(**inputs).logits[0, :n]
        torch.testing.assert_close(found[row, :n], wanted, atol=1e-4, rtol=1e-3)


def test_deepstack_and_positions_matter(exported):
    model, _ = exported
    slot = SLOTS[1]
    arrays, _ = make_batch(slot, Random(5), draw_pieces)
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        before = model(batch)
        straight = torch.arange(slot.length).expand_as(batch["positions"])
        moved = model(batch | {"positions": straight})
        other = model(batch | {"frames": 255 - batch["frames"]})
    assert not torch.allclose(before, moved, atol=1e-3)
    assert not torch.allclose(before, other, atol=1e-3)


def test_only_answers_are_learnt_and_each_turn_is_told_apart():
    pieces = [("ask", False), ("yes<|im_end|>", True), ("\nmore", False), ("no<|im_end|>", True)]
    found = encode_pieces(pieces)
    assert decode(found.ids[found.weights > 0].tolist()) == "yes<|im_end|>no<|im_end|>"
    assert found.turns.tolist() == [-1] * 3 + [0] * 4 + [-1] * 5 + [1] * 3


def test_a_long_conversation_ends_after_the_last_answer_that_fits():
    pieces = [("ask", False), ("yes", True), ("\nmore", False), ("no", True)]
    assert decode(encode_pieces(pieces, limit=12).ids.tolist()) == "askyes"
    assert encode_pieces(pieces, limit=5) is None


def test_a_picture_takes_as_many_positions_as_its_longer_side():
    found = encode_pieces([("a<|image_pad|>b", False), ("c", True)], grid_of((96, 64)))
    assert (found.ids == IMAGE_PAD).sum() == 6
    assert found.positions[:, 1:7].tolist() == [[1] * 6, [1, 1, 1, 2, 2, 2], [1, 2, 3] * 2]
    assert found.positions[:, 7].tolist() == [4, 4, 4]


def test_short_samples_are_left_to_another_slot():
    arrays, _ = make_batch(replace(SLOTS[0], batch=8), Random(1), draw_pieces)
    lengths = (arrays["ids"] != END_OF_TEXT).sum(1)
    longer = replace(SLOTS[0], batch=8, shortest=int(lengths.min()))
    arrays, _ = make_batch(longer, Random(1), draw_pieces)
    assert (arrays["ids"] != END_OF_TEXT).sum(1).min() > lengths.min()


def test_a_slot_that_nothing_fits_is_an_error():
    with pytest.raises(ValueError, match="No sample of kind text fits"):
        make_batch(replace(SLOTS[0], length=10), Random(1), draw_pieces)


def test_batches_depend_on_their_number_alone():
    drawn = DrawnBatches(SLOTS, dict.fromkeys(KINDS, 1.0), WORLD, seed=7)
    one, again, other = drawn.draw(5), drawn.draw(5), drawn.draw(6, drawn.slots[0].kind)
    assert one.slot == again.slot
    assert all(torch.equal(one.batch[name], again.batch[name]) for name in one.batch)
    assert not torch.equal(one.batch["ids"][:1, :40], other.batch["ids"][:1, :40])


def test_overfits_eight_samples_in_seconds(tmp_path, capsys):
    settings = replace(SETTINGS, steps=150, lr=1e-2, adam_lr=1e-2, warm_up=5)
    learner = train(settings, fixed_world(), out=tmp_path / "run", shape=TINY)
    learner.score.zero_()
    for slot in range(len(SLOTS)):
        drawn = DrawnBatches(SLOTS, {}, fixed_world(), seed=1).draw(0, SLOTS[slot].kind)
        learner.learn(drawn)
    report = learner.report()["colours"]
    assert report["n"] == 8
    assert report["right"] == 1.0
    assert report["loss"] < 0.05
    assert "samples/s" in capsys.readouterr().out


def test_a_resumed_run_ends_in_the_same_state(tmp_path):
    settings = replace(SETTINGS, decay=0.0, warm_up=1)
    whole = train(replace(settings, steps=5), WORLD, shape=TINY)
    train(replace(settings, steps=3), WORLD, out=tmp_path, shape=TINY)
    resumed = train(replace(settings, steps=2), WORLD, resume=tmp_path, shape=TINY)
    assert resumed.steps == whole.steps == 5
    assert resumed.samples == whole.samples
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name


def test_goes_on_from_the_weights_alone(tmp_path):
    first = train(SETTINGS, WORLD, out=tmp_path, shape=TINY)
    (tmp_path / "state.pt").unlink()
    resumed = train(replace(SETTINGS, steps=1, scale=0.0), WORLD, resume=tmp_path, shape=TINY)
    assert resumed.steps == 5
    for name, weight in first.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], weight, atol=1e-3, rtol=1e-3)


def test_saving_leaves_whole_files_only(tmp_path):
    train(SETTINGS, WORLD, out=tmp_path, shape=TINY)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["history.json", "progress.json", "state.pt", "weights-0.safetensors"]
    assert set(load_weights(tmp_path)) == set(PocketModel(TINY).state_dict())


def test_weights_are_split_without_loss():
    weights = {str(i): torch.zeros(3 * 10**6, dtype=torch.float16) for i in range(5)}
    parts = split_weights(weights)
    assert [list(part) for part in parts] == [["0", "1"], ["2", "3"], ["4"]]


def test_rates_rise_stay_and_fall():
    settings = Settings(warm_up=10, decay=0.5, scale=2.0)
    assert rate_scale(settings, 4, 0.0) == 1.0
    assert rate_scale(settings, 50, 0.3) == 2.0
    assert rate_scale(settings, 50, 0.75) == 1.0
    assert rate_scale(settings, 50, 1.0) == 0.0


def test_the_full_model_is_as_small_as_promised():
    assert sum(weight.numel() for weight in PocketModel().parameters()) <= 15_000_000


def test_the_trained_samples_fit_their_slots():
    """Every kind of the real world makes a batch in each of its training slots."""
    from pocket_model.train import SLOTS as real_slots

    for slot in real_slots:
        if slot.kind != "clip":  # drawn the same way, and slow
            small = replace(slot, batch=1)
            drawn = DrawnBatches([small], {slot.kind: 1.0}, real_samples, seed=2).draw(0)
            assert drawn.batch["weights"].any()
            assert drawn.tasks[0]


def test_a_file_of_shares_changes_what_is_drawn_while_a_run_goes_on(tmp_path):
    world = SimpleNamespace(TASKS={"text": {"one": 1.0, "other": 1.0}})
    drawn = DrawnBatches(SLOTS, {"text": 1.0}, world, seed=1, shares=tmp_path / "shares.json")
    for factor, expected in ((None, {"one", "other"}), (0.0, {"other"}), (1.0, {"one", "other"})):
        if factor is not None:
            drawn.shares.write_text(json.dumps({"one": factor}))
            os.utime(drawn.shares, (factor, factor))
        drawn.read_shares()
        rng = Random(4)
        assert {drawn.choose_task(rng, SLOTS[0]) for _ in range(30)} == expected


def test_requests_carry_pictures_in_the_order_of_their_places():
    red, blue = (np.full((8, 8, 3), COLOURS[c], np.uint8) for c in ("red", "blue"))
    content = [{"type": "image"}, {"type": "text", "text": "and"}, {"type": "image"}]
    messages = [{"role": "user", "content": content}, {"role": "user", "content": "plain"}]
    request = to_request(messages, SimpleNamespace(media=(red, blue), seconds=()), {})
    kinds = [part["type"] for part in request[0]["content"]]
    assert kinds == ["image_url", "text", "image_url"]
    urls = [request[0]["content"][i]["image_url"]["url"] for i in (0, 2)]
    assert all(url.startswith("data:image/png;base64,") for url in urls)
    assert urls[0] != urls[1]
    assert request[1]["content"] == "plain"
