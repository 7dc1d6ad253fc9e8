"""Size and contrast of a blemish on the picture's own pixels, around the cells in which the network found it; pure.

Length, area and contrast are defined as in :mod:`models.pod.measure`, the area with what the outline encloses. What may
be larger than its measure says is not measured at all: what is measured may be accepted.
"""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.catalogue.regions import Cells, grown
from models.catalogue.rules import Size
from models.pod.measure import core_of
from models.pod.shapes import longest
from models.preprocess import Geometry, Pixels, channel_mean

EXTENT_CELLS: Final = 8
"""The network's region may be so many cells longer than twice the blemish."""
CONTRAST_TO_NOISE: Final = 5.0

_INSIDE_CELLS: Final = 1
_GAP_CELLS: Final = 1
_RING_PIXELS: Final = 12
_RING_CELLS: Final = 3
_RING_LEAST: Final = 100
_BRIGHTEST: Final = 5
_ROUNDS: Final = 20
_NOISE_LEAST: Final = 0.5
_MEDIAN_TO_DEVIATION: Final = 1.4826
_RING_UNLIKE: Final = 0.02
_FAINT_SIGMA: Final = 4.0
_FAINT_LEAST: Final = 2.0
_FAINT_SIDE: Final = 5
_FAINT_AREA: Final = 25  # what one pixel is smoothed to
_FAINT_SLACK: Final = 10.0
_THIN_SIGMA: Final = 5.0
_THIN_SIDE: Final = 7
_THIN_REACH: Final = 2
_HALO_REACH: Final = 8  # a JPEG block
_THIN_LENGTH: Final = 6.0
_PLANE_POINTS: Final = 4000
_TRIM: Final = 3.0

Mask = NDArray[np.bool_]
Grey = NDArray[np.float32]


class UnmeasuredError(ValueError):
    """A blemish cannot be measured; the message says why."""


def region_length(cells: Cells, geometry: Geometry, stride: int) -> float:
    """Return the longest distance across a region's cells in pixels of the picture."""
    scale = np.array([stride / geometry.scale_x, stride / geometry.scale_y])
    return longest(np.argwhere(cells)[:, ::-1].astype(np.float64) * scale) + float(scale.max())


def slack(geometry: Geometry, stride: int) -> float:
    """Return by how much (px) a region may be longer than twice the blemish in it."""
    return EXTENT_CELLS * stride / min(geometry.scale_x, geometry.scale_y)


def measure_blemish(picture: Pixels, geometry: Geometry, stride: int, cells: Cells, others: Cells) -> Size:
    """Measure the blemish in a region.

    The ground is a plane through the surface around the region; the blemish is what differs from it by more than half
    of what the blemish does on average (Ridler and Calvard 1978), in grey, brighter or darker.

    Args:
        picture: Height x width x 3 (BGR) or grey (x 1), uint8.
        geometry: Where the picture lies in the network's input.
        stride: Input pixels a cell.
        cells: The region.
        others: Raised cells of all other regions.

    Raises:
        UnmeasuredError: Surface or blemish are not clear enough.
    """
    rows, columns, inside, ring = _window(geometry, stride, cells, others)
    grey = channel_mean(picture[rows, columns])
    if np.count_nonzero(ring) < _RING_LEAST:
        raise UnmeasuredError("too little clean surface around it")
    difference = grey - _ground(grey, ring)
    noise = _spread(difference[ring])
    strength = np.abs(difference)
    level = _level(strength[inside], noise)
    if float(np.mean(strength[ring] > level / 2.0)) > _RING_UNLIKE:
        raise UnmeasuredError("the surface around it is not even")
    mask = _connected(np.asarray(strength > level / 2.0, np.bool_), inside)
    length = _length(mask)
    _refuse_more_than_seen(difference, inside, ring, length)
    _refuse_thin_beside(_connected(np.asarray(strength > _THIN_SIGMA * noise, np.bool_), inside), mask, length)
    if region_length(cells, geometry, stride) > 2.0 * length + slack(geometry, stride):
        raise UnmeasuredError("the network sees more there than its pixels show")
    contrast = float(strength[core_of(mask)].mean()) / 255.0
    return Size(length=length, area=int(np.count_nonzero(_filled(mask))), contrast=contrast)


def _window(geometry: Geometry, stride: int, cells: Cells, others: Cells) -> tuple[slice, slice, Mask, Mask]:
    """Return rows and columns of the surroundings in the picture, and there the pixels inside and of the ring."""
    pixels_a_cell = stride / max(geometry.scale_x, geometry.scale_y)
    reach = _INSIDE_CELLS + _GAP_CELLS + max(_RING_CELLS, math.ceil(_RING_PIXELS / pixels_a_cell))
    near = grown(cells, reach)
    left, top, width, height = geometry.region
    row_cells = _cell_of(height, geometry.scale_y, geometry.top, stride, cells.shape[0])
    column_cells = _cell_of(width, geometry.scale_x, geometry.left, stride, cells.shape[1])
    rows = np.flatnonzero(np.isin(row_cells, np.flatnonzero(near.any(axis=1))))
    columns = np.flatnonzero(np.isin(column_cells, np.flatnonzero(near.any(axis=0))))
    chosen = np.ix_(row_cells[rows], column_cells[columns])
    inside = grown(cells, _INSIDE_CELLS)[chosen]
    ring = near[chosen] & ~grown(cells, _INSIDE_CELLS + _GAP_CELLS)[chosen] & ~grown(others, _GAP_CELLS)[chosen]
    return (
        slice(top + int(rows[0]), top + int(rows[-1]) + 1),
        slice(left + int(columns[0]), left + int(columns[-1]) + 1),
        np.asarray(inside, np.bool_),
        np.asarray(ring, np.bool_),
    )


