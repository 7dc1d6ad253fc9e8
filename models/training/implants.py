"""Synthetic defects drawn into training crops: scratch, oil with its rim, stain, crack, chip.

They add to the light that is there, so that the ground shows through, and are drawn at the crop's own scale. The
probability-of-detection study draws with another family of its own, so that it measures no memory of this one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.lighting import is_grey

_SHIFT = 4  # bits of sub-pixel precision in OpenCV's drawing
_MARKED = 0.3
_HAIRLINE_SHARE = 0.65
_NOTHING = 2e-3
_FAR = 4096.0
_DARKEST = 60.0
_VISIBLE_PIXELS = 12
_VISIBLE_CHANGE = 5.0  # grey levels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Implant:
    """``pixels`` h x w x 3 uint8 with the defect drawn in; ``mask`` h x w bool where it lies."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


Renderer = Callable[[NDArray[np.uint8], np.random.Generator], Implant]


def scratch(pixels: NDArray[np.uint8], random: np.random.Generator) -> Implant:
    """Draw a slightly bent line: most often a hairline of 1-2 pixels and .03 to .3 of full scale, else broader."""
    hairline = random.random() < _HAIRLINE_SHARE
    length = random.uniform(60, 280) if hairline else random.uniform(30, 320)
    points = _bent_line(pixels.shape, length, random)
    width = random.uniform(0.8, 2.2) if hairline else random.uniform(1.5, 6.0)
    depth = np.exp(random.uniform(np.log(0.03), np.log(0.3))) if hairline else random.uniform(0.08, 0.6)
    coverage = _stroke(pixels.shape, points, width)
    along = np.interp(np.arange(64), np.linspace(0, 63, 6), random.uniform(0.7, 1.0, 6))
    coverage *= _varied_along(pixels.shape, points, along)
    return _added(pixels, coverage, _light_or_dark(random, 0.75) * depth, coverage > _MARKED / 2)


def crack(pixels: NDArray[np.uint8], random: np.random.Generator) -> Implant:
    """Draw a jagged line with branches, a bright flank beside a dark one."""
    coverage = np.zeros(pixels.shape[:2], np.float32)
    start, heading = _anywhere(pixels.shape, random), random.uniform(0, 2 * np.pi)
    width = float(np.exp(random.uniform(np.log(0.9), np.log(6.0))))
    roughness = random.uniform(0.1, 1.0)
    for branch in range(int(random.integers(1, 6))):
        points = _jagged_line(start, heading, random.uniform(30, 260) / (1 + 0.5 * (branch > 0)), roughness, random)
        coverage = np.maximum(coverage, _stroke(pixels.shape, points, width * random.uniform(0.6, 1.2)))
        start = points[random.integers(len(points))]
        heading += random.normal(0, 0.9)
    depth = random.uniform(0.08, 0.6)
    flank = np.roll(coverage, (1, 1), (0, 1)) * random.uniform(0.0, 0.6)
    signed = _light_or_dark(random, 0.55) * depth * (coverage - flank)
    return _lit(pixels, signed[:, :, np.newaxis] * np.ones(3, np.float32), coverage > _MARKED)


def stain(pixels: NDArray[np.uint8], random: np.random.Generator) -> Implant:
    """Draw a matte spot of irregular outline, 4 to 45 pixels in radius, lighter or darker and a little tinted."""
    radius = float(np.exp(random.uniform(np.log(4), np.log(45))))
    blob = _blob(pixels.shape, radius, random.uniform(0.1, 0.4), random)
    edge = random.uniform(0.6, 0.5 + 0.15 * radius)
    coverage = np.clip(blob / edge, 0.0, 1.0)
    texture = 1.0 + random.uniform(0.0, 0.4) * _clouds(pixels.shape, radius / 2 + 1, random)
    tint = _light_or_dark(random, 0.8) * random.uniform(0.06, 0.7) * (1.0 + random.normal(0.0, 0.12, 3))
    return _lit(pixels, (coverage * texture)[:, :, np.newaxis] * tint.astype(np.float32), coverage > _MARKED)


