"""What a panel of sliders needs behind the scenes: waiting, dropping, troubles, drawing, writing.

What a panel asks the server, and with which dials, is written in the notebook.
"""

import html
import inspect
import io
import math
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets
from PIL import Image

from helpers.errors import CourseError
from helpers.media import show_small
from helpers.server import explain_refusal

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from openai.types.chat import ChatCompletion

OWN = ("top_k", "min_p", "repetition_penalty")  # vLLM's own: OpenAI's client knows no such argument
WIDGET = "application/vnd.jupyter.widget-view+json"
WITHOUT_KERNEL = "(The sliders appear here when the cell is run. Below: how it looked then.)"
WIDTH = 640  # px of a figure; a PIL image is at most so wide
LINE_STYLE = "user-select: all; white-space: normal; overflow-wrap: anywhere"
NOTHING = {"text/plain": ""}
_drawing = threading.Lock()  # matplotlib draws in one thread at a time


def show_widget(widget: ipywidgets.Widget, without_kernel: str = WITHOUT_KERNEL) -> None:
    """Show a widget in the cell's output, and a sentence in its place where no kernel runs."""
    from IPython.display import display

    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    display({WIDGET: view, "text/plain": without_kernel}, raw=True)


def write_assignment(name: str, value: Any) -> str:
    return f"{name} = {value!r}"


