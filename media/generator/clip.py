"""Clips with known events: a rolling ball, and a traffic light with a car that waits for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from random import Random

from PIL import Image

from media.generator.drawing import TONES, Box, Glow, Pen, Size, lay
from media.generator.scene import WALLS, Placed, Scene, draw_scene, lay_foot_shadow, lay_thing
from media.generator.things import BRIGHT, KINDS, picture_of

Frames = list[Image.Image]


@dataclass(frozen=True)
class BallClip:
    """A ball that rolls from one (time, x) of `path` to the next, then a thing that appears.

    Times are in seconds, x is a share of the width; the same x twice means that the ball rests.
    """

    colour: str
    path: tuple[tuple[float, float], ...]
    arrival: Placed
    arrival_time: float
    things: tuple[Placed, ...] = ()
    wall: str = "cream"


@dataclass(frozen=True)
class LightClip:
    """A traffic light: `changes` are (time, lamp), the first at 0. The car goes at `car_time`."""

    changes: tuple[tuple[float, str], ...]
    car_colour: str
    car_time: float
    things: tuple[Placed, ...] = ()


def make_clip(
    rng: Random, size: Size, smooth: int = 2, *, fps: int = 2, seconds: float = 8
) -> tuple[Frames, dict]:
    """A clip nobody planned, whose events fall on whole or half seconds."""
    plan = rng.choice((_plan_ball, _plan_light))(rng, size)
    return draw_clip(plan, size, smooth, fps=fps, seconds=seconds)


def draw_clip(
    plan: BallClip | LightClip, size: Size, smooth: int = 2, *, fps: int, seconds: float
) -> tuple[Frames, dict]:
    """The frames of `plan` (frame i is what is seen at i / fps seconds) and their record."""
    times = [i / fps for i in range(round(seconds * fps))]
    draw = _draw_ball_clip if isinstance(plan, BallClip) else _draw_light_clip
    frames, objects, events = draw(plan, size, smooth, times)
    length = {"fps": fps, "frames": len(frames), "seconds": len(frames) / fps}
    record = {"kind": "clip", "size": list(size), **length}
    return frames, record | {"objects": objects, "events": sorted(events, key=_time_of)}


def write_clip(frames: Sequence[Image.Image], path: Path, *, fps: int | Fraction) -> None:
    """Write `frames` as H.264 in yuv420p with its index at the front. Sides must be even."""
    import av

    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        options = {"crf": "18", "preset": "slow", "tune": "animation", "threads": "1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


def _time_of(event: dict) -> float:
    return event["time"]


def _event(time: float, name: str, colour: str, action: str, box: Box | None) -> dict:
    place = list(box) if box else None
    return {"time": time, "name": name, "colour": colour, "action": action, "box": place}


def _list_objects(moving: list[tuple[str, str]], still: tuple[Placed, ...]) -> list[dict]:
    pairs = [*moving, *((thing.name, thing.colour) for thing in still)]
    return [{"name": name, "colour": colour} for name, colour in pairs]


# --- the ball ------------------------------------------------------------------------------------

FLOOR, BALL, BEHIND = 0.88, 0.34, 0.51


def _draw_ball_clip(
    plan: BallClip, size: Size, smooth: int, times: list[float]
) -> tuple[Frames, list[dict], list[dict]]:
    before = draw_scene(Scene("table", plan.things, plan.wall), size, smooth)[0]
    after = before.copy()
    arrival_box = lay_thing(after, plan.arrival, smooth)
    frames = []
    for time in times:
        ground = after if time >= plan.arrival_time else before
        frames.append(_lay_ball(ground.copy(), plan, time, smooth)[0])
    arrival = plan.arrival
    events = [
        _event(time, "ball", plan.colour, action, _lay_ball(before.copy(), plan, time, smooth)[1])
        for time, action in _ball_actions(plan)
    ]
    events.append(_event(plan.arrival_time, arrival.name, arrival.colour, "appears", arrival_box))
    objects = [("ball", plan.colour), (arrival.name, arrival.colour)]
    return frames, _list_objects(objects, plan.things), events


def _lay_ball(
    image: Image.Image, plan: BallClip, time: float, smooth: int
) -> tuple[Image.Image, Box]:
    across = BALL * image.height
    middle = _ball_x(plan, time) * image.width
    turned = math.degrees((middle - plan.path[0][1] * image.width) / (across / 2))
    layer = picture_of("ball", plan.colour, across, smooth, turned=round(turned % 360, 3))
    left, top = round(middle - layer.width / 2), round(FLOOR * image.height) - layer.height
    box = (left, top, left + layer.width, top + layer.height)
    lay_foot_shadow(image, box, "ball")
    lay(image, layer, (left, top))
    return image, box


def _ball_x(plan: BallClip, time: float) -> float:
    """Slowing down before each stop."""
    for (start, x), (end, goal) in zip(plan.path, plan.path[1:], strict=False):
        if time < end:
            left_over = 1 - (time - start) / (end - start)
            return x + (goal - x) * (1 - left_over**1.5)
    return plan.path[-1][1]


def _ball_actions(plan: BallClip) -> list[tuple[float, str]]:
    actions, moving = [], False
    for (start, x), (_, goal) in zip(plan.path, plan.path[1:], strict=False):
        if goal != x:
            actions.append((start, "rolls right" if goal > x else "rolls left"))
        elif moving:
            actions.append((start, "stops"))
        moving = goal != x
    return [*actions, (plan.path[-1][0], "stops")] if moving else actions


def _plan_ball(rng: Random, size: Size) -> BallClip:
    """The ball starts at one side and stops short of the thing that appears at the other."""
    shape = size[1] / size[0]
    name, colour = rng.choice(("box", "book", "mug", "apple")), rng.choice(BRIGHT)
    colour = "red" if name == "apple" else colour
    half, room = BALL * shape / 2, KINDS[name].share * KINDS[name].aspect() * shape
    near, far = half + rng.uniform(0.02, 0.06), 1 - room - half - rng.uniform(0.06, 0.10)
    beyond = 1 - room / 2 - 0.03
    if rng.random() < 0.5:
        near, far, beyond = 1 - near, 1 - far, 1 - beyond
    path = ((0.0, near), (rng.choice((1.5, 2.0, 2.5)), far), (rng.choice((3.5, 4.0, 4.5)), far))
    if rng.random() < 0.7:
        path = (*path, (rng.choice((6.5, 7.0)), near))
    arrival = Placed(name, colour, beyond, FLOOR - 0.02)
    time = rng.choice((1.0, 3.0, 5.0, 5.5, 6.0))
    things, wall = _plan_back_row(rng), rng.choice(tuple(WALLS))
    return BallClip(rng.choice(BRIGHT), path, arrival, time, things, wall)


def _plan_back_row(rng: Random) -> tuple[Placed, ...]:
    names = rng.sample(("plant", "clock", "vase", "candle"), k=2)
    places = rng.uniform(0.16, 0.36), rng.uniform(0.64, 0.84)
    return tuple(
        Placed(name, rng.choice(KINDS[name].colours), x, BEHIND)
        for name, x in zip(names, places, strict=True)
    )


# --- the traffic light ---------------------------------------------------------------------------

LANE, CAR, SIGNAL = 0.868, 0.2, Placed("traffic light", "black", 0.74, 0.95, 0.66)
CAR_X, DRIVE = 0.38, 2.0


def _draw_light_clip(
    plan: LightClip, size: Size, smooth: int, times: list[float]
) -> tuple[Frames, list[dict], list[dict]]:
    ground = draw_scene(Scene("street", plan.things), size, smooth)[0]
    car = picture_of("car", plan.car_colour, CAR * size[1], smooth)
    frames = [_draw_moment(ground.copy(), plan, car, time, smooth) for time in times]
    signal_box = _lay_signal(ground.copy(), plan, 0, smooth)
    words = [("turns" if time else "shows", lamp) for time, lamp in plan.changes]
    events = [
        _event(time, "traffic light", "black", " ".join(action), signal_box)
        for (time, _), action in zip(plan.changes, words, strict=True)
    ]
    events.append(
        _event(plan.car_time, "car", plan.car_colour, "drives off", _car_box(plan, car, 0, size))
    )
    gone = plan.car_time + DRIVE
    if gone <= times[-1]:
        events.append(_event(gone, "car", plan.car_colour, "is gone", None))
    objects = [("traffic light", "black"), ("car", plan.car_colour)]
    return frames, _list_objects(objects, plan.things), events


def _draw_moment(
    image: Image.Image, plan: LightClip, car: Image.Image, time: float, smooth: int
) -> Image.Image:
    box = _car_box(plan, car, time, image.size)
    if box[0] < image.width:
        lay_foot_shadow(image, box, "car")
        lay(image, car, box[:2])
    _lay_signal(image, plan, time, smooth)
    return image


def _car_box(plan: LightClip, car: Image.Image, time: float, size: Size) -> Box:
    """Where the car is: it waits, then speeds up and has left the picture after `DRIVE` s."""
    gone = 1.05 + car.width / size[0] / 2
    share = min(1.0, max(0.0, (time - plan.car_time) / DRIVE))
    left = round((CAR_X + (gone - CAR_X) * share**1.6) * size[0] - car.width / 2)
    top = round(LANE * size[1]) - car.height
    return left, top, left + car.width, top + car.height


def _lay_signal(image: Image.Image, plan: LightClip, time: float, smooth: int) -> Box:
    """The traffic light, with the glow of its lit lamp behind it."""
    lamp = [name for start, name in plan.changes if start <= time][-1]
    across = SIGNAL.share * image.height * KINDS["traffic light"].aspect()
    top = SIGNAL.base * image.height - SIGNAL.share * image.height
    middle = top + across * {"red": 0.47, "yellow": 1.2, "green": 1.93}[lamp]
    reach, tone = 2.6 * across, TONES[lamp].light
    pen = Pen(reach, reach, 1, 1)
    pen.oval((0, 0, reach, reach), Glow((*tone, 230), (*tone, 0), reach=0.5))
    left = SIGNAL.x * image.width - reach / 2
    lay(image, pen.image, (round(left), round(middle - reach / 2)))
    return lay_thing(image, replace(SIGNAL, text=lamp), smooth)


def _plan_light(rng: Random, size: Size) -> LightClip:
    green = rng.choice((1.5, 2.0, 2.5, 3.0))
    yellow = green + rng.choice((2.0, 2.5, 3.0))
    changes = ((0.0, "red"), (green, "green"), (yellow, "yellow"), (yellow + 1.0, "red"))
    house, tree = rng.choice(((0.18, 0.47), (0.42, 0.13)))
    things = (
        Placed("house", rng.choice(BRIGHT), house, 0.595),
        Placed("tree", "green", tree, 0.595),
    )
    return LightClip(changes, rng.choice(BRIGHT), green + 0.5, things)
