"""Say in one sentence what a server's refusal means, and the way out.

Each table holds patterns and what they mean. The left column of `REFUSALS` is what vLLM 0.11.0,
0.26.0 and 0.32.0 really answer; most of it does not help a reader. `OTHERS`, `STATUSES` and `PAGES`
are for answers of proxies, tunnels and other programs; `RAISED` and `CONNECTIONS` for what the
client raises where no answer came.
"""

import json
import re
import traceback
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

LONGEST = 700  # characters of a server's words that are quoted
DATA_URL = "send it as a data URL (image_data_url, clip_data_url)"
BASE_URL = "http://127.0.0.1:8085/v1"

PROXY = (
    "Something between you and the server answered, a proxy: for a server on this machine set "
    "NO_PROXY=127.0.0.1,localhost before you start JupyterLab; if another machine serves, its "
    "proxy does not reach vLLM, or yours stands in the way (NO_PROXY with its name)."
)
ADDRESS = (
    f"There is no such address on the server: base_url must end in /v1, once, as in {BASE_URL}."
)
NO_ADDRESS = (
    f"base_url is no address: it reads {BASE_URL}, with a port of at most 65535 before /v1."
)
OTHER_PROGRAM = (
    "Another program than vLLM answers at this address (a login page, JupyterLab, Ollama): correct "
    f"base_url, which reads {BASE_URL}."
)
BAD_KEY = (
    "The API key holds what no key can have (a line break or a space at its end, an umlaut, a "
    "quotation mark of a word processor), so nothing was sent: correct COURSE_API_KEY."
)
NOT_REACHED = r"ConnectTimeout|No route to host|[Uu]nreachable|Host is down"
UNREACHED = (
    "Nothing was reached at {}: check COURSE_BASE_URL, your network (VPN), and the firewall of the "
    "machine that serves."
)
KEY = (
    "The server wants its API key, and got none or a wrong one: set COURSE_API_KEY to it before "
    "you start the notebook."
)
TOO_LARGE = (
    "The request is too large for the proxy before the server (nginx: client_max_body_size): send "
    "smaller or fewer pictures and clips."
)
BUSY = "The server has too much to do just now: wait and send it again, and fewer at once."

# What programs say that are no vLLM, whatever the status of their answer.
OTHERS = (
    (
        r"plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server|"
        r"speaking plain HTTP to an SSL",
        "The server at this address speaks https: write https:// in base_url.",
    ),
    (
        r"ERR_NGROK_3200\b|endpoint .{0,99} is offline|[Ee]rror (code: )?1033\b|"
        r"[Tt]unnel (is )?([Uu]navailable|not found)",
        "The tunnel to the server is closed: ask whoever runs it to open it, and put its address "
        "of today into COURSE_BASE_URL.",
    ),
    (
        r"ERR_NGROK_8012\b",
        "The tunnel is open, but no server answers at its other end: ask whoever runs it to start "
        "vLLM there.",
    ),
    (
        r"platform\.openai\.com|exceeded your current quota|insufficient_quota",
        "This is OpenAI's own service and no vLLM server of yours: give the client base_url, which "
        f"reads {BASE_URL}.",
    ),
    (
        r"<title>[^<]*Jupyter|'_xsrf' argument|try pulling it first",
        OTHER_PROGRAM,
    ),
)

