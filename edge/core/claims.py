"""Limits with a claim that holds: order statistics of the scores of independent parts.

Every function here takes one score for each independent part, never one for each picture (:func:`worst_of_groups` makes
the former of the latter). Its promise needs exchangeable parts: those of the line must come from where these came from
(same product, lamp, supplier), and nothing that the judge was trained or chosen on may be among them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from edge.core.statistics import beta_share

CONFIDENCE: Final = 0.95

_PARTS_MAX: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RankLimit:
    """A limit that is one of the parts' own scores, and what may be said of it.

    ``score`` is that of the part of this ``rank`` among ``parts`` (from the lowest for accepting, from the highest for
    rejecting), None with rank 0: too few parts, nothing may be claimed, ``parts_missing`` more are needed. Otherwise:
    with ``confidence`` the rate of the error is at most ``alpha``; where ``confidence`` is None, its expectation is.
    """

    score: float | None
    rank: int
    parts: int
    alpha: float
    confidence: float | None
    parts_missing: int

    @property
    def claimed(self) -> bool:
        """Whether there is a limit that carries the claim."""
        return self.score is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedLimits:
    """Accept strictly below the one limit, reject strictly above the other, and cannot-judge between them.

    ``escape`` is what defective parts support (escapes at most its ``alpha``), ``overkill`` what good parts support.
    Where both stand and cross, accepting uses the lower and rejecting the higher score, so that ``accept_below`` never
    exceeds ``reject_above``; each moves to the stricter side, hence both claims stay. None where there is no claim: a
    limit that is then taken from elsewhere has to keep the order, by lowering accept or raising reject.
    """

    accept_below: float | None
    reject_above: float | None
    escape: RankLimit
    overkill: RankLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScores:
    """One score for each part that has one of a kind; None where none of its pictures has a score."""

    defective: tuple[float | None, ...]
    good: tuple[float | None, ...]


def accept_rank(parts: int, alpha: float, confidence: float = CONFIDENCE) -> int:
    """Return the largest k for which the k-th smallest of the parts' scores is a limit with a claim; 0 where none is.

    The share of defective parts that score strictly below the k-th smallest of n is stochastically at most
    Beta(k, n - k + 1), with ties too (Wilks 1941); k is the largest rank whose ``confidence`` quantile is at most
    ``alpha``. It is 1 from 59, 149, 299 parts on for 5, 2, 1 %.

    Raises:
        ValueError: ``parts`` is negative, or ``alpha`` or ``confidence`` is not between 0 and 1.
    """
    _check_shares(alpha, confidence)
    if parts < 0:
        raise ValueError(f"the number of parts cannot be negative ({parts})")
    # The chance falls as the rank grows: the last rank that passes is found by halving.
    low, high = 0, parts
    while low < high:
        middle = (low + high + 1) // 2
        if beta_share(alpha, middle, parts - middle + 1) >= confidence:
            low = middle
        else:
            high = middle - 1
    return low


def parts_needed(alpha: float, confidence: float = CONFIDENCE, rank: int = 1) -> int:
    """Return the fewest parts with which :func:`accept_rank` is at least ``rank``.

    Raises:
        ValueError: ``rank`` is below 1, a share is not between 0 and 1, or more than ten million parts are needed.
    """
    _check_shares(alpha, confidence)
    if rank < 1:
        raise ValueError(f"the rank must be at least 1, not {rank}")
    return _fewest(lambda parts: accept_rank(parts, alpha, confidence) >= rank, rank)


def claimed_limits(
    defective: Sequence[float | None],
    good: Sequence[float | None],
    *,
    escape_alpha: float,
    overkill_alpha: float,
    confidence: float = CONFIDENCE,
) -> ClaimedLimits:
    """Return limits with one claim each: on escapes from defective parts, on overkill from good ones.

    Accept is below the k-th smallest score of the defective parts, reject above the k-th largest of the good ones, k as
    in :func:`accept_rank` for each side. Each claim holds with ``confidence`` by itself; both together with at least
    ``2 * confidence - 1`` (Bonferroni).

    A part without a score (None) can be neither accepted nor rejected on the line. It is left out: the claim rests on
    the parts with a score, is never laxer for it, and covers the others as well.

    Args:
        defective: One score for each independent defective part; higher is worse.
        good: One score for each independent good part.
        escape_alpha: Largest share of defective parts that may be accepted, between 0 and 1.
        overkill_alpha: Largest share of good parts that may be rejected, between 0 and 1.
        confidence: Between 0 and 1.

    Raises:
        ValueError: A score is not finite, a share is not between 0 and 1, or as :func:`parts_needed`.
    """
    escape = _limit(_checked(defective, "defective"), alpha=escape_alpha, confidence=confidence)
    mirrored = [None if score is None else -score for score in _checked(good, "good")]
    overkill = _mirrored(_limit(mirrored, alpha=overkill_alpha, confidence=confidence))
    accept_below, reject_above = escape.score, overkill.score
    if accept_below is not None and reject_above is not None:
        accept_below, reject_above = min(accept_below, reject_above), max(accept_below, reject_above)
    return ClaimedLimits(accept_below=accept_below, reject_above=reject_above, escape=escape, overkill=overkill)


def conformal_risk_limit(defective: Sequence[float | None], *, alpha: float) -> RankLimit:
    """Return the accept limit whose expected escape rate is at most ``alpha``: conformal risk control.

    Angelopoulos, Bates, Fisch, Lei, Schuster, "Conformal Risk Control", arXiv 2208.02814, theorem 1, with the loss
    "accepted" (0 or 1) of a defective part: the largest limit with (accepted + 1) / (n + 1) <= alpha, which is the k-th
    smallest score, k = floor(alpha * (n + 1)). The mean is over the draw of these parts and the next one; for the parts
    at hand the rate may well be higher, so that this stands beside :func:`claimed_limits` and never for it.

    Args:
        defective: One score for each independent defective part; higher is worse. None as in :func:`claimed_limits`.
        alpha: Largest expected share of defective parts accepted, between 0 and 1.

    Raises:
        ValueError: A score is not finite, or ``alpha`` is not between 0 and 1.
    """
    _check_shares(alpha)
    scores = _checked(defective, "defective")
    # The decimal that was written: 0.29 as a binary float lies below 0.29, and 0.29 * 100 would round down to 28.
    share = Fraction(str(alpha))
    parts = sum(score is not None for score in scores)
    rank = math.floor(share * (parts + 1))
    missing = 0 if rank else math.ceil(1 / share) - 1 - parts
    return _at_rank(scores, rank, parts=parts, alpha=alpha, confidence=None, missing=missing)


def worst_of_groups(pictures: Iterable[tuple[str, bool, float | None]]) -> PartScores:
    """Return one score for each part from the scores of its pictures.

    The line judges a part from one picture, so that several pictures of one part are repeated judgements, and the part
    is in error if any of them is. A defective part therefore has the lowest score of its defective pictures (it escapes
    if any would be accepted), a good part the highest of its good ones. A group with pictures of both kinds (before and
    after the damage, or one side of it each) gives one of each. Pictures without a score err in neither way: they
    decide only where a part has no others, and the part then has no score.

    Where a part is judged from several views at once, the worst view decides, and the score of one such judgement is
    the highest of its views: join them first. Views taken for repeated judgements give limits that are stricter than
    need be on escapes, never laxer.

    Args:
        pictures: Group (the independent part), whether defective, and score of each picture; higher is worse.
    """
    defective: dict[str, float | None] = {}
    good: dict[str, float | None] = {}
    for group, is_defective, score in pictures:
        parts, worse = (defective, min) if is_defective else (good, max)
        known = parts.get(group)
        if known is None or score is None:
            parts[group] = score if known is None else known
        else:
            parts[group] = worse(known, score)
    return PartScores(defective=tuple(defective.values()), good=tuple(good.values()))


def _limit(scores: Sequence[float | None], *, alpha: float, confidence: float) -> RankLimit:
    parts = sum(score is not None for score in scores)
    rank = accept_rank(parts, alpha, confidence)
    missing = 0 if rank else parts_needed(alpha, confidence) - parts
    return _at_rank(scores, rank, parts=parts, alpha=alpha, confidence=confidence, missing=missing)


def _at_rank(
    scores: Sequence[float | None], rank: int, *, parts: int, alpha: float, confidence: float | None, missing: int
) -> RankLimit:
    known = sorted(score for score in scores if score is not None)
    rank = min(rank, len(known))
    return RankLimit(
        score=known[rank - 1] if rank else None,
        rank=rank,
        parts=parts,
        alpha=alpha,
        confidence=confidence,
        # Where parts are enough but not one has a score, one with a score is missing.
        parts_missing=0 if rank else max(missing, 1),
    )


def _mirrored(limit: RankLimit) -> RankLimit:
    return RankLimit(
        score=None if limit.score is None else -limit.score,
        rank=limit.rank,
        parts=limit.parts,
        alpha=limit.alpha,
        confidence=limit.confidence,
        parts_missing=limit.parts_missing,
    )


def _checked(scores: Sequence[float | None], kind: str) -> Sequence[float | None]:
    for place, score in enumerate(scores):
        if score is not None and not math.isfinite(score):
            raise ValueError(
                f"the score of {kind} part {place} is {score}: a limit needs finite scores; "
                "give None for a part that has none"
            )
    return scores


def _check_shares(*shares: float) -> None:
    for share in shares:
        if not 0.0 < share < 1.0:
            raise ValueError(f"alpha and confidence must lie between 0 and 1, not {share}")


def _fewest(enough: Callable[[int], bool], low: int) -> int:
    """Return the smallest count for which ``enough`` holds, which then holds for all larger ones."""
    high = low
    while not enough(high):
        low, high = high + 1, 2 * high
        if high > _PARTS_MAX:
            raise ValueError(f"more than {_PARTS_MAX} parts would be needed: raise alpha or lower the confidence")
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low
