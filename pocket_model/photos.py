"""Pack pictures from folders for training and evaluation of "I cannot tell".

    python -m pocket_model.photos PACK.npz FOLDER [FOLDER ...]

Takes every picture below the folders, and parts of the large ones, as JPEG files of at most
SIDE pixels. POCKET_PHOTOS names the pack that `tasks/strange.py` draws from. The model card tells
which free packages were used (`apt-get download NAME`, `dpkg -x NAME*.deb FOLDER`); none of their
pictures is part of the course. Keep whole sources for a pack of their own to evaluate with.
"""

import argparse
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, UnidentifiedImageError

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
SIDE = 448  # px
SMALLEST = 60  # px: smaller pictures are icons
PARTS = 6  # of a picture large enough to be cut


def find_pictures(folders: list[Path]) -> list[Path]:
    found = (path for folder in folders for path in folder.rglob("*"))
    return sorted(p for p in found if p.suffix.lower() in ENDINGS and p.is_file())


def cut_parts(rng: Random, image: Image.Image) -> Iterator[Image.Image]:
    """The whole picture, and parts of a large one."""
    yield image
    for _ in range(PARTS if min(image.size) > 2 * SIDE else 0):
        share = rng.uniform(0.3, 0.8)
        width, height = round(image.width * share), round(image.height * share)
        left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
        yield image.crop((left, top, left + width, top + height))


def write_part(image: Image.Image) -> bytes | None:
    """A JPEG file, or None for a picture that is as good as one colour."""
    if np.asarray(image.convert("L").resize((32, 18))).std() < 12:
        return None
    image = image.copy()
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def read_picture(path: Path) -> Image.Image | None:
    """A picture on white where it is see-through; None if it is none or an icon."""
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2000, 2000))
            image = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    if min(image.size) < SMALLEST:
        return None
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def make_pack(folders: list[Path], most: int, seed: int = 1) -> list[bytes]:
    """JPEG files in a random order, of at most `most` bytes together."""
    rng, files = Random(seed), []
    for path in find_pictures(folders):
        image = read_picture(path)
        parts = cut_parts(rng, image) if image else ()
        files += [file for file in map(write_part, parts) if file]
    rng.shuffle(files)
    ends = np.cumsum([len(file) for file in files])
    return files[: int((ends <= most).sum())]


def write_pack(path: Path, files: list[bytes]) -> None:
    """`data` has the files one after another, `ends` where each ends."""
    data = np.frombuffer(b"".join(files), np.uint8)
    np.savez(path, data=data, ends=np.cumsum([len(file) for file in files]))


@cache
def read_pack(path: str) -> list[bytes]:
    """The JPEG files of a pack, read once."""
    with np.load(path) as pack:
        return [file.tobytes() for file in np.split(pack["data"], pack["ends"][:-1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=21_000_000, help="bytes")
    options = parser.parse_args()
    files = make_pack(options.folders, options.most)
    if not files:
        parser.exit(1, f"No pictures below {', '.join(map(str, options.folders))}.\n")
    write_pack(options.pack, files)
    print(f"{len(files)} pictures, {sum(map(len, files)) / 1e6:.1f} MB, in {options.pack}.")


if __name__ == "__main__":
    main()
