"""The detector: a bundle made ready to judge pictures."""

import time
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.bundle import Bundle
from models.postprocess import LogitMap, extract_boxes, picture_score
from models.preprocess import InputSize, Prepared, Region, prepare, to_int8
from models.quantisation import Quantisation
from models.runtime import Runtime

_WARM_UP_RUNS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What the model says of one picture.

    ``score`` is the calibrated defect probability (0-1); ``boxes`` are in pixels of the picture handed in (also with a
    region of interest), the strongest first; the times are in nanoseconds.
    """

    score: float
    boxes: tuple[Box, ...]
    preprocess_ns: int
    invoke_ns: int
    postprocess_ns: int


class Detector:
    """One bundle loaded into the interpreter. Used by one thread at a time."""

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        """Join a bundle and its loaded network; :meth:`load` does both."""
        self.bundle = bundle
        self._runtime = runtime
        source = bundle.manifest.input
        self._size = InputSize(width=source.width, height=source.height, colour=source.colour == "bgr")

    @classmethod
    def load(cls, bundle: Bundle, threads: int = 2) -> Self:
        """Load a bundle's network and run it until it is warm.

        Raises:
            ModelError: The network cannot be loaded or does not fit the manifest.
        """
        detector = cls(bundle, Runtime(bundle.model, bundle.manifest, threads))
        blank = np.zeros((bundle.manifest.input.height, bundle.manifest.input.width, 3), np.uint8)
        for _ in range(_WARM_UP_RUNS):
            detector.inspect(blank)
        return detector

    @property
    def quantisation(self) -> Quantisation:
        """How the map of :meth:`logit_map` stores logits."""
        return self._runtime.output

    def inspect(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> Detection:
        """Judge a picture: height x width x 3 (BGR) or grey, uint8, of any size; ``roi`` is x, y, width, height.

        ``half`` is the picture at exactly half its size (the mean of 2 x 2 pixels), where it is known already.

        Raises:
            PictureError: It is no picture, or the region is not inside it.
            ModelError: The network failed.
        """
        started = time.perf_counter_ns()
        prepared = self.prepare(image, roi, half)
        entrance = to_int8(prepared.pixels)
        prepared_at = time.perf_counter_ns()
        stored = self._runtime.invoke(entrance)
        invoked_at = time.perf_counter_ns()
        manifest = self.bundle.manifest
        score = picture_score(stored, self.quantisation, manifest.calibration)
        boxes = extract_boxes(stored, self.quantisation, manifest, prepared.geometry)
        return Detection(
            score=score,
            boxes=boxes,
            preprocess_ns=prepared_at - started,
            invoke_ns=invoked_at - prepared_at,
            postprocess_ns=time.perf_counter_ns() - invoked_at,
        )

    def logit_map(self, image: NDArray[np.uint8], roi: Region | None = None) -> LogitMap:
        """Return the network's map as stored (see :attr:`quantisation`); raises as :meth:`inspect`."""
        return self._runtime.invoke(to_int8(self.prepare(image, roi).pixels))

    def prepare(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> Prepared:
        """Return the network's input for a picture, and its geometry; raises :class:`PictureError`."""
        return prepare(image, self._size, self.bundle.manifest.input.pad, roi, half)
