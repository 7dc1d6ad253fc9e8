"""Pictures that show the same thing: perceptual hashes, a finer comparison, and whether a defect is seen in both."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import LabelledBox

HASH_DISTANCE_MAX: Final = 12
"""Bits of 64 in which the hashes of near-duplicates may differ."""
SIMILARITY_MIN: Final = 0.72
"""Similarity from which two pictures are near-duplicates.

Different parts of one shape on one table were seen to reach .66, frames of one part in different light .67 to .99.
"""
SAME_VIEW_MIN: Final = 0.9
"""Similarity from which parts lie so much alike that a defect of the one can be looked for in the other."""
DEFECT_MATCH_MIN: Final = 0.95
"""Correlation from which a defect is seen in both pictures.

In the next frame of a defective part it was .997 (median), where the defect had been removed .74 at most.
"""

_SIDE: Final = 64
_HASH_SIDE: Final = 32
_HASH_BAND: Final = 8
_BLUR: Final = 4.0
_NOISE: Final = 4.0
_FLAT_DEVIATION: Final = 1.0
_BLOCK: Final = 256
_CHUNK: Final = 4096
_PAIRS_MAX: Final = 200_000
_PATCH_MARGIN: Final = 8
_PATCH_SIDE: Final = 256
_SEARCH: Final = 24
_PATCH_DEVIATION: Final = 2.0
_WINDOW_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fingerprint:
    """What is kept of a picture for comparison.

    ``digest`` is the same only for the very same pixels; ``bits`` is a 64-bit perceptual hash; ``texture`` (4096 values
    of unit length) the picture's structure at 64 x 64, each place in units of its surroundings' contrast, so that light
    and its fall-off say nothing; it is all zero where the picture is ``flat``.
    """

    digest: bytes
    bits: int
    texture: NDArray[np.float32]
    flat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures by index, the bits in which their hashes differ, and the correlation of their textures (-1 to 1)."""

    first: int
    second: int
    distance: int
    similarity: float


def fingerprint(pixels: NDArray[np.uint8]) -> Fingerprint:
    """Return the fingerprint of a picture, height x width x 3, BGR, uint8."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    flat = bool(small.std() < _FLAT_DEVIATION and int(grey.max()) - int(grey.min()) < _NOISE)
    detail = small - cv2.GaussianBlur(small, (0, 0), _BLUR)
    texture = detail / np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), _BLUR) + _NOISE)
    texture -= texture.mean()
    length = float(np.linalg.norm(texture))
    shape = np.array(pixels.shape, np.int64).tobytes()
    return Fingerprint(
        digest=hashlib.blake2b(np.ascontiguousarray(pixels).data, key=shape, digest_size=16).digest(),
        bits=_hash(small),
        texture=np.zeros(_SIDE * _SIDE, np.float32) if flat or not length else (texture / length).ravel(),
        flat=flat,
    )


def _hash(small: NDArray[np.float32]) -> int:
    """Return the perceptual hash: which of the 63 lowest cosine terms lie above their median (Zauner 2010)."""
    tiny = cv2.resize(small, (_HASH_SIDE, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    terms = cv2.dct(tiny)[:_HASH_BAND, :_HASH_BAND].ravel()[1:]
    return int.from_bytes(np.packbits(terms > np.median(terms)).tobytes())


def identical_sets(prints: Sequence[Fingerprint]) -> list[tuple[int, ...]]:
    """Return the indices of pictures with the very same pixels, two or more at a time."""
    found: dict[bytes, list[int]] = {}
    for index, one in enumerate(prints):
        found.setdefault(one.digest, []).append(index)
    return [tuple(members) for members in found.values() if len(members) > 1]


def near_duplicates(
    prints: Sequence[Fingerprint], groups: Sequence[str], truths: Sequence[str]
) -> tuple[list[Pair], int]:
    """Return near-duplicates that differ in group or in verdict, and how many there are that differ in group.

    A pair has hashes that differ in at most ``HASH_DISTANCE_MAX`` bits and textures that correlate by at least
    ``SIMILARITY_MIN``: the hash alone takes black parts on one table for duplicates. The most similar come first; of
    very many the 200 000 most similar are listed.

    Args:
        prints: One for each picture.
        groups: The group of each picture.
        truths: The verdict of each picture.
    """
    textures = np.array([one.texture for one in prints], np.float32).reshape(len(prints), _SIDE * _SIDE)
    hashes = np.array([one.bits for one in prints], np.uint64)
    group, truth = (np.unique(np.array(values, str), return_inverse=True)[1] for values in (groups, truths))
    table, count = np.empty((0, 4)), 0
    for start in range(0, len(prints), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(prints)))
        columns = np.arange(start, len(prints))
        across = group[rows, np.newaxis] != group[np.newaxis, columns]
        differ = across | (truth[rows, np.newaxis] != truth[np.newaxis, columns])
        distances = np.bitwise_count(hashes[rows, np.newaxis] ^ hashes[np.newaxis, columns])
        similarities = textures[rows] @ textures[columns].T
        chosen = differ & (distances <= HASH_DISTANCE_MAX) & (similarities >= SIMILARITY_MIN)
        chosen &= rows[:, np.newaxis] < columns[np.newaxis]
        row, column = np.nonzero(chosen)
        count += int(np.count_nonzero(chosen & across))
        found = np.column_stack([rows[row], columns[column], distances[row, column], similarities[row, column]])
        table = np.vstack([table, found])
        table = table[np.argsort(-table[:, 3], kind="stable")[:_PAIRS_MAX]]
    pairs = [
        Pair(first=int(first), second=int(second), distance=int(distance), similarity=float(similarity))
        for first, second, distance, similarity in table
    ]
    return pairs, count


def individual_similarities(prints: Sequence[Fingerprint], groups: Sequence[str], pairs: Sequence[Pair]) -> list[float]:
    """Return how much the pictures of each pair resemble each other beyond what the groups of all pairs share.

    Parts of one design in one fixture all look alike; with the mean texture of their groups taken away, what is left is
    the part's own, and noise. From -1 to 1, as for ``Pair.similarity``.

    Args:
        prints: One for each picture.
        groups: The group of each picture.
        pairs: The pairs that look alike.
    """
    members = sorted({index for pair in pairs for index in (pair.first, pair.second)})
    own = np.array([prints[index].texture for index in members], np.float32).reshape(len(members), _SIDE * _SIDE)
    _, of_group, sizes = np.unique(
        np.array([groups[index] for index in members], str), return_inverse=True, return_counts=True
    )
    if members:
        own -= np.average(own, axis=0, weights=1.0 / sizes[of_group]).astype(np.float32)
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    place = {index: row for row, index in enumerate(members)}
    rows = np.array([(place[pair.first], place[pair.second]) for pair in pairs], np.intp).reshape(-1, 2)
    values: list[float] = []
    for start in range(0, len(rows), _CHUNK):
        first, second = rows[start : start + _CHUNK].T
        values += np.einsum("ij,ij->i", own[first], own[second]).tolist()
    return values


def joined(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the names that pairs hold together, directly or over others; the largest set first."""
    above: dict[str, str] = {}

    def root(name: str) -> str:
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    for one, other in pairs:
        above[root(one)] = root(other)
    sets: dict[str, list[str]] = {}
    for name in sorted(above):
        sets.setdefault(root(name), []).append(name)
    return sorted((tuple(names) for names in sets.values()), key=lambda names: (-len(names), names))


