"""The dark room that the glass mirrors: camera, cables, lamps, windows, and the glass's own veil."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import (
    Colour,
    Planes,
    add,
    colour_axes,
    dim,
    happens,
    polygon,
    rounded_rectangle,
    smooth_noise,
    stroke,
)
from camera.virtual.scene import Scene

REFLECTION_REDUCTION: Final = 4


def draw_reflection(
    shape: tuple[int, int],
    glass: Colour,
    scene: Scene,
    rng: np.random.Generator,
) -> Planes:
    """Return the glass as if it filled the frame: its own colour and the room that it mirrors, out of focus.

    The planes are smaller than the frame by `REFLECTION_REDUCTION`.
    """
    rows, columns = (-(-extent // REFLECTION_REDUCTION) for extent in shape)
    planes = np.empty((3, rows, columns), np.float32)
    planes[:] = colour_axes(glass)
    room = np.random.default_rng(scene.room)
    jitter = rng.normal(0.0, 2.5, 2)
    _draw_haze(planes, scene, room)
    if happens(room, 0.85):
        _draw_camera(planes, room, jitter)
    for draw, chance in (
        (_draw_cables, 0.55),
        (_draw_frame, 0.45),
        (_draw_lamp, 0.45),
        (_draw_step, 0.35),
        (_draw_stripe, 0.2),
        (_draw_clouds, 0.35),
        (_draw_bars, 0.2),
        (_draw_window, 0.12),
    ):
        if happens(room, chance):
            draw(planes, room, jitter)
    for plane in planes:
        cv2.GaussianBlur(plane, (0, 0), 0.9, dst=plane)
    return planes


def _size(planes: Planes) -> tuple[tuple[int, int], float]:
    rows, columns = planes.shape[1:]
    return (rows, columns), columns / 480.0


def _draw_haze(planes: Planes, scene: Scene, room: np.random.Generator) -> None:
    shape, unit = _size(planes)
    slope = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None] * np.float32(room.normal(0.0, 0.3))
    slope = slope + np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :] * np.float32(room.normal(0.0, 0.2))
    planes *= np.float32(1.0) + slope
    stretch = float(room.uniform(0.6, 3.0))
    for cell, share in ((90.0, 0.7), (28.0, 0.3)):
        veil = smooth_noise(room, (shape[0], max(int(shape[1] / stretch), 4)), cell * unit)
        wide = cv2.resize(veil, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        tint = room.normal((1.06, 1.02, 0.96), 0.05)
        planes += np.maximum(wide, 0.0)[None] * colour_axes(tuple(scene.haze * share * tint))
    np.maximum(planes, 1.0, out=planes)


def _draw_camera(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    x = (240.0 + room.normal(-10, 14) + jitter[0]) * unit
    y = shape[0] * float(room.uniform(0.34, 0.54)) + jitter[1] * unit
    size = float(room.uniform(48, 92)) * unit
    tall = size * float(room.uniform(0.75, 1.25))
    depth = float(room.uniform(0.12, 0.5))
    soften = float(room.uniform(0.6, 2.2)) * unit
    block = rounded_rectangle((x, y), (size, tall), size * float(room.choice([0.12, 0.2, 0.5])))
    dim(planes, polygon(shape, block, soften), depth)
    if happens(room, 0.8):
        wide = size * float(room.uniform(0.18, 0.4))
        lean = float(room.normal(0.0, 0.05)) * y
        foot = y - tall / 2
        rod = np.array(((x - wide / 2 + lean, 0), (x + wide / 2 + lean, 0), (x + wide / 2, foot), (x - wide / 2, foot)))
        dim(planes, polygon(shape, rod, soften), depth * float(room.uniform(0.4, 1.0)))
        bright = float(room.choice([0.0, room.uniform(3, 14), room.uniform(14, 55)], p=[0.35, 0.45, 0.2]))
        joint = rounded_rectangle((x + lean * 0.7, y * float(room.uniform(0.1, 0.35))), (wide, y * 0.25), wide * 0.2)
        tint = float(room.uniform(0.9, 1.5))
        add(planes, polygon(shape, joint, soften), (bright * tint, bright * 1.05, bright))
    for _ in range(int(room.integers(0, 4))):
        spot = (x + size * float(room.uniform(-0.4, 0.4)), y + tall * float(room.uniform(-0.4, 0.45)))
        level = float(room.uniform(2, 9))
        dot = rounded_rectangle(spot, (size * 0.1, size * 0.08), size * 0.05)
        add(planes, polygon(shape, dot, soften), (level, level, level))


def _draw_cables(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    for _ in range(int(room.integers(1, 4))):
        start = np.array((room.uniform(20, 460), 0.0))
        end = np.array((240.0 + room.normal(0, 40), room.uniform(60, 150)))
        bend = (start + end) / 2 + room.normal(0.0, 35.0, 2)
        t = np.linspace(0.0, 1.0, 24)[:, None]
        curve = ((1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end + jitter) * unit
        level = float(room.choice([room.uniform(2, 8), room.uniform(-5, -2)], p=[0.7, 0.3]))
        patch = stroke(shape, curve, max(int(room.uniform(1, 5) * unit), 1), float(room.uniform(0.5, 1.5)))
        add(planes, patch, (level, level, level))


def _draw_frame(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    x = float(room.choice([room.uniform(405, 470), room.uniform(10, 80)], p=[0.8, 0.2])) + jitter[0]
    y = float(room.uniform(60, 150)) + jitter[1]
    wide = float(room.uniform(15, 50))
    corner = np.array(((x, 0.0), (x, y), (x + wide, y))) * unit
    level = float(room.uniform(4, 22))
    tint = room.normal(1.0, 0.06, 3)
    patch = stroke(shape, corner, max(int(room.uniform(2, 8) * unit), 1), float(room.uniform(0.4, 1.2)))
    add(planes, patch, (level * tint[0], level * tint[1], level * tint[2]))


def _draw_lamp(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    y = float(room.uniform(8, 24)) if happens(room, 0.75) else float(room.uniform(40, 230))
    centre = ((float(room.uniform(30, 450)) + jitter[0]) * unit, (y + jitter[1]) * unit)
    size = (float(room.uniform(8, 50)) * unit, float(room.uniform(3, 14)) * unit)
    level = float(room.gamma(2.0, 18.0)) + 6.0
    soften = float(room.uniform(1.0, 5.0)) * unit
    patch = polygon(shape, rounded_rectangle(centre, size, min(size) / 2), soften)
    tint = room.normal((1.05, 1.0, 0.95), 0.05)
    add(planes, patch, (level * tint[0], level * tint[1], level * tint[2]))


def _draw_step(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    x = float(room.uniform(120, 420)) + jitter[0]
    lean = float(room.normal(0.0, 50.0))
    far = 500.0 if happens(room, 0.5) else -20.0
    side = np.array(((x - lean, -10), (far, -10), (far, 290), (x + lean, 290))) * unit
    level = float(room.uniform(2.0, 9.0))
    add(planes, polygon(shape, side, float(room.uniform(0.5, 4.0))), (level * 0.95, level * 0.98, level))


def _draw_stripe(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    x = float(room.uniform(60, 440)) + jitter[0]
    lean = float(room.normal(0.0, 30.0))
    line = np.array(((x - lean, -5.0), (x, 120.0), (x + lean * float(room.uniform(0.5, 1.5)), 275.0))) * unit
    level = float(room.uniform(6, 26))
    tint = ((0.1, 0.1, 1.0), (1.0, 0.25, 0.1), (0.6, 0.9, 0.5))[int(room.choice(3, p=[0.5, 0.3, 0.2]))]
    patch = stroke(shape, line, max(int(room.uniform(2, 8) * unit), 1), float(room.uniform(0.8, 2.0)))
    add(planes, patch, (level * tint[0], level * tint[1], level * tint[2]))


def _draw_clouds(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    del jitter
    blobs = np.maximum(smooth_noise(room, shape, float(room.uniform(18, 50)) * unit) - np.float32(0.4), 0.0)
    window = np.maximum(smooth_noise(room, shape, 140.0 * unit), 0.0)
    level = float(room.uniform(2.0, 9.0))
    planes += (blobs * window)[None] * colour_axes((level * float(room.uniform(1.0, 1.6)), level * 1.05, level * 0.9))


def _draw_bars(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    for _ in range(int(room.integers(2, 8))):
        x = float(room.uniform(20, 460)) + jitter[0]
        wide = float(room.uniform(2, 22))
        bar = np.array(((x, -5.0), (x + wide, -5.0), (x + wide, 275.0), (x, 275.0))) * unit
        level = float(room.uniform(1.0, 6.0))
        add(planes, polygon(shape, bar, float(room.uniform(0.5, 2.5))), (level * 1.4, level, level * 0.8))


def _draw_window(planes: Planes, room: np.random.Generator, jitter: NDArray[np.float64]) -> None:
    shape, unit = _size(planes)
    x, y = room.uniform(40, 380) + jitter[0], room.uniform(10, 180) + jitter[1]
    wide, tall, lean = room.uniform(30, 120), room.uniform(30, 110), room.normal(0.0, 10.0)
    pane = np.array(((x, y), (x + wide, y + lean / 3), (x + wide + lean, y + tall), (x + lean, y + tall)))
    level = float(room.uniform(4, 28))
    add(planes, polygon(shape, pane * unit, float(room.uniform(0.8, 4.0))), (level * 1.15, level, level * 0.95))
