"""The memory planner against measured starts, figures worked out by hand, and bad input."""

import argparse
import csv
import json
import math
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from helpers.card import Card
from helpers.memory.changes import Change
from helpers.memory.plan import Plan, make_card, plan_memory, read_card, read_settings
from helpers.memory.shapes import QWEN3_VL_4B, Shapes, ShapesError, read_shapes
from helpers.memory.terms import (
    ENGINES,
    Engine,
    PlanError,
    Settings,
    count_encoder_tokens,
)
from helpers.memory.view import compare_memory, draw_memory
from helpers.places import GIB, ROOT, Place, read_value
from helpers.server.log import LogError, StartFacts, find_cause, find_shortage, read_facts
from helpers.server.server import Server
from measurements import measure_memory
from measurements.measure_memory import COLUMNS, TABLE, find_version

POCKET = ROOT / "pocket_model" / "trained"
RTX_5090 = make_card("NVIDIA GeForce RTX 5090", 32607 / 1024)
H100 = make_card("NVIDIA H100 80GB HBM3", 81559 / 1024)
ROOMY = make_card("this processor", 64.0)
ROOMY = replace(ROOMY, capability=(0, 0))
QWEN3_VL_8B = replace(QWEN3_VL_4B, hidden=4096, ffn=12288, tied=False, vision_depth=27)
QWEN3_VL_8B = replace(QWEN3_VL_8B, vision_hidden=1152, vision_ffn=4304, vision_out=4096)
COURSE = {"image": 4, "video": 1}
PROFILE = Settings(0.90, 16384, limit_mm_per_prompt=COURSE)


def read_table() -> list[dict[str, str]]:
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def plan_line(line: dict[str, str]) -> Plan:
    """The plan of a measured start, from nothing but its flags, its machine and the config."""
    words = shlex.split(line["flags"])
    arguments: dict[str, object] = {}
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--").replace("-", "_")
            arguments[name] = True
        else:
            arguments[name] = read_value(word)
    env = dict(pair.split("=") for pair in line["env"].split())
    card = ROOMY
    if line["machine"] != "CPU":
        card = make_card(line["machine"], float(line["total_gib"]) + 0.47)
    return plan_memory(
        find_shapes(line["model"]), read_settings(arguments, env), card=card, version=line["vllm"]
    )


def find_shapes(model: str) -> Shapes:
    """The shapes that a line names; of a pocket model those that the KV cache depends on."""
    hidden, layers, heads, size = map(int, re.findall(r"\d+", model))
    known = {"hidden": hidden, "layers": layers, "kv_heads": heads, "head_dim": size}
    return replace(QWEN3_VL_4B, **known)


def name_line(line: dict[str, str]) -> str:
    return f"{line['machine']} {line['vllm']} {line['model'][:21]} {line['start']}"


MEASURED = [line for line in read_table() if line["outcome"] != "failed"]
REFUSED = [line for line in read_table() if line["outcome"] == "failed"]


@pytest.mark.parametrize("line", MEASURED, ids=name_line)
def test_plan_against_a_measured_start(line: dict[str, str]) -> None:
    plan = plan_line(line)
    assert (plan.shortage or "ready") == line["outcome"]
    if line["kv_tokens"]:
        measured = int(line["kv_tokens"])
        assert plan.kv_tokens == pytest.approx(measured, rel=0.02)
        if line["machine"] == "CPU":
            assert plan.kv_tokens == measured
        elif "--data-parallel-size" not in line["flags"]:  # of two engines the log shows one
            assert plan.kv_tokens == pytest.approx(measured, rel=plan.start.engine.held.gap / 100)
            assert plan.start.measured
    if line["model_len_that_fits"]:
        off = 0 if line["machine"] == "CPU" else plan.start.engine.held.gap / 100
        assert plan.longest_that_fits == pytest.approx(int(line["model_len_that_fits"]), rel=off)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_what_the_plans_were_held_against_is_in_the_table(engine: Engine) -> None:
    """Machines, version and number of starts are named in every plan: they are the table's."""
    held = engine.held
    lines = [
        line
        for line in MEASURED
        if line["machine"] != "CPU" and "--data-parallel-size" not in line["flags"]
    ]
    mine = [line for line in lines if line["vllm"] == held.version]
    machines = {line["machine"].split()[1] for line in mine}
    assert (" and ".join(sorted(machines)), len(mine)) == (held.machines, held.starts)


@pytest.mark.parametrize("line", REFUSED, ids=name_line)
def test_what_vllm_refuses_is_refused(line: dict[str, str]) -> None:
    with pytest.raises(PlanError):
        plan_line(line)


def test_the_table_holds_what_was_promised() -> None:
    lines = read_table()
    for version in ("0.11.0", "0.32.0"):
        starts = [x for x in lines if (x["machine"], x["vllm"]) == ("CPU", version)]
        assert len(starts) >= 4, version
        assert {"ready", "budget"} <= {x["outcome"] for x in starts}, version
    cards = [x for x in lines if x["machine"] != "CPU"]
    assert len({x["budget_gib"] for x in cards if x["outcome"] == "ready"}) >= 5
    assert sum(x["outcome"] in ("budget", "card") for x in cards) >= 2
    for flag in ("--quantization fp8", "--kv-cache-dtype fp8", "--max-num-seqs 16 "):
        assert any(flag in x["flags"] for x in cards), flag
    keys = [(x["start"], x["machine"], x["vllm"], x["model"]) for x in lines]
    assert len(keys) == len(set(keys))
    assert all(x["date"] and x["source"] for x in lines)


# Counted by hand


def test_parameters() -> None:
    assert QWEN3_VL_4B.parameters == 4_437_815_808
    assert QWEN3_VL_4B.weight_bytes("bfloat16") == 2 * 4_437_815_808
    assert QWEN3_VL_8B.parameters == 8_767_123_696


