"""Fresh pictures in a notebook: the course's generator, which is no installed package."""

import sys

from PIL import Image

from helpers.places import ROOT


def draw_fresh(
    kind: str, seed: int, size: tuple[int, int] | None = None
) -> tuple[Image.Image, dict]:
    """A picture that no file holds, and the record of what is in it.

    `kind` is "receipt", "chart", "table", "street" or "scene" (one of these two); the same seed and
    size, (width, height) in pixels, give the same picture on every machine. Drawn by
    media/generator/fresh.py, which names the fields of the record. ValueError for another kind.
    """
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))  # last, so that it hides nothing
    from media.generator.fresh import draw_fresh as draw

    return draw(kind, seed, size)
