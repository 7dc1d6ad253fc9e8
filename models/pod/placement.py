"""Where on a picture a defect may lie: the part's face, and its edges."""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import PictureError
from models.pod.errors import ImplantError
from models.preprocess import channel_mean

Region = NDArray[np.bool_] | tuple[int, int, int, int] | None
"""Height x width mask, or x, y, width, height in pixels, or None: the smooth face, if the picture has one."""

_SMOOTH_WINDOW: Final = 0.012
_TWO_SURFACES: Final = 0.79
_LEVELS: Final = 255.0
_DARKEST: Final = 1.0
_BRIGHTEST: Final = 250.0
_DUST_WINDOWS: Final = 2.5
_SIDE_MIN: Final = 16
_PICTURE_AXES: Final = 2
_CHANNELS: Final = {(), (1,), (3,)}
"""What may follow height and width in the shape of a picture."""
_KNOWN_SHARE: Final = 0.9
_EDGE_SIGMA: Final = 1.5
_EDGE_STEP_MIN: Final = 8.0
_EDGE_SHARE: Final = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A point on an edge of the part (px), and the unit vector that leads into the part."""

    x: int
    y: int
    inward_x: float
    inward_y: float


def checked(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture; raises :class:`PictureError` unless it is height x width (x 3 or 1) uint8 of 16 px and up."""
    shape: tuple[int, ...] = getattr(picture, "shape", ())
    known = shape[2:] in _CHANNELS and len(shape) >= _PICTURE_AXES
    if not known or picture.dtype != np.uint8:
        raise PictureError(f"an implant needs height x width x 3 (or grey) in uint8, not {shape}")
    if min(shape[:2]) < _SIDE_MIN:
        raise PictureError(f"a picture of {shape[1]} x {shape[0]} pixels is too small; sides start at {_SIDE_MIN}")
    return picture


def allowed_mask(picture: NDArray[np.uint8], region: Region) -> NDArray[np.bool_]:
    """Return where a defect may lie, height x width.

    Raises:
        ImplantError: The region is empty, of another size than the picture, or outside it.
    """
    height, width = picture.shape[:2]
    if region is None:
        return face_region(picture)
    if isinstance(region, tuple):
        x, y, across, down = region
        if min(x, y) < 0 or min(across, down) < 1 or x + across > width or y + down > height:
            raise ImplantError(f"region {region} is not inside the picture of {width} x {height} pixels")
        mask = np.zeros((height, width), np.bool_)
        mask[y : y + down, x : x + across] = True
        return mask
    if region.shape != (height, width) or region.dtype != np.bool_:
        raise ImplantError(
            f"a region is a bool mask of its picture's size, ({height}, {width}), not {region.shape} {region.dtype}"
        )
    if not region.any():
        raise ImplantError("the region allows no pixel; give the part's face, or None for the smooth face")
    return region


