"""From a camera's picture to the network's input, the same in training and on the line, and back to its pixels."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import PictureError

Pixels = NDArray[np.uint8]
Region = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

SIDE_MAX: Final = 16384
_COLOUR_CHANNELS: Final = 3
_GREY_AXES: Final = 2
_COLOUR_AXES: Final = 3
_HALVING: Final = 2.0
_LEVEL_SAMPLES = 128
_GAIN_STEPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSize:
    """The network's input: pixels, and whether it has three channels (BGR) or one (grey)."""

    width: int
    height: int
    colour: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height x width x channels."""
        return self.height, self.width, _COLOUR_CHANNELS if self.colour else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How bright a picture is made before the network sees it.

    Its values are multiplied by ``level`` / its own mean (grey levels), a factor kept within ``gain_min`` and
    ``gain_max``: a lamp that fades, or a shorter exposure, then changes nothing but the noise.
    """

    level: float
    gain_min: float = 0.25
    gain_max: float = 4.0

    def gain(self, picture: Pixels) -> float:
        """Return the factor for a picture, in whole steps of 1/256, so that every product is exact on any machine."""
        wanted = self.level / max(mean_level(picture), 1.0 / _GAIN_STEPS)
        return round(min(max(wanted, self.gain_min), self.gain_max) * _GAIN_STEPS) / _GAIN_STEPS


