"""Held-up triggers are found from the PLC's own clock, whatever its start and through its wrap."""

from hypothesis import given
from hypothesis import strategies as st

from edge.core.lateness import TICK_MODULUS, WINDOW_MS, TickClock


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
    clock, sent, delays = TickClock(), 0, []
    for pause, delay in parts:
        sent += pause
        tick = (start + sent) % TICK_MODULUS
        if tick == 0:
            continue
        delays.append(delay)
        assert clock.excess_ms(1, tick, sent + delay) == delay - min(delays)
