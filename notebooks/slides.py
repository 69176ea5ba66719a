"""Write a deck of slides for each recorded lesson into site/slides/: `make slides`.

Nothing is on a slide that is not in the lesson: its headings with their first sentence, the
pictures that were recorded, and the cells tagged `slide` with what they printed. The lesson's text
is in the speaker's notes (the key S). reveal.js shows the decks; npm fetches it once, and showing
them needs no network.
"""

import base64
import hashlib
import html
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from helpers.errors import CourseError
from helpers.server import STATE
from notebooks.publish import FORMULA, PAGE, ROOT, SITE, describe_pictures, write_formula

SLIDES = SITE / "slides"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
REVEAL = "reveal.js@6.0.2"
REVEAL_SHA512 = (  # of the package, as npm writes it
    "JYIg5D9aoxoaLeb84O+OvAwsKWdIavVgEDScxtYEXFCT6t6TQrhNtSgogcjdCpdLsWglhJn3zyE3fUOwiH5KEg=="
)
REVEAL_FILES = ("reveal.css", "reveal.js", "theme/white.css", "plugin/notes.js")
CLAIM = 25  # words of a first sentence that still fit under a heading
# nbconvert's page for reveal.js, without what it would load: require.js, MathJax and the widgets'.
TEMPLATE = """
{%- extends 'reveal/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_css -%}<style>
.reveal {font-size: 30px}
.reveal .slides h1 {font-size: 1.8em; text-transform: none}
.reveal .slides h2 {font-size: 1.3em; text-transform: none}
.reveal section {text-align: left}
.reveal section img {width: 100%; height: 470px; object-fit: contain; margin: 0}
.reveal .jp-Cell pre {font-size: 20px; line-height: 1.25}
.reveal table {font-size: 22px; line-height: 1.25}
.reveal .jp-RenderedHTMLCommon {font-size: 30px}
.reveal .jp-RenderedHTMLCommon p, .reveal .jp-RenderedHTMLCommon li {line-height: 1.3}
</style>{%- endblock -%}
{%- block footer_js -%}
<script src="reveal/reveal.js"></script>
<script src="reveal/plugin/notes.js"></script>
<script>
Reveal.initialize({width: 1280, height: 720, hash: true, slideNumber: true, plugins: [RevealNotes]})
</script>
{%- endblock -%}
"""


class SlidesError(CourseError):
    """What shows the slides cannot be had."""


def fetch_reveal(folder: Path) -> None:
    """Put reveal.js into a folder, from the package in .course, which npm fetches the first time.

    Raises `SlidesError` without npm or a network, and for a package that is not the pinned one.
    """
    package = STATE / f"{REVEAL.replace('@', '-')}.tgz"
    if not package.exists():
        STATE.mkdir(exist_ok=True)
        _download(package)
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != REVEAL_SHA512:
        package.unlink()
        raise SlidesError(
            f"{package.name} is not the package whose checksum is known, and was removed: run "
            "`make slides` again, or ask whoever runs your npm registry."
        )
    with tarfile.open(package) as archive:
        for name in REVEAL_FILES:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(f"package/dist/{name}").read())


