"""The panels in a real browser: JupyterLab, Chromium, and a vLLM server behind the notebook.

The browser is the system's (Debian: `apt-get install chromium`); without one these tests skip.
Screenshots of every panel, in two widths and two themes, are left in tests/screenshots/.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from helpers.places import MEDIA
from helpers.server.server import Server
from tests.conftest import CHROMIUM, NOTEBOOKS, ROOT, course_environment, find_free_port

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Page, Locator, expect = sync_api.Page, sync_api.Locator, sync_api.expect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not CHROMIUM, reason="no Chromium on this machine: apt-get install chromium"
    ),
]

SCREENSHOTS = ROOT / "tests" / "screenshots"
TOKEN = "tests"
SOON = 60_000  # ms for what takes a request to a busy server
SAMPLING, PICTURE, CLIP, SERVER = range(4)
SIZES = {1280: 900, 1920: 1080}
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


@pytest.fixture(scope="module")
def lab(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on copies of the notebooks, which it saves; its address."""
    folder = tmp_path_factory.mktemp("lab")
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    (folder / "media").symlink_to(ROOT / "media")  # where a lesson's ../media leads
    for path in NOTEBOOKS:
        shutil.copy(path, notebooks)
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # Draw all cells, not only those in view.
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    port = find_free_port()
    own = {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += ["--expose-app-in-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={notebooks}", f"--IdentityProvider.token={TOKEN}"]
    environment = course_environment(shared_server.place.port) | own
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_notebook(browser: "sync_api.Browser", lab: str, path: Path) -> Page:
    """Open a notebook in JupyterLab, run all its cells, and wait until the kernel has done so."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    address = f"{lab}/lab/tree/{path.name}?token={TOKEN}&reset"
    wait_for(lambda: reach(page, address), 60)
    expect(page.locator(".jp-NotebookPanel .jp-CodeCell").first).to_be_visible(timeout=SOON)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{path.name[:2]}_opened.png")
    page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel", timeout=5 * SOON
    )
    set_theme(page, "light")
    page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")
    return page


def set_theme(page: Page, theme: str) -> None:
    """The light or the dark theme; JupyterLab keeps it for the next page."""
    page.evaluate(
        "async (theme) => { await jupyterapp.commands.execute('apputils:change-theme', {theme}); }",
        THEMES[theme],
    )
    page.wait_for_timeout(1000)  # its colours fade in


def reach(page: Page, address: str) -> bool:
    try:
        page.goto(address)
    except sync_api.Error:
        return False
    return True


def wait_for(true: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.3)


def wait_for_panels(page: Page, count: int) -> None:
    """Wait until so many panels are there; a cell that failed ends it with its error."""
    error = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    wait_for(lambda: error.count() or page.locator(".course-panel").count() >= count, 300)
    assert error.all_inner_texts() == []


def run_code(page: Page, code: str) -> None:
    """Run a line in the notebook's kernel, as a cell of its own would."""
    page.evaluate(
        """async (code) => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const reply = await kernel.requestExecute({code}).done;
            if (reply.content.status !== "ok") throw new Error(reply.content.evalue);
        }""",
        code,
    )


def close(page: Page, lab: str) -> None:
    """End the page's kernel, as closing a notebook does not."""
    for session in page.request.get(f"{lab}/api/sessions?token={TOKEN}").json():
        page.request.delete(f"{lab}/api/sessions/{session['id']}?token={TOKEN}")
    page.close()


@pytest.fixture(scope="module")
def notebook(browser: "sync_api.Browser", lab: str) -> Iterator[Page]:
    """Notebook 09, with all of its cells run."""
    page = open_notebook(browser, lab, next(p for p in NOTEBOOKS if p.name.startswith("09")))
    yield page
    close(page, lab)


def find_panel(page: Page, number: int) -> Locator:
    panel = page.locator(".course-panel").nth(number)
    panel.scroll_into_view_if_needed()
    return panel


def find_output(panel: Locator) -> Locator:
    """All that the panel's cell shows: sliders, picture, words."""
    return panel.locator("xpath=ancestor::*[contains(@class, 'jp-Cell-outputArea')]")


def find_row(panel: Locator, name: str) -> Locator:
    label = panel.page.get_by_text(name, exact=True).and_(panel.page.locator(".widget-label"))
    return panel.locator(".widget-hbox", has=label).last


def press(panel: Locator, name: str, key: str, times: int = 1) -> Locator:
    """Move a slider with the keyboard; returns the line beside it."""
    row = find_row(panel, name)
    row.locator(".noUi-handle").focus()
    for _ in range(times):
        panel.page.keyboard.press(key)
    return row.locator("code")


def picture_of(output: Locator) -> str:
    return output.locator("img").first.get_attribute("src")


def wait_until_done(panel: Locator) -> None:
    expect(panel).not_to_contain_text("working", timeout=SOON)


def test_no_cell_failed_and_four_panels_are_there(notebook: Page) -> None:
    wait_for_panels(notebook, 4)
    # The check of the last exercise is the last cell that shows something.
    last = notebook.locator(".jp-CodeCell .jp-OutputArea-output").last
    expect(last).to_contain_text("Nothing here yet", timeout=5 * SOON)
    assert notebook.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert notebook.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0


def test_sampling(notebook: Page) -> None:
    panel = find_panel(notebook, SAMPLING)
    output = find_output(panel)
    wait_until_done(panel)
    before = picture_of(output)
    expect(output.locator("th")).to_have_count(3)
    line = press(panel, "temperature", "ArrowLeft", 10)
    expect(line).to_have_text("temperature=0")
    expect(output.locator("th")).to_have_count(1, timeout=SOON)  # greedy: one reply
    assert picture_of(output) != before
    line = press(panel, "top_k", "ArrowLeft", 3)
    expect(line).to_have_text('extra_body={"top_k": 17}')
    press(panel, "temperature", "ArrowRight", 7)
    expect(output.locator("th")).to_have_count(3, timeout=SOON)
    wait_until_done(panel)


def test_picture(notebook: Page) -> None:
    panel = find_panel(notebook, PICTURE)
    output = find_output(panel)
    wait_until_done(panel)
    before = picture_of(output)
    line = press(panel, "max_pixels", "Home")
    expect(line).to_have_text("max_pixels = 8192")
    expect(output).to_contain_text("picture.resize((64, 96)) → 70 visual tokens", timeout=SOON)
    expect(output).to_contain_text(re.compile(r"tokens, \d+ in all, [\d.]+ s"), timeout=SOON)
    assert picture_of(output) != before


def test_clip(notebook: Page) -> None:
    panel = find_panel(notebook, CLIP)
    output = find_output(panel)
    wait_until_done(panel)
    before = picture_of(output)
    press(panel, "width", "Home")
    press(panel, "frames", "Home")
    line = press(panel, "frames", "ArrowRight")
    expect(line).to_have_text("frames = 4")
    # 64×36 px is 2 × 1 cells, in 2 steps.
    expect(output).to_contain_text("4 frames of 64×36 px → 4 visual tokens", timeout=SOON)
    expect(output).to_contain_text(re.compile(r"tokens, \d+ in all, [\d.]+ s"), timeout=SOON)
    assert picture_of(output) != before


def test_server(notebook: Page) -> None:
    panel = find_panel(notebook, SERVER)
    output = find_output(panel)
    wait_until_done(panel)
    before = picture_of(output)
    expect(output).to_contain_text("It starts:")
    line = press(panel, "max_model_len", "End")
    expect(line).to_have_text("--max-model-len 262144")
    expect(output).to_contain_text("It does not start (out of memory, budget)", timeout=SOON)
    expect(output.locator("pre")).to_contain_text("vllm serve models/Qwen/Qwen3-VL-4B-Instruct")
    expect(output.locator("pre")).to_contain_text("--max-model-len 262144")
    assert picture_of(output) != before
    press(panel, "max_model_len", "Home")
    expect(output).to_contain_text("It starts:", timeout=SOON)


def test_without_a_server_one_line_says_so_and_what_is_computed_stays(notebook: Page) -> None:
    run_code(notebook, "kept = quick; quick = quick.with_options(base_url='http://127.0.0.1:9/v1')")
    panel = find_panel(notebook, PICTURE)
    press(panel, "max_pixels", "Home")
    press(panel, "max_pixels", "ArrowRight", 3)
    expect(panel).to_contain_text("No server answers: start it", timeout=SOON)
    expect(find_output(panel)).to_contain_text("picture.resize((160, 256)) → 77 visual tokens")
    assert "Traceback" not in find_output(panel).inner_text()
    run_code(notebook, "quick = kept")
    press(panel, "max_pixels", "ArrowRight")
    expect(find_output(panel)).to_contain_text("in all", timeout=SOON)
    expect(panel).not_to_contain_text("No server")


def test_requests_do_not_queue_up(notebook: Page) -> None:
    """Nine positions while the first request takes 2 s: that one is sent, and the last."""
    panel = find_panel(notebook, PICTURE)
    press(panel, "max_pixels", "End")
    wait_until_done(panel)
    run_code(notebook, SLOW_DOWN)
    press(panel, "max_pixels", "ArrowLeft", 9)
    expect(find_output(panel)).to_contain_text("picture.resize((64, 96))", timeout=SOON)
    expect(find_output(panel)).to_contain_text("in all", timeout=SOON)
    wait_until_done(panel)
    run_code(notebook, "completions.create = create; assert len(sent) <= 3, sent")


SLOW_DOWN = """
sent, completions = [], quick.chat.completions
create = completions.create
def create_slowly(**request):
    sent.append(time.perf_counter())
    time.sleep(2)
    return create(**request)
completions.create = create_slowly
"""


def test_dragging_with_the_mouse(notebook: Page) -> None:
    """The bar follows a slider that computes, and ends where the mouse lets go."""
    panel = find_panel(notebook, SERVER)
    slider = find_row(panel, "gpu_memory_utilization").locator(".noUi-target")
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    handle = slider.locator(".noUi-handle").bounding_box()
    notebook.mouse.move(handle["x"] + handle["width"] / 2, y)
    notebook.mouse.down()
    for step in range(20, 0, -1):
        notebook.mouse.move(box["x"] + box["width"] * step / 20 * 0.8, y)
    notebook.mouse.move(box["x"] - 20, y)
    notebook.mouse.up()
    expect(find_output(panel).locator("pre")).to_contain_text("utilization 0.3 ", timeout=SOON)
    expect(find_output(panel)).to_contain_text("It does not start")
    press(panel, "gpu_memory_utilization", "ArrowRight", 60)
    expect(find_output(panel)).to_contain_text("It starts:", timeout=SOON)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", SIZES)
def test_panels_are_whole_and_readable(notebook: Page, width: int, theme: str) -> None:
    """Nothing is cut off or overlaps; the screenshots are for the eye."""
    notebook.set_viewport_size({"width": width, "height": SIZES[width]})
    set_theme(notebook, theme)
    names = ("sampling", "picture", "clip", "server")
    for number, name in enumerate(names):
        panel = find_panel(notebook, number)
        wait_until_done(panel)
        output = find_output(panel)
        output.screenshot(path=SCREENSHOTS / f"09_{name}_{width}_{theme}.png")
        assert find_cut_text(output) == []
        check_rows(panel, output)
    notebook.screenshot(path=SCREENSHOTS / f"09_page_{width}_{theme}.png")


def find_cut_text(output: Locator) -> list[str]:
    """The text of what is wider than the room that it has."""
    return output.evaluate(
        """(output) => [...output.querySelectorAll(".widget-label, .widget-readout, code, td, img")]
            .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0
                || e.getBoundingClientRect().right > output.getBoundingClientRect().right + 1)
            .map((e) => e.innerText || e.tagName)"""
    )


def check_rows(panel: Locator, output: Locator) -> None:
    """A row begins where the one above it has ended, and the picture below the last row."""
    boxes = [row.bounding_box() for row in panel.locator(".widget-hbox").all()]
    boxes = [box for box in boxes if box and box["height"] > 0]
    images = [image.bounding_box() for image in output.locator("img").all()]
    for above, below in zip(boxes, [*boxes[1:], *images[:1]], strict=False):
        assert below["y"] >= above["y"] + above["height"] - 1


def test_the_slider_of_notebook_07(browser: "sync_api.Browser", lab: str) -> None:
    found = [path for path in NOTEBOOKS if path.name.startswith("07")]
    if not found:
        pytest.skip("there is no notebook 07")
    page = open_notebook(browser, lab, found[0])
    try:
        wait_for_panels(page, 1)
        panel = find_panel(page, 0)
        output = find_output(panel)
        wait_until_done(panel)
        before, words = picture_of(output), output.locator("strong").inner_text()
        panel.locator(".noUi-handle").first.focus()
        page.keyboard.press("End")
        expect(output.locator("strong")).not_to_have_text(words, timeout=SOON)
        assert picture_of(output) != before
        output.screenshot(path=SCREENSHOTS / "07_picture_1280_light.png")
        assert find_cut_text(output) == []
    finally:
        close(page, lab)


@pytest.fixture(scope="module")
def box(browser: "sync_api.Browser", lab: str) -> Iterator[Page]:
    """The question box of notebook 15, with no more of the notebook than it needs."""
    lesson = json.loads(next(p for p in NOTEBOOKS if p.name.startswith("15")).read_text())
    code = ["".join(c["source"]) for c in lesson["cells"] if c["cell_type"] == "code"]
    first = next(number for number, text in enumerate(code) if "def look_at_clip" in text)
    last = next(number for number, text in enumerate(code) if "show_widget(box" in text)
    limits = next(text for text in code if text.startswith("limits ="))
    parts = [*code[:2], *limits.splitlines()[:2], *code[first : last + 1]]
    empty = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    lesson["cells"] = [empty | {"id": f"box{n}", "source": text} for n, text in enumerate(parts)]
    wait_for(lambda: answers(f"{lab}/api"), 120)
    httpx.put(
        f"{lab}/api/contents/box.ipynb?token={TOKEN}",
        json={"type": "notebook", "format": "json", "content": lesson},
        timeout=30,
    ).raise_for_status()
    page = open_notebook(browser, lab, Path("box.ipynb"))
    error = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    wait_for(lambda: error.count() or page.locator(".question-box").count(), 300)
    assert error.all_inner_texts() == []
    yield page
    close(page, lab)


def answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.HTTPError:
        return False


def put_in(box: Page, path: Path) -> None:
    with box.expect_file_chooser() as chooser:
        box.locator(".question-box .widget-upload").click()
    chooser.value.set_files(path)


def ask_box(box: Page, question: str) -> None:
    """Ask as a person does."""
    box.locator(".question-box input[type=text]").fill(question)
    box.get_by_role("button", name="Ask").click()


RECEIPT = json.loads((MEDIA / "records.json").read_text())["receipt.png"]


def test_a_question_box_for_a_picture(box: Page) -> None:
    shown = box.locator(".question-box")
    put_in(box, MEDIA / "receipt.png")
    expect(shown).to_contain_text("seen as 288×448: 126 visual tokens", timeout=SOON)
    expect(shown.locator("img")).to_be_visible()
    ask_box(box, "What is the total?")
    expect(shown).to_contain_text(RECEIPT["printed"]["total"], timeout=SOON)
    expect(box.get_by_role("button", name="Ask")).to_be_enabled(timeout=SOON)
    ask_box(box, "And the date?")
    expect(shown).to_contain_text(RECEIPT["date"], timeout=SOON)
    expect(box.get_by_role("button", name="Ask")).to_be_enabled(timeout=SOON)
    box.screenshot(path=SCREENSHOTS / "15_box_1280_light.png")


def test_the_box_stops_a_reply_and_goes_on(box: Page) -> None:
    shown = box.locator(".question-box")
    run_code(box, SLOW_TALK)
    ask_box(box, "Read the receipt.")
    expect(shown).to_contain_text(re.compile(r"Read the receipt\.\s*assistant: \w"), timeout=SOON)
    box.get_by_role("button", name="Stop").click()
    expect(box.get_by_role("button", name="Ask")).to_be_enabled(timeout=SOON)
    run_code(box, "show_talk = quickly; assert len(talk) == 6 and len(talk[-1]['content']) < 40")
    ask_box(box, "Which shop is it from?")
    expect(shown).to_contain_text(re.compile(RECEIPT["shop"], re.IGNORECASE), timeout=SOON)


SLOW_TALK = """
quickly = show_talk
def show_talk(*trouble):
    time.sleep(0.2)
    quickly(*trouble)
"""


def test_the_box_tells_its_troubles_and_takes_a_clip(box: Page, tmp_path: Path) -> None:
    shown = box.locator(".question-box")
    none = tmp_path / "<b>none.png"
    none.write_text("no picture")
    put_in(box, none)
    expect(shown).to_contain_text("<b>none.png is", timeout=SOON)
    expect(shown).to_contain_text("is not a JPEG, PNG, WebP, GIF or BMP picture")
    clip = tmp_path / "from a phone.m4v"
    shutil.copy(MEDIA / "traffic_light.mp4", clip)
    put_in(box, clip)
    expect(shown).to_contain_text(
        re.compile(r"frames in \d+ steps of .* visual tokens"), timeout=SOON
    )
    run_code(box, "quick = quick.with_options(base_url='http://127.0.0.1:9/v1')")
    ask_box(box, "What colour is the car?")
    expect(shown).to_contain_text("No server answers: start it", timeout=SOON)
    run_code(box, "quick = client.with_options(timeout=30, max_retries=0); assert not talk")
    ask_box(box, "What colour is the car?")
    expect(shown).to_contain_text(re.compile("assistant: .*blue", re.I), timeout=SOON)
    assert "Traceback" not in shown.inner_text()
