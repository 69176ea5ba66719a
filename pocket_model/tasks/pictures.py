"""Pictures as the processor hands them to the model: drawn at some size, scaled to a fixed one."""

from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image

from media.generator.drawing import Size

SCALES = (1.0, 1.0, 1.0, 1.5, 1.5, 2.0, 2.5)


def choose_size(rng: Random, shape: Size) -> Size:
    """The size to draw at: `shape` (width, height), or up to 2.5 times that."""
    scale = rng.choice(SCALES)
    return round(shape[0] * scale), round(shape[1] * scale)


def choose_smooth(rng: Random, size: Size, shape: Size) -> int:
    """How many times larger to draw: small pictures show their jagged edges most."""
    return 2 if size == shape and rng.random() < 0.35 else 1


def draw_picture(
    rng: Random, shape: Size, draw: Callable[[Size, int], tuple[Image.Image, dict]]
) -> tuple[np.ndarray, dict]:
    """What `draw(size, smooth)` draws at some size, scaled to `shape`, with its own record."""
    size = choose_size(rng, shape)
    image, record = draw(size, choose_smooth(rng, size, shape))
    return fit(image, shape), record


def fit(image: Image.Image, shape: Size) -> np.ndarray:
    """Scale as the processor does (bicubic, antialiased): uint8, height × width × 3."""
    if image.size != shape:
        image = image.resize(shape, Image.Resampling.BICUBIC)
    return np.asarray(image)
