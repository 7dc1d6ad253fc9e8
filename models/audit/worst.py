"""The pictures that a person should look at first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge.core.types import Decision, Limits
from models.evaluation import InForce, JudgedImage, Part, limits_for

SHOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorstCases:
    """The errors of one kind with the highest regret, or, where there is none, those that came nearest to one.

    ``count`` is how many errors of the kind there are; ``pictures`` holds up to twelve, the worst first, one for each
    part. Regret is how far beyond the limit the score lies; ``nearest`` tells that nothing was wrong.
    """

    kind: Literal["escape", "overkill"]
    count: int
    pictures: tuple[JudgedImage, ...]

    @property
    def nearest(self) -> bool:
        """Whether these are near misses instead of errors."""
        return self.count == 0

    @property
    def title(self) -> str:
        """What the pictures are."""
        if self.nearest:
            article, none = ("an escape", "none escaped") if self.kind == "escape" else ("an overkill", "no overkill")
            return f"Nearest to {article} ({none})"
        if self.count == 1:
            return f"The one {self.kind}"
        shown = len(self.pictures)
        return f"All {shown} {self.kind}s" if shown == self.count else f"The worst {shown} {self.kind}s of {self.count}"


def worst_escapes(images: Sequence[JudgedImage], parts: Sequence[Part], limits: InForce) -> WorstCases:
    """Return the defective parts that were accepted, else those that came nearest to it; the highest regret first.

    Each part is shown by the defective picture of it with the highest regret.
    """
    bad = [part for part in parts if part.bad]
    wrong = [part for part in bad if part.decision is Decision.ACCEPT]
    return WorstCases(
        kind="escape",
        count=len(wrong),
        pictures=_ordered(images, wrong or bad, limits, of_bad=True),
    )


def worst_overkills(images: Sequence[JudgedImage], parts: Sequence[Part], limits: InForce) -> WorstCases:
    """Return the good parts that were rejected, else those that came nearest to it; the highest regret first."""
    good = [part for part in parts if not part.bad]
    wrong = [part for part in good if part.decision is Decision.REJECT]
    return WorstCases(kind="overkill", count=len(wrong), pictures=_ordered(images, wrong or good, limits, of_bad=False))


def regret(image: JudgedImage, limits: Limits) -> float | None:
    """Return how far beyond the limit of the wrong verdict a score lies, negative on its safe side; None without it."""
    if image.score is None:
        return None
    return limits.accept_below - image.score if image.bad else image.score - limits.reject_above


def _ordered(
    images: Sequence[JudgedImage], parts: Sequence[Part], limits: InForce, *, of_bad: bool
) -> tuple[JudgedImage, ...]:
    shown: list[tuple[float, JudgedImage]] = []
    for part in parts:
        scored = [
            (beyond, image)
            for image in (images[place] for place in part.pictures)
            if image.bad == of_bad and (beyond := regret(image, limits_for(limits, image.entry.view))) is not None
        ]
        if scored:
            shown.append(max(scored, key=_first))
    return tuple(image for _, image in sorted(shown, key=_first, reverse=True)[:SHOWN_MAX])


def _first(pair: tuple[float, JudgedImage]) -> float:
    return pair[0]