@pytest.mark.parametrize("folder", [POCKET, POCKET.with_name("trained")], ids=lambda p: p.name)
def test_parameters_of_a_checkpoint_on_disk(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        counted = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    assert read_shapes(folder).parameters == counted


def test_fp8_weights_halve_the_matrices_alone() -> None:
    shapes = QWEN3_VL_4B
    matrices = shapes.language_matrices + shapes.vision_matrices
    halved = shapes.weight_bytes("bfloat16") - shapes.weight_bytes("bfloat16", "fp8")
    assert halved == matrices
    assert matrices == shapes.parameters - shapes.others
    checkpoint = replace(shapes, quantization="fp8", keeps_vision=True)
    kept = checkpoint.weight_bytes("bfloat16") - shapes.weight_bytes("bfloat16", "fp8")
    assert kept == shapes.vision_matrices
    assert checkpoint.weight_bytes("bfloat16", "fp8") == checkpoint.weight_bytes("bfloat16")


@pytest.mark.parametrize(
    ("tokens", "gib"),
    [(8192, 1.125), (16384, 2.25), (32768, 4.5), (131072, 18), (262144, 36)],
)
def test_kv_cache_of_a_request(tokens: int, gib: float) -> None:
    assert QWEN3_VL_4B.token_bytes(2) == 147_456
    assert tokens * QWEN3_VL_4B.token_bytes(2) == gib * GIB
    assert tokens * QWEN3_VL_4B.token_bytes(1) == gib * GIB / 2


def test_the_whole_context_does_not_fit_on_a_5090() -> None:
    plan = plan_memory(QWEN3_VL_4B, Settings(0.90), card=RTX_5090)
    assert plan.shortage == "budget"
    assert "262,144 tokens needs 36.0 GiB" in plan.verdict
    fits = int(plan.changes[0].value)
    assert plan.changes[0].flag == "--max-model-len"
    assert plan_memory(QWEN3_VL_4B, Settings(0.90, fits), card=RTX_5090).starts
    longer = plan_memory(QWEN3_VL_4B, Settings(0.90, fits + 16), card=RTX_5090)
    assert fits + 16 == plan.longest_that_fits and longer.starts
    assert longer.requests_at_once() == 0
    assert f"never gets its last block: lower --max-model-len to {fits}." in longer.verdict
    assert not plan_memory(QWEN3_VL_4B, Settings(0.90, fits + 32), card=RTX_5090).starts


def test_fp8_kv_doubles_the_tokens() -> None:
    full = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090)
    half = plan_memory(QWEN3_VL_4B, replace(PROFILE, kv_cache_dtype="fp8"), card=RTX_5090)
    assert half.kv_tokens == pytest.approx(2 * full.kv_tokens, abs=16)


def test_the_length_costs_no_memory() -> None:
    """The KV cache takes what is left, whatever the length; the length only caps a request."""
    short = plan_memory(QWEN3_VL_4B, replace(PROFILE, max_model_len=16384), card=RTX_5090)
    long = plan_memory(QWEN3_VL_4B, replace(PROFILE, max_model_len=65536), card=RTX_5090)
    assert short.kv_tokens == long.kv_tokens
    assert long.requests_at_once(16384) == short.requests_at_once(16384)


def test_requests_at_once() -> None:
    plan = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version="0.26.0")
    blocks = plan.kv_memory // (147_456 * 16)
    assert plan.requests_at_once(4096) == (blocks - 1) // 256
    assert plan.requests_at_once(4097) == (blocks - 1) // 257
    assert plan.requests_at_once(16385) == 0
    few = plan_memory(QWEN3_VL_4B, replace(PROFILE, max_num_seqs=3), card=RTX_5090)
    assert few.requests_at_once(100) == 3
    for length in (0, -1):
        with pytest.raises(PlanError, match="at least 1 token"):
            few.requests_at_once(length)


@pytest.mark.parametrize(
    ("version", "limits", "length", "budget"),
    [  # each version's own MultiModalBudget with the 4B's config, run on a CPU
        ("0.11.0", COURSE, 4096, 151_250),
        ("0.11.0", COURSE, 8192, 151_250),
        ("0.11.0", COURSE, 16384, 153_600),
        ("0.11.0", COURSE, 262_144, 153_600),
        ("0.11.0", {"image": 4, "video": 0}, 16384, 16_384),
        ("0.11.0", {"image": 0, "video": 1}, 8192, 151_250),
        ("0.11.0", {"image": 0, "video": 0}, 16384, 0),
        ("0.32.0", COURSE, 4096, 16_384),
        ("0.32.0", COURSE, 262_144, 16_384),
        ("0.32.0", {"image": 4, "video": 0}, 16384, 16_384),
        ("0.32.0", {"image": 0, "video": 1}, 8192, 12_288),
        ("0.32.0", {"image": 0, "video": 0}, 16384, 0),
    ],
)
def test_encoder_budget(version: str, limits: dict[str, int], length: int, budget: int) -> None:
    settings = Settings(0.9, length, 256, 2048, limit_mm_per_prompt=limits)
    plan = plan_memory(QWEN3_VL_4B, settings, card=H100, version=version)
    assert count_encoder_tokens(plan.start)[2] == budget


@pytest.mark.parametrize(
    ("version", "limits", "items"),
    [("0.11.0", COURSE, 1), ("0.11.0", {"video": 0}, 4), ("0.32.0", COURSE, 4)],
)
def test_items_of_a_large_batch(version: str, limits: dict[str, int], items: int) -> None:
    """65,536 tokens a batch hold four pictures of 16,384; from the same runs."""
    settings = Settings(0.9, 16384, 256, 65536, limit_mm_per_prompt=limits)
    plan = plan_memory(QWEN3_VL_4B, settings, card=H100, version=version)
    assert count_encoder_tokens(plan.start)[0] == items


def test_no_video_frees_the_reserve_of_0_11() -> None:
    """Of the 2.9 GiB for one clip (153,600 × 10,240 × 2 bytes), less what a picture needs."""
    with_clips = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090)
    without = replace(PROFILE, limit_mm_per_prompt={"image": 4, "video": 0})
    gained = plan_memory(QWEN3_VL_4B, without, card=RTX_5090).kv_memory - with_clips.kv_memory
    assert gained / GIB == pytest.approx(1.43, abs=0.02)


