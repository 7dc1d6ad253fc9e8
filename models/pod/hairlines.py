"""Hairline scratches, the hard end: 1-2 px wide, 90-260 px long, down to where the model stops seeing them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.core.statistics import Interval, auroc, clopper_pearson
from models.pod.bases import Base, CleanResult, Progress, in_turns
from models.pod.errors import StudyError
from models.pod.implants import Request
from models.pod.judging import Judge
from models.pod.trials import LeftOut, Trial, judge_in_turns

CONTRASTS: Final = (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3)
WIDTHS: Final = (1.0, 2.0)
LENGTHS: Final = (90.0, 260.0)
PER_CONTRAST: Final = 60
_LENGTH_SHARE_MAX: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HairlineRow:
    """What became of the hairlines of one contrast.

    ``hits`` of ``implants`` were not accepted, on bases accepted clean (``interval``: Clopper-Pearson, 95 %);
    ``located`` of them had a box on the hairline. ``auroc`` compares the scores of all hairlines of this contrast,
    accepted base or not, with those that their bases gave clean, each as often as it carries a hairline. ``width``,
    ``length`` (px) and ``measured`` (contrast) are means as measured; ``left_out`` could not be drawn or judged.
    """

    contrast: float
    implants: int
    hits: int
    located: int
    interval: Interval | None
    auroc: float | None
    width: float | None
    length: float | None
    measured: float | None
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HairlineStudy:
    """One row per contrast, and the bases that were not accepted without any hairline."""

    rows: tuple[HairlineRow, ...]
    false_calls: int
    clean: int
    trials: tuple[Trial, ...]


def run_hairlines(
    bases: Sequence[Base],
    clean: Sequence[CleanResult],
    judge: Judge,
    *,
    contrasts: Sequence[float] = CONTRASTS,
    per_contrast: int = PER_CONTRAST,
    seed: int = 0,
    progress: Progress | None = None,
) -> HairlineStudy:
    """Draw and judge hairlines on every base that has a score.

    On those not accepted clean a hairline counts for the ranking (AUROC) alone. Hairlines are at most half as long as
    the picture's diagonal.

    Args:
        bases: The base pictures.
        clean: What each of them gave clean, in the same order.
        judge: The judge, thresholds frozen.
        contrasts: Fractions of full scale.
        per_contrast: Hairlines a contrast.
        seed: Of everything random.
        progress: Told of every hairline.

    Raises:
        StudyError: No base has a score, or fewer than one hairline is wanted.
    """
    scored = [(base, result) for base, result in zip(bases, clean, strict=True) if result.score is not None]
    if not scored:
        raise StudyError("no base picture could be judged; hairlines need at least one")
    if per_contrast < 1 or not contrasts:
        raise StudyError("a hairline study needs at least one contrast and one hairline a contrast")
    usable = in_turns([base for base, _ in scored])
    longest = _LENGTH_SHARE_MAX * float(np.median([result.diagonal for _, result in scored]))
    rng = np.random.default_rng([seed, len(contrasts)])
    wanted = [
        (rank, _request(contrast, min(1.0, longest / LENGTHS[1]), rng))
        for contrast in contrasts
        for rank in range(per_contrast)
    ]
    outcomes = judge_in_turns(wanted, usable, judge, progress, "hairlines")
    accepted = {result.name for result in clean if result.accepted}
    scores = {result.name: result.score for _, result in scored}
    return HairlineStudy(
        rows=tuple(
            _row(contrast, outcomes[place * per_contrast : (place + 1) * per_contrast], accepted, scores)
            for place, contrast in enumerate(contrasts)
        ),
        false_calls=sum(not result.accepted for _, result in scored),
        clean=len(scored),
        trials=tuple(one for one in outcomes if isinstance(one, Trial)),
    )


def _request(contrast: float, shrink: float, rng: np.random.Generator) -> Request:
    return Request(
        kind="scratch",
        size=shrink * float(rng.uniform(*LENGTHS)),
        width=float(rng.uniform(*WIDTHS)),
        contrast=contrast * float(rng.choice([-1.0, 1.0])),
        seed=int(rng.integers(2**31)),
    )


def _row(
    contrast: float, outcomes: Sequence[Trial | LeftOut], accepted: set[str], clean: Mapping[str, float | None]
) -> HairlineRow:
    trials = [one for one in outcomes if isinstance(one, Trial)]
    counted = [trial for trial in trials if trial.base in accepted]
    hits = sum(trial.hit for trial in counted)
    return HairlineRow(
        contrast=contrast,
        implants=len(counted),
        hits=hits,
        located=sum(trial.located and trial.hit for trial in counted),
        interval=clopper_pearson(hits, len(counted)),
        auroc=auroc([trial.score for trial in trials], [clean[trial.base] for trial in trials]),
        width=_mean([trial.measured.width for trial in trials]),
        length=_mean([trial.measured.length for trial in trials]),
        measured=_mean([trial.measured.contrast for trial in trials]),
        left_out=len(outcomes) - len(trials),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
