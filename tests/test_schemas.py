"""Each rule about schemas is tried on the library that holds replies to their form."""

import json
import re

import pytest
from pydantic import BaseModel, Field

from helpers.server.schemas import find_pattern_problem, find_problem

WORD = {"type": "string"}
WHOLE = {"type": "integer"}
LIST = {"type": "array", "items": WHOLE}


def hold(field: object, **more: object) -> dict:
    return {"type": "object", "properties": {"a": field}, "required": ["a"], **more}


# A schema of the field a; a value that it forbids and servers let pass, if they take the schema at
# all (None: they do not, or keep None out although it is allowed); what is said of it.
PROBLEMS = [
    (LIST | {"uniqueItems": True}, [1, 1], "has uniqueItems (a set"),
    (LIST | {"contains": {"const": 1}}, None, "has contains, of which"),
    ({"type": "number", "multipleOf": 0.5}, 0.3, "has multipleOf, of which"),
    (WORD | {"max_length": 2}, "abc", "'max_length', which servers pass over: write 'maxLength'"),
    (WORD | {"nullable": True}, None, 'write "type": ["string", "null"]'),
    ({"not": WORD}, "text", "has 'not', which servers pass over: leave it out"),
    ({"if": {"const": 1}, "then": {"const": 1}}, 5, "has 'if', which servers pass over"),
    ({"type": "string", "contentEncoding": "base64"}, "?", "'contentEncoding', which"),
    ({"$ref": "#/$defs/t", "maxLength": 1}, "abc", "has maxLength beside $ref, which alone"),
    ({"type": "string", "anyOf": [WHOLE, WORD]}, 5, "has type beside anyOf, which alone"),
    ({"enum": ["a", "bb"], "minLength": 2}, "a", "has minLength beside enum, which alone"),
    ({"allOf": [WORD, {"enum": ["yes"]}]}, "no", "has an allOf of several parts"),
    ({"enum": []}, None, "has an empty enum, so that no reply could be right"),
    ({"minLength": 3}, "x", 'has minLength without "type": "string"'),
    ({"minimum": 3}, 1, 'has minimum without "type": "number"'),
    (WORD | {"minimum": 3}, "x", 'has minimum without "type": "number"'),
    (WORD | {"pattern": "^[a-z]+$", "maxLength": 2}, "abc", "has a length beside a pattern"),
    (WORD | {"format": "phone"}, "none", "has the format 'phone', which servers do not know"),
    (WORD | {"pattern": "^(?=a)[a-z]$"}, "b", "has a pattern that has a look ahead"),
    (WORD | {"pattern": "["}, None, "has a pattern that is no pattern (unterminated"),
    ({"type": "array", "items": [WHOLE, WORD]}, None, "has a list as items, an older spelling"),
    ({"type": "object", "properties": {}, "required": ["b"]}, {}, "requires 'b', which is none"),
    ({"$ref": "http://example.org/a.json"}, 5, "and servers read no other document"),
    ({"$ref": "#/$defs/nothing"}, None, "refers to '#/$defs/nothing', which is not in it"),
]
FINE = [
    {},
    True,
    WORD | {"minLength": 2, "maxLength": 10_000},
    WORD | {"pattern": r"^\d{4}-(?:0[1-9]|1[0-2])$", "title": "Day", "default": "", "x-own": 1},
    WORD | {"format": "date"},
    {"type": ["string", "null"], "minLength": 1},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 5},
    {"enum": ["x", 1, None, True], "type": "string"},
    {"const": 5},
    {"anyOf": [{"$ref": "#/$defs/t"}, {"type": "null"}], "description": "or none"},
    {"type": "array", "prefixItems": [WORD, WHOLE], "minItems": 2, "maxItems": 2},
    {"type": "object", "additionalProperties": {"type": "number"}},
    {"type": "object", "properties": {"not": WHOLE, "uniqueItems": WORD}, "required": ["not"]},
    {"$ref": "#/$defs/node"},
]
DEFS = {"t": WORD, "node": hold({"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})}
PATTERNS = [
    r"(?<=a)b",
    r"(a)\1",
    "(?i)yes",
    "(?P<x>a)",
    r"\byes",
    "a++",
    "(",
    "*a",
    "[z-a]",
]


def accepts(schema: dict, value: object) -> bool | None:
    """Whether the grammar of a schema lets a value pass; None where there is no grammar."""
    xgrammar = pytest.importorskip("xgrammar")
    from xgrammar.testing import _is_grammar_accept_string

    try:
        grammar = xgrammar.Grammar.from_json_schema(json.dumps(schema))
    except RuntimeError:
        return None
    return _is_grammar_accept_string(grammar, json.dumps({"a": value}))


@pytest.mark.parametrize(("field", "bad", "said"), PROBLEMS, ids=lambda one: str(one)[:50])
def test_what_servers_pass_over_or_refuse(field: dict, bad: object, said: str) -> None:
    schema = hold(field) | {"$defs": DEFS}
    problem = find_problem(schema)
    assert problem.startswith("The schema at a ") and said in problem
    assert problem.endswith(".") and len(problem) < 200
    assert accepts(schema, bad) in ((True, None) if bad is not None else (None, False))


@pytest.mark.parametrize("field", FINE, ids=lambda one: str(one)[:50])
def test_what_they_hold(field: dict) -> None:
    schema = hold(field) | {"$defs": DEFS}
    assert find_problem(schema) == ""
    assert accepts(schema, object.__name__) is not None


@pytest.mark.parametrize("word", ["type", "allOf", "required", "properties", "format", "$ref"])
def test_values_of_a_wrong_type_are_left_to_the_server(word: str) -> None:
    for value in (None, 5, {}, [{}], [[]]):
        assert isinstance(find_problem({"type": "string", word: value}), str)


def test_a_path_leads_to_the_place() -> None:
    inner = hold({"type": "array", "items": {"anyOf": [hold({"not": WORD}), WORD]}})
    assert find_problem(inner).startswith("The schema at a.items.anyOf.a has 'not'")
    assert find_problem({"required": ["b"]}).startswith("The schema requires 'b'")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_that_no_grammar_knows(pattern: str) -> None:
    assert find_pattern_problem(pattern).endswith(".")
    xgrammar = pytest.importorskip("xgrammar")
    with pytest.raises(RuntimeError):
        xgrammar.Grammar.from_regex(pattern)


@pytest.mark.parametrize("pattern", [r"[a-z]+", r"\d{2}\.\d", r"(?:yes|no)\\b?", "a+?", "^yes$"])
def test_patterns_that_are_held(pattern: str) -> None:
    assert find_pattern_problem(pattern) == ""
    assert re.compile(pattern)


class Item(BaseModel):
    name: str = Field(min_length=1)
    price: float = Field(gt=0)


class Receipt(BaseModel):
    shop: str | None
    items: list[Item] = Field(max_length=30)
    paid: dict[str, float] = {}
    more: list["Receipt"] = []


def test_the_schema_of_a_pydantic_class_is_fine() -> None:
    assert find_problem(Receipt.model_json_schema()) == ""
