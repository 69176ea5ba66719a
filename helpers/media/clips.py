"""Check a clip before it is sent, turn it into a data URL, take and lay out its frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from helpers.media.files import (
    MAX_FILE_BYTES,
    MediaError,
    check_aspect,
    check_file,
    name_file,
    open_file,
    read_file,
    say_bytes,
    write_data_url,
)
from helpers.versions import REFERENCE, find_stack

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
SOUND_STEP = 0.25  # s: more than any packet of sound holds
MAX_DRIFT = 0.25  # s: half of the step between two frames that the model looks at
CONVERT = "`ffmpeg -i {name} -vf fps=30 even.mp4`"


@dataclass(frozen=True)
class ClipInfo:
    """A clip that was decoded to its end; frames, fps and seconds are what the server counts.

    `seconds` is frames / fps, and `drift` how far, in seconds, the time of a frame is from its
    number / fps, which is the time that the model is told.
    """

    path: Path
    container: str
    codec: str
    width: int
    height: int
    fps: float
    frames: int
    seconds: float
    bytes: int
    drift: float = 0.0

    def __str__(self) -> str:
        kind = f"{self.container} ({self.codec}), {self.width}×{self.height} px"
        length = f"{self.frames} frames, {self.fps:g} a second, {self.seconds:.2f} s"
        return f"{self.path.name}: {kind}, {length}, {say_bytes(self.bytes)}{self._warning}"

    __repr__ = __str__

    @property
    def _warning(self) -> str:
        if self.drift <= MAX_DRIFT:
            return ""
        return (
            f". ⚠️ Its frames are not evenly spaced: the model is told times that are up to "
            f"{self.drift:.1f} s wrong, so convert it: {CONVERT.format(name=self.path.name)}"
        )

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
        announced, fps = count_announced(container, stream), float(find_rate(stream))
        check_limits(stream, announced, path)
        times = [frame.time for frame in decode_frames(container, stream, path)]
        length = find_length(container, stream)
        kind, codec = CONTAINERS.get(container.format.name, "mp4"), stream.codec_context.name
        width, height = stream.width, stream.height
    counts = find_stack() is not REFERENCE and kind != "avi"  # by the frames that are there
    if len(times) < announced:
        explain_missing(path, times, announced, length, counts=counts)
    frames = count_taken(len(times), announced, counts=counts)
    if len(times) < MIN_FRAMES:
        raise MediaError(
            f"{name_file(path)} has one frame, and Qwen3-VL looks at a clip's frames in pairs: "
            "send it as a picture instead."
        )
    drift = measure_drift(times, fps)
    return ClipInfo(path, kind, codec, width, height, fps, frames, frames / fps, size, drift)


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


@contextmanager
def open_clip(path: Path) -> Iterator["InputContainer"]:
    """Open a clip with FFmpeg, kept to the container formats that the course accepts."""
    import av

    with open_file(path, MAX_FILE_BYTES) as file:
        try:
            container = av.open(file, options={"format_whitelist": READABLE})
        except av.FFmpegError as error:
            file.seek(0)
            raise MediaError(say_unopened(path, file.read(12))) from error
        with container:
            yield container


def say_unopened(path: Path, start: bytes) -> str:
    """Why FFmpeg cannot open a file that begins with these bytes."""
    if start[4:8] == b"ftyp":
        return (
            f"{name_file(path)} is an MP4 whose index (the moov atom) is missing or broken, as "
            "after an interrupted recording or download: record or download it again."
        )
    return (
        f"{name_file(path)} is not an MP4, MOV, MKV, WebM or AVI clip: convert it to MP4, or "
        "check it with check_image if it is a picture."
    )


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


def find_rate(stream: "VideoStream") -> Fraction:
    """Frames a second as OpenCV has them in the server: the header's mean, else a guess, else 0."""
    return stream.average_rate or stream.guessed_rate or Fraction(0)


def count_announced(container: "InputContainer", stream: "VideoStream") -> int:
    """Count frames as OpenCV does in the server: from the header, else duration × rate."""
    if stream.frames:
        return stream.frames
    seconds = Fraction(container.duration or 0, 1_000_000)
    return int(seconds * find_rate(stream) + Fraction(1, 2))


def count_taken(decoded: int, announced: int, *, counts: bool) -> int:
    """The frames that the server goes by: the announced ones.

    Where vLLM 0.32.0 finds at least two fewer at the clip's end (`counts`), it goes by those.
    """
    return decoded if counts and decoded < announced - 1 else announced


def find_length(container: "InputContainer", stream: "VideoStream") -> float:
    """Up to which second the header says that there are pictures, or sound."""
    if stream.duration:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    return (container.duration or 0) / 1_000_000


def measure_drift(times: list[float | None], fps: float) -> float:
    """How far, in seconds, a frame's time is from its number / fps."""
    if None in times:
        return 0.0
    return max(abs(time - times[0] - number / fps) for number, time in enumerate(times))


def check_limits(stream: "VideoStream", announced: int, path: Path) -> None:
    """Refuse, before decoding, what by its header is too long, too large or too small."""
    name, width, height = name_file(path), stream.width, stream.height
    rate = find_rate(stream)
    if announced <= 0 or not rate:
        raise MediaError(
            f"{name} does not say how long it is, which vLLM needs to choose its frames: convert "
            "it to MP4."
        )
    seconds = announced / float(rate)
    if seconds > MAX_SECONDS or stream.frames > MAX_FRAMES:
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
                    f"{name_file(path)} is too long (over {MAX_FRAMES:,} frames): cut out the "
                    "part that you ask about."
                )
            yield frame
    except av.FFmpegError as error:
        raise MediaError(
            f"{name_file(path)} is damaged or cut off after {count} frames: download or record it "
            "again, or convert what is there to a new MP4."
        ) from error


def explain_missing(
    path: Path, times: list[float | None], announced: int, length: float, *, counts: bool
) -> None:
    """Say why fewer frames came than announced; raise MediaError unless the server takes it so.

    vLLM 0.11.0 insists on the announced number. 0.32.0 counts what is there (`counts`), but not
    in an AVI. Half a file is refused for either.
    """
    name = name_file(path)
    whole = reaches(times, length)
    if not whole and not goes_on(path, length):
        raise MediaError(
            f"{name} announces {announced} frames but only {len(times)} can be read, so it is cut "
            "off: download or record it again, or convert what is there to a new MP4."
        )
    if counts:
        return
    why = (
        "its frames are not evenly spaced, or some at its edges are hidden"
        if whole
        else "its sound goes on after its last picture"
    )
    raise MediaError(
        f"{name} plays well, but {why}, so it has {len(times)} frames where its header lets one "
        f"expect {announced}, and vLLM {find_stack().vllm} insists on those: convert it to a "
        f"constant rate, {CONVERT.format(name=path.name)}."
    )


def reaches(times: list[float | None], length: float) -> bool:
    """Whether the last frame is shown until the announced end, give or take a frame."""
    if len(times) < MIN_FRAMES or None in times:
        return False
    spacing = (times[-1] - times[0]) / (len(times) - 1)
    return times[-1] + 2 * spacing + 0.01 >= length


def goes_on(path: Path, length: float) -> bool:
    """Whether another stream, such as the sound, reaches the announced end."""
    import av

    end = 0.0
    with open_clip(path) as container:
        try:
            for packet in container.demux():
                if packet.stream.type != "video" and packet.pts is not None:
                    ticks = packet.pts + (packet.duration or 0)
                    end = max(end, float(ticks * packet.time_base))
        except av.FFmpegError:
            return False
    return end >= length - SOUND_STEP
