import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.repository.offer import Offer
from deploy.updates.choice import named, newest
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.values import Known, StationFacts


def offer(
    version: int, *, name: str = "toy", product: str = "phone", share: int = 1000, minimum_software: str = "0"
) -> Offer:
    return Offer(
        name=name,
        version=version,
        product=product,
        sha256=f"{version:064x}",
        length=100,
        minimum_software=minimum_software,
        share_permille=share,
    )


FACTS = StationFacts(
    station="plant1/line3/st07",
    products=frozenset({"phone"}),
    software="0.1.0",
    present=(Known(name="toy", version=3, sha256="0"),),
)


def test_the_highest_version_is_taken() -> None:
    assert newest([offer(4), offer(6), offer(5)], FACTS) == offer(6)


@given(versions=st.lists(st.integers(1, 20)), here=st.integers(1, 20))
def test_nothing_older_than_what_is_here_is_ever_taken_unasked(versions: list[int], here: int) -> None:
    facts = StationFacts(
        station="a", products=FACTS.products, software="1", present=(Known(name="toy", version=here, sha256="0"),)
    )
    found = newest([offer(version) for version in versions], facts)
    assert (found.version if found else here) == max([here, *versions])


@pytest.mark.parametrize("other", [offer(9, product="tile"), offer(9, share=0)])
def test_what_is_for_others_is_passed_over_in_silence(other: Offer) -> None:
    assert newest([other], FACTS) is None
    assert newest([other, offer(4)], FACTS) == offer(4)


def test_another_name_for_the_same_product_is_taken_too() -> None:
    assert newest([offer(1, name="better")], FACTS) == offer(1, name="better")


def test_what_needs_newer_software_is_told_unless_something_else_fits() -> None:
    with pytest.raises(UpdateError, match="update linegate") as caught:
        newest([offer(9, minimum_software="0.2")], FACTS)
    assert caught.value.refusal is Refusal.SOFTWARE
    assert newest([offer(9, minimum_software="0.2"), offer(4)], FACTS) == offer(4)


@pytest.mark.parametrize(
    ("offered", "refusal", "words"),
    [
        (offer(5), Refusal.UNKNOWN, "there is toy-5"),
        (offer(4, product="tile"), Refusal.PRODUCT, "for product tile; this station inspects phone"),
        (offer(4, minimum_software="0.1.1"), Refusal.SOFTWARE, "needs linegate 0.1.1, this is 0.1.0"),
        (offer(4, share=0), Refusal.TURN, "0 % of the stations"),
    ],
)
def test_a_named_bundle_that_is_not_for_this_station_is_refused(offered: Offer, refusal: Refusal, words: str) -> None:
    with pytest.raises(UpdateError, match=words) as caught:
        named([offered], "toy-4", FACTS)
    assert caught.value.refusal is refusal


def test_an_older_bundle_may_be_asked_for_by_name() -> None:
    assert named([offer(2), offer(4)], "toy-2", FACTS) == offer(2)


def test_only_harmless_reasons_raise_no_alarm() -> None:
    harmless = {reason for reason in Refusal if not reason.alarming}
    assert harmless == {Refusal.UNKNOWN, Refusal.UNREACHABLE, Refusal.BUSY}
    failures = {reason for reason in Refusal if not reason.refused}
    assert failures == {Refusal.UNKNOWN, Refusal.UNREACHABLE, Refusal.DISK, Refusal.BUSY}
