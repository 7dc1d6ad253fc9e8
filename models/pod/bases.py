"""The good pictures that implants are drawn on, and what each of them gives without one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Decision
from models.errors import ModelError
from models.pod.errors import StudyError
from models.pod.judging import Judge, judged
from models.pod.placement import Region, checked

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """A good picture of a part that no training saw.

    ``group`` names the physical part (or what else its pictures have in common); ``load`` returns the picture, height
    x width x 3 (BGR) or grey, uint8, and raises :class:`ModelError` where it cannot; ``region`` is where the part's
    face is: bool mask, box, or None for the smooth face.
    """

    name: str
    group: str
    load: Callable[[], NDArray[np.uint8]]
    region: Region = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanResult:
    """What a base gave without an implant; ``fault`` says why there is no score. ``diagonal`` in px, 0 if unread."""

    name: str
    group: str
    decision: Decision
    score: float | None
    diagonal: float
    fault: str = ""

    @property
    def accepted(self) -> bool:
        """Whether an implant on this base can tell anything by its verdict."""
        return self.decision is Decision.ACCEPT and not self.fault


def judge_clean(bases: Sequence[Base], judge: Judge, progress: Progress | None = None) -> tuple[CleanResult, ...]:
    """Judge every base without an implant; one that cannot be read or judged gets a fault.

    Raises:
        StudyError: There is no base, or two share a name.
    """
    if not bases:
        raise StudyError("a study needs good base pictures of parts that training never saw; none was given")
    if len({base.name for base in bases}) != len(bases):
        raise StudyError("two base pictures share a name; names must be unique")
    results: list[CleanResult] = []
    for base in bases:
        tell(progress, "clean base pictures", len(results), len(bases))
        results.append(_clean(base, judge))
    tell(progress, "clean base pictures", len(bases), len(bases))
    return tuple(results)


def in_turns(bases: Sequence[Base]) -> list[Base]:
    """Return the bases with their groups in turn, so that a part with few pictures carries as much as its turn allows.

    A group with fewer pictures is gone through again until the largest is through: each group gets the same share.
    """
    groups: dict[str, list[Base]] = {}
    for base in bases:
        groups.setdefault(base.group, []).append(base)
    rounds = max((len(members) for members in groups.values()), default=0)
    return [members[turn % len(members)] for turn in range(rounds) for members in groups.values()]


def tell(progress: Progress | None, what: str, done: int, whole: int) -> None:
    """Report progress to whoever listens."""
    if progress is not None:
        progress(what, done, whole)


def _clean(base: Base, judge: Judge) -> CleanResult:
    try:
        picture = checked(base.load())
    except ModelError as error:
        return CleanResult(
            name=base.name,
            group=base.group,
            decision=Decision.CANNOT_JUDGE,
            score=None,
            diagonal=0.0,
            fault=f"it cannot be read: {error}",
        )
    verdict = judged(judge, picture)
    return CleanResult(
        name=base.name,
        group=base.group,
        decision=verdict.decision,
        score=verdict.score,
        diagonal=float(np.hypot(*picture.shape[:2])),
        fault=verdict.fault,
    )
