"""Read the log of a vLLM server as lines, each with its process, its level and its stage.

vLLM 0.11.0 and 0.32.0 write `(EngineCore_DP0 pid=22) ERROR 11-27 10:00:00 [core.py:708] words`;
torch, uvicorn and the compilers write in forms of their own, and many lines have none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # and what moves the cursor

# What the learner waits for, by a log line that only this stage or its end writes, in the order
# of a start.
IMPORTED = "Automatically detected platform"
STAGES = (
    (IMPORTED, "importing vLLM"),
    (
        r"vLLM API server version|█  version \d|^\(APIServer pid=",
        "reading the model's configuration",
    ),
    (
        r"Waiting for init message|Initializing a V1 LLM engine|^\((EngineCore|Worker)\S* pid=",
        "starting the engine process",
    ),
    ("Starting to load model|Loading safetensors checkpoint shards", "loading the weights"),
    ("Loading weights took|Model loading took", "measuring what a request needs at most"),
    ("Dynamo bytecode transform|Start compiling", "compiling the model"),
    ("KV cache size", "setting up the KV cache"),
    ("Capturing (CUDA )?graph", "capturing CUDA graphs"),
    ("init engine .* took", "opening the API"),
)
OPENING = re.compile("|".join(pattern for pattern, _ in STAGES))
START = re.compile("vLLM (API )?server version|█  version \\d|usage: vllm")
READY = re.compile(r"Application startup complete|\"(GET|POST) /\S* HTTP/1|Avg prompt throughput")

PROCESS = re.compile(r"^\((?P<name>\w+) pid=\d+\) ?|^\[rank\d+\]: ?")
LEVEL = re.compile(
    r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\b"
    r"(?:\s+\d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?|:[\w.]*:? *|\s+)"
)
# The forms of torch, Python's warnings, and programs that begin with the date.
OTHER_LEVELS = (
    (re.compile(r"^(\[rank\d+\]:)?\[?W\d{4} |^\S+:\d+: \w*Warning: |^[Ww]arning: "), "WARNING"),
    (re.compile(r"^(\[rank\d+\]:)?\[?I\d{4} "), "INFO"),
    (re.compile(r"^(\[rank\d+\]:)?\[?E\d{4} "), "ERROR"),
    (re.compile(r"^\[?\d{4}-\d\d-\d\d[ T][^A-Z]*\bWARN"), "WARNING"),
    (re.compile(r"^\[?\d{4}-\d\d-\d\d[ T][^A-Z]*\b(INFO|DEBUG)\b"), "INFO"),
    (re.compile(r"^\[?\d{4}-\d\d-\d\d[ T][^A-Z]*\bERROR\b"), "ERROR"),
)
EXCEPTION = re.compile(
    r"^[\w.]*(Error(_\w+)?|Exception|gaierror|KeyboardInterrupt|SystemExit|InvalidCxxCompiler)"
    r"(: |:?$)"
)
# How a process of C++ ends itself.
ABORTED = (
    r"^terminate called|^Aborted|^(free|malloc|realloc|munmap_chunk)\(\): |^double free|^corrupted "
)
# What pydantic and programs without Python's exceptions write when they fail.
TOOL = re.compile(
    r"\bfatal error: |^nvcc (fatal|error)|^ptxas fatal|\bld: cannot find|: error: |^error: |"
    r": not found$|^\S*sh: |^\s*Value error, |^Killed|\bKilled$|^Segmentation fault|^Bus error|"
    r"^Illegal instruction|Segfault encountered|^Fatal Python error|\*\*\* SIG\w+ received|"
    r"^\s*what\(\): |Watchdog caught |^OpenBLAS \S+: |^libgomp: |" + ABORTED
)
# What stands between the exceptions of one traceback: Python ends on the last of them alone.
CAUSED = "The above exception was the direct cause of the following exception"
HANDLED = "During handling of the above exception, another exception occurred"
# What precedes a traceback that ends no process.
SURVIVED = re.compile(
    "^Exception ignored in|^Exception in thread|Unexpected error pre-processing request|"
    "Invocation of .* method failed"
)
QUOTING = "Received request "  # and the request's own words, which can be anything
PYDANTIC = re.compile(r"^\s+(Input should|Field required|Extra inputs|Unexpected keyword)")


@dataclass
class Line:
    """One line of a log.

    `kind` is "code" (a frame of a traceback, or a quoted request), "exception", "message" (what
    follows an exception and belongs to it), "tool" (a compiler's or the shell's error) or "" for
    all else. `caused` is true for an exception that led to another, `handled` for one that Python
    was treating when it met another, `survived` for one that ended no process. `stage` is an index
    into `STAGES`, -1 before the first.
    """

    words: str
    level: str = ""
    process: str = ""
    kind: str = ""
    stage: int = -1
    ready: bool = False
    caused: bool = False
    handled: bool = False
    survived: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the line tells of a failure; INFO and WARNING lines never do."""
        if self.kind == "code" or self.level in ("DEBUG", "INFO", "WARNING"):
            return False
        return bool(self.level or self.kind)


