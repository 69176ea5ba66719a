"""Look at what a request asks of its reply's form before it is sent.

vLLM 0.11.0 compiles a constraint inside its engine, and where it finds none it ends, for everybody
(notebook 12). 0.32.0 refuses the same requests with 400, and ignores `guided_…` without a word.
Both pass over some of what a schema may say.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches

from helpers.errors import CourseError
from helpers.server.schemas import find_pattern_problem, find_problem

CHOOSE = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")  # one of them
OPTIONS = ("disable_any_whitespace", "disable_additional_properties", "whitespace_pattern")
KNOWN = (*CHOOSE, *OPTIONS, "disable_fallback")
FORMATS = ("json_schema", "json_object", "structural_tag")
FIELDS = ("response_format", "structured_outputs")
ENDS = "vLLM 0.11.0 dies of it"


class ConstraintError(CourseError):
    """A request asks for a form in a way that a server dies of, refuses or ignores."""


def check_constraint(request: Mapping) -> Mapping:
    """Return the request as it is, or raise `ConstraintError` if its constraint is none.

    `request` holds the keyword arguments of `chat.completions.create`, `extra_body` among them, so
    that `create(**check_constraint(request))` sends what was checked. It looks at response_format,
    structured_outputs, guided_… and tools that are forced, and into their schemas for what servers
    pass over without a word; what they refuse in clear words is left to them. The rules are those
    of vLLM 0.11.0 and 0.32.0. Used in notebook 12.
    """
    if not isinstance(request, Mapping):
        raise ConstraintError(
            f"The request is a {type(request).__name__}: give the arguments of create as a "
            'dictionary, such as {"model": MODEL, "messages": messages}.'
        )
    body = _merge(request)
    if old := next((name for name in body if str(name).startswith("guided_")), None):
        raise ConstraintError(_replace_old(str(old)))
    for name in body:
        if name not in FIELDS and (near := get_close_matches(str(name), FIELDS, n=1, cutoff=0.8)):
            raise ConstraintError(f"A request has no field {name!r}: write {near[0]!r}.")
    form, outputs = body.get("response_format"), body.get("structured_outputs")
    if outputs is not None:
        _check_outputs(outputs)
    if form is not None:
        _check_format(form)
    if form is not None and outputs is not None:
        raise ConstraintError(
            "The request has a response_format and structured_outputs, two forms for one reply: "
            "keep one of them."
        )
    if body.get("tool_choice") not in (None, "auto", "none"):
        for tool in body.get("tools") or ():
            _check_schema(tool.get("function", {}).get("parameters", {}))
    return request


def _merge(request: Mapping) -> dict:
    """The body as it is sent: the client puts the fields of extra_body beside the others."""
    extra = request.get("extra_body") or {}
    if not isinstance(extra, Mapping):
        raise ConstraintError(
            f"extra_body is a {type(extra).__name__}: it is a dictionary of vLLM's own fields, "
            'such as {"structured_outputs": {"choice": ["yes", "no"]}}.'
        )
    return {**request, **extra}


def _replace_old(name: str) -> str:
    field = name.removeprefix("guided_")
    if field not in CHOOSE:
        return f"{name} is a field of older versions, and vLLM 0.32.0 ignores it: leave it out."
    return (
        f"{name} is an old name, which vLLM 0.32.0 ignores without a word: write "
        f'extra_body={{"structured_outputs": {{"{field}": …}}}}.'
    )


def _check_format(form: object) -> None:
    if not isinstance(form, Mapping):
        raise ConstraintError(
            "response_format is no dictionary: a pydantic class goes to "
            "chat.completions.parse(response_format=…), create takes "
            '{"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}.'
        )
    kind = form.get("type")
    if kind == "text":
        raise ConstraintError(
            f'response_format={{"type": "text"}} asks for no form, and {ENDS}: leave '
            "response_format out."
        )
    if kind not in FORMATS:
        raise ConstraintError(
            f'response_format has the type {kind!r}: take "json_schema" (a form of yours) or '
            '"json_object" (any JSON object).'
        )
    if kind == "json_schema":
        inner = form.get("json_schema")
        schema = inner.get("schema") if isinstance(inner, Mapping) else None
        if not isinstance(schema, Mapping):
            raise ConstraintError(
                f"The json_schema of response_format has no schema, and {ENDS}: it reads "
                '{"type": "json_schema", "json_schema": {"name": …, "schema": {…}}}.'
            )
        _check_schema(schema)


def _check_outputs(outputs: object) -> None:
    if not isinstance(outputs, Mapping):
        raise ConstraintError(
            f"structured_outputs is a {type(outputs).__name__}: it is a dictionary, such as "
            '{"choice": ["yes", "no"]}.'
        )
    for name in outputs:
        if name not in KNOWN:
            near = get_close_matches(str(name), CHOOSE, n=1)
            way = f"write {near[0]!r}" if near else f"take one of {', '.join(CHOOSE)}"
            raise ConstraintError(
                f"structured_outputs has no field {name!r}, and where no other is set {ENDS}: "
                f"{way}."
            )
    chosen = [name for name in CHOOSE if outputs.get(name) is not None]
    if len(chosen) > 1:
        raise ConstraintError(
            f"structured_outputs sets {' and '.join(chosen)}, and a reply has one form: keep one."
        )
    if not chosen or outputs[chosen[0]] is False:
        said = f"{{'{chosen[0]}': False}}" if chosen else dict(outputs)
        raise ConstraintError(
            f"structured_outputs={said} sets no form, and {ENDS}: set one of "
            f"{', '.join(CHOOSE)}, or leave it out."
        )
    _check_value(chosen[0], outputs[chosen[0]])


def _check_value(name: str, value: object) -> None:
    """Of what a constraint is made: servers refuse the wrong type, in many words."""
    if name == "choice":
        texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        if not texts or not value:
            raise ConstraintError(
                f'choice is {value!r}: it is a list of at least one text, such as ["yes", "no"].'
            )
        if broken := [one for one in value if "\n" in one]:
            raise ConstraintError(
                f"The choice {broken[0]!r} has a line break, of which vLLM 0.11.0 makes no "
                "grammar: take it out."
            )
    if name in ("regex", "grammar", "structural_tag") and not (isinstance(value, str) and value):
        raise ConstraintError(f"{name} is {value!r}: it is a text that is not empty.")
    if name == "regex" and (said := find_pattern_problem(value)):
        raise ConstraintError(f"The regex {said}")
    if name == "json":
        _check_schema(_read_schema(value))


def _read_schema(value: object) -> object:
    """A schema may come as the text of one."""
    if not isinstance(value, str | Mapping):
        raise ConstraintError(f"json is a {type(value).__name__}: it is a schema, a dictionary.")
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ConstraintError(
            f"json is the text {value[:40]!r}, which is no JSON (and of an empty one vLLM 0.11.0 "
            "dies): give the schema as a dictionary."
        ) from None


def _check_schema(schema: object) -> None:
    if isinstance(schema, Mapping) and (said := find_problem(schema)):
        raise ConstraintError(said)
