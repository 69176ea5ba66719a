"""Counting tokens: the rules by hand, against the libraries' own code, and against a server."""

import json
import math
import random
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from openai import OpenAI
from PIL import Image

from helpers.media.clips import clip_data_url
from helpers.media.files import MediaError, file_url
from helpers.media.pictures import image_data_url
from helpers.places import MEDIA, POCKET, ROOT
from helpers.server.server import Server
from helpers.tokens.counts import (
    CELL,
    Limits,
    TokenError,
    _resize_frames,
    count_stamp,
    image_tokens,
    plan_clip,
    read_limits,
    resize_image,
    video_tokens,
)
from helpers.tokens.prompts import prompt_tokens
from measurements.token_bench import (
    compare,
    draw_clips,
    draw_conversations,
    draw_pictures,
    write_clip,
)

VERSIONS = ("0.11.0", "0.32.0")
SEED_CLIP = {"frames": 167, "fps": 30}  # 852×480 px, 5.57 s
SEED_TEXT = 22  # tokens of the seed's question and the template around it, by Qwen's tokenizer


# pictures


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((224, 224), 64),
        ((512, 512), 256),
        ((640, 480), 300),
        ((1024, 1024), 1024),
        ((1280, 720), 880),
        ((1920, 1080), 2040),
        ((3840, 2160), 8160),
        ((4096, 4096), 16384),
        ((1000, 700), 682),
        ((100, 3000), 282),
        ((1, 1), 64),
        ((5000, 5000), 16384),
        ((1, 200), 114),
    ],
)
def test_image_tokens(size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(*size) == tokens
    assert image_tokens(*size[::-1]) == tokens


def test_resize_image() -> None:
    assert resize_image(1280, 720) == (1280, 704)
    assert resize_image(1280, 720, max_pixels=147_456) == (512, 288)
    assert resize_image(48, 80, min_pixels=1) == (64, 64)  # 1.5 and 2.5 cells, rounded to even
    assert resize_image(3000, 15, max_pixels=65_536) == (3648, 32)


@pytest.mark.parametrize("size", [(201, 1), (24, 5000), (500, 2)])
def test_an_extreme_shape_is_refused_in_the_words_of_the_processor(size: tuple[int, int]) -> None:
    aspect = max(size) / min(size)
    words = f"absolute aspect ratio must be smaller than 200, got {aspect}"
    with pytest.raises(TokenError, match=words):
        image_tokens(*size)
    with pytest.raises(ValueError, match=words):
        image_tokens(*size[::-1])


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-3, 4), (2.5, 4), (math.nan, 4), (4, math.inf)])
def test_sizes_that_are_none(size: tuple) -> None:
    with pytest.raises(TokenError, match="whole number"):
        image_tokens(*size)


def test_limits_that_cannot_be() -> None:
    for kept in ({"min_pixels": 0}, {"max_pixels": 1}, {"min_pixels": 3, "max_pixels": 2}):
        with pytest.raises(TokenError, match="at most the second"):
            image_tokens(64, 64, **kept)


# clips


@pytest.mark.parametrize(
    ("how", "frames", "visual", "total"),
    [
        ({"version": "0.11.0"}, 32, 6480, 6630),
        ({"version": "0.32.0"}, 11, 2430, 2502),
        ({"online": False}, 10, 2025, 2087),
        ({"num_frames": 8}, 8, 1620, 1674),
        ({"version": "0.32.0", "num_frames": 8}, 11, 2430, 2502),
        ({"sample_fps": 1}, 32, 6480, 6630),
        ({"version": "0.32.0", "sample_fps": 1}, 5, 1215, 1263),
        ({"online": False, "sample_fps": 1}, 4, 810, 848),
        ({"online": False, "num_frames": 8}, 8, 1620, 1674),
    ],
)
def test_the_clip_of_the_seed(how: dict, frames: int, visual: int, total: int) -> None:
    plan = plan_clip(852, 480, **SEED_CLIP, **how)
    assert (plan.width, plan.height, len(plan.frames)) == (864, 480, frames)
    assert plan.tokens == visual == video_tokens(852, 480, **SEED_CLIP, **how)
    assert plan.count_all() + SEED_TEXT == total


