"""A frame is measured before the network sees it, or beside it: what is judged is the same."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest

from edge.core.codes import Code
from edge.core.quality import QualityLimits
from edge.core.types import Limits
from edge.inspector import examine as module
from edge.inspector.examine import Examination, examine
from models.detector import Detection

LIMITS = Limits(accept_below=0.2, reject_above=0.8)
FRAME = np.random.default_rng(1).integers(60, 200, (64, 96, 3), np.uint8)
DARK = np.zeros_like(FRAME)


class Network:
    """Says the same of every picture, and counts them."""

    def __init__(self) -> None:
        self.seen = 0

    def inspect(self, _image, _roi=None, _half=None) -> Detection:
        self.seen += 1
        return Detection(score=0.1, boxes=(), preprocess_ns=1, invoke_ns=2, postprocess_ns=3)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture(params=["before", "beside"])
def beside(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "before":
        yield None
        return
    with ThreadPoolExecutor(1) as executor:
        yield executor


def examined(picture: np.ndarray, network: Network, beside: Executor | None) -> Examination:
    limits = QualityLimits(brightness_min=20.0)
    return examine(picture, camera="top", judge=network, quality=limits, limits=LIMITS, beside=beside)


def test_a_good_frame_is_judged_by_the_network(network: Network, beside: Executor | None) -> None:
    found = examined(FRAME, network, beside)
    assert (found.judgement.score, found.judgement.fault, network.seen) == (0.1, Code.NONE, 1)


def test_a_dark_frame_is_not_judged_whatever_the_network_says(network: Network, beside: Executor | None) -> None:
    found = examined(DARK, network, beside)
    assert (found.judgement.score, found.judgement.fault) == (None, Code.TOO_DARK)


def test_a_dark_frame_is_not_shown_to_the_network_where_it_is_measured_before(network: Network) -> None:
    examined(DARK, network, None)
    assert network.seen == 0


def test_a_frame_that_cannot_be_measured_is_not_judged(
    network: Network, beside: Executor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_image, _half=None):
        raise ValueError("no frame")

    monkeypatch.setattr(module, "measure", fail)
    found = examined(FRAME, network, beside)
    assert (found.judgement.score, found.judgement.fault) == (None, Code.MODEL_FAILED)
    assert found.failure == "ValueError: no frame"