def test_the_tower_of_0_11_needs_more_than_its_mlp() -> None:
    """24.6 rows of 1,024 for each patch of the largest picture (23.07 in a trace on a CPU).

    Pixels come on top, and the batch's own work is not there yet.
    """
    text, pictures = ({"image": many, "video": 0} for many in (0, 4))
    settings = replace(PROFILE, limit_mm_per_prompt=pictures)
    plan = plan_memory(QWEN3_VL_4B, settings, card=RTX_5090)
    peak = size_of(plan, "activations") + size_of(plan, "pictures and clips")
    assert peak == pytest.approx(65_536 * (24.57 * 1024 + 3 * 2 * 16**2) * 2, rel=0.002)
    assert "65,536 patches in the vision tower" in str(plan)
    alone = plan_memory(QWEN3_VL_4B, replace(PROFILE, limit_mm_per_prompt=text), card=RTX_5090)
    assert size_of(alone, "pictures and clips") == 0


@pytest.mark.parametrize(("seqs", "word"), [(64, 50), (127, 50), (128, 38), (1024, 38)])
def test_the_sampler_of_0_11_sorts(seqs: int, word: int) -> None:
    """Two ways to sort (torch's SortStable.cu), and the last layer of the batch beside them."""
    settings = replace(PROFILE, max_num_seqs=seqs)
    plan = plan_memory(QWEN3_VL_4B, settings, card=RTX_5090)
    assert size_of(plan, "activations") == seqs * 151_936 * word + 2048 * 2560 * 2
    assert f"{word} bytes a word" in str(plan)


def test_float32_doubles_what_is_held_in_numbers() -> None:
    """Weights with vLLM's buffers, a layer's batch, pictures and clips; not the sampler."""
    settings = replace(PROFILE, max_num_seqs=256, max_num_batched_tokens=32768)
    half = plan_memory(QWEN3_VL_4B, settings, card=H100)
    full = plan_memory(QWEN3_VL_4B, replace(settings, dtype="float32"), card=H100)
    rest = round(half.start.engine.loading * GIB)
    assert size_of(full, "weights") - rest == 2 * (size_of(half, "weights") - rest)
    for name in ("activations", "pictures and clips"):
        assert size_of(full, name) == 2 * size_of(half, name)


# The two kinds of out of memory, and the way out


def size_of(plan: Plan, name: str) -> int:
    return next(term.size for term in plan.terms if term.name == name)


@pytest.mark.parametrize("version", ["0.11.0", "0.26.0", "0.32.0"])
@pytest.mark.parametrize(
    ("settings", "card", "kind", "flag"),
    [
        (Settings(0.25, 8192), RTX_5090, "budget", "--gpu-memory-utilization"),
        (Settings(0.90, 262_144), RTX_5090, "budget", "--max-model-len"),
        (Settings(0.99, 8192), RTX_5090, "card", "--gpu-memory-utilization"),
        (PROFILE, make_card("half full", 31.84, 20), "card", "--gpu-memory-utilization"),
    ],
)
def test_shortage_and_smallest_change(
    version: str, settings: Settings, card: object, kind: str, flag: str
) -> None:
    plan = plan_memory(QWEN3_VL_4B, settings, card=card, version=version)
    assert plan.shortage == kind
    assert plan.changes[0].flag == flag
    assert plan.requests_at_once(1) == 0
    assert plan.reason in plan.verdict and f"out of memory, {kind}" in plan.verdict
    assert apply(plan, plan.changes[0]).starts


def apply(plan: Plan, *changes: Change) -> Plan:
    """The plan with changes read back from what they print."""
    settings, card = plan.start.settings, plan.start.card
    for change in changes:
        value = read_value(change.value or None)
        name = change.flag.removeprefix("--").replace("-", "_")
        if change.flag.startswith("close"):
            card = replace(card, free=card.total)
        elif name == "limit_mm_per_prompt.video":
            limits = dict(settings.limit_mm_per_prompt) | {"video": value}
            settings = replace(settings, limit_mm_per_prompt=limits)
        else:
            settings = replace(settings, **{name.replace("VLLM_CPU_KVCACHE", "cpu").lower(): value})
    return plan_memory(plan.start.shapes, settings, card=card, version=plan.start.version)


CARDS = (RTX_5090, H100, make_card("small", 15.99), make_card("desktop", 31.84, 30), ROOMY)
CARDS += (make_card("tiny", 11.99), replace(ROOMY, free=12 * GIB))


@pytest.mark.parametrize("version", ["0.11.0", "0.26.0", "0.32.0"])
@pytest.mark.parametrize("card", CARDS, ids=lambda card: f"{card.name} {card.free / GIB:.1f}")
def test_every_change_serves_a_request(card: Card, version: str) -> None:
    cpu = card.capability == (0, 0)
    shares = [(0.9, space) for space in (1, 4, 40)] if cpu else [(s, 4) for s in (0.3, 0.9, 0.99)]
    for share, space in shares:
        for length in (None, 109_872, 16_384, 4096):
            for dtype in ("auto", "float32"):
                settings = Settings(share, length, dtype=dtype, cpu_space=space)
                plan = plan_memory(QWEN3_VL_4B, settings, card=card, version=version)
                for change in plan.changes:
                    again = apply(plan, change)
                    assert again.starts and again.requests_at_once() >= 1, (plan, change)
                if plan.pair:
                    again = apply(plan, *plan.pair)
                    assert again.starts and again.requests_at_once() >= 1, plan
                    assert again.start.length >= 1024


def test_the_length_that_is_advised_is_the_greatest_that_serves() -> None:
    """The profile on 16 GB: without the largest clip there is room for a longer request."""
    plan = plan_memory(QWEN3_VL_4B, PROFILE, card=make_card("small", 15.99))
    change = next(one for one in plan.changes if one.flag == "--max-model-len")
    assert apply(plan, change).requests_at_once() == 1
    longer = replace(change, value=str(int(change.value) + plan.start.block))
    assert apply(plan, longer).requests_at_once() == 0


def test_two_changes_where_one_is_not_enough() -> None:
    card = make_card("x", 31.84, 30.0)
    plan = plan_memory(QWEN3_VL_4B, Settings(0.99), card=card)
    assert not plan.changes
    first, second = plan.pair
    assert (first.flag, second.flag) == ("--gpu-memory-utilization", "--max-model-len")
    assert f"these two together do: {first} and {second}." in plan.verdict
    assert apply(plan, first, second).requests_at_once() == 1
    assert not apply(plan, first).starts and not apply(plan, second).starts


