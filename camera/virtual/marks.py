"""Scratches and stains."""

import numpy as np

from camera.virtual.drawing import (
    Line,
    Planes,
    Points,
    Region,
    colour_axes,
    happens,
    random_walk,
    region_around,
    resampled,
    smooth_noise,
    strands,
)
from camera.virtual.site import Overlay, Site, grown

_FAINT = 0.03


def draw_scratch(site: Site, rng: np.random.Generator, strength: float) -> Overlay:
    """Draw one scratch, from a hairline to a gouge; `strength` (1 or more) raises its contrast."""
    path = resampled(_path(site, rng), 2.0)
    count = len(path)
    kind = str(rng.choice(["hairline", "scratch", "gouge"], p=[0.22, 0.48, 0.3]))
    core, width, level = {
        "hairline": (1, 0.4, float(rng.uniform(50, 150))),
        "scratch": (2, float(rng.uniform(0.6, 1.5)), float(rng.uniform(120, 250))),
        "gouge": (3, float(rng.uniform(1.2, 2.8)), float(rng.uniform(150, 290))),
    }[kind]
    tangent = np.gradient(path, axis=0)
    normal = np.column_stack((-tangent[:, 1], tangent[:, 0]))
    normal /= np.maximum(np.hypot(*normal.T), 1e-6)[:, None]
    fade = _fade(rng, count)
    lines: list[Line] = []
    swell = np.clip(1.0 + 0.4 * random_walk(rng, count, 14.0), 0.3, 2.2)
    for number in range(2 * core - 1):
        offset = (rng.uniform(-1.0, 1.0) + 0.25 * random_walk(rng, count, 12.0)) * width * swell * fade**0.25
        grains = np.clip(0.65 + 0.16 * random_walk(rng, count, 0.6) + 0.2 * random_walk(rng, count, 14.0), 0.05, 1.0)
        thickness = 1 if number else core
        lines.append((path + normal * offset[:, None] * min(number, 1), grains * fade, thickness))
    if kind != "hairline":
        lines += _splinters(rng, path, normal, fade)
    mark = strands(site.shape, lines, 0.35)
    tint = rng.normal((1.03, 0.99, 0.99), 0.02)
    crumbled = np.clip(1.0 + 0.22 * rng.standard_normal(mark.mask.shape, np.float32), 0.2, 1.8)
    return _laid(site, mark.region, mark.weights() * crumbled, tint * level * strength)


def _path(site: Site, rng: np.random.Generator) -> Points:
    scale = site.pose.scale
    length = float(np.clip(rng.lognormal(np.log(205.0), 0.55), 45.0, 720.0)) * scale
    start = site.place(rng, 40.0)
    heading = float(rng.uniform(0.0, 2 * np.pi))
    steps = 24
    shape = str(rng.choice(["arc", "straight", "kinked", "wavy"], p=[0.5, 0.25, 0.15, 0.1]))
    turn = {"arc": float(rng.normal(0.0, 0.5)), "straight": 0.0, "kinked": 0.1, "wavy": 0.0}[shape]
    headings = heading + np.linspace(0.0, turn, steps) + np.cumsum(rng.normal(0.0, 0.012, steps))
    if shape == "kinked":
        headings[int(rng.integers(6, 18)) :] += float(rng.normal(0.0, 0.7))
    elif shape == "wavy":
        headings += 0.35 * random_walk(rng, steps, 4.0)
    unit = np.column_stack((np.cos(headings), np.sin(headings))) * (length / steps)
    return np.asarray(start + np.cumsum(unit, axis=0) - unit.sum(axis=0) / 2, np.float64)


def _fade(rng: np.random.Generator, count: int) -> Points:
    """Brightness along a scratch: tapered ends, sometimes broken."""
    along = np.linspace(0.0, 1.0, count)
    taper = np.minimum(along / rng.uniform(0.01, 0.2), (1.0 - along) / rng.uniform(0.01, 0.2))
    fade = np.clip(taper, 0.0, 1.0) ** rng.uniform(0.4, 1.2)
    if happens(rng, 0.25):
        fade = fade * np.clip(1.2 + 1.6 * random_walk(rng, count, rng.uniform(3, 10)), 0.0, 1.0)
    return np.asarray(np.maximum(fade, 0.02), np.float64)


def _splinters(
    rng: np.random.Generator,
    path: Points,
    normal: Points,
    fade: Points,
) -> list[Line]:
    """Bright knots on a scratch, and fine hairs that fan out to one side."""
    lines: list[Line] = []
    side = float(rng.choice([-1.0, 1.0]))
    for _ in range(int(rng.poisson(2.0))):
        at = int(rng.integers(1, len(path) - 1))
        knot = path[at] + rng.normal(0.0, 2.2, (int(rng.integers(3, 8)), 2))
        lines.append((knot, np.full(len(knot), float(rng.uniform(0.4, 1.0) * fade[at])), 1))
    if happens(rng, 0.45):
        first = int(rng.integers(0, max(len(path) - 12, 1)))
        for at in range(first, min(first + int(rng.integers(6, 30)), len(path) - 1)):
            along = path[min(at + 3, len(path) - 1)] - path[at]
            root = path[at] + normal[at] * side * rng.uniform(1.0, 7.0)
            hair = np.stack((root, root + along * rng.uniform(0.4, 1.5) + normal[at] * side * rng.uniform(0.0, 5.0)))
            lines.append((hair, np.full(2, float(rng.uniform(0.05, 0.35))), 1))
    return lines


