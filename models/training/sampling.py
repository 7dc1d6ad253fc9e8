"""Random training crops: geometry, light, drawn defects, and defects moved from one picture to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.implants import GENERAL_KINDS, RENDERERS, implant
from models.training.lighting import relight, through_camera
from models.training.network import OUTPUT_STRIDE
from models.training.pictures import OTHER_DEFECT, PAD, UNKNOWN, PictureEntry, PictureStore
from models.training.settings import AugmentationSettings

_Kind = TypeVar("_Kind", np.uint8, np.float32)

NOT_TAUGHT: Final = -128
"""A teacher's cell that says nothing: the crop was changed there, or the teacher had seen the picture."""
_PATCH_MARGIN = 12
_PATCH_MAX = 400
_PATCH_PIXELS_MIN = 20
_COVERED = 0.08
_HALF = 0.5
_SECOND_IMPLANT_SHARE = 0.3
_SCALES = (0.75, 1.4)
_PLACES_MAX = 2000
_WEIGHTS = {"scratch": 3.0}  # from hairline to gouge: more to learn than the others have


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A defect cut out with a margin: pixels h x w x 3 and labels h x w."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """``pixels`` N x H x W x 3 uint8; ``labels`` N x H/8 x W/8 uint8; ``taught`` the teachers' defect logits there.

    Labels: class from 1, 0 good, ``OTHER_DEFECT``, ``UNKNOWN``. ``taught`` (float32) is ``NOT_TAUGHT`` where no teacher
    says anything.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    taught: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Crop:
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    taught: NDArray[np.float32]


