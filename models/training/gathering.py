"""What a run learns from: folders checked, pictures in the store, groups dealt into folds."""

import hashlib
import json
import pickle
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from camera.virtual import DEFECT_CLASSES
from edge.core.dataset import Dataset, DatasetError
from models.bundle.prints import sorted_prints
from models.preprocess import Exposure, InputSize, mean_level
from models.training.data_check import check_folder
from models.training.data_findings import DataCheck
from models.training.files import write_file
from models.training.folds import GroupContent, plan_folds
from models.training.pictures import (
    FALLBACK_CLASS,
    LabelledPicture,
    PictureEntry,
    PictureStore,
    Progress,
    Source,
    class_name,
    fill_store,
    input_size,
    photo,
    photo_name,
    virtual_pictures,
)
from models.training.reading import read_picture
from models.training.settings import TrainingSettings

_GROUPS_MIN: Final = 2
_LEVEL_PICTURES: Final = 64
_LEVEL_MIN, _LEVEL_MAX = 16.0, 160.0
_VIRTUAL_LEVEL: Final = 48.0
"""About the mean grey level of the virtual line's pictures."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """The pictures of a run.

    ``key`` names them: the same data at the same size has the same key. ``folds`` hold the groups that are left out
    together; ``exposure`` is how bright every picture was made; ``checks`` what was found about each folder; ``hashes``
    the SHA-256 of each photo's file by the photo's name; ``independent`` says whether the data names its groups and
    no two of them look like one part, so that a claim may rest on them.
    """

    store: PictureStore
    folds: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    size: InputSize
    exposure: Exposure | None
    sources: tuple[Source, ...]
    key: str
    checks: tuple[DataCheck, ...]
    hashes: Mapping[str, str]
    independent: bool

    def prints(self, without: Collection[str] = ()) -> list[str]:
        """Return the prints of all photos (:mod:`models.bundle.prints`) but those of the groups left out."""
        return sorted_prints(
            self.hashes[entry.name]
            for entry in self.store.entries
            if entry.name in self.hashes and entry.group not in without
        )


def gather(settings: TrainingSettings, progress: Progress) -> Gathered:
    """Check the data, bring every picture to the network's input, and deal groups into folds.

    A store that an earlier run filled with the same data is used again.

    Raises:
        DatasetError: A folder cannot be trained on; the message lists why, at most twenty faults of it.
    """
    _refuse_alike(settings.data)
    checks = tuple(check_folder(folder, settings.group_field, progress) for folder in settings.data)
    for check in checks:
        check.raise_errors()
    _refuse_copies(checks)
    datasets = [check.dataset for check in checks]
    if not settings.virtual:
        _refuse_one_sided(datasets)
    classes = _classes(settings, datasets)
    size = _size(settings, checks)
    exposure = _exposure(settings, datasets)
    sources = _sources(settings, checks)
    key = _key(
        settings, classes, size, exposure, [*(check.sha256 for check in checks), *(one.sha256 for one in sources)]
    )
    folder = settings.work / f"pictures-{key}"
    store = _stored(folder)
    if store is None:
        photos = sum(len(dataset.images) for dataset in datasets)
        count = photos + (2 * settings.virtual.parts if settings.virtual else 0)
        pictures = _counted(_pictures(settings, datasets, classes, size, exposure), count, progress)
        store = _kept(fill_store(folder, count, size, pictures))
    folds = _folds(store.entries, settings)
    return Gathered(
        store=store,
        folds=folds,
        classes=classes,
        size=size,
        exposure=exposure,
        sources=sources,
        key=key,
        checks=checks,
        hashes={
            photo_name(folder, file): sha256
            for folder, check in zip(settings.data, checks, strict=True)
            for file, sha256 in check.hashes.items()
        },
        independent=bool(datasets)
        and all(entry.group is not None for dataset in datasets for entry in dataset.images)
        and all(check.groups_apart for check in checks),
    )


def _refuse_copies(checks: Sequence[DataCheck]) -> None:
    """Refuse one picture in two folders: it could lie in two folds, and be judged by what has learnt it."""
    first: dict[str, str] = {}
    for check in checks:
        own = {sha256: f"{check.name}/{file}" for file, sha256 in check.hashes.items()}
        if shared := sorted(own.keys() & first.keys()):
            raise DatasetError(
                f"{own[shared[0]]} is {first[shared[0]]} again ({len(shared)} such pictures): name one of the two "
                "folders only, or take the copies out of one"
            )
        first |= own


def _refuse_alike(folders: Sequence[Path]) -> None:
    names = [folder.name for folder in folders]
    for folder in folders:
        if names.count(folder.name) > 1:
            raise DatasetError(
                f"{folder}: two folders are called {folder.name!r}, by which a run tells their pictures apart; give "
                "one of them another name, or name it once"
            )


def _classes(settings: TrainingSettings, datasets: Sequence[Dataset]) -> tuple[str, ...]:
    found = [class_name(category) for dataset in datasets for category in dataset.categories]
    drawn = DEFECT_CLASSES if settings.virtual else ()
    classes = tuple(dict.fromkeys([*found, *drawn])) or (FALLBACK_CLASS,)
    if not settings.classes:
        return classes
    used = {class_name(box.category) for dataset in datasets for image in dataset.images for box in image.boxes}
    if unknown := used - set(settings.classes):
        raise DatasetError(f"classes {sorted(unknown)} of the data are not among the settings' {settings.classes}")
    return settings.classes


def _size(settings: TrainingSettings, checks: Sequence[DataCheck]) -> InputSize:
    wanted = settings.input
    shapes = [shape for check in checks for shape in check.shapes] or [(1080, 1920)]
    found = input_size(shapes, wanted.pixels_min, wanted.pixels_max)
    return InputSize(width=wanted.width or found.width, height=wanted.height or found.height)


def _exposure(settings: TrainingSettings, datasets: Sequence[Dataset]) -> Exposure | None:
    """Return how bright pictures are made: as the median of some photos, so that most change little."""
    if not settings.input.exposure:
        return None
    files = [
        folder / "images" / entry.file
        for folder, dataset in zip(settings.data, datasets, strict=True)
        for entry in dataset.images
    ]
    levels = [mean_level(read_picture(file)) for file in files[:: max(len(files) // _LEVEL_PICTURES, 1)]]
    if not levels:
        return Exposure(level=_VIRTUAL_LEVEL)
    return Exposure(level=float(np.clip(np.median(levels), _LEVEL_MIN, _LEVEL_MAX)))


def _sources(settings: TrainingSettings, checks: Sequence[DataCheck]) -> tuple[Source, ...]:
    sources = [
        Source(name=check.name, pictures=len(check.dataset.images), sha256=check.pictures_sha256) for check in checks
    ]
    if settings.virtual:
        rendered = settings.virtual.model_dump_json()
        seeds = f"virtual line, {settings.virtual.parts} parts of the seeds from {settings.virtual.first_seed}"
        sources.append(
            Source(name=seeds, pictures=settings.virtual.parts, sha256=hashlib.sha256(rendered.encode()).hexdigest())
        )
    return tuple(sources)


def _key(
    settings: TrainingSettings,
    classes: Sequence[str],
    size: InputSize,
    exposure: Exposure | None,
    hashes: Sequence[str],
) -> str:
    folders = [str(folder.resolve()) for folder in settings.data]  # the entries hold names and paths of files
    parts = [list(classes), size.width, size.height, repr(exposure), folders, list(hashes), settings.group_field]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _stored(folder: Path) -> PictureStore | None:
    try:
        entries = pickle.loads((folder / "entries.pickle").read_bytes())  # noqa: S301  # our own, of an earlier run
        return PictureStore(folder, entries)
    except (OSError, ValueError, pickle.UnpicklingError, EOFError, AttributeError):
        return None


def _pictures(
    settings: TrainingSettings,
    datasets: Sequence[Dataset],
    classes: Sequence[str],
    size: InputSize,
    exposure: Exposure | None,
) -> Iterator[LabelledPicture]:
    for folder, dataset in zip(settings.data, datasets, strict=True):
        for entry in dataset.images:
            yield photo(folder, entry, size, classes, exposure)
    if settings.virtual:
        yield from virtual_pictures(settings.virtual, size, classes, exposure, settings.workers)


def _counted(pictures: Iterator[LabelledPicture], count: int, progress: Progress) -> Iterator[LabelledPicture]:
    for done, one in enumerate(pictures, 1):
        progress("preparing pictures", done, count)
        yield one
    progress("preparing pictures", count, count)


def _kept(store: PictureStore) -> PictureStore:
    """Write down the entries last: a store without them is filled again."""
    write_file(store.folder / "entries.pickle", pickle.dumps(store.entries))
    return store


def _folds(entries: Sequence[PictureEntry], settings: TrainingSettings) -> tuple[tuple[str, ...], ...]:
    """Deal the photos' groups, then the virtual line's in turn; with one group of photos, all of them alike."""
    photos = [entry for entry in entries if entry.origin == "photo"]
    virtual = sorted({entry.group for entry in entries if entry.origin == "virtual"})
    if len({entry.group for entry in photos}) < _GROUPS_MIN and virtual:
        return plan_folds(_contents(entries), settings.fold_count, settings.folds)
    folds = plan_folds(_contents(photos), settings.fold_count, settings.folds)
    return tuple((*groups, *virtual[number :: len(folds)]) for number, groups in enumerate(folds))


def _contents(entries: Sequence[PictureEntry]) -> dict[str, GroupContent]:
    groups: dict[str, list[PictureEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    return {
        name: GroupContent(
            good=sum(entry.truth == "accept" for entry in members),
            defective=sum(entry.truth == "reject" for entry in members),
            classes=tuple(sorted({box.category for entry in members for box in entry.boxes if not box.ignore})),
        )
        for name, members in groups.items()
    }


def _refuse_one_sided(datasets: Sequence[Dataset]) -> None:
    truths = {entry.truth for dataset in datasets for entry in dataset.images}
    if "accept" not in truths:
        raise DatasetError("no good picture in the data: training needs good parts, and limits are set on them")
    if "reject" not in truths:
        raise DatasetError("no defective picture in the data: training needs some of every kind that is to be found")