def draw_stain(site: Site, rng: np.random.Generator, strength: float) -> Overlay:
    """Draw one stain: a bright spot, a cluster of spots, a dried ring or a faint patch."""
    kind = str(rng.choice(["spot", "cluster", "ring", "patch"], p=[0.58, 0.12, 0.15, 0.15]))
    scale = site.pose.scale
    centre = site.place(rng, 40.0)
    if kind in {"spot", "cluster"}:
        count = 1 if kind == "spot" else int(rng.integers(3, 9))
        return _spots(site, rng, strength, centre, count)
    radius = float(rng.uniform(18, 90)) * scale
    region = region_around(centre[None], radius * 1.7 + 4, site.shape)
    y, x = np.mgrid[region.top : region.bottom, region.left : region.right].astype(np.float32)
    turn, stretch = float(rng.uniform(0, np.pi)), float(rng.uniform(0.6, 1.0))
    u = (x - np.float32(centre[0])) * np.float32(np.cos(turn)) + (y - np.float32(centre[1])) * np.float32(np.sin(turn))
    v = (y - np.float32(centre[1])) * np.float32(np.cos(turn)) - (x - np.float32(centre[0])) * np.float32(np.sin(turn))
    away = np.hypot(u, v / np.float32(stretch)) / np.float32(radius)
    away += np.float32(0.1) * smooth_noise(rng, region.shape, 0.6 * radius)
    away += np.float32(0.03) * smooth_noise(rng, region.shape, 0.12 * radius + 2.0)
    cells = ((2.5, 0.12), (9.0, 0.16), (0.5 * radius, 0.3))
    mottle = 0.75 + sum(np.float32(share) * smooth_noise(rng, region.shape, cell) for cell, share in cells)
    mottle = np.clip(mottle, 0.0, 1.7)
    if kind == "ring":
        thin, middle = float(rng.uniform(0.05, 0.14)), 0.85
        mask = np.exp(-(((away - middle) / thin) ** 2)) + np.float32(rng.uniform(0.05, 0.4)) * (away < middle)
        level = float(rng.uniform(28, 90))
    else:
        mask = np.clip((1.0 - away) * rng.uniform(1.5, 6.0), 0.0, 1.0)
        level = float(rng.uniform(16, 60))
    tint = rng.normal((0.97, 1.0, 1.0), 0.05)
    return _laid(site, region, np.asarray(mask * mottle, np.float32), tint * level * strength)


def _spots(site: Site, rng: np.random.Generator, strength: float, centre: Points, count: int) -> Overlay:
    scale = site.pose.scale
    radii = rng.uniform(5.5, 12.5, count) * scale * (1.0 if count == 1 else 0.6)
    spread = 0.0 if count == 1 else float(rng.uniform(15, 45)) * scale
    places = centre + rng.normal(0.0, 1.0, (count, 2)) * spread
    if happens(rng, 0.4):
        beside = places[0] + rng.normal(0.0, 1.2, 2) * radii[0]
        places = np.concatenate((places, beside[None]))
        radii = np.concatenate((radii, radii[:1] * rng.uniform(0.15, 0.4)))
    region = region_around(places, float(radii.max()) * 2.0 + 6.0, site.shape)
    y, x = np.mgrid[region.top : region.bottom, region.left : region.right].astype(np.float32)
    rough = smooth_noise(rng, region.shape, 5.0)
    mask = np.zeros(region.shape, np.float32)
    for place, radius in zip(places, radii, strict=True):
        turn, stretch = float(rng.uniform(0, np.pi)), float(rng.uniform(0.6, 1.0))
        right, down = x - np.float32(place[0]), y - np.float32(place[1])
        u = right * np.float32(np.cos(turn)) + down * np.float32(np.sin(turn))
        v = down * np.float32(np.cos(turn)) - right * np.float32(np.sin(turn))
        inside = np.float32(radius) - np.hypot(u, v / np.float32(stretch)) + np.float32(0.12 * radius) * rough
        np.maximum(mask, np.clip(inside / 1.5, 0.0, 1.0), out=mask)
    level = float(rng.choice([rng.uniform(280, 480), rng.uniform(70, 280)], p=[0.7, 0.3]))
    return _laid(site, region, mask, rng.normal((1.05, 1.0, 1.0), 0.02) * level * strength)


def _laid(site: Site, region: Region, mask: Planes, light: Points) -> Overlay:
    """Add a mark's light, or take it away where the ground is pale."""
    rows, columns = region.slices
    before = site.ground(region)
    mask = np.minimum(mask, np.float32(1.6)) * site.cover[rows, columns]
    blue, green, red = (float(value) for value in light)
    # On a pale bezel a mark is seen by the light that it takes away.
    share = np.clip(mask * np.float32(min(green / 260.0, 0.9)), 0.0, 0.95)
    pale = site.is_pale(before)
    picture = np.where(pale, before * (1.0 - share), before + mask[None] * colour_axes((blue, green, red)))
    return Overlay(region, picture, grown(mask > _FAINT, 3), solid=False)
