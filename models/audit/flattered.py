"""Rates of pictures that chose the limits which judge them: counts, and no interval, as no binomial bound holds."""

from dataclasses import dataclass, replace

from edge.core.statistics import Interval
from models.audit.reliability import Reliability
from models.audit.repeat import Repeatability
from models.audit.tables import ClassRow, GroupRow
from models.evaluation import Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatteredRate(Rate):
    """A rate under limits that these parts chose."""

    @property
    def interval(self) -> Interval | None:
        """None: a Clopper-Pearson interval is of parts that chose nothing."""
        return None


def flattered(rate: Rate) -> Rate:
    """Return a rate without its interval."""
    return FlatteredRate(count=rate.count, n=rate.n)


def flattered_group(row: GroupRow) -> GroupRow:
    """Return a group's row without intervals."""
    return replace(
        row, escape=flattered(row.escape), overkill=flattered(row.overkill), abstention=flattered(row.abstention)
    )


def flattered_class(row: ClassRow) -> ClassRow:
    """Return a class's row without intervals; boxes are found by limits as well."""
    return replace(
        row,
        escape=flattered(row.escape),
        catch=flattered(row.catch),
        abstention=flattered(row.abstention),
        boxes=flattered(row.boxes) if row.boxes else None,
    )


def flattered_reliability(found: Reliability) -> Reliability:
    """Return the reliability without intervals: these scores set the probabilities."""
    return replace(found, bins=tuple(replace(one, defective=flattered(one.defective)) for one in found.bins))


def flattered_repeats(found: Repeatability) -> Repeatability:
    """Return the repeatability without intervals."""
    return replace(
        found,
        flips=flattered(found.flips),
        accept_reject=flattered(found.accept_reject),
        hidden_escapes=flattered(found.hidden_escapes),
        near_flips=flattered(found.near_flips),
    )