def test_the_log_of_the_seed() -> None:
    """It says 1270.83 tokens/s for 1.64 s, the last figure rounded."""
    total = plan_clip(852, 480, **SEED_CLIP, online=False).count_all() + SEED_TEXT
    assert 1270.83 * 1.635 <= total <= 1270.83 * 1.645


@pytest.mark.parametrize(("version", "measured"), [("0.11.0", 6657), ("0.32.0", 2509)])
def test_the_clip_of_the_seed_with_another_tokenizer(version: str, measured: int) -> None:
    """Reported by servers whose tiny model needed 8 tokens for a time and 17 for the text."""
    plan = plan_clip(852, 480, **SEED_CLIP, version=version)
    assert plan.count_all(lambda stamp: 8) + 17 == measured


def test_lengths_from_two_of_three() -> None:
    one = plan_clip(640, 360, frames=90, fps=30)
    assert (
        one == plan_clip(640, 360, fps=30, seconds=3) == plan_clip(640, 360, frames=90, seconds=3)
    )
    for given in ({}, {"fps": 2}, {"fps": 2, "frames": 8, "seconds": 4}):
        with pytest.raises(TokenError, match="Give two of"):
            plan_clip(64, 64, **given)
    for given in ({"frames": 0, "fps": 2}, {"frames": 8, "fps": -1}, {"frames": 2.5, "fps": 2}):
        with pytest.raises(TokenError, match="a clip has"):
            plan_clip(64, 64, **given)


def test_odd_frames_are_paired_with_themselves() -> None:
    plan = plan_clip(64, 64, frames=3, fps=2, version="0.32.0")
    assert plan.frames == (0, 1, 2)
    assert plan.seconds == (0.25, 1.0)
    assert plan.tokens == 2 * 4


def test_a_clip_that_is_too_large_is_shrunk_as_a_whole() -> None:
    plan = plan_clip(1920, 1080, seconds=60, fps=30, version="0.32.0")
    assert len(plan.frames) == 120
    assert 0.9 * 12_288 < plan.tokens <= 12_288


def test_a_short_clip_is_told_wrong_times_by_the_reference_alone() -> None:
    assert plan_clip(64, 64, frames=24, fps=8).stamps[-1] == "<10.2 seconds>"
    assert plan_clip(64, 64, frames=24, fps=8, version="0.32.0").stamps[-1] == "<2.6 seconds>"
    kept = plan_clip(852, 480, **SEED_CLIP, num_frames=-1).stamps  # 5.57 s
    assert (kept[0], kept[-1]) == ("<4.2 seconds>", "<83.0 seconds>")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clip_of_two_frames_a_second_is_told_right_times(version: str) -> None:
    stamps = plan_clip(864, 480, frames=16, fps=2, version=version).stamps
    assert stamps == [f"<{second}.2 seconds>" for second in range(8)]


