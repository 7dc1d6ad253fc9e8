"""Whole groups dealt into folds: a network that judges a fold has seen no picture of its groups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge.core.dataset import DatasetError, DatasetImage
from models.training.settings import SettingsError

_FOLDS_MIN = 2
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupContent:
    """What a group holds: pictures of good and of defective parts, and the classes of its labelled defects."""

    good: int
    defective: int
    classes: tuple[str, ...] = ()


def group_name(image: DatasetImage) -> str:
    """Return the group of an image: its own, else its part, else what it was made from, else the image by itself."""
    return image.group or image.part_id or image.source_id or image.file


def group_contents(images: Iterable[DatasetImage]) -> dict[str, GroupContent]:
    """Return what each group holds, in the order of the images; ``ignore`` regions are no defects."""
    members: dict[str, list[DatasetImage]] = {}
    for image in images:
        members.setdefault(group_name(image), []).append(image)
    return {
        name: GroupContent(
            good=sum(image.truth == "accept" for image in group),
            defective=sum(image.truth == "reject" for image in group),
            classes=tuple(sorted({box.category for image in group for box in image.boxes if not box.ignore})),
        )
        for name, group in members.items()
    }


def plan_folds(
    groups: Mapping[str, GroupContent], count: int, explicit: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """Deal whole groups into folds that are balanced on good pictures, defective ones, and groups with each class.

    The largest group goes first, each to the fold that it unbalances least; the same groups give the same folds,
    whatever their order. No fold is empty: with fewer groups than ``count``, each group is a fold.

    Args:
        groups: What each group holds, by name.
        count: How many folds are wanted, at least 2.
        explicit: The folds that somebody has listed, instead of a plan; checked and returned as they are.

    Raises:
        DatasetError: There are fewer than two groups, so that leaving one out leaves nothing.
        SettingsError: ``count`` is below 2, or the listed folds are not the groups: one is unknown, missing, named
            twice, or a fold is empty.
    """
    if len(groups) < _FOLDS_MIN:
        raise DatasetError(
            f"all pictures are of one group ({', '.join(groups) or 'none'}): leaving it out leaves nothing to train "
            "on; add pictures of other parts, or name the field that tells parts apart"
        )
    if explicit:
        return _checked(groups, explicit)
    if count < _FOLDS_MIN:
        raise SettingsError(f"fold_count must be at least {_FOLDS_MIN}, not {count}")
    return _dealt(groups, min(count, len(groups)))


def _dealt(groups: Mapping[str, GroupContent], count: int) -> tuple[tuple[str, ...], ...]:
    shares = _shares(groups)
    loads: list[dict[str, float]] = [{} for _ in range(count)]
    folds: list[list[str]] = [[] for _ in range(count)]
    for name in sorted(groups, key=lambda name: (-sum(shares[name].values()), name)):

        def unbalance(fold: int, name: str = name) -> tuple[float, float, int, int]:
            # What the sum of squared loads grows by; an empty fold grows least, and comes first among equals.
            load = loads[fold]
            growth = sum((2.0 * load.get(kind, 0.0) + share) * share for kind, share in shares[name].items())
            return growth, sum(load.values()), len(folds[fold]), fold

        best = min(range(count), key=unbalance)
        folds[best].append(name)
        for kind, share in shares[name].items():
            loads[best][kind] = loads[best].get(kind, 0.0) + share
    return tuple(tuple(sorted(fold)) for fold in folds)


def _shares(groups: Mapping[str, GroupContent]) -> dict[str, dict[str, float]]:
    """Return each group's share of all good pictures, of all defective ones, and of the groups with each class."""
    counts = {
        name: {
            "good": content.good,
            "defective": content.defective,
            **{f"class {category}": 1 for category in content.classes},
        }
        for name, content in groups.items()
    }
    totals: dict[str, int] = {}
    for count in counts.values():
        for kind, number in count.items():
            totals[kind] = totals.get(kind, 0) + number
    return {
        name: {kind: number / totals[kind] for kind, number in sorted(count.items()) if number}
        for name, count in counts.items()
    }


def _checked(groups: Mapping[str, GroupContent], explicit: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    named = [name for fold in explicit for name in fold]
    faults = [
        f"{what}: {_listed(names)}"
        for what, names in (
            ("not in the data", sorted({*named} - {*groups})),
            ("in no fold", sorted({*groups} - {*named})),
            ("named twice", sorted({name for name in named if named.count(name) > 1})),
        )
        if names
    ]
    if not all(explicit):
        faults.append("a fold is empty")
    if len(explicit) < _FOLDS_MIN:
        faults.append("one fold with everything leaves nothing to train on")
    if faults:
        raise SettingsError(f"folds must hold every group of the data once ({'; '.join(faults)}); correct the settings")
    return tuple(tuple(fold) for fold in explicit)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
