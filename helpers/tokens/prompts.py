"""Count the tokens of a whole `messages` list before it is sent.

The list is written out as Qwen3-VL's chat template writes it, and every piece is counted: a text
by the function that you pass in, a special token as one, pictures and clips by `helpers.tokens`.
"""

import base64
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image

from helpers.media import (
    MAX_FILE_BYTES,
    PILLOW_READERS,
    check_file,
    count_announced,
    find_rate,
    find_video,
    open_clip,
)
from helpers.tokens.counts import (
    REFERENCE,
    STEP,
    ClipPlan,
    Limits,
    TokenError,
    image_tokens,
    plan_clip,
)

MARK = 1  # one special token: <|im_start|>, <|im_end|>
ROLES = ("system", "user", "assistant")
Piece = str | int  # a text that is still to be counted, or a number of tokens


def prompt_tokens(
    messages: list[dict],
    *,
    count_text: Callable[[str], int],
    limits: Limits | None = None,
    version: str = REFERENCE,
    num_frames: int | None = None,
    sample_fps: float | None = None,
) -> int:
    """The `usage.prompt_tokens` that a server of vLLM `version` will report for `messages`.

    `count_text` takes a text and returns its number of tokens: ask the server's /tokenize, or a
    tokenizer. `limits` are the model's pixels (`read_limits`), by default the 4B model's;
    `num_frames` and `sample_fps` are the server's, as in `plan_clip`. Pictures and clips are data
    or file URLs: nothing is fetched. Raises TokenError for what cannot be counted, and MediaError
    for a file that is none. Built in notebook 07.
    """

    def count_part(part: dict) -> Piece:
        kind = part.get("type")
        if kind == "text":
            return str(part.get("text") or "")
        if kind == "image_url":
            kept = {"min_pixels": bounds.min_pixels, "max_pixels": bounds.max_pixels}
            return STEP + image_tokens(*_measure_picture(_find_url(part, kind)), **kept)
        if kind == "video_url":
            plan = _plan_part(_find_url(part, kind), bounds, version, num_frames, sample_fps)
            return plan.count_all(count_text)
        raise TokenError(f'A part has the type {kind!r}: use "text", "image_url" or "video_url".')

    bounds = limits or Limits()
    pieces: list[Piece] = []
    for number, message in enumerate(messages):
        role, parts = _read_message(message, number)
        pieces += [MARK, f"{role}\n", *map(count_part, parts), MARK, "\n"]
    pieces += [MARK, "assistant\n"]
    return _count_pieces(pieces, count_text)


def _count_pieces(pieces: list[Piece], count_text: Callable[[str], int]) -> int:
    """Count texts that touch as the one text that they are to the tokenizer."""
    total, text = 0, ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        total += piece + (count_text(text) if text else 0)
        text = ""
    return total + (count_text(text) if text else 0)


def _read_message(message: dict, number: int) -> tuple[str, list[dict]]:
    """The role of a message, and its content as a list of parts."""
    role = message.get("role") if isinstance(message, dict) else None
    if role not in ROLES or (role == "system" and number):
        raise TokenError(
            f"Message {number} has the role {role!r}: counted are user and assistant, and system "
            "as the first, which is the only one that Qwen3-VL's template writes."
        )
    if message.get("tool_calls"):
        raise TokenError(f"Message {number} holds tool calls, which are not counted here.")
    content = message.get("content") or ""
    if isinstance(content, str):
        return role, [{"type": "text", "text": content}]
    return role, content


def _find_url(part: dict, kind: str) -> str:
    inner = part.get(kind)
    url = inner.get("url") if isinstance(inner, dict) else None
    if not isinstance(url, str):
        raise TokenError(f'A part of type {kind!r} is to read {{"{kind}": {{"url": "…"}}}}.')
    return url


def _measure_picture(url: str) -> tuple[int, int]:
    """Width and height from the picture's header; a turned photo costs the same either way."""
    source = _open_url(url)
    try:
        with Image.open(source, formats=PILLOW_READERS) as picture:
            return picture.size
    except OSError as error:
        raise TokenError(
            "A picture's URL holds no picture: check the file (check_image)."
        ) from error


def _plan_part(
    url: str, bounds: Limits, version: str, num_frames: int | None, sample_fps: float | None
) -> ClipPlan:
    """Plan a clip by what its file says of itself; only a file on disk can be opened."""
    source = _open_url(url)
    with tempfile.TemporaryDirectory() as folder:
        path = source if isinstance(source, Path) else Path(folder) / "clip"
        if path is not source:
            path.write_bytes(source.getvalue())
        with open_clip(path) as container:
            stream = find_video(container, path)
            rate = float(find_rate(stream))
            frames = count_announced(container, stream)
            width, height = stream.width, stream.height
    return plan_clip(
        width,
        height,
        frames=frames,
        fps=rate,
        version=version,
        num_frames=num_frames,
        sample_fps=sample_fps,
        min_pixels=bounds.min_clip_pixels,
        max_pixels=bounds.max_clip_pixels,
    )


def _open_url(url: str) -> Path | io.BytesIO:
    """The file behind a file:// URL, or the bytes in a data URL."""
    address = urlsplit(url)
    if address.scheme == "file":
        path = Path(unquote(address.path))
        check_file(path, MAX_FILE_BYTES)
        return path
    kind, _, data = url.partition(";base64,")
    if address.scheme != "data" or not data or kind == "data:video/jpeg":
        raise TokenError(
            "Counted are data URLs (image_data_url, clip_data_url) and file URLs (file_url); "
            f"this one begins {url[:30]!r}."
        )
    try:
        return io.BytesIO(base64.b64decode(data, validate=True))
    except ValueError as error:
        raise TokenError("A data URL is malformed: let image_data_url write it.") from error
