"""Check a clip before it is sent, turn it into a data URL, take and lay out its frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from helpers.media_files import (
    MAX_FILE_BYTES,
    MediaError,
    check_aspect,
    check_file,
    name_file,
    read_file,
    say_bytes,
    say_unreadable,
    write_data_url,
)

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

# FFmpeg's names. A list also keeps it from playlists, which open other files and addresses.
READABLE = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
CONTAINERS = {"matroska,webm": "matroska", "avi": "avi"}  # every other is "mp4"

MAX_SECONDS = 300  # the 32 frames that the server takes would lie 10 s apart
MAX_FRAMES = 18_000  # 300 s at 60 a second: the server unpacks each of them to get at its 32
MAX_FRAME_PIXELS = 4096 * 2304  # a bit over 4K: 32 such frames are 0.9 GB of the server's memory
MIN_FRAME_SIDE = 32  # one visual token; Qwen3VLVideoProcessor refuses less
MIN_FRAMES = 2  # Qwen3-VL looks at frames in pairs


@dataclass(frozen=True)
class ClipInfo:
    """A clip that was decoded to its end; `seconds` is frames / fps, as the server counts."""

    path: Path
    container: str
    codec: str
    width: int
    height: int
    fps: float
    frames: int
    seconds: float
    bytes: int

    def __str__(self) -> str:
        kind = f"{self.container} ({self.codec}), {self.width}×{self.height} px"
        length = f"{self.frames} frames, {self.fps:g} a second, {self.seconds:.2f} s"
        return f"{self.path.name}: {kind}, {length}, {say_bytes(self.bytes)}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"✅ {self}"


def check_clip(path: str | Path) -> ClipInfo:
    """Decode a clip file to its end; raise MediaError where the server would refuse it.

    Bytes, seconds, frames and pixels are checked before decoding, and the frames that come out
    are counted against those the file announces: half a file often has a whole header.
    """
    path = Path(path)
    size = check_file(path, MAX_FILE_BYTES)
    with open_clip(path) as container:
        stream = find_video(container, path)
        announced = count_announced(container, stream)
        check_limits(stream, announced, path)
        frames = sum(1 for _ in decode_frames(container, stream, path))
        check_frame_count(frames, announced, path)
        kind, codec = CONTAINERS.get(container.format.name, "mp4"), stream.codec_context.name
        fps, width, height = float(stream.guessed_rate), stream.width, stream.height
    return ClipInfo(path, kind, codec, width, height, fps, frames, frames / fps, size)


def clip_data_url(path: str | Path) -> str:
    """Turn a clip into a `data:video/…;base64,…` URL of the file's own bytes."""
    info = check_clip(path)
    return write_data_url(f"video/{info.container}", read_file(info.path, MAX_FILE_BYTES))


def sample_frames(path: str | Path, count: int) -> tuple[list[Image.Image], list[float]]:
    """Return `count` frames spread evenly over a clip, and the second at which each is shown.

    The indices are those of vLLM 0.11's default loader: linspace(0, total - 1, count), cut to
    whole numbers; every frame where the clip has fewer than `count`.
    """
    import numpy as np

    if count < 1:
        raise MediaError(f"{count} frames cannot be taken from a clip: ask for at least 1.")
    info = check_clip(path)
    wanted = set(np.linspace(0, info.frames - 1, min(count, info.frames), dtype=int).tolist())
    pictures, seconds = [], []
    with open_clip(info.path) as container:
        stream = find_video(container, info.path)
        for index, frame in enumerate(decode_frames(container, stream, info.path)):
            if index in wanted:
                pictures.append(frame.to_image().rotate(frame.rotation, expand=True))
                seconds.append(index / info.fps if frame.time is None else frame.time)
    return pictures, seconds


