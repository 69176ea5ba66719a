"""Check a picture before it is sent, turn it into a data URL, show it small."""

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps, UnidentifiedImageError

from helpers.media.files import (
    MediaError,
    check_aspect,
    name_file,
    read_file,
    say_bytes,
    write_data_url,
)

if TYPE_CHECKING:
    import IPython.display

# Pillow's names and the media types. MPO is what many phones write as .jpg: JPEG with a preview.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
}
FIRST_BYTES = {b"\x89PNG\r\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF"}
PILLOW_READERS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # the JPEG reader also finds MPO
SENT_UNCHANGED = ("JPEG", "MPO", "PNG", "WEBP")
MAX_BYTES = 32 * 2**20  # a 50-megapixel photo as JPEG; base64 adds a third in the request
MAX_PIXELS = 89_478_485  # where Pillow warns of a bomb: 0.27 GB unpacked, 5 times what is looked at
MAX_SHOWN_WIDTH = 640
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


@dataclass(frozen=True)
class ImageInfo:
    """A picture that was decoded to its end; width and height in pixels, as stored."""

    path: Path
    format: str
    width: int
    height: int
    mode: str
    bytes: int

    def __str__(self) -> str:
        size = f"{self.width}×{self.height} px"
        return f"{self.path.name}: {self.format}, {size}, {self.mode}, {say_bytes(self.bytes)}"

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"✅ {self}"


def check_image(path: str | Path) -> ImageInfo:
    """Decode a picture file to its end; raise MediaError where the server would refuse it.

    Format, bytes and pixels are checked before anything is unpacked. Of an animation the first
    frame counts, as in the server.
    """
    data = read_file(Path(path), MAX_BYTES)
    picture = decode_image(data, name_file(path))
    width, height = picture.size
    return ImageInfo(Path(path), picture.format, width, height, picture.mode, len(data))


def image_data_url(image: str | Path | Image.Image, *, max_side: int | None = None) -> str:
    """Turn a picture into a `data:image/…;base64,…` URL, which travels inside the request.

    A JPEG, PNG or WebP file goes out byte for byte; other formats and PIL images as PNG, on white
    where they are transparent. `max_side` shrinks the longer side to so many pixels. What vLLM
    0.11.0 reads wrongly is mended here: it ignores the camera's orientation mark, puts white behind
    RGBA alone (else black), and makes 16 bits of grey white, as 0.32.0 does.
    """
    if isinstance(image, Image.Image):
        picture, data, form = image, b"", "PNG"
        check_aspect(*picture.size, "The picture")
    else:
        data = read_file(Path(image), MAX_BYTES)
        picture = open_image(data, name_file(image))
        form = picture.format
    fits = max_side is None or max(picture.size) <= max_side
    if data:
        if not fits:  # a JPEG unpacks at 1/2, 1/4 or 1/8 of its size for less work
            share = max_side / max(picture.size)
            picture.draft(None, tuple(math.ceil(side * share) for side in picture.size))
        unpack(picture, name_file(image))
    if data and fits and form in SENT_UNCHANGED and is_read_rightly(picture):
        return write_data_url(MEDIA_TYPES[form], data)
    picture = flatten(picture)
    if not fits:
        picture.thumbnail((max_side, max_side))
    form = "JPEG" if form in ("JPEG", "MPO") else "PNG"
    return write_data_url(MEDIA_TYPES[form], encode(picture, form, quality=95))


def show_small(
    image: str | Path | Image.Image, width: int = 480, *, alt: str | None = None
) -> "IPython.display.Image":
    """Return a picture as a small JPEG that a notebook shows, at most `width` (640) px wide."""
    from IPython.display import Image as Shown

    if isinstance(image, Image.Image):
        picture = image
    else:
        picture = decode_image(read_file(Path(image), MAX_BYTES), name_file(image))
        alt = alt or Path(image).stem.replace("_", " ")
    small = flatten(picture)
    width = min(width, MAX_SHOWN_WIDTH)
    small.thumbnail((width, 2 * width))
    return Shown(data=encode(small, "JPEG", quality=80), format="jpeg", alt=alt)


def decode_image(data: bytes, name: str) -> Image.Image:
    """Return the unpacked picture; its format and size are checked before it is unpacked."""
    return unpack(open_image(data, name), name)


def open_image(data: bytes, name: str) -> Image.Image:
    """Return the picture with its format and size checked, not yet unpacked."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=PILLOW_READERS)
        if picture.width * picture.height > MAX_PIXELS:
            raise Image.DecompressionBombError
    except Image.DecompressionBombError:
        raise MediaError(
            f"{name} has only {say_bytes(len(data))} but unpacks to more than {MAX_PIXELS:,} "
            "pixels (a decompression bomb): shrink it to at most 4096×4096, which is all that the "
            "model looks at."
        ) from None
    except Exception as error:  # a damaged header makes Pillow raise errors of any kind
        for start, form in FIRST_BYTES.items():
            if data.startswith(start):
                raise MediaError(say_damaged(name, form, error)) from error
        raise MediaError(
            f"{name} is not a JPEG, PNG, WebP, GIF or BMP picture: open it in an image program and "
            "save it as PNG or JPEG, or check it with check_clip if it is a clip."
        ) from error
    check_aspect(*picture.size, name)
    return picture


def unpack(picture: Image.Image, name: str) -> Image.Image:
    try:
        picture.load()
    except Exception as error:  # damaged data makes Pillow raise errors of any kind, too
        raise MediaError(say_damaged(name, picture.format, error)) from error
    return picture


def say_damaged(name: str, form: str, error: Exception) -> str:
    """Why a picture that starts like one cannot be unpacked."""
    if "MAX_TEXT" in str(error):  # Pillow's limits for compressed text and colour profiles
        return (
            f"{name} is a {form} picture with a text or a colour profile inside that unpacks to "
            "more than any picture needs: open it in an image program and save it without."
        )
    words = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
    return (
        f"{name} starts like a {form} picture but is cut off or damaged{words}: download or save "
        "it again."
    )


def is_read_rightly(picture: Image.Image) -> bool:
    """Does vLLM 0.11.0 see the picture as everybody does?"""
    upright = picture.getexif().get(ORIENTATION, 1) == 1
    opaque = picture.mode == "RGBA" or not picture.has_transparency_data
    return upright and opaque and not picture.mode.startswith("I")


def flatten(picture: Image.Image) -> Image.Image:
    """Return an upright RGB copy, on white where the picture is transparent.

    Pillow itself cuts off 16 bits of grey at 255; here they are scaled.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def encode(picture: Image.Image, form: str, *, quality: int) -> bytes:
    """Return the file that Pillow writes; `quality` (1 to 95) counts for JPEG alone."""
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=quality)
    return buffer.getvalue()