class CropSampler:
    """Draws batches of crops from a store; the k-th batch depends on seed and k alone, so that a run can be resumed."""

    def __init__(
        self,
        store: PictureStore,
        entries: Sequence[PictureEntry],
        *,
        classes: Sequence[str],
        crop: int,
        settings: AugmentationSettings,
        seed: int,
        taught: Mapping[str, NDArray[np.float32]],
    ) -> None:
        """Take the entries to draw from and, by a picture's name, its teachers' map (H/8 x W/8 logits), if any."""
        self._store = store
        self._settings = settings
        self._crop = crop
        self._seed = seed
        self._taught = taught
        named = {kind: 1 + classes.index(kind) for kind in RENDERERS if kind in classes}
        # On any product a line, a spot or a bite out of an edge that was drawn at random does not belong there.
        self._kinds = {**dict.fromkeys(GENERAL_KINDS, OTHER_DEFECT), **named}
        pools = [[entry for entry in entries if entry.origin == origin] for origin in ("virtual", "photo")]
        self._by_group = [_by_group(pool) for pool in pools]
        self._real_share = settings.real_share if all(pools) else float(bool(pools[1]))
        self._defects = {entry.index: _defect_pixels(store.labels[entry.index]) for entry in entries}
        shares = (1.0 - self._real_share, self._real_share)
        self._patches = [cut_patches(store, pool) if share else [] for share, pool in zip(shares, pools, strict=True)]

    def batch(self, number: int, size: int) -> Batch:
        """Return the ``number``-th batch of ``size`` crops; many show a defect."""
        random = np.random.default_rng([self._seed, number])
        crops = [self._one(random) for _ in range(size)]
        return Batch(
            pixels=np.stack([crop.pixels for crop in crops]),
            labels=np.stack([crop.labels for crop in crops]),
            taught=np.stack([crop.taught for crop in crops]),
        )

    def _one(self, random: np.random.Generator) -> _Crop:
        settings = self._settings
        groups = self._by_group[int(random.random() < self._real_share)]
        sizes = np.array([len(group) for group in groups], np.float64)
        weights = np.sqrt(sizes)  # a group with many pictures counts more, but not in proportion
        group = groups[random.choice(len(groups), p=weights / weights.sum())]
        pixels, labels, taught = self._window(group[random.integers(len(group))], random)
        if settings.relight:
            pixels = relight(pixels, random)
        original = pixels
        if random.random() < settings.blend_share:
            pixels, labels = self._blended(pixels, labels, random)
        if self._kinds and random.random() < settings.implant_share:
            for _ in range(1 + int(random.random() < _SECOND_IMPLANT_SHARE)):
                pixels, labels = self._implanted(pixels, labels, random)
        if pixels is not original:
            taught = np.where(_changed_cells(pixels, original), np.float32(NOT_TAUGHT), taught)
        if settings.relight:
            pixels = through_camera(pixels, random)
        return _Crop(pixels=pixels, labels=stride_labels(labels), taught=taught)

    def _window(
        self, entry: PictureEntry, random: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        crop = self._crop
        low, high = _picture_corners(entry)
        defect = self._defects[entry.index]
        if defect.size and random.random() < self._settings.near_defect_share:
            row, column = divmod(int(defect[random.integers(defect.size)]), self._store.labels.shape[2])
            centre = np.array([column, row]) + random.uniform(-0.4, 0.4, 2) * crop
        else:
            centre = random.uniform(low, high)
        inset = np.minimum(0.35 * crop, (high - low) / 2)  # mostly picture, some border
        centre = np.clip(centre, low + inset, high - inset)
        matrix = self._turned(centre, random)
        pixels = _warped(self._store.pixels[entry.index], matrix, crop, PAD)
        labels = _warped(self._store.labels[entry.index], matrix, crop, 0, cv2.INTER_NEAREST)
        cells = crop // OUTPUT_STRIDE
        known = self._taught.get(entry.name)
        if known is None:
            return pixels, labels, np.full((cells, cells), NOT_TAUGHT, np.float32)
        # In cells the centre of cell i lies at i + 1/2: the shift is scaled about that.
        scaled = matrix.copy()
        scaled[:, 2] = (
            matrix[:, 2] + matrix[:, :2] @ np.full(2, OUTPUT_STRIDE / 2) - OUTPUT_STRIDE / 2
        ) / OUTPUT_STRIDE
        return pixels, labels, _warped(known, scaled, cells, NOT_TAUGHT)

    def _turned(self, centre: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
        scale = float(np.exp(random.uniform(*np.log(_SCALES))))
        angle = np.deg2rad(random.normal(0.0, self._settings.angle) + 180.0 * random.integers(2))
        flip = np.diag([1.0, 1.0 - 2.0 * random.integers(2)])
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ flip
        return np.column_stack([turn, np.full(2, self._crop / 2) - turn @ centre])

    def _implanted(
        self, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        kinds = list(self._kinds)
        weights = np.array([_WEIGHTS.get(kind, 1.0) for kind in kinds])
        kind = kinds[random.choice(len(kinds), p=weights / weights.sum())]
        drawn = implant(pixels, kind, random)
        if drawn is None:
            return pixels, labels
        return drawn.pixels, np.where(drawn.mask, np.uint8(self._kinds[kind]), labels)

    def _blended(
        self, pixels: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Blend a defect in, or with equal chance good texture in a defect's outline, so that seams say nothing."""
        banks = [bank for bank in self._patches if bank]
        if not banks:
            return pixels, labels
        bank = banks[random.integers(len(banks))]
        patch = _turned_patch(bank[random.integers(len(bank))], random)
        height, width = patch.labels.shape
        if height >= self._crop or width >= self._crop:
            return pixels, labels
        row, column = int(random.integers(self._crop - height)), int(random.integers(self._crop - width))
        window = np.s_[row : row + height, column : column + width]
        source, painted = patch.pixels, patch.labels
        if random.random() < _HALF:
            other_row, other_column = random.integers(self._crop - height), random.integers(self._crop - width)
            elsewhere = np.s_[other_row : other_row + height, other_column : other_column + width]
            if labels[elsewhere].any() or labels[window].any():
                return pixels, labels
            source, painted = pixels[elsewhere], np.zeros_like(patch.labels)
        outline = cv2.dilate((patch.labels > 0).astype(np.float32), np.ones((5, 5), np.uint8))
        alpha = cv2.GaussianBlur(outline, (0, 0), 2.0)[:, :, np.newaxis]
        ring = outline == 0
        target = pixels[window]
        level = target[ring].mean(axis=0) - source[ring].mean(axis=0) if ring.any() else np.zeros(3)
        moved = np.clip(source + level, 0, 255)
        pixels, labels = pixels.copy(), labels.copy()
        pixels[window] = np.rint(target * (1 - alpha) + moved * alpha).astype(np.uint8)
        labels[window] = np.where(painted > 0, painted, labels[window])
        return pixels, labels


def cut_patches(store: PictureStore, entries: Sequence[PictureEntry]) -> list[Patch]:
    """Cut every labelled defect of moderate size out of the pictures."""
    patches: list[Patch] = []
    for entry in entries:
        if entry.truth == "accept":
            continue
        labels = store.labels[entry.index]
        known = ((labels > 0) & (labels != UNKNOWN)).astype(np.uint8)
        count, _, extents, _ = cv2.connectedComponentsWithStats(known, connectivity=8)
        for label in range(1, count):
            x, y, width, height = extents[label, :4].tolist()
            if max(width, height) > _PATCH_MAX or extents[label, 4] < _PATCH_PIXELS_MIN:
                continue
            window = np.s_[
                max(y - _PATCH_MARGIN, 0) : y + height + _PATCH_MARGIN,
                max(x - _PATCH_MARGIN, 0) : x + width + _PATCH_MARGIN,
            ]
            patches.append(Patch(pixels=store.pixels[entry.index][window].copy(), labels=labels[window].copy()))
    return patches


def stride_labels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce labels to the network's cells: a class where it covers 8 %, as a hairline does; unknown where less."""
    height, width = labels.shape
    side = OUTPUT_STRIDE
    blocks = labels.reshape(height // side, side, width // side, side).swapaxes(1, 2)
    blocks = blocks.reshape(height // side, width // side, side * side)
    known = (blocks > 0) & (blocks != UNKNOWN)
    share = known.mean(axis=2)
    largest = np.where(known, blocks, 0).max(axis=2)
    result = np.where(share >= _COVERED, largest, 0).astype(np.uint8)
    result[(share < _COVERED) & (blocks > 0).any(axis=2)] = UNKNOWN
    return result


def _warped(
    source: NDArray[_Kind], matrix: NDArray[np.float64], side: int, border: int, method: int = cv2.INTER_LINEAR
) -> NDArray[_Kind]:
    border_value = (border, border, border)
    return cv2.warpAffine(
        source, matrix, (side, side), flags=method, borderMode=cv2.BORDER_CONSTANT, borderValue=border_value
    )


def _picture_corners(entry: PictureEntry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last corner (x, y) of what the picture covers of the input."""
    geometry = entry.geometry
    low = np.array([geometry.left, geometry.top], np.float64)
    return low, low + np.array([geometry.region[2] * geometry.scale_x, geometry.region[3] * geometry.scale_y])


def _changed_cells(pixels: NDArray[np.uint8], original: NDArray[np.uint8]) -> NDArray[np.bool_]:
    changed = (pixels != original).any(axis=2)
    side = OUTPUT_STRIDE
    return changed.reshape(changed.shape[0] // side, side, changed.shape[1] // side, side).any(axis=(1, 3))


def _defect_pixels(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return places of defect pixels, thinned out: a crop needs one of them."""
    places = np.flatnonzero(((labels > 0) & (labels != UNKNOWN)).ravel())
    return places[:: max(places.size // _PLACES_MAX, 1)]


def _turned_patch(patch: Patch, random: np.random.Generator) -> Patch:
    turns = int(random.integers(4))
    pixels, labels = np.rot90(patch.pixels, turns), np.rot90(patch.labels, turns)
    if random.random() < _HALF:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    return Patch(pixels=np.ascontiguousarray(pixels), labels=np.ascontiguousarray(labels))


def _by_group(pictures: Sequence[PictureEntry]) -> list[list[PictureEntry]]:
    groups: dict[str, list[PictureEntry]] = {}
    for picture in pictures:
        groups.setdefault(picture.group, []).append(picture)
    return list(groups.values())
