"""The writer's side: epochs, tickets, anomalies."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.codes import Code
from edge.core.events import EpochEnded, EpochStarted, Operator
from edge.core.types import Act, Decision
from edge.ledger import (
    FoundModels,
    Ledger,
    LedgerBacklogError,
    LedgerClosedError,
    LedgerMissingError,
    LedgerStorageError,
)
from edge.ledger.export import export
from edge.ledger.reader import counts, last_parts
from edge.ledger.schema import FILE_NAME
from edge.ledger.verify import verify
from tests.support.ledgers import (
    START_MS,
    decided,
    instant,
    key,
    loss,
    overruled,
    plc_acked,
    received,
    sent,
    start,
    tampering,
    whole_part,
    write,
)


def reopened(directory: Path, ledger: Ledger) -> Ledger:
    """Open the ledger again after what was left behind by a process that died."""
    ledger._store.close()
    ledger._lock.release()
    return Ledger.open(directory)


def test_the_first_epoch_is_1_and_they_grow(tmp_path: Path) -> None:
    for epoch in (1, 2, 3):
        ledger = Ledger.open(tmp_path)
        opening = ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant())
        assert (opening.epoch, ledger.epoch) == (epoch, epoch)
        assert opening.clean is (None if epoch == 1 else True)
        ledger.close("stopped", instant(), {"duplicate": 3})
    assert verify(tmp_path).problems == ()


def begin_with(directory: Path, models: str | None) -> None:
    found = models and FoundModels(hashes=models, author="owner anna", origin="the file")
    ledger = Ledger.open(directory)
    ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant(), models=found or None)
    ledger.close("stopped", instant(), {})


def models_on_record(directory: Path) -> list[str]:
    query = "SELECT body FROM events WHERE kind = 'operator' ORDER BY id"
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        actions = [json.loads(body) for (body,) in connection.execute(query)]
    assert {(action["action"], action["who"], action["origin"]) for action in actions} <= {
        ("model", "owner anna", "the file")
    }
    return [action["detail"] for action in actions]


def test_a_start_with_other_bundles_than_the_last_one_is_on_record(tmp_path: Path) -> None:
    for models in (None, "a", "a", "b", "b c", "b c"):
        begin_with(tmp_path, models)
    assert models_on_record(tmp_path) == ["a -> b", "b -> b c"]
    assert verify(tmp_path).problems == ()


def test_where_the_last_start_is_archived_its_bundles_are_said_to_be_unknown(tmp_path: Path) -> None:
    begin_with(tmp_path, "a")
    with tampering(tmp_path) as connection:
        connection.execute("DELETE FROM events WHERE kind = 'epoch_started'")
    begin_with(tmp_path, "a")
    assert models_on_record(tmp_path) == ["unknown (the last start is in the archive) -> a"]


def test_a_start_after_a_death_turns_orphans_into_losses(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    parts = [event for trig in (1, 2) for event in whole_part(key(trig))]
    assert ledger.append(*parts, received(key(3)), loss(4), received(key(5, seq=4))).wait(10)
    again = reopened(tmp_path, ledger)
    opening = again.start_epoch(software="0.1.0", config_hash="c0", at=instant(5000))
    again.close("stopped", instant(6000), {})
    assert (opening.epoch, opening.clean, opening.orphans) == (2, False, 2)
    lines = {line["trig"]: line for line in export(tmp_path)}
    assert (lines[3]["verdict"], lines[3]["dec"], lines[3]["code"], lines[3]["epoch"]) == ("loss", None, 122, 2)
    assert lines[3]["seq"] == 3
    assert lines[4]["code"] == Code.GAP
    assert verify(tmp_path).problems == ()


def test_a_start_hands_out_verdicts_that_never_left(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    ledger.append(*whole_part(key(1)))
    ledger.append(received(key(2)), decided(key(2), decision=Decision.REJECT, code=1002))
    ledger.append(received(key(3)), decided(key(3)), overruled(key(3)))
    ledger.append(received(key(4)), decided(key(4)), sent(key(4), 900, "hist/result"))
    ledger.close("stopped", instant(1000), {})
    for _ in range(2):
        ledger = Ledger.open(tmp_path)
        opening = ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant(2000))
        found = [(unsent.key, unsent.decision, unsent.code, unsent.score) for unsent in opening.unsent]
        assert found == [(key(2), Decision.REJECT, 1002, 31), (key(3), Decision.CANNOT_JUDGE, 402, 65535)]
        assert opening.unsent[0].received_utc_ms == START_MS
        assert opening.unsent[0].decided_utc_ms == START_MS + 60
        ledger.close("stopped", instant(3000), {})
    lines = {line["trig"]: line for line in export(tmp_path)}
    assert (lines[2]["verdict"], lines[2]["sent_at"], lines[2]["deadline_met"]) == ("reject", None, False)


def test_a_start_tells_sessions_in_the_order_of_use(tmp_path: Path) -> None:
    numbers = [(900, 1), (900, 2), (5, 1), (0, 41), (300, 10)]
    events = [received(key(trig, session=session, seq=seq)) for seq, (session, trig) in enumerate(numbers, 1)]
    write(
        tmp_path,
        [
            *events,
            loss(12, session=300),
            loss(3, session=900, code=112),
            loss(1, session=77, code=111),
            plc_acked(key(99, session=300, seq=0), act=Act.REJECTED),
        ],
    )
    ledger = Ledger.open(tmp_path)
    opening = ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant())
    ledger.close("stopped", instant(), {})
    assert opening.sessions == ((900, 3), (5, 1), (300, 12))
    assert opening.last_auto_trig == 41


def test_a_second_verdict_is_an_anomaly_and_its_ticket_never_says_committed(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    first = ledger.append(received(key()), decided(key(), decision=Decision.REJECT, code=1001))
    second = ledger.append(decided(key()))
    other = ledger.append(received(key(2)), decided(key(2)))
    assert first.wait(10)
    assert other.wait(10)
    assert not second.wait(10)
    assert not second.committed
    assert second.refusals == ("reject is on record already",)
    ledger.close("stopped", instant(), {})
    assert [line["verdict"] for line in export(tmp_path)] == ["reject", "accept"]
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), 1)


@pytest.mark.parametrize(
    "poison",
    [
        decided(key(2**70)),
        received(key(9, seq=1)),
        received(key(9, epoch=6)),
        decided(key(9)),
        Operator(who="\ud800", origin="page", action="x", detail="", at=instant()),
        Operator(who=float("nan"), origin="page", action="x", detail="", at=instant()),  # type: ignore[arg-type]
        "no event",
        None,
    ],
    ids=["large", "seq twice", "other epoch", "never received", "surrogate", "nan", "text", "none"],
)
def test_no_event_can_poison_the_batch_that_it_is_in(tmp_path: Path, poison: object) -> None:
    ledger = start(tmp_path)
    ticket = ledger.append(*whole_part(key(1)), poison, *whole_part(key(2)))  # type: ignore[arg-type]
    refused = not ticket.wait(10)
    assert len(ticket.refusals) == refused
    assert ledger.append(received(key(3)), decided(key(3))).wait(10)
    ledger.close("stopped", instant(), {})
    assert [line["verdict"] for line in export(tmp_path)] == ["accept"] * 3
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), int(refused))


def test_epochs_are_the_ledgers_own(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    with pytest.raises(LedgerClosedError, match="no epoch"):
        ledger.append(received(key()))
    assert not ledger.healthy
    ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant())
    assert ledger.healthy
    assert ledger.failure is None
    with pytest.raises(LedgerClosedError, match="one epoch"):
        ledger.start_epoch(software="0.1.0", config_hash="c0", at=instant())
    with pytest.raises(ValueError, match="start_epoch"):
        ledger.append(EpochEnded(epoch=1, reason="x", at=instant()))
    with pytest.raises(ValueError, match="start_epoch"):
        ledger.append(EpochStarted(epoch=1, software="x", config_hash="x", clean=None, at=instant()))
    ledger.close("stopped", instant(), {})
    ledger.close("stopped", instant(), {})
    assert not ledger.healthy
    with pytest.raises(LedgerClosedError):
        ledger.append(received(key()))


def test_close_commits_what_waits(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    tickets = [ledger.append(*whole_part(key(trig))) for trig in range(1, 300)]
    ledger.close("stopped", instant(), {})
    assert all(ticket.committed for ticket in tickets)
    assert ledger.waiting == 0
    assert not (tmp_path / "ledger.db-wal").exists()
    assert sum(1 for _ in export(tmp_path)) == 299


def test_nothing_to_append_is_committed_at_once(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append().wait(0)
    ledger.close("stopped", instant(), {})


def test_a_backlog_has_a_named_end(tmp_path: Path) -> None:
    ledger = start(tmp_path, backlog_limit=5)
    with pytest.raises(LedgerBacklogError, match="at most 5"):
        ledger.append(*(received(key(trig)) for trig in range(1, 7)))
    assert ledger.append(received(key())).wait(10)
    ledger.close("stopped", instant(), {})


def test_counts_and_last_parts(tmp_path: Path) -> None:
    hour = 3_600_000
    write(
        tmp_path,
        [
            *whole_part(key(1)),
            received(key(2), 2 * hour),
            decided(key(2), decision=Decision.REJECT, code=1002),
            received(key(3), 2 * hour),
            decided(key(3)),
            overruled(key(3), code=402),
            loss(9, at_ms=3 * hour, trig_first=4),
            received(key(10, seq=4), 4 * hour),
        ],
    )
    found = counts(tmp_path, 0)
    assert {name: found[name] for name in ("accept", "reject", "cannot_judge", "loss", "open")} == {
        "accept": 1, "reject": 1, "cannot_judge": 1, "loss": 1, "open": 1,
    }  # fmt: skip
    assert found["codes"] == {"0": 1, "1002": 1, "402": 1, "120": 1}
    assert not found["running"]
    assert (found["epoch"]["epoch"], found["epoch"]["reason"]) == (1, "stopped")
    late = counts(tmp_path, START_MS + 2 * hour)
    assert (late["accept"], late["reject"], late["loss"]) == (0, 1, 1)
    assert START_MS + 2 * hour - 900_000 < late["since"] <= START_MS + 2 * hour
    assert [line["trig"] for line in last_parts(tmp_path, 2)] == [10, 9]


def test_there_is_no_ledger_here(tmp_path: Path) -> None:
    with pytest.raises(LedgerMissingError, match="no ledger here"):
        list(export(tmp_path))
    with pytest.raises(LedgerMissingError):
        verify(tmp_path)
    with pytest.raises(LedgerMissingError):
        counts(tmp_path, 0)
    with pytest.raises(LedgerStorageError):
        Ledger.open(tmp_path / "absent")
