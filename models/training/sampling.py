"""Random training crops: geometry, light, and defects moved from one picture to another."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.pictures import IGNORED, PAD, TrainingPicture

_PASTE_SHARE = 0.4
_NEAR_DEFECT_SHARE = 0.6
_PATCH_MARGIN = 8
_PATCH_MAX = 260
_STRIDE = 4
_COVERED = 0.25
_PATCH_CELLS_MIN = 6
_HALF = 0.5
_BLUR_SHARE = 0.3
_SHARPEN_SHARE = 0.2
_NOISE_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A defect cut out with a margin: pixels h x w x 3 and labels h x w."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """``pixels`` N x H x W x 3 uint8; ``labels`` N x H/4 x W/4 uint8: class from 1, 0 good, 255 unknown."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def cut_patches(pictures: Sequence[TrainingPicture]) -> list[Patch]:
    """Cut every labelled defect of moderate size out of the pictures."""
    patches: list[Patch] = []
    for picture in pictures:
        known = ((picture.labels > 0) & (picture.labels != IGNORED)).astype(np.uint8)
        count, _, extents, _ = cv2.connectedComponentsWithStats(known, connectivity=8)
        for label in range(1, count):
            x, y, width, height = extents[label, :4].tolist()
            if max(width, height) > _PATCH_MAX or extents[label, 4] < _PATCH_CELLS_MIN:
                continue
            window = np.s_[
                max(y - _PATCH_MARGIN, 0) : y + height + _PATCH_MARGIN,
                max(x - _PATCH_MARGIN, 0) : x + width + _PATCH_MARGIN,
            ]
            patches.append(Patch(pixels=picture.pixels[window], labels=picture.labels[window]))
    return patches


