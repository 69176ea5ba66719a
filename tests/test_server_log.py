"""The reading of logs: stages, causes of a death, and what a start waits for."""

import re

import pytest

from helpers.server.failures import LAST_RULES, RULES, SIGNALS, WAITS, Rule
from helpers.server.log import explain_wait, find_cause
from helpers.server.log_lines import STAGES, find_stage, read_lines

BEGIN = """\
INFO 11-27 22:42:53 [__init__.py:216] Automatically detected platform cuda.
(APIServer pid=11) INFO 11-27 22:42:58 [api_server.py:1839] vLLM API server version 0.11.0
(APIServer pid=11) INFO 11-27 22:42:58 [utils.py:233] non-default args: {'port': 8085}
(APIServer pid=11) WARNING 11-27 22:42:58 [__init__.py:2877] Found ulimit of 20000 and failed to \
automatically increase. This can cause fd limit errors like `OSError: [Errno 24] Too many files`
(APIServer pid=11) INFO 11-27 22:43:14 [model.py:1510] Using max model len 16384
(EngineCore_DP0 pid=22) INFO 11-27 22:43:24 [core.py:644] Waiting for init message from front-end.
[W1127 22:43:29.136317768 socket.cpp:200] [c10d] The hostname of the client socket cannot be found
(EngineCore_DP0 pid=22) WARNING 11-27 22:43:30 [_ipex_ops.py:16] Import error msg: No module \
named 'intel_extension_for_pytorch'
(EngineCore_DP0 pid=22) WARNING 11-27 22:43:30 [x.py:1] flash_attn rotary import failed; \
Error: No module named 'flash_attn.ops'
"""
# One line for each of the later stages, in their order.
LOADED = "(EngineCore_DP0 pid=22) INFO 11-27 22:43:37 [m.py:2653] Model loading took 8.5910 GiB"
LATER = {
    "loading the weights": "(EngineCore_DP0 pid=22) INFO 11-27 22:43:35 [g.py:2602] "
    "Starting to load model models/Qwen3-VL-4B-Instruct...",
    "measuring what a request needs at most": LOADED,
    "compiling the model": "(EngineCore_DP0 pid=22) INFO 11-27 22:44:29 [backends.py:559] Dynamo "
    "bytecode transform time: 14.30 s",
    "setting up the KV cache": "(EngineCore_DP0 pid=22) INFO 11-27 22:45:40 [k.py:1087] GPU KV "
    "cache size: 109,504 tokens",
    "capturing CUDA graphs": "Capturing CUDA graphs (decode, FULL):   0%|          | 0/35",
    "opening the API": "(EngineCore_DP0 pid=22) INFO 11-27 22:45:49 [core.py:210] init engine "
    "(profile, create kv cache, warmup model) took 132.41 seconds",
}
READY = "(APIServer pid=11) INFO:     Application startup complete."
END = (
    "(APIServer pid=11) RuntimeError: Engine core initialization failed. See root cause above. "
    "Failed core proc(s): {}"
)
PREFIXES = {
    "engine": "(EngineCore_DP0 pid=22) ERROR 11-27 10:00:00 [core.py:708] ",
    "engine 0.32": "(EngineCore pid=22) ERROR 11-27 10:00:00 [v1/engine/core.py:1208] ",
    "worker": "(EngineCore pid=22) (Worker_TP0 pid=33) ERROR 11-27 10:00:00 [mp.py:597] ",
    "api": "(APIServer pid=11) ",
    "rank": "[rank0]: ",
    "bare": "",
    "coloured": "\x1b[1;36m(EngineCore_DP0 pid=22)\x1b[0;0m ERROR 11-27 10:00:00 [core.py:708] ",
}
TRACE = 'Traceback (most recent call last):\n  File "core.py", line 9, in f\n    raise_it()'


def start_log(stage: str = "") -> str:
    """The log of a start up to a stage; '' for one without a line of its own."""
    names = list(LATER)
    upto = names.index(stage) + 1 if stage else 0
    return BEGIN + "".join(f"{LATER[name]}\n" for name in names[:upto])


def write_lines(words: str, prefix: str = PREFIXES["engine"]) -> str:
    return "".join(f"{prefix}{line}\n" for line in words.split("\n"))


def failed_log(words: str, prefix: str = PREFIXES["engine"], stage: str = "") -> str:
    """A start that died in a stage with these lines after a traceback."""
    if re.search(": (Input should|Unexpected keyword)", words):
        words = f"pydantic_core.ValidationError: 1 validation error for X\n{words}"
    trace = write_lines(TRACE, prefix) if re.match(r"[\w.]+(Error|Exception): ", words) else ""
    return start_log(stage) + trace + write_lines(words, prefix) + END


# The table

# Frames of tracebacks and a line of a start, which some rules ask for.
CONTEXT = (
    '  File "/env/transformers/models/auto/tokenization_auto.py", line 1, in from_pretrained\n'
    '  File "/env/torch/_dynamo/aot_compile.py", line 244, in __call__\n'
    "(APIServer pid=11) INFO 11-27 22:42:58 [api_server.py:1839] vLLM API server version 0.11.0\n"
    '  File "/env/vllm/lora/layers/base.py", line 1, in f\n'
    '  File "/env/vllm/v1/structured_output/backend_xgrammar.py", line 103, in compile_grammar\n'
    '  File "/env/vllm/mrope.py", line 653, in _qwen3vl_get_input_positions_tensor\n'
)
PROOFS = [(rule, proof) for rule in (*RULES, *LAST_RULES) for proof in rule.proofs]