def _download(package: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SlidesError(
            "npm is missing, which fetches reveal.js once: `sudo apt-get install npm`, or put "
            f"{package.name} of another machine's .course into {package.parent}."
        )
    with tempfile.TemporaryDirectory() as folder:
        call = [npm, "pack", REVEAL, "--silent", "--pack-destination", folder]
        done = subprocess.run(call, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()
            raise SlidesError(f"npm could not fetch {REVEAL}: {said[-1]}")
        shutil.move(next(Path(folder).glob("*.tgz")), package)


def split_text(text: str) -> list[tuple[str, str]]:
    """The parts of a text cell as (heading, what stands under it); the first may have no heading.

    Links lose their targets, which are no slides.
    """
    plain = FORMULA.sub(write_formula, re.sub(r"\[([^\]]*)\]\([^)\s]+\)", r"\1", text))
    parts = re.split(r"^##? (.*)\n", plain, flags=re.MULTILINE)
    return [("", parts[0].strip()), *zip(parts[1::2], map(str.strip, parts[2::2]), strict=True)]


def find_claim(text: str) -> str:
    """The first sentence of a text, where it is prose, short, and leads to no list or table."""
    paragraph = " ".join(text.split("\n\n")[0].splitlines())
    sentence = re.split(r"(?<=[.?:])\s+(?=\W*[A-Z])", paragraph)[0]
    is_prose = not re.match(r"[|`]|- |\d\. ", sentence) and not sentence.endswith(":")
    return sentence if is_prose and len(sentence.split()) <= CLAIM else ""


def find_lines(text: str, mark: str) -> str:
    """The lines that begin with a mark, `-` for those of a list, `|` for those of a table."""
    return "\n".join(re.findall(rf"^[{mark}] ?.*(?:\n  .*)*", text, re.MULTILINE))


class Deck:
    """The slides of one lesson, as the cells of a notebook that nbconvert makes a deck of."""

    def __init__(self) -> None:
        self.cells: list[NotebookNode] = []
        self.heading, self._notes, self._filled = "", [], True

    def open_slide(
        self, heading: str, words: str = "", *, level: int = 2, filled: bool = False
    ) -> None:
        self.close_slide()
        self.heading, self._filled = heading, filled
        self._add(new_markdown_cell(f"{'#' * level} {heading}\n\n{words}"), "slide")

    def show(self, cell: NotebookNode) -> None:
        """Put a cell on the open slide, or on a new one if that has something already."""
        if self._filled:
            self.open_slide(self.heading)
        self._filled = True
        self._add(cell, "-")

    def say(self, text: str) -> None:
        """Text for the notes of the open slide."""
        if text:
            self._notes.append(text)

    def close_slide(self) -> None:
        if self._notes:
            self._add(new_markdown_cell("\n\n".join(self._notes)), "notes")
        self._notes = []

    def _add(self, cell: NotebookNode, kind: str) -> None:
        cell.metadata.slideshow = {"slide_type": kind}
        self.cells.append(cell)


def make_deck(lesson: NotebookNode) -> NotebookNode:
    """The deck of a lesson: title, sections, exercises and recap."""
    deck = Deck()
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            for heading, text in split_text(cell.source):
                _tell(deck, heading, text, is_tagged="slide" in cell.metadata.get("tags", []))
        elif shown := _choose_shown(cell):
            deck.show(shown)
    deck.close_slide()
    made = NotebookNode(lesson | {"cells": deck.cells})
    describe_pictures(made)
    return made


def _tell(deck: Deck, heading: str, text: str, *, is_tagged: bool) -> None:
    """Open the slide of a heading, if there is one, and keep its text for the notes."""
    if re.match(r"\d\d · ", heading):
        deck.open_slide(heading, find_lines(text, "-"), level=1, filled=True)
    elif heading == "Recap":
        deck.open_slide(heading, find_lines(text, "-"))
    elif heading and heading != "Exercises":
        deck.open_slide(heading, find_claim(text))
    elif heading:
        deck.heading = heading
    if deck.heading == "Exercises":
        for number, task in re.findall(r"^\*\*(\d)\.\*\*((?:.|\n(?!\*\*\d\.\*\*))*)", text, re.M):
            deck.open_slide(f"Exercise {number}", task.strip())
            deck.heading = "Exercises"
        return
    deck.say(text)
    if is_tagged and "\n|" in text:
        deck.show(new_markdown_cell(find_lines(text, "|")))


def _choose_shown(cell: NotebookNode) -> NotebookNode | None:
    """What a code cell has for a slide: code and output if it is tagged, else its pictures."""
    shown = NotebookNode(cell | {"metadata": NotebookNode()})
    if "slide" in cell.metadata.get("tags", []):
        return shown
    shown.outputs = [
        output
        for output in cell.outputs
        if output.get("data", {}).keys() & {"image/png", "image/jpeg"}
    ]
    shown.metadata.transient = {"remove_source": True}
    return shown if shown.outputs else None


def write_slides(folder: Path) -> list[Path]:
    """Write a deck for each lesson, and a page that lists them; returns the decks' paths."""
    exporter = SlidesExporter(
        extra_loaders=[DictLoader({"deck.html.j2": TEMPLATE})],
        template_file="deck.html.j2",
        reveal_url_prefix="reveal",
        reveal_theme="white",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    decks, entries = [], []
    for path in NOTEBOOKS:
        lesson = nbformat.read(path, as_version=4)
        title = re.match(r"# (.*)", lesson.cells[0].source)[1]
        named = {"metadata": {"name": title}}
        body, _ = exporter.from_notebook_node(make_deck(lesson), named)
        decks.append(folder / f"{path.stem}.html")
        decks[-1].write_text(body.replace("reveal/dist/", "reveal/"), encoding="utf-8")
        entries.append(f'<li><a href="{decks[-1].name}">{html.escape(title)}</a></li>')
    words = "Arrows turn the slides, S opens the speaker's notes, ?print-pdf is for paper."
    body = f"<h1>Slides</h1><p>{words}</p><ul>{''.join(entries)}</ul>"
    (folder / "index.html").write_text(PAGE.format(title="Slides", body=body), encoding="utf-8")
    return decks


def main() -> None:
    shutil.rmtree(SLIDES, ignore_errors=True)
    try:
        fetch_reveal(SLIDES / "reveal")
    except SlidesError as error:
        sys.exit(str(error))
    print(f"{len(write_slides(SLIDES))} decks: open {SLIDES / 'index.html'}", file=sys.stderr)


if __name__ == "__main__":
    main()
