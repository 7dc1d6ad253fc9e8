"""Probabilities and limits from scores of pictures that the scoring network never saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bundle.manifest import Calibration, DecisionLimits
from models.postprocess import probability
from models.training.settings import DecisionSettings

_ITERATIONS = 100
_STEP_MIN = 1e-8
_GAIN_MIN = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPicture:
    """A picture's raw score (mean of its highest defect logits) by a network that was not trained on its group."""

    name: str
    group: str
    defective: bool
    logit: float


def fit_platt(logits: NDArray[np.float64], defective: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and intercept of sigmoid(slope x logit + intercept) by penalised maximum likelihood.

    Platt (1999) with his smoothed targets, by damped Newton steps (Lin, Lin and Weng 2007).

    Raises:
        ValueError: There is no defective or no good picture, or defective pictures do not score higher.
    """
    bad, good = int(defective.sum()), int((~defective).sum())
    if not bad or not good:
        raise ValueError(f"calibration needs good and defective pictures, found {good} and {bad}")
    targets = np.where(defective, (bad + 1.0) / (bad + 2.0), 1.0 / (good + 2.0))
    design = np.column_stack([logits, np.ones_like(logits)])
    weights = np.array([0.0, np.log((bad + 1.0) / (good + 1.0))])
    loss = _deviance(design @ weights, targets)
    for _ in range(_ITERATIONS):
        expected = _sigmoid(design @ weights)
        gradient = design.T @ (expected - targets)
        curvature = (design * (expected * (1 - expected))[:, np.newaxis]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while _deviance(design @ (weights - size * step), targets) > loss + 1e-12 and size > _STEP_MIN:
            size /= 2.0
        weights = weights - size * step
        previous, loss = loss, _deviance(design @ weights, targets)
        if previous - loss < _GAIN_MIN:
            break
    slope, intercept = float(weights[0]), float(weights[1])
    if slope <= 0.0:
        raise ValueError(
            "defective pictures do not score higher than good ones out of fold: train longer or check labels"
        )
    return slope, intercept


def calibrate(pictures: Sequence[ScoredPicture], top_cells: int) -> Calibration:
    """Fit the calibration that goes into a bundle; raises as :func:`fit_platt`."""
    logits = np.array([picture.logit for picture in pictures], np.float64)
    defective = np.array([picture.defective for picture in pictures], np.bool_)
    slope, intercept = fit_platt(logits, defective)
    return Calibration(
        aggregation="top_mean",
        top_cells=top_cells,
        slope=slope,
        intercept=intercept,
        prior=float(defective.mean()),
    )


def choose_limits(
    pictures: Sequence[ScoredPicture], calibration: Calibration, settings: DecisionSettings
) -> DecisionLimits:
    """Choose provisional limits from out-of-fold scores; no risk is claimed."""
    accept, reject = limit_logits(pictures, settings)
    return DecisionLimits(
        accept_below=probability(accept, calibration),
        reject_above=probability(reject, calibration),
        risk_claim=None,
    )


def limit_logits(pictures: Sequence[ScoredPicture], settings: DecisionSettings) -> tuple[float, float]:
    """Return the limits as raw scores: accept below the one, reject above the other.

    Accept lies ``accept_margin`` below the lowest defective score, but no further than ``accept_slack`` above the
    highest good one: where good parts never scored, nothing says that a score is good. Reject lies ``reject_margin``
    above the highest good score. Unseen phones shift scores, hence the margins.
    """
    lowest_bad = min(picture.logit for picture in pictures if picture.defective)
    highest_good = max(picture.logit for picture in pictures if not picture.defective)
    accept = min(lowest_bad - settings.accept_margin, highest_good + settings.accept_slack)
    return accept, max(accept, highest_good + settings.reject_margin)


def nested_counts(
    pictures: Sequence[ScoredPicture], folds: Sequence[Sequence[str]], settings: DecisionSettings
) -> dict[str, dict[str, int]]:
    """Judge each fold's pictures by limits chosen without it, and count verdicts by truth.

    Unlike figures under the final limits, these have not seen the answers; a fold that cannot do without (no good or
    no defective picture outside) counts as cannot-judge.
    """
    counts = {truth: dict.fromkeys(("accept", "reject", "cannot_judge"), 0) for truth in ("bad", "good")}
    for groups in folds:
        others = [picture for picture in pictures if picture.group not in groups]
        judgeable = {picture.defective for picture in others} == {True, False}
        accept, reject = limit_logits(others, settings) if judgeable else (-np.inf, np.inf)
        for picture in pictures:
            if picture.group in groups:
                above = "reject" if picture.logit > reject else "cannot_judge"
                verdict = "accept" if picture.logit < accept else above
                counts["bad" if picture.defective else "good"][verdict] += 1
    return counts


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _deviance(values: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0.0, values) - targets * values).sum())