def test_smaller_batches_and_fewer_requests_are_offered() -> None:
    card = make_card("small", 15.99)
    settings = Settings(0.9, 8192, 512, 32768, limit_mm_per_prompt={"video": 0})
    flags = [c.flag for c in plan_memory(QWEN3_VL_4B, settings, card=card).changes]
    assert "--max-num-batched-tokens" in flags
    settings = Settings(0.9, 8192, 1024, limit_mm_per_prompt={"video": 0})
    flags = [c.flag for c in plan_memory(QWEN3_VL_4B, settings, card=card).changes]
    assert "--max-num-seqs" in flags


def test_fp8_weights_are_loaded_in_16_bits() -> None:
    """An 8B model: 16.3 GiB of weights, 8.2 as FP8, on a card of 16 GB."""
    card = make_card("small", 15.99)
    asked = Settings(0.9, 4096, quantization="fp8", limit_mm_per_prompt={"video": 0})
    plan = plan_memory(QWEN3_VL_8B, asked, card=card)
    assert plan.shortage == "card" and not plan.changes and not plan.pair
    assert "vLLM 0.11 loads the weights in 16 bits before it makes them FP8: 16." in plan.verdict
    plain = plan_memory(QWEN3_VL_8B, replace(asked, quantization=None), card=card)
    assert "--quantization" not in [change.flag for change in plain.changes]
    ready_made = replace(QWEN3_VL_8B, quantization="fp8", keeps_vision=True)
    for shapes, version in ((ready_made, "0.11.0"), (QWEN3_VL_8B, "0.32.0")):
        plan = plan_memory(shapes, asked, card=card, version=version)
        assert "in 16 bits" not in plan.verdict


def test_the_change_is_the_smallest() -> None:
    plan = plan_memory(QWEN3_VL_4B, Settings(0.25, 8192), card=RTX_5090)
    share = float(plan.changes[0].value)
    below = Settings(share - 0.01, 8192)
    assert not plan_memory(QWEN3_VL_4B, below, card=RTX_5090).starts
    assert "--limit-mm-per-prompt.video" not in [c.flag for c in plan.changes] or share > 0.25


def test_a_model_larger_than_the_card() -> None:
    """No flag helps a 32B-sized model on 16 GB: the advice says so."""
    large = replace(QWEN3_VL_4B, layers=300)
    plan = plan_memory(large, Settings(0.9, 4096), card=make_card("small", 15.99))
    assert plan.shortage == "card" and not plan.changes
    assert plan.verdict.endswith("Nothing helps: take a smaller model or a larger card.")
    machine = replace(ROOMY, free=8 * GIB)
    plan = plan_memory(large, Settings(max_model_len=4096, cpu_space=4), card=machine)
    assert plan.verdict.endswith(
        "Nothing helps: take a smaller model or a machine with more memory."
    )


def test_freeing_the_card_is_offered() -> None:
    card = make_card("full", 31.84, 2)
    plan = plan_memory(QWEN3_VL_4B, PROFILE, card=card)
    assert plan.shortage == "card"
    assert "close what else uses the card" in str(plan.changes[-1])


def test_graphs_beside_the_share() -> None:
    """Inside the share from 0.32 on, beside it before, and gone with --enforce-eager."""
    before = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version="0.26.0")
    after = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version="0.32.0")
    assert [t.inside for t in before.terms if t.name == "CUDA graphs"] == [False]
    assert [t.inside for t in after.terms if t.name == "CUDA graphs"] == [True]
    eager = plan_memory(QWEN3_VL_4B, replace(PROFILE, enforce_eager=True), card=RTX_5090)
    assert size_of(eager, "CUDA graphs") == 0


def test_a_tight_share_is_warned_of() -> None:
    plan = plan_memory(QWEN3_VL_4B, replace(PROFILE, gpu_memory_utilization=0.97), card=RTX_5090)
    assert plan.starts and "torch.OutOfMemoryError" in plan.notes[0]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.11.0", "Held against 9 starts (measured: H100, vLLM 0.11.0, 4B shapes)"),
        ("0.32.0", "Held against 8 starts (measured: H200, vLLM 0.32.0, 4B shapes)"),
        ("0.26.0", "Held against 22 starts (measured: H100 and H200"),
        ("0.27.1", "0.27.1 was not read"),
    ],
)
def test_the_plan_says_what_was_not_measured(version: str, words: str) -> None:
    plan = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version=version)
    assert words in " ".join(plan.notes)
    assert words in str(plan) and words in plan._repr_markdown_()


@pytest.mark.parametrize(
    ("changes", "shapes"),
    [
        ({"dtype": "float32"}, QWEN3_VL_4B),
        ({}, QWEN3_VL_8B),
    ],
)
def test_other_models_and_numbers_were_not_measured(changes: dict, shapes: Shapes) -> None:
    plan = plan_memory(shapes, replace(PROFILE, **changes), card=H100, version="0.26.0")
    assert "No such start of vLLM 0.26 on a GPU has been measured" in str(plan)
    assert "Held against" not in str(plan)


@pytest.mark.parametrize("changes", [{"quantization": "fp8"}, {"kv_cache_dtype": "fp8"}])
def test_fp8_was_measured_with_the_newer_versions_alone(changes: dict) -> None:
    settings = replace(PROFILE, **changes)
    old = plan_memory(QWEN3_VL_4B, settings, card=H100, version="0.11")
    assert "No such start of vLLM 0.11" in str(old)
    for version in ("0.26.0", "0.32.0"):
        new = plan_memory(QWEN3_VL_4B, settings, card=H100, version=version)
        assert "Held against" in str(new), version
        assert any("fp8" in line["flags"] for line in MEASURED if line["vllm"] == version)


def test_sources_are_those_of_the_figure() -> None:
    new = str(plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version="0.32.0"))
    old = str(plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090))
    assert "256 requests, 38 bytes a word; 0.11.0's sort, by torch's source" in old
    assert "0.11.0's sort" not in new
    many = replace(PROFILE, max_num_seqs=1024)
    words = str(plan_memory(QWEN3_VL_4B, many, card=RTX_5090, version="0.32.0"))
    assert "1,024 requests, 4 bytes a word; computed" in words
    large = str(plan_memory(QWEN3_VL_4B, PROFILE, card=H100, version="0.26.0"))
    assert "a batch of 8,192 tokens; formula, 2 % above the measured 0.63 GiB" in large
    assert "2 % above" not in str(plan_memory(QWEN3_VL_8B, PROFILE, card=H100, version="0.26.0"))
    assert "with vLLM's buffers and 0.06 GiB measured" in large