def defect_match(
    rejected: NDArray[np.uint8], boxes: Sequence[LabelledBox], accepted: NDArray[np.uint8]
) -> float | None:
    """Return how well the best seen of a picture's labelled defects is seen at the same place in another picture.

    The other picture may lie a few pixels beside the first and have another size. None where no defect has any contrast
    to be compared by.

    Args:
        rejected: The picture with the defects, height x width, grey.
        boxes: Its defects; ``ignore`` regions do not count.
        accepted: The other picture, height x width, grey.
    """
    height, width = rejected.shape
    if accepted.shape != rejected.shape:
        accepted = np.asarray(cv2.resize(accepted, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    matches = [_patch_match(rejected, box, accepted) for box in boxes if not box.ignore]
    return max((match for match in matches if match is not None), default=None)


def _patch_match(rejected: NDArray[np.uint8], box: LabelledBox, accepted: NDArray[np.uint8]) -> float | None:
    patch, window = _cut(rejected, box, _PATCH_MARGIN), _cut(accepted, box, _PATCH_MARGIN + _SEARCH)
    if not patch.size:
        return None
    scale = min(_PATCH_SIDE / max(patch.shape), 1.0)
    if scale < 1.0:
        patch, window = (_shrunk(one, scale) for one in (patch, window))
    patch, window = (np.asarray(cv2.GaussianBlur(one, (0, 0), 1.0), np.uint8) for one in (patch, window))
    if patch.std() < _PATCH_DEVIATION:
        return None
    matches = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(matches)
    # Correlation with a flat window is a quotient of rounding errors.
    seen = window[y : y + patch.shape[0], x : x + patch.shape[1]]
    return float(best) if seen.std() >= _WINDOW_SHARE * patch.std() else 0.0


def _shrunk(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    height, width = (max(round(side * scale), 1) for side in picture.shape)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _cut(picture: NDArray[np.uint8], box: LabelledBox, margin: int) -> NDArray[np.uint8]:
    left, top = max(int(box.x) - margin, 0), max(int(box.y) - margin, 0)
    right, bottom = int(box.x + box.width) + margin, int(box.y + box.height) + margin
    return picture[top : max(bottom, 0), left : max(right, 0)]