# Rules that also take what a narrower rule before them has taken.
GENERAL = (
    "but Transformers does not recognize",
    "^ModuleNotFoundError",
    "^ImportError: cannot import name",
    "does not appear to have a file named (?P",
    "ImportError: (?P<library>",
    "fatal error: (?P<file>",
    "OutOfMemoryError",
    "Unexpected error from cudaGetDeviceCount",
    "DistNetworkError",
    "[Aa]ddress already in use",
    "Cannot assign requested address",
    "ptxas fatal|",
    "PytorchStreamReader",
    "JSONDecodeError",
    "Max retries exceeded",
    "No valid attention backend",
    "No available memory for the cache blocks",
    "To serve at least one request",
    "No space left on device",
    "[Errno 13",
    "error: argument (?P<words>.+)",
    "cannot be converted to <func",
)


@pytest.mark.parametrize(("rule", "proof"), PROOFS, ids=[p[:60] for _, p in PROOFS])
def test_a_proof_is_known_to_its_own_rule_alone(rule: Rule, proof: str) -> None:
    stage = rule.stages[-1] if rule.stages else "opening the API"
    takers = [
        other
        for other in RULES
        if other.tell(proof, CONTEXT) and (not other.stages or stage in other.stages)
    ]
    first, *others = takers or LAST_RULES
    assert first is rule or rule in LAST_RULES
    assert rule in LAST_RULES or all(any(g in o.pattern for g in GENERAL) for o in others)


@pytest.mark.parametrize(("rule", "proof"), PROOFS, ids=[p[:60] for _, p in PROOFS])
def test_a_proof_is_found_in_a_log(rule: Rule, proof: str) -> None:
    stage = rule.stages[-1] if rule.stages else "capturing CUDA graphs"
    frames = "\n".join(line for line in CONTEXT.splitlines() if "File" in line)
    for prefix in PREFIXES.values():
        failed = failed_log(proof, prefix, stage if stage in LATER else "")
        log = failed.replace(END, f"{frames}\n{END}")
        cause = find_cause(log, 1)
        assert cause == rule.tell(proof, log)
        assert not re.search(r"\{\w+\}", cause)
        assert len(cause) < 420 and "\n" not in cause


@pytest.mark.parametrize(("rule", "proof"), PROOFS, ids=[p[:40] for _, p in PROOFS])
@pytest.mark.parametrize("level", ["INFO", "WARNING"])
def test_harmless_lines_are_no_cause(rule: Rule, proof: str, level: str) -> None:
    lines = write_lines(proof, f"(EngineCore_DP0 pid=22) {level} 11-27 10:00:00 [x.py:16] ")
    log = start_log() + lines + write_lines("ValueError: something new") + END
    cause = find_cause(log, 1)
    assert "something new" in cause and "I do not know this one" in cause


def test_every_stage_has_a_sentence_for_waiting() -> None:
    assert set(WAITS) == {"starting Python", *(name for _, name in STAGES)}


# What people report, as they report it. Third: what must not be said.

FIELD = [
    (
        "AttributeError: Qwen2Tokenizer has no attribute all_special_tokens_extended",
        "transformers 5 is installed, and vLLM 0.11 needs 4.57",
        "",
    ),
    (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value "
        "error, The checkpoint you are trying to load has model type `qwen3_vl` but Transformers "
        "does not recognize this architecture.",
        "This transformers is too old for Qwen3-VL, which needs 4.57",
        "1 validation error",
    ),
    (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig\n  Value "
        "error, Bfloat16 is only supported on GPUs with compute capability of at least 8.0.",
        "Bfloat16 is only supported on GPUs with compute capability of at least 8.0, and this",
        "1 validation error",
    ),
    (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig\n  Value "
        "error, Async scheduling wants more. [type=value_error, input_value=ArgsKwargs((), {}), "
        "input_type=ArgsKwargs]\n    For further information visit https://example.invalid",
        "vLLM refuses these settings: Async scheduling wants more.",
        "input_value",
    ),
    (
        "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, "
        "file not fully covered",
        "A weight file is damaged or not whole: verify_folder (notebook 01)",
        "",
    ),
    (
        "torch.AcceleratorError: CUDA error: the provided PTX was compiled with an unsupported "
        "toolchain.",
        "The driver is older than the CUDA that vLLM was built with",
        "",
    ),
    (
        "RuntimeError: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't exist",
        "VLLM_USE_FLASHINFER_SAMPLER=0",
        "plays no part",
    ),
    (
        "FileNotFoundError: [Errno 2] No such file or directory: 'ninja'",
        "CUDA compiler (nvcc, ninja) is missing or too old",
        "plays no part",
    ),
    (
        "RuntimeError: Ninja build failed. Ninja output:\n[1/4] /usr/local/cuda/bin/nvcc -c x.cu\n"
        "nvcc fatal   : Unsupported gpu architecture 'compute_120a'\nninja: build stopped",
        "is missing or too old for the card",
        "Ninja build failed",
    ),
    (
        "RuntimeError: Failed to infer device type, please set the environment variable "
        "`VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging",
        "`--gpus all`; without a card, take the CPU build",
        "",
    ),
]


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize(("words", "said", "unsaid"), FIELD, ids=[f[0][:40] for f in FIELD])
def test_what_people_report(words: str, said: str, unsaid: str, prefix: str) -> None:
    for stage in ("", *LATER):
        cause = find_cause(failed_log(words, prefix, stage), 1)
        assert said in cause
        assert not unsaid or unsaid not in cause


def test_a_log_of_these_lines_alone() -> None:
    for words, said, _ in FIELD:
        assert said in find_cause(write_lines(words) + END)


COMPILING = """\
/tmp/tmpq0/main.c:5:10: fatal error: Python.h: No such file or directory
    5 | #include <Python.h>
      |          ^~~~~~~~~~
compilation terminated."""
INDUCTOR = (
    "torch._inductor.exc.InductorError: CalledProcessError: Command '['/usr/bin/gcc', "
    "'/tmp/tmpq0/main.c', '-O3']' returned non-zero exit status 1."
)


