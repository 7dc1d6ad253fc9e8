"""What is wrong with one labelled picture: its file, its verdict and its boxes; its mask by :mod:`mask_check`."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.dataset import DatasetImage
from models.preprocess import SIDE_MAX
from models.training.data_findings import Finding, Kind, counted
from models.training.mask_check import ROUNDING, described, is_outside, mask_file, mask_findings
from models.training.near_duplicates import Fingerprint, fingerprint
from models.training.reading import Mode, PictureFileError, PictureHeader, read_whole

_TURNED_BY_A_QUARTER: Final = 5
_BITS_READ: Final = 8

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
        findings += mask_findings(mask_path, entry, header)
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
    if header.bits > _BITS_READ:
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
        if is_outside(box, header.height, header.width):
            yield Finding(
                kind=Kind.BOX_OUTSIDE,
                where=where,
                what=f"the {described(box)} lies outside its {header.width} x {header.height} pixels",
                remedy="correct the box or remove it",
            )
        elif (
            min(box.x, box.y) < -ROUNDING
            or box.x + box.width > header.width + ROUNDING
            or box.y + box.height > header.height + ROUNDING
        ):
            yield Finding(
                kind=Kind.BOX_CUT,
                where=where,
                what="a box reaches over the edge of the picture and is cut there",
                remedy="check that the boxes belong to this picture",
            )
