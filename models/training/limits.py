"""Accept and reject limits from out-of-fold scores: with a claim where there are parts enough, else provisional."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.core.claims import ClaimedLimits, RankLimit, claimed_limits, conformal_risk_limit, worst_of_groups
from models.bundle.manifest import Calibration, DecisionLimits, RiskClaim
from models.postprocess import probability
from models.training.evidence import ScoredPicture
from models.training.settings import DecisionSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLimits:
    """Limits as raw scores (logits): accept strictly below the one, reject strictly above the other.

    ``claimed`` is what the number of independent parts supports; the limits are its own unless ``provisional``.
    ``expected`` is the accept limit by conformal risk control, which sets nothing; None where groups are not known to
    be independent parts.
    """

    accept: float
    reject: float
    claimed: ClaimedLimits
    expected: RankLimit | None
    provisional: bool


def choose_limits(pictures: Sequence[ScoredPicture], settings: DecisionSettings, *, independent: bool) -> ChosenLimits:
    """Choose limits from scores of pictures that the scoring networks never saw.

    With enough independent parts they are the order statistics that carry the claim; else they are placed by rule of
    thumb: between the highest good and the lowest defective score, nearer to the good ones, as an escape costs more.
    Where groups are not known to be ``independent`` parts of the line, nothing is claimed however many there are.

    Raises:
        ValueError: A good or a defective picture is missing.
    """
    parts = worst_of_groups((one.group, one.defective, one.logit) for one in pictures)
    claimed = claimed_limits(
        parts.defective,
        parts.good,
        escape_alpha=settings.alpha,
        overkill_alpha=settings.alpha,
        confidence=settings.confidence,
    )
    accept, reject = provisional_limits(pictures, settings)
    if independent and claimed.accept_below is not None:
        accept = claimed.accept_below
    if independent and claimed.reject_above is not None:
        reject = claimed.reject_above
    return ChosenLimits(
        accept=min(accept, reject),
        reject=max(accept, reject),
        claimed=claimed,
        expected=conformal_risk_limit(parts.defective, alpha=settings.alpha) if independent else None,
        provisional=not independent or claimed.accept_below is None,
    )


def provisional_limits(pictures: Sequence[ScoredPicture], settings: DecisionSettings) -> tuple[float, float]:
    """Return accept and reject limits (logits) that claim nothing.

    Where the two kinds are apart, they lie at ``accept_share`` and ``reject_share`` of the gap, seen from the good
    side; accept always keeps ``margin`` from the lowest defective score, reject never lies below the highest good one.
    """
    lowest_bad = min(one.logit for one in pictures if one.defective)
    highest_good = max(one.logit for one in pictures if not one.defective)
    gap = max(lowest_bad - highest_good, 0.0)
    accept = min(highest_good + settings.accept_share * gap, lowest_bad - settings.margin)
    return accept, max(accept, highest_good + settings.reject_share * gap)


def decision_limits(chosen: ChosenLimits, calibration: Calibration, settings: DecisionSettings) -> DecisionLimits:
    """Return the limits as the bundle states them: probabilities, and the claim if there is one."""
    claim = (
        None
        if chosen.provisional
        else RiskClaim(
            escape_upper=settings.alpha, confidence=settings.confidence, defective_parts=chosen.claimed.escape.parts
        )
    )
    return DecisionLimits(
        accept_below=probability(chosen.accept, calibration),
        reject_above=probability(chosen.reject, calibration),
        risk_claim=claim,
    )


def nested_counts(
    pictures: Sequence[ScoredPicture],
    folds: Sequence[Sequence[str]],
    settings: DecisionSettings,
    *,
    independent: bool,
) -> Mapping[str, Mapping[str, int]]:
    """Judge each fold's pictures by limits chosen without it, by the same rule, and count verdicts by truth.

    Unlike figures under the final limits, these have not seen the answers themselves. At second hand they have: the
    scores that set a fold's limits come from students that had learnt from that fold. A fold that cannot do without (no
    good or no defective picture outside) counts as cannot-judge.
    """
    counts = {truth: dict.fromkeys(("accept", "reject", "cannot_judge"), 0) for truth in ("bad", "good")}
    for groups in folds:
        others = [picture for picture in pictures if picture.group not in groups]
        if {picture.defective for picture in others} == {True, False}:
            chosen = choose_limits(others, settings, independent=independent)
            accept, reject = chosen.accept, chosen.reject
        else:
            accept, reject = float("-inf"), float("inf")
        for picture in pictures:
            if picture.group in groups:
                above = "reject" if picture.logit > reject else "cannot_judge"
                verdict = "accept" if picture.logit < accept else above
                counts["bad" if picture.defective else "good"][verdict] += 1
    return counts
