"""Compare the counts of helpers.tokens with a running server, request by request.

    .venv/bin/python -m measurements.token_bench [--images 200] [--clips 60] [--processor FOLDER]
                                          [--num-frames N] [--sample-fps N]

Starts a vLLM server with a tiny untrained model that counts by Qwen3-VL-4B-Instruct's limits,
sends seeded random pictures, clips and conversations, and prints what we count and what the
server reports. The tokenizer is the pocket model's, or that of FOLDER, such as the 4B model's own
folder (its weights are not needed). A refusal counts as equal if our reason is that of the
installed transformers: the server itself does not tell it. The last two options are `num_frames`
and `fps` of the server's --media-io-kwargs. Ends with 1 if anything differs.
"""

import argparse
import io
import json
import os
import random
import shutil
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import httpx
from openai import APIStatusError, OpenAI
from PIL import Image

from helpers.media.files import write_data_url
from helpers.places import POCKET, find_place
from helpers.server import Server, explain_refusal
from helpers.tokens import TokenError, prompt_tokens

SEED = 7
TOKENIZER_FILES = ("tokenizer*", "vocab.json", "merges.txt", "*tokens*.json", "chat_template*")
RATES = (1, 2, 5, 7, Fraction(25, 2), 15, Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30)
# Where rounding, the limits and the refusals lie.
PICTURES = (
    *((1, 1), (1, 200), (201, 1), (5000, 5000), (5000, 25), (24, 5000), (15, 3000), (16, 16)),
    *((48, 80), (31, 33), (256, 256), (255, 257), (4096, 4096), (4112, 4080), (3, 601), (500, 2)),
)
CLIPS = (  # width, height, frames, frames a second
    *((852, 480, 167, 30), (64, 64, 2, 1), (64, 64, 3, 2), (320, 192, 31, 24), (320, 192, 32, 24)),
    *((320, 192, 33, 24), (64, 30, 20, 10), (6440, 32, 20, 10), (64, 64, 1, 2), (32, 34, 5, 2)),
    *((1280, 720, 90, 30), (96, 96, 1600, 2), (48, 48, 241, Fraction(24000, 1001))),
)


@dataclass(frozen=True)
class Case:
    """A request, and the size and frames of the one picture or clip in it."""

    about: str
    messages: list[dict]
    width: int = 0
    height: int = 0
    frames: int = 0


@dataclass(frozen=True)
class Row:
    """What we count and what the server reports: tokens, or "refused: …"."""

    about: str
    counted: int | str
    reported: int | str

    @property
    def equal(self) -> bool:
        return self.counted == self.reported


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--processor", type=Path, default=POCKET)
    parser.add_argument("--num-frames", type=int)
    parser.add_argument("--sample-fps", type=float)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_server(options, Path(folder)) as server:
        print(server)
        print(f"seed {SEED}, tokenizer of {options.processor.resolve().name}")
        pictures, clips = draw_pictures(options.images), draw_clips(options.clips, Path(folder))
        cases = [*pictures, *clips, *draw_conversations(Path(folder))]
        sampling = {"num_frames": options.num_frames, "sample_fps": options.sample_fps}
        rows = [*compare(server, cases, **sampling)]
    sys.exit(0 if all(row.equal for row in rows) else 1)


def start_server(options: argparse.Namespace, folder: Path) -> Server:
    """A server on a free port that serves a tiny model made in `folder`."""
    make_model(folder / "model", options.processor)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "COURSE_PLACE": "cpu",
        "COURSE_MODEL": str(folder / "model"),
        "COURSE_BASE_URL": f"http://127.0.0.1:{port}/v1",
    }
    sampling = {"num_frames": options.num_frames, "fps": options.sample_fps}
    video = {name: value for name, value in sampling.items() if value is not None}
    flags = ["--max-model-len", "20000", "--media-io-kwargs", json.dumps({"video": video})]
    return Server(find_place(), extra_flags=flags).start()


