from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import TargetFile

from deploy.repository.offer import MAX_NOTES, Offer, OfferError, software_numbers

GOOD = Offer(
    name="toy",
    version=4,
    product="phone",
    sha256="ab" * 32,
    length=1000,
    minimum_software="0.2",
    share_permille=50,
    notes="first",
)
offers = st.builds(
    Offer,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True),
    version=st.integers(1, 999_999),
    product=st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True),
    sha256=st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}"),
    length=st.integers(0, 2**40),
    minimum_software=st.from_regex(r"\d{1,5}(\.\d{1,5}){0,3}", fullmatch=True).filter(str.isascii),
    share_permille=st.integers(0, 1000),
    notes=st.text(st.characters(exclude_categories=("C", "Z")), max_size=50),
)


@given(offer=offers)
def test_an_offer_comes_back_from_the_metadata_as_it_went(offer: Offer) -> None:
    data = offer.target().to_dict()
    assert Offer.from_target(offer.file_name, TargetFile.from_dict(data, offer.file_name)) == offer


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("../toy-4.lgb", {}),
        ("toy-4.zip", {}),
        ("toy-04.lgb", {}),
        ("toy-5.lgb", {}),
        ("toy-4.lgb", {"version": 5}),
        ("toy-4.lgb", {"version": "4"}),
        ("toy-4.lgb", {"share_permille": 1001}),
        ("toy-4.lgb", {"share_permille": 0.5}),
        ("toy-4.lgb", {"format": 2}),
        ("toy-4.lgb", {"product": "../x"}),
        ("toy-4.lgb", {"minimum_software": "new"}),
        ("toy-4.lgb", {"notes": "\x1b[2Jnothing to see"}),
        ("toy-4.lgb", {"notes": "x" * (MAX_NOTES + 1)}),
    ],
)
def test_what_is_not_understood_is_no_offer(path: str, changes: dict[str, Any]) -> None:
    target = GOOD.target()
    target.unrecognized_fields["custom"] = target.custom | changes
    with pytest.raises(OfferError, match=r"\w"):
        Offer.from_target(path, target)


@pytest.mark.parametrize("hashes", [{"md5": "0" * 32}, {"sha256": "AB" * 32}, {"sha256": "ab" * 32, "sha512": "0"}])
def test_a_bundle_is_known_by_its_sha256_alone(hashes: dict[str, str]) -> None:
    target = GOOD.target()
    target.hashes = hashes
    with pytest.raises(OfferError, match="SHA-256"):
        Offer.from_target("toy-4.lgb", target)


def test_a_target_without_description_is_no_offer() -> None:
    with pytest.raises(OfferError, match=r"toy-4\.lgb"):
        Offer.from_target("toy-4.lgb", TargetFile(3, {"sha256": "ab" * 32}, "toy-4.lgb"))


@pytest.mark.parametrize(
    ("older", "newer"), [("0.1.0", "0.1.1"), ("0.9", "0.10"), ("0.1.0", "1"), ("0", "0.0.1"), ("0.2rc1", "0.2.1")]
)
def test_software_versions_are_compared_by_their_numbers(older: str, newer: str) -> None:
    assert software_numbers(older) < software_numbers(newer)


@pytest.mark.parametrize(("one", "other"), [("0.1", "0.1.0"), ("1", "1.0.0.0"), ("0", ""), ("0.2.0rc1", "0.2")])
def test_trailing_zeros_make_no_difference(one: str, other: str) -> None:
    assert software_numbers(one) == software_numbers(other)