# What the server says, and what to tell the learner; \1 is the first group of what it says.
REFUSALS = (
    (
        r"too large: (\d+)\. This model's maximum context length is (\d+) tokens and your request "
        r"has (\d+) input",
        r"The prompt (\3 tokens) and max_tokens (\1) do not fit into the server's \2 tokens "
        r"together: lower max_tokens, or shorten the prompt.",
    ),
    (
        r"maximum context length is (\d+) tokens\. However, you requested (\d+) output tokens",
        r"The prompt and max_tokens (\2) do not fit into the server's \1 tokens together: lower "
        r"max_tokens, or shorten the prompt.",
    ),
    (
        r"maximum context length is (\d+) tokens.*? at least (\d+) input tokens",
        r"The prompt has more than the \1 tokens that the server holds: shorten the text or the "
        r"conversation, or start the server with a larger --max-model-len.",
    ),
    (
        r"maximum context length is (\d+) tokens.*? (\d+) input tokens",
        r"The prompt has \2 tokens and the server holds \1: shorten the text or the conversation, "
        r"or start the server with a larger --max-model-len.",
    ),
    (
        r"prompt \(length (\d+)\) is longer than the maximum model length of (\d+)",
        r"The prompt has \1 tokens with its pictures and clips and the server holds \2: send "
        r"smaller or fewer of them, or start the server with a larger --max-model-len.",
    ),
    (
        r"maximum (?:context|model) length",
        "The prompt is too long for the server: shorten it, send smaller pictures or fewer frames, "
        "or start the server with a larger --max-model-len.",
    ),
    (
        "--trust-request-mm-kwargs",
        "Since vLLM 0.31 a server takes mm_processor_kwargs and media_io_kwargs in a request only "
        "if it was started with --trust-request-mm-kwargs: start it so, or leave them out.",
    ),
    (
        r"Failed to apply \w+ on data=.*'videos':.*with kwargs=.*'fps':",
        "The server's loader has already chosen the frames, and this version's processor takes no "
        "fps for them: leave it out, or set the rate when you start the server.",
    ),
    (
        r"Failed to apply \w+ on data=.*'videos':",
        "The model's processor refuses the clip, which has a single frame, a side under 32 px, or "
        "sides more than 200 to 1: run check_clip on the file, which says what is wrong.",
    ),
    (
        r"Failed to apply \w+ on data=.*'images':",
        "The model's processor refuses the picture, one side of which is over 200 times the "
        "other: crop it, or put it on a wider background.",
    ),
    (
        "list index out of range|empty conversation",
        "The list of messages is empty: send at least one message.",
    ),
    (
        "Cannot load local files without",
        "The server was started without --allowed-local-media-path and opens no file:// URL: add "
        f"the flag, or {DATA_URL}.",
    ),
    (
        r"must be a subpath of `--allowed-local-media-path`? (.+?)`?\.(?: None)?$",
        rf"The server opens files in \1 alone: copy the file there, or {DATA_URL}.",
    ),
    (
        r"No such file or directory: '<path>'",  # 0.32 hides the path
        r"The server does not find the file on its own disk: build the URL with file_url, or, where"
        rf" the server runs on another machine, {DATA_URL}.",
    ),
    (
        r"No such file or directory: '(.+?)'",
        r"The server finds no file \1 on its own disk: build the URL with file_url, or, where the "
        rf"server runs on another machine, {DATA_URL}.",
    ),
    (
        r"At most (\d+) (\w+)\(s\) may be provided",
        r"The server takes at most \1 \2(s) in one request: send fewer, or start it with a higher "
        r"--limit-mm-per-prompt.",
    ),
    (
        r"Cannot connect to host (\S+)",
        r"The server cannot reach \1, and it is the server that fetches the URL, not your browser: "
        rf"check the address from the server's machine, or download the file and {DATA_URL}.",
    ),
    (
        r"(\d{3}), message='([^']*)', url='([^']+)'",
        rf"The address \3 answered the server with \1 \2: correct it, or download the file and "
        f"{DATA_URL}.",
    ),
    (
        r"media from URL: HTTP (\d{3}) error.*?value=(\S+)\)",
        rf"The address \2 answered the server with \1: correct it, or download the file and "
        f"{DATA_URL}.",
    ),
    (
        "cannot identify image file",
        "What came in place of a picture is none, but a web page, a clip or a damaged file: run "
        "check_image on it, and open the URL in a browser. (The course's server follows no "
        "redirect: give the address that the browser ends at.)",
    ),
    (
        r"image file is truncated|broken PNG|broken data stream|unrecognized data stream",
        "The picture is cut off or damaged: run check_image on the file and download or save it "
        "again.",
    ),
    (
        r"Image size \((\d+) pixels\) exceeds limit",
        r"The picture has \1 pixels, which is taken for a decompression bomb: shrink it to at most "
        r"4096×4096.",
    ),
    (
        r"[Oo]nly base64|[Nn]on-base64|[Ii]nvalid base64|[Ii]ncorrect padding|[Ee]xcess data after|"
        r"(Leading|Discontinuous) padding|not enough values to unpack",
        "The data URL is malformed; it must read data:image/png;base64, and then the bytes in "
        "base64: let image_data_url or clip_data_url write it.",
    ),
    (
        "must be either a HTTP, data or file URL",
        "The url of a picture or clip is a plain path: turn it into a URL with image_data_url, "
        "clip_data_url or file_url.",
    ),
    (
        r"Unknown part type: (\w+)",
        r"A content part has the type '\1', which a server does not know: use 'text', 'image_url' "
        r"or 'video_url'.",
    ),
    (
        r"validation errors for ValidatorIterator.*?'type': '(?!text|image_url|video_url)(\w+)'",
        r"A content part has the type '\1', which a server does not know: use 'text', 'image_url' "
        r"or 'video_url'.",
    ),
    (
        r"validation errors for ValidatorIterator.*?'type': '(\w+)'",
        r"The \1 part is malformed: it holds a second field of that name, as in "
        r'{"type": "image_url", "image_url": {"url": "…"}} (video_url for a clip).',
    ),
    (
        r"validation error for ChatCompletionContentPart(Image|Video)Param",
        r"The \1 part is malformed: its URL goes into a dictionary of its own, as in "
        r'{"type": "image_url", "image_url": {"url": "…"}} (video_url for a clip).',
    ),
    (
        r"The timestamps length\(\d+\) should be equal video length \(\d+\)",
        "The server and the model's processor counted different frames: leave max_frames, "
        "num_frames and fps out of mm_processor_kwargs, and send a clip of 2 frames a second "
        "(notebook 05) or set --media-io-kwargs at the server's start.",
    ),
    (
        r"Could not open video stream|Number of samples, -\d+, must be non-negative",
        "What came in place of a clip is none: run check_clip on the file.",
    ),
    (
        r"The model `(.+)` does not exist",
        r"The server serves no model called '\1': take the name from client.models.list().",
    ),
    (
        r"EngineCore encountered an issue|EngineDead",
        "The engine behind the server has died and answers nothing any more: start the server "
        "again (its log, server.log_path, has the cause). vLLM 0.11 dies of <|image_pad|> and its "
        'like in a text (check_text finds them), of response_format={"type": "text"}, of a '
        'json_schema without a schema, and of structured_outputs as {}, {"choices": …}, '
        '{"json_object": false} or {"json": ""}.',
    ),
    (
        r"tool choice requires|tool_choice=.* requires",
        "The server was started without tools: start it with COURSE_SERVE_FLAGS="
        "'--enable-auto-tool-choice --tool-call-parser hermes' (Qwen3-VL writes its calls in "
        "hermes' form).",
    ),
    (
        r"You can only use one kind of (?:constraints for )?structured outputs|"
        r"only either use constraints for structured outputs",
        "The request asks for two forms of reply at once: keep one of response_format, "
        "structured_outputs and a forced tool.",
    ),
    (
        r"features not supported by xgrammar",
        "The schema has something that the server's library for forms does not know (multipleOf, "
        "uniqueItems, contains, a length beside a pattern; with vLLM 0.11 also any format, "
        "patternProperties and propertyNames): leave it out, and check the reply in your program.",
    ),
    (
        r"transform choices into a grammar: \{err\}",
        "vLLM 0.11 makes no grammar of a choice that has a line break: take it out.",
    ),
    (
        r"transform (?:json )?(schema|regex|choices) into a grammar: (?:\[[\d:]+\] \S+:\d+: )?"
        r"(?:Check failed: .*? is false: )?([^\n]+?)[.\s]*$",
        r"The server makes no grammar of the request's \1: \2. Correct it; types are string, "
        r"number, integer, boolean, array, object and null.",
    ),
    (
        r"^Invalid (?:JSON )?(?:grammar|structural tag) specification",
        "The grammar, or the schema that came as a text, is broken: correct it, and give a schema "
        "as a dictionary.",
    ),
    (
        r"^Internal server error$",
        "The server failed at this request, and its log (server.log_path) says of what. With "
        "vLLM 0.32 it is often the form: a tool call that is forced after somebody's first form "
        "was an odd one, unless the server was started with --structured-outputs-config "
        '\'{"backend": "xgrammar"}\', or a form that nothing can fill.',
    ),
    (
        r"Grammar error: (?:at \d+\(\d+\): )?([^\n]+?)\s*(?:\n|$)",
        r"The server makes no grammar of the request's schema, regex or grammar: \1. Correct it; "
        "types are string, number, integer, boolean, array, object and null.",
    ),
    (
        r"exceeds the pre-allocated encoder cache size (\d+)",
        r"A picture or clip has more than the \1 visual tokens that this server holds for one: "
        r"send it smaller, or with an even number of frames.",
    ),
    (
        "--trust-request-chat-template",
        "The server takes no chat_template in a request unless it was started with "
        "--trust-request-chat-template: leave it out, the model brings its own.",
    ),
    (
        r"currently busy and cannot accept|token backlog limit|[Tt]oo many requests|"
        r"[Rr]ate limit|Request failed; please retry",
        BUSY,
    ),
    (
        r"`tools` must be set",
        "tool_choice needs tools to choose from: list the functions in tools=[…], or leave "
        "tool_choice out.",
    ),
    (
        r"validation errors? for \w+\n\s*Value error, (.+?)\.? \[type=",
        r"The request is wrong: \1.",
    ),
    (
        r"validation errors? for \w+\n(\S+)\n\s+([^\n]+?)\.? \[type=",
        r"The field \1 of the request is wrong: \2.",
    ),
    (
        "Unauthorized|[Ii]nvalid API key",
        KEY,
    ),
    (
        r"413 Request Entity Too Large|Payload Too Large|Request body too large",
        TOO_LARGE,
    ),
)

