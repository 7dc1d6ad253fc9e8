"""Going through the events in order: the chain, the epochs, and what they make of every part.

Constant memory: a part stays in a window until many others were seen after it. One that then equals its row in the
table of parts is let go, for the row is proven to be what the events say so far, and is taken from there if a later
event names it again. Rows of the table that no event has proven are found by their number.
"""

import sqlite3
from typing import Any, Final

from edge.core.events import Decided, EpochEnded, EpochStarted, Loss, Overruled, PlcAcked, Received, Sent, Stored
from edge.ledger.codec import GENESIS, Anomaly, CodecError, LedgerEvent, Row, chain, decode
from edge.ledger.epochs import UNCLEAN
from edge.ledger.parts import ConflictError, Part, PartEvent, fold, key_of
from edge.ledger.record import Tail, find_part
from edge.ledger.report import Findings

PAGE: Final = 1000
WINDOW: Final = 8_000
MAX_LATE: Final = 100_000
"""Parts that differ from their row for now (a later event may explain it) are kept up to this number."""

_NEXT: Final = (
    "SELECT id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body, hash FROM events "
    "WHERE id > ? ORDER BY id LIMIT ?"
)
_IMAGE: Final = (
    "SELECT images.camera, path, sha256, size, session, trig FROM images "
    "JOIN parts ON parts.first_event = images.first_event WHERE stored_event = ?"
)

Key = tuple[int, int]


