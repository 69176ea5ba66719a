"""Panels: one run at a time, the latest value wins, and troubles become one line."""

import html
import io
import json
import re
import shlex
import subprocess
import sys
import threading
import types
from collections import Counter

import httpx
import ipywidgets
import pytest
from matplotlib.figure import Figure
from openai import APIConnectionError, APITimeoutError
from PIL import Image

from helpers.errors import CourseError
from helpers.panels import (
    NOTHING,
    WIDGET,
    WIDTH,
    Panel,
    draw_odds,
    enlarge_line,
    judge,
    write_argument,
    write_command,
    write_replies,
)
from helpers.places import MEDIA
from tests.conftest import ROOT

SECONDS = 20  # to wait for what must happen at once
REQUEST = httpx.Request("POST", "http://127.0.0.1:9/v1/chat/completions")


class Output:
    """What IPython's `display` returns: remembers what it was given, latest last."""

    def __init__(self) -> None:
        self.shown: list = []

    def update(self, content: object, *, raw: bool = False) -> None:
        self.shown.append(content if raw else getattr(content, "data", content))


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Output]:
    """The outputs of a panel's cell, in their order: picture, words."""
    made: list[Output] = []

    def display(_: object, *, raw: bool, display_id: bool = False) -> Output | None:
        if not display_id:
            return None
        made.append(Output())
        return made[-1]

    monkeypatch.setattr("IPython.display.display", display)
    return made


def make(show: object, **options: bool) -> Panel:
    controls = {"number": ipywidgets.IntSlider(0, min=0, max=100)}
    return Panel(show, controls, lambda name, value: f"{name}={value}", **options)


def move(panel: Panel, value: int) -> None:
    panel.controls["number"].value = value


def test_shows_at_once_and_after_each_move(outputs: list[Output]) -> None:
    panel = make(lambda number: (None, f"It is {number}."))
    panel._ipython_display_()
    assert outputs[1].shown == ["It is 0."]
    move(panel, 7)
    assert panel.wait(SECONDS)
    assert outputs[1].shown[-1] == "It is 7."
    assert outputs[0].shown[-1] == NOTHING
    assert panel.status.value == ""


def test_nothing_runs_before_it_is_shown() -> None:
    panel = make(lambda number: pytest.fail("ran"))
    move(panel, 3)
    assert panel.wait(0)


def test_the_line_beside_a_control_follows_it() -> None:
    panel = make(lambda number: None)
    row = panel.widget.children[0]
    assert row.children[0] is panel.controls["number"]
    assert row.children[0].description == "number"
    assert ">number=0</code>" in row.children[1].value
    move(panel, 4)
    assert ">number=4</code>" in row.children[1].value


def test_left_to_itself_the_line_is_an_assignment() -> None:
    panel = Panel(lambda name: None, {"name": ipywidgets.Dropdown(options=["a b"])})
    assert html.unescape(panel.widget.children[0].children[1].value).count(">name = 'a b'<") == 1


def test_only_the_latest_of_many_moves_is_run(outputs: list[Output]) -> None:
    calls, at_once = [], []
    may_go, begun = threading.Event(), threading.Event()

    def show(number: int) -> tuple[None, str]:
        at_once.append(number)
        calls.append((number, len(at_once)))
        if number:
            begun.set()
            may_go.wait(SECONDS)
        at_once.remove(number)
        return None, str(number)

    panel = make(show)
    panel._ipython_display_()
    move(panel, 1)
    assert begun.wait(SECONDS)
    for value in range(2, 40):
        move(panel, value)
    assert not panel.wait(0)
    may_go.set()
    assert panel.wait(SECONDS)
    assert calls == [(0, 1), (1, 1), (39, 1)]
    assert outputs[1].shown[-1] == "39"


def test_a_move_during_the_first_run_waits_for_it(outputs: list[Output]) -> None:
    calls = []

    def show(number: int) -> tuple[None, str]:
        calls.append((number, threading.current_thread().name))
        if number == 0:
            thread = threading.Thread(target=move, args=(panel, 5))
            thread.start()
            thread.join(SECONDS)
        return None, str(number)

    panel = make(show)
    panel._ipython_display_()
    assert panel.wait(SECONDS)
    assert [number for number, _ in calls] == [0, 5]
    assert outputs[1].shown == ["0", "5"]


def test_a_newer_value_ends_a_run_between_two_yields(outputs: list[Output]) -> None:
    asked, closed = [], []
    first, may_go = threading.Event(), threading.Event()

    def show(number: int):
        try:
            if number == 1:
                first.set()
                may_go.wait(SECONDS)
            yield None, f"{number}: counted"
            asked.append(number)
            yield None, f"{number}: answered"
        finally:
            closed.append(number)

    panel = make(show)
    panel._ipython_display_()
    move(panel, 1)
    assert first.wait(SECONDS)
    move(panel, 2)
    may_go.set()
    assert panel.wait(SECONDS)
    assert asked == [0, 2]
    assert closed == [0, 1, 2]
    assert outputs[1].shown[-1] == "2: answered"