class CropSampler:
    """Draws batches of crops from two pools, photos and virtual pictures, in a fixed share; seeded."""

    def __init__(
        self,
        photos: Sequence[TrainingPicture],
        virtual: Sequence[TrainingPicture],
        *,
        crop: int,
        real_share: float,
        seed: int,
    ) -> None:
        """Take the pools; either may be empty if the share never asks for it."""
        self._pools = (list(virtual), list(photos))
        self._by_group = [_by_group(pool) for pool in self._pools]
        self._patches = [cut_patches(pool) for pool in self._pools]
        self._crop = crop
        self._real_share = real_share
        self._random = np.random.default_rng(seed)

    def batch(self, size: int) -> Batch:
        """Return ``size`` crops; half of them show a defect, or nearly so."""
        crops = [self._one() for _ in range(size)]
        return Batch(pixels=np.stack([crop[0] for crop in crops]), labels=np.stack([crop[1] for crop in crops]))

    def _one(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        random = self._random
        real = int(random.random() < self._real_share)
        groups = self._by_group[real]
        sizes = np.array([len(group) for group in groups], np.float64)
        weights = np.sqrt(sizes)  # a phone with many pictures counts more, but not in proportion
        group = groups[random.choice(len(groups), p=weights / weights.sum())]
        picture = group[random.integers(len(group))]
        pixels, labels = self._window(picture)
        if random.random() < _PASTE_SHARE:
            pixels, labels = self._pasted(pixels, labels)
        return relight(pixels, random), stride_labels(labels)

    def _window(self, picture: TrainingPicture) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        random, crop = self._random, self._crop
        height, width = picture.labels.shape
        defect = np.flatnonzero((picture.labels > 0).ravel()) if random.random() < _NEAR_DEFECT_SHARE else np.empty(0)
        if defect.size:
            row, column = divmod(int(defect[random.integers(defect.size)]), width)
            centre = np.array([column, row]) + random.uniform(-0.4, 0.4, 2) * crop
        else:
            centre = np.array([random.uniform(0, width), random.uniform(0, height)])
        centre = np.clip(centre, 0.35 * crop, np.array([width, height]) - 0.35 * crop)  # mostly picture, some border
        scale = float(np.exp(random.uniform(np.log(0.7), np.log(1.45))))
        angle = np.deg2rad(random.normal(0.0, 4.0) + 180.0 * random.integers(2))
        flip = np.diag([1.0, 1.0 - 2.0 * random.integers(2)])
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ flip
        shift = np.array([crop / 2, crop / 2]) - turn @ centre
        matrix = np.column_stack([turn, shift])
        pixels = cv2.warpAffine(
            picture.pixels,
            matrix,
            (crop, crop),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(PAD, PAD, PAD),
        )
        labels = cv2.warpAffine(picture.labels, matrix, (crop, crop), flags=cv2.INTER_NEAREST)
        return pixels, labels

    def _pasted(
        self, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Paste a defect, or with equal chance good texture in a defect's outline, so that seams say nothing."""
        random = self._random
        banks = [bank for bank in self._patches if bank]
        if not banks:
            return pixels, labels
        bank = banks[random.integers(len(banks))]
        patch = _turned(bank[random.integers(len(bank))], random)
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
        outline = cv2.dilate((patch.labels > 0).astype(np.float32), np.ones((3, 3), np.uint8))
        alpha = cv2.GaussianBlur(outline, (0, 0), 1.2)[:, :, np.newaxis]
        ring = outline == 0
        target = pixels[window]
        level = target[ring].mean(axis=0) - source[ring].mean(axis=0) if ring.any() else np.zeros(3)
        moved = np.clip(source + level, 0, 255)
        pixels, labels = pixels.copy(), labels.copy()
        pixels[window] = np.rint(target * (1 - alpha) + moved * alpha).astype(np.uint8)
        labels[window] = np.where(painted > 0, painted, labels[window])
        return pixels, labels


def relight(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the crop in other light and through another camera: gain, colour, gamma, blur, noise."""
    levels = np.arange(256, dtype=np.float32) / 255.0
    gain = np.exp(random.normal(0.0, 0.22)) * np.exp(random.normal(0.0, 0.05, 3))
    curve = levels[:, np.newaxis] ** np.exp(random.normal(0.0, 0.15)) * gain + random.normal(0.0, 0.015)
    table = np.clip(np.rint(curve * 255.0), 0, 255).astype(np.uint8)
    lit = cv2.LUT(pixels, table.reshape(1, 256, 3))
    if random.random() < _BLUR_SHARE:
        lit = cv2.GaussianBlur(lit, (0, 0), random.uniform(0.3, 1.0))
    elif random.random() < _SHARPEN_SHARE:
        lit = cv2.addWeighted(lit, 1.5, cv2.GaussianBlur(lit, (0, 0), 1.0), -0.5, 0.0)
    if random.random() < _NOISE_SHARE:
        noise = random.standard_normal(lit.shape, np.float32) * random.uniform(0.5, 5.0)
        lit = np.clip(np.rint(lit + noise), 0, 255).astype(np.uint8)
    return lit


def stride_labels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduce labels to the network's cells: a class where it covers a quarter, unknown where it covers less."""
    height, width = labels.shape
    blocks = labels.reshape(height // _STRIDE, _STRIDE, width // _STRIDE, _STRIDE).swapaxes(1, 2)
    blocks = blocks.reshape(height // _STRIDE, width // _STRIDE, _STRIDE * _STRIDE)
    known = (blocks > 0) & (blocks != IGNORED)
    share = known.mean(axis=2)
    largest = np.where(known, blocks, 0).max(axis=2)
    result = np.where(share >= _COVERED, largest, 0).astype(np.uint8)
    result[(share < _COVERED) & (blocks > 0).any(axis=2)] = IGNORED
    return result


def _turned(patch: Patch, random: np.random.Generator) -> Patch:
    turns = int(random.integers(4))
    pixels, labels = np.rot90(patch.pixels, turns), np.rot90(patch.labels, turns)
    if random.random() < _HALF:
        pixels, labels = pixels[:, ::-1], labels[:, ::-1]
    return Patch(pixels=np.ascontiguousarray(pixels), labels=np.ascontiguousarray(labels))


def _by_group(pictures: Sequence[TrainingPicture]) -> list[list[TrainingPicture]]:
    groups: dict[str, list[TrainingPicture]] = {}
    for picture in pictures:
        groups.setdefault(picture.group, []).append(picture)
    return list(groups.values())
