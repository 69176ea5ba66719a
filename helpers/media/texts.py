"""The texts that go with pictures and clips: none may hold one of the model's own markers."""

import re

from helpers.media.files import MediaError

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