@pytest.mark.parametrize("live", [True, False])
def test_sliders_report_while_dragged_only_if_live(live: bool) -> None:
    assert make(lambda number: None, live=live).controls["number"].continuous_update is live


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (APIConnectionError(request=REQUEST), "No server answers: start it"),
        (APITimeoutError(request=REQUEST), "No answer within the client"),
        (httpx.ConnectError("Connection refused"), "No server answers: start it"),
        (
            CourseError("A card of 3 GiB <b>cannot</b> hold it."),
            "of 3 GiB &lt;b&gt;cannot&lt;/b&gt;",
        ),
    ],
)
def test_a_refusal_is_one_line_and_keeps_what_was_known(
    error: Exception, line: str, outputs: list[Output]
) -> None:
    def show(number: int):
        yield None, f"{number * 100} tokens"
        if number < 5:
            raise error
        yield None, "answered"

    panel = make(show)
    panel._ipython_display_()
    assert outputs[1].shown[-1] == "0 tokens"
    assert line in panel.status.value
    assert "\n" not in panel.status.value
    assert "Traceback" not in panel.status.value
    move(panel, 2)
    assert panel.wait(SECONDS)
    assert outputs[1].shown[-1] == "200 tokens"
    assert line in panel.status.value
    move(panel, 9)
    assert panel.wait(SECONDS)
    assert outputs[1].shown[-1] == "answered"
    assert panel.status.value == ""


def test_a_refusal_before_anything_is_shown_takes_the_old_picture_away(
    outputs: list[Output],
) -> None:
    def show(number: int) -> tuple[Image.Image, str]:
        if number:
            raise APIConnectionError(request=REQUEST)
        return Image.new("RGB", (64, 64)), "words"

    panel = make(show)
    panel._ipython_display_()
    move(panel, 1)
    assert panel.wait(SECONDS)
    assert [output.shown[-1] for output in outputs] == [NOTHING, NOTHING]


def test_a_mistake_is_raised_in_the_cell_and_named_later(outputs: list[Output]) -> None:
    def show(number: int) -> tuple[None, str]:
        return None, str(10 / (number - broken))

    broken = 0
    panel = make(show)
    with pytest.raises(ZeroDivisionError):
        panel._ipython_display_()
    assert panel.wait(SECONDS)
    broken = 3
    move(panel, 3)
    assert panel.wait(SECONDS)
    assert "ZeroDivisionError: division by zero (show, line" in panel.status.value
    move(panel, 4)
    assert panel.wait(SECONDS)
    assert (outputs[1].shown[-1], panel.status.value) == ("10.0", "")


@pytest.mark.parametrize(
    "picture", [Figure(figsize=(6.4, 2)), Figure(figsize=(9, 2)), Image.new("RGB", (2000, 500))]
)
def test_pictures_become_jpegs_of_the_width_that_a_notebook_shows(
    picture: object, outputs: list[Output]
) -> None:
    make(lambda number: (picture, ""))._ipython_display_()
    shown = Image.open(io.BytesIO(outputs[0].shown[-1]))
    assert (shown.format, shown.width) == ("JPEG", WIDTH)


def test_a_letter_that_the_font_does_not_have_is_no_trouble(outputs: list[Output]) -> None:
    figure = Figure(figsize=(6.4, 2))
    figure.suptitle("嘉年华")
    panel = make(lambda number: (figure, "three letters"))
    panel._ipython_display_()
    assert (outputs[1].shown[-1], panel.status.value) == ("three letters", "")


# What panels draw and write


def make_reply(*texts: str | None) -> types.SimpleNamespace:
    messages = [types.SimpleNamespace(content=text) for text in texts]
    return types.SimpleNamespace(choices=[types.SimpleNamespace(message=m) for m in messages])


def test_replies_stand_side_by_side_whatever_is_in_them() -> None:
    table = write_replies(make_reply("A\nlong  plum", "a|b", None))
    assert table.splitlines() == [
        "| reply 1 | reply 2 | reply 3 |",
        "| :-- | :-- | :-- |",
        "| A long plum | a\\|b |  |",
    ]


def test_arguments_that_the_client_does_not_know_travel_in_the_body() -> None:
    assert write_argument("top_p", 0.7000000000000001) == "top_p=0.7"
    assert write_argument("seed", 903) == "seed=903"
    assert write_argument("min_p", 0.05) == 'extra_body={"min_p": 0.05}'


