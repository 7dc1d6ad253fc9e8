"""Implants of every class on good base pictures, judged at frozen thresholds.

Which bases count is part of the result. An implant is a hit when its verdict is other than accept; on a base whose
clean picture is not accepted either, that says nothing about the implant. So only bases accepted clean carry implants,
and how many were not is reported as the false-call rate beside the curves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.pod.bases import Base, CleanResult, Progress, in_turns
from models.pod.errors import StudyError
from models.pod.judging import Judge
from models.pod.plans import Plan, default_plan, requests_of
from models.pod.trials import LeftOut, Trial, judge_in_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All that was judged, and all that was left out."""

    seed: int
    plan: Plan
    clean: tuple[CleanResult, ...]
    trials: tuple[Trial, ...]
    left_out: tuple[LeftOut, ...]


def run_implants(
    bases: Sequence[Base],
    clean: Sequence[CleanResult],
    judge: Judge,
    *,
    plan: Plan | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Study:
    """Draw and judge every implant of the plan, on bases accepted clean, the parts in turn.

    Args:
        bases: The base pictures.
        clean: What each of them gave clean (:func:`models.pod.bases.judge_clean`), in the same order.
        judge: The judge, thresholds frozen.
        plan: Classes with their sizes and contrasts; by default all classes, sized to the pictures.
        seed: Of everything random.
        progress: Told of every implant.

    Raises:
        StudyError: No base is accepted clean, or the plan is empty.
    """
    usable = in_turns([base for base, result in zip(bases, clean, strict=True) if result.accepted])
    if not usable:
        raise StudyError(
            f"none of the {len(bases)} base pictures is accepted without an implant, so that no implant could tell "
            "anything; give good pictures of parts on which the model works, or commission the recipe first"
        )
    chosen = plan if plan is not None else default_plan(_diagonal(clean))
    wanted = [
        (rank, request) for kind, grid in chosen.items() for rank, request in enumerate(requests_of(kind, grid, seed))
    ]
    if not wanted:
        raise StudyError("the plan names no class; give at least one grid of sizes and contrasts")
    outcomes = judge_in_turns(wanted, usable, judge, progress, "implants")
    return Study(
        seed=seed,
        plan=chosen,
        clean=tuple(clean),
        trials=tuple(one for one in outcomes if isinstance(one, Trial)),
        left_out=tuple(one for one in outcomes if isinstance(one, LeftOut)),
    )


def _diagonal(clean: Sequence[CleanResult]) -> float:
    return float(np.median([result.diagonal for result in clean if result.accepted]))
