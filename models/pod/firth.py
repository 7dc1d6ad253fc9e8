"""Logistic regression of many resampled studies at once, by Newton's method with Firth's penalty."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

_ITERATIONS: Final = 200
_STEP_MAX: Final = 1.0
_CONVERGED: Final = 1e-7
_RIDGE: Final = 1e-9


def fit_logistic(features: Matrix, hits: Vector, weights: Matrix) -> Matrix:
    """Fit logit(P(hit)) = coefficients x features once per row of weights.

    Firth (1993), as Heinze and Schemper (2002) use it: half the log-determinant of the information is added to the
    log-likelihood, so that coefficients stay finite where a line separates hits from misses, and are less biased in
    small studies. Newton's steps use the Fisher information (iteratively reweighted least squares).

    Args:
        features: Observations x p, the constant included.
        hits: Observations, 0 or 1.
        weights: Studies x observations: how often each study holds each observation.

    Returns:
        Studies x p coefficients; a row is not a number where its study leaves them undetermined.
    """
    count = features.shape[1]
    products = (features[:, :, None] * features[:, None, :]).reshape(len(features), count * count)
    coefficients = np.zeros((len(weights), count))
    active = np.arange(len(weights))
    for _ in range(_ITERATIONS):
        current = weights[active]
        chance = _sigmoid(coefficients[active] @ features.T)
        spread = chance * (1.0 - chance)
        inverse = _inverted(current * spread, products)
        leverage = spread * (inverse.reshape(len(active), -1) @ products.T)
        score = (current * (hits - chance + leverage * (0.5 - chance))) @ features
        # The penalty acts as ``leverage`` more observations, half of them hits; with their information it converges.
        steady = _inverted(current * spread * (1.0 + leverage), products)
        step = np.einsum("bij,bj->bi", steady, score)
        largest = np.abs(step).max(axis=1)
        coefficients[active] += step * np.minimum(1.0, _STEP_MAX / np.maximum(largest, 1e-300))[:, None]
        active = active[largest > _CONVERGED]
        if not active.size:
            break
    coefficients[active] = np.nan
    return coefficients


def _inverted(weights: Matrix, products: Matrix) -> NDArray[np.float64]:
    """Return the inverse information of every study, studies x p x p."""
    count = round(products.shape[1] ** 0.5)
    information = (weights @ products).reshape(-1, count, count)
    return np.asarray(np.linalg.inv(information + _RIDGE * np.eye(count)), np.float64)


def _sigmoid(value: Matrix) -> Matrix:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * value)), np.float64)
