"""What makes a frame unfit to be judged, as values; measuring them is the camera layer's."""

import math
from dataclasses import dataclass

from edge.core.codes import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameQuality:
    """Measures of one frame on its grey version (0-255) at half size, each pixel the mean of 2 x 2.

    ``brightness`` is the mean, ``contrast`` the spread between the 1st and the 99th percentile, ``sharpness`` the
    99.5th percentile of the absolute 4-neighbour Laplacian, saturated at 255, ``clipped`` the share of pixels (0-1)
    at 255.
    """

    brightness: float
    contrast: float
    sharpness: float
    clipped: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLimits:
    """The range of :class:`FrameQuality` within which a bundle's claims hold. The defaults stop only dead frames."""

    brightness_min: float = 3.0
    brightness_max: float = 250.0
    contrast_min: float = 4.0
    sharpness_min: float = 0.0
    clipped_max: float = 0.9


def quality_fault(quality: FrameQuality, limits: QualityLimits) -> Code:
    """Return the first reason why a frame of this quality must not be judged, or ``Code.NONE``."""
    values = (quality.brightness, quality.contrast, quality.sharpness, quality.clipped)
    if not all(math.isfinite(value) for value in values):
        return Code.FRAME_UNREADABLE
    if quality.brightness < limits.brightness_min:
        return Code.TOO_DARK
    if quality.brightness > limits.brightness_max or quality.clipped > limits.clipped_max:
        return Code.TOO_BRIGHT
    if quality.contrast < limits.contrast_min:
        return Code.TOO_FLAT
    if quality.sharpness < limits.sharpness_min:
        return Code.BLURRED
    return Code.NONE
