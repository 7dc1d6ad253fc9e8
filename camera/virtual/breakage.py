"""Cracks that branch from an edge or a point of impact, and chips broken off the edge."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from camera.virtual.drawing import (
    Patch,
    Points,
    colour_axes,
    happens,
    polygon,
    random_walk,
    resampled,
    smooth_noise,
    strands,
)
from camera.virtual.site import Overlay, Site, grown

_FAINT: Final = 0.04
_FEWEST_STEPS: Final = 4
_THINNEST_BRANCHING: Final = 0.4
_BROKEN: Final = 0.3


def draw_crack(site: Site, rng: np.random.Generator, strength: float) -> Overlay:
    """Draw one crack with its branches; `strength` (1 or more) raises its contrast."""
    scale = site.pose.scale
    length = float(np.clip(rng.lognormal(np.log(260.0), 0.5), 70.0, 900.0)) * scale
    if happens(rng, 0.8):
        start, inward = site.edge_point(rng)
        headings = [float(np.arctan2(inward[1], inward[0]) + rng.normal(0.0, 0.5))]
        if happens(rng, 0.35):
            headings.append(headings[0] + float(rng.choice([-1, 1]) * rng.uniform(0.3, 0.9)))
    else:
        start = site.place(rng, 120.0)
        count = int(rng.integers(3, 8))
        headings = [float(heading) for heading in rng.uniform(0, 0.6, count) + np.arange(count) * 2 * np.pi / count]
        length *= 0.6
    paths: list[tuple[Points, float]] = []
    for heading in headings:
        _grow(rng, _Root(start, heading, length * float(rng.uniform(0.6, 1.1)), 1.0), paths)
    lines = []
    for path, weight in paths:
        points = resampled(path, 4.0)
        sparkle = np.clip(0.45 + 0.45 * random_walk(rng, len(points), 5.0), 0.08, 1.0) * weight
        lines.append((points, sparkle, 1 + (weight >= 1.0 and happens(rng, 0.5))))
    mark = strands(site.shape, lines, 0.3)
    rows, columns = mark.region.slices
    before = site.ground(mark.region)
    mask = mark.weights() * site.cover[rows, columns]
    level = float(rng.uniform(110, 330)) * strength
    shadow = np.float32(min(0.55 * strength, 0.95)) * mask
    light = mask * (1.0 - site.is_pale(before))
    picture = before * (1.0 - shadow) + light[None] * colour_axes((level * 1.04, level, level * 0.98))
    picture = np.asarray(picture, np.float32)
    return Overlay(mark.region, picture, grown(mask > _FAINT, 3), solid=False)


@dataclass(frozen=True, slots=True)
class _Root:
    """Where a crack or a branch begins, its heading in radians, length in pixels and brightness (0 to 1)."""

    start: Points
    heading: float
    length: float
    weight: float


def _grow(rng: np.random.Generator, root: _Root, paths: list[tuple[Points, float]]) -> None:
    """Grow a crack and, weaker and shorter, its branches; adds their paths and brightness to `paths`."""
    start, heading, length, weight = root.start, root.heading, root.length, root.weight
    steps = max(int(length / 14.0), _FEWEST_STEPS)
    bends = np.cumsum(rng.normal(0.0, 0.1, steps)) + heading
    kinks = rng.choice(2, steps, p=(0.88, 0.12))
    bends += np.cumsum(kinks * rng.normal(0.0, 0.45, steps))
    moves = np.column_stack((np.cos(bends), np.sin(bends))) * (length / steps)
    path = np.concatenate((start[None], start + np.cumsum(moves, axis=0)))
    paths.append((path, weight))
    if weight < _THINNEST_BRANCHING:
        return
    for _ in range(int(rng.poisson(1.1 * weight))):
        at = int(rng.integers(1, steps))
        turn = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 1.0))
        rest = length * (1.0 - at / steps) * float(rng.uniform(0.35, 0.9))
        thinner = weight * float(rng.uniform(0.5, 0.85))
        _grow(rng, _Root(path[at], float(bends[at]) + turn, rest, thinner), paths)


def draw_chip(site: Site, rng: np.random.Generator, strength: float) -> Overlay:
    """Draw one chip: a shell of glass broken off the edge; `strength` (1 or more) raises its contrast."""
    scale = site.pose.scale
    point, inward = site.edge_point(rng)
    along = np.array((inward[1], -inward[0]))
    depth = float(np.clip(rng.lognormal(np.log(14.0), 0.45), 6.0, 60.0)) * scale
    reach = depth * float(rng.uniform(0.8, 2.2))
    angles = np.linspace(0.0, 2 * np.pi, 40)[:-1]
    ragged = 1.0 + 0.13 * random_walk(rng, len(angles), 2.0)
    ring = (
        point + (np.cos(angles) * reach * ragged)[:, None] * along + (np.sin(angles) * depth * ragged)[:, None] * inward
    )
    return _shell(site, polygon(site.shape, ring), (point, inward, depth), rng, strength)


def _shell(
    site: Site,
    patch: Patch,
    blow: tuple[Points, Points, float],
    rng: np.random.Generator,
    strength: float,
) -> Overlay:
    """Shade the break: steps of a shell-like fracture, a bright lip, and the table where all of it is gone."""
    region, shell = patch.region, patch.weights()
    rows, columns = region.slices
    point, inward, depth = blow
    before = site.ground(region)
    mask = shell * np.minimum(site.cover[rows, columns] * 1.5, 1.0)
    y, x = np.mgrid[region.top : region.bottom, region.left : region.right].astype(np.float32)
    inside = ((x - point[0]) * inward[0] + (y - point[1]) * inward[1]) / depth
    steps = np.sin(
        (np.hypot(x - point[0], y - point[1]) / depth) * rng.uniform(3, 8)
        + smooth_noise(rng, region.shape, 0.5 * depth + 2.0)
    )
    facets = np.clip(0.45 + 0.3 * steps + 0.4 * smooth_noise(rng, region.shape, 0.3 * depth + 2.0), 0.0, 1.5)
    level = float(rng.uniform(45, 200)) * strength
    fracture = facets[None] * colour_axes((level * 1.03, level, level * 0.97))
    if site.is_bright(point + inward * depth * 0.6):
        fracture = facets[None] * colour_axes((70.0, 74.0, 76.0)) / np.float32(strength)
    gone = np.clip((np.float32(rng.uniform(-0.2, 0.5)) - inside) * 6.0, 0.0, 1.0)
    broken = fracture + gone * (site.table[:, rows, columns] * np.float32(0.8) - fracture)
    lip = cv2.morphologyEx(shell, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) * (inside > 0)
    broken = broken + np.asarray(lip, np.float32)[None] * np.float32(rng.uniform(20, 160))
    return Overlay(region, np.asarray(before + mask * (broken - before), np.float32), mask > _BROKEN, solid=False)
