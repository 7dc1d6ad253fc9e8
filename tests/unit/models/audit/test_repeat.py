import numpy as np
import pytest

from edge.core.types import Decision
from models.audit.repeat import Shots, jittered, repeatability, repeated_shots
from tests.support.judgements import LIMITS, judged

ACCEPT, REJECT, UNSURE = Decision.ACCEPT, Decision.REJECT, Decision.CANNOT_JUDGE


def shots(name: str, *scores: float | None, bad: bool = True) -> Shots:
    judgements = [judged("reject", score) for score in scores]
    return Shots(name=name, bad=bad, decisions=tuple(one.decision for one in judgements), scores=scores)


def test_a_flip_is_counted_once_however_often_it_happens() -> None:
    found = repeatability(
        [shots("steady", 0.1, 0.1, 0.12), shots("flips", 0.1, 0.3, 0.1), shots("wild", 0.1, 0.9, 0.1, bad=False)],
        LIMITS,
        "jittered",
    )
    assert found is not None
    assert (found.flips.count, found.flips.n, found.shots) == (2, 3, 3)
    assert (found.accept_reject.count, found.hidden_escapes.count, found.hidden_escapes.n) == (1, 1, 2)
    assert found.flipped == ("wild", "flips")


def test_flips_near_a_limit_are_over_the_views_that_came_near_one() -> None:
    found = repeatability(
        [shots("near", 0.19, 0.21), shots("close", 0.83, 0.84), shots("far", 0.5, 0.5)], LIMITS, "repeated"
    )
    assert found is not None
    assert (found.near_flips.count, found.near_flips.n) == (1, 2)


def test_a_shot_without_a_score_is_a_flip_of_its_own() -> None:
    found = repeatability([shots("dropped", 0.1, None)], LIMITS, "jittered")
    assert found is not None
    assert (found.flips.count, found.spread_median) == (1, 0.0)


def test_nothing_repeated_nothing_said() -> None:
    assert repeatability([], LIMITS, "jittered") is None


def test_real_repeats_share_part_and_view() -> None:
    images = [
        judged("accept", 0.1, "a", part="7", view="top"),
        judged("accept", 0.3, "b", part="7", view="top"),
        judged("accept", 0.3, "c", part="7", view="side"),
        judged("accept", 0.3, "d", part="8"),
        judged("accept", 0.3, "e", part="8"),
    ]
    (found,) = repeated_shots(images)
    assert (found.name, found.decisions) == ("7, top", (ACCEPT, UNSURE))


def test_jitter_is_small_repeatable_and_different_each_time() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    smooth = np.repeat(np.linspace(20, 230, 60, dtype=np.uint8)[np.newaxis, :, np.newaxis], 40, axis=0).repeat(
        3, axis=2
    )
    first = jittered(smooth, "a.png", 0)
    assert np.array_equal(first, jittered(smooth, "a.png", 0))
    assert not np.array_equal(first, jittered(smooth, "a.png", 1))
    assert not np.array_equal(first, jittered(smooth, "b.png", 0))
    assert np.abs(first.astype(int) - smooth).max() <= 25
    assert jittered(picture, "a.png", 0).shape == picture.shape


@pytest.mark.parametrize("level", [0, 255])
def test_jitter_stays_a_picture_at_the_ends_of_the_scale(level: int) -> None:
    lit = jittered(np.full((9, 9, 3), level, np.uint8), "a.png", 0)
    assert lit.dtype == np.uint8
    assert np.abs(lit.astype(int) - level).max() <= 15
