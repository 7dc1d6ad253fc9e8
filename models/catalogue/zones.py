"""Which zones of a catalogue a box touches; pure."""

from typing import Final

import cv2
import numpy as np

from edge.core.types import Box
from models.catalogue.schema import ELSEWHERE, Catalogue
from models.preprocess import Region

_SHIFT: Final = 4
_INSIDE: Final = 255


def zones_touched(catalogue: Catalogue, frame: Region, box: Box) -> tuple[str, ...]:
    """Return the names of the zones that a box touches, in the catalogue's order, ``elsewhere`` last.

    Args:
        catalogue: Its zones are in fractions of ``frame``.
        frame: x, y, width, height in pixels of the picture.
        box: In pixels of the picture.
    """
    covered = np.zeros((box.height, box.width), np.uint8)
    touched: list[str] = []
    for zone in catalogue.zone:
        own = np.zeros_like(covered)
        # A pixel's centre has whole coordinates to the drawing routine.
        place = np.array([frame[0] - box.x - 0.5, frame[1] - box.y - 0.5])
        outline = np.asarray(zone.corners) * np.array(frame[2:]) + place
        cv2.fillPoly(own, [np.round(outline * (1 << _SHIFT)).astype(np.int32)], _INSIDE, cv2.LINE_8, _SHIFT)
        if own.any():
            touched.append(zone.name)
        covered |= own
    if not covered.all():
        touched.append(ELSEWHERE)
    return tuple(touched)
