"""One file of the archive: a closed range of events as gzipped CSV, for any program that reads such files.

The first line names the columns of the table ``events``; each further line is one row, oldest first, no id left out.
A column that is NULL is empty; ``body`` is in double quotes, with each of its own doubled (RFC 4180); ``hash`` is
lower-case hex. Lines end with a line feed, text is UTF-8. What a hash covers: :mod:`edge.ledger.codec`.
"""

import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Final, NamedTuple

from edge.durable import is_temporary, make_folders, sync_folder, write_whole
from edge.ledger.codec import Row, chain
from edge.ledger.errors import ArchiveError

FOLDER: Final = "archive"
"""The archive's folder below the store's."""
SUMS: Final = "SHA256SUMS"
HEADER: Final = b"id,kind,utc_ms,mono_ns,epoch,session,trig,seq,body,hash\n"
PAGE: Final = 1000
LEVEL: Final = 6
FLUSH: Final = 1 << 20
MAX_LINE: Final = 16 << 20
"""No event comes near it; what does is no archive."""

_KIND: Final = re.compile(r"[a-z_]+")
_BUFFER: Final = 1 << 20
_FILE_MODE: Final = 0o640
_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error, ValueError, LookupError)

EventRow = tuple[int, str, int, int, int | None, int | None, int | None, int | None, str, bytes]
"""Id, the columns of :class:`edge.ledger.codec.Row`, hash."""


class ArchiveFile(NamedTuple):
    """What a file holds: events ``first`` to ``last``; ``previous`` and ``digest`` are the chain before and after."""

    first: int
    last: int
    previous: bytes
    digest: bytes
    name: str
    sha256: str
    size: int


def file_name(first: int, last: int) -> str:
    """Return the name of the file that holds these events."""
    return f"events-{first:012}-{last:012}.csv.gz"


def find_candidate(folder: Path, first: int) -> Path | None:
    """Return the file that begins with this event, None where there is none."""
    return next(iter(sorted(folder.glob(f"events-{first:012}-*.csv.gz"))), None)


def remove_temporaries(folder: Path) -> None:
    """Remove what was being written when a process died.

    Raises:
        ArchiveError: the folder cannot be read, or a file not be removed.
    """
    try:
        for path in folder.iterdir():
            if is_temporary(path.name):
                path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(folder, error) from error


def write_archive(
    folder: Path, pages: Iterable[list[EventRow]], first: int, previous: bytes, breathe: Callable[[], None]
) -> ArchiveFile:
    """Write events to a new file, durably, and prove it by reading it back; the name appears last.

    The file is not there, or whole. ``breathe`` is called every few milliseconds of work; what it raises ends the work
    and leaves nothing behind.

    Raises:
        ArchiveError: the file system refused, the events do not fit the chain, or the file did not come back as it
            was written.
    """
    temporary = folder / f".events-{first}.tmp"
    try:
        make_folders(folder, folder.parent)
        with _creating(temporary) as file:
            last = _write(file, pages, first, previous, breathe)
            _forget(file.fileno())
        try:
            written = prove(temporary, first, previous, breathe)
        except ArchiveError as error:
            raise ArchiveError(f"not archived: read back, it is another: {error}; check the disk") from error
        if written.last != last:
            raise ArchiveError(f"{temporary}: read back up to event {written.last} of {last}; check the disk")
        name = file_name(first, last)
        temporary.rename(folder / name)
        sync_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return written._replace(name=name)


