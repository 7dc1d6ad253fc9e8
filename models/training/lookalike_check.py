"""What is wrong with pictures that show the same: copies, one part under several names, contradicting verdicts."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.dataset import Dataset, DatasetImage
from models.training.data_findings import Finding, Kind, counted, named
from models.training.folds import group_name
from models.training.near_duplicates import (
    DEFECT_MATCH_MIN,
    SAME_VIEW_MIN,
    SIMILARITY_MIN,
    Fingerprint,
    Pair,
    defect_match,
    identical_sets,
    individual_similarities,
    joined,
    near_duplicates,
)
from models.training.picture_check import CheckedPicture
from models.training.pictures import Progress
from models.training.reading import PictureFileError, read_picture

_CONFLICTS_MAX: Final = 2000
"""Pairs with different verdicts that are compared closely; each needs two files to be read."""
_CLUSTERS_LISTED: Final = 10
_ONE_DESIGN: Final = 6
"""Groups that look alike from which one design is a likelier reason than one part under many names."""
_HELD_PICTURES: Final = 16
_UNCLAIMED: Final = (
    "look at them: if they show one part, give them one group; if not, take one picture of such a pair out. As long as "
    "this is found, no risk is claimed"
)


def lookalike_findings(
    folder: Path, dataset: Dataset, pictures: Sequence[CheckedPicture], progress: Progress
) -> tuple[list[Finding], int]:
    """Return what is wrong with pictures that show the same, and how many near-duplicates lie in different groups.

    Args:
        folder: The COCO folder.
        dataset: Its annotations.
        pictures: Those of it that can be read.
        progress: Told how many pairs with different verdicts were compared.
    """
    entries = [picture.entry for picture in pictures]
    prints = [picture.print for picture in pictures if picture.print is not None]
    groups = [group_name(entry) for entry in entries]
    pairs, across_count = near_duplicates(prints, groups, [entry.truth for entry in entries])
    across = [
        pair
        for pair in pairs
        if groups[pair.first] != groups[pair.second] and prints[pair.first].digest != prints[pair.second].digest
    ]
    conflicting = [pair for pair in pairs if _may_conflict(entries[pair.first], entries[pair.second], pair)]
    findings = [
        *_copy_findings(entries, prints),
        *(_near_findings(entries, prints, across) if dataset.group_field else _ungrouped_finding(entries, across)),
        *_conflict_findings(folder, entries, conflicting, progress),
    ]
    return findings, across_count


def _copy_findings(entries: Sequence[DatasetImage], prints: Sequence[Fingerprint]) -> Iterator[Finding]:
    for members in identical_sets(prints):
        copies = [entries[index] for index in members]
        files = named(sorted(copy.file for copy in copies))
        if len({copy.truth for copy in copies}) > 1:
            yield Finding(
                kind=Kind.COPIES_WITH_BOTH_VERDICTS,
                where=files,
                what="are the same picture, pixel by pixel, with different verdicts",
                remedy="keep the one with the right verdict",
            )
        elif len({group_name(copy) for copy in copies}) > 1 and len({copy.file for copy in copies}) > 1:
            yield Finding(
                kind=Kind.COPIES_ACROSS_GROUPS,
                where=files,
                what="are the same picture, pixel by pixel, in different groups",
                remedy="keep one of them",
            )


def _near_findings(
    entries: Sequence[DatasetImage], prints: Sequence[Fingerprint], pairs: Sequence[Pair]
) -> Iterator[Finding]:
    """Name the groups that may hold one part under several names, those that pairs join together at once."""
    names = [(group_name(entries[pair.first]), group_name(entries[pair.second])) for pair in pairs]
    clusters = joined(names)
    cluster_of = {name: number for number, cluster in enumerate(clusters) for name in cluster}
    for number, cluster in enumerate(clusters[:_CLUSTERS_LISTED]):
        inside = [pair for pair, (name, _) in zip(pairs, names, strict=True) if cluster_of[name] == number]
        what = f"{counted(len(inside), 'pair')} of pictures look alike across them"
        if len(cluster) < _ONE_DESIGN:
            beyond: str | None = f"most of all {_described(entries, inside[0], inside[0].similarity)}"
        else:
            what = f"{what}, as parts of one design do"
            beyond = _beyond(entries, prints, inside)
        yield Finding(
            kind=Kind.NEAR_DUPLICATES if beyond else Kind.ONE_DESIGN,
            where=f"groups {named(cluster)}",
            what=f"{what}, {beyond or 'and none of them beyond what they all share'}: one part under several names "
            "makes every figure too good",
            remedy=_UNCLAIMED if beyond else "look at them; if they show one part, give them one group",
        )
    if more := clusters[_CLUSTERS_LISTED:]:
        yield Finding(
            kind=Kind.NEAR_DUPLICATES,
            where=f"{len(more)} more sets of groups",
            what=f"look alike in the same way ({named([cluster[0] for cluster in more])})",
            remedy=_UNCLAIMED,
        )


def _ungrouped_finding(entries: Sequence[DatasetImage], pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Say at once how many pictures look alike where no field groups them."""
    if not pairs:
        return
    alike = {index for pair in pairs for index in (pair.first, pair.second)}
    clusters = joined((entries[pair.first].file, entries[pair.second].file) for pair in pairs)
    yield Finding(
        kind=Kind.NEAR_DUPLICATES,
        where=f"{len(alike)} of {counted(len(entries), 'picture')}",
        what=f"look like another one, in {counted(len(clusters), 'set')} (the largest: {named(clusters[0])}; most "
        f"alike are {_described(entries, pairs[0], pairs[0].similarity)}): frames of one part in several folds make "
        "every figure too good",
        remedy="look at them, and name the part that each shows in a group field",
    )


