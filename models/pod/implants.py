"""One drawn defect on a real good picture.

This family of renderers serves the probability of detection alone. Nothing that trains a network may import it: a
network must be judged on defects whose drawing it has not learnt (see :mod:`models.pod`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.pod.chips import draw_chip
from models.pod.errors import ImplantError
from models.pod.looks import FreeKind, Look, Wanted, draw
from models.pod.measure import core_of
from models.pod.placement import Region, allowed_mask, checked, edges_near

Kind = Literal["scratch", "oil", "stain", "crack", "chip", "spot"]
KINDS: Final[tuple[Kind, ...]] = ("scratch", "oil", "stain", "crack", "chip", "spot")

CONTRAST_MIN: Final = 0.005
SIZE_MIN: Final = 2.0
BLUR_MAX: Final = 10.0
_DRAWINGS: Final = 8
_PLACES: Final = 30
_INSIDE_MIN: Final = 0.97
_REACHED_MIN: Final = 0.85
_BLUR_RANGE: Final = (0.45, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One implant as wanted; what came of it is measured in the final picture.

    ``size``: longest extent, px (of a chip: along the edge). ``contrast``: fraction of full scale over the core,
    above 0 brighter, below 0 darker than the surface. ``width``: px, of a scratch's or crack's line; drawn from the
    seed by default. ``blur``: sigma of the lens, px; drawn from the seed by default (0.45-0.9).
    """

    kind: Kind
    size: float
    contrast: float
    seed: int
    width: float | None = None
    blur: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn on any picture."""
        if self.kind not in KINDS:
            raise ImplantError(f"kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if not (math.isfinite(self.size) and self.size >= SIZE_MIN):
            raise ImplantError(f"size must be at least {SIZE_MIN:g} px, not {self.size}")
        if not CONTRAST_MIN <= abs(self.contrast) <= 1.0:
            raise ImplantError(f"contrast must be {CONTRAST_MIN} to 1, with either sign, not {self.contrast}")
        if self.width is not None and not 0.0 < self.width <= self.size:
            raise ImplantError(f"width must be above 0 and at most the size ({self.size:g} px), not {self.width}")
        if self.blur is not None and not 0.0 <= self.blur <= BLUR_MAX:
            raise ImplantError(f"blur must be 0 to {BLUR_MAX:g} px, not {self.blur}")
        if self.seed < 0:
            raise ImplantError(f"seed must be 0 or more, not {self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Implant:
    """A picture with one drawn defect.

    ``picture`` has the shape of the clean one; ``mask`` (height x width) marks where the defect, blurred by the lens,
    covers at least half of what it covers in its middle; ``box`` is the mask's x, y, width, height.
    """

    request: Request
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def implant(picture: NDArray[np.uint8], request: Request, region: Region = None) -> Implant:
    """Draw one defect onto a copy of a picture; the picture's own noise stays, as the defect only adds light.

    Args:
        picture: Height x width x 3 (BGR), or grey, uint8, of any size.
        request: What to draw; the same request on the same picture and region gives the same bytes.
        region: Where the part's face is: a bool mask, a box x, y, width, height, or None for the picture's smooth face.

    Raises:
        PictureError: It is no such picture.
        ImplantError: The region is malformed, or holds no place that is large enough and leaves room for the contrast.
    """
    allowed = allowed_mask(checked(picture), region)
    rng = np.random.default_rng(request.seed)
    blur = request.blur if request.blur is not None else float(rng.uniform(*_BLUR_RANGE))
    sign = 1 if request.contrast > 0.0 else -1
    wanted = Wanted(size=request.size, width=request.width, sign=sign, blur=blur)
    _refuse_larger_than(allowed, request)
    drawings = (
        _chips(picture, allowed, wanted, rng) if request.kind == "chip" else _free(request.kind, allowed, wanted, rng)
    )
    for look, left, top in drawings:
        done = _blended(picture, look, (left, top), request)
        if done is not None:
            return done
    raise ImplantError(
        f"no place for a {request.kind} of {request.size:g} px and contrast {request.contrast:+g} on this picture: "
        f"{_obstacle(request)}; ask for a smaller or fainter one, the other sign, or a larger region"
    )


def _refuse_larger_than(allowed: NDArray[np.bool_], request: Request) -> None:
    """Refuse at once what no turn of it can fit into the region."""
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    diagonal = math.hypot(int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    if request.size > diagonal:
        raise ImplantError(
            f"no place for a {request.kind} of {request.size:g} px on this picture: the region's diagonal is "
            f"{diagonal:.0f} px; ask for a smaller one, or give a larger region"
        )


def _free(
    kind: FreeKind, allowed: NDArray[np.bool_], wanted: Wanted, rng: np.random.Generator
) -> Iterator[tuple[Look, int, int]]:
    """Yield drawings with places in the region for them: up to 8 drawings, 30 places each."""
    places = np.flatnonzero(allowed)
    width = allowed.shape[1]
    for _ in range(_DRAWINGS):
        look = draw(kind, wanted, rng)
        shape = _mask(look)
        rows, columns = look.coverage.shape
        for place in places[rng.integers(len(places), size=_PLACES)].tolist():
            top, left = place // width - rows // 2, place % width - columns // 2
            inside = _visible(shape, allowed, left, top)
            if inside >= _INSIDE_MIN:
                yield look, left, top


def _chips(
    picture: NDArray[np.uint8], allowed: NDArray[np.bool_], wanted: Wanted, rng: np.random.Generator
) -> Iterator[tuple[Look, int, int]]:
    for edge in edges_near(picture, allowed, max(wanted.size / 2.0, 8.0), rng, _PLACES):
        look, left, top = draw_chip(wanted, edge, rng)
        if _visible(_mask(look), np.ones_like(allowed), left, top) == 1.0:
            yield look, left, top


def _mask(look: Look) -> NDArray[np.bool_]:
    """Return the pixels covered at least half as much as the defect's middle: full width at half maximum."""
    covered = look.coverage[look.coverage > 0.5 * look.coverage.max()]
    # So small a shape may fall between the samples.
    level = 0.5 * float(np.median(covered)) if covered.size else np.inf
    return np.asarray(look.coverage >= level, np.bool_)