@pytest.mark.parametrize("stage", ["", *LATER])
def test_the_compilers_own_line_wins(stage: str) -> None:
    log = start_log(stage) + COMPILING + "\n" + write_lines(TRACE + "\n" + INDUCTOR) + END
    assert "`sudo apt install python3.12-dev`" in find_cause(log, 1)
    assert "gcc" not in find_cause(log, 1)
    other = log.replace("Python.h", "omp.h")
    assert "The compiler finds no omp.h" in find_cause(other, 1)
    unknown = log.replace("Python.h: No such file or directory", "too many errors emitted")
    assert "fatal error: too many errors emitted" in find_cause(unknown, 1)


OOM = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 84.00 MiB. GPU 0 has a total "
    "capacity of 15.48 GiB of which 21.06 MiB is free."
)


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_out_of_memory_depends_on_the_stage(prefix: str) -> None:
    loading = find_cause(failed_log(OOM, prefix, "loading the weights"), 1)
    assert "The weights alone do not fit into this card: serve a smaller or a quant" in loading
    assert "utilization" not in loading
    for stage in ("measuring what a request needs at most", "compiling the model"):
        measuring = find_cause(failed_log(OOM, prefix, stage), 1)
        assert "The weights fit" in measuring and '{"video": 0}' in measuring
        assert "utilization" not in measuring
    for stage in ("setting up the KV cache", "capturing CUDA graphs", "opening the API"):
        assert "Lower --gpu-memory-utilization" in find_cause(failed_log(OOM, prefix, stage), 1)
    half = "\rLoading safetensors checkpoint shards:  50% Completed | 1/2 [00:03<00:03]\n"
    tail = half + write_lines(TRACE + "\n" + OOM, prefix) + END
    assert "The weights alone do not fit" in find_cause(tail, 1)


CACHE = """\
(APIServer pid=11) INFO 11-27 22:42:58 [api_server.py:1839] vLLM API server version 0.11.0
(APIServer pid=11) INFO 11-27 22:42:58 [utils.py:233] non-default args: {'port': 8085FLAGS}
(EngineCore_DP0 pid=22) INFO 11-27 22:43:35 [g.py:2602] Starting to load model m...
(EngineCore_DP0 pid=22) INFO 11-27 22:43:37 [g.py:2653] Model loading took WEIGHTS GiB and 9 seconds
(EngineCore_DP0 pid=22) INFO 11-27 22:45:39 [gpu_worker.py:298] Available KV cache memory: REST GiB
""" + write_lines("ValueError: No available memory for the cache blocks. Try increasing `gpu_m`")


@pytest.mark.parametrize(
    ("share", "weights", "rest", "said", "unsaid"),
    [
        ("0.95", "29.10", "-1.75", "29.1 GiB.*1.75 GiB are missing.*smaller", "Raise|video"),
        ("0.95", "26.10", "-0.5", "share is 0.95 already.*smaller.*frees about 1.4", "Raise"),
        ("0.9", "8.59", "-0.2", "share is 0.9 already.*smaller.*frees about 1.4", "Raise"),
        (None, "8.59", "-0.2", "share is 0.9 already", "Raise"),
        ("0.5", "8.59", "-0.7", "Raise --gpu-memory-utilization from 0.5 to 0.90", "already"),
        ("0.60", "8.59", "-3.7", "Raise --gpu-memory-utilization from 0.6 to 0.90", "video"),
    ],
)
def test_no_memory_for_the_cache(
    share: str | None, weights: str, rest: str, said: str, unsaid: str
) -> None:
    flags = f", 'gpu_memory_utilization': {share}" if share else ""
    log = CACHE.replace("FLAGS", flags).replace("WEIGHTS", weights).replace("REST", rest)
    cause = find_cause(log + END, 1)
    assert re.search(said, cause) and not re.search(unsaid, cause)
    assert "max-model-len" not in cause and f"{float(weights):.1f} GiB" in cause


def test_no_memory_for_the_cache_with_the_budget_in_the_log() -> None:
    total = (
        "INFO 11-27 22:43:37 [w.py:1] Free memory on device cuda:0 (31.0/31.37 GiB) on startup.\n"
    )
    flags = ", 'gpu_memory_utilization': 0.95"
    log = CACHE.replace("FLAGS", flags).replace("WEIGHTS", "29.90").replace("REST", "-1.75")
    cause = find_cause(total + log + END, 1)
    assert "29.9 GiB of a budget of 29.8" in cause and "Only that helps: serve a smaller" in cause
    plain = find_cause("ValueError: No available memory for the cache blocks. Try")
    assert "Serve a smaller" in plain and "is below 0.90, give vLLM 0.90" in plain
    assert "aise" not in plain


# Deaths without a word of their own

HALF = "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01,  1.2s/it]\n"
KILLED = [
    (start_log("loading the weights") + HALF, -9),
    (start_log("loading the weights") + HALF, 137),
    (start_log("loading the weights") + HALF, None),
    (start_log() + END.replace("{}", "{'EngineCore_DP0': -9}"), None),
    (start_log() + END.replace("{}", "{'EngineCore_DP0': -9}"), 1),
    (start_log("loading the weights") + HALF + "Killed\n", 1),
    (
        start_log("capturing CUDA graphs") + "(EngineCore pid=22) ERROR 11-27 10:00:00 [m.py:316] "
        "Worker proc VllmWorker-0 died unexpectedly (exit code: -9), shutting down executor.\n",
        1,
    ),
    (start_log("opening the API") + READY, -9),
]


@pytest.mark.parametrize(("log", "code"), KILLED)
def test_killed_by_the_system(log: str, code: int | None) -> None:
    cause = find_cause(log, code)
    assert "The system killed the process" in cause and "main memory" in cause
    assert ".wslconfig" in cause and "wsl --shutdown" in cause
    assert "Loading safetensors" not in cause and "machine with more memory" not in cause


def test_an_engine_that_dies_unexpectedly_was_killed() -> None:
    died = "ERROR 11-27 10:00:00 [c.py:564] Engine core proc EngineCore_DP0 died unexpectedly"
    log = start_log("opening the API") + READY + f"\n(APIServer pid=11) {died}, shutting down"
    assert "for everybody: The system killed the process" in find_cause(log, 0)


