"""Read what a vLLM server wrote: how far its start has come, what it took, and why it failed.

`log_lines` splits a log, `failures` is the table of what can end a server.
"""

import ast
import re
from dataclasses import dataclass

from helpers.errors import CourseError
from helpers.server.failures import LAST_RULES, RULES, SIGNALS, WAITS
from helpers.server.log_lines import (
    ABORTED,
    Line,
    cut_to_last_start,
    find_stage,
    name_stage,
    read_lines,
    strip_colours,
)

__all__ = [
    "LogError",
    "StartFacts",
    "explain_wait",
    "find_cause",
    "find_shortage",
    "find_stage",
    "read_facts",
    "strip_colours",
]

STOPS = (1, 2, 15)  # signals that somebody sends
FATAL = "EngineCore encountered a fatal error"  # of an engine that was ready
ENGINE_FAILED = re.compile(rf"EngineCore failed to start|{FATAL}|WorkerProc failed")
# Reports of a failure that name none.
REPORT = re.compile(
    r"See root cause above|EngineDeadError|EngineCore (failed|encountered)|died unexpectedly|"
    r"output_handler failed|WorkerProc (failed|initialization)|KeyboardInterrupt|SystemExit"
)
# First lines of failures whose reason stands on another line.
HEADER = re.compile(r"validation errors? for|CalledProcessError|Ninja build failed|BackendCompiler")
TELLING = re.compile(r"Value error, |Input should|Field required|Extra inputs|Unexpected keyw")
# What only follows from the failure of another process.
CONSEQUENCE = re.compile(
    r"ncclRemoteError|remote process exited|Connection (reset|closed) by peer|RuntimeError: cancel"
)
# What programs try and do without; where one was handled, the next exception is the cause.
TRIED = re.compile(
    r"(ModuleNotFound|Import|Key|Attribute|Index|Lookup|Type|FileNotFound|Permission)Error\b"
)
# The shell missed a program, which matters only where something could not be compiled.
MISSED = re.compile(r"^\S*sh: .*not found$")
COMPILED = re.compile(r"CalledProcessError|[Nn]inja|[Cc]ompil|[Ii]nductor|exit (status|code)|nvcc")
CODES = (
    (re.compile(r"Failed core proc\(s\): \{[^}]*?: -(\d+)|exit code:? -(\d+)"), 0),
    (re.compile(r"Segmentation fault|Segfault encountered|SIGSEGV received"), 11),
    (re.compile(rf"{ABORTED}|^Fatal Python error: Aborted|SIGABRT received"), 6),
    (re.compile(r"^Illegal instruction"), 4),
    (re.compile(r"^Bus error"), 7),
    (re.compile(r"^Killed|\bKilled$|proc \S+ died unexpectedly(?! \(exit code)"), 9),
)


def find_cause(log: str, exit_code: int | None = None) -> str:
    """Why a server died and the way out, in one or two sentences.

    `log` may be the end of a log. `exit_code` is that of the server's first process; a negative
    one is the signal that ended it, as `subprocess` has it.
    """
    log = cut_to_last_start(log)
    lines = read_lines(log)
    ready = _was_ready(lines)
    failed = any(ENGINE_FAILED.search(line.words) for line in lines)
    number = _find_code(lines) if failed else _find_signal(lines, exit_code)
    if number in STOPS:
        return SIGNALS[number]
    lost = any("EngineDeadError" in line.words for line in lines)  # all that 0.32 says of a kill
    if ready and not (failed or number or lost) and _was_stopped(lines, exit_code):
        return SIGNALS[15]
    errors = find_errors(lines)
    likely = [e for e in errors if not (e.survived or (number and _is_aside(e)))]
    cause = ask_rules(likely, log) or SIGNALS.get(number, "")
    if not cause and any(e.words.startswith("KeyboardInterrupt") for e in errors):
        return SIGNALS[2]
    if not cause and lost and all(REPORT.search(e.words) for e in errors if e.kind != "message"):
        cause = SIGNALS[9]
    if not cause:
        cause = _say_unknown(lines, errors, exit_code)
    if ready and (number or lost or not all(e.process.startswith("API") for e in errors)):
        return f"The engine died while the server was answering, for everybody: {cause}"
    return cause


def find_errors(lines: list[Line]) -> list[Line]:
    """The lines that tell of what ended the server, the likeliest first.

    What a start has survived is none of it, nor what a server that was ready has refused.
    """
    errors = [line for line in lines if line.is_error]
    if _was_ready(lines):
        errors = (
            [e for e in errors if e.ready and not e.process.startswith("API")]
            or [e for e in errors if e.process.startswith("Engine")]
            or [e for e in _find_last_words(lines) if e.is_error]
        )
    else:
        errors = [e for e in errors if e.stage == lines[-1].stage]
    errors = [e for e in errors if not e.survived] or errors
    failures = [e for e in errors if not (MISSED.search(e.words) or REPORT.search(e.words))]
    if failures and not any(COMPILED.search(e.words) for e in failures):
        errors = [e for e in errors if not MISSED.search(e.words)]
    return sorted(errors, key=_find_rank)


def _find_rank(line: Line) -> tuple[bool, bool, bool]:
    """How far a line is from the end of its process: a later exception is the nearer one."""
    aside = bool(CONSEQUENCE.search(line.words) or MISSED.search(line.words))
    return aside, line.handled, line.caused


def _is_aside(line: Line) -> bool:
    """Whether a line is no reason for a signal that ended a process."""
    refused = line.ready and line.process.startswith("API")
    return refused or _find_rank(line)[0]


