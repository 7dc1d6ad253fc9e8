"""Oil: drops and puddles with mirrored lamps along their rims, smears, and sprays of droplets."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import Planes, Points, Region, colour_axes, happens, region_around, smooth_noise
from camera.virtual.site import Overlay, Site, grown

_FIELD_REDUCTION: Final = 4
_SURFACE: Final = 0.5
_THINNEST_FILM: Final = 0.12


@dataclass(frozen=True, slots=True)
class _Lamp:
    """A lamp as a rounded box in the space of surface slopes: slopes inside of it mirror the lamp."""

    across: float
    down: float
    half_across: float
    half_down: float
    level: float
    tint: tuple[float, float, float]
    soft: float = 0.04


def draw_oil(site: Site, rng: np.random.Generator, strength: float) -> Overlay:
    """Draw one oil defect; `strength` (1 or more) raises its contrast."""
    kind = str(rng.choice(["drop", "puddle", "arms", "spray", "smear"], p=[0.22, 0.26, 0.36, 0.08, 0.08]))
    nodes, links = _skeleton(site, rng, kind)
    centres = nodes[:, :2]
    margin = float(nodes[:, 2].max()) * 1.6 + 12.0
    region = region_around(centres, margin, site.shape)
    field = _field(region, nodes, links, rng)
    if kind == "smear":
        return _smear(site, region, field, rng, strength)
    return _liquid(site, region, field, rng, strength)


def _skeleton(site: Site, rng: np.random.Generator, kind: str) -> tuple[Points, list[tuple[int, int]]]:
    """Nodes (x, y, radius) and the links between them."""
    scale = site.pose.scale
    start = site.place(rng, 70.0)
    if kind == "drop":
        radius = float(rng.lognormal(np.log(20.0), 0.5)) * scale
        offset = start + rng.normal(0.0, 0.7, 2) * radius
        return np.array(((*start, radius), (*offset, radius * rng.uniform(0.5, 1.0)))), [(0, 1)]
    if kind == "spray":
        count = int(rng.integers(3, 12))
        places = start + rng.normal(0.0, rng.uniform(15, 60), (count, 2)) * scale
        radii = rng.lognormal(np.log(7.0), 0.45, count) * scale
        return np.column_stack((places, np.clip(radii, 4.0 * scale, 28.0 * scale))), []
    if kind == "puddle":
        radius = float(rng.uniform(45, 190)) * scale
        count = int(rng.integers(2, 5))
        places = start + rng.normal(0.0, 0.45, (count, 2)) * radius
        radii = radius * rng.uniform(0.55, 1.0, count)
        return np.column_stack((places, radii)), [(0, number) for number in range(1, count)]
    radius = float(rng.uniform(18, 62)) * scale
    heading = float(rng.uniform(0, 2 * np.pi))
    nodes = [(*start, radius * rng.uniform(0.7, 1.3))]
    links = []
    for number in range(int(rng.integers(1, 5))):
        forked = number > 1 and happens(rng, 0.6)
        parent = 1 if forked else number
        heading += float(rng.normal(0.0, 0.8)) + (np.pi / 2 if forked else 0.0)
        reach = radius * float(rng.uniform(1.6, 3.8))
        x = nodes[parent][0] + reach * np.cos(heading)
        y = nodes[parent][1] + reach * np.sin(heading)
        nodes.append((x, y, radius * float(rng.uniform(0.4, 1.25))))
        links.append((parent, number + 1))
    return np.array(nodes), links


def _field(
    region: Region,
    nodes: Points,
    links: list[tuple[int, int]],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return a smooth field over the region, above 0.5 inside the oil: h x w."""
    reduction = _FIELD_REDUCTION if float(nodes[:, 2].min()) > _FIELD_REDUCTION**2 else 1
    rows, columns = (max(extent // reduction, 2) for extent in region.shape)
    drawn = np.zeros((rows, columns), np.float32)
    local = (nodes - (region.left, region.top, 0.0)) / reduction
    for x, y, radius in local:
        cv2.circle(drawn, (round(16 * x), round(16 * y)), max(round(16 * radius), 8), (1.0,), -1, cv2.LINE_8, 4)
    for first, second in links:
        (x0, y0, r0), (x1, y1, r1) = local[first], local[second]
        for share in np.linspace(0.0, 1.0, 24):
            neck = 1.0 - 0.2 * np.sin(np.pi * share)
            radius = ((1 - share) * r0 + share * r1) * neck
            centre = (round(16 * ((1 - share) * x0 + share * x1)), round(16 * ((1 - share) * y0 + share * y1)))
            cv2.circle(drawn, centre, max(round(16 * radius), 8), (1.0,), -1, cv2.LINE_8, 4)
    typical = float(np.median(local[:, 2]))
    soft = np.asarray(cv2.GaussianBlur(drawn, (0, 0), max(0.3 * typical, 0.6)), np.float32)
    soft += np.float32(rng.uniform(0.01, 0.05)) * smooth_noise(rng, (rows, columns), max(0.9 * typical, 2.0))
    soft += np.float32(rng.uniform(0.0, 0.008)) * smooth_noise(rng, (rows, columns), max(0.25 * typical, 1.0))
    size = (region.shape[1], region.shape[0])
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _liquid(
    site: Site,
    region: Region,
    field: NDArray[np.float32],
    rng: np.random.Generator,
    strength: float,
) -> Overlay:
    rows, columns = region.slices
    inside = (field > _SURFACE) & (site.cover[rows, columns] > _SURFACE)
    before = site.ground(region)
    if not inside.any():
        return Overlay(region, before, inside, solid=True)
    depth = _depth(inside)
    width = max(min(float(depth.max()) * float(rng.uniform(0.5, 1.0)), 75.0), 3.0)
    steep = float(rng.uniform(1.0, 1.35))
    capped = np.minimum(depth, np.float32(width))
    curved = np.maximum(capped, 0.0)
    height = np.float32(steep) * (capped - curved * curved / np.float32(2.0 * width))
    height = np.asarray(cv2.GaussianBlur(height, (0, 0), min(max(0.09 * width, 1.2), 5.0)), np.float32)
    away_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=-0.125)
    away_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=-0.125)
    slope = np.hypot(away_x, away_y)
    ripple = np.float32(0.009) * smooth_noise(rng, region.shape, 14.0)
    across, down = away_x + ripple, away_y + ripple
    picture = _refracted(before, across, down, width, rng)
    rough = np.clip(1.0 + 0.35 * smooth_noise(rng, region.shape, 16.0), 0.2, 2.0)
    sheen = (slope / np.float32(steep)) ** 2 * rough * np.float32(rng.uniform(4.0, 26.0))
    picture += sheen[None] * colour_axes((0.95, 1.0, 1.0))
    picture += np.float32(rng.uniform(-1.0, 4.0))
    for lamp in _lamps(rng, steep):
        mirrored = _mirrored(lamp, across, down)
        picture += mirrored[None] * colour_axes(lamp.tint) * np.float32(lamp.level * strength)
    contact = np.exp(-(((depth - 1.2) / 1.1) ** 2)) * rough
    picture += contact[None] * np.float32(rng.uniform(2.0, 16.0) * strength)
    np.maximum(picture, 0.0, out=picture)
    soft = np.asarray(cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.6), np.float32)
    return Overlay(region, before + soft * (picture - before), inside, solid=True)


