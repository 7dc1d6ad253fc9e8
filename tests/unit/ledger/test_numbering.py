import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ledger import numbering
from edge.ledger.numbering import Numbers, Triggers
from edge.ledger.report import Findings

numbers = st.lists(st.integers(0, 40), max_size=60)


@given(named=numbers)
def test_triggers_tell_what_was_named_before(named: list[int]) -> None:
    triggers, seen = Triggers(), set()
    for number in named:
        assert triggers.add(number) is (number not in seen)
        seen.add(number)


@given(named=numbers)
def test_with_too_many_runs_a_low_number_may_be_taken_for_named_and_never_the_reverse(named: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "MAX_RUNS", 2)
        triggers, seen = Triggers(), set()
        for number in named:
            assert not (triggers.add(number) and number in seen)
            seen.add(number)
        assert len(triggers._firsts) == len(triggers._lasts) <= 2


@given(held=st.lists(st.integers(1, 40), unique=True, max_size=40), explained=st.sets(st.integers(1, 40)))
def test_what_no_event_holds_is_found_in_whatever_order_the_others_come(held: list[int], explained: set[int]) -> None:
    findings = Findings()
    epoch = Numbers(3, findings)
    epoch.explained |= explained
    for number in held:
        epoch.add(number)
    epoch.finish()
    missing = set(range(1, max(held, default=0))) - set(held) - explained
    assert bool(findings.count) is bool(missing)
    assert sum(int(text.split()[2]) for text in findings.listed) == len(missing)


def test_a_gap_does_not_let_memory_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "AHEAD", 10)
    findings = Findings()
    epoch = Numbers(3, findings)
    for number in range(5, 100):
        epoch.add(number)
        assert len(epoch._ahead) <= 11
    assert findings.listed == ["epoch 3: 4 of seq 1 to 4 have no event"]