def test_offline_again_resized() -> None:
    long = {"seconds": 120, "fps": 24, "online": False}
    assert video_tokens(1280, 720, **long) > 12_288
    assert video_tokens(1280, 720, **long, do_resize=True) <= 12_288


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        ({"frames": 1, "fps": 2}, "t:1 must be larger than temporal_factor:2"),
        ({"frames": 20, "fps": 10, "num_frames": 1}, "t:1 must be larger"),
        ({"frames": 20, "fps": 10, "num_frames": 0}, "1 or more frames"),
        ({"frames": 20, "fps": 10, "version": "0.32.0", "sample_fps": 0}, "more than 0"),
        ({"frames": 20, "fps": 10, "version": "new"}, "no version of vLLM"),
        ({"frames": 1, "fps": 2, "online": False}, "nframes should in interval"),
        ({"frames": 9, "fps": 2, "online": False, "num_frames": 10}, "nframes should in interval"),
        (
            {"frames": 9, "fps": 2, "online": False, "num_frames": 4, "sample_fps": 1},
            "leave one out",
        ),
    ],
)
def test_refused_clips(clip: dict, reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        video_tokens(64, 64, **clip)


def test_narrow_clips_are_scaled_up_by_the_current_version_alone() -> None:
    with pytest.raises(TokenError, match="height:30 or width:64 must be larger than factor:32"):
        video_tokens(64, 30, frames=20, fps=10)
    assert plan_clip(64, 30, frames=20, fps=10, version="0.32.0").height == 32


def test_stamps_by_qwens_tokenizer() -> None:
    assert [count_stamp(f"<{s} seconds>") for s in ("0.2", "10.2", "123.4")] == [6, 7, 8]


def test_read_limits(tmp_path: Path) -> None:
    size = {"size": {"shortest_edge": 65_536, "longest_edge": 147_456}}
    clip = {"size": {"shortest_edge": 4_096, "longest_edge": 933_888}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(size))
    with pytest.raises(TokenError, match=r"video_preprocessor_config\.json"):
        read_limits(tmp_path)
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps(clip))
    assert read_limits(tmp_path) == Limits(65_536, 147_456, 4_096, 933_888)
    (tmp_path / "preprocessor_config.json").write_text('{"size": {"height": 224}}')
    with pytest.raises(TokenError, match="folder of a Qwen3-VL model"):
        read_limits(tmp_path)


@pytest.mark.parametrize(
    "served", ["qwen3-vl-pocket", "/home/anna/course/pocket_model/trained", "pocket_model/trained/"]
)
def test_limits_of_a_pocket_model_elsewhere(served: str) -> None:
    assert read_limits(None, served) == read_limits(POCKET) != Limits()


@pytest.mark.parametrize("served", ["", "Qwen3-VL-4B-Instruct", "Qwen/Qwen3-VL-8B-Instruct"])
def test_limits_of_any_other_model_elsewhere(served: str) -> None:
    assert read_limits(None, served) == Limits()


def test_a_folder_counts_more_than_a_name() -> None:
    assert read_limits(POCKET, "Qwen3-VL-4B-Instruct") == read_limits(POCKET)


@pytest.mark.parametrize(
    ("size", "frames", "fps", "tokens"),
    [
        ((1920, 1080), 13, 2, 14_280),
        ((854, 480), 61, 2, 12_555),
        ((3072, 2048), 5, 2, 18_432),
        ((1920, 1080), 14, 2, 11_935),
    ],
)
def test_an_odd_frame_more_than_the_limit(
    size: tuple[int, int], frames: int, fps: float, tokens: int
) -> None:
    """The frames are scaled for an even number of them, and the odd last one is doubled."""
    plan = plan_clip(*size, frames=frames, fps=fps, version="0.32.0")
    assert plan.tokens == tokens
    assert (tokens > 12_288) == bool(frames % 2)


class Sizes:
    """A picture that is nothing but its size."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = self.width, self.height = size

    def resize(self, size: tuple[int, int]) -> "Sizes":
        return Sizes(size)


def read_function(notebook: str, name: str) -> Callable:
    """A function as a notebook's cell defines it."""
    (path,) = (ROOT / "notebooks").glob(f"{notebook}_*.ipynb")
    cells = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    (code,) = [cell for cell in cells if f"def {name}(" in cell]
    names: dict = {"math": math, "Image": Image}
    exec(code, names)
    return names[name]


