import cv2
import numpy as np
import pytest

from edge.core.dataset import DatasetImage
from edge.core.types import Decision
from models.audit.classical import SETTINGS, Strengths, blob_strengths, judge_without_learning
from models.evaluation import ranking


def entry(name: str, truth: str, group: str | None) -> DatasetImage:
    return DatasetImage(id=name, file=name, truth=truth, group=group, part_id=None, view=None, boxes=())  # type: ignore[arg-type]


def strengths(value: float) -> Strengths:
    return (value,) * len(SETTINGS)


def part(seed: int, *, blemish: int = 0, light: float = 1.0) -> np.ndarray:
    """A textured part with a shading gradient and an edge; ``blemish`` is a spot's contrast in grey levels."""
    random = np.random.default_rng(seed)
    picture = np.full((180, 320), 90.0) + np.linspace(0, 40, 320) + random.normal(0, 2, (180, 320))
    picture[:, :40] = 20
    if blemish:
        x, y = int(random.integers(90, 280)), int(random.integers(30, 150))
        cv2.circle(picture, (x, y), 5, float(picture[y, x] + blemish), -1)
    return np.repeat(np.clip(picture * light, 0, 255).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


@pytest.mark.parametrize("blemish", [-50, 50])
def test_it_finds_plain_spots_on_parts_and_lights_that_it_was_not_tuned_on(blemish: int) -> None:
    entries, found = [], []
    for group in range(4):
        for number in range(6):
            bad = number % 2 == 1
            seed = 10 * group + number
            picture = part(seed, blemish=blemish if bad else 0, light=0.8 + 0.1 * group)
            entries.append(entry(f"{seed}", "reject" if bad else "accept", f"g{group}"))
            found.append(blob_strengths(picture))
    result = judge_without_learning(entries, found)
    assert ranking(result.images) == 1.0
    assert all((image.decision is Decision.REJECT) == image.bad for image in result.images)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 900, 3), (3, 3, 3)])
def test_pictures_of_any_size_have_finite_strengths(shape: tuple[int, ...]) -> None:
    found = blob_strengths(np.full(shape, 128, np.uint8))
    assert len(found) == len(SETTINGS)
    assert all(np.isfinite(found))


def test_the_threshold_never_comes_from_the_group_that_it_judges() -> None:
    # Group b is shifted: tuned on itself it would be faultless, tuned on a alone all of it lies above.
    entries = [entry(name, truth, name[0]) for name, truth in (("a1", "accept"), ("a2", "reject"), ("b1", "accept"))]
    entries.append(entry("b2", "reject", "b"))
    result = judge_without_learning(entries, [strengths(value) for value in (1.0, 2.0, 10.0, 20.0)])
    assert [image.decision for image in result.images] == [
        Decision.ACCEPT,
        Decision.ACCEPT,
        Decision.REJECT,
        Decision.REJECT,
    ]


def test_scores_compare_between_folds() -> None:
    entries = [entry(f"{group}{truth}", truth, group) for group in "abc" for truth in ("accept", "reject")]
    result = judge_without_learning(entries, [strengths(value) for value in (1.0, 3.0, 1.1, 2.9, 0.9, 3.1)])
    assert all(image.score is not None and (image.score > 0.5) == image.bad for image in result.images)


@pytest.mark.parametrize(
    ("groups", "truths", "reason"),
    [
        ("aab", ("accept", "accept", "accept"), "same verdict"),
        ("aaa", ("accept", "reject", "accept"), "two groups"),
        ("aab", ("accept", "accept", "reject"), "one group alone"),
    ],
)
def test_where_nothing_can_be_tuned_it_says_why(groups: str, truths: tuple[str, ...], reason: str) -> None:
    entries = [entry(f"{place}", truth, group) for place, (group, truth) in enumerate(zip(groups, truths, strict=True))]
    result = judge_without_learning(entries, [strengths(1.0)] * 3)
    assert result.images == ()
    assert result.reason is not None
    assert reason in result.reason


def test_what_cannot_be_read_or_tuned_for_is_cannot_judge_and_counted() -> None:
    entries = [
        entry(f"{place}", truth, group)
        for place, (truth, group) in enumerate(
            [("accept", "a"), ("reject", "a"), ("accept", "b"), ("accept", "b"), ("accept", "b")]
        )
    ]
    values = [strengths(1.0), strengths(2.0), strengths(1.0), strengths(1.0), None]
    result = judge_without_learning(entries, values)
    assert result.untuned == 2
    assert [image.decision for image in result.images] == [
        Decision.CANNOT_JUDGE,
        Decision.CANNOT_JUDGE,
        Decision.ACCEPT,
        Decision.ACCEPT,
        Decision.CANNOT_JUDGE,
    ]
