"""Checks for the exercises of notebook 12, Get structured answers."""

import json

from pydantic import BaseModel, ValidationError

from helpers.exercises import BLANK, Verdict, is_blank, read_letters, right, show, wrong

CHART = {
    "title": "Books sold",
    "bars": [{"label": "Mon", "value": 12}, {"label": "Tue", "value": 7}],
    "unit": "pieces",
}
GOOD_CHARTS = (
    (CHART, "a chart with two bars"),
    (CHART | {"unit": None}, "a chart without a unit, which says null"),
    (CHART | {"bars": [{"label": "Mon", "value": 0}]}, "a chart with a single bar of 0"),
)
BAD_CHARTS = (
    ({"bars": CHART["bars"], "unit": None}, "the title is missing"),
    ({"title": "Books sold", "unit": None}, "the bars are missing"),
    ({"title": "Books sold", "bars": CHART["bars"]}, "the unit is left out, not null"),
    (CHART | {"title": None}, "the title is null"),
    (CHART | {"bars": {"label": "Mon", "value": 12}}, "the bars are no list"),
    (CHART | {"bars": [{"label": "Mon"}]}, "a bar has no value"),
    (CHART | {"bars": [{"value": 12}]}, "a bar has no label"),
    (CHART | {"bars": [{"label": "Mon", "value": 12.5}]}, "a value is no whole number"),
    (CHART | {"bars": [{"label": "Mon", "value": "many"}]}, "a value is a word"),
    (CHART | {"bars": ["Mon", "Tue"]}, "the bars are texts"),
    (CHART | {"unit": 5}, "the unit is a number"),
)
# Exercise 2: which end 0.11.0, and what is to be said of a letter that is wrong.
ENDS = {"B", "D", "E"}
WHY = {
    "A": "json_object is a form, any JSON object, and works",
    "B": "a regex of None is no regex, and no other form is set",
    "C": "a single choice is a form, though a strange one",
    "D": "that option says how a form is written, and no form is set",
    "E": '"text" announces a form and sets none',
    "F": "0.11.0 still takes guided_choice; it is 0.32.0 that ignores it",
}


def check_form(answer: object) -> Verdict:
    """Exercise 1: a pydantic class for a bar chart."""
    if is_blank(answer):
        return BLANK
    if isinstance(answer, BaseModel):
        return wrong("`answer` is an object of your class: give the class itself, without ().")
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)):
        return wrong("`answer` is to be a class, such as `class Chart(BaseModel): …`.")
    try:
        schema = json.dumps(answer.model_json_schema())
        for chart, what in GOOD_CHARTS:
            if fault := _find_fault(answer, chart):
                return wrong(f"The class refuses {what}: {fault}")
        for chart, what in BAD_CHARTS:
            if not _find_fault(answer, chart):
                return wrong(f"The class takes a chart of which {what}: {json.dumps(chart)}")
    except Exception as error:
        return wrong(f"The class stops with {type(error).__name__}: {str(error)[:200]}")
    return right(f"All {len(GOOD_CHARTS) + len(BAD_CHARTS)} charts judged; its schema: {schema}")


def _find_fault(model: type[BaseModel], chart: dict) -> str:
    """The first fault that the class finds in a chart, '' if none."""
    try:
        model.model_validate_json(json.dumps(chart))
    except ValidationError as error:
        first = error.errors()[0]
        return " ".join(map(str, [*first["loc"], first["msg"]]))
    return ""


def check_killers(answer: object) -> Verdict:
    """Exercise 2: the letters of the requests that end a 0.11.0 server."""
    if is_blank(answer):
        return BLANK
    letters = read_letters(answer)
    if not letters or letters - WHY.keys():
        return wrong(f"{show(answer)} is no text of letters from A to F, such as 'A F'.")
    if extra := sorted(letters - ENDS):
        return wrong(f"{extra[0]} ends nothing: {WHY[extra[0]]}.")
    if missing := ENDS - letters:
        count = "one is" if len(missing) == 1 else f"{len(missing)} are"
        return wrong(f"These do, and {count} missing: look for what sets no form at all.")
    return right(
        "Each of the three announces a form and sets none: check_constraint stops them all."
    )
