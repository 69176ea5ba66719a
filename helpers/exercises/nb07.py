"""Checks for the exercises of notebook 07, Count tokens."""

from helpers.exercises import (
    BLANK,
    Verdict,
    is_blank,
    read_number,
    read_size,
    right,
    wrong,
)
from helpers.tokens import TokenError, image_tokens, plan_clip

# Exercise 1: an A4 page at 300 dots an inch, by the 4B model's limits.
SCAN = (2480, 3508)
SCAN_TOKENS = image_tokens(*SCAN)
WRONG_SCANS = {
    77 * 110: "77.5 columns are rounded to the even neighbour, which is 78",
    77 * 109: "the sides are rounded, not cut: 77.5 and 109.6 cells",
    78 * 109: "the height is rounded, not cut: 109.6 cells",
    4 * SCAN_TOKENS: "that counts patches of 16×16; a cell, and so a token, is 32×32 pixels",
    16_384: "the scan has 8.7 million pixels, and only beyond 16.8 million it would be shrunk",
    SCAN_TOKENS + 2: "leave the two marks out; only the visual tokens are asked for",
}

# Exercise 2: the clip, and what is left of 8,192 tokens after question and reply.
CLIP = {"seconds": 90, "fps": 30, "version": "0.32.0"}
CLIP_SIZE = (1280, 720)
ROOM = 8_192 - 1_024
ENOUGH = 5_500

# Exercise 3: five requests of one talk about a picture.
PHOTO_TOKENS, TURNS = image_tokens(1280, 720), 5
WRONG_TALKS = {
    PHOTO_TOKENS: "each request holds the whole talk, so the photo is in all five",
    TURNS * (PHOTO_TOKENS + 2): "leave the two marks out; only the visual tokens are asked for",
    PHOTO_TOKENS * sum(range(1, TURNS + 1)): "there is one photo in each request, not one a turn",
}


def check_scan(answer: object) -> Verdict:
    """Exercise 1: the visual tokens of a page of 2480×3508 px."""
    return _judge_tokens(
        answer,
        SCAN_TOKENS,
        WRONG_SCANS,
        wanted="the visual tokens of the page",
        praise="78 × 110 cells: 8,580 tokens, and the page is read at its full sharpness.",
        way="divide each side by 32, round, and multiply",
    )


def check_clip_size(answer: object) -> Verdict:
    """Exercise 2: a size at which 90 s of 16:9 cost at most 7,168 tokens, and not far less."""
    if is_blank(answer):
        return BLANK
    size = read_size(answer)
    if size is None:
        return wrong("`answer` is to be two whole numbers, (width, height) in pixels.")
    width, height = size
    if abs(width * 9 - height * 16) > 16 * 16:
        return wrong(f"{width}×{height} is not 16:9, so the picture would be squeezed.")
    try:
        plan = plan_clip(width, height, **CLIP)
    except TokenError as error:
        return wrong(f"{error}")
    total = plan.count_all()
    cost = f"{width}×{height} comes to {total:,} tokens in {len(plan.seconds)} steps"
    if width > CLIP_SIZE[0]:
        return wrong(f"{cost}, and larger than the clip is nothing but cost.")
    if total > ROOM:
        same = total == plan_clip(*CLIP_SIZE, **CLIP).count_all()
        why = " (to this the server shrinks the whole clip anyway)" if same else ""
        return wrong(f"{cost}{why}, and there is room for {ROOM:,}: make it smaller.")
    if total < ENOUGH:
        return wrong(f"{cost}: it fits, but a larger size does as well, and shows more.")
    return right(f"{cost}: it fits beside 1,024 tokens of question and reply.")


def check_talk(answer: object) -> Verdict:
    """Exercise 3: the visual tokens of five requests about one photo of 1280×720 px."""
    return _judge_tokens(
        answer,
        TURNS * PHOTO_TOKENS,
        WRONG_TALKS,
        wanted="the visual tokens of all five requests",
        praise="5 × 880: the photo is paid with every request of the talk.",
        way="count the photo by its cells, and then the requests it is in",
    )


def _judge_tokens(
    answer: object, whole: int, mistakes: dict[int, str], *, wanted: str, praise: str, way: str
) -> Verdict:
    """A number of tokens: right, a mistake that is known, or the way to count it."""
    if is_blank(answer):
        return BLANK
    tokens = read_number(answer, "(visual)?tokens?", lambda number: number == whole)
    if tokens is None:
        return wrong(f"`answer` is to be one number, {wanted}.")
    if tokens == whole:
        return right(praise)
    return wrong(f"Not {tokens:g}: {mistakes.get(tokens, way)}.")
