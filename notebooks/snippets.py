"""Write SNIPPETS.md, the table of the cells that run alone: `python notebooks/snippets.py`.

A row is made of the cell itself: the task is its first line, a comment; what it needs follows from
what it imports. The commands below the table come from `helpers.places` and the README.
"""

import ast
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers import places

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "notebooks" / "SNIPPETS.md"
# What a snippet may import where there is nothing of this course, and who brings it.
BARE = {
    "openai": "openai",
    "httpx": "httpx",
    "pydantic": "openai",
    "PIL": "Pillow",
    "av": "PyAV",
}
OTHERS = {"vllm": "vLLM", "transformers": "transformers", "qwen_vl_utils": "qwen-vl-utils"}
OURS = {"helpers", "media", "pocket_model"}

INTRO = """\
# Snippets

Each of these cells runs alone: copy it into a file of yours and run it. Those that ask a server \
take its address from `COURSE_BASE_URL` (else `http://127.0.0.1:8085/v1`) and its key from \
`COURSE_API_KEY`, and need no more than `pip install openai pillow`; where the table names \
httpx or PyAV, also `httpx` or `av`. Some draw a picture to have one; a path such as \
`../media/receipt.png` is the course's: put yours. `tests/test_snippets.py` runs every one, on \
vLLM 0.11.0 and on 0.32.0; what needs neither vLLM nor `helpers`, in a Python that has openai, \
Pillow, PyAV and httpx alone.

Where one fails it says why in the server's or the client's own words, then where to look, and \
ends with exit code 1. A reply is whole if its `finish_reason` is `stop`: `length` says that it \
reached `max_tokens`, `abort` (0.32.0) that the server was told to end. Behind a proxy, \
`export NO_PROXY=127.0.0.1,localhost` lets a server on your own machine be asked past it; of a \
SOCKS proxy (`ALL_PROXY=socks5://…`) the client wants `pip install socksio`, or \
`unset ALL_PROXY all_proxy`.

This page is made by `python notebooks/snippets.py` from the cells.

| to | needs | runs on | the cell |
|---|---|---|---|
"""
COMMANDS = """\

## Start a server

On one RTX 5090, for this machine alone (the course's own flags, chosen in \
[notebook 02](02_launch_the_server.ipynb); not tried on that card):

```bash
{card}
```

For a class, behind nginx (on a card: `python -m helpers.classroom` and the words in quotes); read
[what to beware of](../README.md#for-a-workshop) first:

```bash
{workshop}
```

## The same by curl

Ask a question:

```bash
{ask}
```

Ask about a picture. It goes through a pipe, because a command line holds no large one:

```bash
{picture}
```
"""
MODEL = """\
URL=${COURSE_BASE_URL:-http://127.0.0.1:8085/v1}
KEY="Authorization: Bearer ${COURSE_API_KEY:-EMPTY}"
MODEL=$(curl -fsS "$URL/models" -H "$KEY" | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)
"""
ASK = (
    MODEL
    + """\
curl -sS --fail-with-body "$URL/chat/completions" -H "$KEY" -H "Content-Type: application/json" \\
  -d '{"model": "'"$MODEL"'", "max_tokens": 100,
       "messages": [{"role": "user", "content": "Name a fruit."}]}'"""
)
PICTURE = (
    "PICTURE=../media/table_top.png\n"
    + MODEL
    + """\
{
  printf '{"model": "%s", "max_tokens": 300, "messages": [{"role": "user", "content": [' "$MODEL"
  printf '{"type": "text", "text": "What stands on this table?"}, {"type": "image_url", '
  printf '"image_url": {"url": "data:image/png;base64,'
  base64 < "$PICTURE" | tr -d '\\n'
  printf '"}}]}]}'
} | curl -sS --fail-with-body "$URL/chat/completions" -H "$KEY" \\
  -H "Content-Type: application/json" -d @-"""
)


@dataclass(frozen=True)
class Snippet:
    """A cell that runs alone, and the heading that it stands under."""

    notebook: Path
    heading: str
    code: str

    @property
    def task(self) -> str:
        """The cell's first line, without its `#` and full stop; "" where it is no comment."""
        first = self.code.splitlines()[0]
        return first.removeprefix("# ").removesuffix(".") if first.startswith("# ") else ""

    @property
    def packages(self) -> set[str]:
        """What it imports that does not come with Python, as `PIL` of `from PIL import Image`."""
        nodes = list(ast.walk(ast.parse(self.code)))
        plain = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
        froms = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
        return {module.partition(".")[0] for module in plain + froms} - sys.stdlib_module_names

    @property
    def is_bare(self) -> bool:
        """Does it run where there is nothing of vLLM and of this course?"""
        return self.packages <= set(BARE)

    @property
    def asks_server(self) -> bool:
        return "COURSE_BASE_URL" in self.code

    @property
    def needs(self) -> str:
        named = {(BARE | OTHERS).get(package, f"`{package}`") for package in self.packages}
        flags = ["the flags for tools (below)"] if "tools=" in self.code else []
        return ", ".join([*sorted(named, key=str.lower), *flags]) or "Python"

    @property
    def runs_on(self) -> str:
        if self.asks_server:
            return "any server"
        if self.packages & OURS:
            return "this course's folder"
        return "the machine with vLLM" if "vllm" in self.packages else "any machine"

    @property
    def row(self) -> str:
        anchor = self.heading.replace("`", "").replace(" ", "-")
        link = f"[{self.notebook.name[:2]} · {self.heading}]({self.notebook.name}#{anchor})"
        return f"| {self.task} | {self.needs} | {self.runs_on} | {link} |\n"


def find_snippets() -> Iterator[Snippet]:
    """The cells tagged `snippet` of all lessons, in their order."""
    for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        heading = ""
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                heading = [heading, *re.findall(r"^#+ (.*)", source, re.MULTILINE)][-1]
            elif "snippet" in cell["metadata"].get("tags", []):
                yield Snippet(notebook, heading, source)


def write_page() -> str:
    """All of SNIPPETS.md."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    workshop = re.search(r"^make class .*$", readme, re.MULTILINE)[0]
    commands = {"card": write_serve_command(), "workshop": workshop}
    rows = "".join(snippet.row for snippet in find_snippets())
    return INTRO + rows + COMMANDS.format(**commands, ask=ASK, picture=PICTURE)


def write_serve_command() -> str:
    """`vllm serve` with the gpu place's flags, one a line; without this machine's folders."""
    profile = places._gpu_profile(None)
    model = f"{places.MODELS.name}/{places.MODEL_ID}"
    lines = [
        f"vllm serve {model} --served-model-name {profile['served_model_name']}",
        f"--host 127.0.0.1 --port {places.PORT}",
    ]
    for flag in [*profile["flags"], *places.LIMITS, *places.FORMS, *places.TOOLS]:
        if flag.name != "--allowed-local-media-path":
            lines.append(" ".join(map(shlex.quote, flag.words)))
    return " \\\n  ".join(lines)


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
