from edge.core.trigger_rates import SAMPLE_MS, WINDOW_MS, TriggerRates


def rates() -> TriggerRates:
    return TriggerRates(("missed",))


def test_few_triggers_gone_wrong_are_not_worth_a_word():
    counted = rates()
    counted.update(0, 0, {"missed": 0})
    assert not counted.update(1000, 10, {"missed": 2})["missed"].raised


def test_a_share_of_one_per_cent_is():
    counted = rates()
    counted.update(0, 0, {"missed": 0})
    assert not counted.update(1000, 1000, {"missed": 9})["missed"].raised
    rate = counted.update(2000, 1000, {"missed": 10})["missed"]
    assert (rate.raised, rate.count, rate.triggers, rate.percent) == (True, 10, 1000, 1.0)


def test_what_goes_wrong_in_the_first_second_counts():
    assert rates().update(0, 100, {"missed": 5})["missed"].raised


def test_it_is_cleared_at_half_the_limit():
    counted = rates()
    counted.update(0, 1000, {"missed": 10})
    assert counted.update(1, 1900, {"missed": 10})["missed"].raised
    assert not counted.update(2, 2100, {"missed": 10})["missed"].raised
    assert not counted.update(3, 2100, {"missed": 15})["missed"].raised


def test_ten_quiet_minutes_clear_it_also_where_nothing_arrives_any_more():
    counted = rates()
    assert counted.update(0, 10, {"missed": 5})["missed"].raised
    for at_ms in range(0, WINDOW_MS + 2 * SAMPLE_MS, SAMPLE_MS):
        rate = counted.update(at_ms, 10, {"missed": 5})["missed"]
    assert (rate.raised, rate.count, rate.percent) == (False, 0, 0.0)