def make_model(folder: Path, processor: Path) -> None:
    """Write a model of one layer with another's tokenizer and the 4B model's limits."""
    import torch
    from transformers import AutoTokenizer, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    from pocket_model.export import write_processor_files

    folder.mkdir()
    for pattern in TOKENIZER_FILES:
        for path in processor.glob(pattern):
            shutil.copy(path, folder)
    images = {"shortest_edge": 65_536, "longest_edge": 16_777_216}
    clips = {"shortest_edge": 4_096, "longest_edge": 25_165_824}
    write_processor_files(folder, images, clips)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    names = ("image_pad", "video_pad", "vision_start", "vision_end")
    marks = tokenizer.convert_tokens_to_ids([f"<|{name}|>" for name in names])
    keys = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    text = {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "head_dim": 32,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 262144,
        "rope_scaling": {"rope_type": "default", "mrope_section": [6, 5, 5]},
    }
    vision = {
        "depth": 1,
        "hidden_size": 32,
        "num_heads": 1,
        "intermediate_size": 32,
        "out_hidden_size": 64,
        "deepstack_visual_indexes": [0],
        "patch_size": 16,
    }
    config = Qwen3VLConfig(
        text_config=text, vision_config=vision, **dict(zip(keys, marks, strict=True))
    )
    torch.manual_seed(SEED)
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)


def draw_pictures(count: int) -> Iterator[Case]:
    """`count` requests with one picture each: the known corners first, then random sizes."""
    rng = random.Random(SEED)
    for number in range(count):
        if number < len(PICTURES):
            width, height = PICTURES[number]
        elif number % 2:
            width, height = rng.randint(1, 5000), rng.randint(1, 5000)
        else:  # small sides and extreme shapes as often as large ones
            width, height = (round(5000 ** rng.random()) for _ in range(2))
        part = make_picture(width, height, rng)
        yield Case(f"{width}×{height}", [user(part, "Describe.")], width, height)


