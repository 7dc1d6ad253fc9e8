"""Which predicted boxes hit which labelled ones; the project's definition of a found defect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import LabelledBox
from edge.core.types import Box

OVERLAP_MIN: Final = 0.1
COVERED_MIN: Final = 0.3
LARGER_MAX: Final = 4.0
_INSIDE_IGNORED_MIN: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxCounts:
    """Labelled boxes and how many were found; predicted boxes and how many hit a label.

    Labels that are to be ignored, and predictions that hit nothing but such, are in neither.
    """

    labelled: int = 0
    found: int = 0
    predicted: int = 0
    matched: int = 0

    @property
    def false(self) -> int:
        """Predicted boxes that hit no label."""
        return self.predicted - self.matched


def match_boxes(
    predicted: Sequence[Box], labelled: Sequence[LabelledBox], mask: NDArray[np.bool_] | None = None
) -> BoxCounts:
    """Count one picture's hits.

    A label is found when a predicted box has IoU >= 0.1 with it, or covers >= 30 % of its mask while at most four times
    as large as the labelled box. Several predictions may hit one label; it is found once.

    Args:
        predicted: Boxes in pixels of the picture.
        labelled: The picture's labels.
        mask: The picture's defects, height x width; a label's mask is what of it lies in its box. Without a mask, or
            where it is empty, the box itself serves.
    """
    targets = [label for label in labelled if not label.ignore]
    ignored = [label for label in labelled if label.ignore]
    found = [False] * len(targets)
    counted = matched = 0
    for box in predicted:
        hits = [index for index, label in enumerate(targets) if _hits(box, label, mask)]
        for index in hits:
            found[index] = True
        if not hits and any(_lies_in(box, label) or _hits(box, label, mask) for label in ignored):
            continue
        counted += 1
        matched += bool(hits)
    return BoxCounts(labelled=len(targets), found=sum(found), predicted=counted, matched=matched)


def _hits(box: Box, label: LabelledBox, mask: NDArray[np.bool_] | None) -> bool:
    shared = _shared(box, label)
    box_area, label_area = box.width * box.height, label.width * label.height
    if shared / (box_area + label_area - shared) >= OVERLAP_MIN:
        return True
    return box_area <= LARGER_MAX * label_area and _covered(box, label, mask, shared) >= COVERED_MIN


def _covered(box: Box, label: LabelledBox, mask: NDArray[np.bool_] | None, shared: float) -> float:
    """Return the share of the label's mask inside the box."""
    if mask is not None:
        left, top = max(round(label.x), 0), max(round(label.y), 0)
        right, bottom = round(label.x + label.width), round(label.y + label.height)
        whole = int(np.count_nonzero(mask[top:bottom, left:right]))
        if whole:
            inside = mask[
                max(top, box.y) : max(min(bottom, box.y + box.height), 0),
                max(left, box.x) : max(min(right, box.x + box.width), 0),
            ]
            return int(np.count_nonzero(inside)) / whole
    return shared / (label.width * label.height)


def _lies_in(box: Box, label: LabelledBox) -> bool:
    return _shared(box, label) >= _INSIDE_IGNORED_MIN * box.width * box.height


def _shared(box: Box, label: LabelledBox) -> float:
    width = min(box.x + box.width, label.x + label.width) - max(box.x, label.x)
    height = min(box.y + box.height, label.y + label.height) - max(box.y, label.y)
    return max(width, 0.0) * max(height, 0.0)
