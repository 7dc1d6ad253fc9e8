"""What is wrong with one labelled picture: its file, its boxes and its mask."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage, LabelledBox
from models.preprocess import SIDE_MAX
from models.training.data_findings import Finding, Kind, counted
from models.training.near_duplicates import Fingerprint, fingerprint
from models.training.reading import Mode, PictureFileError, PictureHeader, read_mask, read_whole

_DEFECT_LEVEL: Final = 128
_STRAY_PIXELS: Final = 16
"""A mask drawn by hand leaves a few pixels beside its boxes; more is a defect without a box."""
_ROUNDING: Final = 1
"""Pixels by which a box may miss the mask or the frame, from rounding."""
_TURNED_BY_A_QUARTER: Final = 5

_CONVERSIONS: Final = {
    Mode.GREY_ALPHA: "is read without its transparency, the grey beneath it shows",
    Mode.COLOUR_ALPHA: "is read without its transparency, the colours beneath it show",
    Mode.PALETTE: "is read in the colours of its palette",
    Mode.CMYK: "is converted from CMYK, whose colours no camera gives",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedPicture:
    """A listed picture and what was found; header and fingerprint are None where its file cannot be read.

    ``files_hash`` covers the bytes of the picture and of its mask, ``picture_sha256`` those of the picture alone.
    """

    entry: DatasetImage
    header: PictureHeader | None
    print: Fingerprint | None
    files_hash: bytes
    picture_sha256: str
    findings: tuple[Finding, ...]


def mask_file(folder: Path, entry: DatasetImage) -> Path:
    """Return where a picture's mask lies, whether there is one or not."""
    return (folder / "masks" / entry.file).with_suffix(".png")


