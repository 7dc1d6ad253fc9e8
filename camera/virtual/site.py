"""A phone lying in the frame, and a defect drawn on it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import Planes, Points, Region, happens
from camera.virtual.phone import PhoneModel
from camera.virtual.pose import Pose

_BRIGHT_GROUND: Final = 120.0
_PALE_REACH: Final = 9


@dataclass(frozen=True, slots=True)
class Site:
    """A phone as it lies in the frame.

    Attributes:
        planes: The picture so far, 3 x H x W.
        cover: Where there is glass or bezel, H x W, 0 to 1.
        model: The phone's model.
        pose: Where it lies.
        table: The empty table, 3 x H x W, as seen through what is broken away.
    """

    planes: Planes
    cover: NDArray[np.float32]
    model: PhoneModel
    pose: Pose
    table: Planes

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the frame."""
        return self.planes.shape[1], self.planes.shape[2]

    def place(self, rng: np.random.Generator, margin: float) -> Points:
        """Draw a point in the frame (2,), mostly on the display, `margin` pixels inside the outline."""
        half = np.array((self.model.length / 2 - margin, self.model.breadth / 2 - margin))
        if happens(rng, 0.85):
            left, top, right, bottom = self.model.screen
            low = np.minimum(np.array((left, top)) + margin, 0.0)
            high = np.maximum(np.array((right, bottom)) - margin, 0.0)
            local = rng.uniform(low, high)
        else:
            local = rng.uniform(-half, half)
        placed: Points = self.pose.place(local[None])[0]
        return placed

    def ground(self, region: Region) -> Planes:
        """Copy the picture within a region."""
        rows, columns = region.slices
        return self.planes[:, rows, columns].copy()

    def is_bright(self, point: Points) -> bool:
        """Whether the phone is pale there, so that a mark shows dark."""
        rows, columns = self.shape
        column, row = min(max(int(point[0]), 0), columns - 1), min(max(int(point[1]), 0), rows - 1)
        return float(self.planes[1, row, column]) > _BRIGHT_GROUND

    def is_pale(self, ground: Planes) -> NDArray[np.bool_]:
        """Where a region is pale, h x w; wider than a lamp's mirrored line, so that those do not count."""
        size = max(round(_PALE_REACH * self.pose.scale), 1)
        return np.asarray(cv2.blur(ground[1], (size, size)) > _BRIGHT_GROUND, np.bool_)

    def edge_point(self, rng: np.random.Generator) -> tuple[Points, Points]:
        """Draw a point on the outline and the unit vector into the glass."""
        outline = self.pose.place(self.model.outline(1.0))
        closed = np.concatenate((outline, outline[:1]))
        lengths = np.hypot(*np.diff(closed, axis=0).T)
        travelled = np.concatenate(([0.0], np.cumsum(lengths)))
        # Corners take most of the blows.
        at = float(rng.uniform(0.0, travelled[-1]))
        if happens(rng, 0.35):
            at = float(travelled[int(rng.integers(len(outline)))])
        point = np.array([np.interp(at, travelled, closed[:, axis]) for axis in (0, 1)])
        ahead = np.array([np.interp((at + 4.0) % travelled[-1], travelled, closed[:, axis]) for axis in (0, 1)])
        along = (ahead - point) / max(float(np.hypot(*(ahead - point))), 1e-6)
        inward = np.array((-along[1], along[0]))
        centre = np.array((self.pose.x, self.pose.y))
        return point, inward if float(inward @ (centre - point)) > 0 else -inward


@dataclass(frozen=True, slots=True)
class Overlay:
    """A defect drawn but not yet laid into the picture.

    Attributes:
        region: Where it is.
        picture: The region with the defect, 3 x h x w.
        extent: Where the defect may lie, h x w bool; what changes outside of it is glow.
        solid: Whether all of the extent is defect (a puddle), not only what differs visibly.
    """

    region: Region
    picture: Planes
    extent: NDArray[np.bool_]
    solid: bool


def grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Widen a mask by so many pixels on all sides."""
    size = 2 * pixels + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), np.bool_)
