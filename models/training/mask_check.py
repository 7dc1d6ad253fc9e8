"""What is wrong with the mask of one labelled picture, and with its boxes beside it."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage, LabelledBox
from models.training.data_findings import Finding, Kind, counted
from models.training.reading import PictureFileError, PictureHeader, read_mask

_DEFECT_LEVEL: Final = 128
_STRAY_PIXELS: Final = 16
"""A mask drawn by hand leaves a few pixels beside its boxes; more is a defect without a box."""
ROUNDING: Final = 1
"""Pixels by which a box may miss the mask or the frame, from rounding."""


def mask_file(folder: Path, entry: DatasetImage) -> Path:
    """Return where a picture's mask lies, whether there is one or not."""
    return (folder / "masks" / entry.file).with_suffix(".png")


def mask_findings(path: Path, entry: DatasetImage, header: PictureHeader) -> Iterator[Finding]:
    """Yield what is wrong with a picture's mask, be it there or not."""
    where = f"masks/{Path(entry.file).with_suffix('.png')}"
    defects = [box for box in entry.boxes if not box.ignore]
    if not path.exists():
        if defects:
            yield Finding(
                kind=Kind.MASK_MISSING,
                where=where,
                what="there is no such mask, so that the boxes are taken whole for defects",
                remedy="masks (255 on defects) teach finer outlines",
            )
        elif entry.truth == "reject":
            yield _unlabelled(entry)
        return
    try:
        mask = read_mask(path)
    except PictureFileError as error:
        yield Finding(kind=Kind.MASK_UNREADABLE, where=where, what=error.reason, remedy="export the masks again")
        return
    if mask.shape != (header.height, header.width):
        yield Finding(
            kind=Kind.MASK_SIZE,
            where=where,
            what=f"has {mask.shape[1]} x {mask.shape[0]} pixels, its picture {header.width} x {header.height}",
            remedy="export the masks again, in the size of the pictures",
        )
        return
    yield from _marked_findings(where, entry, defects, mask)


def _marked_findings(
    where: str, entry: DatasetImage, defects: list[LabelledBox], mask: NDArray[np.uint8]
) -> Iterator[Finding]:
    highest = int(mask.max())
    if 0 < highest < _DEFECT_LEVEL:
        yield Finding(
            kind=Kind.MASK_FAINT,
            where=where,
            what=f"its highest value is {highest}, which marks nothing",
            remedy="export the masks with 255 on defects and 0 elsewhere",
        )
    elif entry.truth == "accept":
        if not defects and _uncovered(entry, mask >= _DEFECT_LEVEL) > _STRAY_PIXELS:
            yield Finding(
                kind=Kind.ACCEPT_WITH_MASK,
                where=where,
                what="marks a defect, but its picture is accepted",
                remedy="correct the verdict or remove the mask",
            )
    elif not highest and defects:
        yield Finding(
            kind=Kind.MASK_EMPTY,
            where=where,
            what=f"marks nothing, but its picture has {counted(len(defects), 'labelled defect')}",
            remedy="draw the mask, or remove the file so that the boxes are taken whole",
        )
    elif not highest:
        yield _unlabelled(entry)
    elif not entry.boxes:
        yield Finding(
            kind=Kind.MASK_ALONE,
            where=where,
            what="marks a defect that no box names, so that it is learnt without a class",
            remedy="add a box for it",
        )
    else:
        yield from _fit_findings(where, entry, mask >= _DEFECT_LEVEL)


def _fit_findings(where: str, entry: DatasetImage, marked: NDArray[np.bool_]) -> Iterator[Finding]:
    for box in entry.boxes:
        if not box.ignore and not is_outside(box, *marked.shape) and not marked[_window(box)].any():
            yield Finding(
                kind=Kind.BOX_WITHOUT_MASK,
                where=where,
                what=f"nothing is marked in the {described(box)}, which would be learnt as good",
                remedy="draw the defect into the mask, or remove the box",
            )
    stray = _uncovered(entry, marked)
    if stray > _STRAY_PIXELS:
        yield Finding(
            kind=Kind.MASK_OUTSIDE_BOXES,
            where=where,
            what=f"marks {stray} pixels outside every box, which would be learnt as good",
            remedy="add a box for what is marked there, or clear the mask",
        )
    elif stray:
        yield Finding(
            kind=Kind.MASK_STRAY,
            where=where,
            what=f"marks up to {_STRAY_PIXELS} pixels outside every box, which are learnt as good",
            remedy="nothing to do where they are no defect",
        )


def _uncovered(entry: DatasetImage, marked: NDArray[np.bool_]) -> int:
    outside = marked.copy()
    for box in entry.boxes:
        outside[_window(box)] = False
    return int(np.count_nonzero(outside))


def _unlabelled(entry: DatasetImage) -> Finding:
    return Finding(
        kind=Kind.REJECT_UNLABELLED,
        where=f"images/{entry.file}",
        what="is rejected, but no defect is labelled: only the score of the whole picture is learnt from it",
        remedy="label the defects so that their places are learnt",
    )


def is_outside(box: LabelledBox, height: int, width: int) -> bool:
    """Tell whether a box misses a picture altogether."""
    return box.x >= width or box.y >= height or box.x + box.width <= 0.0 or box.y + box.height <= 0.0


def described(box: LabelledBox) -> str:
    """Return a box in words: corner, size and class."""
    return f"box [{box.x:g}, {box.y:g}, {box.width:g}, {box.height:g}] ({box.category})"


def _window(box: LabelledBox) -> tuple[slice, slice]:
    """Return rows and columns of a box, rounded outwards and widened by a pixel; empty where it lies outside."""
    left, top = math.floor(box.x) - ROUNDING, math.floor(box.y) - ROUNDING
    right, bottom = math.ceil(box.x + box.width) + ROUNDING, math.ceil(box.y + box.height) + ROUNDING
    return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
