"""Numbers as people read them."""

from edge.core.statistics import Interval
from models.evaluation import Rate

_LEAST_SHOWN = 0.0005
NONE = "\N{EN DASH}"


def counted(rate: Rate) -> str:
    """Return ``3 of 68``."""
    return f"{rate.count} of {rate.n}"


def share(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage, or a dash."""
    return NONE if value is None else f"{100.0 * value:.{digits}f} %"


def end_of_share(value: float) -> str:
    """Return a share as a percentage that claims neither 0 nor 100 % where it is not."""
    if 0.0 < value < _LEAST_SHOWN:
        return "under 0.1 %"
    return "over 99.9 %" if 1.0 - _LEAST_SHOWN < value < 1.0 else share(value)


def several(count: int, noun: str) -> str:
    """Return a number with its noun: 1 picture, 2 pictures."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number, or a dash."""
    return NONE if value is None else f"{value:.{digits}f}"


def share_interval(interval: Interval | None) -> str:
    """Return the 95 % interval of a share, in percent."""
    return NONE if interval is None else f"95 % interval {100.0 * interval[0]:.1f} to {100.0 * interval[1]:.1f} %"


def number_interval(interval: Interval | None) -> str:
    """Return the 95 % interval of a number."""
    return NONE if interval is None else f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}"


def bounds(interval: Interval | None) -> str:
    """Return only the ends of a share's interval, in percent."""
    return NONE if interval is None else f"{100.0 * interval[0]:.1f} to {100.0 * interval[1]:.1f} %"


TRAINING_CLAIM = (
    "The scores behind it come from networks that each left the judged group out, in floating point and fitted for "
    "other numbers of steps: the network that ships has seen all those parts, and is taken to be no worse."
)
"""What a claim made in training rests on."""
