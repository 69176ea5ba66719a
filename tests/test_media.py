"""Pictures and clips: each mistake a learner can make, with a real file that has it."""

import base64
import io
import json
import os
import socket
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import httpx
import numpy as np
import openai
import pytest
from PIL import Image, ImageChops

from helpers import versions
from helpers.media import check_text, clips, pictures
from helpers.media import files as media_files
from helpers.media.clips import check_clip, clip_data_url, contact_sheet, sample_frames
from helpers.media.files import MediaError, file_url
from helpers.media.pictures import check_image, image_data_url, show_small
from helpers.server.refusals import explain_refusal
from helpers.tokens.counts import plan_clip

# Making files


def draw_noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(4).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def write_image(path: Path, width: int = 96, height: int = 64, **options: object) -> Path:
    draw_noise(width, height).save(path, **options)
    return path


def write_clip(
    path: Path,
    *,
    frames: int = 20,
    fps: int | Fraction = 10,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    left: str | None = None,
) -> Path:
    """Write a clip whose frame number `i` is grey of the value 10 × i, its left third `left`."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            picture = Image.new("RGB", size, (min(10 * index, 250),) * 3)
            if left:
                picture.paste(left, (0, 0, size[0] // 3, size[1]))
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


EVEN = [number / 30 for number in range(90)]
STILLS = [*EVEN, *(3.5 + number / 2 for number in range(8))]  # as a screen recorder or a phone
JUMPS = [0, 0.05, 0.1, 0.15, 1.2, 1.25, 1.3, 3, 3.016, 3.033, 3.05, 6, 6.5, 6.6, 8]


def write_uneven_clip(
    path: Path,
    times: list[float] = STILLS,
    *,
    codec: str = "libx264",
    sound: float = 0,
    rate: int = 30,
) -> Path:
    """Write a clip whose frames are shown at these seconds, with so many seconds of sound."""
    base = Fraction(1, 90_000 if path.suffix == ".mp4" else 30 if path.suffix == ".avi" else 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = base
        track = container.add_stream("aac", rate=8000) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (2 * number,) * 3))
            frame.pts, frame.time_base = round(time / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for start in range(0, int(sound * 8000), 1000) if track else ():
            noise = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), "fltp", "mono")
            noise.sample_rate, noise.pts = 8000, start
            container.mux(track.encode(noise))
        container.mux(track.encode() if track else [])
    return path


def drop_rate(source: Path, target: Path) -> Path:
    """Copy a Matroska clip without its frame rate, as browsers write it."""
    data = bytearray(source.read_bytes())
    start = data.index(b"\x23\xe3\x83")  # DefaultDuration becomes Void
    length = data[start + 3] & 0x7F
    data[start : start + 4 + length] = bytes([0xEC, 0x80 | length + 2]) + bytes(length + 2)
    target.write_bytes(data)
    return target


def trim(source: Path, target: Path, seconds: float) -> Path:
    """Hide the first seconds of an MP4 by an edit list, as phones trim: the frames stay inside."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.pts -= int(seconds / packet.time_base)
                packet.dts -= int(seconds / packet.time_base)
                packet.stream = stream
                new.mux(packet)
    return target


def write_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path


def cut(source: Path, target: Path, share: float) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def unpack(url: str) -> tuple[str, bytes]:
    head, data = url.split(",", 1)
    return head, base64.b64decode(data, validate=True)


def open_data_url(url: str) -> Image.Image:
    return Image.open(io.BytesIO(unpack(url)[1]))


# Pictures


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
def test_good_picture_is_described(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"noise.{suffix}")
    info = check_image(path)
    assert (info.width, info.height, info.bytes) == (96, 64, path.stat().st_size)
    assert info.format == {"jpg": "JPEG"}.get(suffix, suffix.upper())
    assert str(info).startswith(f"noise.{suffix}: {info.format}, 96×64 px, ")
    assert str(tmp_path) not in repr(info)
    assert str(info) in info._repr_markdown_()


def test_format_is_read_from_the_file_and_not_its_name(tmp_path: Path) -> None:
    path = write_image(tmp_path / "wrong_suffix.png", format="JPEG")
    assert check_image(str(path)).format == "JPEG"
    assert unpack(image_data_url(path)) == ("data:image/jpeg;base64", path.read_bytes())


def test_phone_picture_with_preview_is_sent_as_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    draw_noise(96, 64).save(path, "MPO", save_all=True, append_images=[draw_noise(48, 32)])
    assert check_image(path).format == "MPO"
    assert unpack(image_data_url(path)) == ("data:image/jpeg;base64", path.read_bytes())


def test_symlink_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(write_image(tmp_path / "real.png"))
    assert check_image(tmp_path / "link.png").width == 96


