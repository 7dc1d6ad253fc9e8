"""How many labelled parts the paired evidence needs, and how long that takes at the present rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core.paired import PairedCounts
from edge.core.paired_evidence import ErrorKind, EvidenceRule, PairedEvidence, log_against, log_not_worse
from edge.core.statistics import beta_share

POWER: Final = 0.995
WORSE_BY: Final = 0.05

_PARTS_MAX: Final = 1_000_000
_SPREAD: Final = 6.0
"""Numbers of differing pairs further off than so many standard deviations are left out, as if they never sufficed."""

_ASSUMED: Final = (1, 20)
"""Before any pair is known, the incumbent alone errs on one part in twenty; this weighs as much as twenty parts."""

_HOURS_PER_DAY: Final = 24
_DAYS_PER_WEEK: Final = 7
_FEW_DAYS: Final = 2.0
_FEW_WEEKS: Final = 3.0
_LONG_DAYS: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When a candidate that is worse by ``worse_by`` in one error will have been stopped.

    ``needed`` counts labelled parts of the error's kind from the beginning; within them such a candidate is stopped
    with a chance of at least ``power``. ``remaining`` are still to come; ``days`` is None where none come.
    """

    error: ErrorKind
    worse_by: float
    power: float
    needed: int
    remaining: int
    per_day: float
    days: float | None

    @property
    def in_words(self) -> str:
        """The forecast as a sentence's part, such as "about 3 days at this rate"."""
        if self.days is None:
            return f"{self.remaining} more labelled {self.error.kind} parts; none come at present"
        if not self.remaining:
            return "enough labelled parts have come"
        return f"{duration_in_words(self.days)} at this rate"


def labelled_parts_needed(
    *, worse_by: float, incumbent_only: float, rule: EvidenceRule | None = None, power: float = POWER
) -> int:
    """Return within how many labelled parts a candidate that is so much worse has been stopped.

    Of the parts where the error may befall (defective for escapes, good for overkill) the incumbent alone errs on a
    share of ``incumbent_only``, the candidate alone on ``incumbent_only + worse_by``. The number is such that the
    evidence suffices at that very part with a chance of at least ``power``; as it may have sufficed before, the chance
    of a stop by then is higher still.

    Raises:
        ValueError: The shares are none, ``power`` is not between 0 and 1, or more than a million parts are needed.
    """
    chosen = rule or EvidenceRule()
    if not 0.0 < worse_by <= 1.0 or incumbent_only < 0.0 or worse_by + 2.0 * incumbent_only > 1.0:
        raise ValueError(
            f"worse_by ({worse_by}) must be above 0, incumbent_only ({incumbent_only}) at least 0, and "
            "worse_by + 2 * incumbent_only at most 1"
        )

    def enough(errors: int, differing: int, _: int) -> bool:
        return log_against(_counts(errors, differing - errors, 0)) >= chosen.log_stop

    return _fewest(worse_by + incumbent_only, incumbent_only, enough, power)


def parts_to_promote(*, each_only: float, rule: EvidenceRule | None = None, power: float = 0.9) -> int:
    """Return within how many parts an equal candidate is shown not to be worse by the margin, for one error.

    ``each_only`` is the share of parts on which incumbent alone errs, and candidate alone as well.

    Raises:
        ValueError: The share is not 0 to 0.5, ``power`` not between 0 and 1, or more than a million parts are needed.
    """
    chosen = rule or EvidenceRule()
    if not 0.0 <= 2.0 * each_only <= 1.0:
        raise ValueError(f"each_only must lie between 0 and 0.5, not {each_only}")

    def enough(saved: int, differing: int, parts: int) -> bool:
        counts = _counts(differing - saved, saved, parts - differing)
        return log_not_worse(counts, chosen.margin) >= chosen.log_promotion

    return _fewest(each_only, each_only, enough, power)


