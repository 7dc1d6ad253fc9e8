"""The three-way policy: from what the views gave to the verdict of the part. An accept is earned by every view."""

from collections.abc import Iterable, Sequence
from typing import Final

from edge.core.codes import REJECT_BASE, Code
from edge.core.types import Decision, Limits, Verdict, ViewJudgement, cannot_judge

NOVELTY_LIMIT: Final = 1.0
"""Novelty is told in units of its limit."""
_SEVERITY: Final = {Decision.ACCEPT: 0, Decision.CANNOT_JUDGE: 1, Decision.REJECT: 2}


def judge_view(view: ViewJudgement) -> Verdict:
    """Judge one view alone.

    A fault, a missing or impossible score or missing limits give cannot-judge; a score above ``reject_above`` gives
    reject with the class of the likeliest box. Of a picture unlike anything that the model was trained on nothing more
    can be said; else a score below ``accept_below`` gives accept, and anything more is uncertain.
    """
    if view.fault:
        return cannot_judge(view.fault, defects=len(view.boxes))
    if view.score is None or not 0.0 <= view.score <= 1.0:  # nor where it is no number
        return cannot_judge(Code.SCORE_INVALID)
    if view.limits is None:
        return cannot_judge(Code.MODEL_MISSING)
    defects = len(view.boxes)
    if view.score > view.limits.reject_above:
        worst = max(view.boxes, key=lambda box: box.score, default=None)
        code = REJECT_BASE + (worst.category_id if worst else 0)
        return Verdict(decision=Decision.REJECT, code=code, score=view.score, defects=defects)
    doubt = _doubt(view.score, view.novelty, view.limits)
    if doubt is not None:
        return cannot_judge(doubt, view.score, defects)
    return Verdict(decision=Decision.ACCEPT, code=Code.NONE, score=view.score, defects=defects)


def _doubt(score: float, novelty: float | None, limits: Limits) -> Code | None:
    """Return why a view that is no reject is no accept either; None if it is one."""
    if novelty is not None and not 0.0 <= novelty <= NOVELTY_LIMIT:  # nor where it is no number
        return Code.NOVEL
    return None if score < limits.accept_below else Code.UNCERTAIN


def judge_part(views: Sequence[ViewJudgement], expected: Iterable[str]) -> Verdict:
    """Judge a part from all its views; the worst view decides.

    A defect seen in one view rejects the part whatever the other views say; a view that is missing, comes twice or was
    not asked for makes an accept impossible. Of equally severe views the one with the higher score gives the code.
    ``expected`` names the recipe's cameras.
    """
    verdicts = [judge_view(view) for view in views]
    if not verdicts or sorted(view.camera for view in views) != sorted(expected):
        verdicts.append(cannot_judge(Code.VIEW_MISSING))
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    worst = max(verdicts, key=lambda verdict: (_SEVERITY[verdict.decision], verdict.score or 0.0))
    return Verdict(
        decision=worst.decision,
        code=worst.code,
        score=max(scores, default=None),
        defects=sum(verdict.defects for verdict in verdicts),
    )


def with_second(own: Verdict, other: Decision | None) -> Verdict:
    """Return the verdict of a part whose accept needs a second model too, whose answer is ``other`` (None: none came).

    The second model can only take an accept away: it accepts nothing, and rejects nothing.
    """
    if own.decision is not Decision.ACCEPT or other is Decision.ACCEPT:
        return own
    code = Code.CANARY_SILENT if other is None else Code.CANARY_DISAGREES
    return cannot_judge(code, own.score, own.defects)
