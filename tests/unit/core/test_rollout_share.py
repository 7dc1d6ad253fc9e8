import hashlib

from hypothesis import given
from hypothesis import strategies as st

from edge.core.rollout_share import EVERYBODY, has_turn, place

names = st.text("abc019-/", min_size=5, max_size=38)
hashes = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
shares = st.integers(0, EVERYBODY)
BUNDLE = hashlib.sha256(b"a bundle").hexdigest()


@given(station=names, bundle=hashes, share=shares)
def test_a_station_s_turn_is_always_the_same(station: str, bundle: str, share: int) -> None:
    assert has_turn(station, bundle, share) == has_turn(station, bundle, share)
    assert 0 <= place(station, bundle) < 2**64


@given(station=names, bundle=hashes, low=shares, high=shares)
def test_who_had_its_turn_keeps_it_when_the_share_is_raised(station: str, bundle: str, low: int, high: int) -> None:
    low, high = sorted((low, high))
    assert has_turn(station, bundle, high) or not has_turn(station, bundle, low)


@given(station=names, bundle=hashes)
def test_nobody_and_everybody(station: str, bundle: str) -> None:
    assert not has_turn(station, bundle, 0)
    assert has_turn(station, bundle, EVERYBODY)


def test_the_share_is_met_among_many_stations() -> None:
    stations = [f"plant{number % 7}/line{number % 31}/st{number}" for number in range(20_000)]
    for share in (10, 50, 200, 500, 900):
        taken = sum(has_turn(station, BUNDLE, share) for station in stations)
        expected = len(stations) * share / EVERYBODY
        spread = (expected * (1 - share / EVERYBODY)) ** 0.5
        assert abs(taken - expected) < 4 * spread, share


def test_each_bundle_meets_other_stations_first() -> None:
    other = hashlib.sha256(b"another bundle").hexdigest()
    stations = [f"plant1/line1/st{number}" for number in range(20_000)]
    both = sum(has_turn(name, BUNDLE, 100) and has_turn(name, other, 100) for name in stations)
    assert 140 < both < 260  # 200 expected of independent draws


def test_places_never_change_between_versions() -> None:
    """A published figure: the hash is part of what publishers and stations agree on."""
    assert place("plant1/line3/st07", BUNDLE) == int(
        hashlib.sha256(f"linegate roll-out v1\nplant1/line3/st07\n{BUNDLE}".encode()).hexdigest()[:16], 16
    )
