"""Count visual tokens before anything is sent: of a picture, of a clip, online and offline.

Arithmetic alone: neither torch nor the model. Every rule is that of the code which does the work,
to the rounding: `smart_resize` of Qwen2-VL (pictures) and Qwen3-VL (clips) in transformers 4.57.1
and 5.19, the clip loaders of vLLM 0.11.0 and 0.32.0, and qwen-vl-utils 0.0.14. A test compares
all of it with running servers of both versions.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from helpers.errors import CourseError
from helpers.places import POCKET

CELL = 32  # px: a patch has 16, and 2 × 2 patches make one token
STEP = 2  # frames that share one set of tokens
MAX_ASPECT = 200
# "size" of Qwen3-VL-4B-Instruct's two processor files; a clip's is that of all its frames together.
MIN_PIXELS, MAX_PIXELS = 65_536, 16_777_216
MIN_CLIP_PIXELS, MAX_CLIP_PIXELS = 4_096, 25_165_824
# The frames that Qwen3VLVideoProcessor and qwen-vl-utils choose: 2 a second, within these bounds.
WISHED_FPS, MIN_FRAMES, MAX_FRAMES = 2, 4, 768
LOADER_FRAMES = 32  # vLLM 0.11.0: spread over the whole clip
LOADER_MAX_FPS = 30  # vLLM 0.32.0
# qwen-vl-utils: pixels of one frame, and of all frames together (0.9 of 128,000 tokens).
MIN_FRAME_PIXELS, MAX_FRAME_PIXELS = 128 * CELL**2, 768 * CELL**2
ALL_FRAMES_PIXELS = 128_000 * CELL**2 * 0.9

POCKET_NAMES = ("qwen3-vl-pocket", "pocket_model/trained")  # as a server elsewhere may call it
REFERENCE = "0.11.0"
TWO_A_SECOND_SINCE = (0, 24)  # the vLLM release whose loader chooses Qwen3-VL's frames by time


class TokenError(CourseError, ValueError):
    """A picture or clip that the model's processor refuses, or what cannot be counted."""


@dataclass(frozen=True)
class Limits:
    """The pixels that a model's processor keeps pictures and clips between; default: the 4B's."""

    min_pixels: int = MIN_PIXELS
    max_pixels: int = MAX_PIXELS
    min_clip_pixels: int = MIN_CLIP_PIXELS
    max_clip_pixels: int = MAX_CLIP_PIXELS


@dataclass(frozen=True)
class ClipPlan:
    """What becomes of a clip: the frames taken, their size, the times told, and what it costs."""

    width: int  # px, of a frame as the model gets it
    height: int
    frames: tuple[int, ...]  # the numbers of the frames taken, from 0
    seconds: tuple[float, ...]  # the time told before each step
    marks: int  # special tokens around the steps and around the clip

    @property
    def tokens(self) -> int:
        """The visual tokens: one for each cell of each step."""
        return len(self.seconds) * self.width * self.height // CELL**2

    @property
    def stamps(self) -> list[str]:
        """The times as the model reads them."""
        return [f"<{second:.1f} seconds>" for second in self.seconds]

    def count_all(self, count_text: Callable[[str], int] | None = None) -> int:
        """All that the clip adds to a prompt: visual tokens, times and marks.

        `count_text` counts a text's tokens; without it the times are counted as Qwen's tokenizer
        does.
        """
        return self.tokens + self.marks + sum(map(count_text or count_stamp, self.stamps))

    def __str__(self) -> str:
        taken = f"{len(self.frames)} frames in {len(self.seconds)} steps"
        return f"{taken} of {self.width}×{self.height} px: {self.tokens:,} visual tokens"

    __repr__ = __str__


