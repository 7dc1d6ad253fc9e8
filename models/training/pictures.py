"""Training pictures: the network's own input and, beside it, which class lies where; kept in files, not in memory."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters, VirtualPart
from edge.core.dataset import DatasetError, DatasetImage, LabelledBox, Truth
from edge.core.quality import FrameQuality
from models.preprocess import Exposure, Geometry, InputSize, Prepared, prepare
from models.training.folds import group_name
from models.training.measures import frame_quality, halved
from models.training.reading import read_mask, read_picture
from models.training.settings import VirtualSettings
from models.training.workers import worker_pool

PAD: Final = 128
"""What surrounds a picture in the network's input: zero after normalisation, as the convolutions' own borders."""

UNKNOWN: Final = 255
"""A label of which nothing is known: neither good nor a defect is learnt there."""
OTHER_DEFECT: Final = 254
"""A label of a defect that is none of the classes."""
FALLBACK_CLASS: Final = "defect"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_MASK_LEVEL = 96
_LIGHTS = (1.0, 0.8, 1.25, 0.6, 1.0, 1.5)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureEntry:
    """What is known of one picture beside its pixels.

    ``index`` is its row in the store; ``boxes`` are in pixels of the picture as taken, which ``geometry`` maps;
    ``path`` is its file, None for a virtual picture.
    """

    index: int
    name: str
    group: str
    origin: Literal["photo", "virtual"]
    truth: Truth
    boxes: tuple[LabelledBox, ...]
    geometry: Geometry
    quality: FrameQuality
    path: Path | None


def class_name(category: str) -> str:
    """Return a category's name as a bundle can hold it: small letters, digits and hyphens."""
    return _NOT_IN_NAMES.sub("-", category.lower()).strip("-")[:32] or FALLBACK_CLASS


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where some of the pictures come from, and the hash of their files."""

    name: str
    pictures: int
    sha256: str


class PictureStore:
    """Pixels (N x height x width x 3 uint8) and labels (N x height x width uint8) in two files, and their entries.

    A label is 0 where the part is good, k on the k-th class (from 1), ``OTHER_DEFECT`` or ``UNKNOWN``. The files are
    mapped, so that several processes share them and a run needs little memory of its own.
    """

    def __init__(self, folder: Path, entries: Sequence[PictureEntry]) -> None:
        """Open the files of a store that :func:`fill_store` filled."""
        self.folder = folder
        self.entries = tuple(entries)
        self.pixels: NDArray[np.uint8] = np.load(folder / "pixels.npy", mmap_mode="r")
        self.labels: NDArray[np.uint8] = np.load(folder / "labels.npy", mmap_mode="r")

    def prepared(self, entry: PictureEntry) -> Prepared:
        """Return a picture as the network's input, with its geometry."""
        return Prepared(pixels=np.asarray(self.pixels[entry.index]), geometry=entry.geometry)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPicture:
    """One picture on its way into the store."""

    entry: PictureEntry
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def fill_store(folder: Path, count: int, size: InputSize, pictures: Iterable[LabelledPicture]) -> PictureStore:
    """Write pictures into a new store of at most ``count``.

    Raises:
        DatasetError: The disk is full or the folder cannot be written.
    """
    entries: list[PictureEntry] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shape = (count, size.height, size.width)
        pixels = np.lib.format.open_memmap(folder / "pixels.npy", "w+", np.uint8, (*shape, 3))
        labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, shape)
        _reserve(folder)
        for one in pictures:
            index = len(entries)
            pixels[index], labels[index] = one.pixels, one.labels
            entries.append(replace(one.entry, index=index))
        pixels.flush()
        labels.flush()
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written ({error.strerror}); training keeps its pictures there, free "
            f"{count * size.height * size.width * 4 / 1e9:.1f} GB or name another folder with --work"
        ) from error
    return PictureStore(folder, entries)