@pytest.mark.parametrize("check", [check_image, check_clip, image_data_url, clip_data_url])
def test_missing_empty_and_folder(tmp_path: Path, check: object) -> None:
    with pytest.raises(MediaError, match=r"no file .*nothing\.png: check the name"):
        check(tmp_path / "nothing.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(MediaError, match=r"empty\.png is empty \(0 bytes\): download"):
        check(tmp_path / "empty.png")
    with pytest.raises(MediaError, match=r"is a folder: name one file"):
        check(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match=r"device or a pipe: copy"):
        check(tmp_path / "pipe")
    with pytest.raises(MediaError, match=r"cannot be read \(Not a directory\)"):
        check(tmp_path / "empty.png" / "inside.png")


@pytest.mark.parametrize("check", [check_image, check_clip])
def test_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: object) -> None:
    path = write_image(tmp_path / "mine.png")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything, so the refusal has to be staged

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(MediaError, match=r"cannot be read \(Permission denied\).*permissions"):
        check(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_cut_off_picture(tmp_path: Path, suffix: str, share: float) -> None:
    whole = write_image(tmp_path / f"whole.{suffix}", 200, 200)
    with pytest.raises(MediaError, match=r"half\.\w+ .*(cut off|not a JPEG).*(again|save it as)"):
        check_image(cut(whole, tmp_path / f"half.{suffix}", share))


def test_not_a_picture(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_text("<html>404 not found</html>")
    with pytest.raises(MediaError, match=r"page\.png is not a JPEG, PNG.*save it as PNG or JPEG"):
        check_image(tmp_path / "page.png")
    with pytest.raises(MediaError, match="check_clip if it is a clip"):
        check_image(write_clip(tmp_path / "clip.mp4"))
    write_image(tmp_path / "scan.tiff")
    with pytest.raises(MediaError, match="is not a JPEG, PNG"):
        image_data_url(tmp_path / "scan.tiff")


@pytest.mark.parametrize("side", [9_500, 14_000])  # over Pillow's warning, over its error
def test_decompression_bomb_is_refused_unopened(tmp_path: Path, side: int) -> None:
    Image.new("1", (side, side)).save(tmp_path / "bomb.png", compress_level=1)
    with pytest.raises(MediaError, match=r"bomb\.png has only .* kB but unpacks to .*4096×4096"):
        check_image(tmp_path / "bomb.png")


@pytest.fixture(scope="module")
def packed() -> bytes:
    """80 MB in a few kB."""
    return zlib.compress(b"a" * 80_000_000)


@pytest.mark.parametrize("kind", ["text", "many texts", "profile", "text at the end"])
def test_bomb_in_the_text_of_a_png(tmp_path: Path, kind: str, packed: bytes) -> None:
    chunks = {
        "text": [b"zTXtc\0\0" + packed],
        "many texts": [b"zTXtc\0\0" + zlib.compress(b"a" * 1_000_000)] * 80,
        "profile": [b"iCCPc\0\0" + packed],
        "text at the end": [b"zTXtc\0\0" + packed],
    }[kind]
    data = write_image(tmp_path / "text.png").read_bytes()
    place = data.rindex(b"IEND") - 4 if kind.endswith("end") else 33  # 33: after IHDR
    extra = b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks
    )
    (tmp_path / "text.png").write_bytes(data[:place] + extra + data[place:])
    assert len(extra) < 200_000
    with pytest.raises(
        MediaError, match=r"is a PNG picture with a text or a colour profile.* save"
    ):
        check_image(tmp_path / "text.png")


def test_header_that_is_damaged(tmp_path: Path) -> None:
    data = write_image(tmp_path / "whole.png").read_bytes()
    (tmp_path / "header.png").write_bytes(data[:20] + bytes(200))
    with pytest.raises(MediaError, match="starts like a PNG picture but is cut off or damaged"):
        check_image(tmp_path / "header.png")


@pytest.mark.parametrize(
    "check", [check_image, check_clip, image_data_url, clip_data_url, file_url]
)
@pytest.mark.parametrize("name", ["a\0b.png", "\udcff\ud800.png"])
def test_name_that_no_file_can_have(check: object, name: str) -> None:
    with pytest.raises(MediaError, match="is no name of a file"):
        check(name)


@pytest.mark.parametrize("check", [check_image, check_clip])
def test_file_that_goes_or_changes_after_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: object
) -> None:
    path = write_image(tmp_path / "file.png")
    module = pictures if check is check_image else clips
    for function in ("check_file",):
        monkeypatch.setattr(media_files, function, lambda *_: 10)
        monkeypatch.setattr(module, function, lambda *_: 10, raising=False)
    path.unlink()
    with pytest.raises(MediaError, match="There is no file"):
        check(path)
    os.mkfifo(path)
    with pytest.raises(MediaError, match="device or a pipe"):
        check(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(MediaError, match="Is a directory"):
        check(path)


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 1000)
    with pytest.raises(MediaError, match=r"more than the 1 kB that can be sent well: make it sma"):
        check_image(write_image(tmp_path / "big.png"))


