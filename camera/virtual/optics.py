"""From light on the bench to grey levels: lens, light, sensor and the camera's own compression."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual.drawing import Planes, smooth_noise

NOISE_MARGIN: Final = 128
_NOISE_GRAIN: Final = 1.4
_CHROMA_GRAIN: Final = 2.8
_COMMON: Final = 0.62
"""Share of the noise's deviation that is the same in all colours."""
_KERNEL: Final = (5, 5)
_STRIP: Final = 60
_BLOOM_FROM: Final = 170.0
_SHADE_REDUCTION: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Optics:
    """How one part is photographed.

    Attributes:
        gain: Light, 1 as commissioned.
        blur: Sigma of the lens in pixels.
        fringe: Share of overexposed light that spreads as a blue fringe.
        noise: Deviation of the noise in grey levels.
        white_balance: Factors on blue, green, red.
        vignette: Loss of light in the corners (share).
        quality: JPEG quality of the camera.
    """

    gain: float
    blur: float
    fringe: float
    noise: float
    white_balance: tuple[float, float, float]
    vignette: float
    quality: int

    def visible(self, before: Planes, after: Planes) -> NDArray[np.float32]:
        """Return how far a region changes in the finished picture, noise apart: h x w, grey levels."""
        change = np.zeros(before.shape[1:], np.float32)
        for old, new in zip(before, after, strict=True):
            seen_old = np.minimum(cv2.GaussianBlur(old, _KERNEL, self.blur) * np.float32(self.gain), 255.0)
            seen_new = np.minimum(cv2.GaussianBlur(new, _KERNEL, self.blur) * np.float32(self.gain), 255.0)
            np.maximum(change, np.abs(seen_new - seen_old), out=change)
        return change


def draw_optics(setup: np.random.Generator, rng: np.random.Generator, gain: float) -> Optics:
    """Draw a camera: `setup` is the model's bench, `rng` the small change from part to part."""
    balance = setup.normal(1.0, 0.025, 3)
    return Optics(
        gain=gain * float(setup.lognormal(0.0, 0.06)) * float(rng.normal(1.0, 0.008)),
        blur=float(setup.uniform(0.55, 1.1)) * float(rng.uniform(0.97, 1.05)),
        fringe=float(setup.uniform(0.2, 0.9)),
        noise=float(setup.uniform(0.8, 1.4)),
        white_balance=(float(balance[0]), float(balance[1]), float(balance[2])),
        vignette=float(setup.uniform(0.0, 0.16)),
        quality=int(setup.integers(88, 98)),
    )


def noise_tile(rng: np.random.Generator, shape: tuple[int, int]) -> Planes:
    """Return noise of deviation 1 (3 x rows x columns), partly common to all colours, larger than the frame."""
    extent = (shape[0] + NOISE_MARGIN, shape[1] + NOISE_MARGIN)
    tile = np.empty((3, *extent), np.float32)
    common = _grain(rng, extent, _NOISE_GRAIN)
    for plane in tile:
        cv2.addWeighted(common, _COMMON, _grain(rng, extent, _CHROMA_GRAIN), np.sqrt(1.0 - _COMMON**2), 0.0, dst=plane)
    return tile


def _grain(rng: np.random.Generator, extent: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    soft = np.asarray(cv2.GaussianBlur(rng.standard_normal(extent, dtype=np.float32), (0, 0), sigma), np.float32)
    soft *= np.float32(1.0 / float(soft.std()))
    return soft


def photograph(planes: Planes, optics: Optics, noise: Planes, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the finished H x W x 3 picture; `planes` is used up."""
    rows, columns = planes.shape[1:]
    _bloom(planes, optics)
    light = _light((rows, columns), optics, rng)
    top, left = (int(offset) for offset in rng.integers(0, NOISE_MARGIN, 2))
    picture = np.empty((rows, columns, 3), np.uint8)
    for plane in planes:
        cv2.GaussianBlur(plane, _KERNEL, optics.blur, dst=plane)
    # In strips, so that a strip stays in the cache from one step to the next.
    for first in range(0, rows, _STRIP):
        strip = slice(first, min(first + _STRIP, rows))
        channels = []
        for plane, grain, balance in zip(planes, noise, optics.white_balance, strict=True):
            lit = cv2.multiply(plane[strip], light[strip], scale=balance)
            crop = grain[top + strip.start : top + strip.stop, left : left + columns]
            channels.append(cv2.convertScaleAbs(cv2.scaleAdd(crop, optics.noise, lit)))
        cv2.merge(channels, dst=picture[strip])
    coded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, optics.quality))[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _bloom(planes: Planes, optics: Optics) -> None:
    """A lens focuses blue worst: what is brighter than white gets a blue fringe."""
    rows, columns = planes.shape[1:]
    half = cv2.resize(planes[0], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    excess = np.maximum(half - np.float32(_BLOOM_FROM / max(optics.gain, 0.3)), 0.0)
    spread = cv2.GaussianBlur(excess, (0, 0), 1.4)
    spread = np.maximum(spread - excess, 0.0)
    wide = cv2.resize(spread, (columns, rows), interpolation=cv2.INTER_LINEAR)
    cv2.scaleAdd(wide, 3.0 * optics.fringe, planes[0], dst=planes[0])


def _light(shape: tuple[int, int], optics: Optics, rng: np.random.Generator) -> NDArray[np.float32]:
    rows, columns = (max(extent // _SHADE_REDUCTION, 2) for extent in shape)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    light = 1.0 - optics.vignette * (x * x + y * y) / 2.0 + np.float32(0.008) * smooth_noise(rng, (rows, columns), 24.0)
    small = np.asarray(light * optics.gain, np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