def oil(pixels: NDArray[np.uint8], random: np.random.Generator) -> Implant:
    """Draw a film with a specular rim that shines toward the light and fades away from it."""
    radius = float(np.exp(random.uniform(np.log(8), np.log(130))))
    blob = _blob(pixels.shape, radius, random.uniform(0.1, 0.45), random)
    inside = np.clip(blob / random.uniform(1.0, 4.0), 0.0, 1.0)
    width = random.uniform(0.8, 3.5)
    rim = np.exp(-0.5 * (blob / width) ** 2)
    down, right = np.gradient(cv2.GaussianBlur(blob, (0, 0), 3.0))
    light = random.uniform(0, 2 * np.pi)
    facing = np.clip(right * np.cos(light) + down * np.sin(light), -1.0, 1.0)
    shine = rim * (0.15 + np.clip(facing, 0.0, 1.0) ** random.uniform(1.0, 3.0)) * random.uniform(0.15, 0.9)
    film = inside * random.normal(0.0, 0.04) * (1.0 + 0.5 * _clouds(pixels.shape, radius, random))
    tint = (1.0 + random.normal(0.0, 0.06, 3)).astype(np.float32)
    return _lit(pixels, (shine + film)[:, :, np.newaxis] * tint, (inside > _MARKED) | (rim > 0.6))  # noqa: PLR2004


def chip(pixels: NDArray[np.uint8], random: np.random.Generator) -> Implant:
    """Break a bite out of the strongest edge near a random place: splintered, lighter or darker, with a bright seam."""
    centre = _on_an_edge(pixels, random)
    radius = random.uniform(4, 40)
    blob = _polygon(pixels.shape, centre, radius, random)
    coverage = np.clip(blob / 1.0, 0.0, 1.0)
    splinters = 1.0 + random.uniform(0.2, 0.7) * _clouds(pixels.shape, 2.5, random)
    signed = _light_or_dark(random, 0.6) * random.uniform(0.1, 0.6) * coverage * splinters
    seam = np.exp(-0.5 * (blob / 1.2) ** 2) * random.uniform(0.0, 0.5)
    return _lit(pixels, (signed + seam)[:, :, np.newaxis] * np.ones(3, np.float32), coverage > _MARKED)


def implant(pixels: NDArray[np.uint8], kind: str, random: np.random.Generator) -> Implant | None:
    """Draw a defect of a kind into a crop (h x w x 3 BGR); None where it cannot be seen on this ground.

    What nobody could see must not be labelled: a dark spot on a black screen, a scratch on a reflection.

    Raises:
        KeyError: ``kind`` is none of ``RENDERERS``.
    """
    drawn = RENDERERS[kind](pixels, random)
    if is_grey(pixels):  # a tint would tell a drawn defect on the pictures of a grey camera
        grey = cv2.cvtColor(drawn.pixels, cv2.COLOR_BGR2GRAY)
        drawn = Implant(pixels=np.asarray(cv2.merge([grey] * 3), np.uint8), mask=drawn.mask)
    if np.count_nonzero(drawn.mask) < _VISIBLE_PIXELS:
        return None
    change = np.abs(drawn.pixels[drawn.mask].astype(np.int16) - pixels[drawn.mask]).mean(axis=1)
    return drawn if np.quantile(change, 0.75) >= _VISIBLE_CHANGE else None


RENDERERS: Final[Mapping[str, Renderer]] = {
    "scratch": scratch,
    "oil": oil,
    "stain": stain,
    "crack": crack,
    "chip": chip,
}
"""By the usual name of the class."""

GENERAL_KINDS: Final = ("scratch", "crack", "stain", "chip")
"""Drawn on any product; where the data has no class of the name, as a defect of no class."""


def _light_or_dark(random: np.random.Generator, light_share: float) -> float:
    return 1.0 if random.random() < light_share else -1.0


def _added(pixels: NDArray[np.uint8], coverage: NDArray[np.float32], depth: float, mask: NDArray[np.bool_]) -> Implant:
    return _lit(pixels, (coverage * np.float32(depth))[:, :, np.newaxis] * np.ones(3, np.float32), mask)


