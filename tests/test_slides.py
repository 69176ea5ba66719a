"""The slides: made from the lessons alone, they load nothing, fit the screen and are described."""

import base64
import hashlib
import html
import re
import shutil
import tarfile
from pathlib import Path

import nbformat
import pytest

from helpers.versions import REFERENCE, find_stack
from notebooks import slides
from notebooks.slides import SlidesError, fetch_reveal, find_claim, make_deck, write_slides
from tests.conftest import CHROMIUM, NOTEBOOKS

pytestmark = pytest.mark.skipif(find_stack() != REFERENCE, reason="the slides are the same on both")
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The decks with their HTML, by the name of the lesson."""
    return {path.stem: path.read_text() for path in write_slides(tmp_path_factory.mktemp("decks"))}


def split_slides(deck: str) -> list[str]:
    return re.findall(r"<section[^>]*>(.*?)</section>", deck, re.DOTALL)


def read_words(part: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", part))


@pytest.mark.slow
def test_every_lesson_has_a_deck_of_its_sections(decks: dict[str, str]) -> None:
    assert list(decks) == [path.stem for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        texts = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        parts = split_slides(decks[path.stem])
        said = [read_words(re.search(r"<h\d.*?</h\d>", part, re.DOTALL)[0]) for part in parts]
        for heading in re.findall(r"^##? (.*)", texts, re.MULTILINE):
            if heading != "Exercises":
                assert any(heading.replace("`", "") in one for one in said), heading
        asked = len(re.findall(r"^\*\*\d\.\*\*", texts.split("## Exercises")[1], re.MULTILINE))
        assert sum(" Exercise " in f" {one}" for one in said) == asked
        assert 7 <= len(parts) <= 20


@pytest.mark.slow
def test_few_words_on_a_slide_and_the_text_in_the_notes(decks: dict[str, str]) -> None:
    for name, deck in decks.items():
        parts = split_slides(deck)
        notes = [part for part in parts if '<aside class="notes">' in part]
        assert len(notes) > len(parts) / 2, name
        for part in parts:
            shown = re.sub(
                r"<aside.*?</aside>|<pre.*?</pre>|<table.*?</table>", "", part, flags=re.S
            )
            assert len(read_words(shown).split()) <= 110, f"{name}: {read_words(shown)[:80]}"


@pytest.mark.slow
def test_a_deck_loads_reveal_alone_and_describes_its_pictures(decks: dict[str, str]) -> None:
    own = {f"reveal/{name}" for name in slides.REVEAL_FILES}
    for name, deck in decks.items():
        loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)\"", deck)
        assert {one for one in loaded if not one.startswith("data:")} == own, name
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", deck), name
        pictures = re.findall(r"<img[^>]*>", deck)
        for picture in pictures:
            assert re.search(r'alt="[^"]*\w[^"]*"', picture), name
            assert "No description" not in picture, name


@pytest.mark.slow
def test_tagged_cells_are_shown_and_fit(decks: dict[str, str]) -> None:
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if "slide" not in cell.metadata.get("tags", []):
                continue
            if cell.cell_type == "markdown":
                assert "\n|" in cell.source, f"{path.stem}: {cell.id} has no table"
                continue
            first = cell.source.splitlines()[0]
            assert first in read_words(re.sub(r"</?span[^>]*>", "", decks[path.stem])), cell.id


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("The model has no pixels. It has cells.", "The model has no pixels."),
        ("A message has\na list. More.", "A message has a list."),
        ("What is left:\n\n- a", ""),
        ("- a list", ""),
        ("| a | table |", ""),
        ("word " * 26 + "end.", ""),
        ("", ""),
    ],
)
def test_the_claim_of_a_section(text: str, claim: str) -> None:
    assert find_claim(text) == claim


def test_a_picture_comes_alone_and_a_tagged_cell_with_its_code() -> None:
    new = nbformat.v4
    picture = new.new_output("display_data", {"image/png": "iVBO"})
    said = new.new_output("stream", name="stdout", text="said")
    cells = [
        new.new_markdown_cell("# 00 · A lesson\n\n- see"),
        new.new_markdown_cell("## Look\n\nIt is [here](00_here.ipynb). Look."),
        new.new_code_cell("draw()", outputs=[said, picture]),
        new.new_markdown_cell("Then this."),
        new.new_code_cell("say()", outputs=[said], metadata={"tags": ["slide"]}),
        new.new_code_cell("hidden()", outputs=[said]),
        new.new_markdown_cell("## Exercises\n\n**1.** One.\n\n**2.** Two."),
        new.new_markdown_cell("## Recap\n\n- You saw.\n\nNext: [01](01.ipynb)"),
    ]
    deck = make_deck(new.new_notebook(cells=cells)).cells
    kinds = [(cell.metadata.slideshow.slide_type, cell.source) for cell in deck]
    assert kinds == [
        ("slide", "# 00 · A lesson\n\n- see"),
        ("notes", "- see"),
        ("slide", "## Look\n\nIt is here."),
        ("-", "draw()"),
        ("notes", "It is here. Look.\n\nThen this."),
        ("slide", "## Look\n\n"),
        ("-", "say()"),
        ("slide", "## Exercise 1\n\nOne."),
        ("slide", "## Exercise 2\n\nTwo."),
        ("slide", "## Recap\n\n- You saw."),
        ("notes", "- You saw.\n\nNext: 01"),
    ]
    drawn = deck[3]
    assert drawn.metadata.transient.remove_source
    assert len(drawn.outputs) == 1
    assert drawn.outputs[0].data["text/html"].startswith('<img alt="Plot of the section Look"')


# What shows them


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(slides, "STATE", tmp_path / ".course")
    return tmp_path / ".course"


def test_without_npm_the_way_out_is_named(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SlidesError, match=r"npm is missing.*sudo apt-get install npm"):
        fetch_reveal(state.parent / "out")


def test_npm_that_fails_is_quoted(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = state.parent / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network is away' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    with pytest.raises(SlidesError, match=r"could not fetch reveal.js@[\d.]+: .*network is away"):
        fetch_reveal(state.parent / "out")
    assert not list(state.glob("*.tgz"))


def test_another_package_is_refused_and_the_right_one_unpacked(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.mkdir()
    package = state / "reveal.js-6.0.2.tgz"
    package.write_bytes(b"another")
    with pytest.raises(SlidesError, match="is not the package whose checksum is known"):
        fetch_reveal(state.parent / "out")
    assert not package.exists()
    source = state.parent / "package"
    for name in slides.REVEAL_FILES:
        (source / "dist" / name).parent.mkdir(parents=True, exist_ok=True)
        (source / "dist" / name).write_text(name)
    with tarfile.open(package, "w:gz") as archive:
        archive.add(source, "package")
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    monkeypatch.setattr(slides, "REVEAL_SHA512", digest)
    fetch_reveal(state.parent / "out")
    for name in slides.REVEAL_FILES:
        assert (state.parent / "out" / name).read_text() == name


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """All decks with reveal.js, as `make slides` writes them."""
    folder = tmp_path_factory.mktemp("slides")
    try:
        fetch_reveal(folder / "reveal")
    except SlidesError as error:
        pytest.skip(str(error))
    return write_slides(folder)


LOOK = """() => Reveal.getSlides().map(slide => {
    slide.style.display = "block";
    const wide = [...slide.querySelectorAll("pre, table, img")].map(one => one.scrollWidth);
    const found = [slide.scrollHeight, Math.max(0, ...wide), slide.innerText.slice(0, 60)];
    slide.style.display = "";
    return found;
})"""


@pytest.mark.slow
@needs_chromium
def test_decks_in_a_browser(shown: list[Path], browser: object) -> None:
    """Each is shown from the disk, without an error; every slide fits and turns."""
    for path in shown:
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        asked, errors = [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda said, errors=errors: errors.append(said.text))
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        for height, width, words in page.evaluate(LOOK):
            assert height <= 720 and width <= 1280, f"{path.stem}: {words} is too large"
        for number in range(page.evaluate("Reveal.getTotalSlides()")):
            assert page.evaluate("Reveal.getIndices().h") == number
            page.keyboard.press("ArrowRight")
        assert all(url.startswith(("file:", "data:")) for url in asked), asked
        assert errors == [], path.stem
        page.close()


@pytest.mark.slow
@needs_chromium
def test_the_speakers_view_has_the_notes(shown: list[Path], browser: object) -> None:
    page = browser.new_page()
    page.goto(shown[3].as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    notes = popup.value.locator(".speaker-controls-notes .value")
    notes.filter(has_text="Before: 02").wait_for(timeout=30_000)


@pytest.mark.slow
def test_the_command_says_where_the_decks_are(
    shown: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(slides, "SLIDES", tmp_path / "slides")
    slides.main()
    assert capsys.readouterr().err == f"16 decks: open {tmp_path / 'slides' / 'index.html'}\n"
    assert (tmp_path / "slides" / "reveal" / "reveal.js").exists()