def _beyond(entries: Sequence[DatasetImage], prints: Sequence[Fingerprint], pairs: Sequence[Pair]) -> str | None:
    """Tell which pairs resemble each other beyond what all groups share; None where none do."""
    own = individual_similarities(prints, [group_name(entry) for entry in entries], pairs)
    alike = [(similarity, index) for index, similarity in enumerate(own) if similarity >= SIMILARITY_MIN]
    if not alike:
        return None
    similarity, index = max(alike)
    return (
        f"{len(alike)} of them beyond what they all share, most of all {_described(entries, pairs[index], similarity)}"
    )


def _described(entries: Sequence[DatasetImage], pair: Pair, similarity: float) -> str:
    return f"{entries[pair.first].file} and {entries[pair.second].file} (similarity {similarity:.2f})"


def _may_conflict(one: DatasetImage, other: DatasetImage, pair: Pair) -> bool:
    twins = one.source_id is not None and one.source_id == other.source_id
    return one.truth != other.truth and not twins and pair.similarity >= SAME_VIEW_MIN


def _conflict_findings(
    folder: Path, entries: Sequence[DatasetImage], pairs: Sequence[Pair], progress: Progress
) -> Iterator[Finding]:
    """Find accepted pictures in which a defect is seen that is labelled in a rejected picture of the same view."""

    @lru_cache(maxsize=_HELD_PICTURES)
    def grey(file: str) -> NDArray[np.uint8]:
        return np.asarray(cv2.cvtColor(read_picture(folder / "images" / file), cv2.COLOR_BGR2GRAY), np.uint8)

    ordered = [
        (entries[pair.first], entries[pair.second])
        if entries[pair.first].truth == "reject"
        else (entries[pair.second], entries[pair.first])
        for pair in pairs[:_CONFLICTS_MAX]
    ]
    ordered.sort(key=lambda pair: pair[0].file)
    seen: dict[str, list[tuple[float, str]]] = {}
    for done, (rejected, accepted) in enumerate(ordered):
        progress(f"comparing verdicts of {folder.name}", done, len(ordered))
        try:
            match = defect_match(grey(rejected.file), rejected.boxes, grey(accepted.file))
        except PictureFileError:
            continue  # it was readable a moment ago; training will say so
        if match is not None and match >= DEFECT_MATCH_MIN:
            seen.setdefault(accepted.file, []).append((match, rejected.file))
    for file, matches in seen.items():
        best, labelled = max(matches)
        yield Finding(
            kind=Kind.LABEL_CONFLICT,
            where=f"images/{file}",
            what=f"is accepted, but shows at the same place what is labelled a defect in {labelled} (correlation "
            f"{best:.2f}; {counted(len(matches), 'such picture')})",
            remedy="look at both and correct one verdict; if one was made from the other, give both one source_id",
        )
    if ordered:
        progress(f"comparing verdicts of {folder.name}", len(ordered), len(ordered))
    if len(pairs) > _CONFLICTS_MAX:
        yield Finding(
            kind=Kind.LABEL_CONFLICT,
            where=folder.name,
            what=f"{len(pairs)} pairs of accepted and rejected pictures look alike, of which the {_CONFLICTS_MAX} most "
            "similar were compared closely",
            remedy="nothing to do where the verdicts were checked by a second person",
        )
