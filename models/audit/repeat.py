"""Whether a part gets the same verdict when it is shot again."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.statistics import percentile
from edge.core.types import Decision, Limits
from models.evaluation import InForce, JudgedImage, Rate, limits_for

SHIFT_PIXELS: Final = 2.0
GAIN: Final = 0.03
NOISE_LEVELS: Final = 1.0
BAND: Final = 0.05
"""How close to a limit, in probability, a score counts as near it."""

_FLIPPED_SHOWN: Final = 12
_SHOTS_MIN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """One view of a part judged several times; a score is None where a shot could not be judged."""

    name: str
    bad: bool
    decisions: tuple[Decision, ...]
    scores: tuple[float | None, ...]
    view: str | None = None

    @property
    def flips(self) -> bool:
        """Whether the verdicts differ."""
        return len(set(self.decisions)) > 1

    @property
    def accepted_and_rejected(self) -> bool:
        """Whether one shot was accepted and another rejected."""
        return {Decision.ACCEPT, Decision.REJECT} <= set(self.decisions)

    @property
    def spread(self) -> float:
        """The highest score less the lowest."""
        known = [score for score in self.scores if score is not None]
        return max(known) - min(known) if known else 0.0

    def near(self, limits: Limits) -> bool:
        """Whether any shot's score lies within ``BAND`` of a limit."""
        return any(
            abs(score - limit) <= BAND
            for score in self.scores
            if score is not None
            for limit in (limits.accept_below, limits.reject_above)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeatability:
    """How often verdicts differ between shots of one view.

    ``source`` tells real repeats from jittered copies; ``shots`` is the fewest of any view. ``accept_reject`` counts
    views that were both accepted and rejected, ``hidden_escapes`` defective ones of which some shots were accepted and
    others not; ``near_flips`` is over the views near a limit. The spreads are of the scores (0-1). ``flipped`` names
    the views that flip, the widest spread first, up to a dozen.
    """

    source: Literal["repeated", "jittered"]
    shots: int
    flips: Rate
    accept_reject: Rate
    hidden_escapes: Rate
    near_flips: Rate
    spread_median: float
    spread_p95: float
    flipped: tuple[str, ...]


def jittered(picture: NDArray[np.uint8], name: str, shot: int) -> NDArray[np.uint8]:
    """Return a picture as another shot could have taken it: moved, a little brighter or darker, with new noise.

    Shift up to ``SHIFT_PIXELS`` each way, gain within ``GAIN``, Gaussian noise of ``NOISE_LEVELS`` grey levels; all
    follow from ``name`` and ``shot`` alone. Height x width x 3, uint8, as the picture.
    """
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(f"{shot}\n{name}".encode()).digest()[:8]))
    across, down = rng.uniform(-SHIFT_PIXELS, SHIFT_PIXELS, 2)
    height, width = picture.shape[:2]
    moved = cv2.warpAffine(
        picture,
        np.array([[1.0, 0.0, across], [0.0, 1.0, down]]),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    noise = rng.standard_normal(picture.shape, np.float32) * np.float32(NOISE_LEVELS)
    lit = moved.astype(np.float32) * np.float32(1.0 + rng.uniform(-GAIN, GAIN)) + noise
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def repeated_shots(images: Iterable[JudgedImage]) -> list[Shots]:
    """Return the views that were really shot more than once: pictures that share ``part_id`` and ``view``."""
    views: dict[tuple[str, str], list[JudgedImage]] = {}
    for image in images:
        if image.entry.part_id is not None and image.entry.view is not None:
            views.setdefault((image.entry.part_id, image.entry.view), []).append(image)
    return [
        Shots(
            name=f"{part}, {view}",
            bad=any(image.bad for image in taken),
            decisions=tuple(image.decision for image in taken),
            scores=tuple(image.score for image in taken),
            view=view,
        )
        for (part, view), taken in views.items()
        if len(taken) >= _SHOTS_MIN
    ]


def repeatability(
    shots: Sequence[Shots], limits: InForce, source: Literal["repeated", "jittered"]
) -> Repeatability | None:
    """Count what changes between the shots of each view; None without a view that was shot twice or more."""
    if not shots:
        return None
    flipped = [one for one in shots if one.flips]
    near = [one for one in shots if one.near(limits_for(limits, one.view))]
    spreads = [one.spread for one in shots]
    bad = [one for one in shots if one.bad]
    return Repeatability(
        source=source,
        shots=min(len(one.decisions) for one in shots),
        flips=Rate(count=len(flipped), n=len(shots)),
        accept_reject=Rate(count=sum(one.accepted_and_rejected for one in shots), n=len(shots)),
        hidden_escapes=Rate(count=sum(one.flips and Decision.ACCEPT in one.decisions for one in bad), n=len(bad)),
        near_flips=Rate(count=sum(one.flips for one in near), n=len(near)),
        spread_median=percentile(spreads, 0.5),
        spread_p95=percentile(spreads, 0.95),
        flipped=tuple(one.name for one in sorted(flipped, key=lambda one: -one.spread)[:_FLIPPED_SHOWN]),
    )
