"""What a panel of sliders needs behind the scenes: waiting, dropping, troubles, still pictures.

What a panel asks the server and shows is written in the notebook.
"""

import html
import inspect
import io
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets

from helpers.errors import CourseError
from helpers.media import show_small
from helpers.server import explain_refusal

WIDGET = "application/vnd.jupyter.widget-view+json"
WITHOUT_KERNEL = "(The sliders appear here when the cell is run. Below: how it looked then.)"
WIDTH = 640  # px of a figure; a PIL image is at most so wide
LINE_STYLE = "user-select: all; white-space: normal; overflow-wrap: anywhere"
NOTHING = {"text/plain": ""}
_drawing = threading.Lock()  # matplotlib draws in one thread at a time


class Panel:
    """Controls, and below them what a function makes of their values.

    `show(**values)` returns `(picture, words)`, or yields several of them, each in place of the one
    before: first what is known at once, then what the server says. A picture is a matplotlib
    Figure, a PIL image or None, words are Markdown. `controls` maps the function's parameters to
    ipywidgets; `write_line(name, value)` writes what to copy for one of them, shown beside it.

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
        write_line: Callable[[str, Any], str],
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

        display(
            {
                WIDGET: {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id},
                "text/plain": WITHOUT_KERNEL,
            },
            raw=True,
        )
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
        from IPython.display import Image

        buffer = io.BytesIO()
        with _drawing, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it draws a box
            dpi = WIDTH / picture.get_figwidth()
            picture.savefig(buffer, format="jpeg", dpi=dpi, pil_kwargs={"quality": 85})
        return Image(buffer.getvalue(), format="jpeg", alt=picture.get_label())
    return show_small(picture, WIDTH) if hasattr(picture, "getexif") else picture
