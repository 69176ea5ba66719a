"""In a notebook's cell a client's error is one sentence; a real IPython shell shows it."""

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.server.cells import explain_in_cells

ASK = """
import openai
openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="EMPTY", max_retries=0).models.list()
"""
REFUSED = """
import httpx, openai
answer = httpx.Response(400, request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
raise openai.BadRequestError("You must be taller", response=answer, body=None)
"""
CAUGHT = f"try: {ASK.strip().replace(chr(10), '; ')}\nexcept openai.OpenAIError: print('caught')"
DEATH = "The server died. It was killed. Its log: server.log"


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    yield InteractiveShell.instance(colors="nocolor")
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("death", ["", DEATH])
def test_a_clients_error_is_a_sentence(
    death: str, shell: InteractiveShell, capsys: pytest.CaptureFixture
) -> None:
    explain_in_cells(lambda: death)
    assert shell.run_cell(ASK).error_in_exec is not None
    said = capsys.readouterr().out
    assert said.startswith(f"APIConnectionError: {death or 'No server answers'}")
    assert said.count("\n") == 1 and "%tb shows" in said
    shell.run_cell("%tb")
    assert "Connection refused" in (traceback := capsys.readouterr().out)
    assert traceback.count("\n") > 20


def test_a_refusal_is_no_death(shell: InteractiveShell, capsys: pytest.CaptureFixture) -> None:
    explain_in_cells(lambda: DEATH)
    shell.run_cell(REFUSED)
    assert capsys.readouterr().out.startswith("BadRequestError: The server")


def test_a_bare_client_of_http(shell: InteractiveShell, capsys: pytest.CaptureFixture) -> None:
    explain_in_cells(str)
    shell.run_cell("import httpx; httpx.get('http://127.0.0.1:9/health')")
    assert capsys.readouterr().out.startswith("ConnectError: No server answers")


def test_other_errors_and_caught_ones_are_left_alone(
    shell: InteractiveShell, capsys: pytest.CaptureFixture
) -> None:
    explain_in_cells(lambda: DEATH)
    shell.run_cell("1 / 0")
    said = capsys.readouterr().out
    assert "Traceback (most recent call last)" in said and "division by zero" in said
    shell.run_cell("import openai")
    shell.run_cell(CAUGHT)
    assert capsys.readouterr().out == "caught\n"


def test_outside_of_a_notebook_nothing_happens() -> None:
    explain_in_cells(str)