def test_every_term_has_a_source_and_the_sum_is_the_share() -> None:
    for version in ("0.11.0", "0.26.0", "0.32.0"):
        plan = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version=version)
        assert all(term.source for term in plan.terms)
        inside = sum(term.size for term in plan.terms if term.inside)
        assert inside + plan.kv_memory == plan.budget


# On a CPU


def plan_cpu(card: object = ROOMY, version: str = "0.11.0", **settings: object) -> Plan:
    return plan_memory(POCKET, Settings(dtype="float32", **settings), card=card, version=version)


def test_cpu_space_that_one_request_needs() -> None:
    plan = plan_cpu(cpu_space=1)
    assert plan.shortage == "budget"
    assert str(plan.changes[0]).startswith("`VLLM_CPU_KVCACHE_SPACE=3`")
    assert plan_cpu(cpu_space=2).starts and not plan_cpu(cpu_space=2).requests_at_once()
    assert plan_cpu(cpu_space=3).requests_at_once() == 1
    assert plan_cpu(cpu_space=1, max_model_len=int(plan.changes[1].value)).starts


def test_cpu_space_that_the_machine_has_not() -> None:
    small = replace(ROOMY, free=8 * GIB)
    plan = plan_cpu(small, cpu_space=40, max_model_len=16384)
    assert plan.shortage == "card"
    assert plan_cpu(small, cpu_space=int(plan.changes[0].value), max_model_len=16384).starts


def test_cpu_space_that_is_not_set() -> None:
    plan = plan_cpu(max_model_len=4096)
    assert plan.start.space == 4 and plan.kv_memory == 4 * GIB
    assert "0.11's default; " in str(plan) and "VLLM_CPU_KVCACHE_SPACE" not in str(plan)
    assert "VLLM_CPU_KVCACHE_SPACE; " in str(plan_cpu(max_model_len=4096, cpu_space=4))
    with pytest.raises(PlanError, match=r"vLLM 0\.32\.0 sizes the KV cache .* set cpu_space"):
        plan_cpu(version="0.32.0")


def test_a_version_that_was_not_read_on_a_cpu() -> None:
    plan = plan_cpu(version="0.27.1", cpu_space=4, max_model_len=4096)
    assert plan.notes == ("vLLM 0.27.1 was not read; planned as 0.26 is.",)


def test_half_the_numbers_are_offered_on_a_cpu() -> None:
    plan = plan_cpu(cpu_space=1, max_model_len=200_000)
    assert "`--dtype bfloat16` (rounded numbers)" in map(str, plan.changes)


def test_this_machine_is_read_where_no_card_is_given() -> None:
    plan = plan_memory(POCKET, Settings(max_model_len=4096, cpu_space=1))
    assert plan.start.on_cpu and plan.start.free > 0


# Bad input


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gpu_memory_utilization": 0}, "share of the card"),
        ({"gpu_memory_utilization": 1.2}, "share of the card"),
        ({"max_model_len": -5}, "at least 1"),
        ({"max_model_len": 0}, "at least 1"),
        ({"max_num_seqs": 0}, "at least 1"),
        ({"max_model_len": "16k"}, "whole number"),
        ({"max_num_batched_tokens": 2048.5}, "whole number"),
        ({"max_model_len": 300_000}, "more than the model can do"),
        ({"max_num_seqs": 512, "max_num_batched_tokens": 256}, "at least max_num_seqs"),
        ({"kv_cache_dtype": "int4"}, "auto or fp8"),
        ({"quantization": "awq"}, "fp8 alone"),
        ({"dtype": "int8"}, "dtype"),
        ({"limit_mm_per_prompt": {"image": -1}}, "below 0"),
        ({"cpu_space": 0}, "at least 1"),
        ({"cpu_space": "4"}, "a whole number is wanted"),
        ({"cpu_space": True}, "a whole number is wanted"),
        ({"gpu_memory_utilization": "0.9"}, "a number is wanted"),
        ({"gpu_memory_utilization": True}, "a number is wanted"),
        ({"gpu_memory_utilization": [0.9]}, "a number is wanted"),
        ({"gpu_memory_utilization": math.nan}, "share of the card"),
        ({"enforce_eager": 1}, "True or False is wanted"),
        ({"enforce_eager": "yes"}, "True or False is wanted"),
        ({"dtype": ["bfloat16"]}, "a name is wanted"),
        ({"limit_mm_per_prompt": 3}, "a mapping"),
        ({"limit_mm_per_prompt": None}, "a mapping"),
        ({"limit_mm_per_prompt": {"audio": 1}}, "names 'audio'"),
        ({"limit_mm_per_prompt": {"image": "4"}}, "whole numbers are wanted"),
        ({"limit_mm_per_prompt": {"image": True}}, "whole numbers are wanted"),
        ({"limit_mm_per_prompt": {"video": {"num_frames": 8}}}, "whole numbers are wanted"),
        ({"limit_mm_per_prompt": {"video": {"count": -1}}}, "below 0"),
    ],
)
def test_impossible_settings(settings: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan_memory(QWEN3_VL_4B, Settings(**settings), card=RTX_5090)


def test_the_long_form_of_the_limits() -> None:
    long = {"image": {"count": 4, "width": 512}, "video": {"count": 0}}
    plan = plan_memory(QWEN3_VL_4B, Settings(0.9, 8192, limit_mm_per_prompt=long), card=RTX_5090)
    assert plan.start.settings.limit_mm_per_prompt == {"image": 4, "video": 0}


@pytest.mark.parametrize("version", ["", "latest", "0.8.5", None, 0.11, (0, 11)])
def test_impossible_versions(version: str) -> None:
    with pytest.raises(PlanError):
        plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090, version=version)


