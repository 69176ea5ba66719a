"""The exercises of notebook 06: right answers in many forms, wrong ones with their reason."""

import sys

import pytest

from helpers.exercises import nb06
from helpers.places import MEDIA
from tests.exercise_cases import hold_answers

CLIP = str(MEDIA / "traffic_light.mp4")
CELL = 32 * 32


def ask(clip: object, text: object = "When does the light turn green?") -> list[dict]:
    return [{"role": "user", "content": [clip, {"type": "text", "text": text}]}]


def clip(video: object = CLIP, **settings: object) -> dict:
    return {"type": "video", "video": video, **settings}


RIGHT = {
    nb06.check_engine: [
        {"max_model_len": 16384},
        {"max_model_len": 4096, "gpu_memory_utilization": 0.9, "tensor_parallel_size": 1},
        {"max_model_len": 3090, "trust_remote_code": False, "seed": 0, "enforce_eager": False},
        {"max_model_len": 100_000, "gpu_memory_utilization": 0.95},
        {"max_model_len": 16384, "kv_cache_dtype": "fp8", "quantization": "fp8"},
        {"max_model_len": 16384, "limit_mm_per_prompt": {"video": 1}, "max_num_seqs": 1},
        {"max_model_len": 8192, "limit_mm_per_prompt": {"image": 0, "video": 1}, "dtype": "auto"},
        {"max_model_len": 8192, "gpu_memory_utilization": 0.5, "max_num_seqs": 4},
        {"max_model_len": 8192, "seed": None, "load_format": "auto", "disable_log_stats": True},
        {"max_model_len": 8192, "mm_processor_kwargs": {}, "cpu_offload_gb": 0},
    ],
    nb06.check_clip_messages: [
        ask(clip(fps=1, max_pixels=250 * CELL)),
        ask(clip(nframes=8, max_pixels=240 * CELL)),
        ask(clip(nframes=10, resized_height=288, resized_width=512)),
        ask(clip(min_pixels=64 * CELL, max_pixels=124 * CELL)),
        ask(clip(MEDIA.joinpath("traffic_light.mp4").as_uri(), fps=1, max_pixels=250 * CELL)),
        [{"role": "system", "content": "Be brief."}, *ask(clip(fps=1, max_pixels=250 * CELL))],
        tuple(ask(clip(fps=1, max_pixels=250 * CELL))),
        [
            {"role": "user", "content": [clip(fps=1, max_pixels=250 * CELL)]},
            {"role": "user", "content": "When does it turn green?"},
        ],
    ],
    nb06.check_is_cut: [
        lambda output: output.outputs[0].finish_reason == "length",
        lambda output: output.outputs[0].finish_reason != "stop",
        lambda output: any(one.finish_reason == "length" for one in output.outputs),
        lambda output: int(output.outputs[0].finish_reason == "length"),
    ],
}
WRONG = {
    nb06.check_engine: [
        ({}, "36 GiB"),
        ({"max_model_len": None}, "36 GiB"),
        ({"max_model_len": 262_144}, "36.0 GiB of KV cache"),
        ({"max_model_len": 131_072}, "18.0 GiB of KV cache"),
        ({"max_model_len": 2_048}, "too short"),
        ({"max_model_len": "16k"}, "whole number"),
        ({"max_model_len": True}, "whole number"),
        ({"max_model_len": 8192, "gpu_memory_utilization": 0.99}, "leaves 0.31 GiB"),
        ({"max_model_len": 8192, "gpu_memory_utilization": 1}, "leaves 0.00 GiB"),
        ({"max_model_len": 8192, "gpu_memory_utilization": 0.2}, "all but the KV cache"),
        ({"max_model_len": 65_536, "gpu_memory_utilization": 0.6}, "are left for it"),
        ({"max_model_len": 8192, "gpu_memory_utilization": 90}, "above 0 and at most 1"),
        ({"max_model_len": 8192, "gpu_memory_utilization": "0.9"}, "a number between"),
        ({"max_model_len": 8192, "tensor_parallel_size": 2}, "one card"),
        ({"max_model_len": 8192, "tensor_parallel_size": 0}, "one card"),
        ({"max_model_len": 8192, "data_parallel_size": 2}, "one card"),
        ({"max_model_len": 8192, "trust_remote_code": True}, "nothing here needs it"),
        ({"max_model_len": 8192, "gpu_memory_utilisation": 0.8}, "how it is spelled"),
        ({"max_model_len": 8192, "max-num-seqs": 4}, "in Python it is 'max_num_seqs'"),
        ({"max-model-len": 4096}, "in Python it is 'max_model_len'"),
        ({"--max-model-len": 4096}, "in Python it is 'max_model_len'"),
        ({"model": "x", "max_model_len": 8192}, "names it already"),
        ({"max_model_len": 8192, "limit_mm_per_prompt": {"video": 0}}, "refuses clips"),
        ({"max_model_len": 8192, "limit_mm_per_prompt": {"video": {"count": 0}}}, "refuses clips"),
        ({"max_model_len": 8192, "limit_mm_per_prompt": '{"video":1}'}, "a dictionary, not"),
        ({"max_model_len": 8192, "limit_mm_per_prompt": {"video": "1"}}, "limit_mm_per_prompt"),
        ({"max_model_len": 115_000}, "are left for it"),
        ({"max_model_len": 65_536, "dtype": "float32"}, "are left for it"),
        ({"max_model_len": 8192, "max_num_seqs": "4"}, "max_num_seqs"),
        ({"max_model_len": 8192, "enforce_eager": "no"}, "enforce_eager"),
        ({"max_model_len": 8192, "dtype": "int4"}, "dtype"),
        ([("max_model_len", 8192)], "a dictionary"),
        ({"max_model_len": 8192, "load_format": "dummy"}, "random numbers"),
        ({"max_model_len": 8192, "skip_tokenizer_init": True}, "leaves out the tokenizer"),
        ({"max_model_len": 8192, "runner": "pooling"}, "writes no text"),
        ({"max_model_len": 8192, "seed": "0"}, "seed is to be a whole number, not '0'"),
        ({"max_model_len": 8192, "seed": True}, "seed is to be a whole number"),
        ({"max_model_len": 8192, "mm_processor_cache_gb": "4"}, "_gb is to be a number"),
        (
            {"max_model_len": 8192, "disable_log_stats": "no"},
            "disable_log_stats is to be True or False",
        ),
        ({"max_model_len": 8192, "mm_processor_kwargs": {"fps": 1}}, "cannot judge mm_processor"),
        ({"max_model_len": 8192, "cpu_offload_gb": 4}, "cannot judge cpu_offload_gb"),
        ({"max_model_len": 8192, "cpu_offload_gb": 1}, "cannot judge cpu_offload_gb"),
        ({"max_model_len": 8192, "pipeline_parallel_size": 2}, "one card"),
    ],
    nb06.check_clip_messages: [
        (ask(clip()), "16 frames of 864×480 px cost 3,240 visual tokens"),
        (ask(clip(fps=1)), "cost 1,620 visual tokens"),
        (ask(clip(nframes=4)), "Only 4 frames"),
        (ask(clip(video_end=4.0, nframes=8, max_pixels=250 * CELL)), "go from 0.0 to"),
        (ask(clip(video_start=3.0, nframes=8, max_pixels=250 * CELL)), "go from 3.0 to"),
        (ask(clip(max_pixels=57 * CELL)), "lower min_pixels too"),
        (ask(clip(fps=2, max_pixels=127 * CELL)), "lower min_pixels too"),
        (ask(clip(fps=-1)), "Only 4 frames"),
        (ask(clip(fps=1, max_pixels=250 * CELL), "?"), "The question is missing"),
        (ask(clip(fps=1, nframes=8)), "takes fps or nframes, not both"),
        (ask(clip(), " "), "The question is missing"),
        (ask(clip(), None), "The question is missing"),
        ([{"role": "user", "content": "What happens?"}], "hold 0 clips"),
        ([{"role": "user", "content": [clip(), clip()]}], "hold 2 clips"),
        (ask({"type": "video_url", "video_url": {"url": CLIP}}), "for the server"),
        (ask(clip(["a.png", "b.png"])), "lists of frames"),
        (ask(clip(MEDIA / "traffic_light.mp4")), "is to be a text"),
        (ask(clip("traffic_light.mp4")), "There is no file"),
        (ask(clip(str(MEDIA / "rolling_ball.mp4"), fps=1)), "rolling_ball.mp4; traffic_light.mp4"),
        (ask(clip())[0], "a list of messages"),
        ([{"role": "user", "content": tuple(ask(clip())[0]["content"])}], "into lists alone"),
    ],
    nb06.check_is_cut: [
        (lambda output: True, "calls this reply cut, but the model stopped by itself"),
        (lambda output: False, "calls this reply finished, but it ends in the middle"),
        (lambda output: not output.outputs[0].text.endswith("."), "behind a full stop"),
        (lambda output: not output.outputs[0].text.strip().endswith("."), "behind a full stop"),
        (lambda output: len(output.outputs[0].token_ids) >= 128, "in the middle of a word"),
        (lambda output: len(output.outputs[0].token_ids) in (16, 128), "at exactly 128 tokens"),
        (lambda output: output.finish_reason == "length", "the reply is in output.outputs[0]"),
        (lambda output: not output.finished, "in the middle of a word"),
        (lambda: True, "stops with TypeError"),
        (lambda output: sys.exit(), "stops with SystemExit"),
        ("length", "is to be a function"),
    ],
}
# qwen-vl-utils imports torch and torchvision, which takes seconds.
test_every_answer = hold_answers(RIGHT, WRONG, slow=(nb06.check_clip_messages,))


def test_the_remote_place_has_neither_vllm_nor_qwen_vl_utils(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nb06, "list_engine_arguments", dict)
    monkeypatch.setitem(sys.modules, "qwen_vl_utils", None)
    assert nb06.check_engine({"max_model_len": 16384, "seed": 0})
    assert "36 GiB" in nb06.check_engine({"seed": 0}).text
    assert "is not here" in nb06.check_clip_messages(ask(clip(fps=1))).text
