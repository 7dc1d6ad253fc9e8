"""The wire format of the line contract: topics and payloads, built and parsed as pure functions.

JSON without spaces, flat, in a fixed key order; parsed by key, so that keys may be appended later. Bounds: 64
characters a topic, 240 bytes a payload that a PLC has to read (docs/line-contract.md).
"""

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Literal

from edge.core.codes import SCORE_NONE, Code
from edge.core.types import Ack, Act, Decision, Trigger

VERSION: Final = 1
MAX_PAYLOAD: Final = 240
MAX_TOPIC: Final = 64
MAX_COMMAND: Final = 1024
MAX_U16: Final = 65535
MAX_U32: Final = 4294967295
MAX_DEFECTS: Final = 999
MODEL_NONE: Final = "00000000"

TRIGGER: Final = "cmd/trigger"
ACK: Final = "cmd/ack"
TEST: Final = "cmd/test"
TRUTH: Final = "cmd/truth"
RESULT: Final = "evt/result"
AUTO: Final = "evt/auto"
HEARTBEAT: Final = "evt/heartbeat"
STATE: Final = "state"
HISTORY: Final = "hist/result"
TEST_RESULT: Final = "evt/test"

NAME_PATTERN: Final = r"[a-z0-9-]{1,12}"
PART_PATTERN: Final = r"[A-Za-z0-9._:/-]{0,24}"
NAMED_PART_PATTERN: Final = r"[A-Za-z0-9._:/-]{1,24}"
MAX_SOURCE: Final = 40
ALARM_PATTERN: Final = r"[a-z0-9-]{1,7}"


