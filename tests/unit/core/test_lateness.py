"""Held-up triggers are found from the PLC's own clock, whatever its start and through its wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.lateness import DRIFT, TICK_MODULUS, WINDOW_MS, TickClock


def test_a_trigger_that_took_longer_than_the_quickest_is_late_by_the_difference():
    clock = TickClock()
    assert clock.excess_ms(1, 5_000, 100) == 0
    assert clock.excess_ms(1, 6_000, 1_100) == 0
    assert clock.excess_ms(1, 7_000, 2_180) == 80


def test_a_quicker_trigger_becomes_the_measure():
    clock = TickClock()
    clock.excess_ms(1, 5_000, 100)
    assert clock.excess_ms(1, 6_000, 1_070) == 0
    assert clock.excess_ms(1, 7_000, 2_100) == 30


def test_no_tick_skips_the_rule():
    assert TickClock().excess_ms(1, 0, 10_000) == 0


def test_the_measure_is_forgotten_after_ten_minutes():
    clock = TickClock()
    clock.excess_ms(1, 1_000, 1_000)
    assert clock.excess_ms(1, 2_000, 2_040) == 40
    later = WINDOW_MS + 10_000
    assert clock.excess_ms(1, later, later + 40) == 0


def test_a_new_session_starts_anew():
    clock = TickClock()
    clock.excess_ms(1, 1_000, 1_000)
    assert clock.excess_ms(2, 1_000, 9_000) == 0


@given(st.integers(1, TICK_MODULUS - 1), st.lists(st.tuples(st.integers(1, 5_000), st.integers(0, 500)), max_size=30))
def test_the_excess_is_the_delay_over_the_least_delay_whatever_the_start_of_the_tick(start, parts):
    clock, sent, known = TickClock(), 0, []
    for pause, delay in parts:
        sent += pause
        tick = (start + sent) % TICK_MODULUS
        if tick == 0:
            continue
        known.append((sent + delay, delay))
        over_the_least = delay - min(one for _, one in known)
        may_have_crept = DRIFT * (sent + delay - known[0][0]) if len(known) > 1 else 0
        excess = clock.excess_ms(1, tick, sent + delay)
        assert over_the_least - max(0, may_have_crept) <= excess <= over_the_least + 1


@pytest.mark.parametrize("ppm", [-200, -100, 0, 100, 200])
@pytest.mark.parametrize("every_ms", [200, 1_000, 30_000, 120_000])
def test_clocks_that_run_apart_make_no_trigger_late(ppm, every_ms):
    """Two crystals of 100 ppm are 120 ms apart after ten minutes: more than the slack of a line."""
    clock = TickClock()
    excess = [clock.excess_ms(1, 1 + sent, sent + sent * ppm // 1_000_000) for sent in range(0, 3_600_000, every_ms)]
    assert max(excess) <= 1


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_a_held_up_trigger_is_found_although_the_clocks_run_apart(ppm):
    clock = TickClock()
    for sent in range(0, 1_800_000, 1_000):
        clock.excess_ms(1, 1 + sent, sent + sent * ppm // 1_000_000)
    sent = 1_800_000
    assert 59 <= clock.excess_ms(1, 1 + sent, sent + sent * ppm // 1_000_000 + 60) <= 61
