"""Read what a vLLM server wrote: how far its start has come, what it took, and why it failed.

The lines were read off vLLM 0.11.0 and 0.32.0; `tests/test_server.py` provokes the failures
that a machine without a card can provoke.
"""

import ast
import re
from dataclasses import dataclass

from helpers.errors import CourseError

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# What the learner waits for, by the log line that opens it, in the order of a start.
STAGES = (
    ("Automatically detected platform", "importing vLLM"),
    (r"vLLM API server version|█  version \d", "reading the model's configuration"),
    ("Waiting for init message|Initializing a V1 LLM engine", "starting the engine process"),
    ("Starting to load model", "loading the weights"),
    ("Loading weights took|Model loading took", "measuring what a request needs at most"),
    ("Dynamo bytecode transform|Start compiling", "compiling the model"),
    ("KV cache size", "setting up the KV cache"),
    ("Capturing (CUDA )?graph", "capturing CUDA graphs"),
    ("init engine .* took", "opening the API"),
)

# Cause in the log, and the way out. Groups of the pattern fill the sentence.
FAILURES = (
    (
        r"To serve at least one request.*?max seq len \((?P<asked>\d+)\).*?"
        r"estimated maximum model length is (?P<fits>\d+)",
        "The KV cache has room for {fits} tokens, but --max-model-len asks for {asked}. Lower "
        "--max-model-len to {fits}, or give the cache more memory: a higher "
        "--gpu-memory-utilization on a card, a larger VLLM_CPU_KVCACHE_SPACE on a CPU.",
    ),
    (
        r"No available memory for the cache blocks|To serve at least one request",
        "The weights fit, but nothing is left for the KV cache. Raise --gpu-memory-utilization, "
        "or lower --limit-mm-per-prompt.",
    ),
    (
        r"Free memory on device[^(]*\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\)",
        "Only {free} of the card's {total} GiB are free, less than --gpu-memory-utilization asks "
        "for. Close what else uses the card (nvidia-smi lists it) or lower "
        "--gpu-memory-utilization.",
    ),
    (
        r"OutOfMemoryError|CUDA out of memory",
        "The card ran out of memory while working. Lower --gpu-memory-utilization, which leaves "
        "more room beside vLLM's own budget, or close what else uses the card.",
    ),
    (
        r"no kernel image is available",
        "This torch build has no kernels for your card. An RTX 5090 needs a build for CUDA 12.8 "
        "or newer: create the environment again from environment.yml.",
    ),
    (
        r"driver version is insufficient|NVIDIA driver on your system is too old|"
        r"Found no NVIDIA driver|No CUDA GPUs are available",
        "CUDA did not start. Notebook 00's check says what is wrong with the driver.",
    ),
    (
        r"error: unrecognized arguments: (?P<words>.+)",
        "vLLM does not know {words}. Check the spelling against `vllm serve --help=listgroup`.",
    ),
    (
        r"error: argument (?P<words>.+)",
        "vLLM does not accept this value: {words}.",
    ),
    (
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\(max_position_embeddings=(?P<most>\d+)",
        "--max-model-len {asked} is more than the model can do, {most} tokens. Lower it.",
    ),
    (
        r"Can't load the configuration of '(?P<model>[^']+)'|"
        r"local directory specified: '(?P<folder>[^']+)'",
        "There is no model in {model}{folder}. Notebook 01 downloads the model and says where.",
    ),
    (
        r"[Aa]ddress already in use",
        "The port was taken while the server started. Start it again.",
    ),
    (
        r"No module named '(?P<module>[^']+)'",
        "The package {module} is missing from this environment. Run the set-up again.",
    ),
)


def strip_colours(text: str) -> str:
    """The text without ANSI colour codes, which 0.11 writes even into a file."""
    return COLOUR.sub("", text)


def find_stage(log: str) -> str:
    """What the start is busy with, in a few words."""
    stage = "starting Python"
    for pattern, name in STAGES:
        if re.search(pattern, log):
            stage = name
    return stage


def find_cause(log: str) -> str:
    """Why the start failed and the way out, in one or two sentences."""
    for pattern, sentence in FAILURES:
        if found := re.search(pattern, log):
            words = {name: (value or "").strip() for name, value in found.groupdict().items()}
            return sentence.format(**words)
    return f"The log says: {find_error_line(log)}"


def find_error_line(log: str) -> str:
    """The first error that is not merely the report of another process's error."""
    lines = [re.sub(r"^\(\S+ pid=\d+\)\s*|^ERROR \S+ \S+ \[\S+\]\s*", "", li) for li in _lines(log)]
    errors = [li for li in lines if re.match(r"[\w.]*(Error|Exception|error): ", li)]
    roots = [li for li in errors if "See root cause above" not in li]
    last = [*roots, *errors[:1], *[li for li in lines[-1:] if li], "nothing"]
    return last[0][:300]


class LogError(CourseError):
    """The text is no log of a vLLM server."""


@dataclass(frozen=True)
class StartFacts:
    """What a log tells of a start; memory in GiB, None where the log is silent.

    `arguments` are the flags that the server was given, under their Python names. `outcome` is
    "ready", "budget" or "card" (the two kinds of out of memory, see `find_shortage`), "failed"
    for any other end, and "starting" for a start that has not ended. `encoder_tokens` is the
    budget that the profiled picture or clip was given.
    """

    version: str
    device: str
    arguments: dict
    outcome: str
    total: float | None = None
    free: float | None = None
    weights: float | None = None
    activations: float | None = None
    other: float | None = None
    graphs: float | None = None
    kv_memory: float | None = None
    kv_tokens: int | None = None
    max_model_len: int | None = None
    encoder_tokens: int | None = None
    model_len_that_fits: int | None = None


# Field of StartFacts, then where its number stands. 0.26 and 0.32 tell more than 0.11 does.
NUMBERS = {
    "total": r"Free memory on device[^(]*\([\d.]+/([\d.]+) GiB\)",
    "free": r"Free memory on device[^(]*\(([\d.]+)/[\d.]+ GiB\)",
    "weights": r"Model loading took ([\d.]+) GiB|Actual usage is ([\d.]+) GiB for weight",
    "activations": r"([\d.]+) GiB for peak activation",
    "other": r"([\d.]+) GiB for non-torch memory",
    "graphs": r"Graph capturing finished in .*? took (-?[\d.]+) GiB",
    "kv_memory": r"Available KV cache memory: (-?[\d.]+) GiB|"
    r"Explicitly set \(([\d.]+)/[\d.]+\) GiB for KV|available KV cache memory \(([\d.]+) GiB\)",
    "kv_tokens": r"KV cache size: ([\d,]+) tokens",
    "max_model_len": r"Maximum concurrency for ([\d,]+) tokens per request|max_seq_len=(\d+)",
    "encoder_tokens": r"Encoder cache will be initialized with a budget of (\d+) tokens",
    "model_len_that_fits": r"estimated maximum model length is (\d+)",
}
COUNTS = {"kv_tokens", "max_model_len", "encoder_tokens", "model_len_that_fits"}


def read_facts(log: str) -> StartFacts:
    """The memory figures of a start, from the log of any of the versions named above.

    Raises `LogError` when the text is no log of a vLLM server.
    """
    text = strip_colours(log)
    version = re.search(
        r"vLLM API server version (\S+)|Initializing a V1 LLM engine \(v(\S+?)\)|█ +version (\S+)",
        text,
    )
    if version is None:
        raise LogError(
            "This is no log of a vLLM server: the line with vLLM's version is missing. The "
            "course's own logs are in .course/, and `server.log_text()` returns one."
        )
    numbers = {name: _find_number(pattern, text) for name, pattern in NUMBERS.items()}
    return StartFacts(
        version=next(group for group in version.groups() if group),
        device="cpu" if "device_config=cpu" in text or "platform cpu" in text else "cuda",
        arguments=_find_arguments(text),
        outcome=_find_outcome(text),
        **{name: int(n) if n and name in COUNTS else n for name, n in numbers.items()},
    )


def find_shortage(log: str) -> str:
    """The kind of out of memory in a log: "budget", "card" or "" for neither.

    budget: vLLM's share of the card is too small for what is asked; raise the share or ask less.
    card: the card is too full for the share; lower the share or free the card.
    """
    if re.search(r"No available memory for the cache blocks|To serve at least one request", log):
        return "budget"
    if re.search(r"Free memory on device.*?less than desired|OutOfMemoryError|CUDA out of m", log):
        return "card"
    return ""


def _find_outcome(text: str) -> str:
    if "Application startup complete" in text:
        return "ready"
    if shortage := find_shortage(text):
        return shortage
    return "failed" if re.search(r"^.*?(\w+Error|error): ", text, re.MULTILINE) else "starting"


def _find_arguments(text: str) -> dict:
    """The dictionary that the server logs of its flags; empty when it cannot be read."""
    found = re.search(r"non-default args: (\{.*\})", text)
    try:
        return ast.literal_eval(found[1]) if found else {}
    except (ValueError, SyntaxError):
        return {}


def _find_number(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    if found is None:
        return None
    number = next(group for group in found.groups() if group is not None)
    return float(number.replace(",", ""))


def _lines(log: str) -> list[str]:
    text = strip_colours(log)
    return [re.sub(r"^\(\S+ pid=\d+\)\s*", "", li).strip() for li in text.splitlines()]
