"""What gives a picture its defect probability, as the station knows it."""

from typing import Protocol

from camera.source import Image
from models.detector import Detection

Roi = tuple[int, int, int, int]


class Judge(Protocol):
    """What gives a picture its defect probability: :class:`models.detector.Detector`, or a test's stand-in."""

    def inspect(self, image: Image, roi: Roi | None = None, half: Image | None = None) -> Detection:
        """Judge a picture; ``half`` is the same at half its size, where known.

        Raises:
            ModelError: the model gave no usable answer.
        """
