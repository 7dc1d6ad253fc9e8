import re
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from camera.virtual import DEFECT_CLASSES, VirtualLine, VirtualParameters, VirtualPart


def small_line(**changes: float) -> VirtualLine:
    return VirtualLine(VirtualParameters(**{"seed": 3, "width": 640, "height": 360, **changes}))  # type: ignore[arg-type]


def same(first: VirtualPart, second: VirtualPart) -> bool:
    return (
        np.array_equal(first.image, second.image)
        and (first.part_id, first.verdict, first.model) == (second.part_id, second.verdict, second.model)
        and [(d.category, d.box) for d in first.defects] == [(d.category, d.box) for d in second.defects]
        and all(np.array_equal(a.mask, b.mask) for a, b in zip(first.defects, second.defects, strict=True))
    )


def test_a_part_depends_on_its_index_alone():
    line = small_line(defects=0.7)
    forwards = [line.render(index) for index in (0, 1, 2)]
    other = small_line(defects=0.7)
    for index in (2, 0, 1):
        assert same(other.render(index), forwards[index])


def test_threads_draw_the_same_parts():
    expected = [small_line(defects=0.7).render(index) for index in range(4)]
    shared = small_line(defects=0.7)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(shared.render, range(4)))
    assert all(same(first, second) for first, second in zip(expected, drawn, strict=True))


def test_seeds_and_indices_differ():
    part = small_line(defects=0.0).render(0)
    assert not np.array_equal(part.image, small_line(defects=0.0).render(1).image)
    assert not np.array_equal(part.image, small_line(defects=0.0, seed=4).render(0).image)


def test_a_picture_is_what_a_camera_hands_over():
    part = VirtualLine(VirtualParameters(defects=1.0)).render(5)
    assert part.image.shape == (1080, 1920, 3)
    assert part.image.dtype == np.uint8
    assert part.image.flags.c_contiguous
    assert not part.image.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        part.image[0, 0, 0] = 1
    for defect in part.defects:
        assert not defect.mask.flags.writeable


def test_part_numbers_fit_the_line_contract():
    line = small_line(seed=2**32 - 1)
    assert re.fullmatch(r"[A-Za-z0-9._:/-]{0,24}", line.plan(999_999_999).part_id)
    assert len({line.plan(index).part_id for index in range(100)}) == 100


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_plan_holds_the_share_of_defective_parts(share: float):
    line = small_line(defects=share)
    count = 1500
    plans = [line.plan(index) for index in range(count)]
    rejected = sum(plan.verdict == "reject" for plan in plans)
    assert abs(rejected - share * count) <= 4 * np.sqrt(count * share * (1 - share))
    assert all(bool(plan.categories) == (plan.verdict == "reject") for plan in plans)
    assert all(1 <= len(plan.categories) <= 3 for plan in plans if plan.categories)
    if share > 0.0:
        assert {name for plan in plans for name in plan.categories} == set(DEFECT_CLASSES)


def test_the_share_of_defects_changes_nothing_else():
    few, many = small_line(defects=0.0), small_line(defects=1.0)
    assert [few.plan(k).model_number for k in range(50)] == [many.plan(k).model_number for k in range(50)]
    assert np.array_equal(few.render(1).image, many.render(1, clean=True).image)


@pytest.mark.parametrize("category", DEFECT_CLASSES)
def test_a_defect_is_seen_where_its_mask_is(category: str):
    line = VirtualLine(VirtualParameters(seed=1, defects=1.0, width=960, height=540))
    index = next(k for k in range(500) if line.plan(k).categories == (category,))
    part, clean = line.render(index), line.render(index, clean=True)
    (defect,) = part.defects
    assert (defect.category, part.verdict, clean.verdict, clean.defects) == (category, "reject", "accept", ())
    assert defect.mask.shape == part.image.shape[:2]
    assert set(np.unique(defect.mask)) == {0, 255}
    assert defect.box == tuple(cv2.boundingRect(defect.mask))
    change = np.abs(part.image.astype(int) - clean.image.astype(int)).max(axis=2)
    inside = defect.mask > 0
    near = cv2.dilate(defect.mask, np.ones((41, 41), np.uint8)) > 0
    assert np.percentile(change[inside], 90) >= 8
    assert np.percentile(change[~near], 99) <= 4


def test_a_defect_stays_visible_in_weak_light():
    line = VirtualLine(VirtualParameters(seed=1, defects=1.0, width=960, height=540, lighting=0.1))
    for index in range(3):
        part, clean = line.render(index), line.render(index, clean=True)
        for defect in part.defects:
            change = np.abs(part.image.astype(int) - clean.image.astype(int)).max(axis=2)
            assert np.percentile(change[defect.mask > 0], 95) >= 5


def test_good_parts_carry_no_masks():
    part = small_line(defects=0.0).render(0)
    assert (part.verdict, part.defects) == ("accept", ())


def test_more_light_is_a_brighter_picture():
    levels = [small_line(defects=0.0, lighting=gain).render(0).image.mean() for gain in (0.05, 0.3, 1.0, 2.0, 4.0)]
    assert levels == sorted(levels)
    assert levels[0] < 0.3 * levels[2]


def test_drift_darkens_later_parts_only():
    steady, fading = small_line(defects=0.0), small_line(defects=0.0, drift=-0.5)
    assert np.array_equal(steady.render(0).image, fading.render(0).image)
    ratios = [fading.render(k).image.mean() / steady.render(k).image.mean() for k in (200, 600, 1200)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] < 0.6


def test_many_parts_share_a_model():
    line = small_line()
    numbers = [line.plan(index).model_number for index in range(4000)]
    assert 200 < len(set(numbers)) < 800


def test_a_part_before_the_first_is_refused():
    with pytest.raises(ValueError, match="first part is 0"):
        small_line().plan(-1)
