import random

from hypothesis import given
from hypothesis import strategies as st

from edge.objects.errors import RemoteFault
from sync.backoff import pause_s


@given(st.integers(1, 10**9), st.sampled_from(RemoteFault), st.integers())
def test_pauses_stay_within_bounds_however_long_it_lasts(failures: int, fault: RemoteFault, seed: int) -> None:
    pause = pause_s(failures, fault, random.Random(seed))
    first, last = (60, 3600) if fault.needs_a_person else (5, 900)
    assert first / 2 <= pause <= last


def test_they_double_and_differ_between_stations() -> None:
    at = [pause_s(failures, RemoteFault.UNREACHABLE, random.Random(1)) for failures in (1, 2, 3)]
    assert at[1] == 2 * at[0]
    assert at[2] == 4 * at[0]
    assert at[0] != pause_s(1, RemoteFault.UNREACHABLE, random.Random(2))
