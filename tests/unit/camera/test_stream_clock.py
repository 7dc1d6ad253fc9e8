import pytest

from camera.source import Timing
from camera.stream_clock import DriverClock, Estimate, StreamBrokenError, StreamClock

MS = 1_000_000
START = 1_000_000 * MS
PERIOD = 40 * MS


def settled(latency_ms: int = 100) -> tuple[StreamClock, int, int]:
    """A clock that has seen a second of a steady stream, with the next frame's arrival and stamp."""
    clock = StreamClock(latency_ms * MS)
    for number in range(25):
        clock.observe(START + number * PERIOD, MS + number * PERIOD)
    return clock, START + 25 * PERIOD, MS + 25 * PERIOD


def test_the_latency_is_taken_off_the_arrival() -> None:
    clock, arrival, stamp = settled(latency_ms=100)
    assert clock.observe(arrival, stamp) == Estimate(arrival - 100 * MS, usable=True)
    assert clock.timing is Timing.ARRIVAL


def test_jitter_counts_as_extra_delay() -> None:
    clock, arrival, stamp = settled()
    assert clock.observe(arrival + 15 * MS, stamp).captured_ns == arrival - 100 * MS


def test_a_burst_after_a_stall_is_as_old_as_it_is() -> None:
    clock, arrival, stamp = settled()
    late = arrival + 2_000 * MS
    for number in range(50):
        estimate = clock.observe(late + number * MS, stamp + number * PERIOD)
        assert estimate.captured_ns == arrival + number * PERIOD - 100 * MS


def test_the_backlog_of_a_new_connection_is_not_usable() -> None:
    clock = StreamClock(0)
    for number in range(50):
        assert not clock.observe(START + number * MS, MS + number * PERIOD).usable
    live = START + 50 * MS
    usable = [clock.observe(live + number * PERIOD, MS + (50 + number) * PERIOD).usable for number in range(20)]
    assert usable.index(True) * PERIOD == pytest.approx(500 * MS, abs=PERIOD)
    assert all(usable[usable.index(True) :])


def test_without_stamps_only_the_first_half_second_is_left_out() -> None:
    clock = StreamClock(10 * MS)
    estimates = [clock.observe(START + number * PERIOD, 0) for number in range(20)]
    assert [estimate.usable for estimate in estimates] == [number * PERIOD >= 500 * MS for number in range(20)]
    assert estimates[-1].captured_ns == START + 19 * PERIOD - 10 * MS


def test_invented_stamps_that_run_fast_are_given_up() -> None:
    clock = StreamClock(0)
    estimates = [clock.observe(START + number * PERIOD, MS + number * 2 * PERIOD) for number in range(200)]
    assert not estimates[100].usable
    assert estimates[-1] == Estimate(START + 199 * PERIOD, usable=True)


def test_a_slow_camera_clock_drifts_away_without_harm() -> None:
    clock = StreamClock(0)
    for number in range(60 * 25 * 5):
        arrival = START + number * PERIOD
        estimate = clock.observe(arrival, MS + int(number * PERIOD * 0.9999))
        assert arrival - estimate.captured_ns <= 7 * MS


def test_stamps_that_go_back_end_the_connection() -> None:
    clock, arrival, stamp = settled()
    with pytest.raises(StreamBrokenError, match="back"):
        clock.observe(arrival, stamp - PERIOD * 2)


def test_seconds_of_delay_end_the_connection() -> None:
    clock, arrival, stamp = settled()
    with pytest.raises(StreamBrokenError, match="behind"):
        clock.observe(arrival + 5_001 * MS, stamp)


def test_a_driver_stamp_is_believed() -> None:
    clock = DriverClock(0)
    assert clock.observe(START, START - 30 * MS) == Estimate(START - 30 * MS, usable=True)
    assert clock.timing is Timing.DRIVER


def test_a_configured_latency_is_taken_off_a_driver_stamp() -> None:
    assert DriverClock(5 * MS).observe(START, START - 30 * MS).captured_ns == START - 35 * MS


@pytest.mark.parametrize("age_ms", [-1, 5_001])
def test_an_impossible_driver_stamp_is_not_usable(age_ms: int) -> None:
    clock = DriverClock(0)
    assert not clock.observe(START, START - age_ms * MS).usable
    assert clock.observe(START + PERIOD, START).usable


def test_impossible_driver_stamps_end_the_connection_after_five_seconds() -> None:
    clock = DriverClock(0)
    realtime = 1_700_000_000_000 * MS
    for number in range(125):
        assert not clock.observe(START + number * PERIOD, realtime + number * PERIOD).usable
    with pytest.raises(StreamBrokenError, match="clock"):
        clock.observe(START + 126 * PERIOD, realtime)
