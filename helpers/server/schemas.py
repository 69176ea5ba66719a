"""Look into a JSON schema for what a server would pass over without a word, or never take.

The rules are those of xgrammar, the library that holds the course's replies to their form, in vLLM
0.11.0 and 0.32.0; `tests/test_schemas.py` tries each on the one that is installed. What the server
itself refuses in clear words (a type that is none, a minimum above the maximum) is left to it.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

CHOOSERS = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")  # the first of them decides alone
OF_TYPE = {
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
OF_ARRAYS = ("items", "prefixItems", "minItems", "maxItems", "additionalItems", "unevaluatedItems")
OF_OBJECTS = (
    *("properties", "required", "additionalProperties", "unevaluatedProperties"),
    *("patternProperties", "propertyNames", "minProperties", "maxProperties"),
)
HELD = {
    *("type", "format", *CHOOSERS, *OF_TYPE["string"], *OF_TYPE["number"]),
    *(*OF_ARRAYS, *OF_OBJECTS),
}
NEVER = {
    "uniqueItems": " (a set in pydantic: take a list)",
    **dict.fromkeys(("multipleOf", "contains", "minContains", "maxContains"), ""),
}
NOTES = {
    *("title", "description", "default", "example", "examples", "deprecated", "discriminator"),
    *("readOnly", "writeOnly", "$schema", "$id", "$comment", "$defs", "definitions"),
}
FORMATS = (
    *("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"),
    *("uri", "uri-reference", "uri-template", "json-pointer", "relative-json-pointer"),
)
# What stands in a pattern that xgrammar refuses, or, in 0.32.0's schemas, passes over.
UNKNOWN_IN_PATTERNS = (
    (r"\(\?<?[=!]", "a look ahead or behind (as pydantic's Decimal: take float)"),
    (r"\(\?(?!:|<?[=!])", "a name or a flag after (?"),
    (r"\\[1-9]", "a reference to a group"),
    (r"\\[bBAZ]", "a border such as \\b"),
    (r"\\[pP]", "a class of Unicode"),
    (r"[*+?}]\+", "a possessive +"),
)
YOURSELF = "leave it out, and check the reply in your program"


def find_problem(schema: Mapping) -> str:
    """The first thing in a schema that servers pass over or never take, in a sentence; else ""."""
    try:
        return next(_find_problems(schema, schema, ()), "")
    except TypeError:  # a keyword with a value that it cannot have, which the server names
        return ""


def find_pattern_problem(pattern: object) -> str:
    """What a pattern has that no server's grammar knows, as the end of a sentence; else ""."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"is no pattern ({error})."
    except TypeError:
        return "is no text."
    plain = re.sub(r"\\\\", "", pattern)
    for sign, what in UNKNOWN_IN_PATTERNS:
        if re.search(sign, plain):
            return f"has {what}, which servers refuse or pass over: write it without."
    return ""


def _find_problems(one: object, root: Mapping, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(one, Mapping):
        return
    where = f"The schema at {'.'.join(path)}" if path else "The schema"
    for rule in (_find_words, _find_choosers, _find_types, _find_strings, _find_shapes):
        yield from (f"{where} {said}" for said in rule(one))
    if said := _find_wrong_target(one.get("$ref"), root):
        yield f"{where} {said}"
    for name, inner in _list_inner(one):
        yield from _find_problems(inner, root, (*path, str(name)))


def _find_words(one: Mapping) -> Iterator[str]:
    for word in one:
        if word in NEVER:
            yield f"has {word}{NEVER[word]}, of which servers make no grammar: {YOURSELF}."
        elif word == "nullable":
            yield 'has nullable, which servers pass over: write "type": ["string", "null"].'
        elif word not in HELD | NOTES and not str(word).startswith("x-"):
            near = get_close_matches(str(word), HELD | NOTES, n=1)
            way = f"write {near[0]!r}" if near else YOURSELF
            yield f"has {word!r}, which servers pass over: {way}."


def _find_choosers(one: Mapping) -> Iterator[str]:
    chooser = next((word for word in CHOOSERS if word in one), None)
    if chooser is None:
        return
    if one[chooser] == []:
        yield f"has an empty {chooser}, so that no reply could be right."
    if chooser == "allOf" and len(one[chooser]) > 1:
        yield "has an allOf of several parts, which 0.11.0 passes over: write them as one."
    allowed = NOTES | {chooser} | ({"type"} if chooser in ("enum", "const") else set())
    if beside := [word for word in one if word in HELD - allowed]:
        yield f"has {beside[0]} beside {chooser}, which alone counts: write it inside of that."


def _find_types(one: Mapping) -> Iterator[str]:
    given = one.get("type", [])
    types = {given} if isinstance(given, str) else set(map(str, given))
    for kind, words in OF_TYPE.items():
        fits = types & ({"number", "integer"} if kind == "number" else {kind})
        if not fits and (lost := [word for word in words if word in one]):
            yield f'has {lost[0]} without "type": "{kind}", and servers pass over it: add that.'


def _find_strings(one: Mapping) -> Iterator[str]:
    if "pattern" in one and (said := find_pattern_problem(one["pattern"])):
        yield f"has a pattern that {said}"
    shape = next((word for word in ("pattern", "format") if word in one), None)
    if shape and ("minLength" in one or "maxLength" in one):
        yield f"has a length beside a {shape}, and no server holds both: give one of them."
    if one.get("type") == "string" and one.get("format", "date") not in FORMATS:
        yield f"has the format {one['format']!r}, which servers do not know: write a pattern."


def _find_shapes(one: Mapping) -> Iterator[str]:
    if isinstance(one.get("items"), list):
        yield "has a list as items, an older spelling that servers refuse: write prefixItems."
    names, properties = one.get("required"), one.get("properties", {})
    if isinstance(names, list) and (lost := [name for name in names if name not in properties]):
        yield f"requires {lost[0]!r}, which is none of its properties: add it to them."


def _find_wrong_target(target: object, root: Mapping) -> str:
    """What is wrong with where a $ref leads; "" if nothing is, or there is none."""
    if not isinstance(target, str) or target == "#":
        return ""
    if not target.startswith("#/"):
        return f"refers to {target!r}, and servers read no other document: write it into $defs."
    place: object = root
    for name in target[2:].split("/"):
        if not isinstance(place, Mapping) or name not in place:
            return f"refers to {target!r}, which is not in it."
        place = place[name]
    return ""


def _list_inner(one: Mapping) -> Iterator[tuple[str, object]]:
    """The schemas inside of a schema, with the names that lead there."""
    for word in ("properties", "$defs", "definitions", "patternProperties"):
        if isinstance(one.get(word), Mapping):
            yield from one[word].items()
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(one.get(word), list):
            yield from ((word, inner) for inner in one[word])
    for word in ("items", "additionalProperties", "propertyNames"):
        yield word, one.get(word)
