"""What is seen in a street: each function draws one thing, lit from the left, in its own units."""

from media.generator.drawing import INK, PAPER, TONES, Blend, Glow, Pen, Tone, arc, curve, mix

GLASS = Blend(((206, 234, 250), (126, 178, 216)))
GLASS_LINE = (44, 70, 104)
SKIN = (240, 190, 150)


def draw_house(pen: Pen, tone: Tone, text: str = "") -> None:
    """200 × 240 units: walls in `tone`, a grey roof."""
    slate = TONES["grey"]
    pen.slab((142, 22, 164, 80), 0, slate.dark, slate.line, 3)
    pen.slab((138, 16, 168, 28), 2, slate.base, slate.line, 3)
    pen.slab((16, 92, 184, 237), 0, Blend((tone.light, tone.base, tone.base)), tone.line, 3)
    roof = [(100, 6), (197, 100), (3, 100)]
    pen.area(roof, Blend((slate.base, slate.dark)), slate.line, 3)
    for y in (40, 58, 76):
        pen.stroke([(100 - (y - 8) * 0.92, y), (100 + (y - 8) * 0.92, y)], slate.line, 1.5)
    for x, y in ((36, 116), (122, 116), (122, 178)):
        _window(pen, (x, y, x + 44, y + 40))
    pen.slab((38, 176, 80, 237), 3, TONES["wood"].round, TONES["wood"].line, 3)
    pen.oval((68, 204, 75, 211), TONES["yellow"].base)


