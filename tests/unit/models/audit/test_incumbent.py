import pytest

from models.audit.incumbent import MARGIN, Comparison, compare_bundles, judge_alike
from models.bundle import Bundle
from models.bundle.archive import parse_bundle
from models.bundle.writing import pack
from models.evaluation import JudgedImage
from tests.support.bundles import manifest, members
from tests.support.judgements import judged


def compared(
    ours: list[float], theirs: list[float], *, alike: bool = False, groups: int = 0, margin: float = MARGIN
) -> Comparison:
    def images(scores: list[float]) -> list[JudgedImage]:
        return [
            judged("reject", score, f"{place}", group=f"g{place % groups}" if groups else None)
            for place, score in enumerate(scores)
        ]

    return compare_bundles(images(ours), images(theirs), label="old-1", alike=alike, margin=margin)


def test_alike_on_enough_parts_is_releasable() -> None:
    found = compared([0.9] * 52, [0.9] * 52)
    assert found.releasable
    assert found.upper == pytest.approx(0.05, abs=1e-3)
    assert "Not worse" in found.finding


def test_one_part_less_shows_nothing_and_says_how_many_are_missing() -> None:
    found = compared([0.9] * 51, [0.9] * 51)
    assert not found.releasable
    assert "at least 1 more" in found.finding


def test_new_escapes_are_refused_and_the_counts_told() -> None:
    found = compared([0.1] * 8 + [0.9] * 92, [0.9] * 100)
    assert not found.releasable
    assert (found.escapes.counts.first_only, found.escapes.counts.second_only) == (8, 0)
    assert found.escapes.p_value == pytest.approx(2 / 2**8)
    assert "8 of 100 defective parts escape it but not the incumbent old-1" in found.finding
    assert "Keep the incumbent" in found.finding


def test_fewer_escapes_are_releasable_also_where_parts_are_few() -> None:
    assert compared([0.9] * 30, [0.1] * 15 + [0.9] * 15).releasable


def test_escapes_that_crowd_in_one_group_weigh_more_than_single_parts() -> None:
    spread = compared([0.1] + [0.9] * 199, [0.9] * 200, groups=0)
    assert spread.releasable
    crowded = compare_bundles(
        [
            judged("reject", 0.1 if place < 4 else 0.9, f"{place}", group="a" if place < 12 else "b")
            for place in range(200)
        ],
        [judged("reject", 0.9, f"{place}", group="a" if place < 12 else "b") for place in range(200)],
        label="old-1",
        alike=False,
        margin=MARGIN,
    )
    assert crowded.upper == pytest.approx(4 / 12)
    assert not crowded.releasable


def test_without_a_defective_part_nothing_is_shown() -> None:
    good = [judged("accept", 0.1)]
    found = compare_bundles(good, good, label="old-1", alike=False, margin=MARGIN)
    assert not found.releasable
    assert "no defective part" in found.finding


def test_parts_that_the_bundle_was_made_with_show_nothing() -> None:
    images = [judged("reject", 0.9, f"{place}", part=f"{place // 2}", view="ab"[place % 2]) for place in range(120)]
    fresh = compare_bundles(images, images, label="old-1", alike=False, margin=MARGIN, known={"119.png"})
    assert (fresh.escapes.counts.total, fresh.left_out, fresh.releasable) == (59, 1, True)
    assert "1 more it was made with" in fresh.finding
    everything = {image.entry.file for image in images}
    known = compare_bundles(images, images, label="old-1", alike=False, margin=MARGIN, known=everything)
    assert (known.left_out, known.releasable) == (60, False)
    assert "no defective part that it was not made with" in known.finding


def test_the_same_judge_under_another_name_needs_no_parts() -> None:
    found = compared([0.1], [0.1], alike=True)
    assert found.releasable
    assert "exactly as the incumbent" in found.finding


def test_overkills_are_counted_on_good_parts() -> None:
    ours = [judged("accept", 0.9, "a"), judged("accept", 0.1, "b"), judged("reject", 0.9, "c")]
    theirs = [judged("accept", 0.1, "a"), judged("accept", 0.9, "b"), judged("reject", 0.9, "c")]
    counts = compare_bundles(ours, theirs, label="old-1", alike=False, margin=MARGIN).overkills.counts
    assert (counts.first_only, counts.second_only, counts.total) == (1, 1, 2)


def test_other_pictures_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same pictures"):
        compare_bundles([judged("reject", 0.9, "a")], [judged("reject", 0.9, "b")], label="x", alike=False, margin=0.1)


def bundle(network: bytes = b"no network", **changes: object) -> Bundle:
    return parse_bundle(pack(manifest(**changes), members() | {"model.tflite": network}), "test")


def test_a_new_version_number_judges_alike_and_other_limits_do_not() -> None:
    assert judge_alike(bundle(), bundle(version=4))
    stricter = {"accept_below": 0.1, "reject_above": 0.8, "risk_claim": None}
    assert not judge_alike(bundle(), bundle(decision=stricter))
    assert not judge_alike(bundle(), bundle(network=b"another"))
