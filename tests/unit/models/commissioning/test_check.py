"""A station judges by a commissioned file only where it belongs and where its own results allow it."""

import json

import pytest

from models.bundle import Bundle
from models.bundle.manifest import RiskClaim
from models.bundle.prints import TRAINED_PICTURES
from models.commissioning import CommissionedFile, claim_in_force, refusals
from models.commissioning.commission import commission
from models.commissioning.record import Origin, PictureSet, recorded
from tests.support.commissioned import SLOT
from tests.unit.models.commissioning.conftest import Bench

PRINTS = tuple(f"{number:016x}" for number in range(100))
PICTURES = PictureSet(
    pictures=100, used=100, parts=100, sha256="a" * 64, unused=(), prints=PRINTS, independent=100, trained=()
)
CLAIM = RiskClaim(escape_upper=0.05, confidence=0.95, defective_parts=59)


def made(bench: Bench, known: int) -> CommissionedFile:
    found = commission(bench.network, bench.goods(40, SLOT), bench.defective(known))
    bundle = bench.detector.bundle
    origin = Origin(
        bundle=bundle.manifest.file_name,
        bundle_sha256=bundle.sha256,
        product=bundle.manifest.product,
        view="top",
        roi=None,
        software="0.1.0",
        created="2026-11-21T05:00:00+00:00",
        goods=PICTURES,
        challenge=PICTURES if known else None,
    )
    return recorded(found, origin, bench.detector.embedding_quantisation, ())


@pytest.fixture
def proved(bench: Bench) -> CommissionedFile:
    return made(bench, 12)


def complaints(content: CommissionedFile, bundle: Bundle, **changes: object) -> str:
    return " ".join(refusals(content.model_copy(update=changes), bundle, camera="top", roi=None))


def test_a_file_is_good_for_its_own_view(proved: CommissionedFile, bundle: Bundle) -> None:
    assert complaints(proved, bundle) == ""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"bundle_sha256": "f" * 64}, "belongs to bundle"),
        ({"product": "tile"}, "is for product 'tile'"),
        ({"view": "side"}, "commissioned for view 'side'"),
        ({"roi": (0, 0, 10, 10)}, "must be the same"),
    ],
)
def test_a_file_of_another_bundle_product_or_view_is_refused(
    proved: CommissionedFile, bundle: Bundle, changes: dict[str, object], complaint: str
) -> None:
    assert complaint in complaints(proved, bundle, origin=proved.origin.model_copy(update=changes))


def test_a_view_whose_region_was_changed_is_refused(proved: CommissionedFile, bundle: Bundle) -> None:
    assert "must be the same" in " ".join(refusals(proved, bundle, camera="top", roi=(0, 0, 100, 100)))


def test_limits_laxer_than_the_bundle_s_are_refused(proved: CommissionedFile, bundle: Bundle) -> None:
    assert "laxer than the bundle's" in complaints(proved, bundle, accept_below=0.2)
    assert "laxer than the bundle's" in complaints(proved, bundle, reject_above=0.95)


def test_limits_that_accept_a_known_defect_are_refused(proved: CommissionedFile, bundle: Bundle) -> None:
    missed = proved.results.challenge[0].model_copy(update={"score": 0.0, "novelty": 0.5})
    results = proved.results.model_copy(update={"challenge": (missed, *proved.results.challenge[1:])})
    assert "accept 1 known defects" in complaints(proved, bundle, results=results)


def test_what_is_laxer_needs_its_known_defects(proved: CommissionedFile, bundle: Bundle) -> None:
    fewer = proved.results.model_copy(update={"challenge": proved.results.challenge[:9]})
    assert "10 are the fewest" in complaints(proved, bundle, results=fewer)
    assert "without known defects" in complaints(proved, bundle, lenient=False)
    assert "without known defects" in complaints(proved, bundle, lenient=False, reference=None, offset=-0.1)


def test_a_claim_that_its_parts_do_not_carry_is_refused(proved: CommissionedFile, bundle: Bundle) -> None:
    assert "do not carry the risk" in complaints(proved, bundle, risk_claim=CLAIM)


def test_a_file_of_another_embedding_is_refused(proved: CommissionedFile, bundle: Bundle) -> None:
    assert proved.reference is not None
    other = proved.reference.model_copy(update={"channels": 5})
    assert "another embedding" in complaints(proved, bundle, reference=other)


def test_rules_that_are_nowhere_laxer_keep_the_bundle_s_claim(bench: Bench, bundle: Bundle) -> None:
    decision = bundle.manifest.decision.model_copy(update={"risk_claim": CLAIM})
    object.__setattr__(bundle, "manifest", bundle.manifest.model_copy(update={"decision": decision}))
    assert claim_in_force(made(bench, 0), bundle) == CLAIM


def test_laxer_rules_have_the_claim_of_their_own_known_defects(bench: Bench, proved, bundle: Bundle) -> None:
    decision = bundle.manifest.decision.model_copy(update={"risk_claim": CLAIM})
    object.__setattr__(bundle, "manifest", bundle.manifest.model_copy(update={"decision": decision}))
    assert claim_in_force(proved, bundle) is None
    assert claim_in_force(made(bench, 59), bundle) == CLAIM


def of_challenge(content: CommissionedFile, bundle: Bundle, **changes: object) -> str:
    """Return the complaints where the file tells otherwise of its challenge set."""
    told = PICTURES.model_copy(update=changes)
    return complaints(content, bundle, origin=content.origin.model_copy(update={"challenge": told}))


def test_a_claim_rests_on_independent_parts(bench: Bench, bundle: Bundle) -> None:
    claimed = made(bench, 59)
    assert claimed.risk_claim == CLAIM
    assert complaints(claimed, bundle) == ""
    assert "7 independent known defects" in of_challenge(claimed, bundle, independent=7)


def test_a_claim_rests_on_pictures_that_differ(bench: Bench, bundle: Bundle) -> None:
    assert "1 independent known defects" in of_challenge(made(bench, 59), bundle, prints=(PRINTS[0],) * 100)


@pytest.mark.parametrize("untold", ["independent", "prints", "trained"])
def test_a_claim_of_which_the_file_does_not_tell_enough_is_refused(bench: Bench, bundle: Bundle, untold: str) -> None:
    assert "0 independent known defects" in of_challenge(made(bench, 59), bundle, **{untold: None})


@pytest.mark.parametrize(("metrics", "left"), [({TRAINED_PICTURES: PRINTS[:42]}, 58), ({}, 0)])
def test_a_claim_from_pictures_that_the_network_was_trained_on_is_refused(
    bench: Bench, bundle: Bundle, metrics: dict[str, object], left: int
) -> None:
    object.__setattr__(bundle, "metrics", json.dumps(metrics).encode())
    assert f"{left} independent known defects" in complaints(made(bench, 59), bundle)
