import numpy as np

from edge.core.types import Decision
from models.errors import ModelError
from models.pod.judging import Judgement, judged

PICTURE = np.zeros((20, 20, 3), np.uint8)


def test_a_judge_that_fails_says_why_and_accepts_nothing() -> None:
    def failing(_picture: np.ndarray) -> Judgement:
        raise ModelError("the network failed")

    verdict = judged(failing, PICTURE)
    assert (verdict.decision, verdict.score, verdict.fault) == (Decision.CANNOT_JUDGE, None, "the network failed")


def test_a_judge_without_a_score_is_at_fault() -> None:
    silent = judged(lambda _picture: Judgement(decision=Decision.CANNOT_JUDGE, score=None), PICTURE)
    assert silent.fault == "the judge gave no score"
    told = judged(lambda _picture: Judgement(decision=Decision.CANNOT_JUDGE, score=None, fault="too dark"), PICTURE)
    assert told.fault == "too dark"