def test_shrinking_holds_the_budget_and_wastes_little() -> None:
    """Notebook 09's `shrink`: never a token too many, never a whole row and column too few."""
    shrink, rng = read_function("09", "shrink"), random.Random(3)
    for _ in range(3000):
        size = rng.randint(30, 5000), rng.randint(30, 5000)
        budget = rng.choice([64, 96, 144, 300, 600, 1024, rng.randint(64, 4000)])
        small = shrink(Sizes(size), budget * CELL**2)
        columns, rows = small.width // CELL, small.height // CELL
        assert (columns * CELL, rows * CELL) == small.size
        assert columns * rows <= budget, (size, budget)
        if columns * rows >= 64:
            assert image_tokens(*small.size) == columns * rows
        whole = round(size[0] / CELL) * round(size[1] / CELL)
        if whole > budget and min(columns, rows) > 1:
            assert (columns + 1) * (rows + 1) > budget, (size, budget)
        if 0 < whole <= budget:
            assert columns * rows == whole


@pytest.mark.parametrize("size", [(5000, 30), (30, 5000), (1, 1), (20, 3000)])
@pytest.mark.parametrize("budget", [1, 8 * 1024, 64 * 1024])
def test_shrinking_odd_shapes(size: tuple[int, int], budget: int) -> None:
    small = read_function("09", "shrink")(Sizes(size), budget)
    assert min(small.size) >= CELL
    assert small.width * small.height <= max(budget, CELL**2)


# whole prompts; every letter is one token here


def ask(*parts: object) -> list[dict]:
    content = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return [{"role": "user", "content": content}]


def picture(image: Image.Image) -> dict:
    return {"type": "image_url", "image_url": {"url": image_data_url(image)}}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_clip_with_uneven_frames(tmp_path: Path, version: str) -> None:
    """Of a phone or a screen recorder: rate and frames are what the server's OpenCV reads."""
    import av
    import cv2

    rng, path, second = random.Random(1), tmp_path / "uneven.mp4", Fraction(0)
    frame = av.VideoFrame.from_image(Image.new("RGB", (320, 192), "teal"))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, pix_fmt="yuv420p")
        stream.width, stream.height = frame.width, frame.height
        stream.codec_context.time_base = frame.time_base = Fraction(1, 1000)
        for _ in range(80):
            frame.pts = int(second * 1000)
            second += Fraction(rng.randint(10, 200), 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    seen = cv2.VideoCapture(str(path))
    frames, fps = int(seen.get(cv2.CAP_PROP_FRAME_COUNT)), seen.get(cv2.CAP_PROP_FPS)
    plan = plan_clip(320, 192, frames=frames, fps=fps, version=version)
    clip = {"type": "video_url", "video_url": {"url": clip_data_url(path)}}
    bare = prompt_tokens(ask("Hi"), count_text=len, version=version)
    counted = prompt_tokens(ask(clip, "Hi"), count_text=len, version=version)
    assert counted - bare == plan.count_all(len)


def test_texts_of_a_prompt() -> None:
    frame = len("user\n") + len("\n") + len("assistant\n") + 3
    assert prompt_tokens(ask("Hello"), count_text=len) == frame + 5
    assert prompt_tokens([{"role": "user", "content": "Hello"}], count_text=len) == frame + 5
    system = {"role": "system", "content": "Be brief."}
    said = {"role": "assistant", "content": None}
    more = len("system\n") + 9 + len("\n") + 2 + len("assistant\n") + len("\n") + 2
    assert prompt_tokens([system, *ask("Hello"), said], count_text=len) == frame + 5 + more


def test_texts_that_touch_are_counted_as_one() -> None:
    seen: list[str] = []

    def count(text: str) -> int:
        seen.append(text)
        return len(text)

    prompt_tokens(ask("Des", "cribe ", picture(Image.new("RGB", (9, 9))), "this"), count_text=count)
    assert seen == ["user\nDescribe ", "this", "\n", "assistant\n"]


def test_pictures_of_a_prompt(tmp_path: Path) -> None:
    bare = prompt_tokens(ask("?"), count_text=len)
    image = Image.new("RGB", (640, 480))
    assert prompt_tokens(ask(picture(image), "?"), count_text=len) == bare + 300 + 2
    small = Limits(max_pixels=147_456)
    assert prompt_tokens(ask(picture(image), "?"), count_text=len, limits=small) == bare + 130 + 2
    local = {"type": "image_url", "image_url": {"url": file_url(MEDIA / "street_scene.png")}}
    with Image.open(MEDIA / "street_scene.png") as street:
        cost = image_tokens(*street.size)
    assert prompt_tokens(ask(local, "?"), count_text=len) == bare + cost + 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["rolling_ball.mp4", "traffic_light.mp4"])
