import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.anchors import Anchor
from edge.core.events import Instant
from edge.ledger import Ledger, audit_parts, source
from edge.ledger.schema import FILE_NAME
from edge.ledger.verify import verify
from tests.support.ledgers import (
    decided,
    instant,
    key,
    loss,
    overruled,
    pruned,
    received,
    sent,
    start,
    stored,
    tampering,
    whole_part,
    write,
)

AGAIN = (
    "INSERT INTO events SELECT id + 1, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash "
    "FROM events WHERE id = (SELECT max(id) FROM events)"
)


def busy_day(directory: Path) -> None:
    ledger = start(directory)
    for trig in range(1, 6):
        ledger.append(*whole_part(key(trig)), stored(key(trig), path=f"{trig}.jpg"))
    ledger.append(loss(8, trig_first=6), pruned("2.jpg"), received(key(9, seq=6)), decided(key(9, seq=6)))
    ledger.append(overruled(key(9, seq=6)), sent(key(9, seq=6), 380))
    ledger.close("stopped", instant(1000), {"duplicate": 2})
    again = start(directory, 2000)
    again.append(received(key(10, epoch=2, seq=1), 2100), decided(key(10, epoch=2, seq=1), 2160))
    again.close("stopped", instant(3000), {})


def test_a_sound_ledger(tmp_path: Path) -> None:
    busy_day(tmp_path)
    report = verify(tmp_path, lambda path, sha256: None)
    assert report.problems == ()
    assert report.ok
    assert (report.parts, report.epochs, report.images, report.open) == (8, 2, 4, 0)
    assert report.outcomes == {"accept": 6, "cannot_judge": 1, "loss": 1}
    assert len(report.head) == 64


def test_an_empty_ledger_is_sound(tmp_path: Path) -> None:
    Ledger.open(tmp_path).close("stopped", instant(), {})
    assert verify(tmp_path).problems == ()


@pytest.mark.parametrize("window", [0, 2, 5])
def test_parts_let_go_early_are_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setattr(source, "PAGE", 3)
    monkeypatch.setattr(audit_parts, "WINDOW", window)
    busy_day(tmp_path)
    assert verify(tmp_path).problems == ()
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE parts SET outcome = 'accept', code = 0 WHERE trig = 9")
    assert verify(tmp_path).problems == (
        "sess 7 trig 9: the table of parts differs from the events",
        "the table of counts differs from the parts",
    )


def test_it_says_when_a_picture_is_missing_or_changed(tmp_path: Path) -> None:
    busy_day(tmp_path)
    report = verify(tmp_path, lambda path, sha256: "spool/3.jpg: is gone" if path == "3.jpg" else None)
    assert (len(report.problems), report.images) == (1, 3)
    assert report.problems[0].endswith("spool/3.jpg: is gone")


