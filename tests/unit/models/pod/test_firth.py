import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pod.firth import fit_logistic


@given(hits=st.integers(0, 40), misses=st.integers(0, 40))
def test_a_constant_alone_has_a_known_answer(hits: int, misses: int) -> None:
    if hits + misses == 0:
        return
    outcomes = np.array([1.0] * hits + [0.0] * misses)
    found = fit_logistic(np.ones((len(outcomes), 1)), outcomes, np.ones((1, len(outcomes))))
    # Firth (1993): as if half a hit and half a miss had been seen besides.
    assert found[0, 0] == pytest.approx(math.log((hits + 0.5) / (misses + 0.5)), abs=1e-5)


def test_a_separated_study_has_finite_coefficients() -> None:
    values = np.linspace(-1.0, 1.0, 20)
    features = np.stack([np.ones(20), values], axis=1)
    found = fit_logistic(features, (values > 0.0).astype(float), np.ones((1, 20)))
    assert np.isfinite(found).all()
    assert 1.0 < found[0, 1] < 100.0


def test_a_weight_is_a_repetition() -> None:
    rng = np.random.default_rng(1)
    features = np.stack([np.ones(30), rng.normal(size=30)], axis=1)
    hits = (rng.random(30) < 0.5).astype(float)
    times = rng.integers(1, 4, 30)
    repeated = np.repeat(np.arange(30), times)
    weighted = fit_logistic(features, hits, times[None].astype(float))
    plain = fit_logistic(features[repeated], hits[repeated], np.ones((1, len(repeated))))
    assert weighted == pytest.approx(plain, abs=1e-6)


def test_a_large_study_gives_the_truth_back() -> None:
    rng = np.random.default_rng(2)
    features = np.stack([np.ones(20000), rng.normal(size=20000), rng.normal(size=20000)], axis=1)
    truth = np.array([-0.5, 1.5, -0.8])
    hits = (rng.random(20000) < 1.0 / (1.0 + np.exp(-features @ truth))).astype(float)
    assert fit_logistic(features, hits, np.ones((1, 20000)))[0] == pytest.approx(truth, abs=0.08)
