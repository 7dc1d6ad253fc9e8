"""Where the time of recorded parts went: every part that was answered live is there, the overruled ones by name."""

from pathlib import Path

import pytest

from edge.ledger import LedgerCorruptError
from edge.ledger.stages import part_times
from tests.support.ledgers import (
    START_MS,
    decided,
    key,
    overruled,
    received,
    sent,
    tampering,
    whole_part,
    write,
)


def test_parts_come_with_their_stages_in_the_order_of_receipt(tmp_path: Path) -> None:
    write(tmp_path, [*whole_part(key(1)), *whole_part(key(2), 300), received(key(3), 600), decided(key(3), 660)])
    times = list(part_times(tmp_path, newest=10))
    assert [(part.trig, part.received_utc_ms - START_MS) for part in times] == [(1, 0), (2, 300)]
    assert times[0].total_ns == 65_000_000
    assert times[0].stages_ns == {"capture": 30_000_000, "invoke": 20_000_000}
    assert [part.trig for part in part_times(tmp_path, newest=1)] == [2]


def test_an_overruled_part_is_there_with_the_code_that_stood_in_the_end(tmp_path: Path) -> None:
    late = [received(key(2), 300), decided(key(2), 700), overruled(key(2), 680, code=402), sent(key(2), 681)]
    write(tmp_path, [*whole_part(key(1)), *late])
    assert [(part.session, part.trig, part.overruled) for part in part_times(tmp_path, newest=10)] == [
        (7, 1, None),
        (7, 2, 402),
    ]


def test_a_damaged_event_is_named(tmp_path: Path) -> None:
    write(tmp_path, whole_part(key(1)))
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE events SET body = '[]' WHERE kind = 'sent'")
    with pytest.raises(LedgerCorruptError, match="linegate ledger verify"):
        list(part_times(tmp_path, newest=10))