def face_region(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the largest smooth face of a picture, or all of it where smooth and rough are not two surfaces.

    The local deviation of the finest detail is split in two by Otsu's threshold (1979); his separability decides
    whether there are two surfaces at all (a single Gaussian one has 0.64, a uniform one 0.75).
    """
    grey = channel_mean(picture)
    height, width = grey.shape
    window = max(5, round(_SMOOTH_WINDOW * float(np.hypot(height, width))) | 1)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 2.0)
    spread = np.log2(np.sqrt(np.maximum(cv2.blur(detail * detail, (window, window)), 0.0)) + 0.25)
    # Black and white that the sensor cannot resolve show no texture: they tell nothing of the surface.
    known = cv2.blur(((grey > _DARKEST) & (grey < _BRIGHTEST)).astype(np.float32), (window, window)) > _KNOWN_SHARE
    everything = np.ones((height, width), np.bool_)
    if not known.any():
        return everything
    # The strongest edges would draw the threshold to themselves.
    low, high = np.quantile(spread[known], [0.02, 0.85])
    levels = (np.clip((spread - low) / max(float(high - low), 1e-6), 0.0, 1.0) * _LEVELS).astype(np.uint8)
    threshold, _ = cv2.threshold(levels[known][None], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if _separability(levels[known], threshold) < _TWO_SURFACES:
        return everything
    smooth = ((levels <= threshold) & known).astype(np.uint8)
    opened = np.asarray(cv2.morphologyEx(smooth, cv2.MORPH_OPEN, np.ones((window, window), np.uint8)), np.uint8)
    face = _largest(opened)
    if face is None:
        return everything
    # Dust on the face makes small rough holes in it; large ones are features of the part.
    holes = cv2.connectedComponentsWithStats((~face).astype(np.uint8), connectivity=8)
    small = holes[2][:, cv2.CC_STAT_AREA] < (_DUST_WINDOWS * window) ** 2
    return np.asarray(face | small[holes[1]], np.bool_)


def _largest(binary: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    count, labels, extents, _ = cv2.connectedComponentsWithStats(binary, connectivity=4)
    if count == 1:  # nothing but the outside
        return None
    return np.asarray(labels == 1 + int(np.argmax(extents[1:, cv2.CC_STAT_AREA])), np.bool_)


def edges_near(
    picture: NDArray[np.uint8], allowed: NDArray[np.bool_], reach: float, rng: np.random.Generator, count: int
) -> list[Edge]:
    """Return up to ``count`` points on strong straight edges, in the allowed region or at most ``reach`` px outside it.

    An edge's strength is the difference of the structure tensor's eigenvalues (Bigun and Granlund 1987), so that
    texture without a direction is none. The part lies where more of the region is, else where the surface is smoother.
    """
    grey = channel_mean(picture)
    smooth = cv2.GaussianBlur(grey, (0, 0), _EDGE_SIGMA)
    slope_x, slope_y = (
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125),
        cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125),
    )
    products = [cv2.GaussianBlur(one, (0, 0), 3.0) for one in (slope_x**2, slope_y**2, slope_x * slope_y)]
    strength = np.sqrt((products[0] - products[1]) ** 2 + 4.0 * products[2] ** 2)
    steepness = np.hypot(slope_x, slope_y)
    side = 2 * round(reach) + 1
    band = cv2.dilate(allowed.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    margin = max(4, round(reach / 2.0))
    band[:margin], band[-margin:], band[:, :margin], band[:, -margin:] = False, False, False, False
    steep = band & (steepness >= _EDGE_STEP_MIN / (2.0 * _EDGE_SIGMA))
    if not steep.any():
        return []
    strong = steep & (strength >= _EDGE_SHARE * float(np.quantile(strength[steep], 0.98)))
    places = np.argwhere(strong)
    chosen = places[rng.choice(len(places), min(count, len(places)), replace=False)]
    angles = 0.5 * np.arctan2(2.0 * products[2], products[0] - products[1])
    return [_edge(grey, allowed, float(angles[y, x]), (int(x), int(y)), reach) for y, x in chosen]


def _edge(
    grey: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    angle: float,
    place: tuple[int, int],
    reach: float,
) -> Edge:
    x, y = place
    across = np.array([math.cos(angle), math.sin(angle)])
    steps = np.arange(2.0, max(reach, 6.0))
    sides: list[tuple[float, float]] = []
    for sign in (1.0, -1.0):
        columns = np.clip(np.round(x + sign * across[0] * steps), 0, grey.shape[1] - 1).astype(np.intp)
        rows = np.clip(np.round(y + sign * across[1] * steps), 0, grey.shape[0] - 1).astype(np.intp)
        sides.append((float(allowed[rows, columns].mean()), -float(np.abs(np.diff(grey[rows, columns])).mean())))
    inward = across if sides[0] >= sides[1] else -across
    return Edge(x=x, y=y, inward_x=float(inward[0]), inward_y=float(inward[1]))


def _separability(levels: NDArray[np.uint8], threshold: float) -> float:
    """Return Otsu's share of the variance that lies between the two classes, 0-1."""
    values = levels.astype(np.float32)
    low = levels <= threshold
    share = float(low.mean())
    variance = float(values.var())
    if share in {0.0, 1.0} or variance <= 0.0:
        return 0.0
    return share * (1.0 - share) * float(values[low].mean() - values[~low].mean()) ** 2 / variance
