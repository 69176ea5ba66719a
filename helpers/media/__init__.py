"""Pictures and clips: check them before they are sent, turn them into URLs, look at them.

vLLM 0.11 answers a bad file with a 500 that has no words, or with a screenful of array, so every
check decodes the whole file first and names the cause and the way out. It may import the ground
alone.
"""

from helpers.media.boxes import (
    Box,
    Point,
    draw_boxes,
    list_boxes,
    read_boxes,
    read_points,
)
from helpers.media.clips import (
    ClipInfo,
    check_clip,
    clip_data_url,
    contact_sheet,
    count_announced,
    find_rate,
    find_video,
    open_clip,
    sample_frames,
)
from helpers.media.files import MAX_FILE_BYTES, MediaError, check_file, file_url
from helpers.media.pictures import (
    PILLOW_READERS,
    ImageInfo,
    check_image,
    image_data_url,
    show_small,
)
from helpers.media.seed import fetch_seed_media
from helpers.media.texts import check_text

__all__ = [
    "MAX_FILE_BYTES",
    "PILLOW_READERS",
    "Box",
    "ClipInfo",
    "ImageInfo",
    "MediaError",
    "Point",
    "check_clip",
    "check_file",
    "check_image",
    "check_text",
    "clip_data_url",
    "contact_sheet",
    "count_announced",
    "draw_boxes",
    "fetch_seed_media",
    "file_url",
    "find_rate",
    "find_video",
    "image_data_url",
    "list_boxes",
    "open_clip",
    "read_boxes",
    "read_points",
    "sample_frames",
    "show_small",
]
