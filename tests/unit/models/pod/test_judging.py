from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.core.types import Box, Decision, Limits
from models.errors import ModelError
from models.pod.judging import detector_judge, judged

LIMITS = Limits(accept_below=0.3, reject_above=0.6)
PICTURE = np.zeros((20, 20, 3), np.uint8)
FOUND = Box(x=1, y=2, width=3, height=4, category="oil", category_id=1, score=0.9)


def detector(score: float, novelty: float | None = None) -> Any:
    return SimpleNamespace(inspect=lambda _picture: SimpleNamespace(score=score, boxes=(FOUND,), novelty=novelty))


def test_what_is_unlike_the_training_is_not_accepted() -> None:
    assert detector_judge(detector(0.1, novelty=1.2), LIMITS)(PICTURE).decision is Decision.CANNOT_JUDGE
    assert detector_judge(detector(0.1, novelty=0.8), LIMITS)(PICTURE).decision is Decision.ACCEPT


@pytest.mark.parametrize(
    ("score", "decision"),
    [(0.29, Decision.ACCEPT), (0.3, Decision.CANNOT_JUDGE), (0.6, Decision.CANNOT_JUDGE), (0.61, Decision.REJECT)],
)
def test_a_detector_judges_at_the_limits_it_is_given(score: float, decision: Decision) -> None:
    verdict = detector_judge(detector(score), LIMITS)(PICTURE)
    assert (verdict.decision, verdict.score, verdict.boxes) == (decision, score, (FOUND,))


def test_a_detector_that_fails_says_why_and_accepts_nothing() -> None:
    def failing(_picture: np.ndarray) -> Any:
        raise ModelError("the network failed")

    verdict = judged(detector_judge(SimpleNamespace(inspect=failing), LIMITS), PICTURE)  # type: ignore[arg-type]
    assert (verdict.decision, verdict.score, verdict.fault) == (Decision.CANNOT_JUDGE, None, "the network failed")