def _visible(shape: NDArray[np.bool_], allowed: NDArray[np.bool_], left: int, top: int) -> float:
    """Return the share (0-1) of a mask, put at a place, that lies on allowed pixels of the picture."""
    drawn, seen = _windows(shape.shape, allowed.shape, left, top)
    return float(np.count_nonzero(shape[drawn] & allowed[seen])) / max(float(np.count_nonzero(shape)), 1.0)


def _windows(
    patch: tuple[int, ...], picture: tuple[int, ...], left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the part of a patch that lies on the picture, in the patch's own and in the picture's coordinates."""
    low_y, low_x = max(top, 0), max(left, 0)
    high_y, high_x = max(min(top + patch[0], picture[0]), low_y), max(min(left + patch[1], picture[1]), low_x)
    return (
        (slice(low_y - top, high_y - top), slice(low_x - left, high_x - left)),
        (slice(low_y, high_y), slice(low_x, high_x)),
    )


def _blended(picture: NDArray[np.uint8], look: Look, corner: tuple[int, int], request: Request) -> Implant | None:
    """Add the light so that its mean over the core is the contrast; None where the surface has no room for it."""
    drawn, seen = _windows(look.coverage.shape, picture.shape, *corner)
    shape = _mask(look)[drawn]
    core = core_of(shape)
    light = look.light[drawn]
    before = picture[seen].astype(np.float32)
    if before.shape[2:] in {(), (1,)}:
        light = light.mean(axis=2).reshape(before.shape)
    elif np.array_equal(before.min(axis=2), before.max(axis=2)):
        # A grey camera's picture in three channels has no tint.
        light = np.repeat(light.mean(axis=2, keepdims=True), 3, axis=2)
    level = math.copysign(1.0, request.contrast) * float(light[core].mean())
    if level <= 0.0:
        return None
    after = np.clip(np.round(before + light * (abs(request.contrast) * 255.0 / level)), 0, 255)
    reached = math.copysign(1.0, request.contrast) * float((after - before)[core].mean()) / 255.0
    if reached < _REACHED_MIN * abs(request.contrast):
        return None
    final = picture.copy()
    final[seen] = after.astype(np.uint8)
    mask = np.zeros(picture.shape[:2], np.bool_)
    mask[seen] = shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    return Implant(request=request, picture=final, mask=mask, box=box)


def _obstacle(request: Request) -> str:
    if request.kind == "chip":
        return "no edge is strong, long and free enough"
    return "it does not fit into the region, or the surface is too near to black or white"
