"""Which implants a study asks for: a grid of sizes and contrasts per kind."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.pod.errors import StudyError
from models.pod.implants import KINDS, Kind, Request

PER_CLASS_MIN: Final = 60
"""Hit/miss studies need at least 60 targets a class (MIL-HDBK-1823A 2009)."""

_JITTER: Final = 0.12
_CONTRASTS: Final = (0.02, 0.035, 0.06, 0.1, 0.18, 0.32, 0.6)
_FILM_CONTRASTS: Final = (0.01, 0.018, 0.03, 0.06, 0.11, 0.2, 0.35)
_SIZE_STEPS: Final = 6
_EXTENTS: Final[Mapping[Kind, tuple[float, float, float]]] = {
    # As a share of the picture's diagonal, smallest and largest, and the smallest in pixels.
    "scratch": (0.009, 0.14, 10.0),
    "oil": (0.012, 0.26, 10.0),
    "stain": (0.0035, 0.09, 5.0),
    "crack": (0.011, 0.18, 12.0),
    "chip": (0.0035, 0.035, 6.0),
    "spot": (0.0014, 0.02, 3.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Sizes (px) and contrasts (0-1, signs are drawn) of one class; each pair comes ``repeats`` times."""

    sizes: tuple[float, ...]
    contrasts: tuple[float, ...]
    repeats: int = 2

    def __post_init__(self) -> None:
        """Refuse a grid with nothing in it, or with less than the 60 implants that a class needs."""
        implants = len(self.sizes) * len(self.contrasts) * self.repeats
        if implants < PER_CLASS_MIN:
            raise StudyError(
                f"{len(self.sizes)} sizes x {len(self.contrasts)} contrasts x {self.repeats} repeats are {implants} "
                f"implants; a class needs at least {PER_CLASS_MIN}: raise repeats"
            )
        if not all(math.isfinite(value) and value > 0.0 for value in (*self.sizes, *self.contrasts)):
            raise StudyError("sizes and contrasts of a grid are above 0 and finite; signs are drawn")


Plan = Mapping[Kind, Grid]


def default_plan(diagonal: float, repeats: int = 3) -> dict[Kind, Grid]:
    """Return a grid per kind for pictures of a diagonal (px): 6 sizes x 7 contrasts x ``repeats``."""
    plan: dict[Kind, Grid] = {}
    for kind in KINDS:
        low, high, smallest = _EXTENTS[kind]
        first = max(low * diagonal, smallest)
        sizes = np.geomspace(first, max(high * diagonal, 4.0 * first), _SIZE_STEPS)
        contrasts = _FILM_CONTRASTS if kind == "oil" else _CONTRASTS
        plan[kind] = Grid(sizes=tuple(float(size) for size in sizes), contrasts=contrasts, repeats=repeats)
    return plan


def requests_of(kind: Kind, grid: Grid, seed: int) -> Iterator[Request]:
    """Yield a class's requests in shuffled order, so that no cell of the grid falls to one part.

    Sizes and contrasts scatter by about a tenth around the grid's, so that the model sees more than its corners.
    Half of the requests ask for a brighter defect, the rest for darker ones.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    cells = [(size, contrast) for size in grid.sizes for contrast in grid.contrasts] * grid.repeats
    for index in rng.permutation(len(cells)).tolist():
        size, contrast = cells[index]
        scatter = np.exp(np.clip(rng.normal(0.0, _JITTER, 2), -2.0 * _JITTER, 2.0 * _JITTER))
        yield Request(
            kind=kind,
            size=max(size * float(scatter[0]), 2.0),
            contrast=min(contrast * float(scatter[1]), 1.0) * float(rng.choice([-1.0, 1.0])),
            seed=int(rng.integers(2**31)),
        )


def other_sign(request: Request) -> Request:
    """Return the request with the opposite contrast, for surfaces too near to black or white for the first."""
    return Request(
        kind=request.kind,
        size=request.size,
        contrast=-request.contrast,
        seed=request.seed,
        width=request.width,
        blur=request.blur,
    )