def test_clips_of_a_prompt(name: str, version: str) -> None:
    bare = prompt_tokens(ask("?"), count_text=len)
    frames, fps = (192, 24) if name.startswith("rolling") else (16, 2)
    plan = plan_clip(854, 480, frames=frames, fps=fps, version=version)
    for url in (clip_data_url(MEDIA / name), file_url(MEDIA / name)):
        clip = {"type": "video_url", "video_url": {"url": url}}
        counted = prompt_tokens(ask(clip, "?"), count_text=len, version=version)
        assert counted == bare + plan.count_all(len)


def linked(kind: str, url: str) -> list[dict]:
    return ask({"type": kind, kind: {"url": url}})


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "tool", "content": "3"}], "role 'tool'"),
        (["Hello"], "role None"),
        ([*ask("?"), {"role": "system", "content": "?"}], "system as the first"),
        ([{"role": "assistant", "tool_calls": [{}]}], "tool calls"),
        (ask({"type": "image"}), "type 'image'"),
        (ask({"type": "image_url", "image_url": "x"}), "is to read"),
        (linked("image_url", "http://a/b.png"), "begins 'http://a/b"),
        (linked("image_url", "street.png"), "begins 'street.png'"),
        (linked("image_url", "data:image/png;base64,§"), "malformed"),
        (linked("image_url", "data:image/png;base64,AA=="), "holds no picture"),
        (linked("video_url", "data:video/jpeg;base64,AA=="), "Counted are data URLs"),
        (ask(picture(Image.new("RGB", (199, 1))), {}), "type None"),
    ],
)
def test_prompts_that_cannot_be_counted(messages: list, reason: str) -> None:
    with pytest.raises(TokenError, match=reason):
        prompt_tokens(messages, count_text=len)


def test_files_that_are_none(tmp_path: Path) -> None:
    clip = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
    with pytest.raises(MediaError, match="not an MP4"):
        prompt_tokens(ask(clip), count_text=len)
    missing = {"type": "image_url", "image_url": {"url": (tmp_path / "no.png").as_uri()}}
    with pytest.raises(MediaError, match="no file"):
        prompt_tokens(ask(missing), count_text=len)


# against the libraries and the server


def test_importing_is_light() -> None:
    heavy = "{'torch', 'vllm', 'transformers', 'numpy', 'av', 'httpx', 'matplotlib'}"
    count = "from helpers.tokens import image_tokens; image_tokens(9, 9)"
    code = f"import sys; {count}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_sizes_against_the_processors_of_transformers() -> None:
    import transformers
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
    from transformers.models.qwen3_vl import video_processing_qwen3_vl as clips

    current = transformers.__version__.startswith("5")
    picture_limits, clip_limits = (65_536, 16_777_216), (4_096, 25_165_824)
    rng = random.Random(3)
    for _ in range(20_000):
        width, height = (round(6000 ** rng.random()) for _ in range(2))
        theirs = outcome(smart_resize, height, width, 32, *picture_limits)
        assert theirs == outcome(resize_image, width, height)
        frames = rng.randint(1, 768)
        theirs = outcome(clips.smart_resize, frames, height, width, 2, 32, *clip_limits)
        ours = outcome(_resize_frames, width, height, frames, *clip_limits, current=current)
        assert theirs == ours


