"""One implant after the other: drawn on the first base with room for it, measured, judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.core.dataset import LabelledBox
from edge.core.types import Decision
from models.box_matching import match_boxes
from models.errors import ModelError
from models.pod.bases import Base, Progress, tell
from models.pod.implants import Implant, Request, implant
from models.pod.judging import Judge, Judgement, judged
from models.pod.measure import Mask, Measurement, Pixels, measure
from models.pod.placement import allowed_mask
from models.pod.plans import other_sign

_BASES_TRIED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One implant that was judged: what was asked for, what it measures, what it gave.

    ``located``: a predicted box found the implant, by the definition of :func:`models.box_matching.match_boxes`.
    """

    request: Request
    base: str
    group: str
    measured: Measurement
    box: tuple[int, int, int, int]
    decision: Decision
    score: float
    located: bool

    @property
    def hit(self) -> bool:
        """Whether the verdict was other than accept."""
        return self.decision is not Decision.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An implant that was asked for and not judged, and why."""

    request: Request
    base: str
    reason: str


class Desk:
    """Draws and judges implants; remembers the base last used, so that each is read and searched for its face once."""

    def __init__(self, judge: Judge) -> None:
        """Take the judge, its thresholds frozen."""
        self._judge = judge
        self._base: Base | None = None
        self._picture: Pixels = np.zeros((0, 0), np.uint8)
        self._allowed: Mask = np.zeros((0, 0), np.bool_)

    def judge_implant(self, request: Request, bases: Sequence[Base], first: int) -> Trial | LeftOut:
        """Judge an implant on the first of up to 5 bases that has a place for it, with either sign of its contrast.

        ``first`` is the index of the base to begin with. An implant that the judge failed on is left out, not tried
        elsewhere: a failure is no observation, and must not be hidden.
        """
        reason = ""
        for step in range(min(_BASES_TRIED, len(bases))):
            base = bases[(first + step) % len(bases)]
            for signed in (request, other_sign(request)):
                try:
                    drawn = self._drawn(base, signed)
                except ModelError as error:
                    reason = reason or f"{base.name}: {error}"
                    continue
                return self._judged(base, drawn)
        return LeftOut(request=request, base=bases[first].name, reason=reason)

    def _drawn(self, base: Base, request: Request) -> Implant:
        if self._base is not base:
            picture = base.load()
            self._allowed = allowed_mask(picture, base.region)
            self._picture, self._base = picture, base
        return implant(self._picture, request, self._allowed)

    def _judged(self, base: Base, drawn: Implant) -> Trial | LeftOut:
        verdict = judged(self._judge, drawn.picture)
        if verdict.score is None:
            return LeftOut(request=drawn.request, base=base.name, reason=f"{base.name}: {verdict.fault}")
        return Trial(
            request=drawn.request,
            base=base.name,
            group=base.group,
            measured=measure(self._picture, drawn.picture, drawn.mask),
            box=drawn.box,
            decision=verdict.decision,
            score=verdict.score,
            located=_is_located(verdict, drawn),
        )


def judge_in_turns(
    wanted: Sequence[tuple[int, Request]], bases: Sequence[Base], judge: Judge, progress: Progress | None, what: str
) -> list[Trial | LeftOut]:
    """Judge every (rank, request), rank k beginning with base k modulo their number; outcomes in the order given."""
    desk = Desk(judge)
    outcomes: dict[int, Trial | LeftOut] = {}
    # Base by base, so that each picture is read once.
    for index in sorted(range(len(wanted)), key=lambda index: wanted[index][0] % len(bases)):
        tell(progress, what, len(outcomes), len(wanted))
        rank, request = wanted[index]
        outcomes[index] = desk.judge_implant(request, bases, rank % len(bases))
    tell(progress, what, len(wanted), len(wanted))
    return [outcomes[index] for index in range(len(wanted))]


def _is_located(verdict: Judgement, drawn: Implant) -> bool:
    x, y, width, height = drawn.box
    label = LabelledBox(x=x, y=y, width=width, height=height, category=drawn.request.kind)
    return match_boxes(verdict.boxes, [label], drawn.mask).found == 1
