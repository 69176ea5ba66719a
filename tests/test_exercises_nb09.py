"""The exercises of notebook 09: right answers in many forms, wrong ones with their reason."""

import numpy as np
import pytest

from helpers.exercises import nb09
from helpers.memory.terms import Settings
from helpers.panels import write_command
from tests.exercise_cases import all_get, hold_answers

BASE = {"max_model_len": 2048, "image": 0, "video": 0}
RIGHT = {
    nb09.check_kept: [
        *({"cat", "dog"}, ["dog", "cat"], ("Cat", " dog "), {"cat": 0.64, "dog": 0.36}, "cat, dog"),
        *("cat dog", "cat and dog", "cat,dog", "dog/cat", "{'cat', 'dog'}"),
        *("The tokens cat & dog.", np.array(["cat", "dog"])),
    ],
    nb09.check_size: [
        *((943, 530), [928, 522], "943×530", " 928 x 522 px", (np.int64(928), 522), (943.0, 530)),
        *("943 * 530", "943X530"),
    ],
    nb09.check_server: [
        BASE,
        BASE | {"max_model_len": 4096, "gpu_memory_utilization": 0.9, "kv_cache_dtype": "auto"},
        BASE | {"max_num_seqs": 60, "dtype": "bfloat16"},
        {"max_model_len": 2048, "limit_mm_per_prompt": {"image": 0, "video": 0}},
        {"--max-model-len": 2048, "--limit-mm-per-prompt.video": 0, "image": 0},
        Settings(max_model_len=2048, limit_mm_per_prompt={"image": 0, "video": 0}),
        "vllm serve Qwen/Qwen3-VL-4B-Instruct --max-model-len 2048 \\\n --max-num-seqs 64 "
        "--limit-mm-per-prompt.video 0 --limit-mm-per-prompt.image=0",
        """--max-model-len=2048 --limit-mm-per-prompt '{"video": 0, "image": 0}'""",
        "--max-model-len 2K --limit-mm-per-prompt.video 0 --limit-mm-per-prompt.image 0 --port 9000"
        " --host 127.0.0.1 --disable-log-stats",
        BASE | {"port": 9000, "served_model_name": "text"},
        write_command(
            "vllm serve models/Qwen/Qwen3-VL-4B-Instruct --served-model-name Qwen3-VL-4B-Instruct"
            " \\\n  --host 127.0.0.1 --port 8085 --allowed-origins '[]'",
            {"max_model_len": 2048, "gpu_memory_utilization": 0.9, "max_num_seqs": 64}
            | {"kv_cache_dtype": "auto", "image": 0, "video": 0},
        ),
    ],
}
WRONG = {
    nb09.check_kept: [
        ({"cat", "dog", "cow"}, "0.8 of 0.85"),
        ({"cat"}, "less than 0.8 together"),
        ({"cat", "dog", "cow", "hen"}, "0.3 × 0.45"),
        (nb09.TOKENS, "both parameters"),
        ({"dog", "bird"}, "bird: not among"),
        *all_get("from the best down", {"dog", "fox"}, set(), {"dog"}),
        (5, "the tokens that are left"),
        ("cat, dog and cow", "0.8 of 0.85"),
        ("cat and bird", "bird: not among"),
    ],
    nb09.check_size: [
        ((954, 537), "costs 510 tokens, more than 500"),
        ((1920, 1080), "costs 2040 tokens"),
        ((640, 360), "room for a larger one"),
        ((700, 700), "not the shape"),
        ((540, 960), "not the shape"),
        ((9000, 10), "aspect ratio"),
        *all_get("in whole pixels", (0, 0), (943.5, 530), (1, 2, 3), 500, "-943×530"),
        *all_get("in whole pixels", "943×530 or 928×522", [(943, 530), (943, 530)]),
    ],
    nb09.check_server: [
        ({}, "one request of 262,144 tokens"),
        ({"max_model_len": 2048}, "hold 52 such requests, not 60: the largest clip"),
        ({"max_model_len": 2048, "video": 0}, "hold 57 such requests, not 60: the trial run of"),
        ({"max_model_len": 2048, "image": 0}, "the largest clip"),
        ({"image": 0, "video": 0}, "one request of 262,144 tokens"),
        (BASE | {"max_num_seqs": 1024, "max_num_batched_tokens": 8192}, "sampling for 1,024"),
        ({"max_model_len": 300_000}, "max_model_len"),
        (BASE | {"kv_cache_dtype": "fp8"}, "Nothing is to be rounded"),
        (BASE | {"quantization": "fp8"}, "Nothing is to be rounded"),
        (BASE | {"dtype": "float16"}, "Nothing is to be rounded"),
        (BASE | {"gpu_memory_utilization": 0.95}, "at most 0.9"),
        (BASE | {"max_model_len": 1024}, "refuses a request"),
        (BASE | {"max_num_seqs": 16}, "fewer than 60"),
        (BASE | {"kv_cache_dtype": "int4"}, "kv_cache_dtype"),
        (BASE | {"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"),
        (BASE | {"gpu_memory_utilization": 0.3}, "does not start"),
        (BASE | {"max_num_seqs": "4"}, "wrong kind"),
        ({"limit_mm_per_prompt": 3}, "limit_mm_per_prompt is 3; a mapping"),
        (BASE | {"limit_mm_per_prompt": "{'image': 1}"}, "a mapping such as"),
        ({"limit_mm_per_prompt": {"image": "one"}}, "whole numbers are wanted"),
        ({"max_model_len": [8192]}, "wrong kind"),
        ("max_model_len=8192, video=0", "holds no flag"),
        ("--max-model-len 2048 4096 --limit-mm-per-prompt.video 0", "'4096' belongs to no flag"),
        (BASE | {"videos": 0}, "image, kv_cache_dtype"),
        (BASE | {"mm_processor_kwargs": {"fps": 1}}, "no flag that the planner knows"),
        ("--max-model-len 2048 --max-num-sequences 64", "no flag --max-num-sequences"),
        ("--max-model-len 2048 --host", "--host has no value"),
        ({"tensor_parallel_size": 2}, "no flag that the planner knows"),
        (BASE | {"data_parallel_size": 2}, "no flag that the planner knows"),
        ([BASE, BASE], "a dictionary of flags"),
        (8192, "a dictionary of flags"),
        ('--max-model-len "8192', "quotation mark"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)


def test_a_seat_without_vllm_knows_the_panels_own_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nb09, "list_flags", list)
    command = (
        "vllm serve m --host 127.0.0.1 --port 8085 --allowed-origins '[]' --max-model-len 2048"
    )
    limits = " --limit-mm-per-prompt.image 0 --limit-mm-per-prompt.video 0"
    assert nb09.check_server(command + limits)


def test_right_settings_are_told_their_requests() -> None:
    for answer in RIGHT[nb09.check_server]:
        assert "requests at once" in nb09.check_server(answer).text, answer
