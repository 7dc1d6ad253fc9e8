"""A part that the PLC let through without an accept on record: the ledger says so itself, beside the ack."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge.core.events import Truth
from edge.core.types import Act, Decision
from edge.ledger.export import export
from edge.ledger.reader import counts, last_unearned
from edge.ledger.schema import FILE_NAME
from edge.ledger.verify import verify
from tests.support.ledgers import (
    START_MS,
    decided,
    instant,
    key,
    make_version,
    plc_acked,
    received,
    sent,
    start,
    whole_part,
)


def kinds(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        return [kind for (kind,) in connection.execute("SELECT kind FROM events ORDER BY id")]


def test_an_accept_by_the_plc_of_a_rejected_part_stands_on_record_as_such(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    rejected = decided(key(3, seq=1), decision=Decision.REJECT, code=1001)
    ticket = ledger.append(received(key(3, seq=1)), rejected, sent(key(3, seq=1)), plc_acked(key(3, seq=1)))
    assert not ticket.wait(10)
    assert ticket.settled
    assert ticket.refusals == ("its verdict is reject (code 1001)",)
    ledger.close("stopped", instant(1000), {})
    assert kinds(tmp_path)[1:-1] == ["received", "decided", "sent", "plc_acked", "unearned_accept"]
    (line,) = export(tmp_path)
    assert (line["verdict"], line["ack_act"]) == ("reject", Act.ACCEPTED)
    assert counts(tmp_path, START_MS)["unearned"] == 1
    told = last_unearned(tmp_path, START_MS)
    assert told is not None
    at, sentence = told
    assert at == instant(90).utc_ms
    assert "sess 7 trig 3" in sentence
    assert "its verdict is reject (code 1001)" in sentence
    assert verify(tmp_path).problems == ()


def test_a_second_ack_is_looked_at_like_the_first(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    rejected = decided(key(), decision=Decision.REJECT, code=1001)
    assert ledger.append(received(key()), rejected, sent(key()), plc_acked(key(), act=Act.REJECTED)).wait(10)
    assert not ledger.append(plc_acked(key())).wait(10)
    ledger.close("stopped", instant(1000), {})
    assert counts(tmp_path, START_MS)["unearned"] == 1


def test_a_good_day_has_none(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1)), *whole_part(key(2))).wait(10)
    ledger.close("stopped", instant(1000), {})
    assert last_unearned(tmp_path, 0) is None
    assert counts(tmp_path, 0)["unearned"] == 0


def test_what_was_sent_is_compared_with_what_is_on_record(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    agrees = replace(sent(key(1)), decision=Decision.ACCEPT, code=0)
    differs = replace(sent(key(2)), decision=Decision.ACCEPT, code=0)
    ledger.append(received(key(1)), decided(key(1)), agrees)
    ledger.append(received(key(2)), decided(key(2), decision=Decision.CANNOT_JUDGE, code=303), differs).wait(10)
    ledger.close("stopped", instant(1000), {})
    (problem,) = verify(tmp_path).problems
    assert "sess 7 trig 2 was sent as accept, on record is cannot_judge" in problem


def test_a_truth_stands_on_record_and_touches_no_part(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    truth = Truth(epoch=1, part="A/1:2", truth="reject", source="final inspection", at=instant(500))
    assert ledger.append(*whole_part(key()), truth).wait(10)
    ledger.close("stopped", instant(1000), {})
    assert kinds(tmp_path)[-2] == "truth"
    assert [line["verdict"] for line in export(tmp_path)] == ["accept"]
    assert verify(tmp_path).problems == ()


def test_a_ledger_of_the_first_version_is_taken_over_whole(tmp_path: Path) -> None:
    make_version(tmp_path, 1)
    start(tmp_path).close("stopped", instant(3000), {})
    assert [line["trig"] for line in export(tmp_path)] == [1, 2]
    assert last_unearned(tmp_path, 0) is None
    assert verify(tmp_path).problems == ()
