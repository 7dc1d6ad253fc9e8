"""A network that is arithmetic: bundles that load, and pictures of which a test knows what it will say.

The logit of *any defect* is the red of a cell (128 is 0, 16 levels are one logit); the embedding is a coarse cell's
blue and green, their mean and their spread.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

from models.bundle import Bundle, Manifest, read_bundle
from models.bundle.writing import pack
from models.detector import Detector
from models.golden import expectation
from tests.support import bundles

WIDTH, HEIGHT = 256, 128
STRIDE, COARSE = 4, 16
CHANNELS = 4
LOGIT_SCALE, EMBEDDING_SCALE = 0.1, 0.05
EMBEDDED = {
    "input": {
        "width": WIDTH,
        "height": HEIGHT,
        "colour": "bgr",
        "rectify": "none",
        "resize": "fit",
        "pad": 128,
        "normalisation": "(x-128)/128",
    },
    "output": {
        "stride": STRIDE,
        "channel_classes": [2, 1],
        "embedding": {"stride": COARSE, "channels": CHANNELS},
    },
}
ALONE = {"input": EMBEDDED["input"], "output": {"stride": STRIDE, "channel_classes": [2, 1]}}


class ArithmeticInterpreter:
    """Stands in for the interpreter; the model's bytes say whether there is an embedding."""

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        self._outputs = [(1, HEIGHT // STRIDE, WIDTH // STRIDE, 3)]
        if model_content.startswith(b"embedding"):
            self._outputs.insert(0, (1, HEIGHT // COARSE, WIDTH // COARSE, CHANNELS))
        self._pixels = np.zeros((HEIGHT, WIDTH, 3))

    def allocate_tensors(self) -> None:
        pass

    def get_input_details(self) -> list[dict[str, object]]:
        return [details(0, (1, HEIGHT, WIDTH, 3), 1 / 128)]

    def get_output_details(self) -> list[dict[str, object]]:
        scales = {3: LOGIT_SCALE, CHANNELS: EMBEDDING_SCALE}
        return [details(1 + place, shape, scales[shape[3]]) for place, shape in enumerate(self._outputs)]

    def set_tensor(self, _index: int, pixels: np.ndarray) -> None:
        self._pixels = pixels[0].astype(np.float64) + 128

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> np.ndarray:
        return self._logits() if self._outputs[index - 1][3] == 3 else self._embedding()

    def _logits(self) -> np.ndarray:
        red = cells(self._pixels[:, :, 2], STRIDE).mean(axis=2)
        stored = np.rint((red - 128) / 16 / LOGIT_SCALE)
        return np.stack([stored, stored, stored - 20], axis=2).clip(-128, 127).astype(np.int8)[np.newaxis]

    def _embedding(self) -> np.ndarray:
        blue, green = (cells(self._pixels[:, :, channel], COARSE) for channel in (0, 1))
        features = [blue.mean(axis=2) - 128, green.mean(axis=2) - 128, blue.std(axis=2), green.std(axis=2)]
        stored = np.rint(np.stack(features, axis=2) / 32 / EMBEDDING_SCALE)
        return stored.clip(-128, 127).astype(np.int8)[np.newaxis]


def details(index: int, shape: tuple[int, ...], scale: float) -> dict[str, object]:
    return {"index": index, "shape": np.array(shape), "dtype": np.int8, "quantization": (scale, 0)}


def cells(channel: np.ndarray, side: int) -> np.ndarray:
    """Return rows x columns x the pixels of each cell."""
    rows, columns = channel.shape[0] // side, channel.shape[1] // side
    return channel.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)


def manifest(**changes: Any) -> Manifest:
    content = {
        "calibration": {
            "aggregation": "top_mean",
            "top_cells": 4,
            "slope": 1.0,
            "intercept": 0.0,
            "prior": 0.5,
            "good_logits": [-5.5, -5.0, -4.0],
        },
        "decision": {"accept_below": 0.1, "reject_above": 0.9, "risk_claim": None},
    }
    return bundles.manifest(**(EMBEDDED | content | changes))


def write(folder: Path, metrics: object = None, **changes: Any) -> Bundle:
    """Write a bundle whose golden picture is reproduced; needs :class:`ArithmeticInterpreter` in the runtime."""
    described = manifest(**changes)
    network = b"embedding" if described.output.embedding else b"alone"
    encoded = cv2.imencode(".png", part(0))[1].tobytes()
    content = bundles.members() | {"model.tflite": network, "golden/01.png": encoded}
    content |= {} if metrics is None else {"metrics.json": json.dumps(metrics).encode()}
    path = folder / described.file_name
    path.write_bytes(pack(described, content))
    golden = expectation("golden/01.png", encoded, Detector.load(read_bundle(path)))
    content["golden/expected.json"] = json.dumps({"golden": [golden.model_dump(mode="json")]}).encode()
    path.write_bytes(pack(described, content))
    return read_bundle(path)


def part(seed: int, *marks: tuple[int, int, Sequence[int]], size: int = 16) -> np.ndarray:
    """Draw a part of the network's size: dim noise, and square marks (row, column of a coarse cell, B, G, R)."""
    random = np.random.default_rng(seed)
    picture = random.integers(30, 70, (HEIGHT, WIDTH, 3), np.uint8)
    picture[:, :, 2] = random.integers(36, 48, (HEIGHT, WIDTH), np.uint8)
    for row, column, colour in marks:
        picture[row * COARSE : row * COARSE + size, column * COARSE : column * COARSE + size] = colour
    return picture


class PictureFolder:
    """A COCO folder that grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: list[dict[str, object]] = []
        self._boxes: list[dict[str, object]] = []
        (folder / "images").mkdir(parents=True)

    def add(self, file: str, picture: np.ndarray, verdict: str, **fields: object) -> Self:
        cv2.imwrite(str(self.folder / "images" / file), picture)
        self._entries.append({"id": len(self._entries), "file_name": file, "verdict": verdict, **fields})
        return self._written()

    def label(self, file: str, category: str, box: tuple[int, int, int, int]) -> Self:
        """Label a defect of a picture (x, y, width, height); a category's id is its name."""
        [identity] = [entry["id"] for entry in self._entries if entry["file_name"] == file]
        self._boxes.append({"image_id": identity, "category_id": category, "bbox": list(box)})
        return self._written()

    def _written(self) -> Self:
        names = dict.fromkeys(str(box["category_id"]) for box in self._boxes)
        content = {
            "images": self._entries,
            "annotations": self._boxes,
            "categories": [{"id": name, "name": name} for name in names],
        }
        (self.folder / "annotations.json").write_text(json.dumps(content))
        return self
