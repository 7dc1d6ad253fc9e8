"""A part let through without an accept on record: told until a day has gone by, over restarts and set clocks."""

import pytest

from edge.core.events import Instant, PartKey
from edge.inspector.ack_audit import STANDS_MS, AckAudit
from edge.inspector.alarms import Alarm, Alarms
from edge.ledger import Ticket

KEY = PartKey(session=7, trig=3, epoch=1, seq=3)
START = Instant(mono_ns=5_000_000_000, utc_ms=1_800_000_000_000)


def later(ms: int, *, calendar_ms: int | None = None) -> Instant:
    return Instant(
        mono_ns=START.mono_ns + ms * 1_000_000, utc_ms=START.utc_ms + (ms if calendar_ms is None else calendar_ms)
    )


@pytest.fixture
def alarms() -> Alarms:
    return Alarms(START)


def test_what_the_ledger_contradicts_is_told(alarms):
    audit = AckAudit(alarms, None, START)
    ticket = Ticket()
    audit.follow(KEY, ticket)
    audit.look(START)
    assert not alarms.raised(Alarm.PLC), "nothing is known before it is on disk"
    ticket.settle(("its verdict is reject (code 1001)",))
    audit.look(START)
    assert alarms.raised(Alarm.PLC)
    told = dict(alarms.messages())["alarm/plc"]
    assert b"sess 7 trig 3" in told
    assert b"its verdict is reject (code 1001)" in told


def test_what_the_ledger_bears_out_is_not(alarms):
    audit = AckAudit(alarms, None, START)
    ticket = Ticket()
    audit.follow(KEY, ticket)
    ticket.settle(())
    audit.look(START)
    assert not alarms.raised(Alarm.PLC)


def test_it_stands_for_a_day_whatever_the_calendar_does(alarms):
    audit = AckAudit(alarms, None, START)
    ticket = Ticket()
    ticket.settle(("no verdict of it is on record",))
    audit.follow(KEY, ticket)
    audit.look(START)
    audit.look(later(1000, calendar_ms=10 * 365 * STANDS_MS))
    assert alarms.raised(Alarm.PLC)
    audit.look(later(STANDS_MS + 1, calendar_ms=-STANDS_MS))
    assert not alarms.raised(Alarm.PLC)


@pytest.mark.parametrize(
    ("ago_ms", "left_ms"), [(0, STANDS_MS), (STANDS_MS // 2, STANDS_MS // 2), (-99_999, STANDS_MS)]
)
def test_a_restart_goes_on_telling_it(alarms, ago_ms, left_ms):
    audit = AckAudit(alarms, (START.utc_ms - ago_ms, "the PLC accepted …"), START)
    audit.look(later(left_ms))
    assert alarms.raised(Alarm.PLC)
    audit.look(later(left_ms + 1))
    assert not alarms.raised(Alarm.PLC)
