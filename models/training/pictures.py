"""Training pictures in memory: the network's own input and, beside it, which class lies where."""

import hashlib
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.virtual import VirtualLine, VirtualParameters, VirtualPart
from edge.core.dataset import DatasetError, DatasetImage, LabelledBox, Truth, parse_dataset
from models.preprocess import Geometry, InputSize, prepare
from models.training.settings import TrainingSettings

PAD = 128
"""What surrounds a picture in the network's input: zero after normalisation, as the convolutions' own borders."""

IGNORED = 255
_MASK_LEVEL = 96
_LIGHTS = (1.0, 0.8, 1.25, 0.6, 1.0, 1.5)

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingPicture:
    """One picture.

    ``pixels`` is the network's input (height x width x 3 uint8); ``labels`` height x width uint8: 0 good, k the k-th
    class (from 1), 255 unknown. ``boxes`` are in pixels of the picture as taken, which ``geometry`` maps.
    """

    name: str
    group: str
    origin: Literal["photo", "virtual"]
    truth: Truth
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    boxes: tuple[LabelledBox, ...]
    geometry: Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSet:
    """Pictures of one source and the fingerprint of their files."""

    name: str
    pictures: tuple[TrainingPicture, ...]
    sha256: str


def normalise(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (x - 128) / 128 as the float network expects it, in the shape given."""
    return (pixels.astype(np.float32) - 128.0) / 128.0


def load_photos(folder: Path, settings: TrainingSettings, progress: Progress) -> PictureSet:
    """Load a COCO folder with ``masks/`` (255 on defects; one file for each picture with boxes, named as it, .png).

    Raises:
        DatasetError: The annotations are malformed, a picture or its mask cannot be read, or a category is not one of
            the settings' classes.
    """
    annotations = folder / "annotations.json"
    dataset = parse_dataset(_read(annotations).decode("utf-8", "replace"))
    unknown = {box.category for entry in dataset.images for box in entry.boxes if not box.ignore}
    unknown -= set(settings.classes)
    if unknown:
        raise DatasetError(f"{annotations}: {sorted(unknown)} are not among the settings' classes {settings.classes}")
    pictures: list[TrainingPicture] = []
    hashes: list[str] = []
    for done, entry in enumerate(dataset.images):
        progress(f"photos {folder.name}", done, len(dataset.images))
        encoded = _read(folder / "images" / entry.file)
        hashes.append(hashlib.sha256(encoded).hexdigest())
        pictures.append(_photo(folder, entry, encoded, settings))
    return PictureSet(name=folder.name, pictures=tuple(pictures), sha256=_fingerprint(hashes))


def _photo(folder: Path, entry: DatasetImage, encoded: bytes, settings: TrainingSettings) -> TrainingPicture:
    size = InputSize(width=settings.width, height=settings.height)
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if image is None:
        raise DatasetError(f"{folder / 'images' / entry.file}: cannot be decoded; replace it or take it off the list")
    prepared = prepare(image, size, PAD)
    labels = np.zeros((settings.height, settings.width), np.uint8)
    if entry.boxes:
        mask = _read_mask(folder / "masks" / Path(entry.file).with_suffix(".png"), image.shape[:2])
        for box in entry.boxes:
            x, y, width, height = (round(value) for value in (box.x, box.y, box.width, box.height))
            window = np.s_[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
            region = np.zeros_like(mask)
            region[window] = 255 if box.ignore else mask[window]
            value = IGNORED if box.ignore else 1 + settings.classes.index(box.category)
            labels[_small(region, size) >= _MASK_LEVEL] = value
    return TrainingPicture(
        name=entry.file,
        group=entry.group or entry.file,
        origin="photo",
        truth=entry.truth,
        pixels=prepared.pixels,
        labels=labels,
        boxes=entry.boxes,
        geometry=prepared.geometry,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; name a folder with images/, masks/, annotations.json") from error


def load_virtual(first_seed: int, count: int, settings: TrainingSettings, progress: Progress) -> PictureSet:
    """Render ``count`` parts of the virtual line, a few of each seed from ``first_seed`` on, in varied light.

    A defective part is followed by its twin, the same part drawn without its defects.
    """
    per_seed = settings.virtual.parts_per_seed
    spans = [(first_seed + start // per_seed, min(per_seed, count - start)) for start in range(0, count, per_seed)]
    pictures: list[TrainingPicture] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(settings.workers, mp_context=spawn) as pool:
        for number, rendered in enumerate(pool.map(partial(_render, settings=settings), spans)):
            progress("virtual line", number * per_seed, count)
            pictures += rendered
    hashes = [hashlib.sha256(picture.pixels.tobytes()).hexdigest() for picture in pictures]
    name = f"virtual line, {count} parts of the seeds from {first_seed}"
    return PictureSet(name=name, pictures=tuple(pictures), sha256=_fingerprint(hashes))


def _render(span: tuple[int, int], settings: TrainingSettings) -> list[TrainingPicture]:
    """Return the first parts of one seed; ``span`` is the seed and how many."""
    seed, parts = span
    line = VirtualLine(
        VirtualParameters(seed=seed, defects=settings.virtual.defects, lighting=_LIGHTS[seed % len(_LIGHTS)])
    )
    pictures: list[TrainingPicture] = []
    for index in range(parts):
        part = line.render(index)
        pictures.append(_virtual_picture(part, f"virtual-{seed}-{index}", settings))
        if part.defects:
            clean = line.render(index, clean=True)
            pictures.append(_virtual_picture(clean, f"virtual-{seed}-{index}-clean", settings))
    return pictures


def _virtual_picture(part: VirtualPart, name: str, settings: TrainingSettings) -> TrainingPicture:
    size = InputSize(width=settings.width, height=settings.height)
    prepared = prepare(part.image, size, PAD)
    labels = np.zeros((settings.height, settings.width), np.uint8)
    for defect in part.defects:
        labels[_small(defect.mask, size) >= _MASK_LEVEL] = 1 + settings.classes.index(defect.category)
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
    return TrainingPicture(
        name=name,
        group=f"virtual-{part.model}",
        origin="virtual",
        truth="reject" if part.defects else "accept",
        pixels=prepared.pixels,
        labels=labels,
        boxes=boxes,
        geometry=prepared.geometry,
    )


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != shape:
        raise DatasetError(f"{path}: no grey mask of {shape[1]} x {shape[0]} pixels; a defective picture needs one")
    return np.asarray(mask, np.uint8)


def _small(mask: NDArray[np.uint8], size: InputSize) -> NDArray[np.uint8]:
    """Return the mask in the network's input, through the pictures' own geometry."""
    return prepare(mask, InputSize(width=size.width, height=size.height, colour=False), 0).pixels[:, :, 0]


def _fingerprint(hashes: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