def outcome(call: Callable, *arguments: object, **options: object) -> set | str:
    """The two sides, or the reason for refusing in the processor's own words."""
    try:
        return set(call(*arguments, **options))
    except ValueError as error:
        return str(error).partition(", says")[0]


@pytest.mark.slow
def test_clips_against_qwen_vl_utils(tmp_path: Path) -> None:
    import warnings

    import torchvision

    utils = pytest.importorskip("qwen_vl_utils")
    if not hasattr(torchvision.io, "read_video"):
        pytest.skip("the current stack reads clips with decord, which fails on some of these")
    rng = random.Random(5)
    for number in range(16):
        width, height = (round(20 * 30 ** rng.random()) * 2 for _ in range(2))
        frames, fps = rng.randint(2, 120), rng.choice([2, 7, 12.5, Fraction(30000, 1001)])
        path = write_clip(tmp_path / "clip.mp4", width, height, frames, Fraction(fps), rng)
        part = {"type": "video", "video": str(path)} | ({"fps": 1.0} if number % 3 == 0 else {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, found, _ = utils.process_vision_info(
                [{"role": "user", "content": [part]}],
                image_patch_size=16,
                return_video_kwargs=True,
                return_video_metadata=True,
            )
        pixels, about = found[0]
        plan = plan_clip(
            width, height, frames=frames, fps=float(fps), online=False, sample_fps=part.get("fps")
        )
        assert tuple(pixels.shape) == (len(plan.frames), 3, plan.height, plan.width)
        assert [int(number) for number in about["frames_indices"]] == list(plan.frames)


@pytest.mark.slow
def test_counts_are_those_of_the_server(shared_server: Server, tmp_path: Path) -> None:
    """A sample of small ones; measurements/token_bench.py sends 200 pictures and 60 clips."""
    media = [*draw_pictures(40), *draw_clips(20, tmp_path)]
    small = [case for case in media if case.width * case.height <= 160_000]
    cases = [*small, *draw_conversations(tmp_path)]
    rows = [*compare(shared_server, cases, limits=read_limits(shared_server.place.model_path))]
    assert [row for row in rows if not row.equal] == []
    kinds = {(isinstance(row.reported, int), "frames" in row.about) for row in rows}
    assert len(kinds) == 4, "pictures and clips, counted and refused"


@pytest.mark.slow
def test_the_seconds_that_the_server_tells(shared_server: Server, tmp_path: Path) -> None:
    """Those of the plan, the reference's wrong ones included; by `fps` it tells 8 s as 29."""
    place, version = shared_server.place, shared_server.vllm_version
    client = OpenAI(base_url=place.base_url, api_key="EMPTY")
    model = client.models.list().data[0].id

    def read_stamps(path: Path, **more: object) -> list[str]:
        clip = {"type": "video_url", "video_url": {"url": clip_data_url(path)}}
        reply = client.chat.completions.create(
            model=model,
            messages=ask(clip, "?"),
            max_tokens=1,
            extra_body={"return_token_ids": True} | more,
        )
        body = {"model": model, "tokens": reply.prompt_token_ids}
        url = place.base_url.removesuffix("/v1") + "/detokenize"
        return re.findall(r"<[\d.]+ seconds>", httpx.post(url, json=body).json()["prompt"])

    rng = random.Random(7)
    for frames, fps in ((24, 8), (16, 2), (20, 30), (64, 8)):
        path = write_clip(tmp_path / "clip.mp4", 96, 64, frames, Fraction(fps), rng)
        plan = plan_clip(96, 64, frames=frames, fps=fps, version=version)
        assert read_stamps(path) == plan.stamps, (frames, fps)
    if version.startswith("0.11"):
        wished = {"fps": 1, "do_sample_frames": True}
        told = read_stamps(MEDIA / "rolling_ball.mp4", mm_processor_kwargs=wished)
        assert (told[0], told[-1]) == ("<2.0 seconds>", "<29.0 seconds>")
