"""What `explain_refusal` says of requests that went wrong (the server's own are in test_media)."""

import asyncio
import json
import os
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import aiohttp
import httpx
import openai
import pydantic
import pytest

from helpers.server.refusals import CONNECTIONS, OTHERS, RAISED, REFUSALS, explain_refusal

TIMESTAMPS = "The timestamps length(30) should be equal video length (8)."
NO_PLACE = (
    "Expected there to be 1 prompt updates corresponding to 1 image items, but instead found 0 "
    "prompt updates! This is likely because you forgot to include input placeholder tokens (e.g., "
    "`<image>`, `<|image_pad|>`) in the prompt. If the model has a chat template, make sure you "
    "have applied it before calling `LLM.generate`."
)
DEAD = "EngineCore encountered an issue. See stack trace (above) for the root cause."
NGINX = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center></html>"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("OPENAI_"):
            monkeypatch.delenv(name)


def answer(status: int, text: str) -> openai.APIStatusError:
    """The client's error for an answer, as it comes."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, text=text))
    http = httpx.Client(transport=transport)
    client = openai.OpenAI(
        base_url="http://127.0.0.1:1/v1", api_key="EMPTY", http_client=http, max_retries=0
    )
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.models.list()
    return caught.value


SAID = [
    ("", 502, "NO_PROXY=127.0.0.1,localhost", "URL took|No server answers"),
    ("", 503, "NO_PROXY=127.0.0.1,localhost", "URL took|No server answers"),
    ("", 504, "NO_PROXY=127.0.0.1,localhost", "URL took|No server answers"),
    (NGINX.format("502 Bad Gateway"), 502, "a proxy: .*NO_PROXY", "URL took|html"),
    (NGINX.format("504 Gateway Time-out"), 504, "a proxy: .*NO_PROXY", "URL took|html"),
    ("<!DOCTYPE html><title>ERR_ACCESS_DENIED</title>squid", 403, "does not let you in", "squid"),
    ("<!DOCTYPE html><title>Blocked by your company</title>", 400, "a proxy", "Blocked"),
    ("Bad Gateway", 502, "NO_PROXY", "refused"),
    ("upstream connect error or disconnect/reset before headers", 503, "NO_PROXY", "refused"),
    ('{"detail":"Not Found"}', 404, "base_url must end in /v1", "refused|NotFoundError"),
    ("", 404, "base_url must end in /v1", "URL took"),
    (NGINX.format("404 Not Found"), 404, "base_url must end in /v1", "proxy"),
    ("404 page not found", 404, "base_url must end in /v1", "refused"),
    ('{"detail":"Method Not Allowed"}', 405, "base_url must end in /v1", "refused"),
    ('{"error": {"message": "The model `x` does not exist."}}', 404, "models.list", "/v1,"),
    ('{"error":"Unauthorized"}', 401, "set COURSE_API_KEY", "refused"),
    ('{"error": {"message": "Incorrect key provided"}}', 401, "set COURSE_API_KEY", "refused"),
    ("invalid key", 401, "got none or a wrong one: set COURSE_API_KEY", "refused"),
    (NGINX.format("413 Request Entity Too Large"), 413, "client_max_body_size", "NO_PROXY"),
    ('{"error": {"message": "slow down"}}', 429, "too much to do .* fewer at once", "refused"),
    ("The engine is currently busy and cannot accept new requests.", 503, "too much", "PROXY"),
    (
        '{"detail":[{"type":"missing","loc":["body","messages"],"msg":"Field required"}]}',
        422,
        "The field messages of the request is wrong: Field required",
        "loc",
    ),
    (
        "[{'type': 'missing', 'loc': ('body', 'model'), 'msg': 'Field required', 'input': {}}]",
        400,
        "The field model of the request is wrong: Field required",
        "loc",
    ),
    (TIMESTAMPS, 500, "leave max_frames, num_frames and fps out of mm_processor_kwargs", "says"),
    (
        "Expected reading 1226 frames, but only loaded 1225 frames from video.",
        500,
        "not evenly spaced.* constant rate: `ffmpeg -i IN -vf fps=30 OUT.mp4`",
        "cut off|damaged|no clip",
    ),
    (
        "Expected reading 32 frames, but only loaded 15 frames from video.",
        500,
        "not evenly spaced.*ffmpeg.*or it is cut off.*check_clip tells which",
        "damaged",
    ),
    (
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        400,
        "COURSE_SERVE_FLAGS='--enable-auto-tool-choice --tool-call-parser hermes'",
        "says",
    ),
    (
        'tool_choice=function "look" requires --tool-call-parser to be set',
        400,
        "COURSE_SERVE_FLAGS='--enable-auto-tool-choice --tool-call-parser hermes'",
        "says",
    ),
    (
        "Grammar error: Invalid type: money",
        400,
        "no grammar of the request's schema, regex or grammar: Invalid type: money. Correct",
        "says",
    ),
    (
        'Grammar error: at 1(8): invalid regex "[0-9" (in regex): regex parse error:\n  [0-9',
        400,
        'grammar: invalid regex "\\[0-9"',
        "says",
    ),
    (
        "The provided JSON schema contains features not supported by xgrammar.",
        400,
        "multipleOf, uniqueItems.*leave it out",
        "says",
    ),
    (
        "Failed to transform json schema into a grammar: [07:48:45] <path>:83: Regex parsing error "
        "at position 2: Unclosed '['",
        400,
        "no grammar of the request's schema: Regex parsing error at position 2: Unclosed '\\['\\. ",
        "path",
    ),
    (
        "Failed to transform regex into a grammar: [07:35:55] /project/cpp/regex_converter.cc:75: "
        "Regex parsing error at position 3: Lookahead is not supported yet.\n",
        400,
        "the request's regex: Regex parsing error at .* Lookahead is not supported yet\\. ",
        "project",
    ),
    (
        "Failed to transform json schema into a grammar: [07:42:28] /project/cpp/json_schema_conver"
        "ter.cc:961: Check failed: (current.is<picojson::object>()) is false: Cannot find field "
        "$defs in {}",
        400,
        "the request's schema: Cannot find field \\$defs in {}\\. ",
        "Check failed",
    ),
    (
        "Failed to transform choices into a grammar: {err}",
        400,
        "a choice that has a line break",
        "err",
    ),
    ("Invalid JSON grammar specification.", 400, "give a schema as a dictionary", "says: "),
    ("Internal server error", 500, "--structured-outputs-config", "says: "),
    (DEAD, 500, 'check_text.*{"type": "text"}.*json_schema.*"choices".*"json_object"', "says"),
    ("EngineDeadError()", 500, "start the server again", "says"),
    (NO_PLACE, 400, "no place for the image: .*processor.apply_chat_template", "says"),
    (
        NO_PLACE.replace("1", "2").replace("found 0", "found 1").replace("image", "video"),
        400,
        "places for 1 of 2 video items",
        "says",
    ),
    (
        "Per-request media_io_kwargs are disabled by default because they can change multimodal "
        "media loading resource usage. Start the server with --trust-request-mm-kwargs only when "
        "clients are trusted.",
        400,
        "Since vLLM 0.31 a server takes mm_processor_kwargs and media_io_kwargs",
        "says",
    ),
    (
        "Chat template is passed with request, but --trust-request-chat-template is not set.",
        400,
        "no chat_template in a request unless",
        "mm-kwargs",
    ),
    (
        "The decoder prompt contains a(n) video item with 18432 embedding tokens, which exceeds "
        "the pre-allocated encoder cache size 16384. Please reduce the input size",
        400,
        "more than the 16384 visual tokens",
        "says",
    ),
    (
        "You can only use one kind of structured outputs constraint but multiple are specified",
        400,
        "two forms of reply",
        "says",
    ),
    (
        "1 validation error for list[function-wrap[__log_extra_fields__()]]\n  Invalid JSON: EOF "
        "while parsing a list at line 1 column 12 [type=json_invalid]",
        400,
        "look at finish_reason",
        "says",
    ),
    (
        "Invalid base64-encoded string: number of data characters (5) cannot be 1 more than a "
        "multiple of 4",
        400,
        "The data URL is malformed",
        "says",
    ),
    (
        "1 validation error for ChatCompletionRequest\n  Value error, When using `tool_choice`, "
        "`tools` must be set. [type=value_error, input_value={}, input_type=dict]",
        400,
        "list the functions in tools=",
        "says",
    ),
    (
        "1 validation error for ChatCompletionRequest\n  Value error, Stream options can only be "
        "defined when `stream=True`. [type=value_error, input_value={}, input_type=dict]",
        400,
        "request is wrong: Stream options can only be defined when `stream=True`.$",
        "says|type=",
    ),
    (
        "1 validation error for ChatCompletionRequest\nmessages.0.role\n  Field required "
        "[type=missing, input_value={}, input_type=dict]",
        400,
        r"field messages\.0\.role of the request is wrong: Field required\.$",
        "says|type=",
    ),
    ("Odd in\n  two lines", 400, "says: Odd in two lines", "here"),
    ("temperature must be in [0, 2], got 3.0.", 400, r"\(400\) and says: temperature must", "here"),
]


@pytest.mark.parametrize(("text", "status", "said", "unsaid"), SAID)
def test_an_answer_is_explained(text: str, status: int, said: str, unsaid: str) -> None:
    error = answer(status, text)
    for sentence in (explain_refusal(text, status), explain_refusal(error)):
        assert re.search(said, sentence)
        assert not re.search(unsaid, sentence)
        assert "\n" not in sentence and len(sentence) < 420


def test_a_page_tells_its_status_by_itself() -> None:
    assert "NO_PROXY" in explain_refusal(NGINX.format("502 Bad Gateway"))
    assert "must end in /v1" in explain_refusal(NGINX.format("404 Not Found"))
    assert "must end in /v1" in explain_refusal('{"detail":"Not Found"}')
    assert "NO_PROXY" in explain_refusal("<html><body>something</body></html>")


OTHER_PROGRAMS = [
    (NGINX.format("400 The plain HTTP request was sent to HTTPS port"), 400, "write https://"),
    ("Client sent an HTTP request to an HTTPS server.\n", 400, "write https://"),
    (
        NGINX.format("500 Internal Server Error"),
        500,
        "A program failed and says so with a web page",
    ),
    (NGINX.format("408 Request Time-out"), 408, "came too slowly"),
    ("Request timed out", 408, "came too slowly"),
    ("<!DOCTYPE html><title>host | 524: A timeout occurred</title>", 524, "lower max_tokens"),
    ("error code: 520", 520, "NO_PROXY"),
    ("error code: 1033", 530, "The tunnel to the server is closed"),
    ("<!DOCTYPE html><title>ERR_NGROK_3200</title>", 404, "The tunnel to the server is closed"),
    ("The endpoint a-b.ngrok.app is offline.\n\nERR_NGROK_3200", 404, "tunnel .* is closed"),
    ("<html>ERR_NGROK_8012</html>", 502, "no server answers at its other end"),
    (
        '{"error":{"message":"You exceeded your current quota, please check your plan and billing '
        'details.","type":"insufficient_quota"}}',
        429,
        "OpenAI's own service and no vLLM server of yours: give the client base_url",
    ),
    (
        '{"error":{"message":"Incorrect API key provided: EMPTY. You can find your API key at '
        'https://platform.openai.com/account/api-keys."}}',
        401,
        "OpenAI's own service",
    ),
    ("<html><title>Jupyter Server</title>404 : Not Found</html>", 404, "Another program than vLLM"),
    ("""{"message": "'_xsrf' argument missing from POST"}""", 403, "Another program than vLLM"),
    ("", 200, "Another program than vLLM"),
    ("", 302, "Another program than vLLM"),
    (NGINX.format("302 Found"), 302, "Another program than vLLM"),
]


@pytest.mark.parametrize(("text", "status", "said"), OTHER_PROGRAMS)
def test_what_answers_is_no_vllm(text: str, status: int, said: str) -> None:
    error: openai.APIStatusError | str = answer(status, text) if status >= 300 else text
    for sentence in (explain_refusal(text, status), explain_refusal(error, status)):
        assert re.search(said, sentence)
        assert "no such address" not in sentence and "too much to do" not in sentence


LOCATIONS = [
    (
        "('body', 'response_format', 'function-wrap[__log_extra_fields__()]', 'json_schema', "
        "'name')",
        "The field response_format.json_schema.name of",
    ),
    ("'body.response_format.json_schema.name'", "The field response_format.json_schema.name of"),
    (
        "('body', 'messages', 0, 'ChatCompletionUserMessageParam', 'content', "
        "'generator[ChatCompletionContentPartTextParam]')",
        "The field messages[0].content of",
    ),
    (
        "'body.messages.0.ChatCompletionUserMessageParam.content'",
        "The field messages[0].content of",
    ),
    ("('body', 'stop', 'list[str]')", "The field stop of"),
    ("('body', 'stop', 'str')", "The field stop of"),
    ("('body',)", "The request is wrong"),
]


@pytest.mark.parametrize(("location", "said"), LOCATIONS)
def test_the_wrong_field_is_named_by_its_path(location: str, said: str) -> None:
    words = f"1 validation error:\n  {{'type': 'x', 'loc': {location}, 'msg': %s, 'input': {{}}}}"
    for message in ("'Value error, It is odd.'", '"It is odd"'):
        sentence = explain_refusal(words % message, 400)
        assert sentence.startswith(said) and sentence.endswith("request is wrong: It is odd.")
    literal = explain_refusal(words % "\"Input should be 'text'\"", 400)
    assert literal.endswith("request is wrong: Input should be 'text'.")


@pytest.mark.parametrize("location", ["('body', 7)", "'body.7'", '["body", 7]'])
def test_broken_json_is_named_by_its_character(location: str) -> None:
    words = f"{{'type': 'json_invalid', 'loc': {location}, 'msg': 'JSON decode error'}}"
    assert "is no JSON, broken at character 7" in explain_refusal(words, 400)


def test_500_without_a_word_stays_what_it_was() -> None:
    assert "failed without a word (500): most often a URL" in explain_refusal("", 500)


def test_unknown_words_are_quoted_with_their_end_and_without_arrays() -> None:
    words = "Something is odd. " * 30 + "Set --the-remedy 5."
    assert explain_refusal(words, 400).endswith("Set --the-remedy 5.")
    array = f"Bad data [[{'0, 255, ' * 3000}]]: set --the-remedy 5."
    shown = explain_refusal(array, 400)
    assert shown.endswith("Bad data …: set --the-remedy 5.") or "…" in shown
    assert "--the-remedy" in shown and len(shown) < 200
    assert len(explain_refusal("word " * 5000, 400)) < 800


# What never left the client


def test_a_wrong_argument_was_never_sent() -> None:
    with openai.OpenAI(api_key="EMPTY") as client:
        with pytest.raises(TypeError) as caught:
            client.chat.completions.create(model="x", messages=[], top_k=20)
        assert "extra_body={'top_k': …}" in explain_refusal(caught.value)
        with pytest.raises(TypeError) as caught:
            client.chat.completions.create(model="x")
        lacks = explain_refusal(caught.value)
        assert "The call lacks arguments, so nothing was sent; it needs" in lacks
        with pytest.raises(TypeError) as caught:
            picture = {"role": "user", "content": object()}
            client.chat.completions.create(model="x", messages=[picture])
        assert "refused" not in explain_refusal(caught.value)
    with pytest.raises(openai.OpenAIError) as caught:
        openai.OpenAI()
    assert 'api_key="EMPTY"' in explain_refusal(caught.value)


HERE = [
    IndexError("list index out of range"),
    FileNotFoundError(2, "No such file or directory", "/home/me/pic.png"),
    TypeError("measure() got an unexpected keyword argument 'top_k'"),
    ValueError("The decoder prompt (length 9) is longer than the maximum model length of 8."),
    ValueError("Incorrect padding"),
    OSError("cannot identify image file 'x.png'"),
    RuntimeError("Rate limit"),
    subprocess.TimeoutExpired("ffmpeg", 5),
    KeyboardInterrupt("stopped"),
]


@pytest.mark.parametrize("error", HERE)
def test_what_happens_here_is_not_blamed_on_a_server(error: BaseException) -> None:
    kind, words = type(error).__name__, str(error)
    assert explain_refusal(error) == f"This is no server's refusal, but {kind} here: {words}"


def test_a_server_may_say_the_same() -> None:
    assert "list of messages is empty" in explain_refusal(answer(400, "list index out of range"))
    request = httpx.Request("GET", "http://127.0.0.1:1/v1")
    response = httpx.Response(404, text="The model `x` does not exist.", request=request)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        response.raise_for_status()
    assert "no model called 'x'" in explain_refusal(caught.value)
    streamed = openai.APIError("An error", request=request, body={"message": DEAD})
    assert "has died" in explain_refusal(streamed)


def test_an_unknown_break_is_quoted() -> None:
    error = openai.APIConnectionError(request=httpx.Request("GET", "http://127.0.0.1:1/v1"))
    error.__cause__ = httpx.DecodingError("Error -3 while decompressing")
    assert explain_refusal(error) == (
        "The request got no answer: DecodingError: Error -3 while decompressing"
    )


def test_other_errors_are_no_refusals() -> None:
    for error in (RuntimeError("odd"), KeyError("odd"), ValueError("odd")):
        sentence = explain_refusal(error)
        assert type(error).__name__ in sentence and "odd" in sentence
        assert "server refused" not in sentence
    assert "image_data_url" in explain_refusal(
        TypeError("Object of type Image is not JSON serializable")
    )
    assert "no place for the image" in explain_refusal(RuntimeError(NO_PLACE))
    assert "time limit" in explain_refusal(TimeoutError())
    assert "time limit" in explain_refusal("Request timed out.")


def test_other_clients_that_meet_no_server() -> None:
    async def ask_with_aiohttp() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get("http://127.0.0.1:9/")

    with pytest.raises(urllib.error.URLError) as opened:
        urllib.request.urlopen("http://127.0.0.1:9/")
    with pytest.raises(aiohttp.ClientError) as asked:
        asyncio.run(ask_with_aiohttp())
    for error in (opened.value, asked.value):
        assert "No server answers: start it" in explain_refusal(error)


def test_a_reply_that_was_cut_off() -> None:
    usage = {"completion_tokens": 9, "prompt_tokens": 1, "total_tokens": 10}
    message = {"role": "assistant", "content": "{   "}
    choice = {"index": 0, "finish_reason": "length", "message": message}
    completion = openai.types.chat.ChatCompletion.model_validate(
        {
            "id": "1",
            "created": 1,
            "model": "x",
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage,
        }
    )
    errors: list[Exception] = [openai.LengthFinishReasonError(completion=completion)]
    for text in ("{   ", "", '{"a": "b', "no JSON"):
        with pytest.raises(json.JSONDecodeError) as caught:
            json.loads(text)
        errors.append(caught.value)
    with pytest.raises(pydantic.ValidationError) as invalid:
        pydantic.TypeAdapter(dict).validate_json("{   ")
    for error in (*errors, invalid.value):
        sentence = explain_refusal(error)
        assert "look at finish_reason" in sentence and "max_tokens" in sentence
        assert "fields in the prompt" in sentence and "refused" not in sentence


# Proxies and connections


@pytest.fixture
def bad_gateway() -> Iterator[str]:
    """A proxy that reaches nothing: 502 for whatever is asked."""

    class Gateway(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(502)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def list_models(base_url: str) -> Exception:
    client = openai.OpenAI(base_url=base_url, api_key="EMPTY", max_retries=0, timeout=5)
    with client, pytest.raises(openai.APIError) as caught:
        client.models.list()
    return caught.value


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_between(name: str, bad_gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, bad_gateway)
    sentence = explain_refusal(list_models("http://127.0.0.1:9/v1"))
    assert "NO_PROXY=127.0.0.1,localhost" in sentence and "URL took" not in sentence


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_that_is_dead(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:  # bound but not listening
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv(name, address)
        sentence = explain_refusal(list_models("http://127.0.0.1:8085/v1"))
        assert "went to a proxy" in sentence and "NO_PROXY=127.0.0.1,localhost" in sentence
        assert "No server answers" not in sentence
        other = explain_refusal(list_models("http://class.example:8085/v1"))
        assert "NO_PROXY=class.example" in other
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert "No server answers: start it" in explain_refusal(list_models(f"{address}/v1"))


def test_nobody_listens_on_another_machine() -> None:
    request = httpx.Request("GET", "http://192.168.1.20:8085/v1/models")
    error = openai.APIConnectionError(request=request)
    error.__cause__ = httpx.ConnectError("[Errno 111] Connection refused")
    sentence = explain_refusal(error)
    assert "No server answers at http://192.168.1.20:8085: check COURSE_BASE_URL" in sentence
    assert "start it" not in sentence


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "No machine has the name"),
        (
            httpx.UnsupportedProtocol(
                "Request URL is missing an 'http://' or 'https://' protocol."
            ),
            "is no address",
        ),
        (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version"), "write http://"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"), "certificate"),
        (httpx.RemoteProtocolError("Server disconnected without"), "broke off in the middle"),
        (httpx.ReadError("[Errno 104] Connection reset by peer"), "broke off in the middle"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "No server answers: start it"),
        (httpx.ReadTimeout("The read operation timed out"), "within the client's time limit"),
    ],
)
def test_no_connection(cause: Exception, said: str) -> None:
    error = openai.APIConnectionError(request=httpx.Request("GET", "http://127.0.0.1:1/v1"))
    error.__cause__ = cause
    assert said in explain_refusal(error)
    assert said in explain_refusal(cause)


@pytest.mark.parametrize(
    "cause",
    [
        httpx.ReadError(""),
        httpx.RemoteProtocolError(""),
        httpx.WriteError("[Errno 32] Broken pipe"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
)
def test_a_connection_that_breaks_off(cause: Exception) -> None:
    error = openai.APIConnectionError(request=httpx.Request("GET", "http://127.0.0.1:1/v1"))
    error.__cause__ = cause
    for sentence in (explain_refusal(error), explain_refusal(cause)):
        assert "broke off in the middle: the engine or the server ended" in sentence
        assert "proxy in between" in sentence and "No server answers" not in sentence


@pytest.mark.parametrize(
    "cause",
    [
        httpx.ConnectTimeout("timed out"),
        httpx.ConnectError("[Errno 113] No route to host"),
        httpx.ConnectError("[Errno 101] Network is unreachable"),
    ],
)
def test_nothing_is_reached(cause: Exception) -> None:
    error = openai.APITimeoutError(request=httpx.Request("GET", "http://me:word@10.2.3.4:8085/v1"))
    error.__cause__ = cause
    assert "Nothing was reached at http://10.2.3.4:8085: check" in explain_refusal(error)
    assert "Nothing was reached at that address: check" in explain_refusal(cause)
    assert "firewall" in explain_refusal(cause) and "smaller" not in explain_refusal(error)


def ask(
    base_url: str, answered: str | None = None, key: str = "EMPTY", **more: object
) -> Exception:
    """What the client raises, or the cell that reads its reply, where 200 and a text come back."""
    http = None
    if answered is not None:
        kind = {"Content-Type": "text/html" if "<" in answered else "application/json"}
        transport = httpx.MockTransport(lambda _: httpx.Response(200, text=answered, headers=kind))
        http = httpx.Client(transport=transport)
    with pytest.raises(Exception) as caught:
        client = openai.OpenAI(
            base_url=base_url, api_key=key, max_retries=0, timeout=5, http_client=http
        )
        reply = client.chat.completions.create(model="x", messages=[], **more)
        print([*reply] if more else reply.choices)
    return caught.value


@pytest.mark.parametrize("key", ["EMPTY\n", "EMPTY ", "schlüssel", "“EMPTY”"])
def test_a_key_that_cannot_be_sent(key: str, bad_gateway: str) -> None:
    for base_url in (f"{bad_gateway}/v1", "http://127.0.0.1:9/v1"):
        sentence = explain_refusal(ask(base_url, key=key))
        assert "The API key holds what no key can have (a line break" in sentence
        assert "EMPTY" not in sentence and "No server" not in sentence
    raw = httpx.LocalProtocolError("Illegal header value b'Bearer EMPTY\\n'")
    assert "The API key holds" in explain_refusal(raw)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:8085v1",
        "http://127.0.0.1:-1/v1",
        "http:/127.0.0.1:8085/v1",
        "http://300.1.1.1:8085/v1",
        "localhost:8085/v1",
        "127.0.0.1:8085/v1",
    ],
)
def test_an_address_that_is_none(base_url: str) -> None:
    sentence = explain_refusal(ask(base_url))
    assert "base_url is no address" in sentence and "before /v1" in sentence


def test_another_program_answers_with_200() -> None:
    page = explain_refusal(ask("http://127.0.0.1:1/v1", "<!DOCTYPE html><html>login</html>"))
    assert "base_url points to another program" in page and "here:" not in page
    assert "Another program than vLLM" in explain_refusal("<html>login</html>", 200)
    for reading in ({}, {"stream": True}):
        text = 'data: {"id":\n\n' if reading else '{"id":'
        cut = explain_refusal(ask("http://127.0.0.1:1/v1", text, **reading))
        assert "The answer itself is no whole JSON" in cut and "finish_reason" not in cut
    error = openai.APIConnectionError(request=httpx.Request("GET", "http://127.0.0.1:1/v1"))
    error.__cause__ = httpx.TooManyRedirects("Exceeded maximum allowed redirects.")
    assert "Another program than vLLM" in explain_refusal(error)


def test_a_socks_proxy_that_the_client_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "Using SOCKS proxy, but the 'socksio' package is not installed. Make sure to install"
    assert "unset ALL_PROXY" in explain_refusal(ImportError(words))
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1080")
    with pytest.raises(ValueError) as caught:
        openai.OpenAI(api_key="EMPTY")
    assert "unset ALL_PROXY" in explain_refusal(caught.value)


def test_every_meaning_is_short() -> None:
    tables = (OTHERS, REFUSALS, RAISED, CONNECTIONS)
    assert all(len(meaning) < 420 for table in tables for _, meaning in table)