def _cell_of(pixels: int, scale: float, margin: int, stride: int, cells: int) -> NDArray[np.intp]:
    """Return the cell in which each of a row's (or column's) pixels has its centre."""
    place = ((np.arange(pixels) + 0.5) * scale + margin) // stride
    return np.clip(place.astype(np.intp), 0, cells - 1)


def _ground(grey: Grey, ring: Mask) -> Grey:
    """Return the plane through the ring, fitted twice, the second time without what lies far off the first."""
    places = np.argwhere(ring)
    places = places[:: max(1, len(places) // _PLANE_POINTS)]
    values = grey[places[:, 0], places[:, 1]].astype(np.float64)
    terms = np.column_stack([places, np.ones(len(places))]).astype(np.float64)
    off = values - np.median(values)
    used = np.abs(off) <= _TRIM * _spread(off)
    for _ in range(2):
        plane = np.linalg.lstsq(terms[used], values[used], rcond=None)[0]
        off = values - terms @ plane
        used = np.abs(off) <= _TRIM * _spread(off)
    down, across = np.arange(grey.shape[0])[:, None], np.arange(grey.shape[1])[None]
    return np.asarray(plane[0] * down + plane[1] * across + plane[2], np.float32)


def _spread(values: NDArray[np.floating]) -> float:
    """Return the standard deviation by the median of absolute values, never below that of a sound camera's rounding."""
    return max(_MEDIAN_TO_DEVIATION * float(np.median(np.abs(values))), _NOISE_LEAST)


def _level(strength: Grey, noise: float) -> float:
    """Return by how much the blemish differs from the ground on average.

    Raises:
        UnmeasuredError: It does not stand out from the noise.
    """
    kept = min(_BRIGHTEST, strength.size)
    level = float(np.partition(strength, -kept)[-kept])
    for _ in range(_ROUNDS):
        above = strength[strength > level / 2.0]
        if level < CONTRAST_TO_NOISE * noise or not above.size:
            raise UnmeasuredError("it does not stand out from its surface in grey")
        level, before = float(above.mean()), level
        if level == before:
            break
    return level


def _connected(mask: Mask, inside: Mask) -> Mask:
    """Return the pixels of a mask that hang together with some inside.

    Raises:
        UnmeasuredError: They go on to the edge of the surroundings.
    """
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    own = np.unique(labels[mask & inside])
    joined = np.asarray(np.isin(labels, own[own > 0]), np.bool_)
    if not joined.any():
        raise UnmeasuredError("it does not stand out from its surface in grey")
    if joined[0].any() or joined[-1].any() or joined[:, 0].any() or joined[:, -1].any():
        raise UnmeasuredError("it goes on beyond what the network marked")
    return joined


def _refuse_more_than_seen(difference: Grey, inside: Mask, ring: Mask, length: float) -> None:
    """Refuse a blemish around which something fainter reaches much further: its size would be told too small."""
    smooth = np.asarray(cv2.blur(difference, (_FAINT_SIDE, _FAINT_SIDE), borderType=cv2.BORDER_REFLECT), np.float32)
    faint = np.abs(smooth) > max(_FAINT_SIGMA * _spread(smooth[ring]), _FAINT_LEAST)
    count, labels, extents, _ = cv2.connectedComponentsWithStats(faint.astype(np.uint8), connectivity=8)
    touching = np.unique(labels[faint & inside])
    own = [label for label in range(1, count) if label in touching and extents[label, cv2.CC_STAT_AREA] >= _FAINT_AREA]
    seen = np.asarray(np.isin(labels, own), np.bool_)
    if seen.any() and _length(seen) > 2.0 * length + _FAINT_SLACK:
        raise UnmeasuredError("something fainter reaches further than it does")


def _refuse_thin_beside(visible: Mask, mask: Mask, length: float) -> None:
    """Refuse a blemish with a line beside or across it: too thin for what is smoothed, too faint for the size.

    Thin is what an opening by an ellipse of seven pixels takes away, clear of the halo of what stays.
    """
    binary = visible.astype(np.uint8)
    opened = cv2.morphologyEx(
        binary, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THIN_SIDE, _THIN_SIDE))
    )
    halo = grown(mask, _HALO_REACH) | grown(np.asarray(opened > 0, np.bool_), _THIN_REACH)
    thin = ((binary > 0) & ~halo).astype(np.uint8)
    count, labels = cv2.connectedComponents(thin, connectivity=8)
    for label in range(1, count):
        if _length(np.asarray(labels == label, np.bool_)) > max(_THIN_LENGTH, length / 2.0):
            raise UnmeasuredError("there is something thin beside it")


def _filled(mask: Mask) -> Mask:
    """Return a mask with its holes: of a drop only the rim may stand out."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, cv2.FILLED) > 0, np.bool_)


def _length(mask: Mask) -> float:
    return longest(np.argwhere(mask)[:, ::-1].astype(np.float64)) + 1.0
