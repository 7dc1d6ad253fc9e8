"""The cells of the network's map that each box stands for, and every class that it may be; pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.bundle.manifest import Manifest
from models.postprocess import LogitMap
from models.preprocess import Geometry, Region
from models.quantisation import Quantisation

Cells = NDArray[np.bool_]
"""Rows x columns of the network's map."""

CLASS_DOUBT: Final = 1.0
"""A class within so many logits of the likeliest, on average over the cells, is possible too."""
LEFT_OUT_MARGIN: Final = 2
"""By how many cells a region is grown where it is left out of the score."""

_Place = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkView:
    """A picture as the network has read it: the map as stored, and the rules (offset included) to read it by.

    ``gain`` is by how much the picture was made brighter or darker before.
    """

    logits: LogitMap
    quantisation: Quantisation
    manifest: Manifest
    geometry: Geometry
    gain: float = 1.0

    @property
    def raised(self) -> Cells:
        """The cells from which boxes are made."""
        level = self.quantisation.level(self.manifest.boxes.grow_logit)
        return np.asarray(self.logits[:, :, 0] >= level, np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundRegion:
    """A box and what it stands for.

    ``cells`` is None where the box cannot be told from another; ``classes`` is every class that it may be, the box's
    own first; ``at_border`` says that the region, grown as for the score, does not lie inside the picture.
    """

    box: Box
    cells: Cells | None
    classes: tuple[str, ...]
    at_border: bool


def find_regions(view: NetworkView, boxes: Sequence[Box]) -> tuple[FoundRegion, ...]:
    """Return what each of the boxes that were made from this view stands for."""
    by_place: defaultdict[Region | None, list[Cells]] = defaultdict(list)
    for cells in _components(view):
        by_place[_picture_place(view, _extent(cells))].append(cells)
    return tuple(_region(view, box, by_place[box.x, box.y, box.width, box.height]) for box in boxes)


def grown(cells: Cells, reach: int) -> Cells:
    """Return cells and all within ``reach`` cells of them, diagonals included."""
    side = 2 * reach + 1
    return np.asarray(cv2.dilate(cells.astype(np.uint8), np.ones((side, side), np.uint8)) > 0, np.bool_)


def _components(view: NetworkView) -> Iterator[Cells]:
    """Yield the raised cells of each region, joined as :func:`models.postprocess.extract_boxes` joins them."""
    raised = view.raised
    joined = grown(raised, view.manifest.boxes.merge_cells).astype(np.uint8)
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    for label in range(1, count):
        yield np.asarray((labels == label) & raised, np.bool_)


def _region(view: NetworkView, box: Box, candidates: Sequence[Cells]) -> FoundRegion:
    if len(candidates) != 1:
        known = tuple(sorted({entry.name for entry in view.manifest.classes} - {box.category}))
        return FoundRegion(box=box, cells=None, classes=(box.category, *known), at_border=False)
    cells = candidates[0]
    return FoundRegion(box=box, cells=cells, classes=_classes(view, box, cells), at_border=_at_border(view, cells))


def _classes(view: NetworkView, box: Box, cells: Cells) -> tuple[str, ...]:
    means = view.logits[cells][:, 1:].mean(axis=0, dtype=np.float64) * view.quantisation.scale
    names = [view.manifest.class_name(known) for known in view.manifest.output.channel_classes]
    close = [name for name, mean in zip(names, means, strict=True) if mean > means.max() - CLASS_DOUBT]
    return (box.category, *(name for name in close if name != box.category))


def _at_border(view: NetworkView, cells: Cells) -> bool:
    stride, geometry = view.manifest.output.stride, view.geometry
    column, row, columns, rows = _extent(cells)
    margin = LEFT_OUT_MARGIN
    left, top = (column - margin) * stride, (row - margin) * stride
    right, bottom = (column + columns + margin) * stride, (row + rows + margin) * stride
    width, height = geometry.region[2] * geometry.scale_x, geometry.region[3] * geometry.scale_y
    return bool(
        left < geometry.left or top < geometry.top or right > geometry.left + width or bottom > geometry.top + height
    )


def _extent(cells: Cells) -> _Place:
    """Return column, row, columns, rows of the smallest rectangle that holds the cells."""
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    return (
        int(columns[0]),
        int(rows[0]),
        int(columns[-1]) - int(columns[0]) + 1,
        int(rows[-1]) - int(rows[0]) + 1,
    )


def _picture_place(view: NetworkView, extent: _Place) -> Region | None:
    stride = view.manifest.output.stride
    column, row, columns, rows = extent
    return view.geometry.to_picture(column * stride, row * stride, columns * stride, rows * stride)
