"""What belongs on the part: places where the network is alarmed on good part after good part; pure.

A slot, a logo or a reflection that training never saw raises the defect logits of every good part of a product. A place
is known by what the network sees there and around it, the cell of the whitened embedding, for parts lie anywhere and
either way round; where they lie still, the position is asked for as well. Nothing that is remembered can hide what is
worse than the goods were: a region keeps its logits as soon as one cell of it looks like nothing that several goods
showed, or is more alarming than there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.quantisation import Quantisation

SLACK: Final = 0.5
"""Logits by which a part may exceed what several goods showed."""
CAP: Final = 3.0
"""Logits by which an expected region is lowered at most."""
SUPPORT_MIN: Final = 3
SUPPORT_SHARE: Final = 0.1
"""Distinct goods that must show a place: at least three, and a tenth of all."""
PLACES_MAX: Final = 64
"""Raised places of one picture; beyond, the picture is no good part with some structure, and none is expected."""
ENTRIES_MAX: Final = 1500
"""Remembered places; bounds the file and the time that a picture takes."""
REACH: Final = 2
"""Cells by which a place may have moved where parts lie still."""

_RADIUS_QUANTILE: Final = 0.9
_RADIUS_MARGIN: Final = 1.5
_UNRELATED_SHARE: Final = 0.6
_UNRELATED_PAIRS: Final = 4000
_STABLE_SHARE: Final = 0.9
_CHUNK: Final = 256
_LOWEST: Final = -128

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The raised cells of one picture, at the embedding's stride.

    ``rows`` and ``columns`` (n), ``logits`` the highest defect logit in each (n), ``vectors`` the embedding (n x
    channels), ``regions`` the number of the connected region that each belongs to (n).
    """

    rows: Integers
    columns: Integers
    logits: Floats
    vectors: Floats
    regions: Integers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Good:
    """What learning takes of one picture of a good part; ``part`` numbers the distinct part that it shows.

    ``cells`` are embedding cells from anywhere in the picture (m x channels), to know how unlike cells can be.
    """

    part: int
    places: Places
    cells: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """The remembered places of the goods, n of them, and when a place counts as one of them.

    ``vectors`` n x channels, ``logits``, ``rows``, ``columns`` and ``parts`` n. A place is expected where at least
    ``support`` distinct parts hold a vector within ``radius`` (root mean square over the channels) and, with ``reach``,
    at most so many cells away, and where its logit is at most ``slack`` above the ``support``-th highest of those
    parts. Expected regions are lowered to ``floor``, by ``cap`` logits at most.
    """

    vectors: Floats
    logits: Floats
    rows: Integers
    columns: Integers
    parts: Integers
    floor: float
    radius: float
    support: int
    slack: float
    cap: float
    reach: int | None


def raised(defect: NDArray[np.int8], embedding: Floats, floor: float, quantisation: Quantisation) -> Places:
    """Return the cells of the embedding in which a defect logit is above ``floor``.

    Args:
        defect: The map's defect channel as stored, rows x columns, a whole multiple of the embedding's.
        embedding: Rows x columns x channels.
        floor: In logits.
        quantisation: How ``defect`` stores them.
    """
    peaks = _peaks(defect, embedding.shape[:2])
    above = peaks > _floor_level(floor, quantisation)
    rows, columns = np.nonzero(above)
    _, regions = cv2.connectedComponents(above.view(np.uint8), connectivity=8)
    levels = peaks[rows, columns].astype(np.float32)
    return Places(
        rows=rows,
        columns=columns,
        logits=(levels - np.float32(quantisation.zero_point)) * np.float32(quantisation.scale),
        vectors=embedding[rows, columns],
        regions=np.asarray(regions, np.int64)[rows, columns],
    )


def learn_reference(goods: Sequence[Good], floor: float) -> Reference | None:
    """Remember the raised places that several distinct goods share; None where they share none.

    The radius is half as large again as what nine of ten raised places need to find enough other goods, and at most
    six tenths of the usual distance between unrelated cells, so that it tells places apart. A place that too few others
    show is forgotten: a defect overlooked on one good never becomes normal. Position is required too where that costs
    next to no place.
    """
    distinct = len({good.part for good in goods})
    support = max(SUPPORT_MIN, math.ceil(SUPPORT_SHARE * distinct))
    used = [good for good in goods if 0 < len(good.places.rows) <= PLACES_MAX]
    if len({good.part for good in used}) <= support:
        return None
    everything = Reference(
        vectors=np.concatenate([good.places.vectors for good in used]),
        logits=np.concatenate([good.places.logits for good in used]),
        rows=np.concatenate([good.places.rows for good in used]),
        columns=np.concatenate([good.places.columns for good in used]),
        parts=np.concatenate([np.full(len(good.places.rows), good.part, np.int64) for good in used]),
        floor=floor,
        radius=0.0,
        support=support,
        slack=SLACK,
        cap=CAP,
        reach=None,
    )
    nearest = _distances_to_others(everything, None)
    reachable = nearest[np.isfinite(nearest)]
    needed = _RADIUS_MARGIN * float(np.quantile(reachable, _RADIUS_QUANTILE))
    radius = min(needed, _UNRELATED_SHARE * _unrelated(goods))
    shared = nearest <= radius
    if not shared.any():
        return None
    still = _distances_to_others(everything, REACH) <= radius
    reach = REACH if np.count_nonzero(still & shared) >= _STABLE_SHARE * np.count_nonzero(shared) else None
    kept = _thinned(everything, np.flatnonzero(still & shared if reach else shared))
    return _chosen(everything, kept, radius=radius, reach=reach)


