"""`check_constraint` stops what vLLM 0.11.0 dies of, before it is sent."""

import json

import httpx
import openai
import pytest

from helpers.places import Place, find_place
from helpers.server import ConstraintError, Server, check_constraint
from helpers.versions import read_engine_version

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
NAMED = {"type": "json_schema", "json_schema": {"name": "receipt", "schema": SCHEMA}}
ODD_SCHEMA = {"properties": {"total": {"type": "number", "multipleOf": 0.5}}}
ODD_TOOL = {"type": "function", "function": {"name": "put", "parameters": ODD_SCHEMA}}

# Each ended an engine of 0.11.0; what the check says of it, and what 0.32.0 answers.
KILLERS = {
    "text": ({"response_format": {"type": "text"}}, "leave response_format out", 200),
    "no schema": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "receipt"}}},
        "has no schema",
        400,
    ),
    "choices": ({"structured_outputs": {"choices": ["yes", "no"]}}, "write 'choice'", 400),
    "empty": ({"structured_outputs": {}}, "sets no form", 400),
    "false": ({"structured_outputs": {"json_object": False}}, "sets no form", 400),
    "blank": ({"structured_outputs": {"json": ""}}, "of an empty one", 400),
    "blank tag": ({"structured_outputs": {"structural_tag": ""}}, "a text that is not empty", 400),
}
RIGHT = [
    {},
    {"model": "x", "messages": [], "temperature": 0},
    {"extra_body": None},
    {"response_format": NAMED},
    {"response_format": {"type": "json_object"}},
    {"extra_body": {"structured_outputs": {"choice": ["red", "blue"]}}},
    {"extra_body": {"structured_outputs": {"choice": ("red", "blue"), "regex": None}}},
    {"structured_outputs": {"regex": r"\d+"}},
    {"structured_outputs": {"json": SCHEMA, "disable_any_whitespace": True}},
    {"structured_outputs": {"json": '{"type": "object"}'}},
    {"structured_outputs": {"json_object": True}},
    {"extra_body": {"mm_processor_kwargs": {}}},
    {"tools": [ODD_TOOL]},
    {"tools": [ODD_TOOL], "tool_choice": "auto"},
    {"tools": [], "tool_choice": "required"},
]
WRONG = [
    ({"response_format": {"type": "json_schema"}}, "has no schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": None}}},
        "has no schema",
    ),
    ({"response_format": {"type": "json"}}, "has the type 'json'"),
    ({"response_format": {}}, "has the type None"),
    ({"response_format": dict}, "chat.completions.parse"),
    ({"response_format": "json_object"}, "chat.completions.parse"),
    ({"extra_body": {"structured_outputs": {"choices": ["a"]}}}, "write 'choice'"),
    ({"extra_body": {"structured_outputs": {"schema": SCHEMA}}}, "take one of json, regex"),
    ({"structured_outputs": {"disable_any_whitespace": True}}, "sets no form"),
    ({"structured_outputs": {"json": None}}, "sets no form"),
    ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, "sets regex and choice"),
    ({"structured_outputs": {"choice": []}}, "a list of at least one text"),
    ({"structured_outputs": {"choice": "yes"}}, "a list of at least one text"),
    ({"structured_outputs": {"choice": [1, 2]}}, "a list of at least one text"),
    ({"structured_outputs": {"regex": 5}}, "regex is 5"),
    ({"structured_outputs": {"regex": ""}}, "a text that is not empty"),
    ({"structured_outputs": {"json": 5}}, "json is a int"),
    ({"structured_outputs": ["choice"]}, "structured_outputs is a list"),
    ({"structured_outputs": {3: 4}}, "has no field 3"),
    ({"extra_body": {"guided_choice": ["a"]}}, '{"structured_outputs": {"choice": …}}'),
    ({"guided_decoding_backend": "xgrammar"}, "leave it out"),
    ({"extra_body": "choice"}, "extra_body is a str"),
    ({"extra_body": {"structured_output": {}}}, "write 'structured_outputs'"),
    ({"response_fromat": NAMED}, "write 'response_format'"),
    ({"structured_outputs": {"json": ""}}, "of an empty one vLLM 0.11.0 dies"),
    ({"structured_outputs": {"json": "{total: 1}"}}, "which is no JSON"),
    ({"structured_outputs": {"json": json.dumps(ODD_SCHEMA)}}, "at total has multipleOf"),
    ({"structured_outputs": {"regex": "(?i)yes"}}, "The regex has a name or a flag"),
    ({"structured_outputs": {"regex": "[a-"}}, "The regex is no pattern"),
    ({"structured_outputs": {"choice": ["a\nb"]}}, "has a line break"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": ODD_SCHEMA}}},
        "at total has multipleOf",
    ),
    ({"tools": [ODD_TOOL], "tool_choice": "required"}, "at total has multipleOf"),
    ({"response_format": NAMED, "structured_outputs": {"regex": "a"}}, "two forms for one"),
    ([("model", "x")], "The request is a list"),
    (None, "The request is a NoneType"),
]


