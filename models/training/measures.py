"""The range of frame quality among the training pictures: widened generously below, hardly at all above."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.quality import FrameQuality
from models.bundle.manifest import Quality

_CLIPPED = 255
# Half the light halves all three, and the next part may be half as bright as the darkest of these.
_DARKER, _FLATTER, _SOFTER = 0.25, 0.25, 0.2
# A dark frame keeps its defects, a few grey levels of them at least; a clipped pixel has lost what it showed, and the
# exposure brings the level back, so that such a frame looks like any other to the network and a defect on it like none.
_BRIGHTER, _MORE_CLIPPED = 1.2, 0.05


def frame_quality(pixels: NDArray[np.uint8]) -> FrameQuality:
    """Measure a picture at half size (h x w x 3), as :func:`camera.quality.measure` does; a test compares the two."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    edges = cv2.convertScaleAbs(cv2.Laplacian(grey, cv2.CV_16S))
    low, high = np.percentile(grey, (1.0, 99.0), method="inverted_cdf")
    return FrameQuality(
        brightness=float(grey.mean()),
        contrast=float(high) - float(low),
        sharpness=float(np.percentile(edges, 99.5, method="inverted_cdf")),
        clipped=float((grey == _CLIPPED).mean()),
    )


def halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture (h x w x 3) at half its size, the mean of 2 x 2 pixels; too small a one as it is."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    if not height or not width:
        return picture
    return np.asarray(cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA))


def quality_range(measured: Sequence[FrameQuality]) -> Quality:
    """Return limits that every one of these pictures keeps: with a wide margin where it is dark, flat or soft.

    Brightness and clipped pixels may exceed the brightest picture's and the most clipped one's by little.
    """
    return Quality(
        brightness_min=round(min(value.brightness for value in measured) * _DARKER, 1),
        brightness_max=round(min(max(value.brightness for value in measured) * _BRIGHTER, 250.0), 1),
        contrast_min=round(min(value.contrast for value in measured) * _FLATTER, 1),
        sharpness_min=round(min(value.sharpness for value in measured) * _SOFTER, 1),
        clipped_max=round(min(max(value.clipped for value in measured) + _MORE_CLIPPED, 1.0), 3),
    )
