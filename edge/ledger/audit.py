"""Going through the events in order: the chain, the epochs, the archives, and what they make of parts and pictures."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from edge.core.anchors import Anchor
from edge.core.events import (
    Archived,
    Decided,
    EpochEnded,
    EpochStarted,
    Loss,
    Overruled,
    PlcAcked,
    Pruned,
    Received,
    Sent,
    Stored,
)
from edge.ledger.archive_file import ArchiveFile, EventRow
from edge.ledger.archives import archive_of, list_recorded
from edge.ledger.audit_leftovers import LeftoversAudit
from edge.ledger.audit_parts import PartsAudit, name_of
from edge.ledger.audit_pictures import PicturesAudit
from edge.ledger.codec import GENESIS, Anomaly, CodecError, LedgerEvent, Row, chain, decode
from edge.ledger.epochs import UNCLEAN
from edge.ledger.parts import ConflictError, PartEvent, key_of
from edge.ledger.record import Tail
from edge.ledger.report import Findings
from edge.ledger.source import Page, Source

_EPOCHS: Final = (
    "SELECT epoch, started_event, started_at, software, config_hash, ended_event, ended_at, reason FROM epochs"
)


class Audit:
    """The state of a walk through the events; what is wrong goes to ``findings``.

    ``anchors`` are looked up as their events come by: :attr:`met` holds those that the chain agrees with and nothing
    before them contradicts.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        source: Source,
        findings: Findings,
        anchors: Mapping[int, frozenset[Anchor]],
    ) -> None:
        self.tail = Tail(0, GENESIS)
        self.events = 0
        self.archives = 0
        self.anomalies = 0
        self.met: set[Anchor] = set()
        self.whole = True
        """False once an archive could not be read to its end: what depends on all events is not compared then."""
        self.parts = PartsAudit(connection, findings)
        self._pictures = PicturesAudit(connection, self.parts, findings)
        self._leftovers = LeftoversAudit(connection, findings)
        self._connection = connection
        self._source = source
        self._findings = findings
        self._anchors = anchors
        self._epochs: dict[int, list[Any]] = {}
        self._epoch = 0
        self._running: bool | None = False
        self._archives: list[tuple[ArchiveFile, int]] = []
        self._broken = False

    @property
    def epochs(self) -> int:
        """How many epochs were started so far."""
        return len(self._epochs)

    def walk(self) -> bool:
        """Take the next page of events; False if there was none.

        Raises:
            sqlite3.Error: the storage failed.
        """
        page = self._source.read()
        if page is None:
            return False
        if page.problem is not None:
            self._findings.add(page.problem)
        where = f"{page.archive.name}: " if page.archive else ""
        for row in page.rows:
            self._link(row, where)
        if page.archive is not None and page.rows:
            self._leftovers.compare(page.archive, page.rows)
        if page.archive is not None and page.ended:
            self._end_archive(page.archive, page)
        return True

    def finish(self) -> None:
        """Compare what the events said with every table, once all were taken.

        Raises:
            sqlite3.Error: the storage failed.
        """
        self.parts.finish()
        self._pictures.finish()
        self._leftovers.finish()
        if self.whole:
            found = {epoch: values for epoch, *values in self._connection.execute(_EPOCHS)}
            if found != self._epochs:
                self._findings.add("the table of epochs differs from the events")
            if list_recorded(self._connection) != self._archives:
                self._findings.add("the table of archives differs from the events")
        head = self._connection.execute("SELECT id, hash FROM head").fetchone()
        last = Tail(0, GENESIS) if head is None else Tail(*head)
        if last != self.tail:
            said = f"event {self.tail.identity}, but {last.identity} was the last one written"
            self._findings.add(f"the chain ends with {said}")

    def _end_archive(self, archive: ArchiveFile, page: Page) -> None:
        self.archives += 1
        end = Tail(archive.last, archive.digest)
        if self.tail != end:
            if page.problem is None:
                said = f"the ledger says event {archive.last}, {archive.digest.hex()[:16]}"
                found = f"it ends with event {self.tail.identity}, {self.tail.digest.hex()[:16]}"
                self._findings.add(f"{archive.name}: {found}; {said}")
            self.whole = self.parts.whole = self._pictures.whole = False
            self._running = None
            self._broken = True
        self.tail = end

    def _link(self, row: EventRow, where: str) -> None:
        identity, fields, digest = row[0], Row(*row[1:9]), row[9]
        self.events += 1
        expected = self.tail.identity + 1
        if identity != expected:
            self._break(f"{where}{_out_of_order(expected, identity)}")
        if chain(self.tail.digest, identity, fields) != digest:
            text = f"event {identity} ({fields.kind}): the hash does not fit; it or what stood before changed"
            self._break(f"{where}{text}")
        self.tail = Tail(identity, digest)
        if identity in self._anchors:
            self._meet(digest.hex(), self._anchors[identity])
        try:
            self._take(identity, decode(fields))
        except CodecError as error:
            self._findings.add(f"{where}event {identity}: {error}")
        except ConflictError as error:
            self._findings.add(f"{where}event {identity} ({fields.kind}): {error}")

    def _break(self, problem: str) -> None:
        self._findings.add(problem)
        self._broken = True

    def _meet(self, digest: str, anchors: frozenset[Anchor]) -> None:
        for anchor in anchors:
            if not digest.startswith(anchor.digest):
                text = f"anchor {anchor}: the hash of that event is {digest} now"
                self._findings.add(
                    f"{text}; what stands up to it is not what stood there when the anchor was given out"
                )
            elif not self._broken:  # else it proves only that the hash was left as it was
                self.met.add(anchor)

    def _take(self, identity: int, event: LedgerEvent) -> None:
        match event:
            case Received() | Decided() | Overruled() | Sent() | PlcAcked() | Loss():
                self._fold(identity, event)
            case EpochStarted():
                self._start(identity, event)
                return
            case EpochEnded():
                self._end(identity, event)
                return
            case Stored():
                self._pictures.stored(identity, event)
            case Pruned():
                self._pictures.pruned(identity, event)
            case Archived():
                self._archives.append((_archive_of(event), identity))
            case Anomaly():
                self.anomalies += 1
                if event.epoch is not None and event.seq is not None:
                    self.parts.numbers(event.epoch).explained.add(event.seq)
            case _:
                pass
        if self._running is False:
            raise ConflictError("it stands outside any epoch")

    def _start(self, identity: int, event: EpochStarted) -> None:
        known = self._running is not None
        before = self._epochs.get(self._epoch)
        running, self._running = self._running, True
        last, self._epoch = self._epoch, event.epoch
        self._epochs[event.epoch] = [
            identity, event.at.utc_ms, event.software, event.config_hash, None, None, None
        ]  # fmt: skip
        if not known:
            return
        if running:
            raise ConflictError(f"epoch {last} had not ended")
        if event.epoch != last + 1:
            raise ConflictError(f"epoch {event.epoch} follows epoch {last}")
        if event.clean != (None if before is None else before[-1] != UNCLEAN):
            raise ConflictError(f"it says clean={event.clean} of epoch {last}, whose end says otherwise")

    def _end(self, identity: int, event: EpochEnded) -> None:
        if self._running is None:
            return
        if not self._running or event.epoch != self._epoch:
            raise ConflictError(f"it ends epoch {event.epoch}, which does not run")
        self._running = False
        self._epochs[event.epoch][4:] = [identity, event.at.utc_ms, event.reason]

    def _fold(self, identity: int, event: PartEvent) -> None:
        after = self.parts.fold(identity, event)
        if self._running and isinstance(event, Received) and event.key.epoch != self._epoch:
            raise ConflictError(f"received in epoch {event.key.epoch} while epoch {self._epoch} ran")
        if not isinstance(event, Sent) or after is None:
            return
        name = name_of(key_of(event))
        if after.decided_event is None:
            raise ConflictError(f"{name} was sent before its verdict was on record")
        if event.decision is not None and event.decision.label != after.outcome:
            raise ConflictError(f"{name} was sent as {event.decision.label}, on record is {after.outcome}")


def _out_of_order(expected: int, identity: int) -> str:
    if identity > expected:
        return f"events {expected} to {identity - 1} are missing"
    return f"event {identity} stands where event {expected} is due"


def _archive_of(event: Archived) -> ArchiveFile:
    try:
        return archive_of(event)
    except ValueError as error:
        raise ConflictError(f"a hash of it is damaged ({error})") from error
