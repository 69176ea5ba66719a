"""The exercises of notebook 07: right answers in many forms, wrong ones with their reason."""

import numpy as np

from helpers.exercises import nb07
from helpers.memory.terms import Settings
from tests.exercise_cases import all_get, hold_answers

ODD = all_get(
    "",
    *((0, 0), "1x", "8580 8580", [8580, 8580], (352, 198, 352, 198), "352×198 352×198", "-352×198"),
    *({"max_model_len": 8192}, [Settings(), Settings()], Settings, Settings()),
)
RIGHT = {
    nb07.check_scan: [8580, 8580.0, "8,580", "8.580", " 8_580 tokens", np.int64(8580)],
    nb07.check_clip_size: [
        *((352, 198), [356, 200], "352×198", "(352, 198)", "352 x 198 px", ("352", 198)),
        *((341, 192), "352X198", {"width": 352, "height": 198}),
    ],
    nb07.check_talk: [4400, 4400.0, "4,400", "4400 visual tokens", 5 * 880],
}
WRONG = {
    nb07.check_scan: [
        *ODD,
        (8470, "even neighbour"),
        (8393, "rounded, not cut"),
        (8502, "109.6 cells"),
        (34_320, "patches of 16×16"),
        (16_384, "beyond 16.8 million"),
        (8582, "leave the two marks out"),
        (8581, "divide each side by 32"),
        ([8580, 1], "one number"),
    ],
    nb07.check_clip_size: [
        *ODD,
        ((1280, 720), "make it smaller"),
        ((480, 270), "make it smaller"),
        ((160, 90), "shows more"),
        ((352, 352), "not 16:9"),
        ((198, 352), "not 16:9"),
        ((40, 22), "shows more"),
        ((2560, 1440), "nothing but cost"),
        *all_get("two whole numbers", (352.5, 198), 352, (352, 198, 3)),
    ],
    nb07.check_talk: [
        *ODD,
        (880, "the photo is in all five"),
        (4410, "leave the two marks out"),
        (13_200, "one photo in each request"),
        (4500, "count the photo by its cells"),
        ([4400, 880], "one number"),
        ("many", "one number"),
    ],
}
test_every_answer = hold_answers(RIGHT, WRONG)