def _window(pen: Pen, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    pen.slab((left - 4, top - 4, right + 4, bottom + 4), 2, PAPER, INK, 2)
    pen.slab(box, 0, GLASS, GLASS_LINE, 2)
    middle = (left + right) / 2
    pen.stroke([(middle, top), (middle, bottom)], PAPER, 3)
    pen.stroke([(left, (top + bottom) / 2), (right, (top + bottom) / 2)], PAPER, 3)


def draw_tree(pen: Pen, tone: Tone, text: str = "") -> None:
    """150 × 230 units."""
    wood = TONES["wood"]
    trunk = [(64, 130), (86, 130), (90, 210), (100, 227), (50, 227), (60, 210)]
    pen.area(trunk, wood.round, wood.line, 3)
    crown = [(75, 5), (108, 18), (122, 46), (144, 72), (138, 112), (112, 128), (94, 148)]
    crown += [(75, 142), (56, 150), (38, 130), (12, 112), (6, 74), (28, 46), (42, 18)]
    pen.area(curve(crown), Glow(tone.light, tone.dark, (0.32, 0.25), 1.05), tone.line, 3)
    for x, y in ((46, 60), (84, 40), (100, 86), (58, 104)):
        pen.stroke(arc((x - 14, y - 9, x + 14, y + 11), 190, 350), tone.light, 3)


def draw_car(pen: Pen, tone: Tone, text: str = "") -> None:
    """230 × 100 units, facing right."""
    cabin = [(46, 46), (70, 12), (86, 5), (140, 5), (156, 12), (184, 46)]
    pen.area(cabin, Blend((tone.light, tone.base)), tone.line, 3)
    pen.area([(62, 45), (80, 15), (108, 15), (108, 45)], GLASS, GLASS_LINE, 2.5)
    pen.area([(116, 45), (116, 15), (146, 15), (168, 45)], GLASS, GLASS_LINE, 2.5)
    body = [
        (8, 46),
        (190, 44),
        (216, 52),
        (226, 64),
        (227, 80),
        (220, 86),
        (10, 86),
        (4, 78),
        (4, 54),
    ]
    pen.area(body, tone.down, tone.line, 3)
    pen.stroke([(112, 50), (112, 84)], tone.line, 2)
    pen.stroke([(122, 56), (136, 56)], tone.line, 3.5)
    pen.oval((208, 56, 225, 70), TONES["yellow"].light, INK, 2)
    pen.slab((4, 56, 12, 70), 3, TONES["red"].base, INK, 2)
    for x in (56, 180):
        _wheel(pen, x, 80, 19)


def _wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    for share, colour in ((1.0, (34, 35, 42)), (0.58, (200, 204, 212)), (0.2, (90, 94, 106))):
        reach = radius * share
        pen.oval((x - reach, y - reach, x + reach, y + reach), colour, INK, 2)


def draw_bus(pen: Pen, tone: Tone, text: str = "") -> None:
    """330 × 150 units, facing right, with its number on a board in place of a window."""
    pen.slab((4, 4, 326, 132), 14, tone.down, tone.line, 3)
    pen.slab((4, 86, 326, 96), 0, PAPER, tone.line, 2)
    for x in (18, 70, 122):
        pen.slab((x, 26, x + 44, 76), 5, GLASS, GLASS_LINE, 2.5)
    pen.slab((228, 26, 272, 126), 4, GLASS, GLASS_LINE, 2.5)
    pen.stroke([(250, 28), (250, 124)], GLASS_LINE, 2.5)
    pen.slab((286, 38, 325, 82), 5, GLASS, GLASS_LINE, 2.5)
    pen.slab((170, 22, 224, 80), 5, (26, 26, 32), tone.line, 2.5)
    pen.text((197, 51), text, 38, (255, 226, 84))
    pen.oval((308, 104, 324, 118), TONES["yellow"].light, INK, 2)
    for x in (70, 256 - 58):
        _wheel(pen, x, 126, 22)


def draw_bicycle(pen: Pen, tone: Tone, text: str = "") -> None:
    """170 × 112 units, facing right: the frame in `tone`."""
    for x in (36, 134):
        pen.oval((x - 34, 42, x + 34, 110), None, (34, 35, 42), 6)
        for spoke in range(0, 180, 45):
            ends = arc((x - 29, 47, x + 29, 105), spoke, spoke + 180, steps=1)
            pen.stroke(ends, (128, 132, 142), 1.5)
    saddle, pedals, head, back, front = (62, 34), (80, 76), (116, 28), (36, 76), (134, 76)
    tubes = ((saddle, pedals, back, saddle), ((66, 42), head, pedals), (head, front))
    for colour, width in ((tone.line, 9), (tone.base, 5.5)):
        for tube in tubes:
            pen.stroke(tube, colour, width)
    pen.stroke([head, (112, 10), (126, 4)], INK, 6)
    pen.stroke([saddle, (60, 26)], INK, 5)
    pen.area(curve([(42, 20), (76, 22), (76, 28), (44, 28)]), INK)
    pen.oval((70, 66, 90, 86), TONES["grey"].base, INK, 2.5)
    pen.stroke([(80, 76), (92, 90)], INK, 4)


def draw_person(pen: Pen, tone: Tone, text: str = "") -> None:
    """80 × 190 units: a shirt in `tone`, dark trousers."""
    trousers = TONES["black"]
    for x in (28, 52):
        pen.slab((x - 9, 104, x + 9, 180), 5, trousers.round, trousers.line, 2.5)
        pen.slab((x - 11, 174, x + 13, 187), 6, TONES["wood"].dark, INK, 2.5)
    for x, out in ((20, 8), (60, 72)):
        pen.stroke([(x, 66), (out, 112)], tone.line, 17)
        pen.stroke([(x, 66), (out, 112)], tone.base, 12)
        pen.oval((out - 8, 108, out + 8, 124), SKIN, INK, 2)
    pen.slab((17, 54, 63, 118), 13, tone.round, tone.line, 3)
    pen.slab((33, 44, 47, 60), 4, SKIN, INK, 2)
    pen.oval((21, 6, 59, 52), SKIN, INK, 2.5)
    pen.area([*arc((20, 3, 60, 50), 175, 365), (52, 20), (34, 16)], (72, 44, 26), INK, 2)
    for x in (33, 47):
        pen.oval((x - 2.5, 27, x + 2.5, 33), INK)
    pen.stroke(arc((32, 32, 48, 44), 25, 155), (150, 60, 50), 2.5)


def draw_sign(pen: Pen, tone: Tone, text: str = "") -> None:
    """Wide as its text, 150 units high: a name board with white letters on two posts."""
    width = sign_width(text)
    steel = TONES["grey"]
    for x in (26, width - 26):
        pen.slab((x - 5, 50, x + 5, 147), 2, steel.round, steel.line, 2.5)
    pen.slab((3, 3, width - 3, 91), 9, tone.down, tone.line, 3)
    pen.slab((9, 9, width - 9, 85), 6, None, PAPER, 2.5)
    pen.text((width / 2, 47), text, 46, (255, 255, 255))


def sign_width(text: str) -> float:
    """Units that a board with `text` needs."""
    return 40 + 35 * len(text)


def draw_sun(pen: Pen, tone: Tone, text: str = "") -> None:
    """120 × 120 units."""
    for angle in range(0, 360, 30):
        inner = arc((22, 22, 98, 98), angle, angle, steps=1)[0]
        outer = arc((4, 4, 116, 116), angle, angle, steps=1)[0]
        pen.stroke([inner, outer], tone.base, 6)
    pen.oval((28, 28, 92, 92), Glow(tone.light, tone.base, (0.4, 0.4), 0.9), tone.dark, 3)


def draw_cloud(pen: Pen, tone: Tone, text: str = "") -> None:
    """180 × 84 units."""
    puffs = ((4, 34, 70, 82), (36, 6, 104, 80), (84, 18, 142, 80), (116, 36, 176, 82))
    for box in puffs:
        pen.oval(box, tone.base)
    pen.slab((20, 56, 160, 82), 13, tone.base)
    for left, top, right, bottom in puffs:
        pen.oval((left + 4, top + 4, right - 6, bottom - 14), tone.light)
    pen.slab((30, 52, 150, 68), 8, tone.light)


def draw_signal(pen: Pen, tone: Tone, text: str = "") -> None:
    """90 × 330 units: a traffic light whose lamp named `text` (such as "red") is lit."""
    steel = TONES["grey"]
    pen.slab((38, 200, 52, 326), 3, steel.round, steel.line, 3)
    pen.slab((24, 316, 66, 328), 4, steel.dark, steel.line, 3)
    pen.slab((8, 4, 82, 212), 16, TONES["black"].round, (8, 8, 12), 3)
    for y, name in ((42, "red"), (108, "yellow"), (174, "green")):
        lit = TONES[name]
        box = (17, y - 28, 73, y + 28)
        if text == name:
            pen.oval(
                box, Glow(mix(lit.light, PAPER, 0.55), lit.base, (0.46, 0.44), 0.62), lit.line, 3
            )
        else:
            pen.oval(box, (44, 46, 52), (12, 12, 16), 3)
        pen.area(
            [*arc((13, y - 34, 77, y + 30), 195, 345), (72, y - 16), (18, y - 16)], (14, 14, 18)
        )
