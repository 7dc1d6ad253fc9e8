"""The bench: the table under the phone and the shadow around it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import (
    Colour,
    Planes,
    Points,
    dim,
    polygon,
    smooth_noise,
)

_SHADE_REDUCTION: Final = 16
TILE_MARGIN: Final = 192
TILE_UNIT: Final = 24.0
TABLES: Final[tuple[tuple[float, float, float], ...]] = (
    # grain along x, grain along y (sigma in pixels), share of sparkle
    (1.1, 1.1, 0.35),
    (0.9, 0.9, 0.8),
    (1.3, 1.1, 0.1),
    (2.6, 2.4, 0.1),
    (6.0, 0.8, 0.1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The bench on which one model is inspected.

    Attributes:
        table: Which of `TABLES`.
        table_colour: Mean colour of the table.
        grain: Deviation of its grain in grey levels.
        slope: Change of the table's light across the frame, along x and y, as shares.
        room: Seed of what the glass mirrors; the same for all parts of a model.
        haze: Strength of the glass's uneven veil in grey levels.
        shadow: Depth (0 to 1) and width in pixels of the phone's shadow.
        habit: How often the phone lies with its earpiece to the right.
    """

    table: int
    table_colour: Colour
    grain: float
    slope: tuple[float, float]
    room: int
    haze: float
    shadow: tuple[float, float]
    habit: float


def draw_scene(rng: np.random.Generator) -> Scene:
    """Draw the bench of one model."""
    level = float(np.clip(rng.lognormal(np.log(95.0), 0.22), 38.0, 150.0))
    warmth = rng.normal(0.0, 0.035)
    tint = rng.normal((0.015, 0.0, -0.015), 0.012)
    return Scene(
        table=int(rng.choice(len(TABLES), p=[0.45, 0.25, 0.18, 0.07, 0.05])),
        table_colour=(
            level * (1 + tint[0] - warmth),
            level * (1 + tint[1]),
            level * (1 + tint[2] + warmth),
        ),
        grain=float(rng.uniform(2.2, 7.0)),
        slope=(float(rng.normal(0.0, 0.12)), float(rng.normal(0.12, 0.2))),
        room=int(rng.integers(2**31)),
        haze=float(rng.gamma(1.6, 1.0)),
        shadow=(float(rng.uniform(0.05, 0.55)), float(rng.uniform(4, 26))),
        habit=float(rng.choice([0.0, 0.5, 1.0])),
    )


def table_tile(rng: np.random.Generator, table: int, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Return a table's grain, larger than the frame by `TILE_MARGIN`, deviation `TILE_UNIT`."""
    along_x, along_y, sparkle = TABLES[table]
    extent = (shape[0] + TILE_MARGIN, shape[1] + TILE_MARGIN)
    white = rng.standard_normal(extent, dtype=np.float32)
    grain = np.asarray(cv2.GaussianBlur(white, (0, 0), sigmaX=along_x, sigmaY=along_y), np.float32)
    grain /= grain.std()
    grain += np.float32(sparkle) * np.maximum(grain - np.float32(1.2), 0.0) ** 2
    coarse = smooth_noise(rng, extent, 9.0)
    grain += np.float32(0.25) * coarse
    grain *= np.float32(TILE_UNIT / float(grain.std()))
    return np.asarray(np.clip(grain - grain.mean(), -127, 127), np.int8)


def draw_table(
    planes: Planes,
    scene: Scene,
    tile: NDArray[np.int8],
    outline: Points,
    rng: np.random.Generator,
) -> None:
    """Fill the frame with the table, darkened where the phone shadows it."""
    rows, columns = planes.shape[1:]
    top, left = (int(offset) for offset in rng.integers(0, TILE_MARGIN, 2))
    crop = tile[top : top + rows, left : left + columns]
    shade = _table_shade((rows, columns), scene, outline, rng)
    brightest = max(scene.table_colour)
    grain = cv2.multiply(crop, shade, scale=scene.grain / (TILE_UNIT * brightest), dtype=cv2.CV_32F)
    for plane, level in zip(planes, scene.table_colour, strict=True):
        cv2.addWeighted(grain, level, shade, level, 0.0, dst=plane)


def _table_shade(
    shape: tuple[int, int],
    scene: Scene,
    outline: Points,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    rows, columns = (max(extent // _SHADE_REDUCTION, 2) for extent in shape)
    y, x = np.mgrid[-0.5 : 0.5 : rows * 1j, -0.5 : 0.5 : columns * 1j].astype(np.float32)
    shade = 1.0 + scene.slope[0] * x + scene.slope[1] * y
    shade += np.float32(0.02) * smooth_noise(rng, (rows, columns), 30.0)
    depth, width = scene.shadow
    reduced = outline / _SHADE_REDUCTION + (0.2 * width / _SHADE_REDUCTION, -0.7 * width / _SHADE_REDUCTION)
    shade = shade.astype(np.float32)
    dim(shade[None], polygon((rows, columns), reduced, 0.3 + 0.4 * width / _SHADE_REDUCTION), depth)
    large = cv2.resize(shade, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.maximum(np.asarray(large, np.float32), np.float32(0.02))
