"""Checks a folder of labelled pictures before anything is learnt from it, and says everything at once."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from edge.core.dataset import Dataset, DatasetError, DatasetImage, parse_dataset
from models.audit.subject import pictures_fingerprint
from models.training.data_findings import ClassCount, DataCheck, Finding, Kind, counted, merged, named
from models.training.folds import group_contents, group_name
from models.training.lookalike_check import lookalike_findings
from models.training.picture_check import CheckedPicture, check_picture
from models.training.pictures import Progress

_ANNOTATIONS: Final = "annotations.json"
_PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_TELLING_PICTURES: Final = 4
"""Pictures of each verdict, and for each value, from which a format may be said to go with the verdict."""
_SCARCE: Final = 2


def check_folder(folder: Path, group_field: str | None, progress: Progress) -> DataCheck:
    """Check a COCO folder: its annotations, every picture and mask, its groups, and pictures that show the same.

    Nothing is raised for what is wrong with the data: all of it is in the findings. Whether there are good pictures,
    defects and groups enough is only warned of, as other folders of a run may bring them.

    Args:
        folder: It holds ``annotations.json``, ``images/`` and, if there are masks, ``masks/``.
        group_field: The image field that names the group; by default the first present of ``GROUP_FIELDS``.
        progress: Told how many pictures are done.
    """
    dataset, text, fault = _annotations(folder, group_field)
    if dataset is None:
        faults = () if fault is None else (fault,)
        return _result(folder, dataset=None, pictures=(), text=text, pairs=0, findings=faults)
    what, count = f"checking {folder.name}", len(dataset.images)
    pictures: list[CheckedPicture] = []
    for done, entry in enumerate(dataset.images):
        progress(what, done, count)
        pictures.append(check_picture(folder, entry))
    progress(what, count, count)
    readable = [picture for picture in pictures if picture.print is not None]
    alike, pairs = lookalike_findings(folder, dataset, readable, progress)
    findings = merged(
        [
            *_list_findings(folder, dataset),
            *(finding for picture in pictures for finding in picture.findings),
            *_group_findings(dataset),
            *_balance_findings(dataset),
            *_format_findings(readable),
            *alike,
        ]
    )
    return _result(folder, dataset=dataset, pictures=pictures, text=text, pairs=pairs, findings=findings)


def _annotations(folder: Path, group_field: str | None) -> tuple[Dataset | None, bytes, Finding | None]:
    """Return the parsed annotations and their bytes, or what is wrong with them."""
    text, reason, remedy = b"", "", f"name a folder with images/, {_ANNOTATIONS} and, if there are any, masks/"
    try:
        text = (folder / _ANNOTATIONS).read_bytes()
        return parse_dataset(text.decode("utf-8"), group_field), text, None
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError:
        reason, remedy = "is not UTF-8 text", "export the dataset again"
    except DatasetError as error:
        reason, remedy = str(error), "correct the annotations; the pictures were not looked at"
    fault = Finding(kind=Kind.ANNOTATIONS_UNREADABLE, where=str(folder / _ANNOTATIONS), what=reason, remedy=remedy)
    return None, text, fault


def _result(
    folder: Path,
    *,
    dataset: Dataset | None,
    pictures: Sequence[CheckedPicture],
    text: bytes,
    pairs: int,
    findings: tuple[Finding, ...],
) -> DataCheck:
    hashed = hashlib.sha256(text)
    for picture in pictures:
        hashed.update(picture.files_hash)
    headers = [picture.header for picture in pictures if picture.header is not None]
    return DataCheck(
        name=folder.resolve().name,
        parsed=dataset,
        groups=group_contents(dataset.images) if dataset else {},
        classes=_class_counts(dataset) if dataset else {},
        shapes=tuple((header.height, header.width) for header in headers),
        modes=tuple(f"{header.container} {header.mode} {header.bits} bit" for header in headers),
        near_duplicate_pairs=pairs,
        sha256=hashed.hexdigest(),
        pictures_sha256=pictures_fingerprint(picture.picture_sha256 for picture in pictures),
        hashes={picture.entry.file: picture.picture_sha256 for picture in pictures if picture.header is not None},
        findings=findings,
    )


def _class_counts(dataset: Dataset) -> dict[str, ClassCount]:
    counts: dict[str, ClassCount] = {}
    for category in dict.fromkeys(dataset.categories):
        having = [
            (image, number)
            for image in dataset.images
            if (number := sum(box.category == category and not box.ignore for box in image.boxes))
        ]
        counts[category] = ClassCount(
            boxes=sum(number for _, number in having),
            pictures=len(having),
            groups=len({group_name(image) for image, _ in having}),
        )
    return counts


def _list_findings(folder: Path, dataset: Dataset) -> Iterator[Finding]:
    listed = Counter(image.file for image in dataset.images)
    for file, number in listed.items():
        if number > 1:
            yield Finding(
                kind=Kind.PICTURE_LISTED_TWICE,
                where=f"images/{file}",
                what=f"is listed {number} times",
                remedy="keep one entry for each picture",
            )
    masks: dict[Path, set[str]] = {}
    for image in dataset.images:
        masks.setdefault(Path(image.file).with_suffix(".png"), set()).add(image.file)
    for mask, files in masks.items():
        if len(files) > 1 and (folder / "masks" / mask).exists():
            yield Finding(
                kind=Kind.MASK_SHARED,
                where=f"masks/{mask}",
                what=f"would be the mask of {' and of '.join(sorted(files))}",
                remedy="give the pictures names that differ before the ending",
            )
    unlisted = sorted(name for name in _picture_files(folder / "images") if name not in listed)
    if unlisted:
        yield Finding(
            kind=Kind.PICTURE_NOT_LISTED,
            where=f"images/ ({named(unlisted)})",
            what=f"{counted(len(unlisted), 'picture')} not listed in {_ANNOTATIONS}, nothing is learnt from them",
            remedy="export the dataset again if they belong to it",
        )


def _picture_files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in _PICTURE_SUFFIXES:
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _group_findings(dataset: Dataset) -> Iterator[Finding]:
    images = dataset.images
    without = [image.file for image in images if image.group is None]
    if dataset.group_field is None:
        yield Finding(
            kind=Kind.NO_GROUPS,
            where=_ANNOTATIONS,
            what="no field says which pictures belong to one physical part, so that each picture (or part_id, or "
            "source_id) is a group of its own: near-duplicates in several folds make every figure too good, and no "
            "claim holds",
            remedy="add a field 'group' to each image, or name the one that says it",
        )
    elif without:
        yield Finding(
            kind=Kind.GROUP_MISSING,
            where=f"{counted(len(without), 'picture')} ({named(without)})",
            what=f"without a {dataset.group_field!r}: each (or its part_id, or source_id) is a group of its own",
            remedy=f"give every image its {dataset.group_field!r}",
        )
    for kind, label, identity in (
        (Kind.PART_IN_GROUPS, "part_id", lambda image: image.part_id),
        (Kind.SOURCE_IN_GROUPS, "source_id", lambda image: image.source_id),
    ):
        yield from _torn(images, kind, label, identity)
    groups = {group_name(image) for image in images}
    if len(groups) == 1:
        yield Finding(
            kind=Kind.ONE_GROUP,
            where=_ANNOTATIONS,
            what=f"all pictures are of one group ({named(sorted(groups))}): leaving it out leaves nothing to train on",
            remedy="add pictures of other parts, or name the field that tells parts apart",
        )


def _torn(
    images: Sequence[DatasetImage], kind: Kind, label: str, identity: Callable[[DatasetImage], str | None]
) -> Iterator[Finding]:
    """Find what belongs together and lies in several groups, so that a fold would know what another is judged on."""
    groups: dict[str, set[str]] = {}
    for image in images:
        name = identity(image)
        if name is not None:
            groups.setdefault(name, set()).add(group_name(image))
    for name, found in groups.items():
        if len(found) > 1:
            yield Finding(
                kind=kind,
                where=f"{label} {name}",
                what=f"lies in {len(found)} groups ({named(sorted(found))})",
                remedy="put all its pictures into one group",
            )


def _balance_findings(dataset: Dataset) -> Iterator[Finding]:
    for truth, noun, none, one in (
        ("accept", "good", Kind.NO_GOOD, Kind.GOOD_IN_ONE_GROUP),
        ("reject", "defective", Kind.NO_DEFECTIVE, Kind.DEFECTIVE_IN_ONE_GROUP),
    ):
        groups = {group_name(image) for image in dataset.images if image.truth == truth}
        if not groups:
            yield Finding(
                kind=none,
                where=_ANNOTATIONS,
                what=f"there is no {noun} picture (verdict {truth!r})",
                remedy=f"training refuses unless other data of the run has {noun} pictures",
            )
        elif len(groups) == 1:
            yield Finding(
                kind=one,
                where=f"group {min(groups)}",
                what=f"all {noun} pictures are of this group: the network that judges it has seen none",
                remedy=f"add {noun} pictures of other groups",
            )
    for category, count in _class_counts(dataset).items():
        if not count.boxes:
            yield Finding(
                kind=Kind.CLASS_UNUSED,
                where=f"class {category}",
                what="has no example",
                remedy="label some, or remove the class from the categories",
            )
        elif count.boxes < _SCARCE or count.groups < _SCARCE:
            yield Finding(
                kind=Kind.CLASS_SCARCE,
                where=f"class {category}",
                what=f"has {counted(count.boxes, 'example')} in {counted(count.groups, 'group')}: whether it is found "
                "on other parts cannot be measured",
                remedy="add examples from other groups",
            )


def _format_findings(pictures: Sequence[CheckedPicture]) -> Iterator[Finding]:
    read = [(picture.entry.truth, picture.header) for picture in pictures if picture.header is not None]
    sizes = Counter((header.width, header.height) for _, header in read)
    modes = Counter(f"{header.container} {header.mode}" for _, header in read)
    if len(sizes) > 1:
        (small, large) = min(sizes, key=_area), max(sizes, key=_area)
        yield Finding(
            kind=Kind.SIZES_MIXED,
            where=counted(len(read), "picture"),
            what=f"have {len(sizes)} sizes, from {small[0]} x {small[1]} to {large[0]} x {large[1]}: each is fitted "
            "into the network's input by itself, so that one defect has many scales",
            remedy="nothing to do where the line's pictures vary likewise",
        )
    if len(modes) > 1:
        yield Finding(
            kind=Kind.MODE_CONVERTED,
            where=counted(len(read), "picture"),
            what=f"are of several kinds ({', '.join(f'{number} {mode}' for mode, number in modes.most_common())}); all "
            "are read as 8-bit BGR, grey as three equal channels",
            remedy="nothing to do where the line's pictures vary likewise",
        )
    for what, values in (
        ("size", [(truth, f"{header.width} x {header.height}") for truth, header in read]),
        ("kind of file", [(truth, f"{header.container} {header.mode}") for truth, header in read]),
    ):
        yield from _telling(what, values)


def _area(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def _telling(what: str, values: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    truths = Counter(truth for truth, _ in values)
    good, bad = ({value for one, value in values if one == truth} for truth in ("accept", "reject"))
    enough = min(truths["accept"], truths["reject"], len(values) / (len(good) + len(bad) or 1)) >= _TELLING_PICTURES
    if enough and not good & bad:
        yield Finding(
            kind=Kind.FORMAT_TELLS,
            where=counted(len(values), "picture"),
            what=f"the {what} alone tells good ({named(sorted(good))}) from defective ({named(sorted(bad))}) pictures, "
            "and may be learnt in place of the defects",
            remedy="take and store good and defective parts in the same way",
        )
