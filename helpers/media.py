"""Pictures and clips: check them before they are sent, turn them into URLs, look at them.

vLLM 0.11 answers a bad file with a 500 that has no words, or with a screenful of array, so every
check decodes the whole file first and names the cause and the way out. This module is the front;
`pictures`, `clips`, `media_files` and `refusals` do the work.
"""

import re

from helpers.clips import ClipInfo, check_clip, clip_data_url, contact_sheet, sample_frames
from helpers.media_files import MediaError, file_url
from helpers.pictures import ImageInfo, check_image, image_data_url, show_small
from helpers.refusals import explain_refusal

__all__ = [
    "ClipInfo",
    "ImageInfo",
    "MediaError",
    "check_clip",
    "check_image",
    "check_text",
    "clip_data_url",
    "contact_sheet",
    "explain_refusal",
    "file_url",
    "image_data_url",
    "sample_frames",
    "show_small",
]

MEDIA_MARKERS = ("vision_start", "vision_end", "vision_pad", "image_pad", "video_pad")
TURN_MARKERS = ("im_start", "im_end", "endoftext")


def check_text(text: str) -> str:
    """Return a text unchanged; raise MediaError if it holds one of the model's own markers.

    A written `<|vision_start|><|image_pad|>` makes vLLM 0.11 look for a picture that is not there:
    the engine dies, and with it every later request. `<|im_end|>` ends the turn early.
    """
    marker = re.search(r"<\|(" + "|".join(MEDIA_MARKERS + TURN_MARKERS) + r")\|>", text)
    if marker is None:
        return text
    if marker[1] in MEDIA_MARKERS:
        harm = "it stands for a picture or clip that is not there and can kill vLLM 0.11's engine"
    else:
        harm = "the model takes it for the border of a turn"
    raise MediaError(
        f"The text contains the marker {marker[0]}: {harm}, so leave it out (or write it with a "
        "space inside), and send pictures and clips as content parts of their own."
    )
