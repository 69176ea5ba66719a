"""Say in one sentence what a server's refusal means, and the way out.

The left column of `REFUSALS` is what vLLM 0.11.0, 0.26.0 and 0.32.0 really answer; most of it does
not help a reader.
"""

import json
import re

DATA_URL = "send it as a data URL (image_data_url, clip_data_url)"

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
        "check_image on it, and open the URL in a browser.",
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
        r"[Oo]nly base64|[Nn]on-base64|[Ii]ncorrect padding|not enough values to unpack",
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
        r"Expected reading -?\d+ frames, but only loaded (\d+)",
        r"The clip announces more frames than the \1 that the server could take from it: it is cut "
        r"off, damaged or no clip, so run check_clip on the file.",
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
        "again and look for the cause in its log (server.log_path); on vLLM 0.11 a media marker "
        "such as <|image_pad|> in a text does this, which check_text finds.",
    ),
    (
        "Unauthorized",
        "The server wants an API key: set COURSE_API_KEY before you start the notebook.",
    ),
    (
        r"Request timed out",
        "No answer within the client's time limit: send a smaller picture or clip, lower "
        "max_tokens, or give OpenAI(..., timeout=) more seconds.",
    ),
    (
        r"Connection error|Connection refused",
        "No server answers: start it (notebook 02), or look in its log (server.log_path) if it was "
        "running a moment ago.",
    ),
)


def explain_refusal(error: Exception | str, status: int | None = None) -> str:
    """Return one sentence: why the request failed, and the way out.

    Takes what the `openai` client raises (APIStatusError, APIConnectionError, APITimeoutError), any
    other exception, or the server's text and its HTTP status. What is not known is quoted, cut to
    300 characters.
    """
    words = read_words(error)
    for said, meaning in REFUSALS:
        match = re.search(said, words, re.DOTALL)
        if match:
            return match.expand(meaning)
    status = getattr(error, "status_code", status)
    code = "" if status is None else f" ({status})"
    if not words:
        return (
            f"The server failed without a word{code}: most often a URL took it longer than 5 s "
            "(picture) or 30 s (clip) to load, or the clip came as data:video/jpeg, which vLLM "
            f"0.11 cannot read; download the file and {DATA_URL}, or look in server.log_path."
        )
    shown = words if len(words) <= 300 else words[:300] + "…"
    return f"The server refused the request{code} and says: {shown}"


def read_words(error: Exception | str) -> str:
    """Return what the server itself said, without the client's wrapping; '' if nothing.

    The fields are those of `openai.APIError`, looked up by name: importing openai takes 0.4 s.
    """
    body = getattr(error, "body", None)
    if isinstance(body, dict) and "message" in body:
        return str(body["message"]).strip()
    response = getattr(error, "response", None)
    text = str(error if response is None else response.text).strip()
    try:  # the server's text as it came: {"error": {"message": …}}, in 0.11 without the outer part
        found = json.loads(text)
        return str(found.get("error", found)["message"]).strip()
    except (ValueError, AttributeError, KeyError, TypeError):
        return text
