"""Rates by group and by class of defect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from models.evaluation import JudgedImage, MatchedImage, Part, Rate, by_group, join_parts, ranking, rate

NO_BOX: Final = "(no box labelled)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """One group's parts; ``auroc`` is over its pictures, None with one verdict alone."""

    name: str
    escape: Rate
    overkill: Rate
    abstention: Rate
    auroc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """The defective parts with a labelled box of one class; a part with several classes counts for each.

    ``boxes`` counts the class's labelled boxes that a predicted box of any class found, None where there are none.
    """

    name: str
    escape: Rate
    catch: Rate
    abstention: Rate
    boxes: Rate | None


def group_rows(images: Sequence[JudgedImage]) -> tuple[GroupRow, ...]:
    """Return a row for each group, in order of name; empty without groups."""
    members: dict[str, list[JudgedImage]] = {}
    for image in images:
        if image.entry.group is not None:
            members.setdefault(image.entry.group, []).append(image)
    rows: list[GroupRow] = []
    for name, parts in sorted(by_group(join_parts(images)).items()):
        rows.append(
            GroupRow(
                name=name,
                escape=rate("escape", parts),
                overkill=rate("overkill", parts),
                abstention=rate("abstention", parts),
                auroc=ranking(members[name]),
            )
        )
    return tuple(rows)


def class_rows(matched: Sequence[MatchedImage], parts: Sequence[Part]) -> tuple[ClassRow, ...]:
    """Return a row for each class with a labelled box, in order of name, then one for parts without a box."""
    classes = [frozenset(name for place in part.pictures for name in matched[place].by_class) for part in parts]
    rows = [
        _row(name, [part for part, has in zip(parts, classes, strict=True) if name in has], matched)
        for name in sorted({name for has in classes for name in has})
    ]
    unlabelled = [part for part, has in zip(parts, classes, strict=True) if part.bad and not has]
    return (*rows, _row(NO_BOX, unlabelled, matched)) if unlabelled else tuple(rows)


def _row(name: str, parts: Sequence[Part], matched: Sequence[MatchedImage]) -> ClassRow:
    found = [one for part in parts for place in part.pictures if (one := matched[place].by_class.get(name))]
    bad = [part for part in parts if part.bad]
    return ClassRow(
        name=name,
        escape=rate("escape", bad),
        catch=rate("catch", bad),
        abstention=rate("abstention_bad", bad),
        boxes=Rate(count=sum(one.found for one in found), n=sum(one.labelled for one in found)) if found else None,
    )
