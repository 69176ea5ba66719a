"""The exercises of notebook 12: right answers in many forms, wrong ones with their reason."""

from typing import Annotated, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, create_model

from helpers.exercises import nb12
from tests.exercise_cases import all_get, hold_answers


class Bar(BaseModel):
    label: str
    value: int


class Chart(BaseModel):
    title: str
    bars: list[Bar]
    unit: str | None


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    unit: Optional[str]  # noqa: UP045
    bars: Annotated[list[Bar], Field(min_length=1)]
    title: str = Field(min_length=1)


def chart(**fields: object) -> type[BaseModel]:
    return create_model("Chart", **({"title": str, "bars": list[Bar], "unit": str | None} | fields))


RIGHT = {
    nb12.check_form: [Chart, Strict, chart(bars=tuple[Bar, ...])],
    nb12.check_killers: [
        *("BDE", "b d e", "B, D and E", "E,D,B", ["B", "D", "E"], {"b", "d", "e"}),
        ("B", "D", "E"),
    ],
}
WRONG = {
    nb12.check_form: [
        (Bar, "refuses a chart with two bars"),
        (Bar(label="Mon", value=1), "give the class itself"),
        (Chart.model_json_schema(), "is to be a class"),
        (dict, "is to be a class"),
        (chart(unit=str), "refuses a chart without a unit"),
        (chart(unit=(str | None, None)), "the unit is left out, not null"),
        (chart(unit=(object, ...)), "the unit is a number"),
        (chart(unit=Literal["pieces"]), "refuses a chart without a unit"),
        (chart(title=str | None), "the title is null"),
        (chart(title=(str, "none")), "the title is missing"),
        (chart(bars=list[dict]), "a bar has no value"),
        (chart(bars=list), "a bar has no value"),
        (chart(bars=(list[Bar], [])), "the bars are missing"),
        (chart(bars=list[create_model("Bar", label=str, value=float)]), "no whole number"),
        (chart(bars=list[create_model("Bar", label=(str, ""), value=int)]), "has no label"),
        (chart(shop=str), "refuses a chart with two bars: shop Field required"),
    ],
    nb12.check_killers: [
        *all_get("A ends nothing: json_object is a form", "A", "ABDE", "abcdef"),
        *all_get("C ends nothing", "BCDE"),
        *all_get("F ends nothing: 0.11.0 still takes", "BDEF"),
        *all_get("one is missing", "B D", ["E", "B"]),
        *all_get("2 are missing", "E"),
        *all_get("is no text of letters", "G", "all", "none", 3, ["B", "X"]),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)
