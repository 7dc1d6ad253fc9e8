"""What ``linegate bench`` tells of parts: no part is left out without a word."""

from edge.cli.bench_report import stage_fields, stage_lines
from edge.ledger.stages import PartTimes


def part(trig: int, total_ms: int, overruled: int | None = None, **stages_ms: int) -> PartTimes:
    return PartTimes(
        session=7,
        trig=trig,
        received_utc_ms=1_760_000_000_000,
        total_ns=total_ms * 1_000_000,
        stages_ns={name: value * 1_000_000 for name, value in stages_ms.items()},
        overruled=overruled,
    )


def test_overruled_parts_are_counted_and_named_and_in_no_time() -> None:
    fields = stage_fields(
        [part(1, 60, capture=30, invoke=20), part(2, 380, 402, capture=30, invoke=900), part(3, 380, 402, capture=30)]
    )
    assert (fields["parts"], fields["judged"]) == (3, 1)
    assert fields["overruled"] == [{"sess": 7, "trig": 2, "code": 402}, {"sess": 7, "trig": 3, "code": 402}]
    assert fields["stages_ms"]["invoke"]["max"] == 20
    assert fields["receipt_to_send_ms"]["max"] == 60
    assert fields["own_share_ms"]["max"] == 10
    *_, told = stage_lines(fields)
    assert told.startswith("2 of 3 parts were overruled and are in none of these times: 2 x 402 ")
    assert told.endswith("the last is sess 7 trig 3")


def test_where_none_was_overruled_nothing_is_said_of_it() -> None:
    fields = stage_fields([part(1, 60, capture=30, invoke=20)])
    assert fields["overruled"] == []
    assert not any("overruled" in line for line in stage_lines(fields))