def test_aspect_ratio(tmp_path: Path) -> None:
    check_image(write_image(tmp_path / "just.png", 2000, 10))
    with pytest.raises(MediaError, match=r"2010×10 px: one side is more than 200 times.*crop it"):
        check_image(write_image(tmp_path / "strip.png", 2010, 10))
    with pytest.raises(MediaError, match="one side is more than 200"):
        image_data_url(draw_noise(1, 201))


def test_other_formats_and_pil_images_go_out_as_png(tmp_path: Path) -> None:
    for image in (write_image(tmp_path / "a.bmp"), draw_noise(96, 64)):
        head, data = unpack(image_data_url(image))
        assert head == "data:image/png;base64"
        assert np.array_equal(Image.open(io.BytesIO(data)), draw_noise(96, 64))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    if mode == "P":
        clear.info["transparency"] = clear.getpixel((0, 0))
    assert open_data_url(image_data_url(clear)).getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_file_with_transparent_parts(tmp_path: Path, mode: str, form: str) -> None:
    """vLLM 0.11.0 puts white behind RGBA, and makes the others black: those are sent as RGB."""
    clear, path = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode), tmp_path / "clear"
    if mode == "P":
        clear.info["transparency"] = clear.getpixel((0, 0))
    clear.save(path, form)
    sent = open_data_url(image_data_url(path))
    assert sent.mode == "RGBA" or sent.getpixel((3, 3)) == (255, 255, 255)


def test_sixteen_bits_of_grey_are_scaled(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "scan.png")
    sent = np.asarray(open_data_url(image_data_url(tmp_path / "scan.png")))
    assert sent.shape == (64, 64, 3)
    assert np.abs(sent[..., 0] - ramp / 256).max() < 1.01


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    sent = open_data_url(image_data_url(tmp_path / "two.gif"))
    assert sent.getpixel((5, 5)) == (255, 0, 0)


def test_max_side_shrinks_and_never_enlarges(tmp_path: Path) -> None:
    path = write_image(tmp_path / "wide.jpg", 400, 100)
    assert open_data_url(image_data_url(path, max_side=200)).size == (200, 50)
    assert unpack(image_data_url(path, max_side=400))[1] == path.read_bytes()


@pytest.mark.parametrize("side", [400, 200, 150, 37])
def test_max_side_of_a_jpeg_unpacked_small(tmp_path: Path, side: int) -> None:
    """Half, a quarter, between them, and more than an eighth: the side is right to the pixel."""
    path = tmp_path / "photo.jpg"
    Image.linear_gradient("L").resize((800, 600)).convert("RGB").save(path, quality=95)
    small = open_data_url(image_data_url(path, max_side=side))
    assert small.width == side and abs(small.height - 0.75 * side) < 1
    wanted = Image.linear_gradient("L").resize(small.size).convert("RGB")
    assert ImageChops.difference(small.convert("RGB"), wanted).getextrema()[0][1] < 12


def test_photo_with_an_orientation_mark_is_sent_upright(tmp_path: Path) -> None:
    photo = Image.new("RGB", (80, 40), "white")
    photo.paste("red", (0, 0, 20, 40))  # red at the left is red at the top once turned
    exif = photo.getexif()
    exif[pictures.ORIENTATION] = 6
    photo.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    sent = open_data_url(image_data_url(tmp_path / "phone.jpg"))
    assert (sent.format, sent.size) == ("JPEG", (40, 80))
    red, green, _ = sent.getpixel((20, 5))
    assert red > 200 > 100 > green
    assert sent.getexif().get(pictures.ORIENTATION, 1) == 1


def test_show_small_is_a_small_jpeg_with_a_description(tmp_path: Path) -> None:
    shown = show_small(write_image(tmp_path / "street_scene.png", 1600, 900))
    data, metadata = shown._repr_jpeg_()
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (480, 270)
    assert metadata["alt"] == "street scene"
    wide = show_small(draw_noise(2000, 10), 2000, alt="noise")
    assert Image.open(io.BytesIO(wide.data)).width == 640
    assert wide.alt == "noise"
    with pytest.raises(MediaError):
        show_small(tmp_path / "nothing.png")


