"""A file of the archive: comes back as it was written, opens in any other program, and betrays every change."""

import csv
import gzip
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.ledger import ArchiveError
from edge.ledger.archive_file import (
    HEADER,
    EventRow,
    find_candidate,
    parse_line,
    prove,
    read_events,
    remove_temporaries,
    to_line,
    write_archive,
    write_sums,
)
from edge.ledger.codec import GENESIS, Row, chain, encode
from tests.support.ledgers import key, loss, whole_part

numbers = st.none() | st.integers(0, 2**63 - 1)
rows = st.tuples(
    st.integers(1, 2**62),
    st.sampled_from(["received", "epoch_started"]),
    *[st.integers(-(2**63), 2**63 - 1)] * 2,
    *[numbers] * 4,
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n")),
    st.binary(min_size=32, max_size=32),
)


def chained(count: int, first: int = 1, previous: bytes = GENESIS) -> list[EventRow]:
    """Return so many rows that follow each other."""
    found: list[EventRow] = []
    for identity in range(first, first + count):
        row = encode([*whole_part(key(identity)), loss(identity, part='a "b"')][identity % 5])
        previous = chain(previous, identity, row)
        found.append((identity, *row, previous))
    return found


def nothing() -> None:
    return None


def written(folder: Path, count: int = 10) -> Path:
    archive = write_archive(folder, [chained(count)], 1, GENESIS, nothing)
    return folder / archive.name


@given(row=rows)
def test_a_line_comes_back_as_its_row(row: EventRow) -> None:
    assert parse_line(to_line(row)) == row


@given(row=rows)
def test_any_reader_of_csv_gets_the_same(row: EventRow) -> None:
    (read,) = csv.reader(io.StringIO(to_line(row).decode(), newline=""))
    assert read == ["" if value is None else value.hex() if isinstance(value, bytes) else str(value) for value in row]


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"1,received\n", b'x,received,1,1,,,,,"{}",' + b"0" * 64 + b"\n", to_line(chained(1)[0])[:-1]],
    ids=["empty", "blank", "short", "no number", "cut"],
)
def test_a_line_of_something_else_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_line(line)


def test_a_row_that_would_break_the_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be a line"):
        to_line((*chained(1)[0][:8], "a\nb", b""))


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    events = chained(10)
    pages = [events[:4], events[4:]]
    archive = write_archive(tmp_path / "archive", pages, 1, GENESIS, nothing)
    assert (archive.first, archive.last, archive.name) == (1, 10, "events-000000000001-000000000010.csv.gz")
    assert (archive.previous, archive.digest) == (GENESIS, events[-1][-1])
    content = (tmp_path / "archive" / archive.name).read_bytes()
    assert (archive.size, archive.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert gzip.decompress(content).startswith(HEADER)
    assert [row for page in read_events(tmp_path / "archive" / archive.name, 3) for row in page] == events
    assert find_candidate(tmp_path / "archive", 1) == tmp_path / "archive" / archive.name
    assert find_candidate(tmp_path / "archive", 2) is None


def test_the_same_events_give_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path / "a").read_bytes() == written(tmp_path / "b").read_bytes()


def test_the_sums_are_as_sha256sum_reads_them(tmp_path: Path) -> None:
    archive = write_archive(tmp_path, [chained(3)], 1, GENESIS, nothing)
    write_sums(tmp_path, [archive])
    assert (tmp_path / "SHA256SUMS").read_text() == f"{archive.sha256}  {archive.name}\n"


@pytest.mark.parametrize("after", [1, 2, 3])
def test_work_that_is_given_up_leaves_nothing(tmp_path: Path, after: int) -> None:
    left = after

    def give_up() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise InterruptedError

    events = chained(4)
    with pytest.raises(ArchiveError):
        write_archive(tmp_path, [events[:2], events[2:]], 1, GENESIS, give_up)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".events-7.tmp", ".sums.tmp", "events-000000000001-000000000002.csv.gz", ".mine"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    remove_temporaries(tmp_path / "absent")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine", "events-000000000001-000000000002.csv.gz"]


def test_events_that_do_not_fit_the_chain_are_not_archived(tmp_path: Path) -> None:
    events = chained(3)
    forged = (*events[1][:8], events[1][8].replace("{", '{"more":1,', 1), events[1][9])
    for wrong, text in (
        ([events[0], forged, events[2]], "event 2: the hash does not fit"),
        ([events[0], events[2]], "event 3 stands where 2 is due"),
        ([], "holds no event"),
    ):
        with pytest.raises(ArchiveError, match=text):
            write_archive(tmp_path, [wrong], 1, GENESIS, nothing)  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_gives_back_something_else_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = chained(3)
    monkeypatch.setattr("edge.ledger.archive_file.read_events", lambda path: iter([events[:2]]))
    with pytest.raises(ArchiveError, match="read back up to event 2 of 3"):
        write_archive(tmp_path, [events], 1, GENESIS, nothing)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("archive"))


@settings(deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_found(data: st.DataObject, sample: Path) -> None:
    sound = prove(sample, 1, GENESIS, nothing)
    content = bytearray(sample.read_bytes())
    path = sample.with_name("changed.csv.gz")
    place = data.draw(st.integers(0, len(content) - 1), "place")
    content[place] ^= 1 << data.draw(st.integers(0, 7), "bit")
    path.write_bytes(content)
    try:
        found = prove(path, 1, GENESIS, nothing)
    except ArchiveError as error:
        assert path.name in str(error)
    else:
        assert found.sha256 != sound.sha256
        assert found.digest == sound.digest  # the change was in gzip's own header


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file"),
        (b"", "is no archive of events"),
        (b"plain text", "damaged"),
        (gzip.compress(b"a,b\n1,2\n"), "is no archive of events"),
        (gzip.compress(HEADER + b"1,received\n"), "damaged at or after line 2"),
        (gzip.compress(HEADER), "holds no event"),
        (gzip.compress(HEADER + to_line(chained(1)[0]))[:-9], "damaged"),
    ],
    ids=["missing", "empty", "not gzip", "other columns", "short line", "no rows", "cut"],
)
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "events-000000000001-000000000001.csv.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArchiveError, match=text) as caught:
        prove(path, 1, GENESIS, nothing)
    assert str(path) in str(caught.value)


def test_the_chain_of_a_file_is_checked_against_what_stands_before_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(ArchiveError, match="event 1: the hash does not fit"):
        prove(path, 1, hashlib.sha256(b"another").digest(), nothing)
    with pytest.raises(ArchiveError, match="event 1 stands where 5 is due"):
        prove(path, 5, GENESIS, nothing)


def test_a_page_holds_whole_rows_as_the_chain_takes_them(tmp_path: Path) -> None:
    (page,) = read_events(written(tmp_path, 3))
    assert [Row(*row[1:9]) for row in page] == [Row(*row[1:9]) for row in chained(3)]
