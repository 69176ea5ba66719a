"""Boxes and points of replies: good forms, bad input with its sentence, pixels, drawing."""

import json

import pytest
from PIL import Image, ImageChops

from helpers.media import Box, Point, draw_boxes, list_boxes, read_boxes, read_points

MUG = '{"bbox_2d": [100, 200, 300, 600], "label": "mug"}'
CUT = "The reply ends inside an entry: give it more max_tokens."
LINE = '{"bbox_2d": [104, 747, 896, 778], "text_content": "TOTAL 16.79"}'


@pytest.mark.parametrize(
    "reply",
    [
        f"[{MUG}]",
        f"```json\n[\n\t{MUG}\n]\n```",
        f"Here it is:\n{MUG}",
        MUG,
        json.dumps([json.loads(MUG)], indent=2),
        MUG.replace(" ", ""),
    ],
)
def test_forms_of_a_reply(reply: str) -> None:
    assert read_boxes(reply) == ([Box("mug", 100, 200, 300, 600)], [])


def test_lines_of_text_and_points_and_nothing() -> None:
    assert read_boxes(LINE)[0] == [Box("TOTAL 16.79", 104, 747, 896, 778)]
    reply = '[{"point_2d": [500.5, 20], "label": "ball"}]'
    assert read_points(reply) == ([Point("ball", 500.5, 20)], [])
    assert read_boxes("[]") == ([], [])


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('{"bbox_2d": [1, 2, 3], "label": "mug"}', "its bbox_2d is [1, 2, 3], not 4 numbers"),
        ('{"bbox_2d": [1, 2, 3, true], "label": "m"}', "not 4 numbers"),
        ('{"bbox_2d": [1, 2, 3, NaN], "label": "m"}', "not 4 numbers"),
        ('{"bbox_2d": "1,2,3,4", "label": "mug"}', "not 4 numbers"),
        ('{"label": "mug"}', "its bbox_2d is None"),
        ('{"bbox_2d": [1, 2, 30, 1240], "label": "mug"}', "'mug' reaches outside of 0 to 1000"),
        ('{"bbox_2d": [-1, 2, 30, 40], "label": "mug"}', "'mug' reaches outside"),
        ('{"bbox_2d": [1, 2, 3, 1%s], "label": "mug"}' % ("0" * 400), "'mug' reaches outside"),
        ('{"bbox_2d": [300, 2, 100, 40], "label": "mug"}', "'mug' ends before it begins"),
        ('{"bbox_2d": [300, 40, 400, 40], "label": "mug"}', "'mug' ends before it begins"),
        ("{bbox_2d: 3}", "is no JSON"),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "dog"}', "'dog' was not asked for"),
        ('{"bbox_2d": [1, 2, 30, 40], "label": null}', "'None' was not asked for"),
    ],
)
def test_a_bad_entry_gets_a_sentence_and_the_others_count(entry: str, problem: str) -> None:
    boxes, problems = read_boxes(f"[{entry}, {MUG}]", labels=["mug"])
    assert [box.label for box in boxes] == ["mug"]
    assert len(problems) == 1 and problem in problems[0]
    assert problems[0].startswith("Entry 1 is left out: ") and problems[0].endswith(".")


def test_a_reply_that_was_cut_off_keeps_its_whole_entries() -> None:
    boxes, problems = read_boxes(f'[{MUG}, {{"bbox_2d": [100, 2')
    assert len(boxes) == 1
    assert problems == [CUT]


@pytest.mark.parametrize(
    "label",
    ["box ]", "a {b}", "}", "{", 'the "big" one', "back\\slash", 'odd " quote }', "[1, 2]", "a\nb"],
)
def test_what_stands_inside_a_label_is_text(label: str) -> None:
    odd = json.dumps({"bbox_2d": [1, 2, 30, 40], "label": label})
    reply = f"```json\n[{MUG}, {odd}, {MUG}]\n```"
    mug = Box("mug", 100, 200, 300, 600)
    assert read_boxes(reply) == ([mug, Box(label, 1, 2, 30, 40), mug], [])
    boxes, problems = read_boxes(f"[{MUG}, {odd[:-2]}")
    assert (boxes, problems) == ([mug], [CUT])


