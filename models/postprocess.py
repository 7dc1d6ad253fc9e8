"""From the network's map to the picture's defect probability and its boxes; pure."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.bundle.manifest import Calibration, Manifest
from models.preprocess import Geometry
from models.quantisation import Quantisation

LogitMap = NDArray[np.int8]
"""Rows x columns x (1 + classes), as stored; channel 0 is any defect."""

_LEVELS: Final = 256
_LOWEST: Final = -128
_HIGHEST: Final = 127


def top_mean(values: NDArray[np.int8], cells: int) -> float:
    """Return the mean of the ``cells`` highest values (of all if there are fewer); counts levels instead of sorting."""
    levels = np.bitwise_xor(np.ascontiguousarray(values).view(np.uint8), np.uint8(0x80))
    counts = np.bincount(levels.ravel(), minlength=_LEVELS)[::-1]
    wanted = min(cells, values.size)
    above = np.cumsum(counts) - counts
    taken = np.clip(wanted - above, 0, counts)
    return float(np.dot(taken, np.arange(_HIGHEST, _LOWEST - 1, -1))) / wanted


def probability(logit: float, calibration: Calibration) -> float:
    """Return sigmoid(slope x logit + intercept), 0-1."""
    value = calibration.slope * logit + calibration.intercept
    if value >= 0.0:
        return 1.0 / (1.0 + math.exp(-value))
    return math.exp(max(value, -700.0)) / (1.0 + math.exp(max(value, -700.0)))


def picture_score(stored: LogitMap, quantisation: Quantisation, calibration: Calibration) -> float:
    """Return the picture's calibrated defect probability."""
    return probability(quantisation.real(top_mean(stored[:, :, 0], calibration.top_cells)), calibration)


def extract_boxes(
    stored: LogitMap, quantisation: Quantisation, manifest: Manifest, geometry: Geometry
) -> tuple[Box, ...]:
    """Return the boxes of the connected regions of defect logits, in pixels of the picture, the strongest first.

    A box's score is the calibrated probability of its region's own highest cells, its class the one with the highest
    sum of logits over the region. Where no cell reaches the peak level nothing is searched.
    """
    rules = manifest.boxes
    defect = np.ascontiguousarray(stored[:, :, 0])
    peak_level = quantisation.level(rules.peak_logit)
    if int(defect.max()) < peak_level:
        return ()
    grown = np.greater_equal(defect, quantisation.level(rules.grow_logit)).view(np.uint8)
    labels, extents, peaks = _regions(defect, grown, rules.merge_cells)
    boxes: list[Box] = []
    for label in np.argsort(-peaks, kind="stable").tolist():
        if peaks[label] < peak_level or len(boxes) == rules.maximum:
            break
        column, row, width, height = extents[label, :4].tolist()
        window = np.s_[row : row + height, column : column + width]
        inside = (labels[window] == label) & grown[window].view(np.bool_)
        if np.count_nonzero(inside) >= rules.minimum_cells:
            box = _box(
                stored[window],
                inside,
                (column, row),
                quantisation=quantisation,
                manifest=manifest,
                geometry=geometry,
            )
            boxes += [box] if box else []
    return tuple(sorted(boxes, key=lambda box: -box.score))


def _regions(
    defect: NDArray[np.int8], grown: NDArray[np.uint8], merge_cells: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int16]]:
    """Return labels, extents (x, y, width, height, area) and peak levels; gaps up to twice ``merge_cells`` close."""
    joined = grown
    if merge_cells:
        side = 2 * merge_cells + 1
        joined = np.asarray(cv2.dilate(grown, np.ones((side, side), np.uint8)), np.uint8)
    count, labels, extents, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    peaks = np.full(count, _LOWEST - 1, np.int16)
    cells = grown.view(np.bool_)
    np.maximum.at(peaks, np.asarray(labels, np.int32)[cells], defect[cells].astype(np.int16))
    return np.asarray(labels, np.int32), np.asarray(extents, np.int32), peaks


def _box(
    stored: LogitMap,
    inside: NDArray[np.bool_],
    corner: tuple[int, int],
    *,
    quantisation: Quantisation,
    manifest: Manifest,
    geometry: Geometry,
) -> Box | None:
    """Return the box of the cells ``inside`` a window of the map whose first cell is at ``corner`` (column, row)."""
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    stride = manifest.output.stride
    place = geometry.to_picture(
        (corner[0] + int(columns[0])) * stride,
        (corner[1] + int(rows[0])) * stride,
        (int(columns[-1]) - int(columns[0]) + 1) * stride,
        (int(rows[-1]) - int(rows[0]) + 1) * stride,
    )
    if place is None:
        return None
    cells = stored[inside]
    logit = quantisation.real(top_mean(cells[:, 0], manifest.calibration.top_cells))
    likeliest = int(np.argmax(cells[:, 1:].sum(axis=0, dtype=np.int64)))
    category_id = manifest.output.channel_classes[likeliest]
    return Box(
        x=place[0],
        y=place[1],
        width=place[2],
        height=place[3],
        category=manifest.class_name(category_id),
        category_id=category_id,
        score=probability(logit, manifest.calibration),
    )
