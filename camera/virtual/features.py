"""Draws what interrupts a phone's front: openings, lenses, sensors and printed marks."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import (
    Colour,
    Points,
    add,
    blend,
    closed,
    dim,
    polygon,
    random_walk,
    resampled,
    rounded_rectangle,
    strands,
    stroke,
)
from camera.virtual.phone import Feature
from camera.virtual.site import Site

_SATURATED: Final = 230.0


def draw_features(site: Site) -> None:
    """Draw openings, lenses and printed marks; openings are taken out of the site's cover and show the table."""
    for feature in site.model.features:
        rng = np.random.default_rng(feature.variant)
        if feature.kind == "hole":
            _draw_hole(site, feature)
        elif feature.kind in {"slot", "mesh"}:
            _draw_earpiece(site, feature, rng)
        elif feature.kind in {"lens", "sensor"}:
            _draw_round(site, feature, rng)
        else:
            _draw_print(site, feature, rng)


def _draw_hole(site: Site, feature: Feature) -> None:
    planes, shape, pose = site.planes, site.shape, site.pose
    points = pose.place(_outline(feature))
    patch = polygon(shape, points)
    rows, columns = patch.region.slices
    weights = patch.weights()
    planes[:, rows, columns] += weights * (site.table[:, rows, columns] - planes[:, rows, columns])
    site.cover[rows, columns] *= 1.0 - weights
    # The glass stands above the table, so the lamp behind the camera leaves a shadow in the opening.
    shade = weights * (1.0 - _shifted(weights, feature.width * 0.2 * pose.scale))
    planes[:, rows, columns] *= 1.0 - np.float32(0.75) * shade
    rim = stroke(shape, closed(points), 2)
    if site.model.bezel is None:
        add(planes, rim, (38.0, 38.0, 40.0))
    else:
        blend(planes, rim, (120.0, 122.0, 120.0), 0.5)


def _draw_earpiece(site: Site, feature: Feature, rng: np.random.Generator) -> None:
    planes, shape, pose = site.planes, site.shape, site.pose
    outline = _outline(feature)
    patch = polygon(shape, pose.place(outline))
    rows, columns = patch.region.slices
    site.cover[rows, columns] *= 1.0 - patch.weights()
    if feature.kind == "mesh":
        _draw_mesh(site, feature)
        return
    blend(planes, patch, (feature.level * 1.1, feature.level, feature.level))
    grain = rng.normal(0.0, 7.0, patch.mask.shape).astype(np.float32)
    planes[:, rows, columns] += patch.weights() * grain
    rim = resampled(closed(pose.place(outline)), 3.0)
    levels = np.clip(0.5 + 0.6 * random_walk(rng, len(rim), 8.0), 0.05, 1.0)
    if site.model.bezel is None:
        add(planes, strands(shape, [(rim, levels, 1)]), (70.0, 70.0, 70.0))


def _draw_mesh(site: Site, feature: Feature) -> None:
    planes, shape, pose = site.planes, site.shape, site.pose
    pitch = 7.0
    for x in np.arange(-feature.width / 2, feature.width / 2 + 1, pitch):
        for y in np.arange(-feature.height / 2, feature.height / 2 + 1, pitch):
            dot = rounded_rectangle((feature.x + x, feature.y + y), (4.0, 4.0), 2.0)
            blend(planes, polygon(shape, pose.place(dot)), (feature.level,) * 3, 0.9)


def _draw_round(site: Site, feature: Feature, rng: np.random.Generator) -> None:
    planes, shape, pose = site.planes, site.shape, site.pose
    points = pose.place(_outline(feature))
    patch = polygon(shape, points, 0.6)
    level = feature.level
    if site.model.bezel is not None:
        blend(planes, patch, (level * 0.5, level * 0.35, level * 0.35))
    elif feature.kind == "lens":
        blend(planes, patch, (level, level, level), 0.85)
    else:
        tints: tuple[Colour, ...] = ((58.0, 28.0, 22.0), (40.0, 40.0, 40.0), (30.0, 24.0, 34.0))
        blend(planes, patch, tints[int(rng.integers(3))], 0.7)
    if feature.kind == "lens":
        rows, columns = patch.region.slices
        planes[:, rows, columns] += patch.weights() * rng.normal(0.0, 6.0, patch.mask.shape).astype(np.float32)
        rim = resampled(closed(points), 2.0)
        levels = np.clip(0.3 + 0.7 * random_walk(rng, len(rim), 6.0), 0.0, 1.0)
        add(planes, strands(shape, [(rim, levels, 1)]), (80.0, 80.0, 80.0))
        core = rounded_rectangle((feature.x, feature.y), (feature.width * 0.42,) * 2, feature.width)
        dim(planes, polygon(shape, pose.place(core), 1.2), float(rng.uniform(0.0, 0.8)))


def _draw_print(site: Site, feature: Feature, rng: np.random.Generator) -> None:
    planes, shape, pose = site.planes, site.shape, site.pose
    half_x, half_y = feature.width / 2, feature.height / 2
    lines: list[Points] = []
    if feature.kind == "ring":
        lines = [closed(_outline(feature))]
    elif feature.kind == "lettering":
        steps = np.arange(-half_y, half_y, 30.0)
        lines = [np.column_stack((rng.uniform(-half_x, half_x, 4), y + rng.uniform(0, 18, 4))) for y in steps]
        lines = [line + np.array((feature.x, feature.y)) for line in lines]
    else:
        drawings: tuple[tuple[tuple[float, float], ...], ...] = (
            ((-1, -0.8), (-1, 0.8), (1, 0.8), (1, -0.8), (-1, -0.8)),
            ((-1, 0), (1, 0.9), (1, -0.9), (-1, 0)),
            ((1, -1), (-1, -1), (-1, 1), (0.6, 1)),
            ((-0.7, -1), (-0.7, 1), (0.0, 1), (0.0, -1), (0.7, -1), (0.7, 1)),
        )
        drawing = np.array(drawings[feature.variant % len(drawings)], np.float64)
        lines = [drawing * (half_x * 0.8, half_y * 0.8) + (feature.x, feature.y)]
    for line in lines:
        mark = stroke(shape, pose.place(line), 2)
        opacity = 0.8 if site.model.bezel is not None and max(site.model.bezel) > _SATURATED else 0.6
        blend(planes, mark, (feature.level,) * 3, opacity)


def _outline(feature: Feature) -> Points:
    size = (feature.width, feature.height)
    return rounded_rectangle((feature.x, feature.y), size, min(size) / 2)


def _shifted(mask: NDArray[np.float32], distance: float) -> NDArray[np.float32]:
    shift = np.array(((1.0, 0.0, 0.3 * distance), (0.0, 1.0, -distance)), np.float32)
    moved = cv2.warpAffine(mask, shift, (mask.shape[1], mask.shape[0]))
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), max(distance * 0.35, 0.5)), np.float32)