def test_a_command_is_one_that_a_shell_reads() -> None:
    flags = {"max_model_len": 2048, "gpu_memory_utilization": 0.9, "image": 0}
    fence, *lines, end = write_command("vllm serve FOLDER", flags).splitlines()
    assert fence == end == "```"
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == [
        *("vllm", "serve", "FOLDER", "--max-model-len", "2048"),
        *("--gpu-memory-utilization", "0.9", "--limit-mm-per-prompt.image", "0"),
    ]


@pytest.mark.parametrize("tokens", ["AB", "ABCDEFGHIJKLMNOPQRST"])
def test_the_odds_of_a_dozen_tokens_three_times(tokens: str) -> None:
    logprobs = {token: -1.0 - place for place, token in enumerate(tokens)}
    axes = draw_odds(logprobs, {"A": 1.0}, Counter("AAAB")).axes[0]
    shown = min(12, len(tokens))
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert [len(row) for row in heights] == [shown, shown]
    assert heights[0][0] == pytest.approx(0.3679, abs=1e-4)
    assert heights[1] == [1.0] + [0] * (shown - 1)
    assert list(axes.lines[0].get_ydata())[:2] == [0.75, 0.25]
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["'A'", "'B'"]


@pytest.mark.parametrize("size", [(640, 960), (64, 96), (352, 512), (512, 352)])
def test_a_line_of_print_is_enlarged_from_the_place_where_it_stands(size: tuple[int, int]) -> None:
    """Also of a picture whose sides are scaled differently: the line is in the middle."""
    receipt = Image.open(MEDIA / "receipt.png").convert("RGB")
    box = json.loads((MEDIA / "records.json").read_text())["receipt.png"]["boxes"]["total"]
    painted = Image.new("RGB", receipt.size, "white")
    painted.paste("red", tuple(map(round, box)))
    sheet = enlarge_line(painted.resize(size), box, receipt.size)
    assert sheet.width == WIDTH
    part = sheet.crop((225, 60, 625, 300))
    left, top, right, bottom = part.getchannel("G").point(lambda g: 255 * (g < 128)).getbbox()
    wide, high = (16 + box[i + 2] - box[i] for i in range(2))
    shape = (high * size[1] / receipt.height) / (wide * size[0] / receipt.width)
    assert (left + right) / 2 == pytest.approx(200, abs=10)
    assert (top + bottom) / 2 == pytest.approx(200 * shape, abs=100 * shape)  # a quarter line


def test_a_truth_is_found_in_any_case() -> None:
    assert judge("A BLUE box.", "blue") == "✅"
    assert judge("", "blue") == "❌"


def test_importing_it_brings_in_nothing_heavy() -> None:
    code = "import helpers.panels, sys; print({'torch', 'matplotlib', 'openai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


CELLS = (
    """
import ipywidgets
from matplotlib.figure import Figure
from helpers.panels import Panel


def show(number):
    figure = Figure(figsize=(6.4, 1))
    figure.subplots().bar([0, 1], [1, number])
    return figure, f"**{number}** tokens"


panel = Panel(show, {"number": ipywidgets.IntSlider(3)}, lambda name, value: f"{name}={value}")
panel
""",
    "panel.controls['number'].value = 8\npanel.wait(60)",
)


@pytest.mark.slow
def test_in_a_kernel_the_cell_keeps_the_latest_picture_and_words() -> None:
    """What is saved in the notebook is what was shown last, beside a line for a dead slider."""
    import nbformat  # three seconds that the fast tests save
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    widget, picture, words = (output.data for output in notebook.cells[0].outputs)
    assert "sliders appear here" in widget["text/plain"]
    assert widget[WIDGET]["model_id"]
    assert picture["image/jpeg"]
    assert words["text/markdown"] == "**8** tokens"
    assert notebook.cells[1].outputs[0].data["text/plain"] == "True"


# The panels of notebook 09


def read_cell(words: str) -> str:
    """The one cell of notebook 09 that holds these words."""
    (path,) = (ROOT / "notebooks").glob("09_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (found,) = [source for source in code if words in source]
    return found


def test_two_positions_of_the_seed_share_no_draw() -> None:
    """vLLM gives n replies the seeds s, s + 1, …, so the slider has to go in steps of n."""
    drawn = int(re.search(r"many, few = \((\d+), \d+\)", read_cell("def show_sampling"))[1])
    names = {name: getattr(ipywidgets, name) for name in ("FloatSlider", "IntSlider")}
    exec(read_cell("sampling = {").partition("Panel(")[0], names)
    slider = names["sampling"]["seed"]
    assert slider.step >= drawn > 1
    assert (slider.value - slider.min) % slider.step == 0


def test_a_wrong_colour_is_not_called_right() -> None:
    truths = dict(re.findall(r'"(.+\?)": "(\w+)"', read_cell("seen = {")))
    assert judge("A red box appears.", truths["What appears?"]) == "❌"
    assert judge("A blue box.", truths["What appears?"]) == "✅"
