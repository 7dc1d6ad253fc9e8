"""Verification walks archives and ledger as one chain, and names the file in which something is wrong."""

import gzip
import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.anchors import Anchor
from edge.ledger import ArchiveError
from edge.ledger.archive_file import FOLDER
from edge.ledger.archiver import Archiver
from edge.ledger.export import export
from edge.ledger.retention import Retention
from edge.ledger.schema import FILE_NAME
from edge.ledger.verify import verify
from tests.support.ledgers import (
    archive,
    instant,
    key,
    make_version,
    pruned,
    start,
    stored,
    tampering,
    whole_part,
    write,
)

REST = "kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of 60 parts, all but the last few in three archives."""
    tmp_path = tmp_path_factory.mktemp("sample")
    parts = [whole_part(key(trig), trig * 300) for trig in range(1, 61)]
    write(tmp_path, [*(event for part in parts for event in part), stored(key(1)), stored(key(2), "b.jpg"), pruned()])
    archive(tmp_path, keep=30, file_events=80)
    assert verify(tmp_path).problems == ()
    assert len(archives(tmp_path)) == 3
    return tmp_path


@pytest.fixture
def store(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "store"))


def archives(store: Path) -> list[Path]:
    return sorted((store / FOLDER).glob("events-*"))


def rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join([lines[0], *change(lines[1:])])))


def test_a_missing_file_is_named_and_nothing_else_is_blamed(store: Path) -> None:
    for path in archives(store):
        content = path.read_bytes()
        path.unlink()
        (problem,) = verify(store).problems
        assert problem.startswith(f"{path}: No such file")
        with pytest.raises(ArchiveError, match=path.name):
            list(export(store))
        path.write_bytes(content)


def test_files_may_lie_elsewhere(store: Path, tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    lines = list(export(store))
    for path in archives(store)[:2]:
        path.rename(tmp_path / "nas" / path.name)
    assert len(verify(store).problems) == 2
    assert verify(store, archives=[tmp_path / "nas"]).problems == ()
    assert list(export(store, [tmp_path / "nas"])) == lines


def test_files_that_were_swapped_are_named(store: Path) -> None:
    first, second, _ = archives(store)
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    problems = verify(store).problems
    assert any(text.startswith(f"{first}: changed") for text in problems)
    assert any(text.startswith(f"{second}: changed") for text in problems)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: [*lines[:5], lines[5].replace(b",received,", b",recieved,"), *lines[6:]], "unknown kind"),
        (lambda lines: [*lines[:5], lines[5].replace(b",7,2,", b",7,3,"), *lines[6:]], "the hash does not fit"),
        (lambda lines: [*lines[:5], *lines[6:]], "events 6 to 6 are missing"),
        (lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]], "event 6 stands where event 8 is due"),
        (lambda lines: [*lines[:5], lines[5], *lines[5:]], "event 6 stands where event 7 is due"),
        (lambda lines: lines[:-3], "it ends with event 77"),
        (lambda lines: [], "it ends with event 0"),
        (lambda lines: [*lines[:5], b"rubbish\n", *lines[5:]], "damaged at or after line 7"),
    ],
    ids=["kind", "trig", "removed", "swapped", "repeated", "cut", "emptied", "rubbish"],
)
@pytest.mark.parametrize("covered", [False, True], ids=["", "with the file's own hash set right"])
def test_what_was_changed_in_a_file_is_found(
    store: Path, change: Callable[[list[bytes]], list[bytes]], text: str, covered: bool
) -> None:
    path = archives(store)[0]
    rewrite(path, change)
    content = path.read_bytes()
    if covered:
        with tampering(store) as connection:
            values = (hashlib.sha256(content).hexdigest(), len(content), path.name)
            connection.execute("UPDATE archives SET sha256 = ?, size = ? WHERE file = ?", values)
    problems = verify(store).problems
    assert any(text in problem and path.name in problem for problem in problems), problems
    assert covered or any("changed: it has SHA-256" in problem for problem in problems)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE archives SET hash = zeroblob(32) WHERE first_event = 1", "the ledger says event 80, 0000000000000000"),
        ("UPDATE archives SET previous = zeroblob(32) WHERE first_event = 1", "the table of archives differs"),
        ("UPDATE archives SET sha256 = 'x' WHERE first_event = 1", "changed: it has SHA-256"),
        ("UPDATE archives SET file = 'x' WHERE first_event = 1", "archive/x: No such file"),
        ("DELETE FROM archives WHERE first_event = 1", "events 1 to 80 are missing"),
        ("DELETE FROM archives", "are missing"),
        ("UPDATE archives SET recorded_event = recorded_event + 1000", "the table of archives differs"),
        ("DELETE FROM sessions", "the table of sessions differs"),
        ("UPDATE sessions SET received_trig = 1", "the table of sessions differs"),
        ("UPDATE tallies SET parts = parts - 1", "the table of counts differs"),
        ("DELETE FROM parts WHERE first_event = (SELECT max(first_event) FROM parts)", "the table of parts differs"),
        (
            "INSERT INTO parts (first_event, first_at, session, trig, outcome) VALUES (3, 1, 7, 1, 'accept')",
            "the table of parts",
        ),
        ("DELETE FROM images", "(stored): the table of pictures has no row of b.jpg"),
        ("UPDATE images SET first_event = 99999", "the table of pictures differs"),
        ("UPDATE images SET first_event = 2", "the table of pictures differs"),
        (
            "INSERT INTO images SELECT 90, first_event, camera, path, sha256, size, 3 FROM images LIMIT 1",
            "the table of pictures has 3 rows, the events name 2",
        ),
        (f"INSERT INTO events SELECT 5, {REST} FROM events LIMIT 1", "event 5: the ledger's own row differs"),
        (f"INSERT INTO events SELECT -1, {REST} FROM events LIMIT 1", "events are numbered from 1"),
        ("UPDATE images SET pruned_event = 4", "does not say that it was pruned"),
        ("DELETE FROM events WHERE id = (SELECT min(id) FROM events)", "are missing"),
        ("UPDATE epochs SET software = 'x' WHERE epoch = 1", "the table of epochs differs"),
    ],
)
def test_what_was_changed_in_the_ledger_is_found(store: Path, statement: str, problem: str) -> None:
    with tampering(store) as connection:
        connection.execute(statement)
    problems = verify(store, lambda path, sha256: None).problems
    assert any(problem in text for text in problems), problems


