"""Commissioning as a whole: goods set the rules, known defects only prove or refute them."""

import pytest

from edge.core.types import Decision
from models.commissioning.commission import CHALLENGE_MIN, Commissioning, commission, part_decisions, risk_claim
from models.commissioning.errors import CommissioningError, CommissioningRefusedError
from tests.support import networks
from tests.support.commissioned import SCRATCH, SLOT
from tests.unit.models.commissioning.conftest import Bench


def accepted(outcomes) -> int:
    return part_decisions(outcomes).count(Decision.ACCEPT)


def test_a_structure_of_every_good_is_expected_once_known_defects_prove_it(bench: Bench) -> None:
    found = commission(bench.network, bench.goods(40, SLOT), bench.defective(12))
    assert accepted(found.cold) == 0
    assert accepted(found.goods) >= 36
    assert found.rules.lenient
    assert found.rules.reference is not None
    assert accepted(found.challenge) == 0


@pytest.mark.parametrize("known", [0, 1, CHALLENGE_MIN - 1])
def test_without_enough_known_defects_nothing_is_laxer_than_the_bundle(bench: Bench, known: int) -> None:
    found = commission(bench.network, bench.goods(40, SLOT), bench.defective(known))
    bounds = bench.network.manifest.decision
    assert not found.rules.lenient
    assert found.rules.reference is None
    assert found.rules.offset >= 0.0
    assert found.rules.limits.accept_below <= bounds.accept_below
    assert found.rules.limits.reject_above <= bounds.reject_above
    assert accepted(found.goods) == 0
    assert found.claim is None


def test_a_known_defect_that_would_be_accepted_refuses_and_is_named(bench: Bench) -> None:
    hidden = bench.observed([networks.part(900)], "hidden")
    with pytest.raises(CommissioningRefusedError, match=r"hidden-0\.png.* of 40 goods"):
        commission(bench.network, bench.goods(), [*bench.defective(12), *hidden])
    with pytest.raises(CommissioningRefusedError, match=r"hidden-0\.png"):
        commission(bench.network, bench.goods(), hidden)


def test_a_defect_that_looks_like_the_expected_structure_refuses(bench: Bench) -> None:
    masked = [*bench.defective(12), *bench.observed([networks.part(77, (1, 1, SLOT))], "masked")]
    with pytest.raises(CommissioningRefusedError, match="masked-0"):
        commission(bench.network, bench.goods(40, SLOT), masked)


def test_a_defect_on_one_good_is_not_learned(bench: Bench) -> None:
    goods = [*bench.goods(39, SLOT), *bench.observed([networks.part(3, (2, 2, SLOT), (5, 9, SCRATCH))], "overlooked")]
    goods[-1] = type(goods[-1])(file="overlooked.png", part=39, looks=goods[-1].looks)
    found = commission(bench.network, goods, bench.defective(12))
    assert next(good for good in found.goods if good.file == "overlooked.png").decision is not Decision.ACCEPT
    assert accepted(found.goods) >= 35


def test_goods_are_judged_by_rules_learned_from_the_others(bench: Bench) -> None:
    odd = bench.observed([networks.part(3, (2, 2, (255, 255, 60)))], "odd")[0]
    goods = [*bench.goods(39), type(odd)(file="odd.png", part=39, looks=odd.looks)]
    found = commission(bench.network, goods, [])
    left_out = next(good for good in found.goods if good.file == "odd.png")
    assert left_out.novelty is not None
    assert left_out.novelty > 1.0


def test_another_product_is_novel_to_the_goods(bench: Bench) -> None:
    stranger = bench.observed([255 - networks.part(3)], "stranger")
    found = commission(bench.network, bench.goods(), stranger)
    assert found.challenge[0].decision is not Decision.ACCEPT
    assert found.challenge[0].novelty is not None
    assert found.challenge[0].novelty > 1.0


def test_goods_below_those_of_the_training_are_raised_and_the_limit_follows_them(bench: Bench) -> None:
    found = commission(bench.network, bench.goods(), [])
    assert found.rules.offset >= 0.0
    assert found.rules.limits.accept_below < bench.network.manifest.decision.accept_below
    assert accepted(found.goods) >= 36


def test_a_bundle_without_an_embedding_has_offset_and_limits_only(tmp_path) -> None:
    bench = Bench(networks.write(tmp_path, **networks.ALONE, name="alone"))
    found = commission(bench.network, bench.goods(), bench.defective(12))
    assert (found.rules.reference, found.rules.novelty) == (None, None)
    assert accepted(found.goods) >= 36


def test_the_same_pictures_give_the_same_rules(bench: Bench) -> None:
    def once() -> Commissioning:
        return commission(bench.network, bench.goods(40, SLOT), bench.defective(12))

    one, other = once(), once()
    assert one.goods == other.goods
    assert one.challenge == other.challenge


def test_a_stricter_limit_may_be_chosen_and_a_laxer_one_not(bench: Bench) -> None:
    free = commission(bench.network, bench.goods(), []).rules.limits.accept_below
    assert commission(bench.network, bench.goods(), [], accept_below=free / 2).rules.limits.accept_below == free / 2
    with pytest.raises(CommissioningError, match="laxer"):
        commission(bench.network, bench.goods(), [], accept_below=free * 1.01)


def test_a_chosen_limit_counts_in_what_is_said_of_the_goods(bench: Bench) -> None:
    assert accepted(commission(bench.network, bench.goods(), [], accept_below=0.0).goods) == 0


def test_the_limit_that_a_refusal_names_is_accepted(bench: Bench) -> None:
    slight = networks.part(900)
    slight[16:32, 16:32, 2] += 6
    near = bench.observed([slight], "near")
    with pytest.raises(CommissioningRefusedError) as refusal:
        commission(bench.network, bench.goods(), near)
    limit = float(str(refusal.value).split("accept limit of ")[1].split()[0])
    found = commission(bench.network, bench.goods(), near, accept_below=limit)
    assert found.challenge[0].decision is Decision.CANNOT_JUDGE


def test_too_few_goods_teach_nothing(bench: Bench) -> None:
    with pytest.raises(CommissioningError, match="9 distinct"):
        commission(bench.network, bench.goods(9), [])


@pytest.mark.parametrize(
    ("goods", "challenge", "risk"),
    [(30, 0, None), (30, 58, None), (30, 59, 0.05), (30, 149, 0.02), (30, 299, 0.01), (29, 299, None)],
)
def test_the_risk_that_is_claimed_follows_the_number_of_parts(goods: int, challenge: int, risk: float | None) -> None:
    claim = risk_claim(goods, challenge)
    assert (claim.escape_upper if claim else None) == risk
    assert claim is None or claim.defective_parts == challenge


def test_enough_known_defects_carry_a_claim(bench: Bench) -> None:
    found = commission(bench.network, bench.goods(), bench.defective(59))
    assert found.claim is not None
    assert (found.claim.escape_upper, found.claim.defective_parts) == (0.05, 59)


def test_the_bundle_s_own_novelty_counts_until_known_defects_prove_the_goods(tmp_path) -> None:
    size = range(8)
    far = {"centre": [50.0] * 8, "precision": [[float(row == column) for column in size] for row in size], "limit": 1.0}
    bench = Bench(networks.write(tmp_path, novelty=far))
    assert accepted(commission(bench.network, bench.goods(), []).goods) == 0
    assert accepted(commission(bench.network, bench.goods(), bench.defective(12)).goods) >= 36
