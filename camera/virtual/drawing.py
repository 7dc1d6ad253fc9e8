"""Anti-aliased drawing on float planes, limited to the region touched.

Pictures are drawn as planes: 3 x H x W float32, blue, green, red, in grey levels of the finished picture before the
light's gain. They may exceed 255: what is brighter than white blooms through the lens before it is clipped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Planes: TypeAlias = NDArray[np.float32]
Points: TypeAlias = NDArray[np.float64]
Line: TypeAlias = tuple[Points, NDArray[np.float64], int]
Colour: TypeAlias = tuple[float, float, float]

_SUBPIXEL_BITS: Final = 4
_PIECES: Final = 20
_CELL_ROWS: Final = 64
_CELL_COLUMNS: Final = 128
_COLOUR_AXES: Final = (3, 1, 1)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame, possibly empty."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return max(self.bottom - self.top, 0), max(self.right - self.left, 0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices of the frame."""
        rows, columns = self.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


@dataclass(frozen=True, slots=True)
class Patch:
    """A soft mask on a region of the frame: `mask` is uint8, 255 where it covers fully, of the region's shape."""

    region: Region
    mask: NDArray[np.uint8]

    def weights(self) -> NDArray[np.float32]:
        """The mask as float32, 0 to 1."""
        weights = self.mask.astype(np.float32)
        weights *= np.float32(1.0 / 255.0)
        return weights

    def cells(self) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
        """Cut the mask into cells small enough for the cache and skip the empty ones: frame slices and weights.

        Long thin lines leave nearly all cells empty.
        """
        if not self.mask.size:
            return
        tops = np.arange(0, self.mask.shape[0], _CELL_ROWS)
        lefts = np.arange(0, self.mask.shape[1], _CELL_COLUMNS)
        peaks = np.maximum.reduceat(np.maximum.reduceat(self.mask, tops, axis=0), lefts, axis=1)
        for row, column in np.argwhere(peaks).tolist():
            top, left = row * _CELL_ROWS, column * _CELL_COLUMNS
            cell = self.mask[top : top + _CELL_ROWS, left : left + _CELL_COLUMNS]
            first_row, first_column = self.region.top + top, self.region.left + left
            yield (
                slice(first_row, first_row + cell.shape[0]),
                slice(first_column, first_column + cell.shape[1]),
                cell.astype(np.float32) * np.float32(1.0 / 255.0),
            )


