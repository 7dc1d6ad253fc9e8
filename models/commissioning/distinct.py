"""Which pictures show distinct parts: by their part numbers, and never where two frames are nearly the same; pure."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SAME_BELOW: Final = 0.5
"""Mean absolute difference of two thumbnails, in grey levels: frames of one part left lying differ by less."""
_THUMBNAIL: Final = (64, 36)

Thumbnail = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """A picture by which parts are told apart; ``part`` is None where it is a part of its own."""

    part: str | None
    thumbnail: Thumbnail


def thumbnail(image: NDArray[np.uint8]) -> Thumbnail:
    """Return a picture (height x width x 3, BGR) as 36 x 64 grey levels."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)


def distinct_parts(pictures: Sequence[Seen]) -> list[int]:
    """Return the number, from 0, of the distinct part that each picture shows.

    Pictures with one part number show one part. So do pictures whose thumbnails are nearly the same, whatever their
    numbers and groups say, and all that such pairs link: a copy of a frame, under any name, is no further part. Frames
    of two parts that are that alike count once too, which claims less, never more.
    """
    return linked(len(pictures), chain(same([picture.part for picture in pictures]), _alike(pictures)))


def linked(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return for each of ``count`` things the number, from 0, of the set that the pairs link it to."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        parent[root(one)] = root(other)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(count)]


def same(labels: Sequence[Hashable | None]) -> Iterator[tuple[int, int]]:
    """Yield the pairs that link things of one label; those without any are linked to nothing."""
    first: dict[Hashable, int] = {}
    for index, label in enumerate(labels):
        if label is not None:
            yield index, first.setdefault(label, index)


def _alike(pictures: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of pictures whose thumbnails are nearly the same."""
    if not pictures:
        return
    thumbnails = np.stack([picture.thumbnail for picture in pictures])
    means = thumbnails.mean(axis=(1, 2))
    for index, mean in enumerate(means):
        # Means differ by no more than the pictures do: few are left to compare.
        near = np.flatnonzero(np.abs(means[:index] - mean) <= SAME_BELOW)
        differences = np.abs(thumbnails[near] - thumbnails[index]).mean(axis=(1, 2))
        yield from ((index, int(other)) for other in near[differences < SAME_BELOW])
