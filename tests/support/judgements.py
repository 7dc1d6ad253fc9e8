"""Judged pictures for tests, without any picture or network."""

from collections.abc import Sequence
from typing import Any

from edge.core.dataset import DatasetImage, LabelledBox, Truth
from edge.core.types import Box, Decision, Limits
from models.audit import Audit, Subject, audit_judgements
from models.evaluation import JudgedImage, match_images

LIMITS = Limits(accept_below=0.2, reject_above=0.8)
SUBJECT = Subject(bundle="toy-3 (0badcafe)", product="toy", data="shelf", judged="Judged once.", prior=0.5)


def judged(truth: Truth, score: float | None, name: str = "x", **fields: Any) -> JudgedImage:
    """Return a picture judged by ``LIMITS``; ``fields`` are those of the entry, and ``boxes`` what was predicted."""
    boxes = fields.pop("boxes", ())
    entry = DatasetImage(
        id=name,
        file=f"{name}.png",
        truth=truth,
        group=fields.pop("group", None),
        part_id=fields.pop("part", None),
        view=fields.pop("view", None),
        boxes=fields.pop("labels", ()),
    )
    assert not fields, fields
    decision = Decision.CANNOT_JUDGE
    if score is not None and score < LIMITS.accept_below:
        decision = Decision.ACCEPT
    elif score is not None and score > LIMITS.reject_above:
        decision = Decision.REJECT
    return JudgedImage(entry=entry, decision=decision, code=0, score=score, boxes=boxes)


def label(category: str = "oil", at: tuple[int, int, int, int] = (10, 10, 20, 20)) -> LabelledBox:
    x, y, width, height = at
    return LabelledBox(x=x, y=y, width=width, height=height, category=category)


def predicted(at: tuple[int, int, int, int] = (10, 10, 20, 20), score: float = 0.9) -> Box:
    x, y, width, height = at
    return Box(x=x, y=y, width=width, height=height, category="oil", category_id=1, score=score)


def many(truth: Truth, score: float | None, number: int, **fields: Any) -> list[JudgedImage]:
    """Return so many pictures that differ in name only."""
    return [
        judged(truth, score, f"{truth}-{score}-{fields.get('group', '')}-{place}", **fields) for place in range(number)
    ]


def audit(images: Sequence[JudgedImage], subject: Subject = SUBJECT, **findings: Any) -> Audit:
    return audit_judgements(match_images(images), LIMITS, subject, **findings)