def contact_sheet(path: str | Path, frames: int = 8, *, columns: int = 4) -> Image.Image:
    """Lay out a clip's frames in a grid 640 px wide, each with its time in seconds below."""
    pictures, seconds = sample_frames(path, frames)
    columns = min(columns, len(pictures))
    gap, caption, sheet_width = 8, 22, 640
    cell = (sheet_width - gap * (columns + 1)) // columns
    for picture in pictures:
        picture.thumbnail((cell, cell))
    row_height = max(picture.height for picture in pictures) + caption
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (sheet_width, gap + rows * row_height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    for number, (picture, second) in enumerate(zip(pictures, seconds, strict=True)):
        row, column = divmod(number, columns)
        middle = gap + column * (cell + gap) + cell // 2
        top = gap + row * row_height
        sheet.paste(picture, (middle - picture.width // 2, top))
        below = (middle, top + picture.height + 2)
        draw.text(below, f"{second:.2f} s", fill="black", font=font, anchor="ma")
    return sheet


def open_clip(path: Path) -> "InputContainer":
    """Open a clip with FFmpeg, kept to the container formats that the course accepts."""
    import av

    try:
        return av.open(str(path), options={"format_whitelist": READABLE})
    except PermissionError as error:
        raise MediaError(say_unreadable(path, error)) from error
    except av.FFmpegError as error:
        with path.open("rb") as file:
            starts_like_mp4 = file.read(12)[4:8] == b"ftyp"
        if starts_like_mp4:
            raise MediaError(
                f"{name_file(path)} is an MP4 whose index (the moov atom) is missing or broken, as "
                "after an interrupted recording or download: record or download it again."
            ) from error
        raise MediaError(
            f"{name_file(path)} is not an MP4, MOV, MKV, WebM or AVI clip: convert it to MP4, or "
            "check it with check_image if it is a picture."
        ) from error


def find_video(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the first video stream, decoded on this thread alone.

    Not on several: once torchvision is imported, PyAV hands FFmpeg's complaints about a damaged
    file to Python's logging, and a decoder thread that complains while the container is closed
    waits for ever.
    """
    if not container.streams.video:
        kinds = " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise MediaError(
            f"{name_file(path)} has no video stream, only {kinds}: choose a file with pictures."
        )
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise MediaError(
            f"{name_file(path)} is coded in a way that FFmpeg does not know here: convert it to "
            "MP4 with H.264."
        )
    stream.thread_type = "NONE"
    return stream


def count_announced(container: "InputContainer", stream: "VideoStream") -> int:
    """Count frames as OpenCV does in the server: from the header, else duration × rate."""
    if stream.frames:
        return stream.frames
    seconds = Fraction(container.duration or 0, 1_000_000)
    return int(seconds * (stream.guessed_rate or 0) + Fraction(1, 2))


def check_limits(stream: "VideoStream", announced: int, path: Path) -> None:
    """Refuse, before decoding, what by its header is too long, too large or too small."""
    name, width, height = name_file(path), stream.width, stream.height
    if announced <= 0:
        raise MediaError(
            f"{name} does not say how long it is, which vLLM 0.11 needs to choose its frames: "
            "convert it to MP4."
        )
    seconds = announced / float(stream.guessed_rate)
    if seconds > MAX_SECONDS or announced > MAX_FRAMES:
        raise MediaError(
            f"{name} is too long ({seconds:,.0f} s and {announced:,} frames; at most {MAX_SECONDS} "
            f"s and {MAX_FRAMES:,} frames): cut out the part that you ask about."
        )
    if width * height > MAX_FRAME_PIXELS:
        raise MediaError(
            f"{name} has frames of {width}×{height} px, more than {MAX_FRAME_PIXELS:,} pixels: "
            "scale it down; 1280×720 is plenty for a clip."
        )
    if min(width, height) < MIN_FRAME_SIDE:
        raise MediaError(
            f"{name} has frames of {width}×{height} px, and Qwen3-VL's processor refuses a side "
            f"under {MIN_FRAME_SIDE} px: scale it up."
        )
    check_aspect(width, height, name)


def decode_frames(
    container: "InputContainer", stream: "VideoStream", path: Path
) -> Iterator["VideoFrame"]:
    """Yield the frames in the order they are shown; stop with MediaError where data is damaged."""
    import av

    count = 0
    try:
        for frame in container.decode(stream):
            count += 1
            if count > MAX_FRAMES:
                raise MediaError(
                    f"{name_file(path)} is too long (over {MAX_FRAMES:,} frames, more than it "
                    "announces): cut out the part that you ask about."
                )
            yield frame
    except av.FFmpegError as error:
        raise MediaError(
            f"{name_file(path)} is damaged or cut off after {count} frames: download or record it "
            "again, or convert what is there to a new MP4."
        ) from error


def check_frame_count(frames: int, announced: int, path: Path) -> None:
    """Refuse half a file, and a single frame."""
    if frames < announced:
        raise MediaError(
            f"{name_file(path)} announces {announced} frames but only {frames} can be read, so it "
            "is cut off, or its sound is longer than its picture: download or record it again, or "
            "convert what is there to a new MP4."
        )
    if frames < MIN_FRAMES:
        raise MediaError(
            f"{name_file(path)} has one frame, and Qwen3-VL looks at a clip's frames in pairs: "
            "send it as a picture instead."
        )
