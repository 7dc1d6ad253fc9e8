"""An audit as plain values for ``metrics.json`` and ``evaluate --json``."""

from collections.abc import Mapping
from typing import Any

from models.audit.audit import Audit
from models.audit.classical import ClassicalResult
from models.audit.expected import ExpectedRisk
from models.audit.incumbent import CONFIDENCE, Comparison, PairedRate
from models.audit.people import Judge, PeopleResult
from models.audit.prior import PER, AtPrior, Expected
from models.audit.reliability import Reliability
from models.audit.repeat import BAND, Repeatability
from models.audit.subject import SubjectView
from models.audit.worst import WorstCases
from models.evaluation import RATE_NAMES, Rate, join_parts, rate

_DIFFERENCE = "the bundle's share less the incumbent's"


def figures(audit: Audit) -> dict[str, Any]:
    """Return the evaluation's object with one key appended, ``audit``; JSON-ready, no value is infinite or NaN."""
    subject = audit.subject
    return {
        **audit.evaluation,
        "audit": {
            "bundle": subject.bundle,
            "product": subject.product,
            "data": subject.data,
            "judged": subject.judged,
            "views": [_view(one) for one in subject.views],
            "trained_on": subject.trained_on or bool(subject.trained_files),
            "trained_files": subject.trained_files,
            "chose_limits": subject.chose_limits,
            "commissioned_files": subject.commissioned_files,
            "trust": audit.answer.trust.value,
            "reasons": [{"weight": one.weight.value, "text": one.text} for one in audit.answer.reasons],
            "risk_claim": _claim(audit),
            "parts_needed": subject.parts_needed,
            "auroc_group_bootstrap95": audit.auroc_interval,
            "per_group": [
                {
                    "group": row.name,
                    "escape": _rate(row.escape),
                    "overkill": _rate(row.overkill),
                    "abstention": _rate(row.abstention),
                    "auroc": row.auroc,
                }
                for row in audit.groups
            ],
            "per_class": [
                {
                    "class": row.name,
                    "escape": _rate(row.escape),
                    "catch": _rate(row.catch),
                    "abstention": _rate(row.abstention),
                    "boxes_found": _rate(row.boxes) if row.boxes else None,
                }
                for row in audit.classes
            ],
            "reliability": _reliability(audit.reliability) if audit.reliability else None,
            "prior": {"stated": subject.prior, "at": [_at(one) for one in audit.priors]},
            "expected_risk": _expected_risk(audit.expected),
            "classical": _classical(audit.classical),
            "incumbent": _comparison(audit.comparison) if audit.comparison else None,
            "people": _people(audit.people) if audit.people else None,
            "repeatability": {one.source: _repeats(one) for one in audit.repeats},
            "escapes": _worst(audit.escapes),
            "overkills": _worst(audit.overkills),
        },
    }


def _view(one: SubjectView) -> dict[str, Any]:
    return {
        "view": one.name,
        "bundle": one.bundle,
        "accept_below": one.limits.accept_below,
        "reject_above": one.limits.reject_above,
        "bundle_accept_below": one.bundle_limits.accept_below,
        "bundle_reject_above": one.bundle_limits.reject_above,
        "roi": one.roi,
        "commissioned": one.commissioned,
        "catalogue": one.catalogue,
        "catalogue_accepts": one.excuses,
    }


def _rate(one: Rate) -> dict[str, Any]:
    return {"value": one.value, "count": one.count, "n": one.n, "ci95": one.interval}


def _claim(audit: Audit) -> dict[str, Any] | None:
    claim = audit.subject.claim
    if claim is None:
        return None
    return {
        "escape_upper": claim.escape_upper,
        "confidence": claim.confidence,
        "defective_parts": claim.defective_parts,
    }


def _reliability(found: Reliability) -> dict[str, Any]:
    return {
        "expected_calibration_error": found.expected_error,
        "pictures": found.pictures,
        "restated_to": found.share,
        "bins": [
            {"low": one.low, "mean": one.mean, "high": one.high, "defective": _rate(one.defective)}
            for one in found.bins
        ],
    }


def _at(found: AtPrior) -> dict[str, Any]:
    return {
        "prior": found.prior,
        "accept_below": found.accept_below,
        "reject_above": found.reject_above,
        "per_parts": PER,
        "escapes": _expected(found.escapes),
        "overkills": _expected(found.overkills),
        "abstentions": _expected(found.abstentions),
        "defective_among_accepted": found.shipped_defective,
        "defective_among_accepted_interval": found.shipped_interval,
    }


def _expected_risk(found: ExpectedRisk | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"reason": found}
    limit = found.conformal
    return {
        "reason": None,
        "alpha": limit.alpha,
        "independent_defective_parts": limit.parts,
        "rank": limit.rank,
        "accept_below": limit.score,
        "parts_missing": limit.parts_missing,
        "accept_below_in_force": found.accept_below,
    }


def _expected(found: Expected | None) -> dict[str, Any] | None:
    return None if found is None else {"count": found.count, "interval": found.interval}


def _classical(found: ClassicalResult) -> dict[str, Any]:
    parts = join_parts(found.images)
    return {
        "reason": found.reason,
        "rates": {name: _rate(rate(name, parts)) for name in RATE_NAMES},
        "settings": [{"setting": str(setting), "folds": folds} for setting, folds in found.settings],
        "untuned_pictures": found.untuned,
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "bundle": found.incumbent,
        "releasable": found.releasable,
        "finding": found.finding,
        "margin": found.margin,
        "confidence": CONFIDENCE,
        "escape_difference_upper": found.upper,
        "judge_alike": found.alike,
        "defective_parts_left_out": found.left_out,
        "difference": _DIFFERENCE,
        "escapes": _paired(found.escapes),
        "overkills": _paired(found.overkills),
    }


def _paired(found: PairedRate) -> dict[str, Any]:
    return {
        "both": found.counts.both,
        "bundle_only": found.counts.first_only,
        "incumbent_only": found.counts.second_only,
        "neither": found.counts.neither,
        "difference": found.counts.difference,
        "difference_ci95": found.interval,
        "mcnemar_exact_p": found.p_value,
    }


def _people(found: PeopleResult) -> dict[str, Any]:
    return {
        "consensus_pictures": found.consensus,
        "ties": found.ties,
        "judged_by_one": found.alone,
        "fleiss_kappa": found.kappa,
        "judged_by_all": found.common,
        "people": [_judge(one) for one in found.people],
        "bundle": _judge(found.bundle),
        "pairs": [
            {"people": [one.first, one.second], "agreement": _rate(one.agreeing), "cohen_kappa": one.kappa}
            for one in found.pairs
        ],
    }


def _judge(found: Judge) -> Mapping[str, Any]:
    return {
        "name": found.name,
        "pictures": found.judged,
        "escape": _rate(found.escape),
        "overkill": _rate(found.overkill),
        "escape_against_annotations": _rate(found.true_escape),
        "overkill_against_annotations": _rate(found.true_overkill),
    }


def _repeats(found: Repeatability) -> dict[str, Any]:
    return {
        "shots": found.shots,
        "flips": _rate(found.flips),
        "accept_and_reject": _rate(found.accept_reject),
        "defective_accepted_in_some_shots": _rate(found.hidden_escapes),
        "band": BAND,
        "flips_near_a_limit": _rate(found.near_flips),
        "spread_median": found.spread_median,
        "spread_p95": found.spread_p95,
        "flipped": list(found.flipped),
    }


def _worst(found: WorstCases) -> dict[str, Any]:
    return {"count": found.count, "title": found.title, "files": [image.entry.file for image in found.pictures]}
