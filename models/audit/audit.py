"""The audit of a bundle: every finding as one frozen value, from judgements to the answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from edge.core.statistics import Interval, group_bootstrap
from edge.core.types import Limits
from models.audit.answer import Answer, Evidence, answer
from models.audit.classical import ClassicalResult
from models.audit.expected import ExpectedRisk, expected_risk
from models.audit.flattered import (
    flattered,
    flattered_class,
    flattered_group,
    flattered_reliability,
    flattered_repeats,
)
from models.audit.incumbent import Comparison
from models.audit.people import Opinion, PeopleResult, compare_people
from models.audit.prior import AtPrior, at_prior
from models.audit.reliability import Reliability, reliability
from models.audit.repeat import Repeatability, Shots, repeatability, repeated_shots
from models.audit.subject import Subject
from models.audit.tables import ClassRow, GroupRow, class_rows, group_rows
from models.audit.worst import WorstCases, worst_escapes, worst_overkills
from models.evaluation import (
    RATE_NAMES,
    InForce,
    JudgedImage,
    MatchedImage,
    Part,
    Rate,
    evaluate_matched,
    join_parts,
    ranking,
    ranking_within_group,
    rate,
)

_NOT_COMPARED: Final = "no classical detector was run"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """Everything that the report shows.

    ``evaluation`` is the object of ``evaluate --json`` (docs/evaluation.md), ``baselines.classical`` included;
    ``auroc_interval`` draws whole groups anew, as its ``group_bootstrap95``. ``priors`` holds the stated prior's
    figures, then those of another one where it was asked for; it is empty where the stated one is 0 or 1. ``expected``
    says in words why there is nothing to expect where that is so. Findings that were not asked for are None or empty.
    """

    subject: Subject
    limits: InForce
    answer: Answer
    evaluation: Mapping[str, Any]
    images: tuple[JudgedImage, ...]
    parts: tuple[Part, ...]
    rates: Mapping[str, Rate]
    auroc_interval: Interval | None
    groups: tuple[GroupRow, ...]
    classes: tuple[ClassRow, ...]
    reliability: Reliability | None
    priors: tuple[AtPrior, ...]
    expected: ExpectedRisk | str
    classical: ClassicalResult
    comparison: Comparison | None
    people: PeopleResult | None
    repeats: tuple[Repeatability, ...]
    escapes: WorstCases
    overkills: WorstCases


def audit_judgements(
    matched: Sequence[MatchedImage],
    limits: InForce,
    subject: Subject,
    *,
    classical: ClassicalResult | None = None,
    comparison: Comparison | None = None,
    opinions: Sequence[Opinion] = (),
    jitter: Sequence[Shots] = (),
    prior: float | None = None,
) -> Audit:
    """Return the audit of judged pictures; nothing is fitted but the classical baseline, and that without its group.

    Args:
        matched: One entry per listed picture, in the order listed (:func:`models.evaluation.match_images`).
        limits: Those in force.
        subject: What is audited, on what.
        classical: The pictures as the classical detector judged them.
        comparison: The bundle against its incumbent.
        opinions: People's verdicts on some of the pictures; two people or more.
        jitter: The views that were judged several times with jitter; real repeats are found among ``matched``.
        prior: Another share of defective parts, above 0 and below 1, to restate counts and limits at.

    Raises:
        ValueError: There is no picture, or ``prior`` is out of range.
    """
    evaluation = evaluate_matched(matched, limits)
    images = tuple(one.image for one in matched)
    parts = join_parts(images)
    rates = {name: rate(name, parts) for name in RATE_NAMES}
    groups, classes, repeats = group_rows(images), class_rows(matched, parts), _repeats(images, jitter, limits)
    calibrated = reliability(images, subject.prior)
    if subject.chose_limits:
        rates = {name: flattered(one) for name, one in rates.items()}
        groups = tuple(flattered_group(row) for row in groups)
        classes = tuple(flattered_class(row) for row in classes)
        repeats = tuple(flattered_repeats(one) for one in repeats)
        calibrated = calibrated and flattered_reliability(calibrated)
    compared = classical or ClassicalResult(reason=_NOT_COMPARED)
    evaluation["baselines"]["classical"] = _baseline(compared)
    interval = _auroc_interval(images)
    return Audit(
        subject=subject,
        limits=limits,
        answer=answer(
            Evidence(
                subject=subject,
                images=images,
                parts=parts,
                auroc=evaluation["auroc"],
                auroc_interval=interval,
                classical=compared,
                comparison=comparison,
                repeats=repeats,
            )
        ),
        evaluation=evaluation,
        images=images,
        parts=tuple(parts),
        rates=rates,
        auroc_interval=interval,
        groups=groups,
        classes=classes,
        reliability=calibrated,
        priors=_at_priors(subject.prior, prior, limits, rates),
        expected=expected_risk(images, parts, limits, subject),
        classical=compared,
        comparison=comparison,
        people=compare_people(opinions, images) if opinions else None,
        repeats=repeats,
        escapes=worst_escapes(images, parts, limits),
        overkills=worst_overkills(images, parts, limits),
    )


def _repeats(images: Sequence[JudgedImage], jitter: Sequence[Shots], limits: InForce) -> tuple[Repeatability, ...]:
    """Return how verdicts repeat: over views that were really shot again, and over jittered copies, where there are."""
    sources: list[tuple[Sequence[Shots], Literal["repeated", "jittered"]]] = [
        (repeated_shots(images), "repeated"),
        (jitter, "jittered"),
    ]
    return tuple(found for shots, source in sources if (found := repeatability(shots, limits, source)))


def _baseline(classical: ClassicalResult) -> dict[str, Any]:
    """Return the baseline in the form of the others, its ranking and the reason where there is none appended."""
    parts = join_parts(classical.images)
    return {
        **{name: rate(name, parts).value for name in RATE_NAMES},
        "auroc": ranking(classical.images),
        "auroc_within_group": ranking_within_group(classical.images),
        "reason": classical.reason,
    }


def _auroc_interval(images: Iterable[JudgedImage]) -> Interval | None:
    groups: dict[str, list[JudgedImage]] = {}
    for image in images:
        if image.entry.group is not None:
            groups.setdefault(image.entry.group, []).append(image)
    return group_bootstrap(groups, ranking)


def _at_priors(
    stated: float | None, wanted: float | None, limits: InForce, rates: Mapping[str, Rate]
) -> tuple[AtPrior, ...]:
    """Return what to expect at the stated prior, then at the wanted one; nothing where there is none to start from."""
    if stated is None or not 0.0 < stated < 1.0:
        return ()
    return tuple(
        at_prior(
            prior,
            stated=stated,
            limits=limits if isinstance(limits, Limits) else None,
            escape=rates["escape"],
            overkill=rates["overkill"],
            abstention_bad=rates["abstention_bad"],
            abstention_good=rates["abstention_good"],
            not_accepted_good=rates["not_accepted_good"],
        )
        for prior in (stated, wanted)
        if prior is not None
    )
