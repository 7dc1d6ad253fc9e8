"""What a share of defective parts other than the stated one does to probabilities and to a day's counts."""

from dataclasses import dataclass
from typing import Final

from edge.core.prior import restated_prior
from edge.core.statistics import Interval
from edge.core.types import Limits
from models.evaluation import Rate

PER: Final = 1000
"""Expected counts are for this many parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A count to expect among ``PER`` parts, and what it is with the ends of its rate's interval."""

    count: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPrior:
    """What to expect where ``prior`` of the parts are defective.

    ``accept_below`` and ``reject_above`` are the limits as probabilities at this prior: the verdicts stay the same.
    They are None where views have different ones, the others where the parts at hand lack a verdict or a
    rate has no interval.
    ``shipped_defective`` is the share of defective parts among the accepted ones, None too where none is accepted; its
    interval takes the ends of both rates.
    """

    prior: float
    accept_below: float | None
    reject_above: float | None
    escapes: Expected | None
    overkills: Expected | None
    abstentions: Expected | None
    shipped_defective: float | None
    shipped_interval: Interval | None


def at_prior(
    prior: float,
    *,
    stated: float,
    limits: Limits | None,
    escape: Rate,
    overkill: Rate,
    abstention_bad: Rate,
    abstention_good: Rate,
    not_accepted_good: Rate,
) -> AtPrior:
    """Restate limits and counts at a prior.

    Raises:
        ValueError: A prior is not above 0 and below 1.
    """
    escapes, overkills = _expected(escape, prior), _expected(overkill, 1.0 - prior)
    unsure_bad, unsure_good = _expected(abstention_bad, prior), _expected(abstention_good, 1.0 - prior)
    abstentions = None
    if unsure_bad and unsure_good:
        abstentions = Expected(
            count=unsure_bad.count + unsure_good.count,
            # The ends added: at least as wide as an interval of the sum.
            interval=(
                unsure_bad.interval[0] + unsure_good.interval[0],
                unsure_bad.interval[1] + unsure_good.interval[1],
            ),
        )
    kept = _expected(not_accepted_good, 1.0 - prior)
    shipped = shipped_interval = None
    if escapes and kept:
        good = PER * (1.0 - prior)
        shipped = _share(escapes.count, good - kept.count)
        best = _share(escapes.interval[0], good - kept.interval[0])
        worst = _share(escapes.interval[1], good - kept.interval[1])
        shipped_interval = None if best is None or worst is None else (best, worst)
    return AtPrior(
        prior=prior,
        accept_below=restated_prior(limits.accept_below, stated, prior) if limits else None,
        reject_above=restated_prior(limits.reject_above, stated, prior) if limits else None,
        escapes=escapes,
        overkills=overkills,
        abstentions=abstentions,
        shipped_defective=shipped,
        shipped_interval=shipped_interval,
    )


def _share(defective: float, good: float) -> float | None:
    return defective / (defective + good) if defective + good > 0.0 else None


def _expected(rate: Rate, share: float) -> Expected | None:
    interval = rate.interval
    if interval is None:
        return None
    parts = PER * share
    return Expected(count=parts * rate.count / rate.n, interval=(parts * interval[0], parts * interval[1]))
