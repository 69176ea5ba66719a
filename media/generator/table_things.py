"""What stands on a table: each function draws one thing, lit from the left, in its own units."""

from media.generator.drawing import INK, PAPER, TONES, Blend, Glow, Pen, Tone, arc, curve, turn

GLINT = (255, 255, 255, 110)
LEAF = TONES["green"]


def draw_mug(pen: Pen, tone: Tone, text: str = "") -> None:
    """116 × 100 units."""
    pen.oval((66, 22, 113, 76), None, tone.line, 15)
    pen.oval((69, 25, 110, 73), None, tone.base, 9)
    body = [(5, 14), (89, 14), *arc((8, 66, 86, 98), 0, 180)]
    pen.area(body, tone.round, tone.line, 3)
    pen.oval((4, 3, 90, 25), tone.light, tone.line, 3)
    pen.oval((12, 7, 82, 22), Blend(((58, 30, 14), (112, 70, 38))), tone.line, 2)
    pen.slab((18, 34, 25, 80), 3.5, GLINT)


def draw_book(pen: Pen, tone: Tone, text: str = "") -> None:
    """180 × 78 units: a closed book lying flat, its pages to the front."""
    cover = [(42, 3), (150, 3), (177, 42), (15, 42)]
    pen.slab((14, 44, 172, 68), 2, Blend((PAPER, (222, 214, 196))), INK, 2)
    for y in (52, 57, 62):
        pen.stroke([(26, y), (170, y)], (196, 186, 164), 1.2)
    pen.slab((10, 65, 177, 76), 3, tone.dark, tone.line, 3)
    pen.area(cover, Blend((tone.base, tone.light)), tone.line, 3)
    pen.slab((10, 40, 177, 49), 3, tone.base, tone.line, 3)
    pen.slab((3, 40, 24, 76), 9, tone.round, tone.line, 3)
    pen.area([(66, 12), (134, 12), (139, 28), (61, 28)], PAPER, tone.line, 2)
    pen.stroke([(76, 20), (124, 20)], tone.line, 2.5)


def draw_apple(pen: Pen, tone: Tone, text: str = "") -> None:
    """100 × 112 units."""
    pen.stroke([(50, 36), (52, 18), (60, 5)], (96, 60, 30), 6)
    leaf = curve([(55, 22), (66, 8), (90, 5), (82, 20), (68, 26)])
    pen.area(leaf, Blend((LEAF.light, LEAF.dark)), LEAF.line, 2.5)
    outline = [(50, 34), (66, 26), (88, 32), (98, 58), (88, 90), (68, 109), (50, 106)]
    outline += [(100 - x, y) for x, y in outline[-2:0:-1]]
    pen.area(curve(outline), Glow(tone.light, tone.dark, (0.34, 0.34), 1.05), tone.line, 3)
    pen.area(curve([(36, 36), (50, 40), (64, 36), (50, 45)]), (*tone.line, 150))
    pen.area(turn(curve([(20, 50), (27, 44), (30, 58), (24, 68), (18, 62)]), 14, (24, 56)), GLINT)