def expected(reference: Reference, places: Places) -> NDArray[np.bool_]:
    """Tell of each raised place whether it belongs on the part: all places of its region are known and no worse.

    A place that is hardly raised, by no more than the slack above the floor, speaks against nothing.
    """
    if not 0 < len(places.rows) <= PLACES_MAX:
        return np.zeros(len(places.rows), np.bool_)
    matching = _distances(places, reference) <= reference.radius
    if reference.reach is not None:
        matching &= _moved(places, reference) <= reference.reach
    shown = _per_part(np.where(matching, reference.logits, -np.inf), reference.parts)
    if shown.shape[1] < reference.support:
        return np.zeros(len(places.rows), np.bool_)
    allowed = np.partition(shown, -reference.support, axis=1)[:, -reference.support] + reference.slack
    strange = places.logits > np.maximum(allowed, reference.floor + reference.slack)
    return ~np.isin(places.regions, places.regions[strange])


def lowered(
    defect: NDArray[np.int8], embedding: Floats, reference: Reference, quantisation: Quantisation
) -> NDArray[np.int8]:
    """Return the defect channel with its expected regions lowered; arguments as of :func:`raised`."""
    places = raised(defect, embedding, reference.floor, quantisation)
    known = expected(reference, places)
    if not known.any():
        return defect
    rows, columns = embedding.shape[:2]
    blocks = np.zeros((rows, columns), np.bool_)
    blocks[places.rows[known], places.columns[known]] = True
    cells = blocks.repeat(defect.shape[0] // rows, axis=0).repeat(defect.shape[1] // columns, axis=1)
    floor = _floor_level(reference.floor, quantisation)
    step = math.floor(reference.cap / quantisation.scale)
    quiet = np.maximum(defect.astype(np.int16) - step, floor)
    chosen = np.where(cells & (defect > floor), quiet, defect)
    return chosen.astype(np.int8)


def _peaks(defect: NDArray[np.int8], shape: tuple[int, ...]) -> NDArray[np.int8]:
    rows, columns = shape[0], shape[1]
    blocks = defect.reshape(rows, defect.shape[0] // rows, columns, defect.shape[1] // columns)
    return np.asarray(blocks.max(axis=(1, 3)), np.int8)


def _floor_level(floor: float, quantisation: Quantisation) -> int:
    """Return the highest stored value that does not stand for more than ``floor``, within the range of int8."""
    return max(quantisation.level(floor) - 1, _LOWEST)


def _distances(places: Places | Reference, reference: Reference) -> Floats:
    """Return root mean square distances over the channels, places x entries."""
    one, other = places.vectors, reference.vectors
    squared = (one**2).sum(axis=1)[:, np.newaxis] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0) / one.shape[1]), np.float32)


def _moved(places: Places | Reference, reference: Reference) -> Integers:
    """Return by how many cells places and entries lie apart, places x entries (the larger of the two axes)."""
    down = np.abs(places.rows[:, np.newaxis] - reference.rows)
    across = np.abs(places.columns[:, np.newaxis] - reference.columns)
    return np.asarray(np.maximum(down, across), np.int64)


def _per_part(values: NDArray[np.floating], parts: Integers) -> NDArray[np.floating]:
    """Return the highest value of each part, places x parts."""
    order = np.argsort(parts, kind="stable")
    starts = np.flatnonzero(np.diff(parts[order], prepend=parts[order][0] - 1))
    return np.maximum.reduceat(values[:, order], starts, axis=1)


def _distances_to_others(entries: Reference, reach: int | None) -> Floats:
    """Return each entry's distance to the ``support``-th nearest of the other parts; infinite where there are fewer."""
    distances = np.empty(len(entries.parts), np.float32)
    for start in range(0, len(distances), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(distances)))
        some = _chosen(entries, rows, radius=0.0, reach=None)
        apart = np.where(some.parts[:, np.newaxis] == entries.parts, np.inf, _distances(some, entries))
        if reach is not None:
            apart = np.where(_moved(some, entries) <= reach, apart, np.inf)
        nearest = -_per_part(-apart, entries.parts)
        distances[rows] = np.partition(nearest, entries.support - 1, axis=1)[:, entries.support - 1]
    return distances


def _unrelated(goods: Sequence[Good]) -> float:
    """Return the median distance between cells drawn at random from different parts."""
    cells = np.concatenate([good.cells for good in goods])
    parts = np.concatenate([np.full(len(good.cells), good.part) for good in goods])
    random = np.random.default_rng(0)
    one, other = random.integers(0, len(cells), (2, _UNRELATED_PAIRS))
    differing = parts[one] != parts[other]
    apart = cells[one[differing]] - cells[other[differing]]
    return float(np.median(np.sqrt((apart**2).mean(axis=1)))) if differing.any() else 0.0


def _thinned(entries: Reference, kept: Integers) -> Integers:
    """Keep at most ``ENTRIES_MAX``, the highest logits of every part first: fewer entries excuse less."""
    if len(kept) <= ENTRIES_MAX:
        return kept
    parts = entries.parts[kept]
    order = np.lexsort((-entries.logits[kept], parts))
    turn = np.arange(len(kept)) - np.searchsorted(parts[order], parts[order])
    return np.sort(kept[order[np.argsort(turn, kind="stable")][:ENTRIES_MAX]])


def _chosen(entries: Reference, rows: Integers, *, radius: float, reach: int | None) -> Reference:
    return Reference(
        vectors=entries.vectors[rows],
        logits=entries.logits[rows],
        rows=entries.rows[rows],
        columns=entries.columns[rows],
        parts=entries.parts[rows],
        floor=entries.floor,
        radius=radius,
        support=entries.support,
        slack=entries.slack,
        cap=entries.cap,
        reach=reach,
    )