def strip_colours(text: str) -> str:
    """The text without ANSI colour codes, which 0.11 writes even into a file."""
    return COLOUR.sub("", text)


def find_stage(log: str) -> str:
    """What the start is busy with, in a few words; the end of a log is enough."""
    stages = [line.stage for line in read_lines(log)]
    return name_stage(max(stages, default=-1))


def name_stage(stage: int) -> str:
    """The name of a stage of a `Line`."""
    return STAGES[stage][1] if stage >= 0 else "starting Python"


def cut_to_last_start(log: str) -> str:
    """The part of a log that belongs to the last start in it."""
    text = strip_colours(log)
    starts = [found.start() for found in START.finditer(text)]
    if len(starts) < 2:
        return text
    imported = text.rfind(IMPORTED, starts[-2], starts[-1])
    begin = imported if imported >= 0 else starts[-1]
    return text[text.rfind("\n", 0, begin) + 1 :]


def read_lines(log: str) -> list[Line]:
    """The lines of a log that have words in them, each with what it is."""
    lines: list[Line] = []
    readers: dict[str, _Reader] = {}
    stage, ready, quoting = -1, False, False
    for text in strip_colours(log).splitlines():
        line = split_line(text)
        quoting = QUOTING in text or (quoting and not (line.process or line.level))
        reader = readers.setdefault(line.process, _Reader(lines))
        if quoting:
            line.kind = "code"
        else:
            reader.read(line)
        if line.kind in ("code", "exception", "message"):
            text = f"({line.process} pid="  # their words name no stage, their process does
        stage = _find_opened(text, stage)
        ready = ready or bool(READY.search(text))
        line.stage, line.ready = stage, ready
        if line.words.strip():
            lines.append(line)
    return lines


def split_line(text: str) -> Line:
    """Take process and level off a line; of two levels the inner one counts."""
    process = level = ""
    while found := PROCESS.match(text):
        process, text = found["name"] or process, text[found.end() :]
    while found := LEVEL.match(text):
        level, text = found["level"], text[found.end() :]
    other = (name for pattern, name in OTHER_LEVELS if pattern.match(text))
    return Line(text.rstrip(), next(other, level), process)


class _Reader:
    """Follows the tracebacks of one process."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.inside = False  # a traceback
        self.after = False  # its exception
        self.survived = False

    def read(self, line: Line) -> None:
        words = line.words
        if SURVIVED.search(words):
            self._end_exception()
            self.survived = line.survived = True
        elif words.strip().endswith("Traceback (most recent call last):"):
            self._end_exception()
            self.inside, line.kind = True, "code"
        elif self.inside and (not words or words[0] in " \t|+"):
            line.kind = "code"
        elif self.inside or EXCEPTION.match(words):
            line.kind, line.survived = "exception", self.survived
            self.inside, self.after = False, True
        elif words.startswith((CAUSED, HANDLED)):
            line.kind, self.after = "code", False
            self._mark_earlier(line)
        elif TOOL.search(words):
            line.kind = "tool"
        elif line.level in ("DEBUG", "INFO", "WARNING"):
            self._end_exception()
        elif self.after:
            line.kind, line.survived = "message", self.survived
            self._join_field(line)

    def _end_exception(self) -> None:
        """What comes now is no part of the exception that stands above, if one does."""
        if self.after:
            self.after = self.survived = False

    def _mark_earlier(self, link: Line) -> None:
        for line in self._back(link.process):
            if line.kind in ("code", ""):
                return
            line.caused = line.caused or link.words.startswith(CAUSED)
            line.handled = line.handled or link.words.startswith(HANDLED)

    def _join_field(self, line: Line) -> None:
        """pydantic names the field on one line and what is wrong with it on the next."""
        before = next(self._back(line.process), None)
        if before and PYDANTIC.match(line.words) and re.fullmatch(r"[\w.]+", before.words):
            line.words = f"{before.words}: {line.words.strip()}"

    def _back(self, process: str) -> Iterator[Line]:
        return (line for line in reversed(self.lines) if line.process == process)


def _find_opened(text: str, stage: int) -> int:
    """The latest stage that a line opens; `stage` if it opens none after that."""
    if OPENING.search(text):
        for number in range(len(STAGES) - 1, stage, -1):
            if re.search(STAGES[number][0], text):
                return number
    return stage