def check_picture(folder: Path, entry: DatasetImage) -> CheckedPicture:
    """Read a listed picture of a COCO folder and its mask as training will, and say everything that is wrong."""
    where = f"images/{entry.file}"
    try:
        picture = read_whole(folder / "images" / entry.file)
    except PictureFileError as error:
        fault = Finding(kind=Kind.PICTURE_UNREADABLE, where=where, what=error.reason, remedy=error.remedy)
        return CheckedPicture(
            entry=entry, header=None, print=None, files_hash=b"", picture_sha256="", findings=(fault,)
        )
    header = picture.header
    mask_path = mask_file(folder, entry)
    hashed = hashlib.sha256(picture.encoded)
    findings = [*_header_findings(where, header), *_verdict_findings(where, entry)]
    if _unlike_annotated(entry, header):
        findings.append(_size_finding(where, entry, header))
    else:
        findings += _box_findings(where, entry, header)
        findings += _mask_findings(mask_path, entry, header)
    if mask_path.is_file():
        hashed.update(_bytes(mask_path))
    look = fingerprint(picture.pixels)
    if look.flat:
        findings.append(
            Finding(
                kind=Kind.PICTURE_FLAT,
                where=where,
                what="shows nothing but one colour",
                remedy="take it off the list unless the line really takes such pictures",
            )
        )
    return CheckedPicture(
        entry=entry,
        header=header,
        print=look,
        files_hash=hashed.digest(),
        picture_sha256=hashlib.sha256(picture.encoded).hexdigest(),
        findings=tuple(findings),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # reported where it was to be decoded


def _header_findings(where: str, header: PictureHeader) -> Iterator[Finding]:
    if max(header.width, header.height) > SIDE_MAX:
        yield Finding(
            kind=Kind.PICTURE_TOO_LARGE,
            where=where,
            what=f"has {header.width} x {header.height} pixels, sides may have {SIDE_MAX}",
            remedy="cut it, or take it off the list",
        )
    if header.mode in _CONVERSIONS:
        yield Finding(
            kind=Kind.MODE_CONVERTED,
            where=where,
            what=f"{header.container} file ({header.mode}) {_CONVERSIONS[header.mode]}",
            remedy="the station reads it in the same way; store grey or colour pictures to be sure what is seen",
        )
    if header.bits > 8:  # noqa: PLR2004  # bits of a byte
        yield Finding(
            kind=Kind.MODE_CONVERTED,
            where=where,
            what=f"has {header.bits} bits per channel, of which the upper 8 are read: 12 bits in 16 are near black",
            remedy="the station reads it in the same way; store 8 bits to be sure what is seen",
        )
    if header.orientation != 1:
        yield Finding(
            kind=Kind.TURNED,
            where=where,
            what="is marked as turned or mirrored by EXIF, which neither training nor the station honours",
            remedy="boxes and masks must fit the picture as stored; save it upright without the mark",
        )


def _verdict_findings(where: str, entry: DatasetImage) -> Iterator[Finding]:
    defects = [box for box in entry.boxes if not box.ignore]
    if entry.truth == "accept" and defects:
        yield Finding(
            kind=Kind.ACCEPT_WITH_BOXES,
            where=where,
            what=f"is accepted but has {counted(len(defects), 'labelled defect')}",
            remedy="correct the verdict, remove the boxes, or mark them ignore",
        )


def _unlike_annotated(entry: DatasetImage, header: PictureHeader) -> bool:
    return entry.width not in {None, header.width} or entry.height not in {None, header.height}


def _size_finding(where: str, entry: DatasetImage, header: PictureHeader) -> Finding:
    turned = header.orientation >= _TURNED_BY_A_QUARTER and (entry.width, entry.height) == (header.height, header.width)
    return Finding(
        kind=Kind.SIZE_DIFFERS,
        where=where,
        what=f"has {header.width} x {header.height} pixels, its annotations say {entry.width} x {entry.height}"
        + (", as if its EXIF mark were honoured, which neither training nor the station does" if turned else ""),
        remedy="save it upright without the mark" if turned else "export the dataset again, with the pictures labelled",
    )


def _box_findings(where: str, entry: DatasetImage, header: PictureHeader) -> Iterator[Finding]:
    for box in entry.boxes:
        if _is_outside(box, header.height, header.width):
            yield Finding(
                kind=Kind.BOX_OUTSIDE,
                where=where,
                what=f"the {_described(box)} lies outside its {header.width} x {header.height} pixels",
                remedy="correct the box or remove it",
            )
        elif (
            min(box.x, box.y) < -_ROUNDING
            or box.x + box.width > header.width + _ROUNDING
            or box.y + box.height > header.height + _ROUNDING
        ):
            yield Finding(
                kind=Kind.BOX_CUT,
                where=where,
                what="a box reaches over the edge of the picture and is cut there",
                remedy="check that the boxes belong to this picture",
            )


def _mask_findings(path: Path, entry: DatasetImage, header: PictureHeader) -> Iterator[Finding]:
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
        if not box.ignore and not _is_outside(box, *marked.shape) and not marked[_window(box)].any():
            yield Finding(
                kind=Kind.BOX_WITHOUT_MASK,
                where=where,
                what=f"nothing is marked in the {_described(box)}, which would be learnt as good",
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


def _is_outside(box: LabelledBox, height: int, width: int) -> bool:
    return box.x >= width or box.y >= height or box.x + box.width <= 0.0 or box.y + box.height <= 0.0


def _described(box: LabelledBox) -> str:
    return f"box [{box.x:g}, {box.y:g}, {box.width:g}, {box.height:g}] ({box.category})"


def _window(box: LabelledBox) -> tuple[slice, slice]:
    """Return rows and columns of a box, rounded outwards and widened by a pixel; empty where it lies outside."""
    left, top = math.floor(box.x) - _ROUNDING, math.floor(box.y) - _ROUNDING
    right, bottom = math.ceil(box.x + box.width) + _ROUNDING, math.ceil(box.y + box.height) + _ROUNDING
    return slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