# What is raised here, by the client or the course's own code; an exception reads "Type: words".
RAISED = (
    (
        r"JSONDecodeError in the client",
        "The answer itself is no whole JSON: the connection or a proxy cut it off, or base_url "
        "points to another program. Send the request again, and look in server.log_path.",
    ),
    (
        r"AttributeError.*'str' object has no attribute '(choices|usage|_set_private_attributes)'",
        "A text came in place of a reply: print it. A web page means that base_url points to "
        "another program (it reads http://127.0.0.1:8085/v1); else the variable holds the text of "
        "the reply alone.",
    ),
    (
        r"Expected there to be \d+ prompt (?:updates|placeholders) corresponding to \d+ (\w+) "
        r"items, but instead found 0",
        r"The prompt has no place for the \1: write it with processor.apply_chat_template "
        r"(notebook 06), not by hand.",
    ),
    (
        r"Expected there to be (\d+) prompt (?:updates|placeholders) corresponding to \d+ (\w+) "
        r"items, but instead found (\d+)",
        r"The prompt has places for \3 of \1 \2 items: write it with "
        r"processor.apply_chat_template (notebook 06), which makes one for each.",
    ),
    (
        r"length limit was reached|: line \d+ column \d+ \(char \d+\)|Invalid JSON: ",
        "The reply is no whole JSON, most often because it was cut off: look at finish_reason "
        "before you parse it, and if that is 'length', set a larger max_tokens and name the "
        "schema's fields in the prompt too, or the model may write spaces until the limit.",
    ),
    (
        r"\b(?:\w*Completions|\w*OpenAI|Models|Responses)\.\w+\(\) got an unexpected keyword "
        r"argument '(\w+)'",
        r"The client knows no argument \1, so nothing was sent: what is vLLM's own goes into "
        r"extra_body={'\1': …}; else correct the name.",
    ),
    (
        r"Missing required arguments; Expected (.+)",
        r"The call lacks arguments, so nothing was sent; it needs \1",
    ),
    (
        r"Object of type (\w+) is not JSON serializable",
        r"The request holds a \1 of Python, which JSON cannot carry, so nothing was sent: turn a "
        r"picture or clip into a URL with image_data_url or clip_data_url.",
    ),
    (
        r"api_key client option must be set|\bMissing credentials",
        'The client wants a key: give OpenAI(api_key="EMPTY") or any other text, a server without '
        "a key does not read it.",
    ),
    (
        r"Illegal header value b'Bearer|UnicodeEncodeError in the client: 'ascii'",
        BAD_KEY,
    ),
    (
        r"SOCKS proxy|[Uu]nknown scheme for proxy",
        "ALL_PROXY names a kind of proxy that the client cannot use: `unset ALL_PROXY all_proxy` "
        "before you start JupyterLab; a server on this machine needs none.",
    ),
)

