"""Bundles moved on a station that runs: asked for as an operator does, and what came of it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from deploy.slots.store import read_slots
from edge.inspector.operating import State
from tests.support.candidates import Candidates, StandInCandidate
from tests.support.stations import RunningStation, pictures

MANY = 400


def stage_of(station: RunningStation, bundle: str) -> str:
    known = {slot.label: slot.stage.value for slot in read_slots(station.store).bundles}
    return known.get(bundle, "absent")


def reason_of(station: RunningStation, bundle: str) -> str:
    return next(slot.reason for slot in read_slots(station.store).bundles if slot.label == bundle)


def done(station: RunningStation, action: str, bundle: str = "", **fields: object) -> str:
    reply = station.model(action, bundle, **fields)
    assert reply.state is State.DONE, reply.text
    return reply.text


def refused(station: RunningStation, action: str, bundle: str = "", **fields: object) -> str:
    reply = station.model(action, bundle, **fields)
    assert reply.state is State.REFUSED, reply.text
    return reply.text


def on_trial(station: RunningStation, bundle: str, share: float | None = None) -> None:
    for action in ("verify", "shadow"):
        done(station, action, bundle)
    if share is not None:
        done(station, "canary", bundle, share=share)


def events(station: RunningStation, kind: str) -> list[dict[str, object]]:
    with closing(sqlite3.connect(f"file:{station.store / 'ledger.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM events WHERE kind = ? ORDER BY id", (kind,)).fetchall()
    return [json.loads(body) for (body,) in rows]


@contextmanager
def running(store: Path, candidate: StandInCandidate | None = None, **options: object) -> Iterator[RunningStation]:
    known = {"toy-3": candidate} if candidate else {}
    options.setdefault("steps", pictures(MANY))
    with RunningStation(store, candidate=Candidates(known), settings=settings(), **options) as station:  # type: ignore[arg-type]
        yield station


def settings(more: str = "") -> str:
    return f'[models]\nproduct = "phone"\n{more}\n'
