"""The pictures of a report: a part as small JPEGs, whole and in detail, and the boxes drawn over them."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.evaluation import JudgedImage
from models.preprocess import Region

Corners = tuple[float, float, float, float]
"""x, y, width, height in pixels."""

LABELLED: Final = "#4cc2ff"
PREDICTED: Final = "#ff9d2e"

_WHOLE_LONGEST: Final = 640
_DETAIL_LONGEST: Final = 480
_DETAIL_AROUND: Final = 1.8
_DETAIL_SHARE_MIN: Final = 0.12
_DETAIL_SHARE_MAX: Final = 0.6
_STRETCH: Final = (0.5, 99.5)
_GAIN_MAX: Final = 5.0
_QUALITY: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportPicture:
    """A picture made small.

    ``whole`` and ``detail`` are JPEG files; ``size`` is the picture's width and height as taken. ``detail`` shows
    ``region`` of it, its contrast stretched; both are None where nothing in particular is to be seen.
    """

    size: tuple[int, int]
    whole: bytes
    region: Region | None = None
    detail: bytes | None = None


def report_picture(picture: NDArray[np.uint8], image: JudgedImage) -> ReportPicture:
    """Make a picture (height x width x 3, BGR, uint8) small, with a detail of what was labelled, else of what was seen.

    The detail is around the largest labelled box, without one around the strongest predicted box.
    """
    height, width = picture.shape[:2]
    region = _region(image, width, height)
    detail = None
    if region is not None:
        x, y, across, down = region
        detail = _jpeg(_stretched(_fitted(picture[y : y + down, x : x + across], _DETAIL_LONGEST)))
    whole = _jpeg(_fitted(picture, min(_WHOLE_LONGEST, max(width, height))))
    return ReportPicture(size=(width, height), whole=whole, region=region, detail=detail)


def small_picture(picture: NDArray[np.uint8]) -> ReportPicture:
    """Make a picture (height x width x 3, BGR, uint8) small, without a detail."""
    height, width = picture.shape[:2]
    return ReportPicture(size=(width, height), whole=_jpeg(_fitted(picture, min(_WHOLE_LONGEST, max(width, height)))))


def compared_svg(shown: ReportPicture, dashed: Sequence[Box], solid: Sequence[Box], title: str) -> str:
    """Return the whole picture with the boxes of two judges, the first ones' dashed."""
    width, height = shown.size
    return _boxed_svg(shown.whole, (0, 0, width, height), title, dashed=_corners(dashed), solid=_corners(solid))


def whole_svg(shown: ReportPicture, image: JudgedImage) -> str:
    """Return the whole picture with labelled and predicted boxes, and the detail's frame."""
    width, height = shown.size
    frame = ""
    if shown.region is not None:
        frame = _outline(shown.region, "#ffffff", dash="2 3", width=1.0)
    return _picture_svg(shown.whole, (0, 0, width, height), image, frame, f"{image.entry.file}, whole")


def detail_svg(shown: ReportPicture, image: JudgedImage) -> str:
    """Return the detail with its boxes; empty where there is none."""
    if shown.detail is None or shown.region is None:
        return ""
    return _picture_svg(shown.detail, shown.region, image, "", f"{image.entry.file}, detail")


def _region(image: JudgedImage, width: int, height: int) -> Region | None:
    labels = [box for box in image.entry.boxes if not box.ignore]
    if labels:
        one = max(labels, key=lambda box: box.width * box.height)
        x, y, across, down = one.x, one.y, one.width, one.height
    elif image.boxes:
        seen = max(image.boxes, key=lambda box: box.score)
        x, y, across, down = float(seen.x), float(seen.y), float(seen.width), float(seen.height)
    else:
        return None
    # The picture's own aspect, so that whole and detail are equally large on the page.
    share = max(_DETAIL_SHARE_MIN, _DETAIL_AROUND * max(across / width, down / height))
    if share > _DETAIL_SHARE_MAX:
        return None
    wide, high = max(1, round(share * width)), max(1, round(share * height))
    left = min(max(round(x + across / 2.0 - wide / 2.0), 0), width - wide)
    upper = min(max(round(y + down / 2.0 - high / 2.0), 0), height - high)
    return left, upper, wide, high


def _fitted(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)


def _stretched(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    low, high = np.percentile(picture, _STRETCH)
    # Beyond this gain the sensor's noise would be all that is seen.
    gain = min(255.0 / max(high - low, 1.0), _GAIN_MAX)
    stretched: NDArray[np.uint8] = np.clip((picture - low) * gain, 0, 255).astype(np.uint8)
    return stretched


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _picture_svg(jpeg: bytes, view: Region, image: JudgedImage, more: str, title: str) -> str:
    labels = [(box.x, box.y, box.width, box.height) for box in image.entry.boxes if not box.ignore]
    return _boxed_svg(jpeg, view, title, dashed=labels, solid=_corners(image.boxes), more=more)


def _corners(boxes: Iterable[Box]) -> list[Corners]:
    return [(box.x, box.y, box.width, box.height) for box in boxes]


def _boxed_svg(
    jpeg: bytes, view: Region, title: str, *, dashed: Iterable[Corners], solid: Iterable[Corners], more: str = ""
) -> str:
    x, y, width, height = view
    return (
        f'<svg viewBox="{x} {y} {width} {height}" role="img" aria-label="{escape(title)}">'
        f'<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'href="data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}"/>'
        f"{_outlines(dashed, LABELLED, dash='5 3')}{_outlines(solid, PREDICTED, dash='')}{more}</svg>"
    )


def _outlines(boxes: Iterable[Corners], colour: str, *, dash: str) -> str:
    return "".join(_outline(box, colour, dash=dash) for box in boxes)


def _outline(box: Corners, colour: str, *, dash: str, width: float = 1.6) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    x, y, across, down = box
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{across:g}" height="{down:g}" fill="none" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed} vector-effect="non-scaling-stroke"/>'
    )
