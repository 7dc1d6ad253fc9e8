"""Events to ledger rows and back, and the bytes that the hash chain covers. Pure.

A row is ``(id, kind, utc_ms, mono_ns, epoch, session, trig, seq, body)``. What is a column is not repeated in ``body``,
which holds an event's other fields by their names, as ASCII JSON without spaces.

**The chain**, so that an auditor can follow it with other tools. The hash of a row is::

    SHA-256( hash of the row before, 32 raw bytes || head || 0x0A || body )

``head`` is the JSON array ``[id,kind,utc_ms,mono_ns,epoch,session,trig,seq]`` without spaces, ``null`` where a column
is NULL; ``body`` is the column's text byte for byte. The row before the first has the hash :data:`GENESIS`,
SHA-256 of ``linegate ledger v1``. In SQL the text is
``json_array(id, kind, utc_ms, mono_ns, epoch, session, trig, seq) || char(10) || body``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from edge.core import events as core
from edge.core.events import Instant

GENESIS: Final = hashlib.sha256(b"linegate ledger v1").digest()
MAX_TEXT: Final = 4000
"""An anomaly keeps at most this many characters of an event that could not be written as itself."""

_MAX_INTEGER: Final = 2**63 - 1
_NUMBERS: Final = ("epoch", "session", "trig", "seq")


class CodecError(ValueError):
    """An event that cannot be written as a row, or a row that is no event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """An event that the ledger did not take as what it said, and why: a second verdict, a verdict without receipt.

    ``event`` is the body of the event, ``subject`` its kind. It changes no part.
    """

    epoch: int | None
    session: int | None
    trig: int | None
    seq: int | None
    subject: str
    reason: str
    event: str
    at: Instant


LedgerEvent = core.Event | Anomaly


class Row(NamedTuple):
    """What an event is in the table, without id and hash."""

    kind: str
    utc_ms: int
    mono_ns: int
    epoch: int | None
    session: int | None
    trig: int | None
    seq: int | None
    body: str


KINDS: Final[Mapping[str, type]] = {
    "received": core.Received,
    "decided": core.Decided,
    "overruled": core.Overruled,
    "sent": core.Sent,
    "broker_acked": core.BrokerAcked,
    "plc_acked": core.PlcAcked,
    "unearned_accept": core.UnearnedAccept,
    "truth": core.Truth,
    "refused": core.Refused,
    "loss": core.Loss,
    "stored": core.Stored,
    "pruned": core.Pruned,
    "operator": core.Operator,
    "compared": core.Compared,
    "model_moved": core.ModelMoved,
    "archived": core.Archived,
    "epoch_started": core.EpochStarted,
    "epoch_ended": core.EpochEnded,
    "anomaly": Anomaly,
}
_NAMES: Final = {kind: name for name, kind in KINDS.items()}
_ADAPTERS: Final[Mapping[str, TypeAdapter[Any]]] = {name: TypeAdapter(kind) for name, kind in KINDS.items()}
_QUOTED: Final = {name: json.dumps(name) for name in KINDS}
_COLUMNS: Final = {
    name: frozenset(field.name for field in fields(kind)) & {"key", "at", *_NUMBERS} for name, kind in KINDS.items()
}


def encode(event: LedgerEvent) -> Row:
    """Return an event's row.

    Raises:
        CodecError: it is no event, holds what JSON or SQLite cannot (NaN, more than 64 bits), or would not come back.
    """
    name = _NAMES.get(type(event))
    if name is None:
        raise CodecError(f"{type(event).__name__} is no event")
    try:
        rest = _ADAPTERS[name].dump_python(event, exclude=set(_COLUMNS[name]), warnings=False)
        body = json.dumps(rest, separators=(",", ":"), allow_nan=False, default=_plain)
        source = getattr(event, "key", event)
        epoch, session, trig, seq = (_number(getattr(source, label, None), label) for label in _NUMBERS)
        utc_ms, mono_ns = _number(event.at.utc_ms, "utc_ms"), _number(event.at.mono_ns, "mono_ns")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CodecError(f"{name} cannot be written: {error}") from error
    if utc_ms is None or mono_ns is None:
        raise CodecError(f"{name} has no time")
    row = Row(name, utc_ms, mono_ns, epoch, session, trig, seq, body)
    decode(row)  # what is appended can never be mended: it must be readable before it is written
    return row


def decode(row: Row) -> LedgerEvent:
    """Return the event that a row holds.

    Raises:
        CodecError: the kind is unknown, or the body is not that kind's.
    """
    adapter = _ADAPTERS.get(row.kind)
    if adapter is None:
        raise CodecError(f"unknown kind of event {row.kind!r}")
    try:
        if not row.body.endswith("}"):
            raise CodecError("it is no object")  # what is joined below would lend it its end
        event: LedgerEvent = adapter.validate_json(_joined(row))
    except (ValidationError, ValueError) as error:
        raise CodecError(f"the body of a {row.kind} is damaged: {error}") from error
    return event


def _joined(row: Row) -> str:
    """Return an event's JSON, its columns after the fields of its body: one pass of a fast parser reads both."""
    columns = _COLUMNS[row.kind]
    epoch, session, trig, seq = (_json(value) for value in row[3:7])
    if "key" in columns:
        numbers = f'"key":{{"epoch":{epoch},"session":{session},"trig":{trig},"seq":{seq}}},'
    else:
        named = zip(_NUMBERS, (epoch, session, trig, seq), strict=True)
        numbers = "".join(f'"{label}":{value},' for label, value in named if label in columns)
    comma = "" if row.body == "{}" else ","
    return f'{row.body[:-1]}{comma}{numbers}"at":{{"mono_ns":{row.mono_ns},"utc_ms":{row.utc_ms}}}}}'


def _json(value: int | None) -> int | str:
    return "null" if value is None else value


def chain(previous: bytes, identity: int, row: Row) -> bytes:
    """Return the hash of a row after the one whose hash is ``previous`` (see the module's text)."""
    kind, utc_ms, mono_ns, epoch, session, trig, seq, body = row
    head = (
        f"[{identity},{_QUOTED.get(kind) or json.dumps(kind)},{utc_ms},{mono_ns},"
        f"{_json(epoch)},{_json(session)},{_json(trig)},{_json(seq)}]\n"
    )
    return hashlib.sha256(previous + head.encode() + body.encode("utf-8", "surrogatepass")).digest()


def anomaly(event: object, reason: str) -> Anomaly:
    """Return what the ledger keeps of an event that it could not take; never fails, whatever the event is."""
    at = getattr(event, "at", None)
    if not (isinstance(at, Instant) and _sound(at.utc_ms) and _sound(at.mono_ns)):
        at = Instant(mono_ns=0, utc_ms=0)
    source = getattr(event, "key", event)
    numbers = {label: getattr(source, label, None) for label in _NUMBERS}
    try:
        text = encode(event).body  # type: ignore[arg-type]  # anything may have been offered
    except CodecError:
        text = ascii(event)[:MAX_TEXT]
    return Anomaly(
        **{label: value if _sound(value) else None for label, value in numbers.items()},
        subject=_NAMES.get(type(event), type(event).__name__),
        reason=ascii(reason)[1:-1][:MAX_TEXT],
        event=text,
        at=at,
    )


def _sound(value: object) -> bool:
    return type(value) is int and abs(value) <= _MAX_INTEGER


def _number(value: Any, label: str) -> int | None:
    if value is not None and not _sound(value):
        raise CodecError(f"{label} is {value!r}, expected a whole number of at most 63 bits")
    return value  # type: ignore[no-any-return]  # checked above


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