def _find_last_words(lines: list[Line]) -> list[Line]:
    """The lines after the last that reports of ordinary work."""
    ends = [n for n, line in enumerate(lines) if line.level in ("DEBUG", "INFO", "WARNING")]
    return lines[max(ends, default=-1) + 1 :]


def ask_rules(errors: list[Line], log: str) -> str:
    """The sentence of the first rule that knows one of the lines; '' if none does."""
    for rules in (RULES, LAST_RULES):
        for line in errors:
            if line.handled and TRIED.match(line.words):
                continue
            for rule in rules:
                fits = not rule.stages or name_stage(line.stage) in rule.stages
                if fits and (sentence := rule.tell(line.words, log)):
                    return sentence
    return ""


def find_telling_lines(errors: list[Line]) -> list[str]:
    """At most three lines of the errors that say most, cut to 200 characters."""
    found = [line for line in errors if line.kind != "message" or TELLING.search(line.words)]
    found.sort(key=lambda line: (line.handled, line.caused, not TELLING.search(line.words)))
    words = [re.sub(r" \[type=.*", "", line.words.strip())[:200] for line in found]
    named = [w for w in words if not REPORT.search(w)]
    roots = [w for w in named if not HEADER.search(w)]
    return list(dict.fromkeys(roots or named or words))[:3]


def explain_wait(log: str) -> str:
    """Why a start does not end, in one or two sentences: what it waits for, and the usual cause."""
    log = cut_to_last_start(log)
    lines = read_lines(log)
    if cause := ask_rules([e for e in find_errors(lines) if not e.survived], log):
        return cause
    if "No available shared memory broadcast block" in log:
        return (
            "The engine's processes wait for one of them that hangs or compiles (No available "
            "shared memory broadcast block): allow more time if the processor works; else start "
            "a container with `--ipc=host` or `--shm-size=8g`, or start with --enforce-eager."
        )
    if re.search(r"Fetching \d+ files|Downloading|\.safetensors:\s+\d+%", log):
        return "It downloads the model: let notebook 01 do that, and serve the folder it names."
    return WAITS[name_stage(max((line.stage for line in lines), default=-1))]


def _find_signal(lines: list[Line], exit_code: int | None) -> int:
    """The signal that ended the server or its engine; 0 if none did."""
    if exit_code is not None and exit_code < 0:
        return -exit_code
    if exit_code is not None and exit_code > 128:
        return exit_code - 128
    ends = [e for e in lines if e.kind == "exception" and e.is_error and not e.survived]
    ends = [e.words for e in ends if not (e.caused or e.handled)]
    ends = [words for words in ends if "See root cause above" not in words]
    if ends and re.match(r"KeyboardInterrupt|SystemExit(: 0)?$", ends[-1]):
        return 2
    return _find_code(lines)


def _find_code(lines: list[Line]) -> int:
    """The signal that a process of the server reports of another; 0 if none does."""
    for line in lines:
        if line.words.startswith("Shutting down"):  # what ends from here on was told to
            return 0
        for pattern, number in CODES if line.is_error else ():
            if found := pattern.search(line.words):
                return number or int(next(group for group in found.groups() if group))
    return 0


def _was_stopped(lines: list[Line], exit_code: int | None) -> bool:
    """Whether a server that answered ended as one that is told to."""
    told = any(line.words.startswith("Shutting down") for line in lines)
    return exit_code == 0 or (exit_code is None and told)


def _was_ready(lines: list[Line]) -> bool:
    return any(line.ready or FATAL in line.words for line in lines)


def _say_unknown(lines: list[Line], errors: list[Line], exit_code: int | None) -> str:
    stage = name_stage(max((line.stage for line in lines), default=-1))
    if _was_ready(lines):
        stage = "answering requests"
    if told := find_telling_lines(errors):
        quoted = " · ".join(told)
        return f"I do not know this one; while {stage} the log says: {quoted}"
    if any("Shutting down" in line.words for line in lines):
        return SIGNALS[15]
    if not lines:
        return "I do not know this one: the log says nothing."
    if exit_code:
        ends = [line for line in lines if line.level != "WARNING"][-3:]
        last = " · ".join(line.words.strip()[:200] for line in ends)
        return f"I do not know this one; its exit code is {exit_code}, and the log ends in: {last}"
    return (
        f"The log ends without an error, while {stage}. {SIGNALS[9]} If its disk is full, the log "
        "could not be written on."
    )


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
    numbers |= _split_sums(numbers, text)
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
        return ast.literal_eval(_Fields().visit(ast.parse(found[1], mode="eval"))) if found else {}
    except (ValueError, SyntaxError):
        return {}


class _Fields(ast.NodeTransformer):
    """Makes a dictionary of an object that is logged as Name(field=value)."""

    def visit_Call(self, call: ast.Call) -> ast.Dict:
        self.generic_visit(call)
        names = [ast.Constant(field.arg) for field in call.keywords]
        return ast.Dict(names, [field.value for field in call.keywords])


def _split_sums(numbers: dict, text: str) -> dict:
    """What 0.32 gives as sums: weights with what CUDA takes, the work with room for the graphs.

    Its graphs are what it set aside for them; what they then took is less.
    """
    parts = {}
    taken = _find_number(r"([\d.]+) GiB for consumed memory", text)
    room = _find_number(r"GiB \(actual\), ([\d.]+) GiB \(estimated\)", text)
    if taken and numbers["weights"]:
        parts["other"] = round(taken - numbers["weights"], 2)
    if room:
        parts["graphs"] = room
    if room and numbers["activations"]:
        parts["activations"] = round(numbers["activations"] - room, 2)
    return parts


def _find_number(pattern: str, text: str) -> float | None:
    found = re.search(pattern, text)
    if found is None:
        return None
    number = next(group for group in found.groups() if group is not None)
    return float(number.replace(",", ""))