def mean_level(picture: Pixels) -> float:
    """Return the mean grey level of a picture over a grid of at least 128 x 128 of its pixels, all if it has fewer."""
    step = max(min(picture.shape[:2]) // _LEVEL_SAMPLES, 1)
    seen = picture[::step, ::step]
    return int(seen.sum(dtype=np.int64)) / seen.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Where the picture lies in the network's input.

    ``scale_x`` and ``scale_y`` are input pixels per picture pixel (equal but for rounding to whole pixels),
    ``left`` and ``top`` the margin in input pixels; ``region`` is the part of the picture that was used.
    """

    region: Region
    scale_x: float
    scale_y: float
    left: int
    top: int

    def to_picture(self, x: float, y: float, width: float, height: float) -> Region | None:
        """Map a rectangle of the input to whole pixels of the picture, cut to the region; None if nothing is left."""
        region_x, region_y, region_width, region_height = self.region
        x_low = round(max((x - self.left) / self.scale_x, 0.0))
        y_low = round(max((y - self.top) / self.scale_y, 0.0))
        x_high = round(min((x + width - self.left) / self.scale_x, float(region_width)))
        y_high = round(min((y + height - self.top) / self.scale_y, float(region_height)))
        if x_high <= x_low or y_high <= y_low:
            return None
        return region_x + x_low, region_y + y_low, x_high - x_low, y_high - y_low


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """The network's input as bytes (height x width x 3, or x 1 for grey) and where the picture lies in it.

    ``gain`` is the factor by which the picture was made brighter or darker (:class:`Exposure`).
    """

    pixels: Pixels
    geometry: Geometry
    gain: float = 1.0


def prepare(
    picture: Pixels,
    size: InputSize,
    pad: int,
    region: Region | None = None,
    half: Pixels | None = None,
    *,
    exposure: Exposure | None = None,
    canvas: Pixels | None = None,
) -> Prepared:
    """Fit a picture into the network's input without distortion, centred, the rest filled with ``pad``.

    It is halved exactly (the mean of 2 x 2 pixels) as long as it stays at least as large as the input; only what is
    left, none for 1920 x 1080 into 960 x 544, is resampled: by area when shrinking, linearly when enlarging.

    Args:
        picture: Height x width x 3 (BGR) or height x width (x 1, grey), uint8, of any size and aspect.
        size: The network's input.
        pad: 0-255.
        region: The part to use, x, y, width, height; the whole picture by default.
        half: The first exact halving of the picture, where somebody has made it already.
        exposure: How bright the picture is made, by the mean of the part used; as it is by default.
        canvas: What to fill and return, of the input's shape; made anew by default.

    Raises:
        PictureError: It is no such picture, or the region is not inside it.
    """
    used = cropped(_checked(picture), region)
    height, width = used.shape[:2]
    usable = half if region is None and size.colour and used.shape[:2] == _doubled(half) else None
    scaled = _scaled(_coloured(used, size.colour), size, usable)
    scaled_height, scaled_width = scaled.shape[:2]
    left, top = (size.width - scaled_width) // 2, (size.height - scaled_height) // 2
    if canvas is None:
        canvas = np.empty(size.shape, np.uint8)
    covered = canvas[top : top + scaled_height, left : left + scaled_width].reshape(scaled.shape)
    canvas[:top], canvas[top + scaled_height :] = pad, pad
    canvas[:, :left], canvas[:, left + scaled_width :] = pad, pad
    gain = 1.0 if exposure is None else exposure.gain(used)
    if exposure is None:
        covered[:] = scaled
    else:
        # Into place: pages that the kernel must hand out anew for every picture cost more than filling them.
        cv2.convertScaleAbs(scaled, dst=covered, alpha=gain)
    geometry = Geometry(
        region=region or (0, 0, width, height),
        scale_x=scaled_width / width,
        scale_y=scaled_height / height,
        left=left,
        top=top,
    )
    return Prepared(pixels=canvas, geometry=geometry, gain=gain)


def to_int8(pixels: Pixels, *, in_place: bool = False) -> NDArray[np.int8]:
    """Return the quantised input: (x - 128) / 128 at a scale of 1/128 is the byte with its top bit flipped."""
    return np.bitwise_xor(pixels, np.uint8(0x80), out=pixels if in_place else None).view(np.int8)


def cropped(picture: Pixels, region: Region | None) -> Pixels:
    """Return the region of a picture, all of it by default; raises :class:`PictureError` where it is not inside."""
    if region is None:
        return picture
    x, y, width, height = region
    if x < 0 or y < 0 or width < 1 or height < 1 or x + width > picture.shape[1] or y + height > picture.shape[0]:
        raise PictureError(
            f"region {region} is not inside the picture of {picture.shape[1]} x {picture.shape[0]} pixels; "
            "correct the recipe's roi"
        )
    return picture[y : y + height, x : x + width]


def channel_mean(picture: Pixels) -> NDArray[np.float32]:
    """Return the mean of a picture's channels, height x width; of a grey one its levels."""
    values = picture.astype(np.float32)
    return values if values.ndim == _GREY_AXES else np.asarray(values.mean(axis=2), np.float32)


def _checked(picture: Pixels) -> Pixels:
    shape: tuple[int, ...] = getattr(picture, "shape", ())
    channels_right = len(shape) == _GREY_AXES or (len(shape) == _COLOUR_AXES and shape[2] in {1, _COLOUR_CHANNELS})
    if not channels_right or picture.dtype != np.uint8:
        raise PictureError(
            f"a picture is height x width x 3 (or grey) in uint8, not {shape} in {getattr(picture, 'dtype', None)}"
        )
    if not (0 < shape[0] <= SIDE_MAX and 0 < shape[1] <= SIDE_MAX):
        raise PictureError(
            f"a picture of {shape[1]} x {shape[0]} pixels cannot be judged; sides go from 1 to {SIDE_MAX}"
        )
    return picture


def _coloured(picture: Pixels, colour: bool) -> Pixels:
    grey = picture.ndim == _GREY_AXES or picture.shape[2] == 1
    if colour == (not grey):
        return picture
    code = cv2.COLOR_GRAY2BGR if grey else cv2.COLOR_BGR2GRAY
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)


def _doubled(half: Pixels | None) -> tuple[int, int] | None:
    return None if half is None else (2 * half.shape[0], 2 * half.shape[1])


def _scaled(picture: Pixels, size: InputSize, half: Pixels | None) -> Pixels:
    while True:
        height, width = picture.shape[:2]
        if width % 2 or height % 2 or max(width / size.width, height / size.height) < _HALVING:
            break
        if half is None:
            half = np.asarray(cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
        picture, half = half, None
    scale = min(size.width / width, size.height / height)
    target = (
        min(max(round(width * scale), 1), size.width),
        min(max(round(height * scale), 1), size.height),
    )
    if target == (width, height):
        return picture
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, target, interpolation=method), np.uint8)
