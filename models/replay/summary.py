"""What a replay found, and the object that ``linegate replay --json`` prints (docs/evaluation.md)."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edge.core.paired_evidence import ErrorKind, balance_as_json
from edge.core.replay import (
    Missing,
    MissingPart,
    Outcome,
    ReplayedPart,
    Said,
    count_missing,
)
from edge.core.types import Box, Decision
from models.audit.subject import SubjectView


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time of a station's record: from ``since_ms`` to before ``until_ms``, Unix milliseconds."""

    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A shift replayed.

    Args:
        source: What to call the store or folder.
        period: None for a folder.
        label: What to call the candidate.
        bundle: The SHA-256 of its bundle; None where its views have several.
        views: What the candidate judges by.
        incumbent: What the incumbent judges by; empty where its recorded verdicts count.
        other_limits: Whether limits were tried that are not those of bundle or recipe.
        parts: The replayed ones, in order.
        outcome: What is counted of them.
        missing: The recorded parts that were not replayed.
        missing_defective: How many of these are known to be defective.
        other_recipes: Parts of recipes that were not asked for.
        bundles: How many pictures were recorded with which bundle (its SHA-256).
        date: Printed as it is.
    """

    source: str
    period: Period | None
    label: str
    bundle: str | None
    views: tuple[SubjectView, ...]
    incumbent: tuple[SubjectView, ...]
    other_limits: bool
    parts: tuple[ReplayedPart, ...]
    outcome: Outcome
    missing: tuple[MissingPart, ...] = ()
    missing_defective: int = 0
    other_recipes: int = 0
    bundles: Mapping[str, int] = field(default_factory=dict)
    date: str = ""


def figures(replay: Replay) -> dict[str, Any]:
    """Return what a program may read of a replay."""
    outcome = replay.outcome
    return {
        "bundle": replay.bundle,
        "releasable": outcome.releasable,
        "worse": bool(outcome.worse),
        "reason": outcome.reason,
        "label": replay.label,
        "date": replay.date,
        "shift": {"source": replay.source, "period": asdict(replay.period) if replay.period else None},
        "views": [asdict(view) for view in replay.views],
        "incumbent": [asdict(view) for view in replay.incumbent] or None,
        "recorded_bundles": dict(replay.bundles),
        "other_limits": replay.other_limits,
        "counts": {
            "recorded": len(replay.parts) + len(replay.missing),
            "replayed": len(replay.parts),
            "compared": outcome.compared,
            "known_to_candidate": sum(part.known for part in replay.parts),
            "differing": outcome.table.differing,
            "defective": sum(part.truth == "reject" for part in replay.parts),
            "good": sum(part.truth == "accept" for part in replay.parts),
            "incumbent_escapes": sum(_escaped(part, part.incumbent) for part in replay.parts),
            "candidate_escapes": sum(_escaped(part, part.candidate) for part in replay.parts),
            "other_recipes": replay.other_recipes,
        },
        "missing": {**count_missing(replay.missing), "defective": replay.missing_defective},
        "missing_parts": _missing(replay.missing),
        "transitions": outcome.table.transitions(),
        "p_values": {error.value: outcome.p_values[error] for error in ErrorKind},
        "evidence": balance_as_json(outcome.balance),
        "per_part": [_part(part) for part in replay.parts],
    }


def _escaped(part: ReplayedPart, said: Said) -> bool:
    return part.truth == "reject" and said.decision is Decision.ACCEPT


def _part(part: ReplayedPart) -> dict[str, Any]:
    return {
        "part": part.name,
        "sess": part.session,
        "trig": part.trig,
        "received_at": part.received_at,
        "truth": part.truth,
        "source": part.source,
        "known_to_candidate": part.known,
        "incumbent": _said(part.incumbent),
        "candidate": _said(part.candidate),
        "pictures": [
            {
                "file": one.file,
                "camera": one.camera,
                "incumbent_boxes": _boxes(one.incumbent),
                "candidate_boxes": _boxes(one.candidate),
            }
            for one in part.pictures
        ],
    }


def _said(said: Said) -> dict[str, Any]:
    return {"verdict": said.decision.label, "code": said.code, "score": said.score, "by_judging": said.by_judging}


def _boxes(boxes: Iterable[Box]) -> list[list[Any]]:
    return [[box.x, box.y, box.width, box.height, box.category, box.score] for box in boxes]


def _missing(missing: Iterable[MissingPart]) -> list[dict[str, Any]]:
    """Return the missing parts; neighbouring triggers of a session that miss for one reason make one entry."""
    runs: list[dict[str, Any]] = []
    for one in missing:
        last = runs[-1] if runs else None
        follows = last is not None and (last["sess"], last["trig_last"] + 1, last["why"], last["detail"]) == (
            one.session,
            one.trig,
            one.why.value,
            one.detail,
        )
        if last is not None and follows and one.why is not Missing.UNREADABLE:
            last["trig_last"] = one.trig
        else:
            runs.append(
                {
                    "sess": one.session,
                    "trig": one.trig,
                    "trig_last": one.trig,
                    "why": one.why.value,
                    "detail": one.detail,
                }
            )
    return runs