@pytest.mark.parametrize("request_", RIGHT, ids=str)
def test_a_right_request_passes_unchanged(request_: dict) -> None:
    before = repr(request_)
    assert check_constraint(request_) is request_
    assert repr(request_) == before


@pytest.mark.parametrize(("request_", "said"), WRONG, ids=str)
def test_a_wrong_one_gets_one_sentence(request_: object, said: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        check_constraint(request_)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("name", KILLERS)
def test_every_killer_is_stopped(name: str) -> None:
    body, said, _ = KILLERS[name]
    for request in (body, {"extra_body": body}):
        with pytest.raises(ConstraintError, match=said):
            check_constraint(request)


def ask(place: Place, body: dict) -> httpx.Response:
    """The request as it is, without a client that would correct or refuse it."""
    whole = {"model": place.served_model_name, "max_tokens": 4} | body
    messages = [{"role": "user", "content": "What is a token?"}]
    address = f"{place.base_url}/chat/completions"
    return httpx.post(address, json=whole | {"messages": messages}, timeout=60)


# Each death costs a server, so the tests see two: this one, and "text" in test_server.py. All
# were seen in November 2026: `python -m tests.test_constraints` sees them again (seven minutes).
@pytest.mark.slow
@pytest.mark.skipif(read_engine_version() >= (0, 12), reason="the next test is for later versions")
def test_a_misspelling_ends_the_old_engine(cpu_place: Place) -> None:
    see_it_die(cpu_place, "choices")


def see_it_die(place: Place, name: str) -> None:
    with Server(place) as server:
        assert ask(place, {}).status_code == 200 and not server.explain_death()
        assert ask(place, KILLERS[name][0]).status_code == 500
        assert ask(place, {}).status_code == 500, "another request, which is right"
        assert httpx.get(place.base_url.replace("/v1", "/health")).status_code == 503
        assert "form" in server.explain_death()


@pytest.mark.slow
@pytest.mark.skipif(read_engine_version() < (0, 12), reason="0.11.0 dies of them")
def test_later_versions_refuse_them(shared_server: Server) -> None:
    for name, (body, _, status) in KILLERS.items():
        assert ask(shared_server.place, body).status_code == status, name
    assert ask(shared_server.place, {}).status_code == 200


# Where several libraries may hold a reply to its form, vLLM lets these pass, and the one that the
# first request had chosen then fails: after such a first request 0.32.0 answered every forced tool
# call with 500 ("KeyError: 'triggers'"), and after another first one the engine of 0.11.0 died of
# the second of these (seen on 29 November 2026).
ODD = (
    {"type": "number", "multipleOf": 0.5},
    {"type": "array", "items": [{"type": "number"}, {"type": "string"}]},
)


@pytest.mark.slow
def test_an_odd_schema_is_refused_and_spoils_nothing(shared_server: Server) -> None:
    place, function = shared_server.place, {"name": "put", "parameters": SCHEMA}
    tool = {"type": "function", "function": function}
    forced = {"type": "function", "function": {"name": "put"}}
    for odd in ODD:
        schema = {"type": "object", "properties": {"total": odd}, "required": ["total"]}
        assert ask(place, {"structured_outputs": {"json": schema}}).status_code == 400
        answer = ask(place, {"tools": [tool], "tool_choice": forced, "max_tokens": 40})
        assert answer.status_code == 200, answer.text


def test_the_client_sends_what_was_checked() -> None:
    """What the check returns are arguments of create, extra_body merged by the client."""
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.read().decode())
        return httpx.Response(200, json={"id": "x", "choices": [], "created": 0, "object": "y"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with openai.OpenAI(base_url="http://127.0.0.1:1/v1", api_key="EMPTY", http_client=http) as one:
        request = {
            "model": "x",
            "messages": [],
            "extra_body": {"structured_outputs": {"regex": "a"}},
        }
        one.chat.completions.create(**check_constraint(request))
    assert '"structured_outputs":{"regex":"a"}' in sent[0].replace(" ", "")


if __name__ == "__main__":
    for killer in KILLERS:
        see_it_die(find_place(), killer)
        print(killer, "ended the engine")
