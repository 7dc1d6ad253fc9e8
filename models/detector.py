"""The detector: a bundle made ready to judge pictures."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Box
from models.bundle import Bundle
from models.novelty import Vector, covered, distance, summarise
from models.postprocess import LogitMap, extract_boxes, picture_score
from models.preprocess import Geometry, InputSize, Prepared, Region, prepare, to_int8
from models.quantisation import Quantisation
from models.runtime import Runtime

_WARM_UP_RUNS = 2


def no_pause() -> None:
    """Go on at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What the model says of one picture.

    ``score`` is the calibrated defect probability (0-1); ``boxes`` are in pixels of the picture handed in (also with a
    region of interest), the strongest first; the times are in nanoseconds. ``novelty`` is the picture's distance from
    those of the training in units of its limit: above 1 it is unlike all of them. None where the model does not tell.
    """

    score: float
    boxes: tuple[Box, ...]
    preprocess_ns: int
    invoke_ns: int
    postprocess_ns: int
    novelty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """What the network gave for one picture, before anything is made of it.

    ``logits`` is the map as stored (see :attr:`Detector.quantisation`); ``embedding`` holds real values, rows x columns
    x channels, None where the network has none; ``summary`` is that of :func:`models.novelty.summarise`. ``gain`` is
    by how much the picture was made brighter or darker first.
    """

    logits: LogitMap
    embedding: NDArray[np.float32] | None
    summary: Vector | None
    geometry: Geometry
    gain: float
    preprocess_ns: int
    invoke_ns: int


class Detector:
    """One bundle loaded into the interpreter; threads that use it at the same time wait for each other."""

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        """Join a bundle and its loaded network; :meth:`load` does both."""
        self.bundle = bundle
        self._runtime = runtime
        self._turn = threading.Lock()
        source = bundle.manifest.input
        self._size = InputSize(width=source.width, height=source.height, colour=source.colour == "bgr")
        self._exposure = source.exposure.exposure() if source.exposure else None
        # Pages that the kernel must hand out anew for every picture cost more than filling them.
        self._canvas = np.empty(self._size.shape, np.uint8)
        known = bundle.manifest.novelty
        self._centre = np.asarray(known.centre) if known else None
        self._precision = np.asarray(known.precision) if known else None

    @classmethod
    def load(cls, bundle: Bundle, threads: int = 2, pause: Callable[[], None] = no_pause) -> Self:
        """Load a bundle's network and run it until it is warm; ``pause`` is called before each step of some length.

        Raises:
            ModelError: The network cannot be loaded or does not fit the manifest.
        """
        pause()
        detector = cls(bundle, Runtime(bundle.model, bundle.manifest, threads))
        blank = np.zeros((bundle.manifest.input.height, bundle.manifest.input.width, 3), np.uint8)
        for _ in range(_WARM_UP_RUNS):
            pause()
            detector.inspect(blank)
        return detector

    @property
    def quantisation(self) -> Quantisation:
        """How the map of a reading stores logits."""
        return self._runtime.output

    @property
    def embedding_quantisation(self) -> Quantisation | None:
        """How the network stores its embedding; None where it has none."""
        return self._runtime.embedding

    def inspect(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> Detection:
        """Judge a picture: height x width x 3 (BGR) or grey, uint8, of any size; ``roi`` is x, y, width, height.

        ``half`` is the picture at exactly half its size (the mean of 2 x 2 pixels), where it is known already.

        Raises:
            PictureError: It is no picture, or the region is not inside it.
            ModelError: The network failed.
        """
        return self.interpret(self.read(image, roi, half))

    def read(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> Reading:
        """Run the network on a picture; arguments and errors as of :meth:`inspect`."""
        with self._turn:
            started = time.perf_counter_ns()
            return self._read(*self._entrance(image, roi, half), started)

    def read_prepared(self, prepared: Prepared) -> Reading:
        """Run the network on a picture that is its input already.

        Raises:
            ModelError: The network failed.
        """
        with self._turn:
            return self._read(to_int8(prepared.pixels), prepared, time.perf_counter_ns())

    def _read(self, entrance: NDArray[np.int8], prepared: Prepared, started: int) -> Reading:
        prepared_at = time.perf_counter_ns()
        outputs = self._runtime.invoke(entrance)
        invoked_ns = time.perf_counter_ns() - prepared_at
        embedding = self._real(outputs.embedding)
        return Reading(
            logits=outputs.logits,
            embedding=embedding,
            summary=self._summary(embedding, prepared.geometry),
            geometry=prepared.geometry,
            gain=prepared.gain,
            preprocess_ns=prepared_at - started,
            invoke_ns=invoked_ns,
        )

    def interpret(self, reading: Reading) -> Detection:
        """Return what a reading means by the bundle's own rules."""
        started = time.perf_counter_ns()
        manifest = self.bundle.manifest
        score = picture_score(reading.logits, self.quantisation, manifest.calibration)
        boxes = extract_boxes(reading.logits, self.quantisation, manifest, reading.geometry)
        novelty = self.novelty(reading)
        return Detection(
            score=score,
            boxes=boxes,
            preprocess_ns=reading.preprocess_ns,
            invoke_ns=reading.invoke_ns,
            postprocess_ns=time.perf_counter_ns() - started,
            novelty=novelty,
        )

    def novelty(self, reading: Reading) -> float | None:
        """Return how far a picture is from those of the training, 1 being the limit; None where the bundle is silent.

        NaN where the network's output makes no sense.
        """
        known = self.bundle.manifest.novelty
        if known is None or self._centre is None or self._precision is None or reading.summary is None:
            return None
        return distance(reading.summary, self._centre, self._precision) / known.limit

    def logit_map(self, pixels: NDArray[np.uint8]) -> LogitMap:
        """Return the map, as stored, of a picture that is the network's input already.

        Raises:
            ModelError: The network failed.
        """
        with self._turn:
            return self._runtime.invoke(to_int8(pixels)).logits

    def _entrance(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.int8], Prepared]:
        """Return the network's input for a picture, which lasts until the next one, and how the picture became it.

        Raises:
            PictureError: It is no picture, or the region is not inside it.
        """
        pad = self.bundle.manifest.input.pad
        prepared = prepare(image, self._size, pad, roi, half, exposure=self._exposure, canvas=self._canvas)
        return to_int8(prepared.pixels, in_place=True), prepared

    def _real(self, stored: NDArray[np.int8] | None) -> NDArray[np.float32] | None:
        rule = self._runtime.embedding
        if stored is None or rule is None:
            return None
        return (stored.astype(np.float32) - np.float32(rule.zero_point)) * np.float32(rule.scale)

    def _summary(self, embedding: NDArray[np.float32] | None, geometry: Geometry) -> Vector | None:
        format_ = self.bundle.manifest.output.embedding
        if embedding is None or format_ is None:
            return None
        return summarise(embedding, covered(geometry, format_.stride, (embedding.shape[0], embedding.shape[1])))
