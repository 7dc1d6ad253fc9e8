"""What ``linegate evaluate`` counts, from pictures that were judged already."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import DatasetImage
from edge.core.statistics import Interval, auroc, auroc_within_group, clopper_pearson, group_bootstrap, percentile
from edge.core.types import Box, Decision, Limits
from models.box_matching import BoxCounts, match_boxes

InForce = Limits | Mapping[str, Limits]
"""The limits that pictures are judged by: one pair for all, or for each view of a part its own."""

_SEVERITY: Final = {Decision.ACCEPT: 0, Decision.CANNOT_JUDGE: 1, Decision.REJECT: 2}


def limits_for(limits: InForce, view: str | None) -> Limits:
    """Return the limits of a picture's view; raises KeyError where views differ and this is none of them."""
    return limits if isinstance(limits, Limits) else limits[view or ""]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedImage:
    """A listed picture and what the station said of it.

    A picture that cannot be read or judged is cannot-judge with ``score`` None. ``latency_ms`` is the time from pixels
    to verdict, None where there is none; ``mask`` (height x width) marks its defects, None without a mask file that can
    be used; ``mask_fault`` tells why one that is there cannot.
    """

    entry: DatasetImage
    decision: Decision
    code: int
    score: float | None
    boxes: tuple[Box, ...] = ()
    latency_ms: float | None = None
    mask: NDArray[np.bool_] | None = None
    mask_fault: str = ""

    @property
    def bad(self) -> bool:
        """Whether the picture is annotated as defective."""
        return self.entry.truth == "reject"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedImage:
    """A judged picture, its mask given up for what it told: box counts in all and by labelled class."""

    image: JudgedImage
    boxes: BoxCounts
    by_class: Mapping[str, BoxCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part as the line counts it: bad if any of its pictures is, judged by the worst of its verdicts.

    ``pictures`` are the places of its pictures in the list it was made of.
    """

    group: str | None
    bad: bool
    decision: Decision
    pictures: tuple[int, ...]


_Selection = Callable[[Part], bool]


def _is_bad(part: Part) -> bool:
    return part.bad


def _is_good(part: Part) -> bool:
    return not part.bad


def _is_any(_part: Part) -> bool:
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
RATE_NAMES: Final = tuple(_RATES)
_CONSTANT_JUDGES: Final = {
    "always_accept": Decision.ACCEPT,
    "always_reject": Decision.REJECT,
    "always_cannot_judge": Decision.CANNOT_JUDGE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of parts, with its Clopper-Pearson interval (95 %); both None where there is nothing to divide by."""

    count: int
    n: int

    @property
    def value(self) -> float | None:
        """The share, 0-1."""
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> Interval | None:
        """The exact interval; it takes the parts as independent."""
        return clopper_pearson(self.count, self.n)


def rate(name: str, parts: Iterable[Part]) -> Rate:
    """Return one of the rates of ``RATE_NAMES`` over these parts; raises KeyError for another name."""
    decisions, selected = _RATES[name]
    chosen = [part for part in parts if selected(part)]
    return Rate(count=sum(part.decision in decisions for part in chosen), n=len(chosen))


def match_images(judged: Iterable[JudgedImage]) -> list[MatchedImage]:
    """Compare predicted with labelled boxes; each picture's mask is let go before the next is taken."""
    matched: list[MatchedImage] = []
    for image in judged:
        labels = image.entry.boxes
        classes = sorted({label.category for label in labels if not label.ignore})
        by_class = {
            name: match_boxes(image.boxes, [label for label in labels if label.category == name], image.mask)
            for name in classes
        }
        boxes = match_boxes(image.boxes, labels, image.mask)
        matched.append(MatchedImage(image=replace(image, mask=None), boxes=boxes, by_class=by_class))
    return matched


def join_parts(images: Sequence[JudgedImage]) -> list[Part]:
    """Join the views of each part: it is bad if any view is, and its worst view decides."""
    views: dict[object, list[int]] = {}
    for index, image in enumerate(images):
        key = index if image.entry.part_id is None else image.entry.part_id
        views.setdefault(key, []).append(index)
    return [
        Part(
            group=images[places[0]].entry.group,
            bad=any(images[place].bad for place in places),
            decision=max((images[place].decision for place in places), key=lambda decision: _SEVERITY[decision]),
            pictures=tuple(places),
        )
        for places in views.values()
    ]


def evaluate_dataset(judged: Iterable[JudgedImage], limits: InForce) -> dict[str, Any]:
    """Return the object that ``evaluate --json`` prints; the definitions are in docs/evaluation.md.

    Args:
        judged: One entry per listed picture, in the order listed; consumed once, so that masks need not be kept.
        limits: Those in force, echoed and never fitted anew.

    Raises:
        ValueError: There is no picture.
    """
    return evaluate_matched(match_images(judged), limits)


def evaluate_matched(matched: Sequence[MatchedImage], limits: InForce) -> dict[str, Any]:
    """Return what :func:`evaluate_dataset` does, of pictures whose boxes were compared already; raises as it does."""
    if not matched:
        raise ValueError("nothing to evaluate: the dataset lists no picture")
    images = [one.image for one in matched]
    parts = join_parts(images)
    latencies = [image.latency_ms for image in images if image.latency_ms is not None]
    return {
        "counts": _counts(images, parts),
        "rates": {name: _rate_with_intervals(name, parts) for name in _RATES},
        "auroc": ranking(images),
        "auroc_within_group": ranking_within_group(images),
        "latency_ms": {
            "p50": percentile(latencies, 0.50) if latencies else None,
            "p99": percentile(latencies, 0.99) if latencies else None,
        },
        "thresholds": _thresholds(limits),
        "baselines": {name: _baseline(decision, parts) for name, decision in _CONSTANT_JUDGES.items()},
        **_box_figures(matched, parts),
        "per_image": [_per_image(image) for image in images],
    }


def ranking(images: Iterable[JudgedImage]) -> float | None:
    """Return the pictures' AUROC, a missing score counted worst-case; None with one verdict alone."""
    listed = list(images)
    return auroc([one.score for one in listed if one.bad], [one.score for one in listed if not one.bad])


def ranking_within_group(images: Iterable[JudgedImage]) -> float | None:
    """Return the mean AUROC over the groups with both verdicts, None where there is none."""
    return auroc_within_group((image.entry.group, image.bad, image.score) for image in images)


def by_group(parts: Iterable[Part]) -> dict[str, list[Part]]:
    """Return the parts of each group; those without a group are in none."""
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.group is not None:
            groups.setdefault(part.group, []).append(part)
    return groups


def _thresholds(limits: InForce) -> dict[str, Any]:
    if isinstance(limits, Limits):
        return asdict(limits)
    return {"accept_below": None, "reject_above": None, "views": {view: asdict(own) for view, own in limits.items()}}


def _counts(images: Sequence[JudgedImage], parts: Sequence[Part]) -> dict[str, int]:
    counts = {
        "images": len(images),
        "failed_images": sum(image.score is None for image in images),
        "parts": len(parts),
        "bad": sum(part.bad for part in parts),
        "good": sum(not part.bad for part in parts),
    }
    for truth, bad in (("bad", True), ("good", False)):
        for decision in Decision:
            counts[f"{truth}_{decision.label}"] = sum(part.bad == bad and part.decision is decision for part in parts)
    return counts


def _rate_with_intervals(name: str, parts: Sequence[Part]) -> dict[str, Any]:
    counted = rate(name, parts)
    return {
        "value": counted.value,
        "count": counted.count,
        "n": counted.n,
        "ci95": counted.interval,
        "group_bootstrap95": group_bootstrap(by_group(parts), lambda drawn: rate(name, drawn).value),
    }


def _baseline(decision: Decision, parts: Sequence[Part]) -> dict[str, float | None]:
    constant = [replace(part, decision=decision) for part in parts]
    return {name: rate(name, constant).value for name in _RATES}


def _box_figures(matched: Sequence[MatchedImage], parts: Sequence[Part]) -> dict[str, float | None]:
    labelled, found = sum(one.boxes.labelled for one in matched), sum(one.boxes.found for one in matched)
    predicted, hits = sum(one.boxes.predicted for one in matched), sum(one.boxes.matched for one in matched)
    good = [part for part in parts if not part.bad]
    on_good = sum(matched[place].boxes.false for part in good for place in part.pictures)
    return {
        "box_recall": found / labelled if labelled else None,
        "box_precision": hits / predicted if predicted else None,
        "false_boxes_per_good": on_good / len(good) if good else None,
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