# A request that met no server, or whose connection broke off.
CONNECTIONS = (
    (
        r"missing an 'http://' or 'https://' protocol|InvalidURL|Invalid (URL|port)|"
        r"nsupported ?[Pp]rotocol|Servname not supported",
        NO_ADDRESS,
    ),
    (r"TooManyRedirects|maximum allowed redirects", OTHER_PROGRAM),
    (
        r"WRONG_VERSION_NUMBER|record layer failure|EOF occurred in violation",
        "The address begins with https, and the server speaks plain http (or a proxy ends what is "
        "encrypted): write http:// in base_url.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "The certificate of the address is none that this machine trusts: a proxy in between, or "
        "a server with a certificate of its own; ask whoever runs it.",
    ),
    (
        r"Name or service not known|nodename nor servname|Temporary failure in name|"
        r"getaddrinfo failed|No address associated",
        "No machine has the name in base_url: correct COURSE_BASE_URL.",
    ),
    (NOT_REACHED, UNREACHED.format("that address")),
    (r"ProxyError|Proxy Authentication Required", PROXY),
    (
        r"Server ?disconnected|[Cc]onnection (reset|aborted)|peer closed connection|incomplete "
        r"chunked|[Bb]roken pipe|IncompleteRead|not completed|"
        r"\b(Read|Write|Close|RemoteProtocol)Error\b",
        "The connection broke off in the middle: the engine or the server ended (look in its log, "
        "server.log_path, and start it again), or a proxy in between found the request too large "
        "or too slow.",
    ),
    (
        r"[Tt]imed out|Timeout(Error)?\b",
        "No answer within the client's time limit: send a smaller picture or clip, lower "
        "max_tokens, or give OpenAI(..., timeout=) more seconds.",
    ),
    (
        r"Connection error|ConnectError|Connect call failed|[Cc]onnection ?refused|actively "
        r"refused",
        "No server answers: start it (notebook 02), or look in its log (server.log_path) if it was "
        "running a moment ago; a server elsewhere is a question to whoever runs it.",
    ),
)

