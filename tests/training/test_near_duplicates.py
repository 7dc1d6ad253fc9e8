from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.dataset import LabelledBox
from models.training.near_duplicates import (
    DEFECT_MATCH_MIN,
    SIMILARITY_MIN,
    Fingerprint,
    defect_match,
    fingerprint,
    identical_sets,
    individual_similarities,
    joined,
    near_duplicates,
)

pytestmark = pytest.mark.training

DEFECT = LabelledBox(x=60, y=40, width=30, height=16, category="scratch")


def part(seed: int, *, height: int = 160, width: int = 240) -> NDArray[np.uint8]:
    """A grey part with a texture of its own, on the same table as all others."""
    source = np.random.default_rng(seed)
    coarse = cv2.resize(source.normal(0, 14, (20, 30)).astype(np.float32), (width, height))
    surface = 60 + coarse + source.normal(0, 2, (height, width))
    surface[:12] = surface[-12:] = surface[:, :12] = surface[:, -12:] = 150
    return np.repeat(np.clip(surface, 0, 255).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def scratched(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    marked = picture.copy()
    cv2.line(marked, (62, 42), (88, 54), (190, 190, 190), 2)
    return marked


def black_part(seed: int, frame: int = 0) -> NDArray[np.uint8]:
    """A black part in a fixture: like all others but for its dust and the noise of each frame."""
    picture = np.full((160, 240), 90.0)
    picture[20:140, 20:220] = 12
    dust = np.random.default_rng(seed)
    for x, y in dust.integers((30, 30), (210, 130), (5, 2)):
        cv2.circle(picture, (int(x), int(y)), 2, 30.0, -1)
    picture += np.random.default_rng(1000 * seed + frame).normal(0, 1, picture.shape)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def printed_part(seed: int, frame: int = 0) -> NDArray[np.uint8]:
    """A part with the same print as all others, a faint texture of its own, and the noise of each frame."""
    source = np.random.default_rng(seed)
    own = cv2.resize(source.normal(0, 6, (20, 30)).astype(np.float32), (240, 160))
    noise = np.random.default_rng(1000 * seed + frame).normal(0, 1, (160, 240))
    return np.clip(part(77) + (own + noise)[:, :, np.newaxis], 0, 255).astype(np.uint8)


def pairs(
    pictures: list[NDArray[np.uint8]], groups: list[str], truths: list[str] | None = None
) -> list[tuple[int, int]]:
    found, _ = near_duplicates([fingerprint(one) for one in pictures], groups, truths or ["accept"] * len(pictures))
    return [(pair.first, pair.second) for pair in found]


def darker(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(picture * 0.5, np.uint8)


def stored_again(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 70])
    read = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert read is not None
    return np.asarray(read, np.uint8)


def shifted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.roll(picture, 2, axis=1)


def smaller(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, (180, 120), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("change", [darker, stored_again, shifted, smaller, scratched])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_another_picture_of_one_part_is_found(
    seed: int, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    assert pairs([part(seed), part(50), change(part(seed))], ["a", "b", "c"]) == [(0, 2)]


def test_different_parts_are_not_taken_for_one() -> None:
    assert pairs([part(seed) for seed in range(20)], [str(seed) for seed in range(20)]) == []


def test_only_pairs_that_differ_in_group_or_verdict_are_of_interest() -> None:
    pictures = [part(1), part(1), part(1)]
    assert pairs(pictures, ["a", "a", "a"]) == []
    assert pairs(pictures, ["a", "a", "a"], ["accept", "accept", "reject"]) == [(0, 2), (1, 2)]
    assert pairs(pictures, ["a", "b", "b"]) == [(0, 1), (0, 2)]


def test_pairs_across_groups_are_counted_apart_from_those_across_verdicts() -> None:
    prints = [fingerprint(part(1)) for _ in range(3)]
    found, across = near_duplicates(prints, ["a", "a", "b"], ["accept", "reject", "accept"])
    assert (len(found), across) == (3, 2)


def test_black_parts_on_one_table_are_not_taken_for_one() -> None:
    pictures = [black_part(seed) for seed in range(8)]
    assert pairs([*pictures, black_part(3, frame=1)], [str(number) for number in range(9)]) == [(3, 8)]


def test_among_parts_of_one_design_the_one_under_two_names_stands_out() -> None:
    pictures = [printed_part(seed) for seed in range(8)] + [printed_part(3, frame=1)]
    prints, groups = [fingerprint(one) for one in pictures], [str(number) for number in range(9)]
    found, _ = near_duplicates(prints, groups, ["accept"] * 9)
    own = individual_similarities(prints, groups, found)
    alike = [(pair.first, pair.second) for pair, value in zip(found, own, strict=True) if value >= SIMILARITY_MIN]
    assert len(found) > 20, "all look alike"
    assert alike == [(3, 8)]


def test_without_pairs_nothing_is_alike() -> None:
    assert individual_similarities([], [], []) == []
    assert near_duplicates([], [], []) == ([], 0)


def test_a_picture_of_one_colour_is_like_no_other() -> None:
    flat = [np.full((40, 60, 3), level, np.uint8) for level in (0, 0, 128)]
    assert all(fingerprint(one).flat for one in flat)
    assert pairs(flat, ["a", "b", "c"]) == []
    assert not fingerprint(part(1)).flat


def test_the_most_similar_pair_comes_first() -> None:
    found, _ = near_duplicates(
        [fingerprint(one) for one in (part(1), stored_again(darker(part(1))), part(1))], ["a", "b", "c"], ["accept"] * 3
    )
    assert (found[0].first, found[0].second, found[0].distance) == (0, 2, 0)
    assert found[0].similarity == pytest.approx(1.0, abs=1e-4)


def test_copies_are_told_from_pictures_that_differ_in_one_pixel() -> None:
    changed = part(1)
    changed[5, 5, 0] ^= 1
    prints: list[Fingerprint] = [fingerprint(one) for one in (part(1), changed, part(2), part(1))]
    assert identical_sets(prints) == [(0, 3)]
    turned = fingerprint(np.ascontiguousarray(np.zeros((2, 6, 3), np.uint8)))
    assert turned.digest != fingerprint(np.zeros((6, 2, 3), np.uint8)).digest


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))))
def test_joined_names_are_a_partition_that_no_pair_leaves(found: list[tuple[str, str]]) -> None:
    sets = joined(found)
    names = [name for one in sets for name in one]
    assert sorted(names) == sorted({name for pair in found for name in pair})
    for pair in found:
        assert any(set(pair) <= set(one) for one in sets)