def _depth(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance to the contact line in pixels, negative outside, so that the rim stays steep when it is smoothed."""
    within = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beyond = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(within - beyond, np.float32)


def _refracted(
    before: Planes,
    across: NDArray[np.float32],
    down: NDArray[np.float32],
    width: float,
    rng: np.random.Generator,
) -> Planes:
    """The oil bends what lies under it and hides what the flat glass mirrored."""
    rows, columns = across.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    reach = np.float32(min(width, 30.0) * 0.35)
    bent_x, bent_y = x - across * reach, y - down * reach
    calm = np.float32(rng.uniform(0.0, 0.6))
    bent = np.empty_like(before)
    for plane, target in zip(before, bent, strict=True):
        moved = cv2.remap(plane, bent_x, bent_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        smooth = cv2.blur(moved, (31, 31))
        target[:] = moved + calm * (np.minimum(smooth, moved + 12.0) - moved)
    return bent


def _lamps(rng: np.random.Generator, steep: float) -> list[_Lamp]:
    """Lamps of the room: tubes below the frame, paler ones above, and slits at the sides."""
    lamps = []
    blue: tuple[float, float, float] = (1.1, 0.95, 0.92)
    pale: tuple[float, float, float] = (0.92, 1.0, 0.98)
    down = float(rng.uniform(0.35, 0.65)) * steep
    thin = float(rng.uniform(0.05, 0.13))
    reach = float(rng.uniform(0.3, 1.0))
    tubes = int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))
    for number in range(tubes):
        half = reach / tubes * float(rng.uniform(0.75, 0.97))
        across = -reach + (2 * number + 1) * reach / tubes
        lamps.append(_Lamp(across, down, half, thin, float(rng.uniform(380, 700)), blue))
    above = -float(rng.uniform(0.35, 0.75)) * steep
    level, beside, half = float(rng.uniform(60, 430)), float(rng.normal(0, 0.25)), float(rng.uniform(0.15, 0.7))
    lamps.append(_Lamp(beside, above, half, thin * 0.8, level, pale, 0.08))
    lamps.append(_Lamp(beside, above * 0.75, half + 0.2, 0.14, float(rng.uniform(8, 60)), pale, 0.25))
    lamps.append(_Lamp(0.0, 0.93 * steep, reach, 0.02, float(rng.uniform(20, 110)), pale, 0.05))
    for side in (-1.0, 1.0):
        if happens(rng, 0.5):
            level, across = float(rng.uniform(15, 160)), side * float(rng.uniform(0.45, 0.95)) * steep
            lamps.append(
                _Lamp(across, float(rng.normal(0, 0.25)), 0.03, float(rng.uniform(0.1, 0.35)), level, pale, 0.08)
            )
    return lamps


def _mirrored(lamp: _Lamp, across: NDArray[np.float32], down: NDArray[np.float32]) -> NDArray[np.float32]:
    beside = (across - np.float32(lamp.across)) * np.float32(1.0 / lamp.half_across)
    level = (down - np.float32(lamp.down)) * np.float32(1.0 / lamp.half_down)
    inside = 1.0 - beside**4 - level**2
    return np.clip(inside * np.float32(lamp.half_down / lamp.soft), 0.0, 1.0)


def _smear(
    site: Site,
    region: Region,
    field: NDArray[np.float32],
    rng: np.random.Generator,
    strength: float,
) -> Overlay:
    """A wiped film: a veil of streaks, without the lens of a drop."""
    rows, columns = region.slices
    before = site.ground(region)
    film = np.clip((field - np.float32(0.35)) * 3.0, 0.0, 1.0) * site.cover[rows, columns]
    turn = float(rng.uniform(0, np.pi))
    y, x = np.mgrid[0 : region.shape[0], 0 : region.shape[1]].astype(np.float32)
    along = np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y
    beside = np.float32(np.cos(turn)) * y - np.float32(np.sin(turn)) * x
    streaks = smooth_noise(rng, (region.shape[0] + region.shape[1], 64), 4.0)
    rows_of_streaks = np.clip(beside - beside.min(), 0, streaks.shape[0] - 1)
    columns_of_streaks = np.clip((along - along.min()) * (63.0 / max(float(np.ptp(along)), 1.0)), 0, 63)
    pattern = cv2.remap(streaks, columns_of_streaks, rows_of_streaks, cv2.INTER_LINEAR)
    veil = film * np.clip(0.55 + 0.4 * np.asarray(pattern) + 0.15 * smooth_noise(rng, region.shape, 2.5), 0.0, 2.0)
    level = float(rng.uniform(9.0, 34.0)) * strength
    sign = (
        -1.6 if site.is_bright(np.array(((region.left + region.right) / 2, (region.top + region.bottom) / 2))) else 1.0
    )
    picture = before + veil[None] * colour_axes((1.06, 1.0, 0.95)) * np.float32(sign * level)
    extent = grown(film > _THINNEST_FILM, 1)
    return Overlay(region, np.maximum(picture, 0.0), extent, solid=False)