def test_a_running_station_is_not_at_fault(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    now = Instant(mono_ns=0, utc_ms=time.time_ns() // 1_000_000)
    assert ledger.append(*whole_part(key(1)), received(key(2), at=now)).wait(10)
    young = verify(tmp_path)
    assert (young.problems, young.open, young.running) == ((), 1, True)
    assert ledger.append(received(key(3))).wait(10)
    old = verify(tmp_path)
    assert old.problems == ("sess 7 trig 3: received, but neither verdict nor loss is on record",)
    ledger.close("stopped", instant(1000), {})


def test_a_part_without_verdict_is_at_fault_once_nobody_judges_it(tmp_path: Path) -> None:
    write(tmp_path, [received(key(1)), received(key(2)), decided(key(2))])
    (problem,) = verify(tmp_path).problems
    assert problem == (
        "sess 7 trig 1: received, but neither verdict nor loss is on record; "
        "the next start of linegate inspect records a loss"
    )


def test_a_picture_pruned_a_moment_later_is_not_at_fault(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    assert ledger.append(*whole_part(key(1)), stored(key(1), path="1.jpg"), stored(key(1), path="2.jpg")).wait(10)

    def check(path: str, sha256: str) -> str:
        if path == "1.jpg":
            assert ledger.append(pruned("1.jpg")).wait(10)
        return f"{path} is gone"

    assert verify(tmp_path, check).problems == ("event 7: 2.jpg is gone",)
    ledger.close("stopped", instant(1000), {})


def test_a_gap_in_seq_is_found_and_explained_ones_are_not(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    ledger.append(received(key(1, seq=1)), decided(key(1, seq=1)), loss(2, seq=2))
    ledger.append(received(key(3, seq=3)), decided(key(3, seq=3)))
    ledger.append(received(key(1, seq=4)))
    ledger.append(received(key(5, seq=5)), decided(key(5, seq=5)), received(key(9, seq=4_000_000_000)), loss(9))
    ledger.close("stopped", instant(), {})
    report = verify(tmp_path)
    assert report.problems == ("epoch 1: 3999999994 of seq 6 to 3999999999 have no event",)
    assert report.anomalies == 1


def test_a_result_without_its_verdict_before_it_is_found(tmp_path: Path) -> None:
    write(tmp_path, [received(key(1)), sent(key(1)), decided(key(1))])
    (problem,) = verify(tmp_path).problems
    assert problem == "event 3 (sent): sess 7 trig 1 was sent before its verdict was on record"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE events SET body = replace(body, 'A/1:2', 'A/1:3') WHERE id = 2", "event 2 (received): the hash"),
        ("UPDATE events SET body = replace(body, '\"decision\":1', '\"decision\":2') WHERE id = 3", "event 3"),
        ("UPDATE events SET kind = 'rumour' WHERE id = 4", "event 4: unknown kind"),
        ("UPDATE events SET utc_ms = utc_ms + 1 WHERE id = 4", "event 4 (sent): the hash"),
        ("UPDATE events SET mono_ns = mono_ns - 1 WHERE id = 4", "event 4 (sent): the hash"),
        ("UPDATE events SET epoch = NULL WHERE id = 4", "event 4 (sent): the hash"),
        ("UPDATE events SET session = 8 WHERE id = 4", "event 4 (sent): the hash"),
        ("UPDATE events SET body = '{' WHERE id = 4", "the body of a sent is damaged"),
        ("UPDATE events SET hash = zeroblob(32) WHERE id = 4", "event 4 (sent): the hash"),
        ("UPDATE events SET id = id + 100 WHERE id = (SELECT max(id) FROM events)", "are missing"),
        ("DELETE FROM events WHERE id = 1", "events 1 to 1 are missing"),
        ("DELETE FROM events WHERE id = 10", "events 10 to 10 are missing"),
        ("DELETE FROM events WHERE id = (SELECT max(id) FROM events)", "was the last one written"),
        (AGAIN, "the hash does not fit"),
        ("DELETE FROM head", "but 0 was the last one written"),
        ("UPDATE parts SET outcome = 'accept' WHERE trig = 9", "sess 7 trig 9: the table of parts differs"),
        ("UPDATE parts SET in_time = 0 WHERE trig = 1", "sess 7 trig 1: the table of parts differs"),
        ("DELETE FROM parts WHERE trig = 10", "sess 7 trig 10: the table of parts differs"),
        ("INSERT INTO parts (first_event, first_at, session, trig) VALUES (90, 1, 1, 1)", "has 9 rows"),
        ("UPDATE events SET body = CAST(x'7bff7d' AS TEXT) WHERE id = 4", "event 4 (sent): the hash does not fit"),
        ("UPDATE events SET kind = CAST(x'ff' AS TEXT) WHERE id = 4", "event 4: unknown kind"),
        ("UPDATE parts SET part = CAST(x'ff' AS TEXT) WHERE trig = 1", "sess 7 trig 1: the table of parts differs"),
        ("INSERT INTO events SELECT -1, 'operator', 1, 1, NULL, NULL, NULL, NULL, '{}', x'00'", "event -1 (operator)"),
        ("INSERT INTO events SELECT 0, 'operator', 1, 1, NULL, NULL, NULL, NULL, '{}', x'00'", "event 0 (operator)"),
        ("DELETE FROM images WHERE path = '1.jpg'", "event 6 (stored): the table of pictures has no row of 1.jpg"),
        ("DELETE FROM images", "event 6 (stored): the table of pictures has no row of 1.jpg"),
        ("UPDATE images SET first_event = 99999 WHERE path = '1.jpg'", "the table of pictures differs"),
        ("UPDATE images SET first_event = 7 WHERE path = '1.jpg'", "the table of pictures differs"),
        ("UPDATE images SET path = 'x' WHERE path = '1.jpg'", "the table of pictures differs"),
        ("UPDATE images SET pruned_event = 3 WHERE path = '1.jpg'", "does not say that it was pruned"),
        ("INSERT INTO images SELECT 90, first_event, camera, path, sha256, size, 3 FROM images LIMIT 1", "has 6 rows"),
        ("UPDATE epochs SET reason = 'unclean' WHERE epoch = 1", "the table of epochs differs"),
        ("UPDATE tallies SET parts = parts + 1", "the table of counts differs"),
    ],
)
def test_what_was_changed_is_found(tmp_path: Path, statement: str, problem: str) -> None:
    busy_day(tmp_path)
    with tampering(tmp_path) as connection:
        connection.execute(statement)
    problems = verify(tmp_path, lambda path, sha256: None).problems
    assert any(problem in text for text in problems), problems


def test_a_damaged_text_stops_nothing(tmp_path: Path) -> None:
    busy_day(tmp_path)
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE events SET body = CAST(x'7bff7d' AS TEXT) WHERE id = 4")
    report = verify(tmp_path, lambda path, sha256: None)
    assert (report.events, report.images) == (37, 4)
    for problem in report.problems:
        problem.encode()


def test_a_ledger_emptied_but_for_its_head_is_found(tmp_path: Path) -> None:
    busy_day(tmp_path)
    with tampering(tmp_path) as connection:
        for table in ("events", "parts", "tallies", "epochs", "images"):
            connection.execute(f"DELETE FROM {table}")
    problems = verify(tmp_path).problems
    assert "the chain ends with event 0, but 37 was the last one written" in problems


def test_an_anchor_agrees_only_where_the_chain_was_whole_up_to_it(tmp_path: Path) -> None:
    busy_day(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        rows = connection.execute("SELECT id, lower(hex(hash)) FROM events").fetchall()
    anchors = {event: Anchor(event=event, digest=digest) for event, digest in rows}
    assert verify(tmp_path, anchors=anchors.values()).agreed == frozenset(anchors.values())
    with tampering(tmp_path) as connection:
        connection.execute("UPDATE events SET body = replace(body, 'scratch', 'stain') WHERE id = 8")
    assert verify(tmp_path, anchors=anchors.values()).agreed == {anchors[event] for event in range(1, 8)}


def test_missing_protection_is_found(tmp_path: Path) -> None:
    busy_day(tmp_path)
    with tampering(tmp_path):
        report = verify(tmp_path)
    (problem,) = report.problems
    assert problem == (
        "what keeps events from being changed was removed: archives_in_order, archives_never_change, "
        "archives_never_go, events_in_order, events_never_change, events_never_go"
    )


def test_sqlite_itself_refuses_to_change_an_event(tmp_path: Path) -> None:
    ledger = start(tmp_path)
    connection = ledger._store._connection
    assert connection is not None
    for statement in (
        "UPDATE events SET kind = 'x'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    ledger.close("stopped", instant(), {})


def test_a_long_list_of_problems_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.report.MAX_LISTED", 3)
    write(tmp_path, [received(key(trig)) for trig in range(1, 9)])
    report = verify(tmp_path)
    assert (len(report.problems), report.problem_count, report.ok) == (3, 8, False)
