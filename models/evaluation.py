"""What ``linegate evaluate`` reports, from pictures that were judged already."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage
from edge.core.statistics import auroc, auroc_within_group, clopper_pearson, group_bootstrap, percentile
from edge.core.types import Box, Decision, Limits
from models.box_matching import BoxCounts, match_boxes

_SEVERITY: Final = {Decision.ACCEPT: 0, Decision.CANNOT_JUDGE: 1, Decision.REJECT: 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedImage:
    """A listed picture and what the station said of it.

    A picture that cannot be read or judged is cannot-judge with ``score`` None. ``latency_ms`` is the time from pixels
    to verdict, None where there is none; ``mask`` (height x width) marks its defects, None without a mask file.
    """

    entry: DatasetImage
    decision: Decision
    code: int
    score: float | None
    boxes: tuple[Box, ...] = ()
    latency_ms: float | None = None
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    group: str | None
    bad: bool
    decision: Decision


_Selection = Callable[[_Part], bool]


def _is_bad(part: _Part) -> bool:
    return part.bad


def _is_good(part: _Part) -> bool:
    return not part.bad


def _is_any(_part: _Part) -> bool:
    return True


_RATES: Final[Mapping[str, tuple[frozenset[Decision], _Selection]]] = {
    "escape": (frozenset({Decision.ACCEPT}), _is_bad),
    "catch": (frozenset({Decision.REJECT}), _is_bad),
    "overkill": (frozenset({Decision.REJECT}), _is_good),
    "not_accepted_good": (frozenset({Decision.REJECT, Decision.CANNOT_JUDGE}), _is_good),
    "abstention": (frozenset({Decision.CANNOT_JUDGE}), _is_any),
    "abstention_good": (frozenset({Decision.CANNOT_JUDGE}), _is_good),
    "abstention_bad": (frozenset({Decision.CANNOT_JUDGE}), _is_bad),
}
_CONSTANT_JUDGES: Final = {
    "always_accept": Decision.ACCEPT,
    "always_reject": Decision.REJECT,
    "always_cannot_judge": Decision.CANNOT_JUDGE,
}


def evaluate_dataset(judged: Iterable[JudgedImage], limits: Limits) -> dict[str, Any]:
    """Return the object that ``evaluate --json`` prints; the definitions are in docs/evaluation.md.

    Args:
        judged: One entry per listed picture, in the order listed; consumed once, so that masks need not be kept.
        limits: The bundle's limits, echoed and never fitted anew.

    Raises:
        ValueError: There is no picture.
    """
    entries: list[JudgedImage] = []
    boxes: list[BoxCounts] = []
    for image in judged:
        boxes.append(match_boxes(image.boxes, image.entry.boxes, image.mask))
        entries.append(_without_mask(image))
    if not entries:
        raise ValueError("nothing to evaluate: the dataset lists no picture")
    parts = _parts(entries)
    scored = [(image.entry.group, image.entry.truth == "reject", image.score) for image in entries]
    latencies = [image.latency_ms for image in entries if image.latency_ms is not None]
    return {
        "counts": _counts(entries, parts),
        "rates": {name: _rate(name, parts) for name in _RATES},
        "auroc": auroc(
            [score for _, bad, score in scored if bad],
            [score for _, bad, score in scored if not bad],
        ),
        "auroc_within_group": auroc_within_group(scored),
        "latency_ms": {
            "p50": percentile(latencies, 0.50) if latencies else None,
            "p99": percentile(latencies, 0.99) if latencies else None,
        },
        "thresholds": {"accept_below": limits.accept_below, "reject_above": limits.reject_above},
        "baselines": {name: _baseline(decision, parts) for name, decision in _CONSTANT_JUDGES.items()},
        **_box_figures(entries, boxes, parts),
        "per_image": [_per_image(image) for image in entries],
    }


def _without_mask(image: JudgedImage) -> JudgedImage:
    return JudgedImage(
        entry=image.entry,
        decision=image.decision,
        code=image.code,
        score=image.score,
        boxes=image.boxes,
        latency_ms=image.latency_ms,
    )


def _parts(entries: Sequence[JudgedImage]) -> list[_Part]:
    """Join the views of each part: it is bad if any view is, and its worst view decides."""
    views: dict[object, list[JudgedImage]] = {}
    for index, image in enumerate(entries):
        key = index if image.entry.part_id is None else image.entry.part_id
        views.setdefault(key, []).append(image)
    return [
        _Part(
            group=images[0].entry.group,
            bad=any(image.entry.truth == "reject" for image in images),
            decision=max((image.decision for image in images), key=lambda decision: _SEVERITY[decision]),
        )
        for images in views.values()
    ]


def _counts(entries: Sequence[JudgedImage], parts: Sequence[_Part]) -> dict[str, int]:
    counts = {
        "images": len(entries),
        "failed_images": sum(image.score is None for image in entries),
        "parts": len(parts),
        "bad": sum(part.bad for part in parts),
        "good": sum(not part.bad for part in parts),
    }
    for truth, bad in (("bad", True), ("good", False)):
        for decision in Decision:
            counts[f"{truth}_{decision.label}"] = sum(part.bad == bad and part.decision is decision for part in parts)
    return counts


def _share(name: str, parts: Sequence[_Part]) -> tuple[int, int]:
    decisions, selected = _RATES[name]
    chosen = [part for part in parts if selected(part)]
    return sum(part.decision in decisions for part in chosen), len(chosen)


def _value(name: str, parts: Sequence[_Part]) -> float | None:
    hits, total = _share(name, parts)
    return hits / total if total else None


def _rate(name: str, parts: Sequence[_Part]) -> dict[str, Any]:
    hits, total = _share(name, parts)
    groups: dict[str, list[_Part]] = {}
    for part in parts:
        if part.group is not None:
            groups.setdefault(part.group, []).append(part)
    return {
        "value": _value(name, parts),
        "count": hits,
        "n": total,
        "ci95": clopper_pearson(hits, total),
        "group_bootstrap95": group_bootstrap(groups, lambda drawn: _value(name, drawn)),
    }


def _baseline(decision: Decision, parts: Sequence[_Part]) -> dict[str, float | None]:
    constant = [_Part(group=part.group, bad=part.bad, decision=decision) for part in parts]
    return {name: _value(name, constant) for name in _RATES}


def _box_figures(
    entries: Sequence[JudgedImage], boxes: Sequence[BoxCounts], parts: Sequence[_Part]
) -> dict[str, float | None]:
    labelled, found = sum(count.labelled for count in boxes), sum(count.found for count in boxes)
    predicted, matched = sum(count.predicted for count in boxes), sum(count.matched for count in boxes)
    bad_parts = {image.entry.part_id for image in entries if image.entry.truth == "reject"} - {None}
    on_good = sum(
        count.false
        for image, count in zip(entries, boxes, strict=True)
        if image.entry.truth == "accept" and image.entry.part_id not in bad_parts
    )
    good = sum(not part.bad for part in parts)
    return {
        "box_recall": found / labelled if labelled else None,
        "box_precision": matched / predicted if predicted else None,
        "false_boxes_per_good": on_good / good if good else None,
    }


def _per_image(image: JudgedImage) -> dict[str, Any]:
    return {
        "file": image.entry.file,
        "group": image.entry.group,
        "truth": image.entry.truth,
        "score": image.score,
        "verdict": image.decision.label,
        "code": image.code,
        "boxes": [[box.x, box.y, box.width, box.height, box.category, box.score] for box in image.boxes],
    }