class WireError(ValueError):
    """A payload that breaks the contract; ``code`` names the kind of break."""

    def __init__(self, message: str, code: Code = Code.MALFORMED) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The payload of ``evt/result``; field names are the wire's."""

    sess: int
    epoch: int
    seq: int
    trig: int
    part: str
    dec: Decision
    code: int
    score: int
    n: int
    recipe: int
    model: str
    age_ms: int
    t: int
    sim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The payload of ``evt/heartbeat``; ``fault`` is the sum of :class:`edge.core.types.Fault` bits."""

    epoch: int
    n: int
    ready: bool
    fault: int
    recipe: int


class SelfTestOutcome(IntEnum):
    """What a self-test came to, on ``evt/test``."""

    FAILED = 0
    PASSED = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestReport:
    """The payload of ``evt/test``; field names are the wire's. ``id`` is the request's own."""

    id: str
    epoch: int
    ok: SelfTestOutcome
    n: int
    model: str
    ms: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthReport:
    """The payload of ``cmd/truth``: what a later inspection, the ``source``, found of the part of this name."""

    part: str
    truth: Literal["accept", "reject"]
    source: str


def base_topic(site: str, line: str, station: str) -> str:
    """Return ``linegate/v1/{site}/{line}/{station}``.

    Raises:
        ValueError: a name does not match ``[a-z0-9-]{1,12}``.
    """
    for label, name in (("site", site), ("line", line), ("station", station)):
        if not re.fullmatch(NAME_PATTERN, name):
            raise ValueError(f"{label} name {name!r}: use 1 to 12 of a-z, 0-9 and '-'")
    return f"linegate/v1/{site}/{line}/{station}"


def alarm_topic(name: str) -> str:
    """Return the topic of an alarm below the base topic.

    Raises:
        ValueError: the name does not match ``[a-z0-9-]{1,7}``.
    """
    if not re.fullmatch(ALARM_PATTERN, name):
        raise ValueError(f"alarm name {name!r}: use 1 to 7 of a-z, 0-9 and '-'")
    return f"alarm/{name}"


def per_mille(score: float | None) -> int:
    """Return a probability (0-1) as the wire's whole per mille, :data:`SCORE_NONE` where there is none."""
    return SCORE_NONE if score is None else round(score * 1000)


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return a flat JSON object without spaces, keys in the order given."""
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode()


def encode_result(result: Result, *, history: bool = False) -> bytes:
    """Return the payload of ``evt/result`` or ``evt/auto`` (at most 240 bytes), or of ``hist/result``."""
    fields: dict[str, int | str] = {
        "v": VERSION,
        "sess": result.sess,
        "epoch": result.epoch,
        "seq": result.seq,
        "trig": result.trig,
        "part": result.part,
        "dec": int(result.dec),
        "code": result.code,
        "score": result.score,
        "n": min(result.n, MAX_DEFECTS),
        "recipe": result.recipe,
        "model": result.model,
        "age_ms": min(result.age_ms, MAX_U16),
        "t": result.t,
        "sim": result.sim,
    }
    return encode(fields | {"hist": 1} if history else fields)


def encode_heartbeat(beat: Heartbeat) -> bytes:
    """Return the payload of ``evt/heartbeat``."""
    fields = {"epoch": beat.epoch, "n": beat.n, "ready": int(beat.ready), "fault": beat.fault, "recipe": beat.recipe}
    return encode(fields)


def encode_trigger(trigger: Trigger) -> bytes:
    """Return the payload of ``cmd/trigger``."""
    return encode(
        {
            "sess": trigger.session,
            "epoch": trigger.epoch,
            "trig": trigger.trig,
            "tick": trigger.tick,
            "part": trigger.part,
            "recipe": trigger.recipe,
            "dl_ms": trigger.deadline_ms,
        }
    )


def encode_ack(ack: Ack) -> bytes:
    """Return the payload of ``cmd/ack``."""
    return encode(
        {
            "sess": ack.session,
            "epoch": ack.epoch,
            "seq": ack.seq,
            "trig": ack.trig,
            "act": int(ack.act),
        }
    )


def parse_trigger(payload: bytes) -> Trigger:
    """Parse ``cmd/trigger``.

    Session 0 belongs to the station's own triggers and is refused from a PLC.

    Raises:
        WireError: not a flat JSON object, a key missing, of the wrong type or out of range, or too long.
    """
    fields = _parse(payload)
    return Trigger(
        session=_integer(fields, "sess", 1, MAX_U32),
        epoch=_integer(fields, "epoch", 0, MAX_U32),
        trig=_integer(fields, "trig", 1, MAX_U32),
        tick=_integer(fields, "tick", 0, MAX_U32),
        part=_text(fields, "part", PART_PATTERN),
        recipe=_integer(fields, "recipe", 0, MAX_U16),
        deadline_ms=_integer(fields, "dl_ms", 0, MAX_U16),
    )


def parse_ack(payload: bytes) -> Ack:
    """Parse ``cmd/ack``.

    Raises:
        WireError: as :func:`parse_trigger`.
    """
    fields = _parse(payload)
    act = _integer(fields, "act", 1, len(Act))
    return Ack(
        session=_integer(fields, "sess", 1, MAX_U32),
        epoch=_integer(fields, "epoch", 0, MAX_U32),
        seq=_integer(fields, "seq", 0, MAX_U32),
        trig=_integer(fields, "trig", 1, MAX_U32),
        act=Act(act),
    )


def encode_truth(report: TruthReport) -> bytes:
    """Return the payload of ``cmd/truth``."""
    return encode({"part": report.part, "truth": report.truth, "source": report.source})


def parse_truth(payload: bytes) -> TruthReport:
    """Parse ``cmd/truth``. The part must be named: nothing else says which one is meant.

    Raises:
        WireError: as :func:`parse_trigger`.
    """
    fields = _parse(payload)
    part, truth = _text(fields, "part", NAMED_PART_PATTERN), _text(fields, "truth", "accept|reject")
    source = fields.get("source")
    if not isinstance(source, str) or not 0 < len(source) <= MAX_SOURCE or not source.isprintable():
        raise WireError(f"source is {reprlib.repr(source)}, expected 1 to {MAX_SOURCE} printable characters")
    return TruthReport(part=part, truth="accept" if truth == "accept" else "reject", source=source)


def parse_test(payload: bytes) -> str:
    """Parse ``cmd/test`` and return its ``id``, empty where it has none; no payload at all is a request too.

    Raises:
        WireError: as :func:`parse_trigger`.
    """
    if not payload:
        return ""
    fields = _parse(payload)
    return _text(fields, "id", PART_PATTERN) if "id" in fields else ""


def encode_test(report: SelfTestReport) -> bytes:
    """Return the payload of ``evt/test``, at most 240 bytes: a text that is too long is cut."""
    fields: dict[str, int | str] = {
        "v": VERSION,
        "id": report.id,
        "epoch": report.epoch,
        "ok": int(report.ok),
        "n": report.n,
        "model": report.model,
        "ms": min(report.ms, MAX_U16),
        "text": "",
    }
    # As ASCII without what JSON would spell out: one byte a character.
    text = "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "?" for letter in report.text)
    return encode(fields | {"text": text[: MAX_PAYLOAD - len(encode(fields))]})


def parse_result(payload: bytes) -> Result:
    """Parse ``evt/result`` as a PLC does.

    Raises:
        WireError: as :func:`parse_trigger`, or the version is not 1.
    """
    fields = _parse(payload)
    _integer(fields, "v", VERSION, VERSION)
    return Result(
        sess=_integer(fields, "sess", 0, MAX_U32),
        epoch=_integer(fields, "epoch", 1, MAX_U32),
        seq=_integer(fields, "seq", 1, MAX_U32),
        trig=_integer(fields, "trig", 1, MAX_U32),
        part=_text(fields, "part", PART_PATTERN),
        dec=Decision(_integer(fields, "dec", 1, len(Decision))),
        code=_integer(fields, "code", 0, MAX_U16),
        score=_integer(fields, "score", 0, MAX_U16),
        n=_integer(fields, "n", 0, MAX_DEFECTS),
        recipe=_integer(fields, "recipe", 0, MAX_U16),
        model=_text(fields, "model", r"[0-9a-f]{8}"),
        age_ms=_integer(fields, "age_ms", 0, MAX_U16),
        t=_integer(fields, "t", 0, 2**53),
        sim=_integer(fields, "sim", 0, 1),
    )


def parse_heartbeat(payload: bytes) -> Heartbeat:
    """Parse ``evt/heartbeat`` as a PLC does.

    Raises:
        WireError: as :func:`parse_trigger`.
    """
    fields = _parse(payload)
    return Heartbeat(
        epoch=_integer(fields, "epoch", 1, MAX_U32),
        n=_integer(fields, "n", 0, MAX_U32),
        ready=bool(_integer(fields, "ready", 0, 1)),
        fault=_integer(fields, "fault", 0, MAX_U16),
        recipe=_integer(fields, "recipe", 0, MAX_U16),
    )


def _parse(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_COMMAND:
        raise WireError(f"payload of {len(payload)} bytes, at most {MAX_COMMAND} are read", Code.OVERSIZED)
    try:
        # Decoded here: left to itself json guesses UTF-16 and UTF-32, and lets lone surrogates through.
        value = json.loads(payload.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"payload is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise WireError("payload is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _integer(fields: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise WireError(f"{key} is {reprlib.repr(value)}, expected a whole number from {low} to {high}")
    return value


def _text(fields: Mapping[str, Any], key: str, pattern: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise WireError(f"{key} is {reprlib.repr(value)}, expected text that matches {pattern}")
    return value
