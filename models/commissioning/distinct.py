"""Which pictures show distinct parts: by their part numbers, and never where two frames are nearly the same; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    group: str | None
    thumbnail: Thumbnail


def thumbnail(image: NDArray[np.uint8]) -> Thumbnail:
    """Return a picture (height x width x 3, BGR) as 36 x 64 grey levels."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA), np.float32)


def distinct_parts(pictures: Sequence[Seen]) -> list[int]:
    """Return the number, from 0, of the distinct part that each picture shows.

    Pictures with one part number show one part. So do pictures of one group whose thumbnails are nearly the same,
    whatever their numbers say, and all that such pairs link.
    """
    parent = list(range(len(pictures)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    groups: dict[str | None, list[int]] = {}
    for index, picture in enumerate(pictures):
        if picture.part is not None:
            parent[root(index)] = root(first.setdefault(picture.part, index))
        members = groups.setdefault(picture.group, [])
        if members:
            others = np.stack([pictures[member].thumbnail for member in members])
            differences = np.abs(others - picture.thumbnail).mean(axis=(1, 2))
            for member in np.flatnonzero(differences < SAME_BELOW):
                parent[root(index)] = root(members[int(member)])
        members.append(index)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(len(pictures))]