class Audit:
    """The state of a walk through the events; what is wrong goes to ``findings``."""

    def __init__(self, connection: sqlite3.Connection, findings: Findings) -> None:
        self.tail = Tail(0, GENESIS)
        self.events = 0
        self.parts = 0
        self.stored = 0
        self.anomalies = 0
        self.explained: set[tuple[int, int]] = set()
        """The (epoch, seq) of receipts that are on record as anomalies."""
        self._connection = connection
        self._findings = findings
        self._epochs: dict[int, list[Any]] = {}
        self._epoch = 0
        self._running = False
        self._window: dict[Key, Part] = {}
        self._late: dict[Key, Part] = {}

    @property
    def epochs(self) -> int:
        """How many epochs were started so far."""
        return len(self._epochs)

    def walk(self) -> bool:
        """Take the next page of events; False if there was none."""
        rows = self._connection.execute(_NEXT, (self.tail.identity, PAGE)).fetchall()
        for identity, *columns, digest in rows:
            self._link(identity, Row(*columns), digest)
        if len(self._window) > WINDOW:
            self._let_go(len(self._window) // 2)
        return bool(rows)

    def finish(self) -> None:
        """Compare what the events said with every table, once all were taken."""
        for key, part in (self._late | self._window).items():
            if find_part(self._connection, key) != part:
                self._findings.add(f"{_name(key)}: the table of parts differs from the events")
        (rows,) = self._connection.execute("SELECT count(*) FROM parts").fetchone()
        if rows != self.parts:
            self._findings.add(f"the table of parts has {rows} rows, the events name {self.parts} parts")
        (images,) = self._connection.execute("SELECT count(*) FROM images").fetchone()
        if images != self.stored:
            self._findings.add(f"the table of pictures has {images} rows, the events name {self.stored}")
        found = {
            epoch: values
            for epoch, *values in self._connection.execute(
                "SELECT epoch, started_event, started_at, software, config_hash, ended_event, ended_at, reason "
                "FROM epochs"
            )
        }
        if found != self._epochs:
            self._findings.add("the table of epochs differs from the events")
        head = self._connection.execute("SELECT id, hash FROM head").fetchone()
        if self.events and head != self.tail:
            last = 0 if head is None else head[0]
            self._findings.add(f"the chain ends with event {self.tail.identity}, but {last} was the last one written")

    def _link(self, identity: int, row: Row, digest: bytes) -> None:
        self.events += 1
        expected = self.tail.identity + 1
        if identity != expected:
            self._findings.add(f"events {expected} to {identity - 1} are missing")
        if chain(self.tail.digest, identity, row) != digest:
            self._findings.add(f"event {identity} ({row.kind}): the hash does not fit; it or what stood before changed")
        self.tail = Tail(identity, digest)
        try:
            event = decode(row)
        except CodecError as error:
            self._findings.add(f"event {identity}: {error}")
            return
        try:
            self._take(identity, event)
        except ConflictError as error:
            self._findings.add(f"event {identity} ({row.kind}): {error}")

    def _take(self, identity: int, event: LedgerEvent) -> None:
        match event:
            case EpochStarted():
                self._start(identity, event)
                return
            case EpochEnded():
                self._end(identity, event)
            case Received() | Decided() | Overruled() | Sent() | PlcAcked() | Loss():
                self._fold(identity, event)
            case Stored():
                self.stored += 1
                key = event.key
                expected = (event.camera, event.path, event.sha256, event.size, key.session, key.trig)
                if self._connection.execute(_IMAGE, (identity,)).fetchone() != expected:
                    raise ConflictError("the table of pictures differs from it")
            case Anomaly():
                self.anomalies += 1
                if event.epoch is not None and event.seq is not None:
                    self.explained.add((event.epoch, event.seq))
            case _:
                pass
        if not self._running and not isinstance(event, EpochEnded):
            raise ConflictError("it stands outside any epoch")

    def _start(self, identity: int, event: EpochStarted) -> None:
        before = self._epochs.get(self._epoch)
        running, self._running = self._running, True
        last, self._epoch = self._epoch, event.epoch
        self._epochs[event.epoch] = [
            identity, event.at.utc_ms, event.software, event.config_hash, None, None, None
        ]  # fmt: skip
        if running:
            raise ConflictError(f"epoch {last} had not ended")
        if event.epoch != last + 1:
            raise ConflictError(f"epoch {event.epoch} follows epoch {last}")
        if event.clean != (None if before is None else before[-1] != UNCLEAN):
            raise ConflictError(f"it says clean={event.clean} of epoch {last}, whose end says otherwise")

    def _end(self, identity: int, event: EpochEnded) -> None:
        if not self._running or event.epoch != self._epoch:
            raise ConflictError(f"it ends epoch {event.epoch}, which does not run")
        self._running = False
        self._epochs[event.epoch][4:] = [identity, event.at.utc_ms, event.reason]

    def _fold(self, identity: int, event: PartEvent) -> None:
        key = key_of(event)
        before = self._known(key, identity)
        after = fold(before, identity, event)
        self._late.pop(key, None)
        self._window.pop(key, None)
        self._window[key] = after
        if isinstance(event, Received) and event.key.epoch != self._epoch:
            raise ConflictError(f"received in epoch {event.key.epoch} while epoch {self._epoch} ran")
        if isinstance(event, Sent) and after.decided_event is None:
            raise ConflictError(f"{_name(key)} was sent before its verdict was on record")
        if isinstance(event, Sent) and event.decision is not None and event.decision.label != after.outcome:
            raise ConflictError(f"{_name(key)} was sent as {event.decision.label}, on record is {after.outcome}")

    def _known(self, key: Key, identity: int) -> Part | None:
        part = self._window.get(key) or self._late.get(key)
        if part is not None:
            return part
        stored = find_part(self._connection, key)
        if stored is not None and stored.first_event < identity:
            return stored
        self.parts += 1
        return None

    def _let_go(self, number: int) -> None:
        for key in list(self._window)[:number]:
            part = self._window.pop(key)
            if part.outcome is None or find_part(self._connection, key) != part:
                self._late[key] = part
        if len(self._late) > MAX_LATE:
            self._findings.add(f"{len(self._late)} parts differ from the table of parts; the rest is not compared")
            self._late.clear()


def _name(key: Key) -> str:
    return f"sess {key[0]} trig {key[1]}"