# What an answer means whose words are none, a page, or the name of its status.
STATUSES = {
    401: KEY,
    403: "The server, or a proxy before it, does not let you in: check COURSE_API_KEY and ask "
    "whoever runs it.",
    404: ADDRESS,
    405: ADDRESS,
    407: PROXY,
    408: "The request came too slowly for the server or the proxy before it: send it again, with "
    "smaller or fewer pictures and clips.",
    413: TOO_LARGE,
    429: BUSY,
    502: PROXY,
    503: PROXY,
    504: PROXY,
    **dict.fromkeys((520, 521, 522, 523, 530), PROXY),  # Cloudflare's own
    524: "The proxy before the server waits no longer for a reply: lower max_tokens, or let the "
    "reply come in pieces (stream=True).",
}
PAGES = STATUSES | {
    500: "A program failed and says so with a web page (500), which vLLM never does: base_url "
    f"points to another program (it reads {BASE_URL}), or a proxy failed; ask whoever runs it.",
}
BY_STATUS = {401, 407, 408, 413, 429}  # whatever their words
LOCAL = ("127.0.0.1", "localhost", "::1")
CLIENT = {"openai", "httpx", "httpx2"}
NETWORK = CLIENT | {"httpcore", "httpcore2", "aiohttp", "requests", "urllib3", "http"}
FIELD = re.compile(
    r"""['"]loc['"]: ?[\[(]?['"]body\b(?P<path>.*?)[\])'",]*, ?['"]msg['"]: ?"""
    r"""(?P<quote>['"])(Value error, )?(?P<said>.+?)(?P=quote)[,}]""",
    re.DOTALL,
)
KINDS = {"str", "int", "float", "bool", "list", "dict", "none"}  # pydantic's, between the fields
NAMES = re.compile(
    r"^\W*(\d{3}\W*)?(not found|(404 )?page not found|method not allowed|forbidden|bad gateway|"
    r"service (temporarily )?unavailable|gateway time-?out|proxy authentication required|"
    r"proxy error|no healthy upstream|upstream .*|invalid key|error code: \d+|"
    r"request time-?out)\W*$",
    re.IGNORECASE | re.DOTALL,
)
PAGE = re.compile(r"^\s*(<!doctype|<html|<head|<\?xml)|</(html|body|title)>", re.IGNORECASE)


