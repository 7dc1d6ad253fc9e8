"""What a view shows beside what it shows when it is empty: arrays in, arrays and numbers out.

Pictures are reduced to cells of about twenty pixels, whose logarithm makes another light an offset. A cell's structure
is what it has beyond its surroundings: another light, a soft shadow or the camera's own exposure leave it as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.source import Image

CELLS: Final = 96
"""Cells along a view's longer side, at most."""

ROWS_PER_CELL: Final = 5
"""So many of a cell's rows of pixels are read: a quarter of the time, and a hundred pixels still average its noise."""

DARKNESS: Final = 16.0
"""Grey levels added before the logarithm: below it, noise would count as difference."""

BLIND: Final = 3.0
"""Mean grey level below which a picture shows nothing."""

SURROUNDINGS: Final = 9
"""Side of a cell's surroundings, in cells."""

LEVEL_MIN: Final = 0.08
STRUCTURE_MIN: Final = 0.05
MOTION_MIN: Final = 0.08
"""The smallest differences that count, in natural logarithms: 0.1 is ten per cent."""

LARGEST: Final = 0.6
SPREADS: Final = 4.0
"""A cell that varies by itself (a moving belt's pattern) has to differ by so many of its mean deviations, at most."""

FIRST_SPREAD: Final = 0.02
STRUCTURED_SHARE: Final = 0.2
"""Something has structure where that differs in so many cells, as a share of the smallest area that counts."""

MOVED_CELLS: Final = 6
MOVED_SHARE: Final = 0.015
"""Something has moved where more cells than this changed, and more of what covers the view than this share."""

WITNESSES: Final = 0.1
AGREEMENT: Final = 0.95
"""The light is what changed where the cells that were free before are no smaller a share, and so many of them agree."""

CLEARLY: Final = 1.5
"""By this factor an outline has to be the stronger one."""

REACH: Final = 65
FEW: Final = np.float32(0.02)
"""A covered cell follows the light of the free ones within this side, in cells, where these are no smaller a share."""

Cells = NDArray[np.float32]
"""Rows x columns x 3 (BGR): the natural logarithm of a cell's mean grey level plus :data:`DARKNESS`."""

Grid = NDArray[np.float32]
Mask = NDArray[np.bool_]
"""Rows x columns, one value a cell."""

Region = tuple[int, int, int, int]
"""x, y, width, height in pixels."""