def _lit(pixels: NDArray[np.uint8], signed: NDArray[np.floating], mask: NDArray[np.bool_]) -> Implant:
    """Add light (a share of full scale per channel); what is taken away takes no more than is there."""
    rows, columns = (np.flatnonzero((np.abs(signed[:, :, 0]) > _NOTHING).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return Implant(pixels=pixels, mask=np.zeros_like(mask))
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    ground, change = pixels[window], signed[window].astype(np.float32)
    lit = ground + np.where(change < 0, change * np.maximum(ground, _DARKEST), change * 255.0)
    drawn = pixels.copy()
    drawn[window] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    return Implant(pixels=drawn, mask=mask)


def _anywhere(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    return random.uniform(0.08, 0.92, 2) * np.array([shape[1], shape[0]])


def _bent_line(shape: tuple[int, ...], length: float, random: np.random.Generator) -> NDArray[np.float64]:
    steps = np.linspace(-0.5, 0.5, 24)
    heading = random.uniform(0, np.pi) + steps * random.normal(0.0, 0.5) + steps**2 * random.normal(0.0, 0.5)
    moves = length / steps.size * np.column_stack([np.cos(heading), np.sin(heading)])
    points = np.cumsum(moves, axis=0)
    return points - points.mean(axis=0) + _anywhere(shape, random)


def _jagged_line(
    start: NDArray[np.float64], heading: float, length: float, roughness: float, random: np.random.Generator
) -> NDArray[np.float64]:
    count = max(int(length / 9), 2)
    wander = np.cumsum(random.normal(0.0, 0.18, count)) + random.normal(0.0, 0.45, count)
    headings = heading + roughness * wander
    moves = random.uniform(4, 14, count)[:, np.newaxis] * np.column_stack([np.cos(headings), np.sin(headings)])
    return np.vstack([start, start + np.cumsum(moves, axis=0)])


def _stroke(shape: tuple[int, ...], points: NDArray[np.float64], width: float) -> NDArray[np.float32]:
    """Return the coverage 0-1 of an anti-aliased line; widths between whole pixels blend their neighbours."""
    fixed = np.rint(points * 2**_SHIFT).astype(np.int32)[np.newaxis]
    thin, share = max(int(width), 1), float(np.clip(width - int(width), 0.0, 1.0)) if width >= 1.0 else 0.0
    drawn = np.zeros(shape[:2], np.uint8)
    cv2.polylines(drawn, fixed, isClosed=False, color=255, thickness=thin, lineType=cv2.LINE_AA, shift=_SHIFT)
    coverage = drawn.astype(np.float32) / 255.0
    if share > 0.0:
        broad = np.zeros(shape[:2], np.uint8)
        cv2.polylines(broad, fixed, isClosed=False, color=255, thickness=thin + 1, lineType=cv2.LINE_AA, shift=_SHIFT)
        coverage = (1.0 - share) * coverage + share * broad.astype(np.float32) / 255.0
    return coverage * np.float32(min(width, 1.0))


def _varied_along(
    shape: tuple[int, ...], points: NDArray[np.float64], along: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return a factor over the picture that changes along the line from its first point to its last."""
    way = points[-1] - points[0]
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    share = ((columns - points[0, 0]) * way[0] + (rows - points[0, 1]) * way[1]) / max(float(way @ way), 1.0)
    index = np.clip(share * (along.size - 1), 0, along.size - 1).astype(np.int32)
    return along.astype(np.float32)[index]


def _blob(shape: tuple[int, ...], radius: float, roughness: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the signed distance in pixels to a wavy outline, positive inside."""
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = sum(
        random.normal(0.0, roughness / order) * np.cos(order * angles + random.uniform(0, 2 * np.pi))
        for order in range(2, 7)
    )
    reach = radius * np.clip(1.0 + waves, 0.25, 2.5) * np.sqrt(1.0 + random.uniform(-0.5, 0.5) * np.cos(2 * angles))
    points = np.column_stack([reach * np.cos(angles), reach * np.sin(angles)]) + _anywhere(shape, random)
    return _signed_distance(shape, points)


def _polygon(
    shape: tuple[int, ...], centre: NDArray[np.float64], radius: float, random: np.random.Generator
) -> NDArray[np.float32]:
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(5, 12))))
    reach = radius * random.uniform(0.5, 1.3, angles.size)
    return _signed_distance(shape, np.column_stack([reach * np.cos(angles), reach * np.sin(angles)]) + centre)


def _signed_distance(shape: tuple[int, ...], points: NDArray[np.float64]) -> NDArray[np.float32]:
    filled = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(filled, np.rint(points * 2**_SHIFT).astype(np.int32)[np.newaxis], 1, cv2.LINE_8, _SHIFT)
    inside = cv2.distanceTransform(filled, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - filled, cv2.DIST_L2, 3)
    # Far from any outline, or without one, OpenCV's distance is the largest float.
    distance = np.clip(inside - outside, -_FAR, _FAR)
    return np.asarray(cv2.GaussianBlur(distance, (0, 0), 0.8), np.float32)


def _clouds(shape: tuple[int, ...], size: float, random: np.random.Generator) -> NDArray[np.float32]:
    """Return smooth noise of mean 0 within +-1 whose features are about ``size`` pixels wide."""
    rows, columns = (max(int(side / max(size, 1.0)), 2) for side in shape[:2])
    coarse = random.uniform(-1.0, 1.0, (rows, columns)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _on_an_edge(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float64]:
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), (0, 0), 2.0).astype(np.float32)
    strength = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    candidates = np.flatnonzero(strength.ravel() >= np.quantile(strength, 0.99))
    row, column = divmod(int(candidates[random.integers(candidates.size)]), pixels.shape[1])
    return np.array([column, row], np.float64) + random.uniform(-3, 3, 2)
