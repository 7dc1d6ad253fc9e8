"""How each kind of defect looks: its share of every pixel and the light that it adds, before it meets a picture."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from models.pod.shapes import (
    Field,
    Patch,
    Points,
    closed_curve,
    covered,
    depth_inside,
    fill,
    line_noise,
    longest,
    normals,
    patch_around,
    plane_noise,
    ribbon,
    rotated,
    soften,
    to_length,
)

FreeKind = Literal["scratch", "oil", "stain", "crack", "spot"]
"""Kinds that may lie anywhere; a chip needs an edge (:mod:`models.pod.chips`)."""

_GOUGE_WIDTH: Final = 4.0
_HAIRLINE_WIDTH: Final = 2.2
_SLIPS: Final = 0.25
_DRIED: Final = 0.5
_STRAND_POINTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be drawn: size and width in px, the sign of the contrast (1, -1), blur by the lens (sigma, px)."""

    size: float
    width: float | None
    sign: int
    blur: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A drawn defect: height x width share of each pixel (0-1), and height x width x 3 light (any scale) to add."""

    coverage: Field
    light: NDArray[np.float32]


def draw(kind: FreeKind, wanted: Wanted, rng: np.random.Generator) -> Look:
    """Draw one defect."""
    return _PAINTERS[kind](wanted, rng)


def _scratch(wanted: Wanted, rng: np.random.Generator) -> Look:
    """A line that bends a little, tapers at its ends and scatters light unevenly; a wide one is a groove with burrs."""
    width = wanted.width or float(np.clip(wanted.size * rng.uniform(0.01, 0.045), 1.0, 12.0))
    drawn = drawn_width(width, wanted.blur)
    count = max(12, round(wanted.size / 3.0))
    course = np.linspace(0.0, 1.0, count)
    heading = rng.normal(0.0, 0.45) * course + 0.1 * line_noise(count, 4, rng)
    if rng.random() < _SLIPS:  # now and then the tool does
        heading += rng.normal(0.0, 0.5) / (1.0 + np.exp(-(course - rng.uniform(0.2, 0.8)) * 40.0))
    steps = np.stack([np.cos(heading), np.sin(heading)], axis=1)
    centre = rotated(to_length(np.cumsum(steps, axis=0), wanted.size), rng.uniform(0.0, 2.0 * math.pi))
    first, last = rng.uniform(0.02, 0.25, 2)
    taper = np.minimum(1.0, course / first) ** 0.6 * np.minimum(1.0, (1.0 - course) / last) ** 0.6
    rough = 0.16 if width > _HAIRLINE_WIDTH else 0.08
    widths = drawn * taper * np.clip(1.0 + rough * line_noise(count, max(count // 3, 4), rng), 0.4, 1.8)
    body = ribbon(centre, widths)
    patch = patch_around(body, 8.0 + 2.0 * width, (rng.random(), rng.random()))
    solid = fill(body, patch)
    along = np.clip(1.0 + 0.3 * line_noise(count - 1, max(3, round(wanted.size / 18.0)), rng), 0.25, 1.7)
    light = fill(body, patch, along)
    if width > _HAIRLINE_WIDTH:
        depth = depth_inside(covered(solid))
        light *= 0.45 + 0.55 * np.minimum(depth / (0.4 * width), 1.0)
        light *= np.clip(1.0 + 0.25 * plane_noise(patch, 1.3, rng) + 0.1 * plane_noise(patch, 5.0, rng), 0.3, 2.0)
        light += _strands(centre, width, patch, rng)
    if width >= _GOUGE_WIDTH:
        burr = centre + normals(centre) * (0.3 * width * rng.choice([-1.0, 1.0]))
        flank = fill(ribbon(burr, widths * 0.35), patch)
        light += flank * solid * np.float32(rng.uniform(0.1, 0.4))
    return _look(solid, light, wanted, rng)


def _strands(centre: Points, width: float, patch: Patch, rng: np.random.Generator) -> Field:
    """Return faint second lines beside a scratch, as a hard grain leaves more than one."""
    light = np.zeros((patch.height, patch.width), np.float32)
    for _ in range(rng.integers(0, 3)):
        start = int(rng.uniform(0.0, 0.7) * len(centre))
        piece = centre[start : start + max(4, int(rng.uniform(0.15, 0.4) * len(centre)))]
        if len(piece) < _STRAND_POINTS:
            continue
        drift = np.linspace(0.3, 1.0, len(piece))[:, None] * rng.normal(0.0, 0.7, 2) * width
        faint = fill(ribbon(piece + drift, np.full(len(piece), 0.7)), patch)
        light = np.maximum(light, faint * np.float32(rng.uniform(0.2, 0.6)))
    return light


def _oil(wanted: Wanted, rng: np.random.Generator) -> Look:
    """A drop: a thin film, darker or lighter, whose rounded rim mirrors one or two lamps."""
    slender = rng.uniform(0.0, 0.95) ** 0.6
    bend = rng.normal(0.0, 1.6) * slender
    course = np.linspace(-0.5, 0.5, 41)
    spine = np.stack([course * slender * np.cos(bend * course), 0.8 * bend * slender * course**2], axis=1)
    radii = (1.0 - 0.82 * slender) / 2.0 * np.clip(1.0 + 0.22 * line_noise(41, 4, rng), 0.55, 1.5)
    ring = closed_curve(1.0, 0.09, 4, rng)
    turn = rng.uniform(0.0, 2.0 * math.pi)
    blobs = [ring * radius + place for radius, place in zip(radii, spine, strict=True)]
    whole = to_length(np.concatenate(blobs), wanted.size)
    outlines = [rotated(one, turn) for one in np.split(whole, len(blobs))]
    patch = patch_around(outlines, 14.0 + 0.1 * wanted.size, (rng.random(), rng.random()))
    solid = fill(outlines, patch)
    rounding = float(np.clip(0.03 * wanted.size, 0.3, 6.0))
    inside = covered(soften(solid, rounding))  # surface tension rounds every corner
    depth = depth_inside(inside)
    rim = float(np.clip(0.22 * depth.max(), 1.2, 13.0))
    height = soften(np.sqrt(np.clip(1.0 - (1.0 - np.minimum(depth / rim, 1.0)) ** 2, 0.0, 1.0)), 0.18 * rim + 0.3)
    slope_y, slope_x = np.gradient(soften(depth, 0.5 * rim))
    facing = np.arctan2(slope_y, slope_x)
    film = soften(inside.astype(np.float32), 0.5)
    tone = film * (1.0 + 0.12 * plane_noise(patch, max(wanted.size / 2.0, 4.0), rng)) * (1.25 - 0.25 * height)
    light = np.float32(wanted.sign) * tone
    lamp = rng.uniform(0.0, 2.0 * math.pi)
    gleam = np.zeros_like(light)
    for angle, gain in ((lamp, rng.uniform(5.0, 11.0)), (lamp + math.pi + rng.normal(0.0, 0.3), rng.uniform(2.0, 6.0))):
        lit = np.clip(np.cos(facing - angle), 0.0, 1.0) ** rng.uniform(1.5, 7.0)
        band = np.exp(-0.5 * ((depth - rim * rng.uniform(0.35, 0.6)) / (0.16 * rim + 0.25)) ** 2)
        gaps = np.clip(1.2 + 1.5 * plane_noise(patch, 2.5 * rim, rng), 0.0, 1.0)
        gleam += np.float32(gain) * lit * band * gaps * inside
    edge = np.exp(-0.5 * ((depth - 0.8) / 0.7) ** 2) * inside * np.float32(rng.uniform(0.3, 1.2))
    fringe = np.array([rng.uniform(0.2, 0.6), 0.0, rng.uniform(-0.1, 0.2)], np.float32)
    coloured = (light + edge)[:, :, None] * _tint(0.04, rng)
    coloured = coloured + gleam[:, :, None] + soften(gleam, 1.8)[:, :, None] * fringe
    return _look(film, coloured, wanted, rng)


def _stain(wanted: Wanted, rng: np.random.Generator) -> Look:
    """A matte patch without gloss: ragged outline, soft or dried edge, mottled inside."""
    patch, field = _ragged(wanted.size, rng)
    softness = float(rng.uniform(0.02, 0.12) * wanted.size + 0.7)
    solid = np.clip(np.float32(0.5) + field / np.float32(softness), 0.0, 1.0)
    mottle = plane_noise(patch, max(wanted.size / 6.0, 2.0), rng) + 0.6 * plane_noise(patch, 2.0, rng)
    light = solid * np.clip(1.0 + 0.16 * mottle, 0.3, 1.8)
    if rng.random() < _DRIED:  # a dried drop leaves its matter at the edge (coffee ring)
        depth = depth_inside(covered(solid))
        light *= 1.0 + np.float32(0.7) * np.exp(-depth / np.float32(max(0.05 * wanted.size, 1.0)))
    return _look(solid, light, wanted, rng)


def _ragged(size: float, rng: np.random.Generator) -> tuple[Patch, Field]:
    """Return a patch and, on it, the height (px) of an irregular island of a given length above its shore."""
    side = 129
    model = Patch(width=side, height=side, origin_x=0.0, origin_y=0.0)
    rows, columns = (np.mgrid[0:side, 0:side].astype(np.float32) - side // 2) / np.float32(side)
    turn = rng.uniform(0.0, math.pi)
    along = columns * math.cos(turn) + rows * math.sin(turn)
    across = rows * math.cos(turn) - columns * math.sin(turn)
    island = np.float32(0.27) - np.hypot(along, across * rng.uniform(1.0, 1.9))
    rough = rng.uniform(0.4, 1.0)
    for grain, strength in ((30.0, 0.07), (12.0, 0.035), (5.0, 0.015)):
        island += np.float32(rough * strength) * plane_noise(model, grain, rng)
    island[[0, -1]] = island[:, [0, -1]] = np.float32(-0.1)
    scale = size / max(longest(np.argwhere(island > 0.0).astype(np.float64)) + 1.0, 2.0)
    width = max(round(side * scale), 5)
    stretched = cv2.resize(island * np.float32(side * scale), (width, width), interpolation=_interpolation(scale))
    return Patch(width=width, height=width, origin_x=width / 2, origin_y=width / 2), np.asarray(stretched, np.float32)


def _interpolation(scale: float) -> int:
    return cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC


def _spot(wanted: Wanted, rng: np.random.Generator) -> Look:
    """A small compact blob, such as a speck, a pit or a droplet of paint, on whatever product."""
    outline = closed_curve(1.0, 0.08, 5, rng) * np.array([1.0, rng.uniform(0.65, 1.0)])
    blob = to_length(rotated(outline, rng.uniform(0.0, 2.0 * math.pi)), wanted.size)
    patch = patch_around([blob], 8.0 + 0.4 * wanted.size, (rng.random(), rng.random()))
    solid = fill([blob], patch)
    depth = depth_inside(covered(solid))
    light = solid * (0.85 + 0.15 * np.minimum(depth / max(0.3 * wanted.size, 1.0), 1.0))
    light *= np.clip(1.0 + 0.1 * plane_noise(patch, max(wanted.size / 3.0, 2.0), rng), 0.5, 1.5)
    halo = soften(solid, 0.12 * wanted.size + 0.8) * np.float32(rng.uniform(0.0, 0.12))
    fringe = np.array([rng.uniform(0.5, 1.5), 0.6, 0.6], np.float32)
    coloured = (light[:, :, None] * _tint(0.05, rng) + halo[:, :, None] * fringe) * np.float32(wanted.sign)
    return _look(solid, coloured, wanted, rng)


def _crack(wanted: Wanted, rng: np.random.Generator) -> Look:
    """Straight pieces between sharp turns, with branches; each facet mirrors the lamp differently."""
    width = drawn_width(wanted.width or float(np.clip(wanted.size * rng.uniform(0.008, 0.02), 1.0, 4.0)), wanted.blur)
    paths = [_jagged(1.0, 0.0, rng)]
    for _ in range(rng.integers(1, 5)):
        stem = paths[rng.integers(min(len(paths), 2))]
        foot = stem[rng.integers(1, len(stem) - 1)]
        side = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.2)
        paths.append(_jagged(rng.uniform(0.15, 0.45), side, rng) + foot)
    counts = np.cumsum([len(path) for path in paths])[:-1]
    placed = rotated(to_length(np.concatenate(paths), wanted.size), rng.uniform(0.0, 2.0 * math.pi))
    lines = np.split(placed, counts)
    patch = patch_around([placed], 8.0 + 2.0 * width, (rng.random(), rng.random()))
    pieces: list[Points] = []
    levels: list[float] = []
    for rank, line in enumerate(lines):
        thickness = width * (1.0 if rank == 0 else rng.uniform(0.5, 0.9))
        pieces += ribbon(line, thickness * np.linspace(1.0, 0.5, len(line)))
        levels += rng.uniform(0.45, 1.4, len(line) - 1).tolist()
    solid = fill(pieces, patch)
    return _look(solid, fill(pieces, patch, np.asarray(levels)), wanted, rng)


def _jagged(length: float, heading: float, rng: np.random.Generator) -> Points:
    """Return a path of uneven straight pieces from the origin."""
    count = int(rng.integers(5, 11))
    pieces = rng.uniform(0.4, 1.6, count)
    angles = heading + np.clip(rng.normal(0.0, 0.38, count), -1.1, 1.1)
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (pieces / pieces.sum() * length)[:, None]
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def drawn_width(width: float, blur: float) -> float:
    """Return the width to draw so that a line is ``width`` px at half height once the lens has blurred it."""
    full_width = 2.355 * blur
    return max(math.sqrt(max(width**2 - full_width**2, 0.0)), 0.35)


def _tint(strength: float, rng: np.random.Generator) -> NDArray[np.float32]:
    tint = 1.0 + rng.normal(0.0, strength, 3)
    return np.asarray(tint / tint.mean(), np.float32)


def _look(coverage: Field, light: NDArray[np.float32], wanted: Wanted, rng: np.random.Generator) -> Look:
    """Blur both as the lens does, and colour and sign what is still without."""
    if light.ndim == coverage.ndim:
        light = light[:, :, None] * _tint(0.04, rng) * np.float32(wanted.sign)
    return Look(coverage=soften(coverage, wanted.blur), light=soften(np.asarray(light, np.float32), wanted.blur))


_PAINTERS: Final[Mapping[FreeKind, Callable[[Wanted, np.random.Generator], Look]]] = {
    "scratch": _scratch,
    "oil": _oil,
    "stain": _stain,
    "crack": _crack,
    "spot": _spot,
}