def reduce(image: Image, roi: Region | None = None) -> Cells | None:
    """Return a picture's cells; None where it shows nothing: too dark, or smaller than a cell.

    Cells are squares of the same whole number of pixels; what is left over at the right and below is not looked at.
    """
    if roi is not None:
        x, y, width, height = roi
        image = image[y : y + height, x : x + width]
    height, width = image.shape[:2]
    side = max(1, -(-max(height, width) // CELLS))
    rows, columns = height // side, width // side
    if not (rows and columns):
        return None
    step = max(1, side // ROWS_PER_CELL)
    read = image[: rows * side, : columns * side].reshape(rows, side, columns * side, 3)[:, ::step]
    read = np.ascontiguousarray(read).reshape(-1, columns * side, 3)
    means = np.asarray(cv2.resize(read, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
    return None if float(means.mean()) < BLIND else np.log(means + np.float32(DARKNESS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmptyView:
    """What a view shows when it is empty, how much each cell varies about that, and its structure from look to look."""

    level: Cells
    spread: Grid
    flutter: Grid

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and colours."""
        return self.level.shape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What covers the view: the cells that differ from the empty one, less the common change of light ``offset`` (3,).

    ``free`` are the cells that surely show the empty view. ``structured`` tells that more differs than the light.
    """

    covers: Mask
    free: Mask
    offset: NDArray[np.float32]
    structured: bool

    @property
    def share(self) -> float:
        """The share of the cells that are covered."""
        return float(self.covers.mean())

    @property
    def place(self) -> tuple[float, float]:
        """The centre of what covers the view, as shares of its width and height; the view's own where nothing does."""
        rows, columns = np.nonzero(self.covers)
        if not rows.size:
            return 0.5, 0.5
        height, width = self.covers.shape
        return (float(columns.mean()) + 0.5) / width, (float(rows.mean()) + 0.5) / height


def first_view(pictures: Sequence[Cells]) -> EmptyView:
    """Return the empty view that one or more looks at it show: their median, and how they vary beside the light."""
    stack = np.stack(pictures)
    level = np.asarray(np.median(stack, axis=0), np.float32)
    differences = stack - level
    differences -= np.median(differences, axis=(1, 2), keepdims=True)
    spread = np.abs(differences).mean(axis=0).max(axis=2)
    flutters = [_flutter(later, earlier) for earlier, later in pairwise(pictures)] or [spread]
    flutter = np.mean(flutters, axis=0)
    low = np.float32(FIRST_SPREAD)
    return EmptyView(level=level, spread=np.maximum(spread, low), flutter=np.maximum(flutter, low).astype(np.float32))


def compare(picture: Cells, empty: EmptyView, before: Mask | None, *, smallest: float, relight: bool) -> Seen:
    """Find what covers the view; ``before`` are the cells that were covered a look ago, None where nobody knows.

    A change of light is told from a part by parsimony: of no change, and a change in which nearly all cells agree that
    were free before, the one that leaves fewer cells covered. With ``relight`` the median change of all cells may
    explain them too, if nothing has structure: a large part would else pass for the light, and what it leaves free for
    the part. Structure in so many cells as :data:`STRUCTURED_SHARE` of the ``smallest`` part that counts is a part's.
    """
    structure = np.abs(_structure(picture) - _structure(empty.level)).max(axis=2)
    structured = int((structure > _limit(empty.spread, STRUCTURE_MIN)).sum()) >= STRUCTURED_SHARE * smallest
    difference = picture - empty.level
    limit = _limit(empty.spread, LEVEL_MIN)[:, :, None]
    offsets = [np.zeros(3, np.float32)]
    if before is not None and before.mean() <= 1.0 - WITNESSES:
        common = _median(difference[~before])
        agreeing = (np.abs(difference - common) <= limit).all(axis=2)[~before]
        if agreeing.mean() >= AGREEMENT:
            offsets.append(common)
    if relight and not structured:
        offsets.append(_median(difference.reshape(-1, 3)))
    differences = [np.abs(difference - offset) for offset in offsets]
    masks = [_together((absolute > limit).any(axis=2), 5) for absolute in differences]
    best = min(range(len(masks)), key=lambda index: int(masks[index].sum()))
    free = (differences[best] < np.float32(0.5) * limit).all(axis=2)
    return Seen(covers=masks[best], free=free, offset=offsets[best], structured=structured)


def changed(picture: Cells, earlier: Cells, empty: EmptyView) -> Mask:
    """Return the cells whose structure changed between two looks."""
    moved = np.asarray(_flutter(picture, earlier) > _limit(empty.flutter, MOTION_MIN), np.bool_)
    return moved & _together(moved, 3)


def has_moved(change: Mask, region: Mask) -> bool:
    """Tell whether what covers a region of the view has moved, from the cells that changed."""
    count = int((change & region).sum())
    return count > max(MOVED_CELLS, MOVED_SHARE * int(region.sum()))


def learnt(empty: EmptyView, picture: Cells, before: Cells, seen: Seen, *, free: float, covered: float) -> EmptyView:
    """Return the empty view drawn towards a look at it, by a weight (0-1) where it is free and one where covered.

    What is covered follows the light of its surroundings by the weight of the free cells, so that the view still fits
    together when a part leaves that was parked for hours.
    """
    difference = picture - empty.level
    shown = np.where(seen.covers, np.float32(0.0), np.float32(1.0))
    nearby = cv2.blur(shown, (REACH, REACH), borderType=cv2.BORDER_REPLICATE)[:, :, None]
    light = cv2.blur(difference * shown[:, :, None], (REACH, REACH), borderType=cv2.BORDER_REPLICATE)
    light = np.where(nearby > FEW, light / np.maximum(nearby, FEW), np.float32(0.0))
    covers = seen.covers[:, :, None]
    level = np.where(covers, free * light + covered * (difference - light), free * difference)
    free_weight = np.float32(free) * shown
    spread = np.abs(difference - seen.offset).max(axis=2)
    flutter = _flutter(picture, before)
    return replace(
        empty,
        level=np.asarray(empty.level + level, np.float32),
        spread=np.maximum(empty.spread + free_weight * (spread - empty.spread), np.float32(FIRST_SPREAD)),
        flutter=np.maximum(empty.flutter + free_weight * (flutter - empty.flutter), np.float32(FIRST_SPREAD)),
    )


def relit(empty: EmptyView, picture: Cells) -> EmptyView:
    """Return the empty view as it looks in another light."""
    return replace(empty, level=picture)


def shows_what_left(picture: Cells, empty: EmptyView, seen: Seen) -> bool:
    """Tell whether it is the empty view that holds a part, and the picture that is empty.

    What lies on something has an outline: where the covered cells end, the one of both with the stronger structure
    shows the part.
    """
    kernel = np.ones((3, 3), np.uint8)
    covers = cv2.medianBlur(seen.covers.astype(np.uint8), 5)
    outline = cv2.dilate(covers, kernel) != cv2.erode(covers, kernel, borderValue=1)
    if not outline.any():
        return False
    now, known = (float(_steepness(cells)[outline].mean()) for cells in (picture, empty.level))
    return known > CLEARLY * now


def _limit(variation: Grid, smallest: float) -> Grid:
    limit: Grid = np.clip(np.float32(SPREADS) * variation, np.float32(smallest), np.float32(LARGEST))
    return limit


def _together(mask: Mask, fewest: int) -> Mask:
    """Return the cells of which, with their eight neighbours, so many are marked: noise marks single ones."""
    return np.asarray(cv2.boxFilter(mask.astype(np.uint8), -1, (3, 3), normalize=False) >= fewest, np.bool_)


def _flutter(picture: Cells, earlier: Cells) -> Grid:
    """Return by how much each cell's structure differs between two looks."""
    change: Grid = np.abs(_structure(picture) - _structure(earlier)).max(axis=2)
    return change


def _structure(cells: Cells) -> Cells:
    return cells - cv2.blur(cells, (SURROUNDINGS, SURROUNDINGS), borderType=cv2.BORDER_REFLECT)


def _steepness(cells: Cells) -> Grid:
    # Over its surroundings an outline adds up, and a pattern levels out.
    light = cv2.blur(cells.mean(axis=2), (5, 5), borderType=cv2.BORDER_REFLECT)
    steepness: Grid = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1))
    return steepness


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.median(values, axis=0), np.float32)
