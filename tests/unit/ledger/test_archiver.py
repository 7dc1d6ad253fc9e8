"""Events leave for the archive and nothing else changes: the same lines, one chain, the same refusals."""

import json
import logging
import os
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.core.codes import Code
from edge.core.events import Archived, Event, Instant
from edge.core.types import Act, Decision
from edge.ledger import ArchiveError, Ledger, Ticket, archived_parts
from edge.ledger.archive_file import FOLDER
from edge.ledger.archiver import Archiver
from edge.ledger.export import export
from edge.ledger.reader import counts, last_parts, last_unearned, unearned_sentence
from edge.ledger.retention import Retention
from edge.ledger.schema import FILE_NAME
from edge.ledger.tidying import Tidying
from edge.ledger.verify import verify
from tests.support.ledgers import (
    START_MS,
    archive,
    decided,
    instant,
    key,
    loss,
    plc_acked,
    pruned,
    received,
    sent,
    start,
    stored,
    whole_part,
    write,
)
from tests.support.waiting import wait_until


def ask(directory: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{directory / FILE_NAME}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / FOLDER).iterdir())


def busy_days(directory: Path) -> None:
    """Two epochs with a bit of everything that is settled in the end."""
    ledger = start(directory)
    for trig in range(1, 30):
        ledger.append(*whole_part(key(trig), trig * 100), stored(key(trig), path=f"{trig}.jpg"))
    ledger.append(pruned("2.jpg"), loss(33, trig_first=30), received(key(40, seq=30)), decided(key(40, seq=30)))
    ledger.append(sent(key(40, seq=30), 900, "hist/result"), plc_acked(key(50, seq=0, epoch=0), act=Act.TIMED_OUT))
    ledger.append(received(key(60, seq=31)))
    ledger.close("stopped", instant(3000), {"duplicate": 2})
    again = start(directory, 4000)
    again.append(*(event for trig in range(1, 20) for event in whole_part(key(trig, session=8, epoch=2), 5000)))
    again.close("stopped", instant(9000), {})


def test_what_is_archived_leaves_the_ledger_and_no_line_of_the_export(tmp_path: Path) -> None:
    busy_days(tmp_path)
    start(tmp_path).close("stopped", instant(9000), {})
    before, report = list(export(tmp_path)), verify(tmp_path)
    archive(tmp_path, keep=40, file_events=60)
    assert list(export(tmp_path)) == before
    after = verify(tmp_path)
    assert (after.problems, after.outcomes, after.parts) == ((), report.outcomes, report.parts)
    assert after.archives == len(files(tmp_path)) - 1 == 4
    (first,) = ask(tmp_path, "SELECT min(id) FROM events")
    assert first == ask(tmp_path, "SELECT max(last_event) + 1 FROM archives")[0]
    assert ask(tmp_path, "SELECT count(*) FROM parts")[0][0] < len(before)
    assert counts(tmp_path, 0)["accept"] == report.outcomes["accept"]
    assert [part["trig"] for part in last_parts(tmp_path, 2)] == [19, 18]


def test_archiving_again_and_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    busy_days(tmp_path)
    start(tmp_path).close("stopped", instant(9000), {})
    before = list(export(tmp_path))
    for keep in (150, 100, 99, 20, 0):
        archive(tmp_path, keep=keep, file_events=37)
        assert verify(tmp_path).problems == ()
    assert list(export(tmp_path)) == before


def test_a_part_that_lies_over_the_end_of_a_file_is_whole_in_the_export(tmp_path: Path) -> None:
    busy_days(tmp_path)
    start(tmp_path).close("stopped", instant(9000), {})
    before = list(export(tmp_path))
    archive(tmp_path, keep=0, file_events=7)
    assert list(export(tmp_path)) == before
    assert verify(tmp_path).problems == ()


@pytest.mark.parametrize("window", [1, 2, 5])
def test_an_event_long_after_its_part_is_in_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    ledger = start(tmp_path)
    for trig in range(1, 20):
        ledger.append(received(key(trig)), decided(key(trig)))
    for trig in range(1, 20):
        ledger.append(sent(key(trig), 900, "hist/result"), plc_acked(key(trig)), stored(key(trig), path=f"{trig}.jpg"))
    ledger.close("stopped", instant(3000), {})
    before = list(export(tmp_path))
    monkeypatch.setattr(archived_parts, "WINDOW", window)
    archive(tmp_path, keep=0, file_events=10)
    assert list(export(tmp_path)) == before
    assert verify(tmp_path).problems == ()


