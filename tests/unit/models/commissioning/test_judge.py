"""The commissioned judge: on the line it says what commissioning said."""

import numpy as np
import pytest

from edge.core.types import Limits
from models.commissioning import CommissionedDetector
from models.commissioning.commission import commission
from models.commissioning.judge import looks, opinion
from models.commissioning.rules import Rules
from tests.support import networks
from tests.support.commissioned import SCRATCH, SLOT
from tests.unit.models.commissioning.conftest import Bench

LIMITS = Limits(accept_below=0.1, reject_above=0.9)


def rules(**changes: object) -> Rules:
    plain = {"offset": 0.0, "limits": LIMITS, "reference": None, "novelty": None, "lenient": False}
    return Rules(**(plain | changes))  # type: ignore[arg-type]


def test_the_line_says_what_commissioning_said(bench: Bench) -> None:
    found = commission(bench.network, bench.goods(40, SLOT), bench.defective(12))
    judge = CommissionedDetector(bench.detector, found.rules)
    assert judge.limits == found.rules.limits
    for seed in range(12):
        picture = networks.part(500 + seed, (6 - seed % 7, 2 * seed % 15, SCRATCH))
        told = judge.inspect(picture)
        assert (told.score, told.novelty) == (found.challenge[seed].score, found.challenge[seed].novelty)


def test_expected_structure_has_no_box_and_a_defect_beside_it_has(bench: Bench) -> None:
    bright = (200, 90, 150)
    found = commission(bench.network, bench.goods(40, bright), bench.defective(12))
    judge = CommissionedDetector(bench.detector, found.rules)
    assert bench.detector.inspect(networks.part(70, (3, 3, bright))).boxes
    assert judge.inspect(networks.part(70, (3, 3, bright))).boxes == ()
    [box] = judge.inspect(networks.part(70, (3, 3, bright), (6, 12, SCRATCH))).boxes
    assert (box.x, box.y) == (12 * networks.COARSE, 6 * networks.COARSE)


@pytest.mark.parametrize("offset", [-2.0, 0.0, 1.5])
def test_scores_and_boxes_move_with_the_offset(bench: Bench, offset: float) -> None:
    picture = networks.part(5, (2, 2, (60, 60, 200)))  # a logit of 4.5
    judge = CommissionedDetector(bench.detector, rules(offset=offset))
    told = judge.inspect(picture)
    assert told.score == pytest.approx(1 / (1 + np.exp(-(4.5 + offset))), abs=1e-3)
    assert [box.score for box in told.boxes] == [pytest.approx(told.score)]
    faint = networks.part(5, (2, 2, (60, 60, 130)))
    assert bool(judge.inspect(faint).boxes) == (0.1 + offset >= 1.0)


def test_without_rules_it_says_what_the_bundle_says(bench: Bench) -> None:
    picture = networks.part(5, (2, 2, SCRATCH))
    told, alone = CommissionedDetector(bench.detector, rules()).inspect(picture), bench.detector.inspect(picture)
    assert (told.score, told.boxes, told.novelty) == (alone.score, alone.boxes, alone.novelty)


def test_the_network_s_own_map_is_not_touched(bench: Bench) -> None:
    found = commission(bench.network, bench.goods(40, SLOT), bench.defective(12))
    seen = looks(bench.detector, bench.detector.read(networks.part(70, (3, 3, SLOT))))
    before = seen.defect.copy()
    calibration = bench.network.manifest.calibration
    opinion(seen, found.rules, calibration, bench.network.quantisation)
    assert np.array_equal(seen.defect, before)
