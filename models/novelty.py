"""How far a picture is from those that a network was trained on, told from the network's embedding; pure."""

import math
from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.preprocess import Geometry

Vector = NDArray[np.float64]
Cells = tuple[int, int, int, int]
"""Row from, row to (excluded), column from, column to (excluded)."""

_VECTORS_MIN: Final = 2
_VECTOR_AXES: Final = 2
_MAP_AXES: Final = 3
_VARIANCE_MIN: Final = 1e-6
"""Of a dimension in which nothing varies; whitened features vary by about 1."""


def covered(geometry: Geometry, stride: int, shape: tuple[int, int]) -> Cells:
    """Return the cells of a map (``shape`` rows, columns; each ``stride`` input pixels) whose middle shows the picture.

    At least one cell is returned, however narrow the picture is.
    """
    _, _, width, height = geometry.region
    row_low, row_high = _covered_line(geometry.top, height * geometry.scale_y, stride, shape[0])
    column_low, column_high = _covered_line(geometry.left, width * geometry.scale_x, stride, shape[1])
    return row_low, row_high, column_low, column_high


def summarise(embedding: NDArray[np.float32], inside: Cells) -> Vector:
    """Return a picture's summary: mean, then standard deviation of each channel over the cells ``inside``.

    Args:
        embedding: Rows x columns x channels.
        inside: The cells that the picture covers (:func:`covered`).

    Raises:
        ValueError: The embedding is no such map, or no cell of it is inside.
    """
    row_low, row_high, column_low, column_high = inside
    if embedding.ndim != _MAP_AXES:
        raise ValueError(f"an embedding is rows x columns x channels, not {embedding.shape}")
    cells = embedding[row_low:row_high, column_low:column_high].reshape(-1, embedding.shape[2]).astype(np.float64)
    if min(inside) < 0 or not len(cells):
        raise ValueError(f"no cell of an embedding of {embedding.shape} lies inside {inside}")
    return np.concatenate([cells.mean(axis=0), cells.std(axis=0)])


def fit(vectors: NDArray[np.float64], groups: Sequence[Hashable]) -> tuple[Vector, NDArray[np.float64]]:
    """Return the centre and the precision (inverse covariance) of summaries, n x d.

    The covariance is shrunk towards a multiple of the identity as Ledoit & Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", Journal of Multivariate Analysis 88 (2004), lemma 3.4, so that it can be
    inverted with fewer vectors than dimensions. The independent unit is the group: each group weighs the same however
    many vectors it has, and the error of the covariance is told from how groups differ (with one group: from how its
    vectors differ).

    Args:
        vectors: n x d, n at least 2.
        groups: The group of each vector.

    Raises:
        ValueError: There are fewer than two vectors, one is not finite, or groups are missing.
    """
    if vectors.ndim != _VECTOR_AXES or len(vectors) < _VECTORS_MIN or len(groups) != len(vectors):
        raise ValueError(f"two or more vectors with a group each are needed, not {vectors.shape} and {len(groups)}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector has a value that is no finite number")
    members = _members(groups)
    if len(members) == 1:
        members = [np.array([index]) for index in range(len(vectors))]
    centre = np.mean([vectors[rows].mean(axis=0) for rows in members], axis=0)
    centred = vectors - centre
    scatters = [centred[rows].T @ centred[rows] / len(rows) for rows in members]
    precision = np.linalg.inv(_shrunk(scatters))
    return centre, (precision + precision.T) / 2.0


def distance(vector: Vector, centre: Vector, precision: NDArray[np.float64]) -> float:
    """Return the Mahalanobis distance divided by the root of the number of dimensions: about 1 for what was fitted.

    NaN where the vector holds what is no number.
    """
    if not np.isfinite(vector).all():
        return math.nan
    difference = vector - centre
    squared = float(difference @ precision @ difference)
    return math.sqrt(squared / len(vector)) if squared >= 0.0 else math.nan


def left_out_distances(
    vectors: NDArray[np.float64], groups: Sequence[Hashable], folds: int | None = None
) -> NDArray[np.float64]:
    """Return each vector's distance from a fit on other groups only: what a limit is set from.

    Args:
        vectors: n x d.
        groups: The group of each vector.
        folds: In how many sets the groups are left out, dealt in order of first appearance; one set per group by
            default.

    Raises:
        ValueError: There are fewer than two groups, or :func:`fit` cannot use what is left.
    """
    members = _members(groups)
    count = min(folds or len(members), len(members))
    if count < _VECTORS_MIN:
        raise ValueError("two or more groups are needed to leave one out")
    distances = np.empty(len(vectors))
    for fold in range(count):
        left_out = np.concatenate(members[fold::count])
        kept = np.setdiff1d(np.arange(len(vectors)), left_out)
        centre, precision = fit(vectors[kept], [groups[index] for index in kept])
        distances[left_out] = [distance(vectors[index], centre, precision) for index in left_out]
    return distances


def _covered_line(margin: int, length: float, stride: int, cells: int) -> tuple[int, int]:
    low = min(max(math.ceil(margin / stride - 0.5), 0), cells - 1)
    high = min(math.ceil((margin + length) / stride - 0.5), cells)
    return low, max(high, low + 1)


def _members(groups: Sequence[Hashable]) -> list[NDArray[np.int_]]:
    rows: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        rows.setdefault(group, []).append(index)
    return [np.asarray(indices) for indices in rows.values()]


def _shrunk(scatters: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the shrunk mean of the units' scatter matrices, d x d (Ledoit & Wolf's notation: S, m, d2, b2)."""
    size = len(scatters[0])
    sample = np.mean(scatters, axis=0)
    mean_variance = float(np.trace(sample)) / size
    target = mean_variance * np.eye(size)
    dispersion = float(np.sum((sample - target) ** 2)) / size
    error = sum(float(np.sum((scatter - sample) ** 2)) for scatter in scatters) / size / len(scatters) ** 2
    share = min(error, dispersion) / dispersion if dispersion > 0.0 else 1.0
    shrunk: NDArray[np.float64] = share * target + (1.0 - share) * sample
    return shrunk + _VARIANCE_MIN * np.eye(size)
