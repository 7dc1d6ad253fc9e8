"""The same crop in other light and through another camera."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

_OTHER_LAMP_SHARE = 0.3
_OTHER_LAMP_GAIN = (0.55, 1.6)
_DIMMED_SHARE = 0.25
_DIMMED = (0.2, 0.7)
_SOFT_SHARE = 0.25
_SOFT_SIGMA = (0.3, 0.8)  # pixels
_SHARP_SHARE = 0.15
_NOISE_SHARE = 0.4
_SLOPE_SHARE = 0.3
_BANK_SIDE = 1024
_NOISE_LEVELS = (0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0)


def relight(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the crop (h x w x 3) with gain, colour (unless it is grey), gamma and a slope of light drawn at random.

    Most are small; three in ten have the light of another lamp, from half to one and a half times as bright. A quarter
    were taken in little light and made brighter again, so that they have the fewer grey levels and the louder noise of
    a factory that grew dark.
    """
    colour = np.zeros(3) if is_grey(pixels) else random.normal(0.0, 0.05, 3)
    gain = np.exp(random.normal(0.0, 0.18)) * np.exp(colour)
    if random.random() < _OTHER_LAMP_SHARE:
        gain = gain * np.exp(random.uniform(*np.log(_OTHER_LAMP_GAIN)))
    levels = np.arange(256, dtype=np.float32) / 255.0
    curve = levels[:, np.newaxis] ** np.exp(random.normal(0.0, 0.12)) * gain + random.normal(0.0, 0.012)
    steps = 255.0 * (random.uniform(*_DIMMED) if random.random() < _DIMMED_SHARE else 1.0)
    curve = np.rint(np.clip(curve, 0.0, 1.0) * steps) / steps
    lit = cv2.LUT(pixels, np.rint(curve * 255.0).astype(np.uint8).reshape(1, 256, 3))
    return _sloped(lit, random) if random.random() < _SLOPE_SHARE else np.asarray(lit, np.uint8)


def through_camera(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the crop a little softer or sharper, and with sensor noise; the defects in it suffer the same."""
    kind = random.random()
    seen = pixels
    if kind < _SOFT_SHARE:
        seen = cv2.GaussianBlur(pixels, (0, 0), random.uniform(*_SOFT_SIGMA))
    elif kind < _SOFT_SHARE + _SHARP_SHARE:
        seen = cv2.addWeighted(pixels, 1.5, cv2.GaussianBlur(pixels, (0, 0), 1.0), -0.5, 0.0)
    return _noisy(seen, random) if random.random() < _NOISE_SHARE else np.asarray(seen, np.uint8)


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Return whether a crop has equal channels, as a grey camera's; every eighth pixel is looked at."""
    return bool((pixels[::8, ::8, 0] == pixels[::8, ::8, 2]).all())


def _sloped(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    corners = np.exp(random.normal(0.0, 0.15, (2, 2))).astype(np.float32)
    slope = cv2.resize(corners, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(pixels, cv2.merge([slope] * 3), dtype=cv2.CV_8U), np.uint8)


def _noisy(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Add sensor noise of .5 to 3 grey levels, cut at random from a fixed bank: drawing it anew would cost more."""
    banks = _noise_banks()
    bank = banks[random.integers(len(banks))]
    height, width = pixels.shape[:2]
    if height > _BANK_SIDE or width > _BANK_SIDE:
        bank = np.tile(bank, (-(-height // _BANK_SIDE), -(-width // _BANK_SIDE), 1))
    row, column = random.integers(bank.shape[0] - height + 1), random.integers(bank.shape[1] - width + 1)
    noise = bank[row : row + height, column : column + width]
    return np.asarray(cv2.add(pixels, noise, dtype=cv2.CV_8U), np.uint8)


@cache
def _noise_banks() -> tuple[NDArray[np.int16], ...]:
    noise = np.random.default_rng(20_259).standard_normal((_BANK_SIDE, _BANK_SIDE, 3), np.float32)
    return tuple(np.rint(noise * strength).astype(np.int16) for strength in _NOISE_LEVELS)