def test_open_and_unsent_parts_stay_in_their_table(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(received(key(1)), decided(key(1)), received(key(2)), *whole_part(key(3))).wait(10)
    archiver = Archiver(ledger, tmp_path, Retention(days=36_500, events=0, always_kept=0, young_s=0))
    archiver.start()
    list(archiver.ask().progress())
    wait_until(lambda: not ledger._store.untidy)
    assert ask(tmp_path, "SELECT trig FROM parts ORDER BY trig") == [(1,), (2,)]
    archiver.stop()
    ledger.close("stopped", instant(2000), {})
    assert [line["verdict"] for line in export(tmp_path)] == ["accept", None, "accept"]
    opening_ledger = Ledger.open(tmp_path)
    opening = opening_ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant(3000))
    assert (opening.orphans, [unsent.key.trig for unsent in opening.unsent]) == (1, [1])
    assert opening.sessions == ((7, 3),)
    assert opening_ledger.append(sent(key(1), 900, "hist/result")).wait(10)
    opening_ledger.close("stopped", instant(4000), {})
    assert [(line["verdict"], line["code"]) for line in export(tmp_path)] == [
        ("accept", 0),
        ("loss", Code.ORPHAN),
        ("accept", 0),
    ]
    assert next(iter(export(tmp_path)))["views"][0]["score"] == 0.031
    assert verify(tmp_path).problems == ()
    archive(tmp_path)
    assert ask(tmp_path, "SELECT count(*) FROM parts") == [(0,)]
    assert verify(tmp_path).problems == ()


def test_sessions_and_numbers_go_on_after_all_parts_have_gone(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            *whole_part(key(5, session=0, seq=1)),
            *whole_part(key(9, session=8, seq=2)),
            *whole_part(key(3, session=7, seq=3)),
            loss(6, session=7, seq=4),
        ],
    )
    archive(tmp_path)
    ledger = Ledger.open(tmp_path)
    opening = ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant(3000))
    ledger.close("stopped", instant(3000), {})
    assert (opening.sessions, opening.last_auto_trig) == (((8, 9), (7, 6)), 5)


