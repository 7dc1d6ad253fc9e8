"""``linegate status``: how the station is, as its broker and its ledger tell it."""

import json as json_format
import logging
import os
import queue
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import typer

from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, explained, load_or_exit
from edge.cli.status_models import model_fields, model_lines
from edge.config import Config
from edge.core import wire
from edge.core.codes import describe
from edge.inspector.alarms import Alarm
from edge.ledger import LedgerError
from edge.ledger.reader import counts, last_parts
from edge.line.certificate import Validity, ending, validities
from edge.line.link import LinkEvents, Message
from edge.line.mqtt import MqttLink
from edge.line.settings import LinkSettings

LISTEN_S: Final = 3.0
DAY_MS: Final = 86_400_000
RECENT: Final = 5
FREQUENT: Final = 3


def status(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Tell whether the station is there and ready, and what it did in the last 24 hours.

    Exit code 0 if it is ready, 1 if it is not or is not there.
    """
    loaded = load_or_exit(config)
    with explained():
        settings = _link_settings(loaded.config)
        heard = _listen(settings)
        certificates = validities(settings)
    ledger = _ledger(loaded.config)
    models = model_fields(loaded.config)
    beat = heard["heartbeat"]
    ready = bool(beat and beat.get("ready"))
    if json:
        listed = [
            {"key": one.key, "name": one.name, "path": str(one.path), "ends": one.ends.isoformat()}
            for one in certificates
        ]
        typer.echo(json_format.dumps(heard | ledger | models | {"ready": ready, "certificates": listed}))
    else:
        _print(loaded.config, heard, ledger, certificates, ready=ready, models=model_lines(models))
    raise typer.Exit(Exit.OK if ready else Exit.FAILED)


def _link_settings(config: Config) -> LinkSettings:
    station = config.station
    return LinkSettings(
        broker=config.line.broker,
        base_topic=wire.base_topic(station.site, station.line, station.name),
        client_id=f"linegate-status-{os.getpid()}",
        subscriptions=(*(wire.alarm_topic(alarm) for alarm in Alarm), wire.STATE, wire.HEARTBEAT),
        ca=config.line.ca,
        cert=config.line.cert,
        key=config.line.key,
    )


def _listen(settings: LinkSettings) -> dict[str, Any]:
    """Return what the broker tells: the retained state and alarms, one heartbeat; or why it cannot be reached."""
    arrived: queue.SimpleQueue[Message] = queue.SimpleQueue()
    link = MqttLink(
        settings,
        LinkEvents(
            message=arrived.put, connected=_nothing, disconnected=lambda _reason: None, published=lambda _t, _r: None
        ),
    )
    heard: dict[str, Any] = {"broker": False, "trouble": None, "state": None, "heartbeat": None, "alarms": []}
    logger = logging.getLogger("edge.line")
    level = logger.level
    logger.setLevel(logging.ERROR)  # what keeps the link down is part of the answer
    until = time.monotonic() + LISTEN_S
    link.open()
    try:
        while time.monotonic() < until and not (heard["state"] and heard["heartbeat"]):
            heard["broker"] = heard["broker"] or link.connected
            heard["trouble"] = link.trouble
            try:
                message = arrived.get(timeout=0.05)
            except queue.Empty:
                continue
            _note(heard, message)
    finally:
        link.close()
        logger.setLevel(level)
    return heard


def _note(heard: dict[str, Any], message: Message) -> None:
    content = _decoded(message.payload)
    if message.topic == wire.STATE:
        heard["state"] = content
    elif message.topic == wire.HEARTBEAT:
        # One that the broker kept is nobody's sign of life: a station never has it retained.
        heard["heartbeat"] = heard["heartbeat"] if message.retained else content
    elif content and content.get("raised"):
        heard["alarms"].append(content)


def _ledger(config: Config) -> dict[str, Any]:
    try:
        since = time.time_ns() // 1_000_000 - DAY_MS
        path = config.store.path
        return {"last_24_h": counts(path, since), "last_parts": last_parts(path, RECENT), "ledger_error": None}
    except LedgerError as error:
        return {"last_24_h": None, "last_parts": [], "ledger_error": str(error)}


def _print(
    config: Config,
    heard: dict[str, Any],
    ledger: dict[str, Any],
    certificates: tuple[Validity, ...],
    *,
    ready: bool,
    models: Iterator[str],
) -> None:
    station = config.station
    typer.echo(f"station {station.site}/{station.line}/{station.name}: {'ready' if ready else 'NOT READY'}")
    if not heard["broker"]:
        typer.echo(f"broker {config.line.broker}: cannot be reached: {heard['trouble'] or 'it does not answer'}")
    elif heard["heartbeat"] is None:
        typer.echo("no heartbeat: the inspector does not run, or is cut off from its broker")
    state = heard["state"] or {}
    if faults := state.get("faults"):
        typer.echo(f"faults: {', '.join(map(_shown, faults)) if isinstance(faults, list) else _shown(faults)}")
    for alarm in heard["alarms"]:
        typer.echo(f"alarm {_shown(alarm.get('name'))}: {_shown(alarm.get('text'))}")
    for line in (*_certificates(certificates, datetime.now(UTC)), *_equipment(state), *models):
        typer.echo(line)
    if ledger["ledger_error"]:
        typer.echo(f"ledger: {ledger['ledger_error']}")
        return
    for line in _history(ledger["last_24_h"]):
        typer.echo(line)
    for part in ledger["last_parts"]:
        code = f", {describe(part['code'])}" if part.get("code") else ""
        typer.echo(f"  trig {part['trig']} {part['part'] or '-'}: {part['verdict']}{code}")


def _certificates(certificates: tuple[Validity, ...], now: datetime) -> Iterator[str]:
    warning = ending(certificates, now)
    if warning is not None:
        yield f"certificate: {warning.text}"
    elif certificates:
        first = min(certificates, key=lambda one: one.ends)
        yield f"certificates of the link: valid until {first.ends:%Y-%m-%d} ({first.days_left(now):.0f} days)"


def _equipment(state: dict[str, Any]) -> Iterator[str]:
    for name, value in _table(state, "models").items():
        yield f"model {_shown(name)} ({_shown(value)[:12]}…)"
    wrong = [f"{_shown(count)} {_shown(name)}" for name, count in _table(state, "triggers").items() if count]
    if wrong:
        yield f"triggers since the start: {', '.join(wrong)}"


def _history(day: dict[str, Any]) -> Iterator[str]:
    if day["unearned"]:
        yield (
            f"THE PLC ACCEPTED {day['unearned']} PARTS WITHOUT AN ACCEPT ON RECORD in the last 24 h: "
            "find them, see alarm plc"
        )
    waiting = f", {day['open']} being judged" if day["open"] else ""
    yield (
        f"last 24 h: {day['accept']} accepted, {day['reject']} rejected, {day['cannot_judge']} cannot judge, "
        f"{day['loss']} lost{waiting}"
    )
    causes = [f"{describe(int(code))} {count}" for code, count in day["codes"].items() if int(code)]
    if causes:
        yield f"most frequent: {', '.join(causes[:FREQUENT])}"
    epoch = day["epoch"]
    if epoch is None:
        yield "never started"
        return
    if epoch["ended_at"] is not None:
        state = f"ended {_local(epoch['ended_at'])} ({epoch['reason']})"
    else:
        state = "running" if day["running"] else "ended without a word (killed, or a power cut)"
    yield f"epoch {epoch['epoch']} since {_local(epoch['started_at'])}, {state}"
    if head := day["head"]:
        archived = f"up to {day['archived']} in the archive, " if day["archived"] else ""
        yield f"record: {head['id']} events, {archived}head {head['id']}:{head['hash']}"


def _local(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(sep=" ", timespec="seconds")


def _decoded(payload: bytes) -> dict[str, Any] | None:
    try:
        value = json_format.loads(payload.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _table(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}


def _shown(value: object) -> str:
    """Return what a terminal may be given of a value that anybody who writes on the broker may have put there."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))


def _nothing() -> None:
    return None