class Panel:
    """Controls, and below them what a function makes of their values.

    `show(**values)` returns `(picture, words)`, or yields several of them, each in place of the one
    before: first what is known at once, then what the server says. A picture is a matplotlib
    Figure, a PIL image or None, words are Markdown. `controls` maps the function's parameters to
    ipywidgets; `write_line(name, value)` writes what to copy for one of them, shown beside it (left
    out, it is `name = value`).

    `show` runs in a thread of its own (the first time in the cell's), one run at a time. Of the
    values that come meanwhile only the latest are kept, so nothing queues up while a slider is
    dragged; between two yields newer values end a run. With `live` a slider reports while it is
    dragged, without it when it is let go. What a server or the course refuses becomes one line in
    the panel.

    Picture and words are ordinary outputs of the cell, updated in place: they stay in the saved
    notebook, where sliders are dead.
    """

    def __init__(
        self,
        show: Callable[..., Any],
        controls: dict[str, ipywidgets.ValueWidget],
        write_line: Callable[[str, Any], str] = write_assignment,
        *,
        live: bool = False,
    ) -> None:
        self.show, self.controls, self.write_line = show, controls, write_line
        self.status = ipywidgets.HTML()
        beside = {"flex": "1", "min_width": "300px"}
        self._lines = {name: ipywidgets.HTML(layout=beside) for name in controls}
        self._outputs: list = []
        self._lock = threading.Lock()
        self._wanted: dict[str, Any] | None = None
        self._idle = threading.Event()
        self._idle.set()
        for name, control in controls.items():
            control.description = name
            control.style.description_width = "160px"
            control.layout.width, control.layout.flex = "440px", "none"
            if control.has_trait("continuous_update"):
                control.continuous_update = live
            control.observe(self._change, "value")
        self._write_lines()
        rows = [ipywidgets.HBox([control, self._lines[name]]) for name, control in controls.items()]
        self.widget = ipywidgets.VBox([*rows, self.status]).add_class("course-panel")

    @property
    def values(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    def wait(self, timeout: float | None = None) -> bool:
        """Return when nothing runs any more: True, or False after `timeout` seconds."""
        return self._idle.wait(timeout)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        show_widget(self.widget)
        self._idle.clear()
        self._outputs = [display(NOTHING, raw=True, display_id=True) for _ in range(2)]
        try:
            self._run(self.values, here=True)
        finally:
            self._work()

    def _change(self, _: object) -> None:
        """Keep the new values, and see that somebody works on them."""
        self._write_lines()
        with self._lock:
            self._wanted = self.values
            if not (self._outputs and self._idle.is_set()):
                return
            self._idle.clear()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        """Show the latest values until there are no newer ones."""
        while True:
            with self._lock:
                values, self._wanted = self._wanted, None
                if values is None:
                    self._idle.set()
                    return
            self._run(values)

    def _run(self, values: dict[str, Any], *, here: bool = False) -> None:
        """Show one set of values; a mistake of the code is raised if it is run in the cell."""
        trouble, shown = "", False
        self.status.value = "<i>working …</i>"
        try:
            steps = _take_steps(self.show(**values))
            for picture, words in steps:
                self._update(picture, words)
                shown = True
                if self._wanted is not None:
                    steps.close()
                    break
        except Exception as error:
            trouble = say_trouble(error)
            if not trouble and here:
                raise
            trouble = trouble or _point_at(error)
            if not shown:
                self._update(None, "")
        finally:
            self.status.value = f"<b>{html.escape(trouble)}</b>" if trouble else ""

    def _update(self, picture: Any, words: str) -> None:
        from IPython.display import Markdown

        for output, content in zip(self._outputs, (_draw(picture), words), strict=True):
            if not content:
                output.update(NOTHING, raw=True)
            else:
                output.update(Markdown(content) if isinstance(content, str) else content)

    def _write_lines(self) -> None:
        for name, line in self._lines.items():
            words = html.escape(self.write_line(name, self.controls[name].value))
            line.value = f'<code style="{LINE_STYLE}">{words}</code>'


def say_trouble(error: Exception) -> str:
    """One sentence for what a server, the network or the course refused; '' for other errors."""
    if isinstance(error, CourseError):
        return str(error)
    if type(error).__module__.partition(".")[0] in ("openai", "httpx", "httpx2"):
        return explain_refusal(error)
    return ""


def _point_at(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    kind = type(error).__name__
    return f"{kind}: {error} ({last.name}, line {last.lineno}); run the cell again to see where."


def _take_steps(result: Any) -> Iterator[tuple[Any, str]]:
    if inspect.isgenerator(result):
        return result
    return (step for step in [result])


def _draw(picture: Any) -> Any:
    """A figure or a PIL image as a JPEG that a notebook shows; anything else unchanged."""
    if hasattr(picture, "savefig"):
        from IPython import display

        buffer = io.BytesIO()
        with _drawing, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it draws a box
            dpi = WIDTH / picture.get_figwidth()
            picture.savefig(buffer, format="jpeg", dpi=dpi, pil_kwargs={"quality": 85})
        return display.Image(buffer.getvalue(), format="jpeg", alt=picture.get_label())
    return show_small(picture, WIDTH) if hasattr(picture, "getexif") else picture


def write_argument(name: str, value: float) -> str:
    """A sampling parameter as the argument of `client.chat.completions.create`."""
    return f'extra_body={{"{name}": {value:g}}}' if name in OWN else f"{name}={value:g}"


def write_flag(name: str, value: Any) -> str:
    """A field of `Settings` as a flag of `vllm serve`; `image` and `video` are limits."""
    if name in ("image", "video"):
        return f"--limit-mm-per-prompt.{name} {value}"
    number = f"{value:g}" if isinstance(value, float) else value
    return f"--{name.replace('_', '-')} {number}"


def write_command(start: str, flags: Mapping[str, Any]) -> str:
    """A command and its flags, one a line, as Markdown."""
    words = [write_flag(name, value) for name, value in flags.items()]
    return "```\n" + " \\\n  ".join([start, *words]) + "\n```"


def write_replies(reply: "ChatCompletion") -> str:
    """The choices of a reply side by side, as a Markdown table."""
    texts = [" ".join((choice.message.content or "").split()) for choice in reply.choices]
    heads = [f"reply {number}" for number in range(1, len(texts) + 1)]
    rows = [heads, [":--"] * len(texts), [text.replace("|", "\\|") for text in texts]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def judge(answer: str, truth: str) -> str:
    """✅ if the truth stands in the answer, in any case of its letters, else ❌."""
    return "✅" if truth.lower() in answer.lower() else "❌"


def draw_odds(
    logprobs: Mapping[str, float], odds: Mapping[str, float], drawn: Counter[str]
) -> "Figure":
    """The dozen best tokens: their own probabilities, what became of them, and what was drawn.

    `logprobs` are natural logarithms, the best token first; `odds` are shares of 1, and a token
    that is missing there has none; `drawn` counts the draws.
    """
    from matplotlib.figure import Figure

    tokens = list(logprobs)[:12]
    left, right = ([place + step for place in range(len(tokens))] for step in (-0.2, 0.2))
    figure = Figure(figsize=(6.4, 2.8), layout="constrained", label="Odds of the next token")
    axes = figure.subplots(subplot_kw={"ylabel": "probability"})
    axes.bar(left, [math.exp(logprobs[t]) for t in tokens], 0.4, color="silver", label="before")
    axes.bar(right, [odds.get(t, 0) for t in tokens], 0.4, label="after, computed")
    shares = [drawn[t] / drawn.total() for t in tokens]
    axes.plot(right, shares, "k_", ms=14, label="after, drawn")
    names = [repr(token) for token in tokens]
    axes.set_xticks(range(len(tokens)), names, rotation=30, ha="right", parse_math=False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return figure


def enlarge_line(
    picture: Image.Image, box: tuple[float, ...], size: tuple[int, int]
) -> Image.Image:
    """A scaled picture whole, and beside it one line of its print, enlarged.

    `box` is left, top, right and bottom of the line in the original, whose width and height are
    `size`; all in px. The two sides may be scaled differently.
    """
    left, top, right, bottom = box
    around = (left - 8, top - 8, right + 8, bottom + 8)
    sides = [round(x * picture.size[i % 2] / size[i % 2]) for i, x in enumerate(around)]
    line = picture.crop(sides)
    sheet = Image.new("RGB", (WIDTH, 300), "white")
    sheet.paste(picture.resize((200, 300), Image.Resampling.NEAREST), (0, 0))
    sheet.paste(line.resize((400, round(400 * line.height / line.width))), (225, 60))
    return sheet