@pytest.mark.parametrize(
    "late",
    [
        received(key(2, epoch=3, seq=2)),
        decided(key(2)),
        sent(key(2), 900, "hist/result"),
        plc_acked(key(2)),
        loss(2),
        stored(key(2), "late.jpg"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_comes_for_a_part_that_has_gone_is_on_record_and_changes_nothing(tmp_path: Path, late: object) -> None:
    write(tmp_path, [*whole_part(key(1)), *whole_part(key(2)), *whole_part(key(3))])
    archive(tmp_path)
    before = list(export(tmp_path))
    ledger = start(tmp_path)
    ticket = ledger.append(late)  # type: ignore[arg-type]
    assert not ticket.wait(10)
    assert "archive" in ticket.refusals[0] or "not on record" in ticket.refusals[0]
    assert ledger.append(*whole_part(key(4, epoch=3, seq=1))).wait(10)
    ledger.close("stopped", instant(5000), {})
    assert list(export(tmp_path))[:3] == before
    report = verify(tmp_path)
    assert (report.problems, report.anomalies) == ((), 1)
    archive(tmp_path)
    assert list(export(tmp_path))[:3] == before
    assert verify(tmp_path).problems == ()


def test_an_accept_that_the_plc_claims_for_a_part_that_has_gone_is_told(tmp_path: Path) -> None:
    write(tmp_path, [*whole_part(key(1)), received(key(2)), decided(key(2), decision=Decision.REJECT, code=1001)])
    write(tmp_path, [sent(key(2), 900, "hist/result"), *whole_part(key(3, epoch=2, seq=1))])
    archive(tmp_path)
    ledger = start(tmp_path)
    ledger.append(plc_acked(key(2), act=Act.REJECTED))
    claim = ledger.append(plc_acked(key(2)))
    assert not claim.wait(10)
    (reason,) = claim.refusals
    ledger.close("stopped", instant(5000), {})
    assert "archive" in reason
    assert counts(tmp_path, START_MS)["unearned"] == 1
    assert last_unearned(tmp_path, START_MS) == (instant(90).utc_ms, unearned_sentence(7, 2, reason))
    assert verify(tmp_path).problems == ()


def test_an_honest_accept_of_this_hour_is_not_archived_whatever_is_asked_so_that_its_late_ack_finds_it(
    tmp_path: Path,
) -> None:
    ledger = Ledger.open(tmp_path)
    now = Instant(mono_ns=time.monotonic_ns(), utc_ms=time.time_ns() // 1_000_000)
    ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=now)
    part = received(key(1), at=now), decided(key(1), at=now), replace(sent(key(1)), at=now)
    assert ledger.append(*part).wait(10)
    archiver = Archiver(ledger, tmp_path, Retention(events=0, always_kept=0))
    archiver.start()
    assert list(archiver.ask(keep_days=0.0).progress()) == []
    assert ledger.append(replace(plc_acked(key(1)), at=now)).wait(10)
    archiver.stop()
    ledger.close("stopped", now, {})
    assert counts(tmp_path, 0)["unearned"] == 0


def test_an_ack_of_an_unknown_part_may_come_again_after_it_has_gone(tmp_path: Path) -> None:
    write(tmp_path, [plc_acked(key(900, seq=0, epoch=0), act=Act.TIMED_OUT), loss(900), *whole_part(key(1))])
    archive(tmp_path)
    ledger = start(tmp_path)
    assert ledger.append(plc_acked(key(900, seq=0, epoch=0), act=Act.TIMED_OUT)).wait(10)
    assert ledger.append(*whole_part(key(2, epoch=3, seq=1))).wait(10)
    ledger.close("stopped", instant(5000), {})
    assert [line["trig"] for line in export(tmp_path)] == [900, 1, 2]
    assert verify(tmp_path).problems == ()


def test_pictures_that_were_pruned_go_and_others_stay_on_record(tmp_path: Path) -> None:
    write(tmp_path, [*whole_part(key(1)), stored(key(1), "a.jpg"), stored(key(1), "b.jpg", "side"), pruned("a.jpg")])
    before = list(export(tmp_path))
    archive(tmp_path)
    assert ask(tmp_path, "SELECT path FROM images") == [("b.jpg",)]
    assert list(export(tmp_path)) == before
    seen: list[str] = []
    report = verify(tmp_path, lambda path, sha256: seen.append(path))
    assert (report.problems, report.images, seen) == ((), 1, ["b.jpg"])
    ledger = start(tmp_path)
    assert ledger.append(pruned("b.jpg")).wait(10)
    ledger.close("stopped", instant(5000), {})
    assert [view["image"] for view in next(export(tmp_path))["views"]] == [None, None]
    assert verify(tmp_path, lambda path, sha256: None).problems == ()
    archive(tmp_path)
    assert ask(tmp_path, "SELECT path FROM images") == []
    assert [view["image"] for view in next(export(tmp_path))["views"]] == [None, None]
    assert verify(tmp_path).problems == ()


def test_sqlite_itself_refuses_to_delete_what_no_archive_holds(tmp_path: Path) -> None:
    write(tmp_path, whole_part(key(1)))
    archive(tmp_path, keep=2)
    ledger = start(tmp_path)
    connection = ledger._store._connection
    assert connection is not None
    for statement in (
        "DELETE FROM events",
        "DELETE FROM events WHERE id = (SELECT max(last_event) + 1 FROM archives)",
        "UPDATE events SET kind = 'x'",
        "DELETE FROM archives",
        "UPDATE archives SET file = 'x'",
        "INSERT INTO archives SELECT id, 1, id, hash, hash, 'x', 'x', 1 FROM events LIMIT 1",
        "INSERT INTO archives SELECT max(last_event) + 1, max(last_event) + 1, 9, hash, hash, 'x', '', 1 FROM archives",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    ledger.close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


def test_an_archive_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1))).wait(10)
    zero = "00" * 32
    for first, last in ((2, 3), (1, 99), (1, 3), (3, 1)):
        event = Archived(
            first=first, last=last, previous=zero, digest=zero, file="x", sha256=zero, size=1, at=instant()
        )
        ticket = ledger.append(event)
        assert not ticket.wait(10)
        assert "archive" in ticket.refusals[0]
    ledger.close("stopped", instant(), {})
    report = verify(tmp_path)
    assert (report.problems, report.anomalies, report.archives) == ((), 4, 0)


def test_a_file_that_is_whole_and_not_on_record_is_taken_up(tmp_path: Path) -> None:
    busy_days(tmp_path)
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tmp_path.glob("ledger.db*"):
        (copy / path.name).write_bytes(path.read_bytes())
    archive(copy, keep=100, file_events=60)
    first = files(copy)[1]
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / first).write_bytes((copy / FOLDER / first).read_bytes())
    made = (tmp_path / FOLDER / first).stat()
    archive(tmp_path, keep=100, file_events=30)
    assert (tmp_path / FOLDER / first).stat().st_mtime_ns == made.st_mtime_ns
    assert files(tmp_path)[1] == first
    assert verify(tmp_path).problems == ()


def test_a_file_that_stands_already_is_on_the_disk_before_it_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, [*whole_part(key(1)), *whole_part(key(2))])
    shutil.copytree(tmp_path, tmp_path / "copy")
    archive(tmp_path / "copy")
    shutil.copytree(tmp_path / "copy" / FOLDER, tmp_path / FOLDER)  # nobody flushed it
    (name,) = [name for name in files(tmp_path) if name.startswith("events")]
    order: list[str] = []
    sync, append = os.fsync, Ledger.append

    def fsync(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    def put(ledger: Ledger, *events: Event, **options: bool) -> Ticket:
        order.extend("on record" for event in events if isinstance(event, Archived))
        return append(ledger, *events, **options)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Ledger, "append", put)
    archive(tmp_path)
    before = order[: order.index("on record")]
    assert before[-3:] == [name, FOLDER, tmp_path.name]
    assert verify(tmp_path).problems == ()