def normalise(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (x - 128) / 128 as the float network expects it, in the shape given."""
    return (pixels.astype(np.float32) - 128.0) / 128.0


def photo_name(folder: Path, file: str) -> str:
    """Return the name by which a run knows a picture of one of its folders."""
    return f"{folder.name}/{file}"


def photo(
    folder: Path, entry: DatasetImage, size: InputSize, classes: Sequence[str], exposure: Exposure | None
) -> LabelledPicture:
    """Return a listed picture of a COCO folder with its labels.

    A rejected picture with a mask alone has defects of no class; without boxes or mask it is unknown everywhere and
    takes part in calibration only.

    Raises:
        DatasetError: The picture or its mask cannot be read.
    """
    image = read_picture(folder / "images" / entry.file)
    prepared = prepare(image, size, PAD, exposure=exposure)
    labels = np.zeros((size.height, size.width), np.uint8)
    mask = _mask(folder, entry, image.shape[:2])
    if entry.truth == "reject" and not entry.boxes:
        labels[:] = UNKNOWN if mask is None else np.where(_small(mask, size) >= _MASK_LEVEL, OTHER_DEFECT, 0)
    for box in entry.boxes:
        region = np.zeros(image.shape[:2], np.uint8)
        window = _window(box)
        region[window] = 255 if box.ignore or mask is None else mask[window]
        value = UNKNOWN if box.ignore else 1 + classes.index(class_name(box.category))
        labels[_small(region, size) >= _MASK_LEVEL] = value
    known = PictureEntry(
        index=0,
        name=photo_name(folder, entry.file),
        group=group_name(entry),
        origin="photo",
        truth=entry.truth,
        boxes=entry.boxes,
        geometry=prepared.geometry,
        quality=frame_quality(halved(image)),
        path=folder / "images" / entry.file,
    )
    return LabelledPicture(entry=known, pixels=prepared.pixels, labels=labels)


def virtual_pictures(
    settings: VirtualSettings, size: InputSize, classes: Sequence[str], exposure: Exposure | None, workers: int
) -> Iterator[LabelledPicture]:
    """Render the virtual line's parts in varied light, several processes at a time.

    A defective part is followed by its twin, the same part drawn without its defects.
    """
    per_seed, first, parts = settings.parts_per_seed, settings.first_seed, settings.parts
    spans = [(first + start // per_seed, min(per_seed, parts - start)) for start in range(0, parts, per_seed)]
    with worker_pool(workers) as pool:
        render = partial(_render, size=size, classes=tuple(classes), exposure=exposure, defects=settings.defects)
        for rendered in pool.map(render, spans):
            yield from rendered


def input_size(shapes: Sequence[tuple[int, int]], pixels_min: int, pixels_max: int) -> InputSize:
    """Return the input for pictures of these shapes (height, width): large enough for most, whole multiples of 32.

    Nine in ten pictures fit without being shrunk, unless that would take more than ``pixels_max`` pixels; small
    pictures are enlarged until the input has ``pixels_min``.
    """
    sides = np.array(shapes, np.float64)
    height, width = np.percentile(sides, 90, axis=0, method="inverted_cdf")
    scale = 1.0
    if height * width > pixels_max:
        scale = float(np.sqrt(pixels_max / (height * width)))
    elif height * width < pixels_min:
        scale = float(np.sqrt(pixels_min / (height * width)))
    rounded = [int(np.clip(np.ceil(side * scale / 32 - 1e-6) * 32, 64, 4096)) for side in (width, height)]
    return InputSize(width=rounded[0], height=rounded[1])


def _render(
    span: tuple[int, int], size: InputSize, classes: tuple[str, ...], exposure: Exposure | None, defects: float
) -> list[LabelledPicture]:
    """Return the first parts of one seed; ``span`` is the seed and how many."""
    seed, parts = span
    lighting = _LIGHTS[seed % len(_LIGHTS)]
    line = VirtualLine(VirtualParameters(seed=seed, defects=defects, lighting=lighting))
    pictures: list[LabelledPicture] = []
    for index in range(parts):
        part = line.render(index)
        pictures.append(_virtual(part, f"virtual/{seed}-{index}", seed, size, classes, exposure=exposure))
        if part.defects:
            clean = line.render(index, clean=True)
            pictures.append(_virtual(clean, f"virtual/{seed}-{index}-clean", seed, size, classes, exposure=exposure))
    return pictures


def _virtual(
    part: VirtualPart, name: str, seed: int, size: InputSize, classes: tuple[str, ...], *, exposure: Exposure | None
) -> LabelledPicture:
    prepared = prepare(part.image, size, PAD, exposure=exposure)
    labels = np.zeros((size.height, size.width), np.uint8)
    for defect in part.defects:
        value = 1 + classes.index(defect.category) if defect.category in classes else OTHER_DEFECT
        labels[_small(defect.mask, size) >= _MASK_LEVEL] = value
    boxes = tuple(
        LabelledBox(
            x=float(defect.box[0]),
            y=float(defect.box[1]),
            width=float(defect.box[2]),
            height=float(defect.box[3]),
            category=defect.category,
        )
        for defect in part.defects
    )
    entry = PictureEntry(
        index=0,
        name=name,
        group=f"virtual-{seed}",
        origin="virtual",
        truth="reject" if part.defects else "accept",
        boxes=boxes,
        geometry=prepared.geometry,
        quality=frame_quality(halved(part.image)),
        path=None,
    )
    return LabelledPicture(entry=entry, pixels=prepared.pixels, labels=labels)


def _mask(folder: Path, entry: DatasetImage, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return the picture's mask; None without a file, or where it is empty and there are no boxes either.

    Without a mask boxes are taken whole, which teaches coarser outlines.
    """
    path = (folder / "masks" / entry.file).with_suffix(".png")
    if not path.is_file():
        return None
    mask = read_mask(path)
    if mask.shape != shape:
        raise DatasetError(f"{path}: no grey mask of {shape[1]} x {shape[0]} pixels; export the masks again")
    return mask if mask.any() or entry.boxes else None


def _window(box: LabelledBox) -> tuple[slice, slice]:
    x, y, width, height = (round(value) for value in (box.x, box.y, box.width, box.height))
    return slice(max(y, 0), max(y + max(height, 1), 0)), slice(max(x, 0), max(x + max(width, 1), 0))


def _small(mask: NDArray[np.uint8], size: InputSize) -> NDArray[np.uint8]:
    """Return the mask in the network's input, through the pictures' own geometry."""
    return prepare(mask, InputSize(width=size.width, height=size.height, colour=False), 0).pixels[:, :, 0]


def _reserve(folder: Path) -> None:
    """Take the disk's space now: a full disk under a mapped file would kill the process."""
    for name in ("pixels.npy", "labels.npy"):
        with (folder / name).open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, (folder / name).stat().st_size)
