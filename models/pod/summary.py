"""The figures of a study as plain JSON values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.pod.bases import CleanResult
from models.pod.class_summary import share_of, summarise_class
from models.pod.comparison import ClassComparison
from models.pod.curve import PodModel
from models.pod.hairlines import HairlineStudy
from models.pod.implants import Kind
from models.pod.study import Study

TITLE: Final = "Synthetic POD"
RENDERER: Final = (
    "models.pod: each defect is light added to a real good picture, anti-aliased and blurred as by a lens; the "
    "picture's own noise stays. Training uses another renderer and never imports this one."
)
METHOD: Final = (
    "Hit/miss logistic regression with Firth's penalty in ln(size) and in contrast or its logarithm, whichever fits "
    "better (MIL-HDBK-1823A 2009; Annis 2009). A hit is a verdict other than accept at frozen thresholds. Size "
    "(maximum Feret diameter) and contrast (|mean difference over the core| / 255) are as measured in the final "
    "picture. Intervals: 95 %, bootstrap over parts and over implants, the outer limits of the two. a90/95: the upper "
    "one-sided 95 % limit of a90. Only base pictures accepted without an implant carry one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a reader must know of a study: who judged, at which thresholds; whose pictures the bases are.

    ``warnings`` are sentences to be read first, such as that the judge was trained on some of the pictures.
    """

    judge: str
    bases: str
    warnings: tuple[str, ...] = ()


def summarise(
    study: Study,
    hairlines: HairlineStudy | None,
    models: Mapping[Kind, PodModel],
    faults: Mapping[Kind, str],
    *,
    comparisons: Sequence[ClassComparison],
    provenance: Provenance,
) -> dict[str, Any]:
    """Return everything that a report shows, as values that ``json.dumps`` takes (no NaN, no infinity)."""
    return {
        "title": TITLE,
        "synthetic": True,
        "renderer": RENDERER,
        "method": METHOD,
        "judge": provenance.judge,
        "base_pictures": provenance.bases,
        "warnings": list(provenance.warnings),
        "seed": study.seed,
        "bases": _bases(study.clean),
        "classes": {
            kind: summarise_class(study, kind, grid, models.get(kind), faults.get(kind, ""))
            for kind, grid in study.plan.items()
        },
        "hairlines": _hairlines(hairlines) if hairlines is not None else None,
        "real": [_comparison(one) for one in comparisons],
    }


def _bases(clean: Sequence[CleanResult]) -> dict[str, Any]:
    judged = [result for result in clean if not result.fault]
    calls = [result for result in judged if not result.accepted]
    groups = sorted({result.group for result in judged})
    return {
        "given": len(clean),
        "groups": len({result.group for result in clean}),
        "groups_accepted": len({result.group for result in judged if result.accepted}),
        "failed": [{"name": result.name, "reason": result.fault} for result in clean if result.fault],
        "accepted": len(judged) - len(calls),
        "left_out_not_accepted": [result.name for result in calls],
        "false_calls": {
            **share_of(len(calls), len(judged)),
            "per_group": {
                group: {
                    "count": sum(result.group == group for result in calls),
                    "n": sum(result.group == group for result in judged),
                }
                for group in groups
            },
        },
    }


def _hairlines(study: HairlineStudy) -> dict[str, Any]:
    return {
        "false_calls": share_of(study.false_calls, study.clean),
        "rows": [
            {
                "contrast": row.contrast,
                "contrast_measured": row.measured,
                **share_of(row.hits, row.implants),
                "located_hits": row.located,
                "auroc": row.auroc,
                "width_px": row.width,
                "length_px": row.length,
                "left_out": row.left_out,
            }
            for row in study.rows
        ],
    }


def _comparison(one: ClassComparison) -> dict[str, Any]:
    return {
        "class": one.kind,
        "real": one.real,
        "outside_sizes": one.outside_sizes,
        "outside_contrasts": one.outside_contrasts,
        **share_of(one.hits, one.overlapping),
        "expected": one.expected,
        "expected_ci95": list(one.expected_interval) if one.expected_interval else None,
        "agrees": one.agrees,
        "note": one.note,
    }