def test_sums_that_a_kill_left_short_are_whole_after_the_next_look(tmp_path: Path) -> None:
    write(tmp_path, [*whole_part(key(1)), *whole_part(key(2))])
    archive(tmp_path, file_events=4)
    sums = tmp_path / FOLDER / "SHA256SUMS"
    whole = sums.read_text()
    assert len(whole.splitlines()) > 1
    sums.write_text(whole.splitlines(keepends=True)[0])
    archive(tmp_path, keep=1000)
    assert sums.read_text() == whole
    sums.unlink()
    archive(tmp_path, keep=1000)
    assert sums.read_text() == whole


@pytest.mark.parametrize("kind", ["foreign", "damaged"])
def test_a_file_in_the_way_is_named_and_left_alone(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", [*whole_part(key(7)), *whole_part(key(8))])
    archive(tmp_path / "other")
    (name,) = [name for name in files(tmp_path / "other") if name.startswith("events")]
    content = (tmp_path / "other" / FOLDER / name).read_bytes()
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / name).write_bytes(content if kind == "foreign" else content[:50])
    write(tmp_path, [*whole_part(key(1)), *whole_part(key(2)), *whole_part(key(3))])
    with pytest.raises(ArchiveError, match="move it to another folder") as caught:
        archive(tmp_path)
    assert ("damaged" in str(caught.value)) == (kind == "damaged")
    assert "from a copy" not in str(caught.value)  # there is none: its events are in the ledger still
    assert files(tmp_path) == [name]
    assert verify(tmp_path).archives == 0


def test_no_room_for_an_archive_is_told_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.archiver.RESERVE_BYTES", 1 << 62)
    write(tmp_path, whole_part(key(1)))
    with pytest.raises(ArchiveError, match="free some space"):
        archive(tmp_path)
    assert verify(tmp_path).problems == ()


def test_it_archives_by_itself_and_says_so_once_where_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.ledger.archiver.CHECK_S", 0.01)
    write(tmp_path, [event for trig in range(1, 20) for event in whole_part(key(trig))])
    (tmp_path / FOLDER).touch()
    ledger = start(tmp_path)
    archiver = Archiver(ledger, tmp_path, Retention(days=36_500, events=10, file_events=20, always_kept=0, young_s=0))
    with caplog.at_level(logging.WARNING, "edge.ledger.archiver"):
        archiver.start()
        wait_until(lambda: caplog.records)
        (tmp_path / FOLDER).unlink()
        wait_until(lambda: ask(tmp_path, "SELECT count(*) FROM archives")[0][0] == 3)
    archiver.stop()
    ledger.close("stopped", instant(5000), {})
    assert len({record.getMessage() for record in caplog.records}) == len(caplog.records)
    assert verify(tmp_path).problems == ()


def test_a_second_request_is_told_to_wait_and_a_stop_ends_the_first(tmp_path: Path) -> None:
    write(tmp_path, whole_part(key(1)))
    ledger = start(tmp_path)
    archiver = Archiver(ledger, tmp_path, Retention(always_kept=0, young_s=0))
    job = archiver.ask(0.0)
    with pytest.raises(ArchiveError, match="try again"):
        archiver.ask(0.0)
    archiver.start()
    assert [text.split()[:4] for text in job.progress()] == [["events", "1", "to", "7"]]
    archiver.stop()
    with pytest.raises(ArchiveError, match="stops"):
        archiver.ask(0.0)
    ledger.close("stopped", instant(5000), {})


def test_a_failure_to_let_go_waits_and_disturbs_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.ledger.writer.UNTIDY_S", 0.1)
    write(tmp_path, [event for trig in range(1, 20) for event in whole_part(key(trig))])
    failures = [3]
    real = Tidying.step

    def fail(self: object, connection: sqlite3.Connection) -> bool:
        if failures[0]:
            failures[0] -= 1
            connection.execute("DELETE FROM parts")
            raise sqlite3.OperationalError("disk I/O error")
        return real(self, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(Tidying, "step", fail)
    archive(tmp_path)
    assert failures == [0]
    assert "not let go" in caplog.text
    assert verify(tmp_path).problems == ()


def test_the_archive_event_holds_what_the_file_is(tmp_path: Path) -> None:
    write(tmp_path, whole_part(key(1)))
    archive(tmp_path)
    ((body,),) = ask(tmp_path, "SELECT body FROM events WHERE kind = 'archived'")
    fields = json.loads(str(body))
    assert (fields["first"], fields["last"]) == (1, 7)
    sums = (tmp_path / FOLDER / "SHA256SUMS").read_text().split()
    assert sums == [fields["sha256"], fields["file"]]