def secure(path: Path) -> None:
    """Bring a file that stands already, its name and its folder's to the disk: nobody knows whether its maker did.

    Raises:
        ArchiveError: the file system refused.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            _forget(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
    except OSError as error:
        raise unwritable(path, error) from error


def prove(path: Path, first: int, previous: bytes, breathe: Callable[[], None]) -> ArchiveFile:
    """Read a whole file and follow its chain.

    Raises:
        ArchiveError: it cannot be read, is damaged, does not begin with this event or does not fit the chain.
    """
    last, digest = first - 1, previous
    for page in read_events(path):
        last, digest = follow(path, page, last, digest)
        breathe()
    if last < first:
        raise ArchiveError(f"{path}: holds no event")
    size, sha256 = fingerprint(path)
    return ArchiveFile(first, last, previous, digest, path.name, sha256, size)


def follow(path: Path, page: Iterable[EventRow], last: int, digest: bytes) -> tuple[int, bytes]:
    """Return id and hash of a page's last event, having checked that each row follows the one before.

    Raises:
        ArchiveError: one does not.
    """
    for row in page:
        identity = row[0]
        if identity != last + 1:
            raise ArchiveError(f"{path}: event {identity} stands where {last + 1} is due")
        digest = chain(digest, identity, Row(*row[1:9]))
        if digest != row[9]:
            raise ArchiveError(f"{path}: event {identity}: the hash does not fit; it or what stood before changed")
        last = identity
    return last, digest


def read_events(path: Path, page: int = PAGE) -> Iterator[list[EventRow]]:
    """Yield a file's rows, in pages; their hashes are not checked.

    Raises:
        ArchiveError: it is missing, unreadable or damaged; what was readable before was yielded.
    """
    number = 1
    try:
        with closing(io.BufferedReader(gzip.GzipFile(path), _BUFFER)) as lines:
            if lines.readline(len(HEADER) + 1) != HEADER:
                raise ArchiveError(f"{path}: is no archive of events: its first line is another")
            while True:
                rows = []
                for line in islice(iter(lambda: lines.readline(MAX_LINE), b""), page):
                    number += 1
                    rows.append(parse_line(line))
                if not rows:
                    return
                yield rows
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path, number, error) from error
        raise ArchiveError(f"{path}: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise _damaged(path, number, error) from error


def fingerprint(path: Path) -> tuple[int, str]:
    """Return a file's size in bytes and its SHA-256 in hex.

    Raises:
        ArchiveError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return file.tell(), sha256
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}") from error


def to_line(row: EventRow) -> bytes:
    """Return a row as its line.

    Raises:
        ValueError: it holds a line break or a name that CSV would have to quote, which no event of ours does.
    """
    identity, kind, utc_ms, mono_ns, *numbers, body, digest = row
    if "\n" in body or "\r" in body or not _KIND.fullmatch(kind):
        raise ValueError(f"event {identity} cannot be a line of CSV")
    epoch, session, trig, seq = ("" if number is None else number for number in numbers)
    quoted = body.replace('"', '""')
    return f'{identity},{kind},{utc_ms},{mono_ns},{epoch},{session},{trig},{seq},"{quoted}",{digest.hex()}\n'.encode()


def parse_line(line: bytes) -> EventRow:
    """Return the row of a line.

    Raises:
        ValueError: it is not such a line.
    """
    identity, kind, utc_ms, mono_ns, epoch, session, trig, seq, rest = line.split(b",", 8)
    body, comma, digest = rest[1:-67], rest[-67:-65], rest[-65:-1]
    if not (rest.startswith(b'"') and comma == b'",' and line.endswith(b"\n")):
        raise ValueError("it is not a line of ten columns")
    return (
        int(identity),
        kind.decode(),
        int(utc_ms),
        int(mono_ns),
        int(epoch) if epoch else None,
        int(session) if session else None,
        int(trig) if trig else None,
        int(seq) if seq else None,
        body.decode().replace('""', '"'),
        bytes.fromhex(digest.decode()),
    )


def write_sums(folder: Path, archives: Iterable[ArchiveFile]) -> None:
    """Write the hashes of all files as ``sha256sum -c`` reads them. A convenience: the ledger holds them as well.

    Raises:
        ArchiveError: the file system refused.
    """
    path, content = folder / SUMS, "".join(f"{archive.sha256}  {archive.name}\n" for archive in archives).encode()
    try:
        if not (path.is_file() and path.read_bytes() == content):
            write_whole(path, content)
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(path: Path, error: OSError) -> ArchiveError:
    """Return the ledger's error for a failure to write at ``path``."""
    return ArchiveError(f"{path}: not archived ({error.strerror or error}); check free space, owner and mount")


def _write(
    file: IO[bytes], pages: Iterable[list[EventRow]], first: int, previous: bytes, breathe: Callable[[], None]
) -> int:
    last, digest, flushed = first - 1, previous, 0
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed:
        packed.write(HEADER)
        for page in pages:
            last, digest = follow(Path("ledger.db"), page, last, digest)
            try:
                packed.write(b"".join(map(to_line, page)))
            except ValueError as error:
                raise ArchiveError(f"not archived: {error}; run linegate ledger verify") from error
            if file.tell() >= flushed + FLUSH:
                # Little by little: the ledger's own flushes would wait for a large one.
                file.flush()
                os.fdatasync(file.fileno())
                flushed = file.tell()
            breathe()
    file.flush()
    os.fsync(file.fileno())
    return last


def _creating(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, _FILE_MODE), "wb")


def _forget(descriptor: int) -> None:
    """Have what is read back come from the disk, not from memory."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _damaged(path: Path, line: int, error: Exception) -> ArchiveError:
    return ArchiveError(f"{path}: damaged at or after line {line} ({error})")
