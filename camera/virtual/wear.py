"""Dust, lint and light wear: accepted, never labelled, and fainter than any defect."""

from typing import Final

import numpy as np

from camera.virtual.drawing import Planes, Points, add, happens, polygon, rounded_rectangle, strands
from camera.virtual.phone import PhoneModel
from camera.virtual.pose import Pose

_SPECKS: Final = ((1, 1), (1, 2), (2, 1), (2, 2), (2, 2), (1, 3), (3, 2))


def draw_wear(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    """Scatter what a clean line still leaves on the glass."""
    _draw_dust(planes, model, pose, rng)
    _draw_lint(planes, model, pose, rng)
    if happens(rng, 0.4):
        _draw_hairlines(planes, model, pose, rng)
    if happens(rng, 0.16):
        _draw_wiping(planes, model, pose, rng)
    if happens(rng, 0.15):
        _draw_crystals(planes, model, pose, rng)


def _places(rng: np.random.Generator, count: int, model: PhoneModel, pose: Pose) -> Points:
    half = np.array((model.length / 2 - 12, model.breadth / 2 - 12))
    if happens(rng, 0.35):
        centre = rng.uniform(-0.8, 0.8, 2) * half
        local = np.clip(centre + rng.normal(0.0, rng.uniform(60, 260), (count, 2)), -half, half)
    else:
        local = rng.uniform(-1.0, 1.0, (count, 2)) * half
    return pose.place(local)


def _draw_dust(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    rows, columns = planes.shape[1:]
    count = int(rng.gamma(1.3, 330.0)) + 30
    places = _places(rng, count, model, pose).astype(int)
    levels = np.minimum(rng.gamma(1.2, 25.0, count) + 4.0, 120.0).astype(np.float32)
    sizes = np.array(_SPECKS)[rng.integers(len(_SPECKS), size=count)]
    for down, right in np.ndindex(*np.max(_SPECKS, axis=0)):
        x, y = places[:, 0] + right, places[:, 1] + down
        kept = (sizes[:, 0] > down) & (sizes[:, 1] > right) & (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
        planes[:, y[kept], x[kept]] += levels[kept]
    for x, y in _places(rng, int(rng.poisson(1.2)), model, pose):
        size = rng.uniform(2.0, 4.5, 2) * pose.scale
        spot = rounded_rectangle((float(x), float(y)), (float(size[0]), float(size[1])), float(size.min()) / 2)
        level = float(rng.uniform(12, 60))
        add(planes, polygon((rows, columns), spot, 0.7), (level, level, level))


def _draw_lint(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    count = int(rng.gamma(0.8, 6.0))
    lines = []
    for place in _places(rng, count, model, pose):
        bends = np.cumsum(rng.normal(0.0, 0.35, 8)) + rng.uniform(0, 2 * np.pi)
        step = float(rng.uniform(0.8, 2.8)) * pose.scale
        curve = place + np.cumsum(np.column_stack((np.cos(bends), np.sin(bends))) * step, axis=0)
        lines.append((curve, np.full(8, rng.uniform(0.2, 1.0)), 1))
    if lines:
        level = float(rng.uniform(14, 34))
        add(planes, strands((planes.shape[1], planes.shape[2]), lines, 0.5), (level, level * 1.02, level))


def _draw_hairlines(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    lines = []
    for place in _places(rng, int(rng.integers(2, 26)), model, pose):
        angle = rng.uniform(0, 2 * np.pi)
        reach = np.array((np.cos(angle), np.sin(angle))) * rng.uniform(6, 45) * pose.scale
        bend = rng.normal(0.0, 0.06, 2) * np.hypot(*reach)
        curve = np.stack((place - reach, place - reach / 2 + bend, place + bend, place + reach))
        lines.append((curve, np.array((0.5, 1.0, 0.7, 0.3)) * rng.uniform(0.3, 1.0), 1))
    add(planes, strands((planes.shape[1], planes.shape[2]), lines, 0.6), (11.0, 11.0, 10.5))


def _draw_wiping(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    direction = rng.normal(0.0, 0.12)
    lines = []
    for place in _places(rng, int(rng.integers(15, 70)), model, pose):
        half = rng.uniform(20, 140) * pose.scale
        reach = np.array((np.cos(direction), np.sin(direction))) * half
        ends = np.stack((place - reach, place - reach / 2, place, place + reach / 2, place + reach))
        levels = np.array((0.3, 0.8, 1.0, 0.8, 0.3)) * rng.uniform(0.2, 1.0)
        lines.append((ends, levels, int(rng.integers(1, 5))))
    level = float(rng.uniform(2.5, 8))
    add(planes, strands((planes.shape[1], planes.shape[2]), lines, 1.2), (level * 1.1, level * 1.05, level))


def _draw_crystals(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    """A dried trace of cleaner: a loose cluster of faint specks."""
    centre = _places(rng, 1, model, pose)[0]
    shape = planes.shape[1], planes.shape[2]
    for offset in rng.normal(0.0, rng.uniform(8, 22), (int(rng.integers(15, 50)), 2)):
        size = float(rng.uniform(1.5, 4.0))
        x, y = centre + offset * pose.scale
        level = float(rng.uniform(3, 13))
        add(planes, polygon(shape, rounded_rectangle((x, y), (size, size), 1.0), 0.6), (level, level, level))
