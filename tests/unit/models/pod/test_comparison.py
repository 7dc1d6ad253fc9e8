import math

import numpy as np
import pytest

from models.pod.comparison import RealDefect, compare_with_real
from models.pod.curve import Observation, PodModel, fit_pod


def model() -> PodModel:
    """Large spots (from about 20 px) are found, small ones are not; sizes 5-80 px, contrasts 0.05-0.3."""
    rng = np.random.default_rng(1)
    observations = []
    for index in range(300):
        size = math.exp(rng.uniform(math.log(5.0), math.log(80.0)))
        chance = 1.0 / (1.0 + math.exp(-4.0 * math.log(size / 20.0)))
        observations.append(
            Observation(
                size=size, contrast=rng.uniform(0.05, 0.3), hit=bool(rng.random() < chance), group=str(index % 20)
            )
        )
    return fit_pod(observations, resamples=200)


def real(size: float, hits: int, misses: int, contrast: float = 0.15) -> list[RealDefect]:
    return [RealDefect(kind="spot", size=size, contrast=contrast, hit=index < hits) for index in range(hits + misses)]


@pytest.mark.parametrize(("size", "hits", "misses", "agrees"), [(60.0, 29, 1, True), (60.0, 10, 20, False)])
def test_real_defects_are_held_against_the_curve(size: float, hits: int, misses: int, agrees: bool) -> None:
    found = compare_with_real({"spot": model()}, real(size, hits, misses))[0]
    assert (found.overlapping, found.hits, found.agrees) == (30, hits, agrees)
    assert found.expected == pytest.approx(0.98, abs=0.03)
    assert found.expected_interval is not None
    assert found.expected_interval[0] <= found.expected <= found.expected_interval[1]


def test_only_sizes_and_contrasts_that_were_tested_are_compared() -> None:
    defects = [*real(60.0, 5, 0), *real(500.0, 7, 0), *real(60.0, 0, 3, contrast=0.9)]
    found = compare_with_real({"spot": model()}, defects)[0]
    assert (found.real, found.outside_sizes, found.outside_contrasts, found.overlapping) == (15, 7, 3, 5)
    assert found.hits == 5


def test_without_overlap_or_curve_nothing_is_said() -> None:
    without_overlap, without_curve = compare_with_real(
        {"spot": model()},
        [*real(500.0, 4, 0), RealDefect(kind="weld", size=10.0, contrast=0.1, hit=True)],
    )
    assert (without_overlap.agrees, without_overlap.expected, without_overlap.interval) == (None, None, None)
    assert "tested range" in without_overlap.note
    assert "no synthetic curve" in without_curve.note
    assert compare_with_real({"spot": model()}, []) == ()
