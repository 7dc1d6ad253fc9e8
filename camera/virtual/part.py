"""What the virtual line hands out."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

DEFECT_CLASSES: Final[tuple[str, ...]] = ("oil", "scratch", "stain", "crack", "chip")


@dataclass(frozen=True, slots=True)
class VirtualDefect:
    """One defect and its ground truth.

    Attributes:
        category: One of `DEFECT_CLASSES`.
        mask: H x W uint8, 255 on the defect and 0 elsewhere, read-only.
        box: Smallest upright rectangle around the mask: x, y, width, height in pixels.
    """

    category: str
    mask: NDArray[np.uint8]
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class VirtualPart:
    """One picture of one part.

    Attributes:
        index: Position on the line, from 0.
        image: H x W x 3 uint8, BGR, C-contiguous, read-only.
        part_id: Identity as a line controller would send it.
        verdict: The truth: `accept` without defects, else `reject`.
        model: Name of the phone's model; many parts share one.
        defects: Ground truth, empty for a good part.
    """

    index: int
    image: NDArray[np.uint8]
    part_id: str
    verdict: Literal["accept", "reject"]
    model: str
    defects: tuple[VirtualDefect, ...]


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What is known of a part before any pixel is drawn.

    Attributes:
        index: Position on the line, from 0.
        part_id: Identity as a line controller would send it.
        verdict: The truth: `accept` without defects, else `reject`.
        model_number: Which of the line's phone models it is, from 0.
        categories: Category of each defect, in the order in which they are drawn.
    """

    index: int
    part_id: str
    verdict: Literal["accept", "reject"]
    model_number: int
    categories: tuple[str, ...]
