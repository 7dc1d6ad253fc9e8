"""From a verdict to what the ledger and the wire say of it: pure functions of values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.core.events import Decided, Instant, ViewRecord
from edge.core.types import Decision, Verdict
from edge.core.wire import MAX_DEFECTS, MAX_U16, MODEL_NONE, Result, per_mille
from edge.inspector.clock import NS_PER_MS
from edge.inspector.part import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who judges: what every verdict of this process records of its own origin. ``simulated``: not a live line."""

    config_hash: str
    software: str
    simulated: bool


def decided_by_loop(
    order: Order,
    verdict: Verdict,
    views: Sequence[ViewRecord],
    author: Author,
    *,
    model: str,
    at: Instant,
    stages_ns: Mapping[str, int],
) -> Decided:
    """Return the ledger's event for a verdict that the loop reached; ``model`` is the wire's name of what judged."""
    return Decided(
        key=order.key,
        part=order.trigger.part,
        recipe=order.trigger.recipe,
        revision=order.recipe.revision if order.recipe else 0,
        decision=verdict.decision,
        code=verdict.code,
        score=per_mille(verdict.score),
        defects=min(verdict.defects, MAX_DEFECTS),
        model=model,
        simulated=author.simulated,
        config_hash=author.config_hash,
        software=author.software,
        views=tuple(views),
        at=at,
        stages_ns=dict(stages_ns),
    )


def decided_by_guard(order: Order, code: int, author: Author, at: Instant) -> Decided:
    """Return the event for a part that the guard answers: cannot judge, no score, no views."""
    verdict = Verdict(decision=Decision.CANNOT_JUDGE, code=code, score=None, defects=0)
    model = order.recipe.model if order.recipe else MODEL_NONE
    return decided_by_loop(order, verdict, (), author, model=model, at=at, stages_ns={})


def wire_result(decided: Decided, received: Instant, at: Instant) -> Result:
    """Return the result as sent at ``at``."""
    return Result(
        sess=decided.key.session,
        epoch=decided.key.epoch,
        seq=decided.key.seq,
        trig=decided.key.trig,
        part=decided.part,
        dec=decided.decision,
        code=decided.code,
        score=decided.score,
        n=decided.defects,
        recipe=decided.recipe,
        model=decided.model,
        age_ms=min((at.mono_ns - received.mono_ns) // NS_PER_MS, MAX_U16),
        t=at.utc_ms,
        sim=int(decided.simulated),
    )
