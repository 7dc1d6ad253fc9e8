"""The part of ``linegate status`` that tells of models: what is tried, how it does, what was taken back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from deploy.slots.errors import SlotsError
from deploy.slots.store import read_slots
from edge.config import Config
from edge.core.forecasts import forecast
from edge.core.paired_evidence import ErrorKind, EvidenceRule, balance_as_json, weigh
from edge.core.slots import taken_back
from edge.core.trial import Tally
from edge.inspector.service.pairs import Pairs
from edge.inspector.service.past import past_trial, trial_began
from edge.ledger import LedgerError

DAY_MS: Final = 86_400_000
LABELLED: Final = (ErrorKind.ESCAPE, ErrorKind.OVERKILL)
"""What only a truth that comes later can tell."""


def model_fields(config: Config) -> dict[str, Any]:
    """Return what the store says: ``trial`` and ``taken_back`` (each None without), ``models_error``.

    ``trial`` has the bundle, its stage and share, the tally in words and the balance of the evidence; ``taken_back`` is
    the last bundle that the station took back by itself, unless a person has moved one since.
    """
    store = config.store.path
    found: dict[str, Any] = {"trial": None, "taken_back": None, "models_error": None}
    try:
        slots = read_slots(store)
        slot = slots.on_trial
        if slot is not None:
            tally = past_trial(store, slots, slot, Pairs())
            rule = EvidenceRule(alpha=config.models.alpha)
            balance = weigh(tally.evidence, rule)
            began = trial_began(slots, slot)
            found["trial"] = {
                "bundle": slot.label,
                "stage": slot.stage.value,
                "share": slot.share or None,
                "since": slot.since,
                "told": tally.told(),
                "balance": balance_as_json(balance),
                "forecast": {kind.value: _forecast(tally, kind, began, rule) for kind in LABELLED},
            }
        if move := taken_back(slots):
            found["taken_back"] = {"bundle": move.bundle, "at": move.at, "reason": move.reason}
    except (SlotsError, LedgerError) as error:
        found["models_error"] = str(error)
    return found


def model_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the same for people."""
    if found["models_error"]:
        yield f"models: {found['models_error']}"
    if trial := found["trial"]:
        share = f" for {trial['share']:.1%} of the parts" if trial["share"] else ""
        yield f"on trial: {trial['bundle']}, {trial['stage']}{share} since {_local(trial['since'])}: {trial['told']}"
        yield f"  evidence: {trial['balance']['advice']}: {trial['balance']['reason']}"
        if (leans := trial["balance"]["leaning"]) and leans not in trial["balance"]["reason"]:
            yield f"  {leans}"
        for kind, words in trial["forecast"].items():
            yield f"  a candidate worse in {kind} would be found: {words}"
    if gone := found["taken_back"]:
        yield f"taken back: {gone['bundle']} at {_local(gone['at'])}: {gone['reason']}"


def _forecast(tally: Tally, kind: ErrorKind, since: int, rule: EvidenceRule) -> str:
    days = max(1, time.time_ns() // 1_000_000 - since) / DAY_MS
    return forecast(tally.evidence, kind, per_day=tally.evidence.counts(kind).total / days, rule=rule).in_words


def _local(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(sep=" ", timespec="seconds")