def image_tokens(
    width: int, height: int, *, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> int:
    """The visual tokens of a picture of `width` × `height` px under limits in pixels.

    Its two marks and the text around it come on top (`prompt_tokens`). Raises TokenError for what
    the processor refuses. Built in notebook 07.
    """
    columns, rows = resize_image(width, height, min_pixels=min_pixels, max_pixels=max_pixels)
    return columns * rows // CELL**2


def resize_image(
    width: int, height: int, *, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS
) -> tuple[int, int]:
    """The (width, height) in px that a picture has when the model gets it.

    Each side is rounded to whole cells; outside the limits the picture is scaled to them.
    """
    _check_sides(width, height)
    _check_limits(min_pixels, max_pixels)
    _check_aspect(width, height)
    return _fit(width, height, min_pixels, max_pixels)


def video_tokens(
    width: int,
    height: int,
    *,
    frames: int | None = None,
    fps: float | None = None,
    seconds: float | None = None,
    online: bool = True,
    version: str = REFERENCE,
    num_frames: int | None = None,
    sample_fps: float | None = None,
    min_pixels: int = MIN_CLIP_PIXELS,
    max_pixels: int = MAX_CLIP_PIXELS,
    do_resize: bool = False,
) -> int:
    """The visual tokens of a clip; `plan_clip` takes the same and tells the rest.

    Times, marks and text come on top: `plan_clip(…).count_all()`, `prompt_tokens`. Built in
    notebook 07.
    """
    return plan_clip(
        width,
        height,
        frames=frames,
        fps=fps,
        seconds=seconds,
        online=online,
        version=version,
        num_frames=num_frames,
        sample_fps=sample_fps,
        min_pixels=min_pixels,
        max_pixels=max_pixels,
        do_resize=do_resize,
    ).tokens


def plan_clip(
    width: int,
    height: int,
    *,
    frames: int | None = None,
    fps: float | None = None,
    seconds: float | None = None,
    online: bool = True,
    version: str = REFERENCE,
    num_frames: int | None = None,
    sample_fps: float | None = None,
    min_pixels: int = MIN_CLIP_PIXELS,
    max_pixels: int = MAX_CLIP_PIXELS,
    do_resize: bool = False,
) -> ClipPlan:
    """Tell what becomes of a clip, of which two of `frames`, `fps` and `seconds` are given.

    Online a vLLM server of `version` chooses the frames: 0.11.0 takes 32 (`num_frames` of its
    --media-io-kwargs, -1 for all), 0.32.0 takes 2 a second (`sample_fps`, its `fps` there); each
    ignores the other's setting. (What 0.11.0 takes with VLLM_VIDEO_LOADER_BACKEND=opencv_dynamic
    is not planned.) Offline qwen-vl-utils chooses: 2 a second (`sample_fps`, its `fps`) or
    `num_frames` (its `nframes`), and `do_resize` says whether the model's processor resizes the
    frames again (notebook 06: better not). The limits are pixels of all frames together; an odd
    number of frames can cost more than that, since the last is doubled after the frames were
    scaled. Raises TokenError for what the processor refuses.
    """
    _check_sides(width, height)
    _check_limits(min_pixels, max_pixels)
    frames, fps = _find_length(frames, fps, seconds)
    current = _read_version(version) >= TWO_A_SECOND_SINCE
    if not online:
        taken, times = _sample_offline(frames, fps, num_frames, sample_fps)
        width, height = _resize_offline(width, height, len(taken))
    elif current:
        taken, times = _sample_by_time(frames, fps, sample_fps)
    else:
        taken, times = _sample_by_count(frames, fps, num_frames)
    if online or do_resize:
        width, height = _resize_frames(
            width, height, len(taken), min_pixels, max_pixels, current=current
        )
    steps = _pair_up(times)
    marks = STEP * len(steps) + (STEP if current else 0)  # 0.32.0 leaves two around the whole clip
    return ClipPlan(width, height, tuple(taken), tuple(steps), marks)


def count_stamp(stamp: str) -> int:
    """The tokens of a time such as "<0.2 seconds>" for Qwen's tokenizer.

    One for each character, but one alone for the eight of " seconds".
    """
    return len(stamp) - len("seconds")


def read_limits(folder: str | Path | None, served: str = "") -> Limits:
    """The limits in a model folder's two processor files.

    Without a folder (a server elsewhere) the name that the model is `served` under decides: the
    pocket model's files are in every copy of the course, of any other the 4B model's limits are
    taken, which all sizes of Qwen3-VL have. Raises TokenError where a file is missing or odd.
    """
    if folder is None:
        if not served.rstrip("/").endswith(POCKET_NAMES):
            return Limits()
        folder = POCKET
    found = []
    for name in ("preprocessor_config.json", "video_preprocessor_config.json"):
        try:
            size = json.loads((Path(folder) / name).read_text())["size"]
            found += [int(size["shortest_edge"]), int(size["longest_edge"])]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TokenError(
                f'{name} with a "size" of shortest_edge and longest_edge is not in '
                f"{Path(folder).name}: name the folder of a Qwen3-VL model."
            ) from error
    return Limits(*found)


def _fit(
    width: int,
    height: int,
    min_pixels: float,
    max_pixels: float,
    *,
    frames: int = 1,
    paired: int = 1,
) -> tuple[int, int]:
    """Round a size to whole cells, scaled when `paired` such frames are outside the limits.

    Over the limit the scale is computed from `frames`, which may be one more than `paired`.
    """
    columns, rows = round(width / CELL), round(height / CELL)
    pixels = paired * columns * rows * CELL**2
    if pixels > max_pixels:
        scale = math.sqrt(frames * height * width / max_pixels)
        columns, rows = (max(1, math.floor(side / scale / CELL)) for side in (width, height))
    elif pixels < min_pixels:
        scale = math.sqrt(min_pixels / (frames * height * width))
        columns, rows = (math.ceil(side * scale / CELL) for side in (width, height))
    return columns * CELL, rows * CELL


def _resize_frames(
    width: int, height: int, frames: int, min_pixels: int, max_pixels: int, *, current: bool
) -> tuple[int, int]:
    """The size of a clip's frames after Qwen3VLVideoProcessor."""
    if frames < STEP:
        raise TokenError(
            f"t:{frames} must be larger than temporal_factor:{STEP}, says the processor: a clip "
            "needs two frames, so send a single one as a picture."
        )
    if min(width, height) < CELL and not current:
        raise TokenError(
            f"height:{height} or width:{width} must be larger than factor:{CELL}, says the "
            "processor: scale the clip up."
        )
    if min(width, height) < CELL:  # the processor of transformers 5 scales it up
        scale = max(CELL / height, CELL / width)
        width, height = int(width * scale), int(height * scale)
    _check_aspect(width, height)
    paired = round(frames / STEP) * STEP
    return _fit(width, height, min_pixels, max_pixels, frames=frames, paired=paired)


def _resize_offline(width: int, height: int, frames: int) -> tuple[int, int]:
    """The size of a clip's frames after `fetch_video` of qwen-vl-utils: limits for each frame."""
    _check_aspect(width, height)
    most = min(MAX_FRAME_PIXELS, ALL_FRAMES_PIXELS / frames * STEP)
    most = max(most, int(MIN_FRAME_PIXELS * 1.05))
    columns, rows = (max(1, round(side / CELL)) for side in (width, height))
    if columns * rows * CELL**2 > most:
        scale = math.sqrt(height * width / most)
        columns, rows = (math.floor(side / scale / CELL) for side in (width, height))
    elif columns * rows * CELL**2 < MIN_FRAME_PIXELS:
        scale = math.sqrt(MIN_FRAME_PIXELS / (height * width))
        columns, rows = (math.ceil(side * scale / CELL) for side in (width, height))
    if not columns * rows:
        raise TokenError(
            f"qwen-vl-utils would shrink frames of {width}×{height} px to less than one cell: "
            "crop the clip, or take fewer frames."
        )
    return columns * CELL, rows * CELL


def _sample_by_count(
    frames: int, fps: float, num_frames: int | None
) -> tuple[list[int], list[float]]:
    """vLLM 0.11.0: the frames that the server takes of a clip, and the second told of each.

    A clip of which it takes every frame is left to the processor, which takes 2 a second of it;
    the frames' numbers are then divided by that rate instead of the clip's (notebook 05).
    """
    count = LOADER_FRAMES if num_frames is None else num_frames
    if count < 1 and count != -1:
        raise TokenError(f"num_frames={count}: the server takes 1 or more frames, or -1 for all.")
    count = frames if count == -1 else min(count, frames)
    rate = count / (frames / fps)
    if count < frames:
        taken = [math.floor(place) for place in _spread(frames, count)]
        return taken, [number / rate for number in range(count)]
    wished = _count_wished(frames, rate, WISHED_FPS)
    taken = [round(place) for place in _spread(frames, wished)]
    return taken, [number / WISHED_FPS for number in taken]


def _sample_by_time(
    frames: int, fps: float, sample_fps: float | None
) -> tuple[list[int], list[float]]:
    """vLLM 0.32.0: 2 frames a second, or `sample_fps`; all of a clip go through the processor."""
    wished = WISHED_FPS if sample_fps is None else sample_fps
    if wished <= 0:
        raise TokenError(f"sample_fps={wished:g}: a rate is more than 0 frames a second.")
    count = _count_wished(frames, fps, min(wished, LOADER_MAX_FPS))
    if count == frames:
        count = _count_wished(frames, fps, WISHED_FPS)
    taken = [round(place) for place in _spread(frames, count)]
    return taken, [number / fps for number in taken]


def _sample_offline(
    frames: int, fps: float, num_frames: int | None, sample_fps: float | None
) -> tuple[list[int], list[float]]:
    """`smart_nframes` of qwen-vl-utils: an even number of frames."""
    if num_frames is not None and sample_fps is not None:
        raise TokenError("qwen-vl-utils takes num_frames or sample_fps, not both: leave one out.")
    if num_frames is not None:
        count = round(num_frames / STEP) * STEP
    else:
        most = min(MAX_FRAMES, frames) // STEP * STEP
        wished = frames / fps * (WISHED_FPS if sample_fps is None else sample_fps)
        count = math.floor(min(max(wished, MIN_FRAMES), most, frames) / STEP) * STEP
    if not STEP <= count <= frames:
        raise TokenError(
            f"nframes should in interval [{STEP}, {frames}], but got {count}, says qwen-vl-utils: "
            "ask for an even number of frames that the clip has."
        )
    taken = [round(place) for place in _spread(frames, count)]
    return taken, [number / fps for number in taken]


def _count_wished(frames: int, fps: float, wished: float) -> int:
    """How many frames `wished` a second are, within the processor's bounds."""
    return min(max(int(frames / fps * wished), MIN_FRAMES), MAX_FRAMES, frames)


def _spread(frames: int, count: int) -> list[float]:
    """`count` places from the first frame to the last, as numpy's linspace computes them."""
    if count == 1:
        return [0.0]
    gap = (frames - 1) / (count - 1)
    return [*(number * gap for number in range(count - 1)), frames - 1]


def _pair_up(seconds: Sequence[float]) -> list[float]:
    """The middle of each two frames; an odd last one is doubled."""
    even = [*seconds, *seconds[-1:]] if len(seconds) % STEP else seconds
    return [(one + other) / 2 for one, other in zip(even[::2], even[1::2], strict=True)]


def _find_length(frames: int | None, fps: float | None, seconds: float | None) -> tuple[int, float]:
    """Frames and frames a second, from two of the three."""
    if [frames, fps, seconds].count(None) != 1:
        raise TokenError("Give two of frames=, fps= and seconds=; the third follows from them.")
    for name, value in (("frames", frames), ("fps", fps), ("seconds", seconds)):
        if value is not None and not 0 < value < math.inf:
            raise TokenError(f"{name}={value}: a clip has more than 0.")
    if frames is None:
        frames = round(fps * seconds)
    if fps is None:
        fps = frames / seconds
    if frames < 1 or frames != int(frames):
        raise TokenError(f"{frames} frames: a clip has a whole number of them, 2 or more.")
    return int(frames), fps


def _check_sides(width: int, height: int) -> None:
    if not all(side >= 1 and float(side).is_integer() for side in (width, height)):
        raise TokenError(f"{width}×{height} px: each side is a whole number, 1 or more.")


def _check_limits(min_pixels: int, max_pixels: int) -> None:
    if not 0 < min_pixels <= max_pixels:
        raise TokenError(
            f"min_pixels={min_pixels} and max_pixels={max_pixels}: the first is more than 0 and "
            "at most the second."
        )


def _check_aspect(width: int, height: int) -> None:
    aspect = max(width, height) / min(width, height)
    if aspect > MAX_ASPECT:
        raise TokenError(
            f"absolute aspect ratio must be smaller than {MAX_ASPECT}, got {aspect}, says the "
            "processor: crop it, or put it on a wider background."
        )


def _read_version(version: str) -> tuple[int, int]:
    """(0, 11) from "0.11.0"."""
    try:
        major, minor = version.split(".")[:2]
        return int(major), int(minor)
    except (ValueError, AttributeError):
        raise TokenError(
            f'{version!r} is no version of vLLM: write it as "{REFERENCE}", or use '
            "server.vllm_version."
        ) from None
