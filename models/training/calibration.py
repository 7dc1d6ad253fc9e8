"""Probabilities from scores of pictures that the scoring networks never saw."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.bundle.manifest import Calibration
from models.errors import ModelError
from models.training.evidence import ScoredPicture

_GOOD_QUANTILES = (0.05, 0.5, 0.95)
_ITERATIONS = 100
_STEP_MIN = 1e-8
_GAIN_MIN = 1e-10


class CalibrationError(ModelError, ValueError):
    """Out-of-fold scores say nothing that a probability could rest on."""


def fit_platt(logits: NDArray[np.float64], defective: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and intercept of sigmoid(slope x logit + intercept) by penalised maximum likelihood.

    Platt (1999) with his smoothed targets, by damped Newton steps (Lin, Lin and Weng 2007).

    Raises:
        CalibrationError: There is no defective or no good picture, or defective pictures do not score higher.
    """
    bad, good = int(defective.sum()), int((~defective).sum())
    if not bad or not good:
        raise CalibrationError(f"calibration needs good and defective pictures, found {good} and {bad}")
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
        raise CalibrationError(
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
        good_logits=tuple(float(value) for value in np.quantile(logits[~defective], _GOOD_QUANTILES)),
    )


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * (1.0 + np.tanh(0.5 * values))


def _deviance(values: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0.0, values) - targets * values).sum())
