"""A chip: a bite out of an edge of the part, with the facets and ripples of a conchoidal fracture."""

import math

import numpy as np
from numpy.typing import NDArray

from models.pod.looks import Look, Wanted
from models.pod.placement import Edge
from models.pod.shapes import covered, depth_inside, fill, patch_around, plane_noise, rotated, soften, to_length


def draw_chip(wanted: Wanted, edge: Edge, rng: np.random.Generator) -> tuple[Look, int, int]:
    """Draw a chip whose chord of ``wanted.size`` px lies on an edge.

    Returns:
        The look, and the column and row of the picture on which the patch's first pixel lies.
    """
    depth_share = rng.uniform(0.3, 0.65)
    corners = int(rng.integers(7, 13))
    course = np.cumsum(np.concatenate([[0.0], rng.uniform(0.6, 1.4, corners)]))
    course /= course[-1]
    bite = np.sin(math.pi * course) ** rng.uniform(0.55, 0.9) * np.clip(
        1.0 + 0.09 * rng.normal(size=len(course)), 0.7, 1.3
    )
    # x runs along the edge, y into the part.
    outline = np.stack([course - 0.5, depth_share * bite], axis=1)
    outline[[0, -1], 1] = -0.04
    turned = rotated(to_length(outline, wanted.size), math.atan2(-edge.inward_x, edge.inward_y))
    chord = (turned[0] + turned[-1]) / 2.0
    placed = turned - chord
    patch = patch_around([placed], 6.0 + 0.1 * wanted.size, (0.0, 0.0))
    solid = fill([placed], patch)
    rows, columns = np.mgrid[0 : patch.height, 0 : patch.width].astype(np.float32)
    light = solid * _facets(columns, rows, wanted.size, (patch.origin_x, patch.origin_y), rng)
    light *= np.clip(1.0 + 0.12 * plane_noise(patch, 2.0, rng), 0.4, 1.6)
    depth = depth_inside(covered(solid))
    rim = (
        np.exp(-0.5 * ((depth - 1.2) / 0.8) ** 2)
        * covered(solid)
        * np.clip(plane_noise(patch, wanted.size / 3.0, rng), 0, 1)
    )
    light = np.asarray(light + np.float32(0.8) * rim, np.float32)
    tint = 1.0 + rng.normal(0.0, 0.03, 3)
    coloured = light[:, :, None] * np.asarray(tint / tint.mean(), np.float32) * np.float32(wanted.sign)
    look = Look(coverage=soften(solid, wanted.blur), light=soften(coloured, wanted.blur))
    return look, edge.x - round(patch.origin_x), edge.y - round(patch.origin_y)


def _facets(
    columns: NDArray[np.float32],
    rows: NDArray[np.float32],
    size: float,
    strike: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the light of planes that meet at ridges, with the ripples that run out from where the blow fell."""
    count = int(rng.integers(3, 7))
    seeds = np.array(strike) + rng.normal(0.0, 0.3 * size, (count, 2))
    levels = rng.uniform(0.6, 1.4, count)
    distances = np.stack([(columns - x) ** 2 + (rows - y) ** 2 for x, y in seeds])
    planes = soften(np.asarray(levels[np.argmin(distances, axis=0)], np.float32), 0.5)
    away = np.hypot(columns - np.float32(strike[0]), rows - np.float32(strike[1]))
    # Ripples crowd as the fracture slows down, and are clear on some facets only.
    phase = (away / max(0.5 * size, 4.0)) ** rng.uniform(1.2, 1.8) * rng.uniform(10.0, 20.0)
    clear = soften(np.asarray(rng.uniform(0.0, 0.12, count)[np.argmin(distances, axis=0)], np.float32), 1.0)
    ripples = 1.0 + clear * np.cos(phase + rng.uniform(0.0, 2.0 * math.pi))
    return np.asarray(planes * ripples, np.float32)
