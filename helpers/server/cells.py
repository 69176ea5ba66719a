"""Say in one sentence what a cell's request failed of, where a page of traceback would stand.

`Server.start` sets this up in a notebook. `%tb` in a new cell shows the traceback all the same,
and a cell that catches the error itself is not concerned.
"""

import sys
from collections.abc import Callable
from types import TracebackType

from helpers.server.refusals import explain_refusal


def explain_in_cells(explain_death: Callable[[], str]) -> None:
    """Let the notebook explain the errors of clients; does nothing outside of IPython.

    `explain_death` tells what the server died of, "" while it lives.
    """
    if "IPython" not in sys.modules:
        return
    from IPython import get_ipython

    if shell := get_ipython():
        shell.set_custom_exc(list_errors(), make_handler(explain_death))


def list_errors() -> tuple[type[Exception], ...]:
    """What the clients raise; newer versions of openai send by httpx2."""
    import openai

    senders = [sys.modules[name] for name in ("httpx", "httpx2") if name in sys.modules]
    return (openai.OpenAIError, *(sender.HTTPError for sender in senders))


def make_handler(explain_death: Callable[[], str]) -> Callable:
    """A handler as `set_custom_exc` wants it: it shows an error, in a cell, as a sentence."""

    def show(
        shell: object, kind: type, error: Exception, trace: TracebackType, tb_offset: object = None
    ) -> None:
        sentence = f"{kind.__name__}: {explain_failure(error, explain_death)}"
        error._render_traceback_ = lambda: [f"{sentence} (%tb shows the whole traceback.)"]
        try:
            shell.showtraceback((kind, error, trace))
        finally:
            del error._render_traceback_  # %tb asks again

    return show


def explain_failure(error: Exception, explain_death: Callable[[], str]) -> str:
    """What the server died of, if it is gone; else what the error says."""
    status = getattr(error, "status_code", None)
    answered = status is not None and status < 500
    return ("" if answered else explain_death()) or explain_refusal(error)