def draw_pencil(pen: Pen, tone: Tone, text: str = "") -> None:
    """200 × 64 units: lying, its point to the lower right."""

    def along(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return turn(points, 12, (100, 32))

    pen.area(along((12, 20), (158, 20), (158, 44), (12, 44)), None, tone.line, 3)
    for top, colour in ((20, tone.light), (28, tone.base), (36, tone.dark)):
        pen.area(along((10, top), (158, top), (158, top + 8), (10, top + 8)), colour)
    pen.area(along((158, 20), (196, 32), (158, 44)), (240, 208, 164), INK, 2)
    pen.area(along((183, 28), (197, 32), (183, 36)), (40, 40, 48))
    pen.area(along((0, 20), (18, 20), (18, 44), (0, 44)), (246, 160, 176), INK, 2)
    pen.area(along((18, 19), (32, 19), (32, 45), (18, 45)), TONES["grey"].round, INK, 2)
    pen.area(along((32, 20), (158, 20), (158, 44), (32, 44)), None, tone.line, 2)


def draw_lamp(pen: Pen, tone: Tone, text: str = "") -> None:
    """150 × 230 units: a desk lamp that leans to the right."""
    pen.oval((6, 200, 108, 229), tone.dark, tone.line, 3)
    pen.oval((6, 194, 108, 222), Blend((tone.light, tone.base)), tone.line, 3)
    steel = TONES["grey"]
    for joint in ([(57, 206), (26, 118)], [(26, 118), (84, 44)]):
        pen.stroke(joint, steel.line, 11)
        pen.stroke(joint, steel.light, 6)
    pen.oval((16, 108, 36, 128), tone.base, tone.line, 3)
    pen.oval((88, 66, 124, 102), Glow((255, 255, 236), (255, 218, 96)), (150, 110, 20), 2)
    shade = [(66, 34), (86, 10), (102, 14), (146, 68), (142, 80), (74, 98), (62, 90), (60, 50)]
    pen.area(curve(shade), Glow(tone.light, tone.dark, (0.35, 0.25), 1.1), tone.line, 3)
    pen.area(curve([(74, 40), (86, 24), (92, 28), (80, 46)]), GLINT)


def draw_clock(pen: Pen, tone: Tone, text: str = "") -> None:
    """120 × 142 units: an alarm clock that shows three o'clock."""
    for x in (22, 98):
        pen.stroke([(x, 118), (x + (x - 60) * 0.2, 137)], tone.line, 9)
        pen.area(
            turn(
                curve([(x - 20, 26), (x - 12, 12), (x + 12, 12), (x + 20, 26)]),
                (x - 60) * 0.9,
                (x, 24),
            ),
            tone.base,
            tone.line,
            3,
        )
    pen.slab((55, 3, 65, 22), 4, TONES["grey"].light, tone.line, 2.5)
    pen.oval((5, 22, 115, 132), Glow(tone.light, tone.dark, (0.3, 0.3), 1.1), tone.line, 3)
    pen.oval((18, 35, 102, 119), Blend((PAPER, (226, 230, 238))), tone.line, 2.5)
    for hour, at in (("12", (60, 46)), ("3", (93, 77)), ("6", (60, 108)), ("9", (27, 77))):
        pen.text(at, hour, 13, INK)
    pen.stroke([(60, 77), (60, 55)], INK, 4)
    pen.stroke([(60, 77), (80, 77)], INK, 5)
    pen.oval((55, 72, 65, 82), INK)


def draw_plant(pen: Pen, tone: Tone, text: str = "") -> None:
    """150 × 210 units: leaves in `tone`, in a white pot."""
    leaf = curve([(75, 138), (58, 94), (62, 44), (75, 8), (88, 44), (92, 94)])
    for angle, reach in ((-58, 0.6), (58, 0.6), (-32, 0.88), (32, 0.88), (0, 1.0)):
        bent = [(75 + (x - 75) * reach, 140 + (y - 140) * reach) for x, y in leaf]
        pen.area(turn(bent, angle, (75, 140)), Blend((tone.light, tone.dark)), tone.line, 2.5)
        vein = turn([(75, 136), (75, 140 - 104 * reach)], angle, (75, 140))
        pen.stroke(vein, tone.dark, 2.5)
    pot = TONES["white"]
    pen.area([(38, 146), (112, 146), (103, 207), (47, 207)], pot.round, pot.line, 3)
    pen.slab((31, 132, 119, 154), 5, pot.round, pot.line, 3)


def draw_bottle(pen: Pen, tone: Tone, text: str = "") -> None:
    """72 × 220 units."""
    pen.slab((25, 3, 47, 24), 4, TONES["grey"].round, INK, 3)
    neck = [(28, 22), (44, 22), (45, 30), (46, 58), (52, 76), (65, 96), (69, 118), (69, 150)]
    right = [*curve(neck)[6:37], *arc((45, 193, 69, 217), 0, 90, steps=6)]
    body = [*right, *((72 - x, y) for x, y in reversed(right))]
    pen.area(body, tone.round, tone.line, 3)
    pen.slab((3, 122, 69, 178), 0, PAPER, tone.line, 2.5)
    pen.oval((23, 136, 49, 164), tone.base, tone.line, 2)
    pen.slab((12, 98, 18, 118), 3, GLINT)
    pen.slab((29, 30, 34, 60), 2, GLINT)


def draw_ball(pen: Pen, tone: Tone, text: str = "", turned: float = 0) -> None:
    """100 × 100 units, with a white star; `turned` is its rotation in degrees."""
    pen.oval((3, 3, 97, 97), Glow(tone.light, tone.dark, (0.34, 0.28), 1.05))
    tips = arc((20, 20, 80, 80), turned - 90, turned + 270, steps=5)[:5]
    notches = arc((37, 37, 63, 63), turned - 54, turned + 306, steps=5)[:5]
    star = [point for pair in zip(tips, notches, strict=True) for point in pair]
    pen.area(star, PAPER)
    pen.area(star, Glow((*tone.dark, 0), (*tone.dark, 130), (0.3, 0.2), 1.2))
    pen.oval((3, 3, 97, 97), None, tone.line, 3)
    pen.oval((20, 13, 42, 28), GLINT)


def draw_box(pen: Pen, tone: Tone, text: str = "") -> None:
    """124 × 110 units: a plain closed box seen from a corner."""
    front, side = (
        [(3, 34), (82, 34), (82, 107), (3, 107)],
        [(82, 34), (121, 8), (121, 80), (82, 107)],
    )
    pen.area(front, Blend((tone.base, tone.dark)), tone.line, 3)
    pen.area(side, tone.dark, tone.line, 3)
    pen.area([(3, 34), (43, 8), (121, 8), (82, 34)], Blend((tone.light, tone.base)), tone.line, 3)
    pen.area([(34, 34), (72, 8), (90, 8), (52, 34)], (*PAPER, 150))
    pen.slab((34, 34, 52, 56), 0, (*PAPER, 150))


def draw_candle(pen: Pen, tone: Tone, text: str = "") -> None:
    """90 × 170 units: on a grey dish."""
    pen.oval((3, 138, 87, 167), Blend((TONES["grey"].light, TONES["grey"].dark)), INK, 3)
    pen.slab((24, 56, 66, 154), 8, tone.round, tone.line, 3)
    pen.oval((24, 50, 66, 66), tone.light, tone.line, 3)
    pen.stroke([(45, 58), (45, 44)], INK, 4)
    flame = curve([(45, 3), (58, 28), (55, 42), (45, 48), (35, 42), (32, 28)])
    pen.area(flame, Glow((255, 250, 200), (252, 150, 24), (0.5, 0.75), 0.75), (206, 96, 8), 2)


def draw_vase(pen: Pen, tone: Tone, text: str = "") -> None:
    """96 × 160 units: an empty vase."""
    pen.oval((24, 3, 72, 19), tone.dark, tone.line, 3)
    side = [(71, 11), (63, 26), (64, 42), (86, 68), (92, 98), (80, 132), (68, 154), (60, 157)]
    outline = [*side, *((96 - x, y) for x, y in reversed(side))]
    pen.area(curve(outline), tone.round, tone.line, 3)
    pen.oval((24, 3, 72, 19), Blend((tone.dark, tone.light)), tone.line, 3)
    for top in (84, 96):
        pen.stroke([(9, top), (87, top)], (255, 255, 255, 255), 4)
