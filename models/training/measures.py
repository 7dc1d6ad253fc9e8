"""The range of frame quality among the training pictures, widened generously."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.quality import FrameQuality
from models.bundle.manifest import Quality
from models.training.pictures import TrainingPicture

_DARKER, _BRIGHTER, _FLATTER, _SOFTER = 0.4, 2.0, 0.4, 0.35


def frame_quality(pixels: NDArray[np.uint8]) -> FrameQuality:
    """Measure a picture at half size (h x w x 3), as :func:`camera.quality.measure` does; a test compares the two."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    edges = cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S))
    low, high = np.percentile(grey, (1.0, 99.0), method="inverted_cdf")
    return FrameQuality(
        brightness=float(grey.mean()),
        contrast=float(high) - float(low),
        sharpness=float(np.percentile(edges, 99.5, method="inverted_cdf")),
        clipped=float((grey == 255).mean()),  # noqa: PLR2004  # the brightest level
    )


def quality_range(pictures: Sequence[TrainingPicture]) -> Quality:
    """Return limits that every one of these pictures keeps with a wide margin."""
    measured = [frame_quality(_unpadded(picture)) for picture in pictures]
    return Quality(
        brightness_min=round(min(value.brightness for value in measured) * _DARKER, 1),
        brightness_max=round(min(max(value.brightness for value in measured) * _BRIGHTER, 250.0), 1),
        contrast_min=round(min(value.contrast for value in measured) * _FLATTER, 1),
        sharpness_min=round(min(value.sharpness for value in measured) * _SOFTER, 1),
        clipped_max=round(min(0.1 + 2.0 * max(value.clipped for value in measured), 1.0), 3),
    )


def _unpadded(picture: TrainingPicture) -> NDArray[np.uint8]:
    geometry = picture.geometry
    height, width = round(geometry.region[3] * geometry.scale_y), round(geometry.region[2] * geometry.scale_x)
    return picture.pixels[geometry.top : geometry.top + height, geometry.left : geometry.left + width]
