"""Parts that the station itself triggers: where the ledger takes no more, they are losses as soon as it does again."""

from pathlib import Path

import pytest

from edge.core.admission import Sessions
from edge.core.codes import Code
from edge.core.events import Loss, Received
from edge.inspector import clock
from edge.inspector.ack_audit import AckAudit
from edge.inspector.alarms import Alarms
from edge.inspector.reception import Reception
from edge.ledger import Ledger, LedgerBacklogError, Ticket
from edge.ledger.export import export
from edge.ledger.verify import verify
from tests.support.ledgers import instant, start


class FullAtTimes:
    """A ledger whose backlog is full while ``full`` is set."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.waiting = 0
        self.full = False
        self.events: list[object] = []

    def append(self, *events: object, owed: bool = False) -> Ticket:
        if self.full:
            raise LedgerBacklogError("the disk is full")
        self.events += events
        return self._ledger.append(*events, owed=owed)  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> FullAtTimes:
    return FullAtTimes(start(tmp_path))


@pytest.fixture
def reception(ledger: FullAtTimes) -> Reception:
    alarms = Alarms(clock.now())
    return Reception(
        sessions=Sessions(epoch=1),
        auto_trig=0,
        recipes={},
        slack_ms=50,
        ledger=ledger,  # type: ignore[arg-type]
        alarms=alarms,
        ready=lambda: True,
        watch=lambda _part: None,
        answer_now=lambda _part: None,
        audit=AckAudit(alarms, None, clock.now()),
        found=lambda _truth: None,
    )


def test_own_parts_that_could_not_be_recorded_are_one_loss_before_the_next(
    tmp_path: Path, ledger: FullAtTimes, reception: Reception
) -> None:
    reception.own_trigger(0, "presence")
    ledger.full = True
    reception.own_trigger(0, "presence")
    reception.own_loss(0, Code.PASSED_BY)
    ledger.full = False
    reception.own_trigger(0, "presence")
    _, loss, last = ledger.events
    assert isinstance(loss, Loss)
    assert (loss.session, loss.trig_first, loss.trig, loss.code) == (0, 2, 3, Code.STORE_FAILED)
    assert isinstance(last, Received)
    assert last.key.trig == 4
    ledger._ledger.close("stopped", instant(), {})
    start(tmp_path).close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()
    records = {record["trig"]: record for record in export(tmp_path)}
    assert (sorted(records), records[3]["trig_first"]) == ([1, 3, 4], 2)


def test_a_single_one_is_a_loss_of_its_own_and_what_is_lost_next_too(ledger: FullAtTimes, reception: Reception) -> None:
    for _ in range(2):
        ledger.full = True
        reception.own_trigger(0, "timer")
        ledger.full = False
        reception.own_loss(0, Code.PASSED_BY)
    assert [(event.trig, event.trig_first, event.code) for event in ledger.events if isinstance(event, Loss)] == [
        (1, None, Code.STORE_FAILED),
        (2, None, Code.PASSED_BY),
        (3, None, Code.STORE_FAILED),
        (4, None, Code.PASSED_BY),
    ]


def test_at_the_stop_the_last_ones_are_recorded_and_no_number_is_made_up(
    ledger: FullAtTimes, reception: Reception
) -> None:
    ledger.full = True
    reception.own_trigger(0, "timer")
    reception.own_trigger(0, "timer")
    ledger.full = False
    reception.close()
    reception.close()
    (loss,) = ledger.events
    assert isinstance(loss, Loss)
    assert (loss.trig_first, loss.trig) == (1, 2)