def forecast(
    evidence: PairedEvidence,
    error: ErrorKind,
    *,
    per_day: float,
    rule: EvidenceRule | None = None,
    worse_by: float = WORSE_BY,
    power: float = POWER,
) -> Forecast:
    """Return when a candidate that is worse by ``worse_by`` in one error will have been stopped.

    How often the incumbent alone errs is taken from the pairs so far, together with one part in twenty assumed. The
    sum takes up to a second: ask for it when a person does, not with every part.

    Args:
        evidence: The pairs so far.
        error: Which; the parts are those of its kind.
        per_day: Labelled parts of that kind that come each day at present.
        rule: When evidence is enough.
        worse_by: The difference to be found, as a share of the parts.
        power: Chance with which it will have been found.

    Raises:
        ValueError: As :func:`labelled_parts_needed`, or ``per_day`` is negative.
    """
    if per_day < 0.0:
        raise ValueError(f"parts per day cannot be negative ({per_day})")
    counts = evidence.counts(error)
    alone, parts = _ASSUMED
    share = (counts.second_only + alone) / (counts.total + parts)
    needed = labelled_parts_needed(
        worse_by=worse_by, incumbent_only=min(share, (1.0 - worse_by) / 2.0), rule=rule, power=power
    )
    remaining = max(0, needed - counts.total)
    return Forecast(
        error=error,
        worse_by=worse_by,
        power=power,
        needed=needed,
        remaining=remaining,
        per_day=per_day,
        days=remaining / per_day if per_day else (None if remaining else 0.0),
    )


def duration_in_words(days: float) -> str:
    """Return a time as people say it: "about 5 hours", "about 3 days", "about 4 weeks", "more than 3 months".

    Raises:
        ValueError: The time is negative.
    """
    if days < 0.0:
        raise ValueError(f"a duration cannot be negative ({days} days)")
    if days > _LONG_DAYS:
        return "more than 3 months"
    if days < _FEW_DAYS:
        hours = math.ceil(days * _HOURS_PER_DAY)
        return "less than an hour" if hours <= 1 else f"about {hours} hours"
    if days < _FEW_WEEKS * _DAYS_PER_WEEK:
        return f"about {math.ceil(days)} days"
    return f"about {math.ceil(days / _DAYS_PER_WEEK)} weeks"


def _counts(first_only: int, second_only: int, neither: int) -> PairedCounts:
    return PairedCounts(both=0, first_only=first_only, second_only=second_only, neither=neither)


def _fewest(win: float, lose: float, enough: Callable[[int, int, int], bool], power: float) -> int:
    """Return the fewest parts at which ``enough(wins, differing, parts)`` holds with a chance of ``power``.

    A part is a win with the one chance and a loss with the other; ``enough`` holds for all larger numbers of wins too.
    The chance grows with the parts but for small steps; those found are enough.
    """
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie between 0 and 1, not {power}")
    low, high = 1, 64
    while _chance(win, lose, enough, high) < power:
        low, high = high + 1, 2 * high
        if high > _PARTS_MAX:
            raise ValueError(f"more than {_PARTS_MAX} parts would be needed: look for a larger difference")
    while low < high:
        middle = (low + high) // 2
        if _chance(win, lose, enough, middle) >= power:
            high = middle
        else:
            low = middle + 1
    return high


def _chance(win: float, lose: float, enough: Callable[[int, int, int], bool], parts: int) -> float:
    """Return the chance that the wins among so many parts are enough."""
    differ = win + lose
    spread = _SPREAD * math.sqrt(parts * differ * (1.0 - differ)) + _SPREAD
    first = max(0, math.floor(parts * differ - spread))
    last = min(parts, math.ceil(parts * differ + spread))
    wins, total = 0, 0.0
    for differing in range(first, last + 1):
        chance = _binomial(differing, parts, differ)
        # From one number of differing pairs to the next the fewest wins that suffice change by one at most.
        wins = max(0, wins - 1) if differing > first else differing // 2
        while wins > 0 and enough(wins - 1, differing, parts):
            wins -= 1
        while wins <= differing and not enough(wins, differing, parts):
            wins += 1
        total += chance * _at_least(wins, differing, win / differ if differ else 0.0)
    return total


def _binomial(hits: int, trials: int, rate: float) -> float:
    if rate <= 0.0 or rate >= 1.0:
        return float(hits == (0 if rate <= 0.0 else trials))
    ways = math.lgamma(trials + 1) - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1)
    return math.exp(ways + hits * math.log(rate) + (trials - hits) * math.log1p(-rate))


def _at_least(hits: int, trials: int, rate: float) -> float:
    """Return the chance of at least so many hits."""
    if hits <= 0:
        return 1.0
    return 0.0 if hits > trials else beta_share(rate, hits, trials - hits + 1)