BROKEN_OFF = """\
(APIServer pid=11) Traceback (most recent call last):
(APIServer pid=11)   File "jsonschema/_format.py", line 9, in <module>
(APIServer pid=11)     import rfc3987
(APIServer pid=11) ModuleNotFoundError: No module named 'rfc3987'
(APIServer pid=11)\x20
(APIServer pid=11) During handling of the above exception, another exception occurred:
(APIServer pid=11)\x20
(APIServer pid=11) Traceback (most recent call last):
(APIServer pid=11)   File "vllm", line 4, in <module>
(APIServer pid=11)     sys.exit(main())
(APIServer pid=11) ENDS
"""


def test_a_start_that_was_stopped_misses_no_package() -> None:
    for end in ("KeyboardInterrupt: terminated", "KeyboardInterrupt", "SystemExit"):
        for code in (None, 0, 1, -15, 143, -2):
            cause = find_cause(BEGIN + BROKEN_OFF.replace("ENDS", end), code)
            assert "stopped from outside" in cause and "rfc3987" not in cause
    assert "stopped from outside" in find_cause(start_log("loading the weights"), -15)
    cut = BROKEN_OFF.partition("During")[0]
    assert "The package rfc3987 is missing" in find_cause(BEGIN + cut, 1)
    other = BEGIN + BROKEN_OFF.replace("ENDS", "ValueError: something new")
    assert "something new" in find_cause(other, 1) and "missing" not in find_cause(other, 1)


def test_a_stop_after_a_failure_does_not_hide_it() -> None:
    failed = write_lines("EngineCore failed to start.\n" + TRACE + "\n" + OOM)
    log = start_log("loading the weights") + failed + "(APIServer pid=11) KeyboardInterrupt\n"
    assert "The weights alone do not fit" in find_cause(log, -15)


@pytest.mark.parametrize("number", SIGNALS)
def test_every_signal_has_its_sentence(number: int) -> None:
    assert find_cause(start_log(), -number) == SIGNALS[number]
    assert find_cause("", -number) == SIGNALS[number]


def test_what_is_not_known_is_said_and_quoted() -> None:
    words = ("ValueError: something new", "KeyError: 'other'", "OSError: third", "IOError: fourth")
    log = failed_log("\n".join(f"{TRACE}\n{w}" for w in words), PREFIXES["engine"])
    cause = find_cause(log, 1)
    assert cause.startswith("I do not know this one; while starting the engine process")
    assert cause.endswith("ValueError: something new · KeyError: 'other' · OSError: third")
    assert "I do not know this one" in find_cause("", 1)
    ends = find_cause(start_log() + "x\ny\nz\n", 3)
    assert ends.endswith("its exit code is 3, and the log ends in: x · y · z")
    assert find_cause("x\nValueError: bad\nmore", 1).endswith("log says: ValueError: bad")


def test_what_a_start_survived_is_no_cause() -> None:
    early = start_log() + write_lines(TRACE + "\nOSError: [Errno 28] No space left on device")
    log = (
        early + LATER["loading the weights"] + "\n" + write_lines("ValueError: something new") + END
    )
    assert "disk" in find_cause(early + END, 1)
    assert "something new" in find_cause(log, 1) and "disk" not in find_cause(log, 1)
    ignored = "Exception ignored in: <function x>\n" + TRACE + "\nMemoryError\n"
    assert "something new" in find_cause(ignored + failed_log("ValueError: something new"), 1)


# A server that was ready

