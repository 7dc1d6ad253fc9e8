"""Size and contrast of a defect as they are in the final picture, after rounding to uint8."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.pod.errors import ImplantError
from models.pod.shapes import depth_inside, longest
from models.preprocess import channel_mean

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_CORE_DEPTH: Final = 0.4
_RING: Final = 12
_GAP: Final = 3
_DETREND_SIGMA: Final = 4.0
_ROUNDING_NOISE: Final = 1.0 / 12.0**0.5
_PEAK_SHARE: Final = 0.95
_MEDIAN_TO_DEVIATION: Final = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A defect as measured.

    ``length``: maximum Feret diameter, px (ISO 13322-1). ``area``: px. ``width``: mean width, area / length, px.
    ``contrast``: |mean difference over the core of the mask and all channels| / 255, 0-1; ``sign``: 1 where the defect
    is brighter, else -1. ``peak``: the difference that 5 % of the mask exceed, / 255. ``contrast_to_noise``: the mean
    difference over the noise of the clean surface around and below it (slow shading removed; the deviation by the
    median of absolute values, never below that of rounding).
    """

    length: float
    width: float
    area: int
    contrast: float
    sign: int
    peak: float
    contrast_to_noise: float

    @property
    def signed_contrast(self) -> float:
        """The contrast with its sign, -1 to 1."""
        return self.sign * self.contrast


def core_of(mask: Mask) -> Mask:
    """Return the inner part of a mask: pixels at least 0.4 times as deep inside as the deepest one.

    A thin line is all core; of a drop it leaves out the shining rim, of a blob the soft edge.
    """
    depth = depth_inside(mask)
    return np.asarray(mask & (depth >= _CORE_DEPTH * depth.max()), np.bool_)


def measure(clean: Pixels, final: Pixels, mask: Mask) -> Measurement:
    """Measure an implant against its clean picture.

    Args:
        clean: Height x width x 3, or grey, uint8: the picture before.
        final: The picture after, same shape.
        mask: Height x width: the defect.

    Raises:
        ImplantError: Shapes differ or the mask is empty.
    """
    if clean.shape != final.shape:
        raise ImplantError(f"pictures of one implant differ in shape: {clean.shape} before, {final.shape} after")
    window, part = _window(final, mask)
    before, after = channel_mean(clean[window]), channel_mean(final[window])
    difference = after - before
    ring = _ring(part) | part
    return _measurement(part, difference, float(difference[core_of(part)].mean()), before, ring)


def measure_labelled(picture: Pixels, mask: Mask) -> Measurement:
    """Measure a real defect, for which there is no clean picture, against the ring of surface around its mask.

    Args:
        picture: Height x width x 3, or grey, uint8.
        mask: Height x width: this one defect.

    Raises:
        ImplantError: The mask is empty, does not fit the picture, or leaves no surface around it.
    """
    window, part = _window(picture, mask)
    grey = channel_mean(picture[window])
    ring = _ring(part)
    if not ring.any():
        raise ImplantError("the mask covers the whole picture; there is no surface to compare the defect with")
    difference = grey - np.float32(np.median(grey[ring]))
    return _measurement(part, difference, float(difference[core_of(part)].mean()), grey, ring)


def _measurement(
    part: Mask, difference: NDArray[np.float32], mean: float, surface: NDArray[np.float32], around: Mask
) -> Measurement:
    length = longest(np.argwhere(part)[:, ::-1].astype(np.float64)) + 1.0
    area = int(np.count_nonzero(part))
    shading = cv2.GaussianBlur(surface, (0, 0), _DETREND_SIGMA, borderType=cv2.BORDER_REFLECT)
    detail = np.abs(surface - shading)[around]
    noise = max(_MEDIAN_TO_DEVIATION * float(np.median(detail)), _ROUNDING_NOISE)
    return Measurement(
        length=length,
        width=area / length,
        area=area,
        contrast=abs(mean) / 255.0,
        sign=1 if mean >= 0.0 else -1,
        peak=float(np.quantile(np.abs(difference[part]), _PEAK_SHARE)) / 255.0,
        contrast_to_noise=abs(mean) / noise,
    )


def _window(picture: Pixels, mask: Mask) -> tuple[tuple[slice, slice], Mask]:
    """Return the surroundings of the mask, and what of the mask lies in them (all of it)."""
    if picture.shape[:2] != mask.shape:
        raise ImplantError(f"the mask is {mask.shape}, the picture {picture.shape[:2]} (height, width)")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ImplantError("the mask marks no pixel; there is nothing to measure")
    reach = _RING + _GAP + round(4.0 * _DETREND_SIGMA)
    window = (
        slice(max(int(rows[0]) - reach, 0), int(rows[-1]) + reach + 1),
        slice(max(int(columns[0]) - reach, 0), int(columns[-1]) + reach + 1),
    )
    return window, np.ascontiguousarray(mask[window])


def _ring(part: Mask) -> Mask:
    binary = part.astype(np.uint8)
    near, far = (
        cv2.dilate(binary, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))
        for reach in (_GAP, _GAP + _RING)
    )
    return np.asarray((far > 0) & (near == 0), np.bool_)
