"""Where a phone lies in the frame."""

from dataclasses import dataclass

import numpy as np

from camera.virtual.drawing import Points, happens
from camera.virtual.phone import PhoneModel

_DESIGN_COLUMNS = 1920
_DESIGN_ROWS = 1080


@dataclass(frozen=True, slots=True)
class Pose:
    """Position of the phone's centre in pixels, rotation in radians, and frame pixels per pixel of the design."""

    x: float
    y: float
    angle: float
    scale: float

    def place(self, points: Points) -> Points:
        """Points of the phone (n x 2) in the frame."""
        sine, cosine = np.sin(self.angle) * self.scale, np.cos(self.angle) * self.scale
        return points @ np.array(((cosine, sine), (-sine, cosine))) + (self.x, self.y)


def frame_scale(shape: tuple[int, int]) -> float:
    """Frame pixels per pixel of the design, for a frame of rows x columns."""
    return min(shape[1] / _DESIGN_COLUMNS, shape[0] / _DESIGN_ROWS)


def draw_pose(rng: np.random.Generator, model: PhoneModel, shape: tuple[int, int], habit: float) -> Pose:
    """Lay a phone down; `habit` (0 to 1) is how often this model lies with its earpiece to the right."""
    rows, columns = shape
    scale = frame_scale(shape) * float(rng.uniform(0.975, 1.02))
    angle = float(np.deg2rad(np.clip(rng.normal(0.0, 1.1), -3.5, 3.5)))
    spare_x = max(columns - (model.length + 2 * model.bow) * scale, 0.0) / 2
    spare_y = max(rows - (model.breadth + model.length * abs(np.sin(angle))) * scale, 0.0) / 2
    x = columns / 2 + float(rng.uniform(-0.8, 0.8)) * spare_x
    y = rows / 2 + float(rng.uniform(-0.7, 0.7)) * spare_y
    turned = np.pi if happens(rng, habit) else 0.0
    return Pose(x, y, angle + turned, scale)
