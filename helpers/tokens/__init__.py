"""Count tokens before anything is sent: of a picture, a clip, a whole prompt (notebook 07).

It may import the ground and the media's room.
"""

from helpers.tokens.counts import (
    ClipPlan,
    Limits,
    TokenError,
    image_tokens,
    plan_clip,
    read_limits,
    resize_image,
    video_tokens,
)
from helpers.tokens.prompts import prompt_tokens

__all__ = [
    "ClipPlan",
    "Limits",
    "TokenError",
    "image_tokens",
    "plan_clip",
    "prompt_tokens",
    "read_limits",
    "resize_image",
    "video_tokens",
]