def draw_clips(count: int, folder: Path) -> Iterator[Case]:
    """`count` requests with one clip each: sizes, lengths, rates, odd numbers of frames."""
    rng = random.Random(SEED)
    for number in range(count):
        if number < len(CLIPS):
            width, height, frames, fps = CLIPS[number]
        else:
            width, height = (round(16 * 80 ** rng.random()) * 2 for _ in range(2))
            fps = rng.choice(RATES)
            frames = rng.randint(2, min(900, max(4, 120_000_000 // (width * height))))
        part = make_clip(folder, width, height, frames, fps, rng)
        about = f"{width}×{height}, {frames} frames, {float(fps):.4g} fps"
        yield Case(about, [user(part, "Describe.")], width, height, frames)


def draw_conversations(folder: Path) -> Iterator[Case]:
    """Lists of messages: several turns, roles and parts, texts that touch media and each other."""
    rng = random.Random(SEED)
    picture, other = make_picture(640, 480, rng), make_picture(300, 900, rng)
    clip = make_clip(folder, 320, 192, 90, 15, rng)
    system = {"role": "system", "content": "Be brief.  "}
    said = {"role": "assistant", "content": "Two things,\nI think. "}
    seed = "Describe this video. And guess what is the man going to do?"
    conversations = {
        "text": [user("Hello")],
        "spaces": [user("  Größe?\n\n ")],
        "empty": [user("")],
        "system": [system, user("Hello")],
        "turns": [system, user(picture, "What?"), said, user("And?")],
        "two pictures": [user("First ", picture, " then ", other, " differ?")],
        "picture last": [user("Look: ", picture)],
        "clip after text": [user("At 1 s: ", clip, " when?")],
        "clip and picture": [user(clip, "and", picture, "the same?")],
        "parts that touch": [user("Des", "cribe", " this", " ")],
        "the seed's clip": [user(make_clip(folder, 852, 480, 167, 30, rng), seed)],
    }
    for about, messages in conversations.items():
        yield Case(about, messages)


def user(*parts: dict | str) -> dict:
    """A user's message; a text alone is its content, as people write it."""
    if parts[1:] or isinstance(parts[0], dict):
        content = [p if isinstance(p, dict) else {"type": "text", "text": p} for p in parts]
    else:
        content = parts[0]
    return {"role": "user", "content": content}


def make_picture(width: int, height: int, rng: random.Random) -> dict:
    colour = tuple(rng.randrange(256) for _ in range(3))
    url = write_data_url("image/png", draw_png(width, height, colour))
    return {"type": "image_url", "image_url": {"url": url}}


def make_clip(
    folder: Path, width: int, height: int, frames: int, fps: float, rng: random.Random
) -> dict:
    path = write_clip(folder / "clip.mp4", width, height, frames, Fraction(fps), rng)
    url = write_data_url("video/mp4", path.read_bytes())
    return {"type": "video_url", "video_url": {"url": url}}


def draw_png(width: int, height: int, colour: tuple[int, ...]) -> bytes:
    with io.BytesIO() as buffer:
        Image.new("RGB", (width, height), colour).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def write_clip(
    path: Path, width: int, height: int, frames: int, fps: Fraction, rng: random.Random
) -> Path:
    """An MP4 of one colour, which is new for every clip: the server knows clips by content."""
    import av

    colour = tuple(rng.randrange(256) for _ in range(3))
    picture = av.VideoFrame.from_image(Image.new("RGB", (width, height), colour))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, pix_fmt="yuv420p")
        stream.width, stream.height = width, height
        stream.options = {"preset": "ultrafast"}
        for number in range(frames):
            picture.pts = number
            picture.time_base = 1 / fps
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def compare(server: Server, cases: Iterable[Case], **settings: object) -> Iterator[Row]:
    """Send the requests, print the table as it grows, yield its rows.

    `settings` are those of `prompt_tokens`: limits, num_frames, sample_fps.
    """
    client = OpenAI(base_url=server.place.base_url, api_key="EMPTY", max_retries=0, timeout=600)
    count_text = make_counter(server.place.base_url)
    print(f"{'':>36} {'counted':>8} {'reported':>8}")
    total = Counter()
    for case in cases:
        try:
            counted = prompt_tokens(
                case.messages, count_text=count_text, version=server.vllm_version, **settings
            )
        except TokenError as error:
            counted = f"refused: {str(error).partition(', says')[0]}"
        row = Row(case.about, counted, ask_server(client, server.model, case))
        print(f"{row.about:>36} {row.counted:>8} {row.reported:>8}", end="")
        print("" if row.equal else "   ← differs", flush=True)
        total.update(equal=row.equal, differ=not row.equal, refused=isinstance(row.reported, str))
        yield row
    print(f"{total['equal'] + total['differ']} requests on vLLM {server.vllm_version}:", end=" ")
    print(f"{total['differ']} differ; {total['refused']} are refused, by us and by the server")


def ask_server(client: OpenAI, model: str, case: Case) -> int | str:
    """The prompt tokens that the server reports; or that it refuses, and the processor's reason."""
    try:
        reply = client.chat.completions.create(model=model, messages=case.messages, max_tokens=1)
    except APIStatusError as error:
        if error.status_code != 400:
            return f"failed: {error.status_code} {explain_refusal(error)}"
        return f"refused: {find_reason(case)}"
    return reply.usage.prompt_tokens


def find_reason(case: Case) -> str:
    """Why the processor of the installed transformers refuses the case, in its own words."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
    from transformers.models.qwen3_vl import video_processing_qwen3_vl as clips

    try:
        if case.frames:
            clips.smart_resize(min(case.frames, 32), case.height, case.width, factor=32)
        else:
            smart_resize(case.height, case.width, factor=32)
    except ValueError as error:
        return str(error)
    return "for no reason that the processor has"


def make_counter(base_url: str) -> Callable[[str], int]:
    """A function that asks the server how many tokens a text has, once for each text."""

    @cache
    def count_text(text: str) -> int:
        body = {"prompt": text, "add_special_tokens": False}
        url = base_url.removesuffix("/v1") + "/tokenize"
        return httpx.post(url, json=body, timeout=60).raise_for_status().json()["count"]

    return count_text


if __name__ == "__main__":
    main()
