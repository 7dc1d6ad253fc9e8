"""Draws the light of the lamps along a phone's edge."""

from typing import Final

import numpy as np

from camera.virtual.drawing import (
    Line,
    Planes,
    Points,
    add,
    blend,
    closed,
    pieces,
    random_walk,
    resampled,
    strands,
    stretches,
    stroke,
)
from camera.virtual.phone import PhoneModel
from camera.virtual.pose import Pose

_FINE: Final = 4.0
_STRAIGHT: Final = 0.97
_SHORTEST_GLINT: Final = 3


def draw_edge_light(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    """Draw the thin specular lines of the lamps along the rounded edge."""
    shape = planes.shape[1], planes.shape[2]
    outline = closed(pose.place(model.outline(0.5 + 0.25 * model.edge)))
    points = resampled(outline, 10.0 * pose.scale)
    tangent = np.gradient(points, axis=0)
    normal = np.column_stack((tangent[:, 1], -tangent[:, 0]))
    normal /= np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
    strength = model.gloss if model.bezel is None else 0.6 * model.gloss
    count = len(points)
    # A lamp below the frame lights the lower edge, a weaker one the upper: measured on the usual bench.
    for side, peak, tint in ((1.0, 620.0, (1.0, 0.93, 0.9)), (-1.0, 190.0, (0.95, 1.0, 0.97))):
        facing = np.clip(side * normal[:, 1], 0.0, 1.0)
        pieces = random_walk(rng, count, rng.uniform(4, 36)) - rng.uniform(-0.6, 0.9)
        flat = np.clip(pieces * 4.0, 0.0, 1.0) * (facing > _STRAIGHT)
        width = int(rng.integers(1, 4))
        levels = flat * rng.uniform(0.3, 1.0) + 0.06 * facing**2
        inset = points - normal * rng.uniform(0.0, 0.6) * model.edge * pose.scale
        colour = (peak * tint[0], peak * tint[1], peak * tint[2])
        for part in stretches(count):
            add(planes, strands(shape, [(inset[part], levels[part] * strength, width)]), colour)
    _draw_corner_glints(planes, points, normal, model, rng)
    _draw_bevel(planes, model, pose, rng)


def _draw_corner_glints(
    planes: Planes,
    points: Points,
    normal: Points,
    model: PhoneModel,
    rng: np.random.Generator,
) -> None:
    shape = planes.shape[1], planes.shape[2]
    diagonal = np.abs(normal[:, 0] * normal[:, 1])
    lines: list[Line] = []
    for right in (-1.0, 1.0):
        for down, chance in ((1.0, 0.75), (-1.0, 0.3)):
            if rng.random() > chance * (0.4 + model.gloss):
                continue
            place = (normal[:, 0] * right > 0) & (normal[:, 1] * down > 0) & (diagonal > rng.uniform(0.12, 0.4))
            where = np.flatnonzero(place)
            if len(where) >= _SHORTEST_GLINT:
                taper = np.sin(np.linspace(0.2, np.pi - 0.2, len(where))) * rng.uniform(0.4, 1.0)
                inward = normal[where] * rng.uniform(0.0, 3.0)
                lines.append((points[where] - inward, taper, int(rng.integers(1, 4))))
    for line in lines:
        add(planes, strands(shape, [line]), (380.0, 330.0, 310.0))


def _draw_bevel(planes: Planes, model: PhoneModel, pose: Pose, rng: np.random.Generator) -> None:
    """A rounded glass edge mirrors the dark room as a soft band just inside the outline."""
    shape = planes.shape[1], planes.shape[2]
    if model.bezel is not None:
        for piece in pieces(closed(pose.place(model.outline(model.edge))), _FINE):
            blend(planes, stroke(shape, piece, 1), (170.0, 165.0, 180.0), 0.35 * model.gloss)
        return
    band = resampled(closed(pose.place(model.outline(model.edge))), 24.0 * pose.scale)
    levels = np.clip(0.5 + 0.5 * random_walk(rng, len(band), 12.0), 0.0, 1.0)
    for part in stretches(len(band)):
        lines = [(band[part], levels[part] * 0.4, 4), (band[part], levels[part], 1)]
        add(planes, strands(shape, lines), (20.0, 21.0, 19.0))
