"""Outlines with sub-pixel edges: polygons on a supersampled canvas, and the smooth noise that makes them irregular.

Lengths are in pixels of the picture; a pixel's centre has whole coordinates and outlines are drawn around the origin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""Height x width values of a patch."""
Points = NDArray[np.float64]
"""Points x 2 (x, y)."""

_FINE_SIDE: Final = 420
_COARSE_SIDE: Final = 1200
_SHIFT: Final = 4
_ONE: Final = 120
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A piece of the picture's pixel grid: its size, and where the outlines' origin lies in it."""

    width: int
    height: int
    origin_x: float
    origin_y: float


def patch_around(outlines: Sequence[Points], margin: float, offset: tuple[float, float]) -> Patch:
    """Return the smallest patch that holds outlines and a margin (px); ``offset`` (px, 0-1) is the sub-pixel place."""
    corners = np.concatenate(outlines)
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    left, top = math.floor(low[0]), math.floor(low[1])
    return Patch(
        width=math.ceil(high[0]) - left + 2,
        height=math.ceil(high[1]) - top + 2,
        origin_x=offset[0] - left,
        origin_y=offset[1] - top,
    )


def fill(outlines: Sequence[Points], patch: Patch, levels: NDArray[np.float64] | None = None) -> Field:
    """Return how much of each pixel the filled outlines cover, by 4 to 64 samples a pixel.

    With ``levels`` (0-2, one an outline) each counts that much; where outlines overlap the last one counts.
    """
    side = max(patch.width, patch.height)
    factor = 8 if side <= _FINE_SIDE else 4 if side <= _COARSE_SIDE else 2
    canvas = np.zeros((patch.height * factor, patch.width * factor), np.uint8)
    origin = np.array([patch.origin_x, patch.origin_y])
    values = np.ones(len(outlines)) if levels is None else levels
    for outline, value in zip(outlines, values, strict=True):
        fine = (outline + origin + 0.5) * factor - 0.5
        corners = np.round(fine * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(canvas, [corners], round(float(value) * _ONE), cv2.LINE_8, _SHIFT)
    shrunk = cv2.resize(canvas.astype(np.float32), (patch.width, patch.height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32) / np.float32(_ONE)


def ribbon(centre: Points, widths: NDArray[np.float64]) -> list[Points]:
    """Return the outlines of a line of varying width (px, one a point): one quadrilateral a step."""
    across = normals(centre) * (widths / 2.0)[:, None]
    left, right = centre + across, centre - across
    return [np.stack([left[step], left[step + 1], right[step + 1], right[step]]) for step in range(len(centre) - 1)]


def normals(centre: Points) -> Points:
    """Return the unit vectors across a line, one a point."""
    heading = np.gradient(centre, axis=0)
    heading /= np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-9)[:, None]
    return np.asarray(np.stack([-heading[:, 1], heading[:, 0]], axis=1), np.float64)


def closed_curve(radius: float, irregularity: float, harmonics: int, rng: np.random.Generator) -> Points:
    """Return a closed outline about the origin: a circle with random harmonics, the rougher the higher both values."""
    angle = np.linspace(0.0, 2.0 * math.pi, 181)[:-1]
    radii = np.ones_like(angle)
    for order in range(2, 2 + harmonics):
        strength = irregularity * rng.normal() / order**0.9
        radii += strength * np.cos(order * angle + rng.uniform(0.0, 2.0 * math.pi))
    radii = radius * np.clip(radii, 0.25, 2.0)
    return np.asarray(np.stack([radii * np.cos(angle), radii * np.sin(angle)], axis=1), np.float64)


def rotated(points: Points, angle: float) -> Points:
    """Return points turned about the origin by an angle (radians)."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.asarray(points @ turn.T, np.float64)


def to_length(points: Points, length: float) -> Points:
    """Return points centred and scaled so that their longest distance is ``length`` (px)."""
    centred = points - (points.max(axis=0) + points.min(axis=0)) / 2.0
    return np.asarray(centred * (length / max(longest(points), 1e-9)), np.float64)


def longest(points: Points) -> float:
    """Return the largest distance between two of the points (the maximum Feret diameter, ISO 13322-1)."""
    hull = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    return float(np.sqrt(((hull[:, None] - hull[None]) ** 2).sum(axis=2).max()))


def line_noise(count: int, knots: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return ``count`` values of smooth noise of mean 0 and deviation about 1, with ``knots`` random values."""
    values = rng.normal(size=(1, max(knots, 2))).astype(np.float32)
    return np.asarray(cv2.resize(values, (count, 1), interpolation=cv2.INTER_CUBIC)[0], np.float64)


def plane_noise(patch: Patch, grain: float, rng: np.random.Generator) -> Field:
    """Return smooth noise of mean 0 and deviation about 1 over a patch; ``grain`` (px) is the size of its lumps."""
    columns, rows = (max(2, round(side / max(grain, 1.0))) for side in (patch.width, patch.height))
    values = rng.normal(size=(rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(values, (patch.width, patch.height), interpolation=cv2.INTER_CUBIC), np.float32)


def soften(field: Field, sigma: float) -> Field:
    """Return a field blurred by a Gaussian of ``sigma`` pixels (0: unchanged)."""
    if sigma <= 0.0:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)


def covered(coverage: Field) -> NDArray[np.bool_]:
    """Return the pixels of which more than half is covered."""
    return np.asarray(coverage > _HALF, np.bool_)


def depth_inside(mask: NDArray[np.bool_]) -> Field:
    """Return each pixel's distance (px) to the outside of a mask, 0 outside."""
    framed = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5), np.float32)[1:-1, 1:-1]