DEATH = """\
EngineCore encountered a fatal error.
Traceback (most recent call last):
  File "vllm/v1/structured_output/request.py", line 86, in get_structured_output_key
    raise ValueError("No valid structured output parameter found")
"""
AFTERWARDS = """\
(APIServer pid=11) ERROR 11-28 01:05:51 [async_llm.py:480] AsyncLLM output_handler failed.
(APIServer pid=11) ERROR 11-28 01:05:51 [async_llm.py:480] Traceback (most recent call last):
(APIServer pid=11) ERROR 11-28 01:05:51 [async_llm.py:480]     raise self._format_exception(outputs)
(APIServer pid=11) ERROR 11-28 01:05:51 [async_llm.py:480] vllm.v1.engine.exceptions.\
EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
(APIServer pid=11) INFO:     127.0.0.1:54 - "POST /v1/chat/completions HTTP/1.1" 500 Internal
(APIServer pid=11) INFO:     Shutting down
(APIServer pid=11) INFO:     Application shutdown complete.
(APIServer pid=11) INFO:     Finished server process [9598]
"""
REFUSED = """\
(APIServer pid=11) ERROR 11-28 01:04:51 [serving_chat.py:245] Error in preprocessing prompt inputs
(APIServer pid=11) ERROR 11-28 01:04:51 [serving_chat.py:245] Traceback (most recent call last):
(APIServer pid=11) ERROR 11-28 01:04:51 [serving_chat.py:245]   File "x.py", line 1, in f
(APIServer pid=11) ERROR 11-28 01:04:51 [serving_chat.py:245] OSError: [Errno 28] No space left
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("ValueError: No valid structured output parameter found", '"text"}, a json_schema with'),
        ("RuntimeError: Sliding window unsupported", "PAGED_ATTENTION_SINGLE_QUERY_KERNEL=1"),
        ("RuntimeError: CPU Generator does not use offset", "--max-num-batched-tokens 65536"),
        ("ValueError: Attempted to assign 64 = 64 multimodal tokens to 65 placeholders", "check_t"),
        ("IndexError: list index out of range", "I do not know this one"),
        (OOM, "Lower --gpu-memory-utilization"),
        ("ValueError: something new", "I do not know this one"),
    ],
)
def test_the_death_of_a_server_that_was_ready(words: str, said: str) -> None:
    log = start_log("opening the API") + READY + "\n" + REFUSED
    log += write_lines(DEATH + words) + AFTERWARDS
    for code in (0, None, 1, -15):
        cause = find_cause(log, code)
        assert cause.startswith("The engine died while the server was answering, for everybody: ")
        assert said in cause
    tail = REFUSED + write_lines(DEATH + words) + AFTERWARDS
    assert said in find_cause(tail, 0) and "for everybody" in find_cause(tail, 0)
    served = (
        '(APIServer pid=11) INFO:     127.0.0.1:5 - "POST /v1/chat/completions HTTP/1.1" 200 OK'
    )
    assert find_cause(f"{served}\n{tail}", -9) == find_cause(tail, 0)


def test_a_worker_that_was_killed_while_the_server_answered() -> None:
    died = "ERROR 11-27 10:00:00 [m.py:316] Worker proc VllmWorker-0 died unexpectedly"
    log = start_log("opening the API") + READY + f"\n(EngineCore pid=22) {died} (exit code: -9)\n"
    log += write_lines(DEATH + "RuntimeError: cancelled") + AFTERWARDS
    assert "for everybody: The system killed the process" in find_cause(log, 0)


def test_a_server_that_was_told_to_stop() -> None:
    log = start_log("opening the API") + READY + "\n" + REFUSED
    log += "(APIServer pid=11) INFO:     Shutting down\n(APIServer pid=11) ERROR 11-27 10:00:00 "
    log += "[c.py:564] Engine core proc EngineCore_DP0 died unexpectedly, shutting down client.\n"
    assert "It was stopped from outside" in find_cause(log, 0)
    assert "died" not in find_cause(log, -15)


# Stages and waiting


def test_a_stage_is_read_off_the_end_of_a_log() -> None:
    assert find_stage("") == "starting Python"
    assert find_stage("(APIServer pid=11) INFO 11-27 22:42:58 [x.py:1] Using max model len") == (
        "reading the model's configuration"
    )
    assert find_stage(
        "(EngineCore pid=22) INFO 11-27 22:43:29 [p.py:1208] rank 0 in world size"
    ) == ("starting the engine process")
    assert find_stage(HALF * 2) == "loading the weights"
    for stage in LATER:
        log = start_log(stage)
        assert find_stage(log) == find_stage(log.splitlines()[-1]) == stage
    assert find_stage(failed_log("ValueError: KV cache size is wrong")) == (
        "starting the engine process"
    )


def test_what_a_start_waits_for() -> None:
    for stage in LATER:
        assert explain_wait(start_log(stage)) == WAITS[stage]
    block = "No available shared memory broadcast block found in 60 seconds."
    line = f"(EngineCore_DP0 pid=22) INFO 11-27 22:50:00 [shm_broadcast.py:466] {block}\n"
    waits = explain_wait(start_log() + line)
    assert "shared memory broadcast block" in waits and "--ipc=host" in waits
    assert "downloads the model" in explain_wait(start_log() + "Fetching 8 files:  12%|█▏\n")
    failed = failed_log(OOM, PREFIXES["worker"], "loading the weights").removesuffix(END)
    assert "The weights alone do not fit" in explain_wait(failed)


def test_lines_have_levels_processes_and_kinds() -> None:
    log = (
        "\x1b[1;36m(EngineCore_DP0 pid=2)\x1b[0;0m \x1b[31mERROR\x1b[0m 11-27 10:00:00 [c.py:1] a\n"
    )
    log += "(EngineCore pid=2) (Worker_TP0 pid=3) WARNING 11-27 10:00:00 [c.py:1] b\n"
    log += "/x/y.py:12: FutureWarning: c\n[rank0]:[W1127 22:48:25.2 x.cpp:1538] Warning: d\n"
    log += "2026-11-27 10:00:00,123 - modelscope - WARNING - No module named e\n"
    log += "INFO:     f\nRuntimeError: g\n"
    found = [(line.process, line.level, line.is_error) for line in read_lines(log)]
    assert found == [
        ("EngineCore_DP0", "ERROR", True),
        ("Worker_TP0", "WARNING", False),
        ("", "WARNING", False),
        ("", "WARNING", False),
        ("", "WARNING", False),
        ("", "INFO", False),
        ("", "", True),
    ]


def test_pydantic_names_the_field_on_a_line_of_its_own() -> None:
    words = "pydantic_core._pydantic_core.ValidationError: 1 validation error for CacheConfig\n"
    words += "swap_space\n  Input should be greater than 0 [type=greater_than, input_value=-3.0, x]"
    cause = find_cause(failed_log(words, "(APIServer pid=11) "), 1)
    assert cause == "vLLM refuses these settings: swap_space: Input should be greater than 0."


# Several failures in one log: which one is told

TRANSFORMERS = '  File "/env/transformers/utils/hub.py", line 9, in cached_files'


def chain_log(*parts: tuple[str, str], process: str = PREFIXES["api"]) -> str:
    """A traceback of exceptions, each with the sentence that links it to the one before."""
    words = "\n".join(f"{link}\n{TRACE}\n{TRANSFORMERS}\n{error}" for link, error in parts)
    return start_log() + write_lines(words, process)


BY = "\nThe above exception was the direct cause of the following exception:\n"
DURING = "\nDuring handling of the above exception, another exception occurred:\n"
NO_NAME = "socket.gaierror: [Errno -2] Name or service not known"
NO_HUB = "OSError: We couldn't connect to 'https://hub.example' to load the files, and couldn't"
NO_FILE = "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate"
DISK = "OSError: [Errno 28] No space left on device"


@pytest.mark.parametrize("link", [BY, DURING])
@pytest.mark.parametrize("process", PREFIXES.values(), ids=PREFIXES)
def test_of_chained_exceptions_the_last_one_ends_the_process(process: str, link: str) -> None:
    hub = [("", NO_NAME), (BY, "urllib3.exceptions.X: Failed"), (link, NO_FILE), (BY, NO_HUB)]
    for length in range(1, len(hub) + 1):
        cause = find_cause(chain_log(*hub[:length], process=process), 1)
        assert "has no connection: download it with notebook 01" in cause
    other = chain_log(("", DISK), (link, OOM), process=process)
    assert "disk" not in find_cause(other, 1)
    unknown = chain_log(("", DISK), (link, "RuntimeError: something new"), process=process)
    assert "The disk is full" in find_cause(unknown, 1)
    tried = chain_log(("", HOME), (DURING, "RuntimeError: something new"), process=process)
    assert "I do not know this one" in find_cause(tried, 1)
    package = chain_log(
        ("", "ModuleNotFoundError: No module named 'einops'"), (link, "ValueError: x")
    )
    assert ("einops is missing" in find_cause(package, 1)) == (link == BY)


def test_a_certificate_that_is_not_trusted_is_no_missing_connection() -> None:
    trust = "httpx.ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"
    for parts in ([("", trust)], [("", trust), (BY, NO_FILE)], [("", trust), (BY, NO_HUB)]):
        assert "certificate is not trusted" in find_cause(chain_log(*parts), 1)


def test_a_name_without_an_address_is_that_of_the_host_or_of_a_hub() -> None:
    bound = start_log() + write_lines(f'{TRACE}\n  File "s.py", line 1, in create_server_socket\n')
    bound += write_lines(NO_NAME)
    assert "The address of --host is none of this machine's" in find_cause(bound, 1)
    plain = find_cause(failed_log(NO_NAME), 1)
    assert "give --host 127.0.0.1, and as the model the folder" in plain


THREAD = "Exception in thread Thread-2 (_report_usage_worker):\n" + TRACE
HOME = "PermissionError: [Errno 13] Permission denied: '/root/.config/vllm/usage_stats.json'"


@pytest.mark.parametrize("process", ["(EngineCore_DP0 pid=22) ", "(APIServer pid=11) ", ""])
def test_a_thread_that_failed_ends_no_start(process: str) -> None:
    log = start_log() + write_lines(f"{THREAD}\n{HOME}", process)
    for words in ("ValueError: something new", OOM):
        cause = find_cause(log + write_lines(f"{TRACE}\n{words}") + END, 1)
        assert "usage_stats" not in cause
    assert "something new" in find_cause(log + write_lines("ValueError: something new", process), 1)
    assert find_cause(log, -9) == SIGNALS[9]
    assert explain_wait(log) == WAITS["starting the engine process"]


@pytest.mark.parametrize("words", ["/bin/sh: 1: nvcc: not found", "sh: 1: gcc: not found"])
def test_a_program_that_was_not_needed(words: str) -> None:
    for log in (f"{words}\n{start_log()}", f"{start_log()}{words}\n"):
        assert "something new" in find_cause(log + write_lines("ValueError: something new"), 1)
        assert find_cause(log, -9) == SIGNALS[9]
    full = (
        start_log("compiling the model") + f"{words}\n" + write_lines(f"{TRACE}\n{OOM}\n{INDUCTOR}")
    )
    assert "The weights fit into the card" in find_cause(full, 1)
    built = start_log() + words + "\n" + write_lines(f"{TRACE}\n{INDUCTOR}") + END
    assert re.search("CUDA compiler|C compiler", find_cause(built, 1))


def worker_lines(rank: int, words: str) -> str:
    prefix = f"(EngineCore_DP0 pid=22) (Worker_TP{rank} pid=3{rank}) ERROR 11-27 10:00:00 [m.py:1] "
    return write_lines(f"WorkerProc hit an exception.\n{TRACE}\n{words}", prefix)


def test_of_several_workers_the_one_that_failed_first_is_told() -> None:
    nccl = "torch.distributed.DistBackendError: NCCL error in: x.cpp:3690, remote process exited or"
    remote = nccl + "\nncclRemoteError: A call failed possibly due to a remote process exiting."
    for workers in ((remote, OOM), (OOM, remote)):
        log = start_log("loading the weights") + worker_lines(0, workers[0])
        assert "The weights alone do not fit" in find_cause(log + worker_lines(1, workers[1]), 1)
    alone = start_log("loading the weights") + worker_lines(0, remote)
    assert "The cards' connection (NCCL) failed" in find_cause(alone, 1)
    killed = END.replace("{}", "{'EngineCore_DP0': -9}")
    assert find_cause(alone + killed, 1) == SIGNALS[9]


DIED = (
    "(APIServer pid=11) ERROR 11-27 10:00:00 [c.py:562] Engine core proc EngineCore_DP0 died "
    "unexpectedly, shutting down client.\n"
)
UNEXPECTED = [
    ("", SIGNALS[9]),
    ("!!!!!!! Segfault encountered !!!!!!!\n", SIGNALS[11]),
    ("Fatal Python error: Segmentation fault\n", SIGNALS[11]),
    ("*** SIGSEGV received at time=1764 on cpu 3 ***\n", SIGNALS[11]),
    ("Fatal Python error: Aborted\n", SIGNALS[6]),
    ("corrupted double-linked list\n", SIGNALS[6]),
    ("free(): invalid pointer\nAborted (core dumped)\n", SIGNALS[6]),
    (
        "terminate called after throwing an instance of 'c10::Error'\n  what():  negative size\n",
        "broke off (abort): negative size.",
    ),
    (
        "terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: an "
        "illegal memory access was encountered\n",
        "A computation on the card failed",
    ),
    (
        "[rank1]:[E1127 11:02:11.1 ProcessGroupNCCL.cpp:685] [Rank 1] Watchdog caught collective "
        "operation timeout: WorkNCCL(SeqNum=8123) ran for 600012 milliseconds\n",
        "connection (NCCL) failed",
    ),
]


@pytest.mark.parametrize(("words", "said"), UNEXPECTED)
def test_an_engine_that_died_unexpectedly_left_its_last_words(words: str, said: str) -> None:
    cause = find_cause(start_log("opening the API") + READY + "\n" + words + DIED, 0)
    assert cause.startswith("The engine died while the server was answering") and said in cause
    assert ("main memory" in cause) == (not words)


OTHERS = (
    OOM.replace("15.48", "23.53")
    + " Process 991 has 23.10 GiB memory in use. Including non-PyTorch"
)


def test_a_card_that_another_program_fills() -> None:
    for stage in LATER:
        assert "Other programs hold 23.1 GiB" in find_cause(failed_log(OTHERS, stage=stage), 1)
    little = OTHERS.replace("23.10", "1.10")
    log = failed_log(little, stage="loading the weights")
    assert "The weights alone do not fit" in find_cause(log, 1)
    for words in (OOM, "torch.AcceleratorError: CUDA error: out of memory"):
        cause = find_cause(failed_log(words), 1)
        assert "full before the model was read" in cause and "nvidia-smi" in cause
        assert "utilization" not in cause
        assert "Lower --gpu-memory-utilization" in find_cause(write_lines(words) + END, 1)


BOUND = "ERROR:    [Errno 98] error while attempting to bind on address: address already in use\n"


@pytest.mark.parametrize("ready", ["", READY + "\n"])
def test_a_taken_port_as_uvicorn_writes_it(ready: str) -> None:
    log = start_log("opening the API") + ready + f"(APIServer pid=11) {BOUND}"
    ends = write_lines(f"{TRACE}\nSystemExit: 1", PREFIXES["api"])
    for end in ("", ends):
        cause = find_cause(log + end, 1)
        assert "The port was taken: another program holds it" in cause and "--port" in cause
        assert "stopped" not in cause and "everybody" not in cause


SURVIVED = """\
(EngineCore pid=22) ERROR 11-27 10:40:00 [core.py:2057] Unexpected error pre-processing request c-7
(EngineCore pid=22) ERROR 11-27 10:40:00 [core.py:2057] Traceback (most recent call last):
(EngineCore pid=22) ERROR 11-27 10:40:00 [core.py:2057]   File "c.py", line 3, in f
(EngineCore pid=22) ERROR 11-27 10:40:00 [core.py:2057] OSError: [Errno 28] No space left on device
(APIServer pid=11) INFO:     127.0.0.1:40 - "POST /v1/chat/completions HTTP/1.1" 200 OK
"""


def test_an_engine_that_answered_on_was_stopped() -> None:
    log = start_log("opening the API") + READY + "\n" + SURVIVED
    shut = "(APIServer pid=11) INFO:     Shutting down\n"
    for code in (0, None, -15):
        assert find_cause(log + shut, code) in (SIGNALS[15], SIGNALS[2])
    assert find_cause(log, 0) == SIGNALS[15]
    died = find_cause(log + write_lines(DEATH + "RuntimeError: Sliding window unsupported"), 0)
    assert "PAGED_ATTENTION_SINGLE_QUERY_KERNEL" in died
    assert SIGNALS[9] in find_cause(log, -9) and "disk is full:" not in find_cause(log, -9)


def test_a_server_whose_first_process_failed() -> None:
    log = start_log("opening the API") + READY + "\n"
    log += write_lines(f"{TRACE}\nOSError: [Errno 24] Too many open files", PREFIXES["api"])
    assert find_cause(log, 1).startswith("Too many files are open")


def test_a_request_that_quotes_an_error() -> None:
    asked = (
        "(APIServer pid=11) INFO 11-27 10:00:00 [logger.py:40] Received request c-1: prompt: 'Why"
    )
    quoted = f"{asked}:\n{TRACE}\nValueError: No available memory for the cache blocks.\n?'\n"
    log = start_log("opening the API") + READY + "\n" + quoted
    assert SIGNALS[9] in find_cause(log, -9) and "cache" not in find_cause(log, -9)
    died = log + write_lines(DEATH + "RuntimeError: Sliding window unsupported")
    assert "PAGED_ATTENTION" in find_cause(died, 0)


def test_the_last_of_several_starts_is_told() -> None:
    first = start_log("opening the API") + READY + "\n(APIServer pid=11) INFO:     Shutting down\n"
    port = write_lines(f"{TRACE}\nOSError: [Errno 98] Address already in use", PREFIXES["api"])
    assert "The port was taken" in find_cause(first + start_log() + port, 1)
    second = first + failed_log(OOM, stage="loading the weights")
    assert find_cause(second, 1).startswith("The weights alone do not fit")
    flag = "usage: vllm serve [options]\nvllm serve: error: unrecognized arguments: --maxlen 8\n"
    assert find_cause(first + flag, 2).startswith("This vLLM does not know --maxlen")
    failed = failed_log(DISK)
    assert find_cause(failed + start_log("loading the weights") + HALF, -9) == SIGNALS[9]
    assert explain_wait(failed + start_log("loading the weights")) == WAITS["loading the weights"]
    banner = " ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0\n"
    current = start_log().replace(" [api_server.py:1839] vLLM API server version 0.11.0", banner)
    assert "The port was taken" in find_cause(first + current + port, 1)


def test_a_start_that_was_interrupted_in_the_engine() -> None:
    log = start_log("loading the weights")
    log += write_lines(f"EngineCore failed to start.\n{TRACE}\nKeyboardInterrupt: terminated") + END
    assert find_cause(log, 1) == SIGNALS[2]


# Ways out that depend on what the line or the log says

PATHS = {
    "/home/you/.cache/vllm/torch_compile_cache/a": "VLLM_CACHE_ROOT",
    "/root/.config/vllm/x.json": "VLLM_CONFIG_ROOT",
    "/home/bob/.triton/cache/8WJ3": "TRITON_CACHE_DIR",
    "/tmp/torchinductor_root/xy": "TORCHINDUCTOR_CACHE_DIR",
    "/root/.cache/huggingface/hub": "folder that notebook 01 names",
    "/dev/shm/psm_1a2b": "a program of another user left it",
    "/models/Qwen/model-00001-of-00002.safetensors": "the right to read it",
    "models/Qwen/config.json": "the right to read it",
    "/env/bin/ptxas": "chmod a+x",
    "/opt/other": "change its owner or rights",
}


@pytest.mark.parametrize("path", PATHS)
def test_the_way_out_fits_the_path_that_is_forbidden(path: str) -> None:
    cause = find_cause(failed_log(f"PermissionError: [Errno 13] Permission denied: '{path}'"), 1)
    assert cause.startswith(f"vLLM may not use {path}: ") and PATHS[path] in cause
    assert ("VLLM_CACHE_ROOT" in cause) == ("cache/vllm" in path) and "shared memory" not in cause


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        (
            "RuntimeError: unable to mmap 49 bytes from file </nfs/m.safetensors>: No such d",
            "network d",
            "sh",
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12080). P",
            "knows CUDA 12.8, and",
            "container",
        ),
        (
            "OSError: You are trying to access a gated repo.\nAccess to model a/B-3.2 is no",
            "a/B-3.2 is given only",
            "",
        ),
        (
            "OSError: You are trying to access a gated repo.\nMake sure to have access to it at "
            "https://hub.example/a/B-3.2-Vision.",
            "a/B-3.2-Vision is given only",
            "",
        ),
        ("ImportError: /env/x.so: cannot allocate memory in static TLS block", "not know", "disk"),
    ],
)
def test_ways_out_that_depend_on_the_words(words: str, said: str, unsaid: str) -> None:
    cause = find_cause(failed_log(words), 1)
    assert said in cause and (not unsaid or unsaid not in cause)


def test_a_driver_that_was_updated_is_no_missing_card() -> None:
    log = failed_log("RuntimeError: Failed to infer device type", PREFIXES["api"])
    warned = "WARNING 11-27 10:00:00 [i.py:1] NVML: Driver/library version mismatch\n"
    changed = find_cause(warned + log.replace(BEGIN, BEGIN[BEGIN.index("(API") :]), 1)
    assert "The driver was updated" in changed and "--gpus all" not in changed
    assert "--gpus all" in find_cause(log, 1)


def test_a_damaged_file_of_the_compile_cache_is_no_weight() -> None:
    words = "RuntimeError: PytorchStreamReader failed reading zip archive: no central directory"
    for stage in ("measuring what a request needs at most", "compiling the model"):
        assert "torch_compile_cache" in find_cause(failed_log(words, stage=stage), 1)
    assert "verify_folder" in find_cause(failed_log(words, stage="loading the weights"), 1)


FREE = "INFO 11-27 22:43:37 [w.py:1] Free memory on device cuda:0 (TOTAL/TOTAL GiB) on startup.\n"


@pytest.mark.parametrize(
    ("share", "total", "rest", "video", "said", "unsaid"),
    [
        ("0.3", "23.5", "-3.9", "", "of a budget of 7.0.*Raise .* from 0.3 to 0.90", "Only|video"),
        ("0.85", "9.6", "-0.95", ", 'video': 0", "Only that helps", "Raise"),
        ("0.85", "24.0", "-0.9", ", 'video': 0", "Raise", "Only|video"),
        ("0.9", "12.0", "-0.6", ", 'video': 0", "already, so serve a smaller", "video"),
        ("0.9", "12.0", "-0.6", "", "already, so serve a smaller.*frees about", "Only"),
        ("0.5", "9.0", "-5.0", "", "Only that helps", "Raise|video"),
    ],
)
def test_a_larger_share_helps_where_the_card_has_it(
    share: str, total: str, rest: str, video: str, said: str, unsaid: str
) -> None:
    flags = f", 'gpu_memory_utilization': {share}, 'limit_mm_per_prompt': {{'image': 1{video}}}"
    log = CACHE.replace("FLAGS", flags).replace("WEIGHTS", "8.59").replace("REST", rest)
    cause = find_cause(FREE.replace("TOTAL", total) + log + END, 1)
    assert re.search(said, cause) and not re.search(unsaid, cause)


def test_clips_that_were_left_out_are_not_offered() -> None:
    flags = "'port': 8085, 'limit_mm_per_prompt': {'image': 4, 'video': 0}"
    log = failed_log(OOM, stage="measuring what a request needs at most")
    assert "video" in find_cause(log, 1)
    cause = find_cause(log.replace("'port': 8085", flags), 1)
    assert "video" not in cause and "smaller --max-num-batched-tokens" in cause


def test_no_memory_for_the_cache_of_a_processor() -> None:
    log = CACHE.replace("FLAGS", "").replace("WEIGHTS", "0.02").replace("0.11.0", "0.32.0")
    log = BEGIN.splitlines()[0].replace("cuda", "cpu") + "\n" + log.replace(" REST", " -0.5")
    cause = find_cause(log + END, 1)
    assert "main memory" in cause and not re.search(r"0\.0 GiB|video|smaller", cause)


def test_an_engine_that_was_killed_under_0_32() -> None:
    """All that 0.32 writes of it; then the server ends itself in good order, with code 0."""
    error = "(APIServer pid=23874) ERROR 11-28 03:47:12 [async_llm.py:906] "
    log = (
        "(APIServer pid=9) INFO 11-28 03:46:12 [api_server.py:1] vLLM API server version 0.32.0\n"
        "INFO:     Application startup complete.\n"
        f"{error}AsyncLLM output_handler failed.\n"
        f"{error}Traceback (most recent call last):\n"
        f'{error}  File "core_client.py", line 1235, in get_output_async\n'
        f"{error}    raise self._format_exception(outputs) from None\n"
        f"{error}vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See "
        "stack trace (above) for the root cause.\n"
        "INFO:     Shutting down\nINFO:     Finished server process [23874]\n"
    )
    said = find_cause(log, 0)
    assert said.startswith("The engine died while")
    assert "system killed" in said