def explain_refusal(error: BaseException | str, status: int | None = None) -> str:
    """Return one or two sentences: why the request failed, and the way out.

    Takes what the `openai` client raises (APIStatusError, APIConnectionError, APITimeoutError), any
    other exception, or the server's text and its HTTP status. Only a text or an error that holds an
    answer is read as a server's words: all else was raised here. What is not known is quoted,
    without its arrays and cut to 700 characters.
    """
    words, response = read_words(error), getattr(error, "response", None)
    status = getattr(error if response is None else response, "status_code", status)
    if _holds_answer(error):
        raised, sentence = words, explain_answer(words, status)
    else:
        raised = _describe(error)
        sentence = explain_connection(error, raised)
    sentence = sentence or _find_meaning(RAISED, raised)
    if not sentence and status is None and _comes_from_network(error):
        sentence = _find_meaning(CONNECTIONS, raised)
    return sentence or _quote(error, words, status)


def explain_answer(words: str, status: int | None) -> str:
    """The sentence of what a server, or another program in its place, said; '' if not known."""
    sentence = (
        _find_meaning(OTHERS, words)
        or explain_status(words, status)
        or _find_meaning(REFUSALS, words)
        or _explain_fields(words)
    )
    return sentence or (_explain_missing_frames(words) if "Expected reading" in words else "")


def explain_status(words: str, status: int | None) -> str:
    """The sentence of an answer that tells by its status alone; '' of any other."""
    page, name = PAGE.search(words), NAMES.match(words)
    if status is None and page:
        found = re.search(r"<(?:title|h1)\b[^<]*?\b([45]\d\d)\b", words, re.IGNORECASE)
        status = int(found[1]) if found else 502
    elif status is None and name:
        status = 404 if re.search("found|allowed", words, re.IGNORECASE) else 502
    if status is not None and (300 <= status < 400 or ((page or not words) and status < 300)):
        return OTHER_PROGRAM
    if page:
        return PAGES.get(status, PROXY)
    return STATUSES.get(status, "") if name or not words or status in BY_STATUS else ""


def explain_connection(error: BaseException | str, raised: str) -> str:
    """The sentence of a request that met no server, by where it was sent; '' of any other."""
    request = _get_request(error)
    if request is None:
        return ""
    url = urlsplit(str(request.url))
    host = url.hostname or ""
    try:
        address = f"{url.scheme}://{host}:{url.port}" if url.port else f"{url.scheme}://{host}"
    except ValueError:  # a port over 65535
        host = ""
    if not host:
        return NO_ADDRESS
    key = getattr(request, "headers", {}).get("authorization", "")
    if key != key.strip():
        return BAD_KEY
    if names := _find_proxied(url.scheme, host, raised):
        return (
            f"The request went to a proxy (HTTP_PROXY or ALL_PROXY) and not to {host}: set "
            f"NO_PROXY={names} before you start JupyterLab."
        )
    if re.search(NOT_REACHED, raised):
        return UNREACHED.format(address)
    if host in LOCAL or "refused" not in raised:
        return ""
    return (
        f"No server answers at {address}: check COURSE_BASE_URL, and ask whoever runs it whether "
        "it is up."
    )


def _find_proxied(scheme: str, host: str, raised: str) -> str:
    """What NO_PROXY has to name where a proxy swallowed the request; '' where none did."""
    proxies = getproxies()
    unmet = "Connect|Proxy|Read|RemoteProtocol" if host in LOCAL else "Connect|Proxy"
    if not re.search(rf"\b({unmet})(Error|Timeout)", raised):
        return ""
    if (scheme not in proxies and "all" not in proxies) or proxy_bypass(host):
        return ""
    return "127.0.0.1,localhost" if host in LOCAL else host


def _find_meaning(rules: tuple[tuple[str, str], ...], words: str) -> str:
    """The meaning of the first rule that fits the words; '' if none does."""
    matches = ((re.search(said, words, re.DOTALL), meaning) for said, meaning in rules)
    return next((match.expand(meaning) for match, meaning in matches if match), "")