# Clips


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("clip.mp4", "libx264", "mp4"),
        ("clip.mov", "libx264", "mp4"),
        ("clip.mkv", "libx264", "matroska"),
        ("clip.webm", "libvpx-vp9", "matroska"),
        ("clip.avi", "mpeg4", "avi"),
    ],
)
def test_good_clip_is_described(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = write_clip(tmp_path / name, codec=codec)
    info = check_clip(path)
    assert (info.width, info.height, info.frames, info.fps) == (64, 48, 20, 10.0)
    assert info.seconds == 2.0
    assert (info.container, info.bytes) == (container, path.stat().st_size)
    assert "20 frames, 10 a second, 2.00 s" in str(info)
    assert str(tmp_path) not in repr(info)
    head, data = unpack(clip_data_url(path))
    assert head == f"data:video/{container};base64"
    assert data == path.read_bytes()


def test_fractional_rate_and_fragments_count_the_same(tmp_path: Path) -> None:
    rate = Fraction(30000, 1001)
    assert check_clip(write_clip(tmp_path / "ntsc.mkv", frames=61, fps=rate)).frames == 61
    pieces = {"movflags": "frag_keyframe+empty_moov"}
    assert check_clip(write_clip(tmp_path / "pieces.mp4", options=pieces)).frames == 20


def test_not_a_clip(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a clip " * 50)
    with pytest.raises(MediaError, match=r"text\.mp4 is not an MP4, MOV.*convert it to MP4"):
        check_clip(tmp_path / "text.mp4")
    with pytest.raises(MediaError, match="check_image if it is a picture"):
        check_clip(write_image(tmp_path / "picture.png"))


def test_playlist_is_not_followed(tmp_path: Path) -> None:
    write_clip(tmp_path / "inner.ts")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", "inner.ts", "#EXT-X-ENDLIST"]
    (tmp_path / "list.mp4").write_text("\n".join(lines))
    with pytest.raises(MediaError, match="is not an MP4"):
        check_clip(tmp_path / "list.mp4")


def test_sound_alone(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has no video stream, only audio: choose"):
        check_clip(write_sound(tmp_path / "song.m4a"))


def test_one_frame_and_two(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"one frame, and .* in pairs: send it as a picture"):
        check_clip(write_clip(tmp_path / "one.mp4", frames=1))
    assert check_clip(write_clip(tmp_path / "two.mp4", frames=2)).frames == 2


@pytest.mark.parametrize("share", [0.6, 0.97])
def test_half_a_file_with_a_whole_header(tmp_path: Path, share: float) -> None:
    whole = write_clip(tmp_path / "whole.mp4", options={"movflags": "faststart"}, frames=60)
    with pytest.raises(MediaError, match=r"half\.mp4 .*cut off.*again"):
        check_clip(cut(whole, tmp_path / "half.mp4", share))


def test_half_a_file_without_its_index(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", frames=60)
    assert whole.read_bytes().rfind(b"moov") > whole.stat().st_size / 2
    with pytest.raises(MediaError, match=r"half\.mp4 .*index \(the moov atom\).*download it again"):
        check_clip(cut(whole, tmp_path / "half.mp4", 0.5))


def test_half_a_file_of_other_kinds(tmp_path: Path) -> None:
    mkv = write_clip(tmp_path / "whole.mkv", frames=60)
    with pytest.raises(MediaError, match=r"announces 60 frames but only \d+ can be read"):
        check_clip(cut(mkv, tmp_path / "half.mkv", 0.6))
    pieces = {"movflags": "frag_keyframe+empty_moov"}
    mp4 = write_clip(tmp_path / "whole.mp4", frames=60, options=pieces)
    with pytest.raises(MediaError, match="cut off"):
        check_clip(cut(mp4, tmp_path / "half.mp4", 0.6))


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "find_stack", lambda: versions.REFERENCE)


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "find_stack", lambda: versions.CURRENT)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Clips whose frames are fewer than their header lets one expect, and why."""
    folder = tmp_path_factory.mktemp("kinds")
    mkv = write_uneven_clip(folder / "recorder.mkv")
    webm = write_uneven_clip(folder / "screen.webm", JUMPS, codec="libvpx-vp9")
    phone = write_uneven_clip(folder / "phone.mkv", [t * 1.003 for t in JUMPS], sound=8)
    mp4 = write_uneven_clip(folder / "even.mp4", EVEN)
    uneven, sound = "frames are not evenly spaced", "sound goes on after its last picture"
    return {
        "recorder": (mkv, uneven),
        "fast recorder": (write_uneven_clip(folder / "fast.mkv", rate=1000), uneven),
        "screen": (webm, uneven),
        "browser": (drop_rate(webm, folder / "browser.webm"), uneven),
        "phone": (phone, uneven),
        "avi": (write_uneven_clip(folder / "recorder.avi", codec="mpeg4"), uneven),
        "late": (write_uneven_clip(folder / "late.mkv", [t + 0.5 for t in EVEN]), uneven),
        "sound": (write_uneven_clip(folder / "sound.mkv", EVEN, sound=6), sound),
        "trimmed": (trim(mp4, folder / "trimmed.mp4", 0.5), "some at its edges are hidden"),
        "trimmed little": (trim(mp4, folder / "little.mp4", 0.04), "some at its edges are hidden"),
    }


@pytest.mark.usefixtures("reference")
def test_whole_clip_with_uneven_frames_says_so(kinds: dict) -> None:
    for path, why in kinds.values():
        with pytest.raises(MediaError) as caught:
            check_clip(path)
        sentence = str(caught.value)
        assert why in sentence
        assert f"`ffmpeg -i {path.name} -vf fps=30 even.mp4`" in sentence
        assert not [word for word in ("cut off", "damaged", "no clip") if word in sentence]


@pytest.mark.usefixtures("current")
def test_current_server_counts_what_is_there(kinds: dict) -> None:
    paths = {name: path for name, (path, _) in kinds.items()}
    with pytest.raises(MediaError, match=r"not evenly spaced.* vLLM 0\.32\.0 insists on those"):
        check_clip(paths.pop("avi"))
    infos = {name: check_clip(path) for name, path in paths.items()}
    assert (infos["recorder"].frames, infos["recorder"].fps) == (98, 30)
    assert infos["recorder"].drift == pytest.approx(7 - 97 / 30, abs=0.01)
    assert "up to 3.8 s wrong, so convert it: `ffmpeg -i recorder.mkv" in str(infos["recorder"])
    assert (infos["trimmed"].frames, infos["sound"].frames, infos["late"].frames) == (75, 90, 90)
    assert "convert" not in f"{infos['trimmed']} {infos['sound']} {infos['late']}"


@pytest.mark.parametrize("stack", [versions.REFERENCE, versions.CURRENT], ids=lambda s: s.name)
def test_half_a_clip_with_uneven_frames_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stack: versions.Stack, kinds: dict
) -> None:
    monkeypatch.setattr(clips, "find_stack", lambda: stack)
    for name, (path, _) in kinds.items():
        if path.suffix != ".mp4":
            with pytest.raises(MediaError, match=r"cut off.*: download or record it again"):
                check_clip(cut(path, tmp_path / f"half_{name}{path.suffix}", 0.6))


def test_rate_and_length_of_a_phone_are_the_mean(tmp_path: Path) -> None:
    info = check_clip(write_uneven_clip(tmp_path / "phone.mp4"))
    assert info.frames == 98
    assert info.fps == pytest.approx(16.06, abs=0.01)
    assert info.seconds == pytest.approx(6.1, abs=0.01)
    assert "up to 2.6 s wrong, so convert it: `ffmpeg -i phone.mp4 -vf fps=30" in str(info)
    jitter = [number / 30 + 0.01 * (number % 2) for number in range(60)]
    assert "convert" not in str(check_clip(write_uneven_clip(tmp_path / "jitter.mp4", jitter)))


def test_more_frames_than_announced_are_left_out(tmp_path: Path) -> None:
    fast = [number / 31 for number in range(120)]
    info = check_clip(write_uneven_clip(tmp_path / "fast.webm", fast, codec="libvpx-vp9"))
    assert info.frames == int(info.seconds * 30 + 0.5) < 120
    assert sample_frames(tmp_path / "fast.webm", 2)[1][1] == pytest.approx(
        (info.frames - 1) / 31, abs=0.001
    )


LOAD = """
import json, sys
from pathlib import Path
from vllm.multimodal.video import VIDEO_LOADER_REGISTRY
name, count = ("opencv", {"num_frames": 32}) if sys.argv[1] == "reference" else ("qwen3_vl", {})
loader, found = VIDEO_LOADER_REGISTRY.load(name), {}
for path in sys.argv[2:]:
    try:
        frames, facts = loader.load_bytes(Path(path).read_bytes(), **count)
        found[path] = [len(frames), facts["duration"]]
    except Exception as error:
        found[path] = [0, str(error)]
print(json.dumps(found))
"""


@pytest.mark.slow
def test_clips_are_what_the_installed_servers_loader_makes_of_them(
    tmp_path: Path, kinds: dict
) -> None:
    stack = versions.find_stack()
    if not versions.read_engine_version():
        pytest.skip("no vLLM here")
    paths = [path for path, _ in kinds.values()]
    paths += [write_uneven_clip(tmp_path / f"a{suffix}") for suffix in (".mp4", ".mov")]
    paths += [write_uneven_clip(tmp_path / "b.mp4", JUMPS)]
    paths += [write_uneven_clip(tmp_path / f"even{suffix}", EVEN) for suffix in (".mkv", ".avi")]
    paths += [cut(paths[0], tmp_path / "half.mkv", 0.6)]
    command = [sys.executable, "-c", LOAD, stack.name, *map(str, paths)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name, (count, duration) in json.loads(said.splitlines()[-1]).items():
        try:
            info = check_clip(name)
        except MediaError as error:
            assert not count or "cut off" in str(error) or name.endswith(".avi"), name
            continue
        assert info.seconds == pytest.approx(duration, abs=0.001), name
        plan = plan_clip(64, 48, frames=info.frames, fps=info.fps, version=stack.vllm)
        taken = info.frames if stack is versions.REFERENCE else len(plan.frames)
        assert count == min(taken, 32), name


@pytest.mark.slow
def test_damage_in_the_middle(tmp_path: Path) -> None:
    import torchvision.io  # noqa: F401  it turns PyAV's logging on, which made this one hang

    path = write_clip(tmp_path / "scratched.mp4", frames=60, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    start = data.rfind(b"mdat") + 8
    data[start:] = bytes(len(data) - start)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"damaged or cut off|only 0 can be read"):
        check_clip(path)


def test_clip_that_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "live.webm", codec="libvpx-vp9", options={"live": "1"})
    with pytest.raises(MediaError, match=r"does not say how long it is.*convert it to MP4"):
        check_clip(path)


def test_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = write_clip(tmp_path / "slow.mp4", fps=Fraction(1, 30))
    with pytest.raises(MediaError, match=r"too long \(600 s and 20 frames; at most 300 s.*cut out"):
        check_clip(slow)
    monkeypatch.setattr(clips, "MAX_FRAMES", 19)
    with pytest.raises(MediaError, match=r"too long \(2 s and 20 frames"):
        check_clip(write_clip(tmp_path / "fast.mp4"))


def test_limits_come_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("decoded before the limits were checked")

    monkeypatch.setattr(clips, "decode_frames", refuse)
    monkeypatch.setattr(clips, "MAX_FRAME_PIXELS", 64 * 48 - 1)
    path = write_clip(tmp_path / "large.mp4")
    with pytest.raises(MediaError, match=r"frames of 64×48 px, more than .*scale it down"):
        check_clip(path)
    monkeypatch.setattr(clips, "MAX_FILE_BYTES", 500)
    with pytest.raises(MediaError, match="that can be sent well"):
        check_clip(path)


def test_frames_beyond_the_announced_end_the_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "MAX_FRAMES", 15)
    monkeypatch.setattr(clips, "count_announced", lambda *_: 10)
    with pytest.raises(MediaError, match=r"too long \(over 15 frames\)"):
        check_clip(write_clip(tmp_path / "liar.mkv"))


def test_too_small_and_too_narrow(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"64×16 px.* a side under 32 px: scale it up"):
        check_clip(write_clip(tmp_path / "small.mp4", size=(64, 16)))
    with pytest.raises(MediaError, match="more than 200 times the other"):
        check_clip(write_clip(tmp_path / "strip.mp4", size=(6440, 32), frames=2))


def test_sampled_frames_are_those_of_the_server(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=23)
    pictures_, seconds = sample_frames(path, 5)
    indices = np.linspace(0, 22, 5, dtype=int)
    assert seconds == pytest.approx(indices / 10)
    greys = [picture.getpixel((30, 20))[0] for picture in pictures_]
    assert greys == pytest.approx(np.minimum(indices * 10, 250), abs=4)
    assert len(sample_frames(path, 99)[0]) == 23
    assert sample_frames(path, 1)[1] == [0.0]
    with pytest.raises(MediaError, match="at least 1"):
        sample_frames(path, 0)


def test_clip_of_a_turned_phone_is_shown_upright(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "phone.mp4", left="white")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # a quarter turn clockwise, ISO/IEC 14496-12 8.3.2
    turned = (0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    data[matrix : matrix + 36] = struct.pack(">9i", *turned)
    path.write_bytes(data)
    first = sample_frames(path, 2)[0][0]
    assert first.size == (48, 64)
    assert first.getpixel((24, 5))[0] > 200 > 50 > first.getpixel((24, 60))[0]


def test_contact_sheet_is_a_labelled_grid(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    sheet = contact_sheet(path)
    cell_width, cell_height = (640 - 5 * 8) // 4, 48
    assert sheet.size == (640, 8 + 2 * (cell_height + 22))
    first, last = sheet.getpixel((8 + 75, 20)), sheet.getpixel((640 - 8 - 75, 8 + 70 + 20))
    assert first[0] < 20
    assert last[0] > 170
    caption = sheet.crop((8, 8 + cell_height, 8 + cell_width, 8 + cell_height + 22))
    assert min(caption.convert("L").get_flattened_data()) < 50
    assert contact_sheet(path, frames=3).size == (640, 8 + 48 + 22)


# file:// URLs


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    monkeypatch.setattr(media_files, "MEDIA", folder)
    return folder


def test_file_url_is_percent_encoded(media: Path) -> None:
    path = write_image(media / "a street, 100 % ü?.png")
    url = httpx.URL(file_url(path))
    assert url.scheme == "file"
    assert url.path == str(path.resolve())
    assert " " not in file_url(path)
    assert file_url(path).isascii()


def test_file_url_outside_the_folder(media: Path, tmp_path: Path) -> None:
    outside = write_image(tmp_path / "outside.png")
    with pytest.raises(MediaError, match=r"outside .*media, the one folder.*copy it there, or"):
        file_url(outside)
    (media / "link.png").symlink_to(outside)
    with pytest.raises(MediaError, match="the one folder that the server may read"):
        file_url(media / "link.png")
    with pytest.raises(MediaError, match="the one folder"):
        file_url(media / ".." / "outside.png")
    with pytest.raises(MediaError, match="There is no file"):
        file_url(media / "nothing.png")


def test_file_url_where_the_folder_is_a_symlink(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_image(media / "a.png")
    (tmp_path / "link").symlink_to(media)
    monkeypatch.setattr(media_files, "MEDIA", tmp_path / "link")
    assert file_url(tmp_path / "link" / "a.png") == path.resolve().as_uri()


def test_files_of_the_course_are_named_without_the_way_to_it() -> None:
    with pytest.raises(MediaError, match=r"There is no file media/nothing\.png:"):
        check_image(media_files.MEDIA / "nothing.png")


# Text


@pytest.mark.parametrize(
    "marker", ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
)
def test_media_markers_are_refused(marker: str) -> None:
    with pytest.raises(MediaError) as caught:
        check_text(f"What is {marker} for?")
    assert marker in str(caught.value)
    assert "kill" in str(caught.value)
    assert "leave it out" in str(caught.value)


@pytest.mark.parametrize("marker", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
def test_turn_markers_are_refused(marker: str) -> None:
    with pytest.raises(MediaError, match="border of a turn, so leave it out"):
        check_text(f"Hello{marker}")


@pytest.mark.parametrize("text", ["", "Describe.", "a < b | c > d", "<| image_pad |>", "image_pad"])
def test_other_texts_pass_unchanged(text: str) -> None:
    assert check_text(text) == text


# What the server says: the left column was answered by vLLM 0.11.0

ANSWERS = [
    (
        "This model's maximum context length is 16384 tokens. However, your request has 40014 "
        "input tokens. Please reduce the length of the input messages. None",
        "The prompt has 40014 tokens and the server holds 16384: shorten",
    ),
    (
        "'max_tokens' or 'max_completion_tokens' is too large: 20000. This model's maximum context "
        "length is 16384 tokens and your request has 14 input tokens (20000 > 16384 - 14). None",
        "The prompt (14 tokens) and max_tokens (20000) do not fit into the server's 16384",
    ),
    (
        "The decoder prompt (length 24503) is longer than the maximum model length of 16384. Make "
        "sure that `max_model_len` is no smaller than the number of text tokens plus multimodal "
        "tokens.",
        "The prompt has 24503 tokens with its pictures and clips and the server holds 16384: send",
    ),
    (
        "Failed to apply Qwen3VLProcessor on data={'text': '<|vision_start|><|image_pad|>"
        "<|vision_end|>', 'images': [<PIL.PngImagePlugin.PngImageFile image mode=RGB "
        "size=2010x10 at 0x7F0CA8FA6480>]} with kwargs={}",
        "refuses the picture, one side of which is over 200 times the other: crop it",
    ),
    (
        "Failed to apply Qwen3VLProcessor on data={'text': '<|vision_start|><|video_pad|>"
        "<|vision_end|>', 'videos': [[array([[[[0, 0, 0],\n         [0, 0, 0],\n",
        "refuses the clip, which has a single frame, a side under 32 px",
    ),
    ("list index out of range list index out of range", "send at least one message"),
    (
        "Cannot load local files without `--allowed-local-media-path`. None",
        "was started without --allowed-local-media-path and opens no file:// URL: add the flag",
    ),
    (
        "The file path /etc/hostname must be a subpath of `--allowed-local-media-path` "
        "/srv/my.media. None",
        "opens files in /srv/my.media alone: copy the file there",
    ),
    ("[Errno 2] No such file or directory: '/srv/none.png'", "finds no file /srv/none.png on its"),
    ("At most 4 image(s) may be provided in one prompt. None", "takes at most 4 image(s) in one"),
    (
        "Cannot connect to host 127.0.0.1:9 ssl:default [Connect call failed ('127.0.0.1', 9)]",
        "cannot reach 127.0.0.1:9, and it is the server that fetches",
    ),
    (
        "404, message='Not Found', url='http://127.0.0.1:41607/404.png'",
        "http://127.0.0.1:41607/404.png answered the server with 404 Not Found: correct it",
    ),
    ("cannot identify image file <_io.BytesIO object at 0x7f0cab5def70>", "run check_image on it"),
    ("image file is truncated (56 bytes not processed)", "cut off or damaged: run check_image"),
    (
        "Image size (180000000 pixels) exceeds limit of 178956970 pixels, could be decompression "
        "bomb DOS attack.",
        "has 180000000 pixels, which is taken for a decompression bomb: shrink it",
    ),
    ("not enough values to unpack (expected 2, got 1) None", "The data URL is malformed"),
    ("Non-base64 digit found None", "let image_data_url or clip_data_url write it"),
    (
        "The URL must be either a HTTP, data or file URL. None",
        "is a plain path: turn it into",
    ),
    ("Unknown part type: image None", "has the type 'image', which a server does not know: use"),
    (
        "1 validation error for ChatCompletionContentPartImageParam\nimage_url\n  Input should be "
        "a valid dictionary [type=dict_type, input_value='data:image/png;base64,iV...']",
        '{"type": "image_url", "image_url": {"url": "…"}}',
    ),
    (
        "Expected reading 32 frames, but only loaded 16 frames from video.",
        "announces more frames than the 16 that the server could take from it",
    ),
    ("Could not open video stream None", "in place of a clip is none: run check_clip"),
    ("The model `nope` does not exist.", "'nope': take the name from client.models.list()"),
    (
        "EngineCore encountered an issue. See stack trace (above) for the root cause.",
        "The engine behind the server has died and answers nothing any more: start the server",
    ),
    # So says vLLM 0.26.0, and 0.32.0, where they differ.
    (
        "This model's maximum context length is 16384 tokens. However, you requested 16384 output "
        "tokens and your prompt contains 62 characters (more than 0 characters, which is the upper "
        "bound for 0 input tokens). Please reduce the length of the input prompt or the number of "
        "requested output tokens.",
        "The prompt and max_tokens (16384) do not fit into the server's 16384 tokens together",
    ),
    (
        "This model's maximum context length is 16384 tokens. However, your prompt contains at "
        "least 16385 input tokens, which exceeds this limit even without any output tokens. "
        "Please reduce the length of the input prompt. (parameter=input_tokens, value=16385)",
        "The prompt has more than the 16384 tokens that the server holds: shorten",
    ),
    (
        "Per-request mm_processor_kwargs are disabled by default because they can change "
        "multimodal preprocessing resource usage. Start the server with "
        "--trust-request-mm-kwargs only when clients are trusted.",
        "Since vLLM 0.31 a server takes mm_processor_kwargs and media_io_kwargs in a request only",
    ),
    (
        "Failed to apply Qwen3VLProcessor on data={'text': '<|vision_start|><|video_pad|>"
        "<|vision_end|>', 'videos': [[array([[[[0, 0, 0],\n]]]], dtype=uint8)]]} with kwargs="
        "{'text_kwargs': {'truncation': False}, 'videos_kwargs': {'fps': 1, 'do_rescale': False}}",
        "this version's processor takes no fps for them: leave it out",
    ),
    (
        "Cannot apply chat template to an empty conversation. Provide at least one message.",
        "send at least one message",
    ),
    (
        "The file path /etc/hosts must be a subpath of `--allowed-local-media-path /srv/my.media`.",
        "opens files in /srv/my.media alone: copy the file there",
    ),
    ("[Errno 2] No such file or directory: '<path>'", "does not find the file on its own disk"),
    (
        "Failed to fetch media from URL: HTTP 404 error (parameter=image_url, "
        "value=http://127.0.0.1:8450/nothing.png)",
        "The address http://127.0.0.1:8450/nothing.png answered the server with 404: correct it",
    ),
    (
        "8 validation errors for ValidatorIterator\n0.ChatCompletionContentPartTextParam.text\n  "
        "Field required [type=missing, input_value={'type': 'picture', 'picture': 'x'}, "
        "input_type=dict]\n",
        "has the type 'picture', which a server does not know: use",
    ),
    (
        "7 validation errors for ValidatorIterator\n0.ChatCompletionContentPartTextParam.text\n  "
        "Field required [type=missing, input_value={'type': 'image_url'}, input_type=dict]\n",
        "The image_url part is malformed: it holds a second field of that name",
    ),
    (
        "Number of samples, -9223372036854775808, must be non-negative.",
        "in place of a clip is none: run check_clip",
    ),
    ("", "The server failed without a word (500): most often a URL took it longer"),
    ("Something new.", "The server refused the request (500) and says: Something new."),
]


def make_refusal(words: str, status: int = 500) -> openai.APIStatusError:
    """Make the error as the client does from the server's answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": words, "code": status}})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = openai.OpenAI(api_key="EMPTY", http_client=http, max_retries=0)
    with client, pytest.raises(openai.APIStatusError) as caught:
        client.models.list()
    return caught.value


@pytest.mark.parametrize(("words", "meaning"), ANSWERS)
def test_refusal_is_translated(words: str, meaning: str) -> None:
    sentence = explain_refusal(make_refusal(words))
    assert meaning in sentence
    assert "\n" not in sentence
    assert len(sentence) < 420
    if words and "new" not in words:
        assert explain_refusal(words) == sentence


def test_endless_words_are_cut() -> None:
    assert len(explain_refusal(make_refusal("0, " * 5000))) < 400


def test_server_that_is_not_there() -> None:
    with socket.socket() as held:  # bound but not listening: nobody else can answer on it
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        client = openai.OpenAI(base_url=url, api_key="EMPTY", max_retries=0)
        with client, pytest.raises(openai.APIConnectionError) as caught:
            client.models.list()
    assert "No server answers: start it" in explain_refusal(caught.value)


def test_server_that_is_slow_or_wants_a_key() -> None:
    timeout = openai.APITimeoutError(request=httpx.Request("POST", "http://127.0.0.1/v1"))
    assert "time limit: send a smaller picture" in explain_refusal(timeout)
    request = httpx.Request("GET", "http://127.0.0.1/v1")
    response = httpx.Response(401, json={"error": "Unauthorized"}, request=request)
    refused = openai.AuthenticationError("x", response=response, body="Unauthorized")
    assert "set COURSE_API_KEY" in explain_refusal(refused)