def test_a_line_break_in_a_text_and_objects_around_and_inside() -> None:
    mug = Box("mug", 100, 200, 300, 600)
    assert read_boxes(MUG.replace("mug", "mug\n")) == ([Box("mug\n", 100, 200, 300, 600)], [])
    assert read_boxes(f'{{"objects": [{MUG}, {MUG}]}}') == ([mug, mug], [])
    assert read_boxes(f'{{"objects": [{MUG}, {MUG[:30]}') == ([mug], [CUT])
    assert read_boxes(MUG[:-1] + ', "more": {"colour": "red"}}') == ([mug], [])


@pytest.mark.parametrize(
    "broken",
    [
        MUG.replace('"mug"', 'mug"'),
        MUG.replace('"mug"', '"mug'),
        MUG.replace('"mug"', "'mug'"),
        MUG.replace('"mug"', '"a "big" mug"'),
        MUG.replace(": [", " ["),
    ],
)
def test_a_broken_entry_takes_no_other_along(broken: str) -> None:
    boxes, problems = read_boxes(f"[{MUG}, {broken}, {MUG}, {broken}, {MUG}]")
    assert len(boxes) == 3
    assert [problem[:20] for problem in problems] == [
        "Entry 2 is left out:",
        "Entry 4 is left out:",
    ]


def test_braces_without_end_are_read_quickly() -> None:
    assert read_boxes("{" * 20_000 + MUG)[0] == [Box("mug", 100, 200, 300, 600)]
    assert read_boxes('{"a":' * 3_000) == ([], [CUT])


def test_a_reply_without_boxes_says_what_it_says() -> None:
    for reply in ("I cannot tell.", ""):
        assert read_boxes(reply) == ([], [f"The reply holds no entry with bbox_2d: {reply!r}."])


def test_labels_count_inside_longer_ones() -> None:
    assert len(read_boxes(MUG.replace("mug", "Red Mug"), labels=["mug"])[0]) == 1


def test_pixels_of_any_size_and_back() -> None:
    box = Box("mug", 100, 200, 300, 600)
    assert box.to_pixels((1280, 720)) == (128, 144, 384, 432)
    assert box.to_pixels((4000, 100)) == (400, 20, 1200, 60)
    assert Box.from_pixels("mug", (128, 144, 384, 432), (1280, 720)) == box
    assert Point("mug", 500, 250).to_pixels((640, 960)) == (320, 240)
    assert box.holds(Point("", 100, 600)) and not box.holds(Point("", 301, 400))


def test_boxes_of_a_record() -> None:
    things = [{"name": "mug", "colour": "red", "box": [128, 144, 384, 432]}]
    assert list_boxes({"size": [1280, 720], "objects": things}) == [Box("mug", 100, 200, 300, 600)]


def test_iou() -> None:
    one = Box("", 0, 0, 100, 100)
    assert one.iou(one) == 1
    assert one.iou(Box("", 50, 0, 150, 100)) == pytest.approx(1 / 3)
    assert one.iou(Box("", 100, 0, 200, 100)) == one.iou(Box("", 300, 300, 400, 400)) == 0


def test_drawing_marks_a_copy_at_the_place() -> None:
    picture = Image.new("RGB", (400, 300), "white")
    drawn = draw_boxes(picture, [Box("mug", 250, 500, 500, 1000)])
    assert picture.getcolors() == [(120_000, (255, 255, 255))]
    left, top, right, bottom = ImageChops.difference(picture, drawn).getbbox()
    assert (left, right, bottom) == (100, 201, 300) and top < 150
    bare = draw_boxes(picture, [Box("mug", 250, 500, 500, 1000)], names=False)
    assert ImageChops.difference(picture, bare).getbbox() == (100, 150, 201, 300)
    assert ImageChops.difference(picture, draw_boxes(picture, [Point("", 500, 500)])).getbbox()
    assert draw_boxes(picture.convert("RGBA"), [Box("up", 0, 0, 10, 10)]).mode == "RGB"


def test_a_photo_taken_sideways_is_drawn_upright() -> None:
    photo = Image.new("RGB", (400, 300), "white")
    photo.getexif()[0x0112] = 6
    drawn = draw_boxes(photo, [Box("mug", 0, 0, 500, 250)], names=False)
    assert drawn.size == (300, 400)
    white = Image.new("RGB", drawn.size, "white")
    assert ImageChops.difference(white, drawn).getbbox() == (0, 0, 151, 101)
