"""Judges that need no network: they know the clean pictures and see what differs."""

from collections.abc import Callable, Sequence

import numpy as np

from edge.core.types import Box, Decision
from models.pod.bases import Base
from models.pod.judging import Judge, Judgement
from tests.support.surfaces import plate

SIGHT = 0.12
"""The contrast from which the judge rejects; it is unsure from three quarters of it on."""


def plates(groups: int = 4, each: int = 2, size: tuple[int, int] = (160, 200)) -> list[Base]:
    """Good pictures of ``groups`` parts, ``each`` of them photographed several times; the whole picture is the face."""
    return [
        Base(
            name=f"part{group}-{shot}.png",
            group=f"part{group}",
            load=loader(plate(*size, level=60.0 + 30.0 * group, seed=100 * group + shot)),
            region=(0, 0, size[1], size[0]),
        )
        for group in range(groups)
        for shot in range(each)
    ]


def loader(picture: np.ndarray) -> Callable[[], np.ndarray]:
    return lambda: picture


def seeing(bases: Sequence[Base]) -> Judge:
    """Return a judge that compares with the likeliest clean picture and looks at the strongest difference."""
    known = [base.load().astype(np.int16) for base in bases]

    def judge(picture: np.ndarray) -> Judgement:
        values = picture.astype(np.int16)
        clean = min(known, key=lambda one: float(np.abs(values[::9, ::9] - one[::9, ::9]).sum()))
        difference = np.abs(values - clean).mean(axis=2) / 255.0
        score = min(float(difference.max()) / SIGHT / 2.0, 1.0)
        decision = Decision.REJECT if score > 0.5 else Decision.CANNOT_JUDGE if score > 0.375 else Decision.ACCEPT
        rows, columns = np.nonzero(difference > 0.5 * difference.max())
        if decision is Decision.ACCEPT:
            return Judgement(decision=decision, score=score)
        box = Box(
            x=int(columns.min()),
            y=int(rows.min()),
            width=int(np.ptp(columns)) + 1,
            height=int(np.ptp(rows)) + 1,
            category="any",
            category_id=1,
            score=score,
        )
        return Judgement(decision=decision, score=score, boxes=(box,))

    return judge


def always(decision: Decision, score: float = 0.5) -> Judge:
    """Return a judge that says the same of every picture."""
    return lambda _picture: Judgement(decision=decision, score=score)
