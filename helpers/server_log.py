"""Read what a vLLM server wrote: how far its start has come, and why it failed.

The lines were read off vLLM 0.11.0 and 0.32.0; `tests/test_server.py` provokes the failures
that a machine without a card can provoke.
"""

import re

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# What the learner waits for, by the log line that opens it, in the order of a start.
STAGES = (
    ("Automatically detected platform", "importing vLLM"),
    ("vLLM API server version", "reading the model's configuration"),
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
        r"Free memory on device \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\)",
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


def _lines(log: str) -> list[str]:
    text = strip_colours(log)
    return [re.sub(r"^\(\S+ pid=\d+\)\s*", "", li).strip() for li in text.splitlines()]
