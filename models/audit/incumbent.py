"""The bundle and the one that it would replace, on the same parts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from edge.core.paired import PairedCounts, difference_upper, mcnemar_exact, paired_difference, pairs_needed
from edge.core.statistics import Interval, group_bootstrap
from edge.core.types import Decision
from models.audit.wording import share
from models.bundle import Bundle
from models.evaluation import JudgedImage, Part, by_group, join_parts

CONFIDENCE: Final = 0.95
MARGIN: Final = 0.05
"""By how much more escapes, as a share of defective parts, a bundle still counts as not worse than its incumbent."""

_NOT_JUDGING: Final = {"name", "version", "datasets", "parent", "teacher", "tools", "members"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRate:
    """One kind of error of bundle (first) and incumbent (second) on the same parts.

    ``interval`` is the two-sided 95 % one of the difference of the shares (Tango), ``p_value`` McNemar's exact one.
    """

    counts: PairedCounts
    p_value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Bundle against incumbent.

    ``upper`` bounds how many more of the defective parts escape, one-sided at ``CONFIDENCE``: the larger of Tango's
    bound and, with two groups or more, of the bound when whole groups are drawn anew. None without defective parts.
    ``alike`` tells that both judge alike by construction (same network, limits and rules). ``left_out`` counts the
    defective parts that show nothing, as the bundle was trained, or commissioned, on them.
    """

    incumbent: str
    margin: float
    escapes: PairedRate
    overkills: PairedRate
    upper: float | None
    alike: bool
    left_out: int = 0

    @property
    def releasable(self) -> bool:
        """Whether the bundle is shown to be non-inferior on escapes."""
        return self.alike or (self.upper is not None and self.upper <= self.margin)

    @property
    def finding(self) -> str:
        """What the comparison found, and where it refuses, why and what to do."""
        counts = self.escapes.counts
        if self.alike:
            return f"It judges exactly as the incumbent {self.incumbent} does: same network, limits and rules."
        if self.upper is None:
            known = " that it was not made with" if self.left_out else ""
            return (
                f"Nothing shows that it lets no more pass than the incumbent {self.incumbent}: there is no defective "
                f"part{known} to compare them on. Add defective parts{known}."
            )
        seen = (
            f"{counts.first_only} of {counts.total} defective parts escape it but not the incumbent {self.incumbent}, "
            f"{counts.second_only} the other way round; its escape rate may be up to {share(self.upper)} higher "
            f"(95 % confidence; margin {share(self.margin)})"
            + (f"; {self.left_out} more it was made with, which show nothing" if self.left_out else "")
        )
        if self.releasable:
            return f"Not worse than the incumbent on escapes: {seen}."
        needed = pairs_needed(self.margin, CONFIDENCE) - counts.total
        if not counts.first_only and needed > 0:
            return (
                f"Not shown to be as safe as the incumbent: {seen}. Too few defective parts: at least {needed} more "
                "on which the two do not differ are needed. Add them."
            )
        return (
            f"Not as safe as the incumbent: {seen}. Keep the incumbent; look at the pictures of the escapes, and train "
            "with parts like them or lower the accept limit."
        )


def compare_bundles(
    bundle: Sequence[JudgedImage],
    incumbent: Sequence[JudgedImage],
    *,
    label: str,
    alike: bool,
    margin: float,
    known: Collection[str] = (),
) -> Comparison:
    """Compare two judges of the same pictures, part by part.

    Parts with a picture that the new bundle was made with are left out: of these it knows the answers.

    Args:
        bundle: The pictures as the new bundle judged them.
        incumbent: The same pictures in the same order, as the incumbent did.
        label: What to call the incumbent.
        alike: Whether both judge alike by construction (:func:`judge_alike`).
        margin: Above 0 and below 1; see ``MARGIN``.
        known: The files of the pictures that the new bundle was trained or commissioned on.

    Raises:
        ValueError: The pictures are not the same.
    """
    if [image.entry for image in bundle] != [image.entry for image in incumbent]:
        raise ValueError("bundle and incumbent must have judged the same pictures in the same order")
    everything = list(zip(join_parts(bundle), join_parts(incumbent), strict=True))
    pairs = [pair for pair in everything if not any(bundle[place].entry.file in known for place in pair[0].pictures)]
    bad = [pair for pair in pairs if pair[0].bad]
    escapes = _paired(bad, Decision.ACCEPT)
    return Comparison(
        incumbent=label,
        margin=margin,
        escapes=escapes,
        overkills=_paired([pair for pair in pairs if not pair[0].bad], Decision.REJECT),
        upper=_upper(bad, escapes.counts),
        alike=alike,
        left_out=sum(one.bad for one, _ in everything) - len(bad),
    )


def judge_alike(first: Bundle, second: Bundle) -> bool:
    """Tell whether two bundles judge every picture alike: they differ at most in name, history and texts."""
    if first.model != second.model:
        return False
    return first.manifest.model_dump(exclude=_NOT_JUDGING) == second.manifest.model_dump(exclude=_NOT_JUDGING)


def _paired(pairs: Sequence[tuple[Part, Part]], wrong: Decision) -> PairedRate:
    counts = _counts(pairs, wrong)
    return PairedRate(counts=counts, p_value=mcnemar_exact(counts), interval=paired_difference(counts))


def _counts(pairs: Sequence[tuple[Part, Part]], wrong: Decision) -> PairedCounts:
    first = [one.decision is wrong for one, _ in pairs]
    second = [two.decision is wrong for _, two in pairs]
    return PairedCounts(
        both=sum(one and two for one, two in zip(first, second, strict=True)),
        first_only=sum(one and not two for one, two in zip(first, second, strict=True)),
        second_only=sum(two and not one for one, two in zip(first, second, strict=True)),
        neither=sum(not one and not two for one, two in zip(first, second, strict=True)),
    )


def _upper(bad: Sequence[tuple[Part, Part]], counts: PairedCounts) -> float | None:
    upper = difference_upper(counts, CONFIDENCE)
    if upper is None:
        return None
    challengers = {id(first): (first, second) for first, second in bad}
    groups = {
        name: [challengers[id(part)] for part in parts] for name, parts in by_group(one for one, _ in bad).items()
    }
    drawn = group_bootstrap(
        groups, lambda pairs: _counts(pairs, Decision.ACCEPT).difference, confidence=2.0 * CONFIDENCE - 1.0
    )
    return upper if drawn is None else max(upper, drawn[1])