def test_impossible_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanError, match="cannot have"):
        make_card("odd", 16, 24)
    for total in ("16", None, True, math.nan, math.inf):
        with pytest.raises(PlanError, match="no size of a card"):
            make_card("odd", total)
    with pytest.raises(PlanError, match="no size of a card"):
        make_card("odd", 16, "all")
    with pytest.raises(PlanError, match="none that vLLM could use"):
        make_card("odd", 0.5)
    with pytest.raises(PlanError, match="make_card describes one"):
        plan_memory(QWEN3_VL_4B, PROFILE, card="RTX 5090")
    from helpers.card import Nvidia
    from helpers.memory import plan as memory

    monkeypatch.setattr(memory, "read_nvidia", Nvidia)
    with pytest.raises(PlanError, match="No NVIDIA card"):
        read_card()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "qwen3_vl_moe"}, "dense Qwen3-VL"),
        ({"model_type": "llama", "hidden_size": 4096}, "this config says llama"),
        ({}, "no model_type"),
        ({"model_type": "qwen3_vl"}, "not a whole one"),
        ({"model_type": "qwen3_vl", "text_config": {}, "vision_config": 3}, "not a whole one"),
    ],
)
def test_other_configs(config: dict[str, object], words: str) -> None:
    with pytest.raises(ShapesError, match=words):
        plan_memory(config, PROFILE, card=RTX_5090)


WHOLE = json.loads((POCKET / "config.json").read_text())


@pytest.mark.parametrize(
    ("part", "name", "value", "words"),
    [
        ("text_config", "num_attention_heads", 0, "heads is 0"),
        ("text_config", "num_hidden_layers", -3, "layers is -3"),
        ("text_config", "hidden_size", math.inf, "OverflowError"),
        ("text_config", "vocab_size", [], "TypeError"),
        ("vision_config", "depth", 0, "vision_depth is 0"),
        ("vision_config", "deepstack_visual_indexes", None, "TypeError"),
    ],
)
def test_broken_counts(part: str, name: str, value: object, words: str) -> None:
    with pytest.raises(ShapesError, match=f"not a whole one of Qwen3-VL: .*{words}"):
        read_shapes(WHOLE | {part: WHOLE[part] | {name: value}})


def test_broken_configs() -> None:
    with pytest.raises(ShapesError, match="AttributeError"):
        read_shapes(WHOLE | {"quantization_config": "fp8"})
    flat = dict.fromkeys(("num_attention_heads", "head_dim"), 0)
    with pytest.raises(ShapesError, match="ZeroDivisionError"):
        read_shapes(WHOLE | {"text_config": WHOLE["text_config"] | flat})
    names = ("dtype", "torch_dtype")
    text = {name: value for name, value in WHOLE["text_config"].items() if name not in names}
    top = {name: value for name, value in WHOLE.items() if name not in names}
    with pytest.raises(ShapesError, match="names no dtype"):
        read_shapes(top | {"text_config": text})
    none = WHOLE["vision_config"] | {"deepstack_visual_indexes": []}
    assert read_shapes(WHOLE | {"vision_config": none}).deepstack == 0


@pytest.mark.parametrize(
    ("name", "keeps"),
    [
        ("model.visual.blocks.0.attn.qkv", True),
        ("model.visual", True),
        ("visual", True),
        ("model.visual.merger.linear_fc1", False),
        ("lm_head", False),
    ],
)
def test_a_vision_tower_that_is_left_out(name: str, keeps: bool) -> None:
    settings = {"quant_method": "fp8", "modules_to_not_convert": [name]}
    shapes = read_shapes(WHOLE | {"quantization_config": settings})
    assert (shapes.quantization, shapes.keeps_vision) == ("fp8", keeps)


def test_other_quantizations() -> None:
    config = {"model_type": "qwen3_vl", "quantization_config": {"quant_method": "awq"}}
    with pytest.raises(ShapesError, match="awq"):
        read_shapes(config | {"text_config": {}, "vision_config": {}})


def test_missing_and_broken_config_files(tmp_path: Path) -> None:
    with pytest.raises(ShapesError, match=r"There is no .*config\.json"):
        read_shapes(tmp_path)
    with pytest.raises(ShapesError, match="A hub name is no folder: notebook 01 downloads"):
        read_shapes("Qwen/Qwen3-VL-4B-Instruct")
    with pytest.raises(ShapesError, match=rf"There is no {Path.home()}/no_such_model"):
        read_shapes("~/no_such_model")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ShapesError, match="is no JSON"):
        read_shapes(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ShapesError, match="holds no config"):
        read_shapes(tmp_path)


# Logs

# The lines that count, as vLLM 0.26.0's source writes them; figures of the H100 start.
LOG = """
(APIServer pid=1) INFO [api_server.py:1] vLLM API server version 0.26.0
(APIServer pid=1) INFO [utils.py:2] non-default args: {'max_model_len': 16384, 'dtype': 'auto'}
(EngineCore pid=2) INFO [model_runner.py:3] Model loading took 8.69 GiB and 3.1 seconds
(EngineCore pid=2) INFO [gpu_worker.py:4] Available KV cache memory: 18.97 GiB
(EngineCore pid=2) INFO [kv_cache_utils.py:5] GPU KV cache size: 138,096 tokens
(EngineCore pid=2) INFO [kv_cache_utils.py:6] Maximum concurrency for 16,384 tokens per request: 8x
(EngineCore pid=2) INFO [gpu.py:7] Graph capturing finished in 8 secs, took 1.01 GiB
(EngineCore pid=2) INFO [gpu_worker.py:8] Free memory on device (78.50/79.18 GiB) on startup. \
Desired GPU memory utilization is (0.36, 28.5 GiB). Actual usage is 8.69 GiB for weight, 0.63 GiB \
for peak activation, 0.22 GiB for non-torch memory, and 1.01 GiB for CUDAGraph memory.
INFO:     Application startup complete.
"""


def test_facts_of_a_gpu_log() -> None:
    facts = read_facts(LOG)
    expected = StartFacts(
        version="0.26.0",
        device="cuda",
        arguments={"max_model_len": 16384, "dtype": "auto"},
        outcome="ready",
        total=79.18,
        free=78.50,
        weights=8.69,
        activations=0.63,
        other=0.22,
        graphs=1.01,
        kv_memory=18.97,
        kv_tokens=138_096,
        max_model_len=16384,
    )
    assert facts == expected


