import pytest

from edge.core.types import Limits
from models.audit import figures
from models.audit.classical import ClassicalResult
from models.audit.prior import at_prior
from models.evaluation import RATE_NAMES, Rate, evaluate_dataset
from tests.support.judgements import LIMITS, audit, judged, many

IMAGES = [*many("reject", 0.9, 6, group="a"), *many("accept", 0.1, 6, group="b"), judged("reject", 0.1, "x", group="b")]


def test_the_evaluation_stays_as_it_is_and_is_only_added_to() -> None:
    plain = evaluate_dataset(IMAGES, LIMITS)
    told = figures(audit(IMAGES))
    assert list(told) == [*plain, "audit"]
    assert {key: told[key] for key in plain if key != "baselines"} == {
        key: plain[key] for key in plain if key != "baselines"
    }
    assert list(told["baselines"]) == [*plain["baselines"], "classical"]
    assert {key: told["baselines"][key] for key in plain["baselines"]} == plain["baselines"]


def test_the_classical_baseline_has_the_rates_of_the_others() -> None:
    blind = ClassicalResult(images=tuple(judged(image.entry.truth, 0.1) for image in IMAGES))
    told = figures(audit(IMAGES, classical=blind))["baselines"]
    assert {name: told["classical"][name] for name in RATE_NAMES} == told["always_accept"]
    assert (told["classical"]["auroc"], told["classical"]["reason"]) == (0.5, None)


def test_without_one_its_rates_are_null_and_the_reason_is_told() -> None:
    told = figures(audit(IMAGES, classical=ClassicalResult(reason="there is one group")))["baselines"]["classical"]
    assert {told[name] for name in RATE_NAMES} == {None}
    assert told["reason"] == "there is one group"


def test_counts_at_another_prior() -> None:
    found = at_prior(
        0.02,
        stated=0.5,
        limits=Limits(accept_below=0.2, reject_above=0.8),
        escape=Rate(count=1, n=10),
        overkill=Rate(count=5, n=100),
        abstention_bad=Rate(count=2, n=10),
        abstention_good=Rate(count=10, n=100),
        not_accepted_good=Rate(count=15, n=100),
    )
    assert found.escapes is not None
    assert found.escapes.count == pytest.approx(1000 * 0.02 * 0.1)
    assert found.escapes.interval[1] == pytest.approx(1000 * 0.02 * 0.44502, abs=1e-3)
    assert found.overkills is not None
    assert found.overkills.count == pytest.approx(1000 * 0.98 * 0.05)
    assert found.abstentions is not None
    assert found.abstentions.count == pytest.approx(1000 * (0.02 * 0.2 + 0.98 * 0.1))
    assert found.shipped_defective == pytest.approx(2 / (2 + 980 * 0.85))
    assert found.shipped_interval is not None
    assert found.shipped_interval[0] < found.shipped_defective < found.shipped_interval[1]
    assert found.accept_below == pytest.approx(1 / (1 + 4 * 49))


def test_counts_that_nothing_was_seen_of_stay_unknown() -> None:
    none, some = Rate(count=0, n=0), Rate(count=1, n=9)
    found = at_prior(
        0.5,
        stated=0.5,
        limits=LIMITS,
        escape=none,
        overkill=some,
        abstention_bad=none,
        abstention_good=some,
        not_accepted_good=some,
    )
    assert (found.escapes, found.abstentions, found.shipped_defective) == (None, None, None)
    assert found.overkills is not None