def region_around(points: Points, margin: float, shape: tuple[int, int]) -> Region:
    """Return the part of the frame (`shape` is rows, columns) within `margin` pixels of the points."""
    left, top = np.floor(points.min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    rows, columns = shape
    left, top = min(max(int(left), 0), columns), min(max(int(top), 0), rows)
    return Region(left, top, max(min(int(right), columns), left), max(min(int(bottom), rows), top))


def polygon(shape: tuple[int, int], points: Points, soften: float = 0.0) -> Patch:
    """Fill a closed outline; `soften` is the sigma of its blurred edge in pixels."""
    region = region_around(points, 2 + 3 * soften, shape)
    mask = np.zeros(region.shape, np.uint8)
    if mask.size:
        cv2.fillPoly(mask, [_fixed(points, region)], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return _patch(region, mask, soften)


def stroke(shape: tuple[int, int], points: Points, thickness: int, soften: float = 0.0) -> Patch:
    """Draw an open line through the points, `thickness` pixels wide."""
    region = region_around(points, 2 + thickness + 3 * soften, shape)
    mask = np.zeros(region.shape, np.uint8)
    if mask.size:
        line = [_fixed(points, region)]
        cv2.polylines(
            mask, line, isClosed=False, color=(255,), thickness=thickness, lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS
        )
    return _patch(region, mask, soften)


def strands(
    shape: tuple[int, int],
    lines: Sequence[Line],
    soften: float = 0.0,
) -> Patch:
    """Draw lines whose brightness varies along them: points (n x 2), levels 0 to 1 (n), thickness in pixels."""
    everything = np.concatenate([points for points, _, _ in lines])
    region = region_around(everything, 8 + 3 * soften, shape)
    mask = np.zeros(region.shape, np.uint8)
    if mask.size:
        for points, levels, thickness in lines:
            fixed = _fixed(points, region).tolist()
            for start, end, level in zip(fixed[:-1], fixed[1:], levels.tolist(), strict=False):
                value = min(level, 1.0) * 255.0
                if value >= 1.0:
                    cv2.line(mask, start, end, (value,), thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return _patch(region, mask, soften)


def blend(planes: Planes, patch: Patch, colour: Colour, opacity: float = 1.0) -> None:
    """Paint a colour through a mask."""
    for rows, columns, weights in patch.cells():
        opaque = weights * np.float32(opacity)
        for plane, level in zip(planes, colour, strict=True):
            target = plane[rows, columns]
            target += opaque * (np.float32(level) - target)


def add(planes: Planes, patch: Patch, colour: Colour) -> None:
    """Add light of a colour through a mask."""
    for rows, columns, weights in patch.cells():
        for plane, level in zip(planes, colour, strict=True):
            plane[rows, columns] += weights * np.float32(level)


def dim(planes: Planes, patch: Patch, share: float) -> None:
    """Take away a share (0 to 1) of the light through a mask."""
    for rows, columns, weights in patch.cells():
        planes[:, rows, columns] *= np.float32(1.0) - weights * np.float32(share)


def rounded_rectangle(centre: tuple[float, float], size: tuple[float, float], radius: float) -> Points:
    """Outline, clockwise from the top left: n x 2 points (x, y)."""
    width, height = size
    radius = min(radius, width / 2, height / 2)
    quarter = np.linspace(0.0, np.pi / 2, 12)
    corners = []
    for number, (right, down) in enumerate(((-1, -1), (1, -1), (1, 1), (-1, 1))):
        angle = quarter + np.pi + number * np.pi / 2
        x = centre[0] + right * (width / 2 - radius) + radius * np.cos(angle)
        y = centre[1] + down * (height / 2 - radius) + radius * np.sin(angle)
        corners.append(np.column_stack((x, y)))
    return np.concatenate(corners)


def resampled(points: Points, step: float) -> Points:
    """Points along a line at equal distances of about `step`."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.concatenate(([0.0], np.cumsum(lengths)))
    count = max(int(travelled[-1] / step), 4)
    wanted = np.linspace(0.0, travelled[-1], count)
    return np.column_stack([np.interp(wanted, travelled, points[:, axis]) for axis in (0, 1)])


def closed(points: Points) -> Points:
    """Points of an outline with the first one repeated at the end."""
    return np.concatenate((points, points[:1]))


def pieces(points: Points, step: float) -> Iterator[Points]:
    """Cut a long line into short ones, so that each touches only a small region; points `step` pixels apart."""
    dense = resampled(points, step)
    for part in stretches(len(dense)):
        yield dense[part]


def stretches(count: int) -> Iterator[slice]:
    """Cut a line of so many points into slices that share their end points."""
    length = max(count // _PIECES, 2)
    for first in range(0, count - 1, length):
        yield slice(first, first + length + 1)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Return noise of mean 0 and deviation about 1 whose grain is `cell` pixels, for a region of `shape`."""
    rows, columns = (max(int(extent / cell), 1) + 3 for extent in shape)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    size = (max(shape[1], 1), max(shape[0], 1))
    enlarged = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged[: shape[0], : shape[1]], np.float32)


def happens(rng: np.random.Generator, probability: float) -> bool:
    """Draw whether something of this probability happens."""
    return bool(rng.random() < probability)


def random_walk(rng: np.random.Generator, count: int, smoothing: float) -> NDArray[np.float64]:
    """Return a smooth sequence of mean about 0 and deviation about 1; `smoothing` in samples."""
    width = max(int(3 * smoothing), 1)
    window = np.exp(-0.5 * (np.arange(-width, width + 1) / max(smoothing, 0.1)) ** 2)
    window /= np.sqrt((window**2).sum())
    return np.convolve(rng.standard_normal(count + 2 * width), window, mode="valid")


def colour_axes(colour: Colour) -> NDArray[np.float32]:
    """A colour shaped for arithmetic with planes: 3 x 1 x 1 float32."""
    return np.asarray(colour, np.float32).reshape(_COLOUR_AXES)


def _fixed(points: Points, region: Region) -> NDArray[np.int32]:
    local = (points - (region.left, region.top)) * (1 << _SUBPIXEL_BITS)
    return np.rint(local).astype(np.int32)


def _patch(region: Region, mask: NDArray[np.uint8], soften: float) -> Patch:
    if soften > 0.0 and mask.size:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soften), np.uint8)
    return Patch(region, mask)