def test_what_0_32_sums_up_is_told_apart() -> None:
    words = (
        ("8.69 GiB for weight, 0.63", "8.92 GiB for consumed memory (weights + non-torch), 2.49"),
        ("0.22 GiB for non-torch memory, and 1.01", "and 0.29"),
        ("took 8.69 GiB", "took 8.44 GiB"),
        ("INFO:   ", "CUDA graph pool memory: 0.29 GiB (actual), 0.65 GiB (estimated)\nINFO:   "),
    )
    log = LOG
    for old, new in words:
        assert old in log
        log = log.replace(old, new)
    facts = read_facts(log)
    assert (facts.weights, facts.other, facts.activations, facts.graphs) == (8.44, 0.48, 1.84, 0.65)
    facts = read_facts("\n".join(line for line in log.splitlines() if "Model loading" not in line))
    assert (facts.weights, facts.other, facts.graphs) == (None, None, 0.65)


def test_plan_beside_a_log() -> None:
    settings = replace(PROFILE, gpu_memory_utilization=0.36)
    plan = plan_memory(QWEN3_VL_4B, settings, card=H100, version="0.26.0")
    comparison = compare_memory(plan, read_facts(LOG))
    assert comparison.agrees and abs(comparison.kv_error) < 0.002
    assert "138,096" in str(comparison) and "<td>138,096</td>" in comparison._repr_html_()
    lost = replace(read_facts(LOG), kv_tokens=100_000)
    assert not compare_memory(plan, lost).agrees
    for change in ({"device": "cpu"}, {"max_model_len": 8192}, {"kv_tokens": None}):
        assert not compare_memory(plan, replace(read_facts(LOG), **change)).agrees, change
    assert compare_memory(plan, replace(read_facts(LOG), max_model_len=None)).agrees
    silent = StartFacts("0.11.0", "cuda", {}, "card")
    assert compare_memory(plan, silent).kv_error is None
    assert not compare_memory(plan, silent).agrees


@pytest.mark.parametrize(
    "text", ["", "Traceback (most recent call last)", "llama.cpp loaded 8 GiB"]
)
def test_logs_of_others(text: str) -> None:
    with pytest.raises(LogError, match="no log of a vLLM server"):
        read_facts(text)


VERSION = "vLLM API server version 0.11.0\n"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("", "starting"),
        ("ValueError: No available memory for the cache blocks. Try", "budget"),
        ("ValueError: To serve at least one request with the model's max seq len", "budget"),
        ("ValueError: Free memory on device (20/31 GiB) on startup is less than desired", "card"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "card"),
        ("RuntimeError: something else", "failed"),
        ("INFO: Application startup complete.", "ready"),
    ],
)
def test_outcome_in_a_log(line: str, outcome: str) -> None:
    assert read_facts(VERSION + line).outcome == outcome
    assert find_shortage(line) == (outcome if outcome in ("budget", "card") else "")


@pytest.mark.parametrize("device", ["device", "device cuda:0"])
def test_cause_of_a_card_that_is_full(device: str) -> None:
    """0.32 names the device."""
    line = f"ValueError: Free memory on {device} (20.1/31.4 GiB) on startup is less than desired"
    assert "Only 20.1 of the card's 31.4 GiB are free" in find_cause(line)


def test_arguments_that_cannot_be_read() -> None:
    log = VERSION + "non-default args: {'limits': <object at 0x7f>}"
    assert read_facts(log).arguments == {}


def test_an_argument_that_is_logged_as_an_object() -> None:
    log = VERSION + "non-default args: {'dtype': 'auto', 'held': Config(backend='xgrammar', n=[1])}"
    assert read_facts(log).arguments == {"dtype": "auto", "held": {"backend": "xgrammar", "n": [1]}}


def test_settings_from_flags() -> None:
    flags = {"max_model_len": 4096, "port": 8085, "limit_mm_per_prompt": {"image": 2}}
    settings = read_settings(flags | {"limit_mm_per_prompt.video": 0}, {})
    assert settings == Settings(max_model_len=4096, limit_mm_per_prompt={"image": 2, "video": 0})
    assert read_settings({}, {"VLLM_CPU_KVCACHE_SPACE": "7"}).cpu_space == 7
    assert read_settings({}, {}).cpu_space is None
    with pytest.raises(PlanError, match="has to be a whole number of GiB"):
        read_settings({}, {"VLLM_CPU_KVCACHE_SPACE": "4 GiB"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tensor_parallel_size", 2),
        ("pipeline_parallel_size", 2),
        ("kv_cache_memory_bytes", 10**9),
        ("kv_cache_memory", 10**9),
        ("block_size", 32),
        ("num_gpu_blocks_override", 100),
        ("cpu_offload_gb", 4),
        ("enable_lora", True),
        ("speculative_config", {"method": "ngram"}),
        ("skip_mm_profiling", True),
        ("mm_processor_kwargs", {"size": {"longest_edge": 1_048_576}}),
    ],
)
def test_flags_that_the_planner_does_not_know(name: str, value: object) -> None:
    flag = "--" + name.replace("_", "-")
    with pytest.raises(PlanError, match=f"does not know {flag}, and the memory depends on it"):
        read_settings({name: value})
    harmless = {"tensor_parallel_size": 1, "enable_lora": False, "cpu_offload_gb": 0}
    assert read_settings(harmless) == Settings()


def test_the_share_of_a_server_that_is_given_none() -> None:
    for version, share in (("0.11.0", 0.90), ("0.26.0", 0.90), ("0.32.0", 0.92)):
        plan = plan_memory(QWEN3_VL_4B, Settings(), card=RTX_5090, version=version)
        assert plan.start.settings.gpu_memory_utilization == share
        assert plan.budget == math.ceil(plan.start.total * share)


def test_defaults_of_a_large_card() -> None:
    """vLLM takes larger batches from 70 GiB on, but not on an A100, and 0.32 again from 160."""
    cards = (RTX_5090, H100, make_card("NVIDIA A100-SXM4-80GB", 80), make_card("B200", 179.1))
    for version, huge in (("0.11.0", 8192), ("0.32.0", 16_384)):
        seen = []
        for card in cards:
            settings = Settings(0.9, 8192)
            start = plan_memory(QWEN3_VL_4B, settings, card=card, version=version).start
            seen.append((start.batch, start.seqs))
        assert seen == [(2048, 256), (8192, 1024), (2048, 256), (huge, 1024)]


@pytest.mark.slow
def test_the_running_server_is_as_planned(shared_server: Server) -> None:
    place: Place = shared_server.place
    facts = read_facts(shared_server.log_text())
    settings = read_settings(facts.arguments, place.env)
    plan = plan_memory(place.model_path, settings, card=ROOMY, version=shared_server.vllm_version)
    assert facts.outcome == "ready" and plan.starts
    assert facts.kv_tokens == plan.kv_tokens
    assert facts.arguments["max_model_len"] == settings.max_model_len == plan.start.length


