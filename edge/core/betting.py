"""Evidence that may be looked at any time: wealth won by betting against a hypothesis, on the standard library alone.

The hypothesis says that a gain is at most 0 on the average, given all that was before it. Whoever bets a fixed fraction
of their wealth on each outcome then makes nothing on the average, and the chance that their wealth ever reaches 1/alpha
is at most alpha (Ville's inequality, 1939), however often one looks and whenever one stops. The wealth is an e-value:
Shafer, "Testing by betting", JRSS A 184 (2021), 407-431; Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and
safe anytime-valid inference", Statistical Science 38 (2023), 576-601; Grünwald, de Heide, Koolen, "Safe testing",
JRSS B 86 (2024), 1091-1128. For bets on bounded outcomes: Waudby-Smith, Ramdas, JRSS B 86 (2024), 1-27.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from edge.core.statistics import Interval

FRACTIONS: Final = (0.0125, 0.025, *((2 * step + 1) / 20 for step in range(10)))
"""What the bets stake, as shares of the largest stake that cannot ruin; wealth starts in equal parts on all of them."""

_BISECTIONS: Final = 60
_CAP: Final = 700.0
"""The largest power of e that is printed as a number."""


def log_wealth(outcomes: Sequence[tuple[float, int]]) -> float:
    """Return the natural logarithm of the e-value against "the expected gain is at most 0"; 0 without outcomes.

    The average over ``FRACTIONS`` of the products of ``1 + stake * gain``. It depends on how often each outcome came,
    never on their order.

    Args:
        outcomes: Each possible gain, and how often it came; also those that never came, as the largest loss limits the
            stakes.

    Raises:
        ValueError: A count is negative, or no gain is below 0 (there would be nothing to lose).
    """
    loss = -min((gain for gain, _ in outcomes), default=0.0)
    if loss <= 0.0:
        raise ValueError("a bet needs an outcome that loses")
    if any(count < 0 for _, count in outcomes):
        raise ValueError(f"outcomes cannot have come less than 0 times: {outcomes}")
    logs = [math.fsum(count * math.log1p(fraction / loss * gain) for gain, count in outcomes) for fraction in FRACTIONS]
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(one - largest) for one in logs) / len(logs))


def threshold(alpha: float) -> float:
    """Return the logarithm of the wealth 1/alpha at which the hypothesis is rejected.

    Raises:
        ValueError: ``alpha`` is not between 0 and 1.
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    return -math.log(alpha)


def e_value(log_e: float) -> float:
    """Return the e-value itself, finite also where it is beyond any float."""
    return math.exp(min(log_e, _CAP))


def rate_interval(hits: int, parts: int, alpha: float = 0.05) -> Interval:
    """Return an interval that holds a constant rate at all times together with a chance of at least ``1 - alpha``.

    All rates against which the Beta(1/2, 1/2) mixture has not won 1/alpha: Robbins, Annals of Mathematical Statistics
    41 (1970), 1397-1409. Wider than Clopper and Pearson's, which holds for one look alone.

    Raises:
        ValueError: Hits are negative or exceed the parts, or ``alpha`` is not between 0 and 1.
    """
    if not 0 <= hits <= parts:
        raise ValueError(f"hits ({hits}) must lie between 0 and parts ({parts})")
    limit = threshold(alpha)
    misses = parts - hits
    mixture = _log_beta(hits + 0.5, misses + 0.5) - _log_beta(0.5, 0.5)

    def kept(rate: float) -> bool:
        return mixture - _times_log(hits, rate) - _times_log(misses, 1.0 - rate) < limit

    middle = hits / parts if parts else 0.5
    return _edge(kept, middle, 0.0), _edge(kept, middle, 1.0)


def _edge(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the end of the kept rates between one that is kept and an end of the scale."""
    if kept(outside):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2.0
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return outside


def _log_beta(alpha: float, beta: float) -> float:
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)


def _times_log(count: int, value: float) -> float:
    if not count:
        return 0.0
    return count * math.log(value) if value > 0.0 else -math.inf