def test_a_defect_is_seen_again_in_the_next_frame_and_not_where_it_was_removed() -> None:
    rejected = scratched(part(1))[:, :, 0]
    again = shifted(scratched(part(1)))[:, :, 0]
    noisy = np.clip(again + np.random.default_rng(0).normal(0, 2, again.shape), 0, 255).astype(np.uint8)
    seen, removed = (defect_match(rejected, [DEFECT], other) for other in (noisy, part(1)[:, :, 0]))
    assert seen is not None
    assert seen > DEFECT_MATCH_MIN
    assert removed is not None
    assert removed < 0.8


def test_a_defect_is_seen_in_a_picture_of_another_size() -> None:
    match = defect_match(scratched(part(1))[:, :, 0], [DEFECT], smaller(scratched(part(1)))[:, :, 0])
    assert match is not None
    assert match > 0.9


def test_what_has_no_contrast_or_is_ignored_cannot_be_compared() -> None:
    plain = np.full((160, 240), 80, np.uint8)
    ignored = LabelledBox(x=60, y=40, width=30, height=16, category="scratch", ignore=True)
    outside = LabelledBox(x=900, y=40, width=30, height=16, category="scratch")
    assert defect_match(plain, [DEFECT], plain) is None
    assert defect_match(scratched(part(1))[:, :, 0], [ignored, outside], plain) is None
    assert defect_match(scratched(part(1))[:, :, 0], [DEFECT], plain) == 0.0


@given(
    st.floats(-50, 250),
    st.floats(-50, 170),
    st.floats(0.1, 400),
    st.floats(0.1, 400),
    st.sampled_from([(160, 240), (9, 7)]),
)
def test_a_box_anywhere_is_compared_without_a_fault(
    x: float, y: float, width: float, height: float, other: tuple[int, int]
) -> None:
    box = LabelledBox(x=x, y=y, width=width, height=height, category="scratch")
    accepted = np.random.default_rng(1).integers(0, 256, other, np.uint8)
    match = defect_match(part(1)[:, :, 0], [box], accepted)
    assert match is None or -1.001 <= match <= 1.001
