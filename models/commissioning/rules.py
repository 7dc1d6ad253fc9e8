"""What commissioning sets from the good parts: floor, score offset, limits and their own novelty; pure."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Limits
from models.bundle.manifest import Calibration, Manifest
from models.commissioning.reference import Reference
from models.novelty import Vector, fit, left_out_distances
from models.postprocess import probability

FOLDS: Final = 5
"""In how many sets the goods are left out in turn."""
OFFSET_MAX: Final = 3.0
"""Logits by which scores are moved at most."""
MARGIN: Final = 1.0
"""Logits above the goods' upper end that an accept may still have, at least."""
NOVELTY_MARGIN: Final = 1.3
"""The limit of novelty, in units of the 95 % quantile of goods left out."""

_MEDIAN: Final = 0.5
_UPPER: Final = 0.95
_CERTAIN: Final = 1e-9
_FLOOR_BELOW: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnNovelty:
    """The place and spread of this product's summaries; values as in :class:`models.bundle.manifest.Novelty`."""

    centre: Vector
    precision: NDArray[np.float64]
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """How a commissioned view is judged.

    ``offset`` is added to every logit; ``limits`` are the recipe's; ``reference`` is None where nothing is expected.
    ``novelty`` is None where the network has no embedding. ``lenient`` says that known defects have proved the rules:
    else nothing may be laxer than the bundle, whose own novelty then counts beside this one.
    """

    offset: float
    limits: Limits
    reference: Reference | None
    novelty: OwnNovelty | None
    lenient: bool


def raw_logit(share: float, calibration: Calibration) -> float:
    """Return the logit that the calibration maps to a probability (0-1; cut to 1e-9 from either end)."""
    kept = min(max(share, _CERTAIN), 1.0 - _CERTAIN)
    return (math.log(kept / (1.0 - kept)) - calibration.intercept) / calibration.slope


def floor_logit(manifest: Manifest) -> float:
    """Return the logit that expected structure is lowered to: a usual good picture's of the training.

    Where the bundle does not tell, or tells more: one logit below its limit of accepting.
    """
    below = raw_logit(manifest.decision.accept_below, manifest.calibration) - _FLOOR_BELOW
    known = manifest.calibration.good_logits
    return below if known is None else min(known[1], below)


def score_offset(
    training: tuple[float, ...] | None, logits: Sequence[float], accept_logit: float, *, lenient: bool
) -> float:
    """Return what lines the median of the goods' logits up with that of the training's goods.

    Scores are lowered only with ``lenient``, and no further than it takes until 95 % of the goods lie below the
    bundle's accept limit: what is lowered beyond that, a faint defect gains. 0 where the bundle does not tell its
    goods' quantiles.

    Args:
        training: 5, 50 and 95 % quantiles of the training's goods.
        logits: Of this product's goods, each judged by rules learned from the others.
        accept_logit: The bundle's accept limit as a logit.
        lenient: Whether known defects prove the rules.
    """
    if training is None:
        return 0.0
    median, upper = np.quantile(logits, (_MEDIAN, _UPPER))
    aligning = training[1] - float(median)
    if aligning >= 0.0:
        return min(aligning, OFFSET_MAX)
    needed = min(accept_logit - float(upper), 0.0)
    return max(aligning, needed, -OFFSET_MAX) if lenient else 0.0


def goods_limits(bundle: Limits, logits: Sequence[float], calibration: Calibration) -> Limits:
    """Return the limits: the bundle's, with the accept limit brought down to where the goods end, and a margin.

    The margin is as wide as the goods' upper half, and one logit at least.

    Args:
        bundle: The bundle's limits, never exceeded.
        logits: Of the goods, with the offset; each judged by rules learned from the others.
        calibration: From logits to probabilities.
    """
    median, upper = np.quantile(logits, (_MEDIAN, _UPPER))
    end = float(upper) + max(MARGIN, float(upper - median))
    return Limits(
        accept_below=min(bundle.accept_below, probability(end, calibration)), reject_above=bundle.reject_above
    )


def own_novelty(summaries: NDArray[np.float64], parts: Sequence[Hashable]) -> OwnNovelty:
    """Return the goods' own centre; the limit is set from goods left out in turn.

    Args:
        summaries: n x d (:func:`models.novelty.summarise`).
        parts: The distinct part of each.

    Raises:
        ValueError: There are too few parts to leave one out.
    """
    centre, precision = fit(summaries, parts)
    limit = NOVELTY_MARGIN * float(np.quantile(left_out_distances(summaries, parts, FOLDS), _UPPER))
    return OwnNovelty(centre=centre, precision=precision, limit=max(limit, _CERTAIN))