def test_an_older_card_has_no_fp8_cache_in_the_old_version() -> None:
    card = replace(make_card("RTX 3090", 24.0), capability=(8, 6))
    settings = Settings(0.9, 80_000, kv_cache_dtype="fp8")
    with pytest.raises(PlanError, match="RTX 3090"):
        plan_memory(QWEN3_VL_4B, settings, card=card, version="0.11.0")
    plan_memory(QWEN3_VL_4B, settings, card=card, version="0.32.0")
    plan = plan_memory(QWEN3_VL_4B, replace(settings, kv_cache_dtype="auto"), card=card)
    assert "--kv-cache-dtype" not in {change.flag for change in plan.changes}
    plan = plan_memory(
        QWEN3_VL_4B, replace(settings, kv_cache_dtype="auto"), card=make_card("RTX 4090", 24.0)
    )
    assert "--kv-cache-dtype" in {change.flag for change in plan.changes}


def test_a_server_of_text_alone_loads_no_vision_tower() -> None:
    """415,347,712 parameters of the 4B; nobody has measured such a start."""
    for version in ("0.11.0", "0.32.0"):
        plans = {
            video: plan_memory(
                QWEN3_VL_4B,
                replace(PROFILE, limit_mm_per_prompt={"image": 0, "video": video}),
                card=RTX_5090,
                version=version,
            )
            for video in (0, 1)
        }
        sizes = {
            video: next(term.size for term in plan.terms if term.name == "weights")
            for video, plan in plans.items()
        }
        features = 3 * 2048 * 2560 * 2
        assert sizes[1] - sizes[0] == 2 * 415_347_712 + features
        assert plans[1].start.measured and not plans[0].start.measured
        alone = read_settings({"max_model_len": 16384, "language_model_only": True})
        assert alone.limit_mm_per_prompt == {"image": 0, "video": 0}


# The script that measures

STAND_IN = """
import pathlib, sys, time
print(pathlib.Path({log!r}).read_text(), flush=True)
time.sleep(600 if {lives} else 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("lives", [True, False])
def test_measuring_one_start(tmp_path: Path, lives: bool) -> None:
    """A stand-in for vLLM that writes a log and lives or dies: one line, and nothing runs on."""
    package = tmp_path / "vllm" / "entrypoints" / "cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()  # a folder without it would not go before the real one
    failed = VERSION + "ValueError: No available memory for the cache blocks."
    log = (LOG if lives else failed).replace("0.26.0", "0.11.0").replace("0.11.0", find_version())
    (tmp_path / "log").write_text(log)
    server = STAND_IN.format(log=str(tmp_path / "log"), lives=lives)
    (package / "main.py").write_text(server)  # what the vllm command runs
    out = tmp_path / "out.csv"
    command = [sys.executable, "measurements/measure_memory.py", "--model", str(POCKET)]
    command += ["--out", str(out), "--only", "course profile", "--logs", str(tmp_path / "logs")]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    for _ in range(2):  # the second time the line is there already
        subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=60)
    (line,) = csv.DictReader(out.read_text().splitlines())
    assert list(line) == list(COLUMNS)
    assert line["outcome"] == ("ready" if lives else "budget")
    assert line["kv_tokens"] == ("138096" if lives else "")
    assert line["model"] == "hidden 256, 8 layers, 2 KV heads of 64"
    assert not [p for p in psutil.process_iter(["cmdline"]) if is_from(p, tmp_path)]


def test_the_flags_of_a_start_have_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run(model: Path, flags: list[str], *_: object) -> tuple[str, float]:
        seen.extend(flags)
        return LOG, 1.0

    monkeypatch.setattr(measure_memory, "run_until_ready", run)
    start = measure_memory.Start("few", ["--max-num-seqs", "16"])
    flags = "--max-num-seqs 64 --dtype auto"
    options = argparse.Namespace(model=POCKET, flags=flags, limit=1, logs=None)
    line = measure_memory.measure_start(start, options)
    assert seen == ["--max-num-seqs", "64", "--dtype", "auto", "--max-num-seqs", "16"]
    assert plan_line(line | {"machine": H100.name, "total_gib": "79.18"}).start.seqs == 16


def test_starts_of_a_small_card_carry_its_sizes() -> None:
    """A measuring card of 70 GiB or more has other defaults than the card that is meant."""
    starts = measure_memory.GPU_STARTS
    assert len({start.name for start in starts}) == len(starts)
    for start in starts:
        small = start.budget is not None and start.budget < 70
        assert ("--max-num-batched-tokens" in start.flags) >= small, start.name
        assert ("--max-num-seqs" in start.flags) >= small, start.name


def is_from(process: psutil.Process, folder: Path) -> bool:
    """Whether it is the stand-in of this test, which has its own TMPDIR and so its own folder."""
    try:
        return process.environ().get("PYTHONPATH") == str(folder)
    except psutil.Error:
        return False


# The bar


def test_the_bar_has_every_part() -> None:
    plan = plan_memory(QWEN3_VL_4B, PROFILE, card=RTX_5090)
    figure = draw_memory(plan)
    (axes,) = figure.axes
    widths = sum(bar.get_width() for bar in axes.patches) * GIB
    assert widths == pytest.approx(plan.kv_memory + sum(term.size for term in plan.terms))
    names = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"weights", "KV cache", "CUDA graphs", "end of the share"} <= names
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_bar_shows_what_does_not_fit() -> None:
    plan = plan_memory(QWEN3_VL_4B, Settings(0.9), card=RTX_5090)
    names = {text.get_text() for text in draw_memory(plan).legends[0].get_texts()}
    assert "one request needs" in names


def test_two_bars_beside_a_log_and_on_given_axes() -> None:
    from matplotlib.figure import Figure

    settings = replace(PROFILE, gpu_memory_utilization=0.36)
    plan = plan_memory(QWEN3_VL_4B, settings, card=H100, version="0.26.0")
    axes = Figure().subplots()
    assert draw_memory(plan, read_facts(LOG), ax=axes) is axes.figure
    assert [label.get_text() for label in axes.get_yticklabels()] == ["plan", "log"]