def _explain_fields(words: str) -> str:
    """The first field that the server found wrong, with the way to it; '' of other words."""
    match = FIELD.search(words)
    if match is None:
        return ""
    path, said = "", match["said"].rstrip(".")
    for part in re.split(r"[\s'\",.]+", match["path"]):
        if part.isdigit():
            path += f"[{part}]"
        elif re.fullmatch(r"[a-z_]\w*", part) and part not in KINDS:
            path += f".{part}" if path else part
    if path.startswith("["):
        return f"The request is no JSON, broken at character {path[1:-1]}: let json.dumps write it."
    return f"The {f'field {path} of the ' if path else ''}request is wrong: {said}."


def _explain_missing_frames(words: str) -> str:
    wanted, loaded = map(int, re.findall(r"-?\d+", words)[:2])
    convert = "convert it to a constant rate: `ffmpeg -i IN -vf fps=30 OUT.mp4`"
    if loaded >= 0.95 * wanted > 0:
        return (
            "The frames of the clip are not evenly spaced, so their number is only estimated, and "
            f"vLLM 0.11 insists on it: {convert}."
        )
    return (
        f"The clip announces more frames than the {loaded} that the server could take from it: its "
        f"frames are not evenly spaced (then {convert}), or it is cut off or no clip; check_clip "
        "tells which."
    )


def _quote(error: BaseException | str, words: str, status: int | None) -> str:
    """What is not known, in its own words."""
    shown = re.sub(r"[\d.,\s\[\]-]{60,}", " … ", words)
    shown = " ".join(shown.split())
    shown = shown if len(shown) <= LONGEST else shown[:LONGEST] + "…"
    if not _holds_answer(error):
        if _get_request(error) is not None:
            return f"The request got no answer: {_describe(error).splitlines()[0]}"
        return f"This is no server's refusal, but {type(error).__name__} here: {shown}"
    code = "" if status is None else f" ({status})"
    if not words:
        return (
            f"The server failed without a word{code}: most often a URL took it longer than 5 s "
            "(picture) or 30 s (clip) to load, or the clip came as data:video/jpeg, which vLLM "
            f"0.11 cannot read; download the file and {DATA_URL}, or look in server.log_path."
        )
    return f"The server refused the request{code} and says: {shown}"


# Errors are told apart by their modules and fields: importing openai takes 0.4 s.


def _holds_answer(error: BaseException | str) -> bool:
    """Whether a server's words are in it: a text, an error status, an error within a stream."""
    fields = (getattr(error, name, None) for name in ("response", "body"))
    return isinstance(error, str) or any(field is not None for field in fields)


def _comes_from_network(error: BaseException | str) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, str | OSError) or module in NETWORK


def _get_request(error: BaseException | str) -> object | None:
    """The request that got no answer; None of anything else."""
    try:
        return None if _holds_answer(error) else error.request
    except (AttributeError, RuntimeError):  # httpx raises where an error has none
        return None


def _describe(error: BaseException | str | None) -> str:
    """Type and words of an exception, and a line for each that caused it; '' of a text."""
    if not isinstance(error, BaseException):
        return ""
    caused = _describe(error.__cause__)
    if caused and type(error).__name__ in ("APIConnectionError", "APITimeoutError"):
        return caused  # "Connection error." says less
    frames = traceback.walk_tb(error.__traceback__)
    modules = {frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in frames}
    place = " in the client" if modules & CLIENT else ""
    return f"{type(error).__name__}{place}: {error}\n{caused}".strip()


def read_words(error: BaseException | str) -> str:
    """Return what the server itself said, without the client's wrapping; '' if nothing.

    The fields are those of `openai.APIError`, looked up by name: importing openai takes 0.4 s.
    """
    body = getattr(error, "body", None)
    if isinstance(body, dict) and "message" in body:
        return str(body["message"]).strip()
    response = getattr(error, "response", None)
    text = str(error if response is None else response.text).strip()
    if not text and response is None and isinstance(error, BaseException):
        return type(error).__name__
    try:  # the server's text as it came: {"error": {"message": …}}, in 0.11 without the outer part
        found = json.loads(text)
        if isinstance(found.get("detail"), str):
            return found["detail"]
        return str(found.get("error", found)["message"]).strip()
    except (ValueError, AttributeError, KeyError, TypeError):
        return text
