"""Which pictures show distinct parts."""

import numpy as np

from models.commissioning.distinct import Seen, distinct_parts, thumbnail
from tests.support import networks


def seen(seed: int, *, part: str | None = None, brighter: float = 0.0) -> Seen:
    small = np.random.default_rng(seed).uniform(0, 255, (36, 64)).astype(np.float32)
    return Seen(part=part, thumbnail=small + np.float32(brighter))


def test_without_part_numbers_each_picture_is_a_part() -> None:
    assert distinct_parts([seen(1), seen(2), seen(3)]) == [0, 1, 2]


def test_pictures_with_one_part_number_show_one_part() -> None:
    assert distinct_parts([seen(1, part="a"), seen(2, part="b"), seen(3, part="a")]) == [0, 1, 0]


def test_frames_that_are_nearly_the_same_show_one_part_whatever_their_numbers_say() -> None:
    pictures = [seen(1, part="a"), seen(1, part="b", brighter=0.3), seen(1, part="c", brighter=0.6)]
    assert distinct_parts(pictures) == [0, 0, 0]  # the ends differ more, the middle links them


def test_frames_that_differ_a_little_show_distinct_parts() -> None:
    assert distinct_parts([seen(1), seen(1, brighter=0.6)]) == [0, 1]


def test_pictures_that_are_nearly_the_same_are_found_among_many() -> None:
    pictures = [seen(seed, brighter=10.0 * (seed % 5)) for seed in range(40)]
    assert distinct_parts([*pictures, *pictures]) == [*range(40), *range(40)]


def test_no_pictures_are_no_parts() -> None:
    assert distinct_parts([]) == []


def test_a_thumbnail_is_small_and_grey() -> None:
    assert thumbnail(networks.part(1)).shape == (36, 64)