def test_an_archive_that_is_not_let_go_of_yet_is_checked_as_well(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.ledger.writer.PAUSE_S", 60.0)
    ledger = start(store)
    archiver = Archiver(ledger, store, Retention(days=36_500, events=0, always_kept=0, young_s=0))
    archiver.start()
    list(archiver.ask().progress())
    archiver.stop()
    ledger.close("stopped", instant(2000), {})
    report = verify(store)
    assert (report.problems, report.archives) == ((), 4)
    archives(store)[-1].unlink()
    assert len(verify(store).problems) == 1


@pytest.fixture
def untidy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger that holds all events still, and its archives too."""
    parts = [whole_part(key(trig), trig * 300) for trig in range(1, 31)]
    write(tmp_path, [event for part in parts for event in part])
    monkeypatch.setattr("edge.ledger.writer.PAUSE_S", 60.0)
    ledger = start(tmp_path)
    archiver = Archiver(ledger, tmp_path, Retention(days=36_500, events=0, file_events=50, always_kept=0, young_s=0))
    archiver.start()
    list(archiver.ask().progress())
    archiver.stop()
    ledger.close("stopped", instant(2000), {})
    assert len(archives(tmp_path)) == 3
    return tmp_path


@pytest.mark.parametrize("gone", [0, 1, 49, 50, 51, 99, 100])
def test_rows_that_are_let_go_of_oldest_first_are_no_problem(
    untidy: Path, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    monkeypatch.setattr("edge.ledger.archive_file.PAGE", 7)
    with tampering(untidy) as connection:
        connection.execute("DELETE FROM events WHERE id <= ?", (gone,))
    assert verify(untidy).problems == ()


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE events SET body = replace(body, 'A/1:2', 'B') WHERE id = 6", "event 6: the ledger's own row differs"),
        ("UPDATE events SET utc_ms = 1 WHERE id = 60", "event 60: the ledger's own row differs"),
        ("DELETE FROM events WHERE id BETWEEN 7 AND 70", "event 1: stands in the ledger, where what follows has gone"),
        ("DELETE FROM events WHERE id BETWEEN 51 AND 60", "event 1: stands in the ledger, where what follows"),
        ("DELETE FROM events WHERE id <= 50 AND id != 20", "event 20: stands in the ledger, where what follows"),
        ("DELETE FROM events WHERE id <= 60 AND id != 50", "event 50: stands in the ledger, where what follows"),
    ],
)
def test_a_row_that_differs_from_the_archive_or_should_have_gone_is_found(
    untidy: Path, statement: str, problem: str
) -> None:
    with tampering(untidy) as connection:
        connection.execute(statement)
    problems = verify(untidy).problems
    assert any(text.startswith(problem) for text in problems), problems


def anchors_of(store: Path) -> dict[int, Anchor]:
    found = {}
    for path in archives(store):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]:
            found[int(line.split(",")[0])] = Anchor(event=int(line.split(",")[0]), digest=line[-64:])
    with closing(sqlite3.connect(store / FILE_NAME)) as connection:
        rows = connection.execute("SELECT id, lower(hex(hash)) FROM events").fetchall()
    return found | {event: Anchor(event=event, digest=digest) for event, digest in rows}


def test_the_claim_reaches_to_the_last_anchor_that_agrees(store: Path) -> None:
    known = anchors_of(store)
    last = max(known)
    for events in ([5], [5, 120], [last], [1, 80, 81, last - 1]):
        report = verify(store, anchors=[known[event] for event in events])
        assert (report.problems, len(report.agreed), report.anchored) == ((), len(events), known[max(events)])
        assert report.unanchored == last - max(events)
    without = verify(store)
    assert (without.anchored, without.unanchored) == (None, last)


def test_an_anchor_of_another_hash_is_a_problem(store: Path) -> None:
    known = anchors_of(store)
    wrong = Anchor(event=100, digest=known[101].digest)
    report = verify(store, anchors=[wrong, known[90]])
    (problem,) = report.problems
    assert problem.startswith(f"anchor {wrong}: the hash of that event is {known[100].digest} now")
    assert report.anchored == known[90]


def test_an_anchor_may_be_short(store: Path) -> None:
    known = anchors_of(store)[100]
    assert (
        verify(store, anchors=[Anchor(event=100, digest=known.digest[:16])]).unanchored
        == verify(store).head_event - 100
    )


def test_a_tail_that_was_cut_off_is_found_by_an_anchor_alone(store: Path) -> None:
    last = anchors_of(store)[max(anchors_of(store))]
    with tampering(store) as connection:
        for statement in (
            "DELETE FROM events WHERE id >= (SELECT ended_event FROM epochs WHERE epoch = 2)",
            "UPDATE epochs SET ended_event = NULL, ended_at = NULL, reason = NULL WHERE epoch = 2",
            "INSERT OR REPLACE INTO head SELECT 1, id, hash FROM events ORDER BY id DESC LIMIT 1",
        ):
            connection.execute(statement)
    assert verify(store).problems == ()
    (problem,) = verify(store, anchors=[last]).problems
    assert "cut off" in problem


def test_a_ledger_written_anew_with_sound_hashes_is_found_by_an_anchor_alone(store: Path, tmp_path: Path) -> None:
    known = anchors_of(store)[40]
    other = tmp_path / "other"
    other.mkdir()
    write(other, [event for trig in range(1, 61) for event in whole_part(key(trig), trig * 301)])
    assert verify(other).problems == ()
    (problem,) = verify(other, anchors=[known]).problems
    assert problem.startswith("anchor 40:")


@pytest.mark.parametrize("version", [1, 2])
def test_a_ledger_of_an_earlier_version_is_migrated_by_a_start_and_can_be_archived(
    tmp_path: Path, version: int
) -> None:
    make_version(tmp_path, version)
    with tampering(tmp_path) as connection:
        rows = connection.execute("SELECT * FROM events").fetchall()
    start(tmp_path).close("stopped", instant(3000), {})
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (4,)
        assert connection.execute("SELECT * FROM events LIMIT ?", (len(rows),)).fetchall() == rows
    assert verify(tmp_path).problems == ()
    before = list(export(tmp_path))
    archive(tmp_path)
    assert list(export(tmp_path)) == before
    assert [line["verdict"] for line in before] == ["accept", "loss"]
    assert verify(tmp_path).problems == ()
