"""The judge of a commissioned view: the bundle's network, read by the rules that its product's goods have set."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Limits
from models.bundle.manifest import Calibration, Manifest
from models.commissioning.reference import Floats, lowered
from models.commissioning.rules import Rules
from models.detector import Detection, Detector, Reading
from models.novelty import Vector, distance
from models.postprocess import extract_boxes, probability, top_mean
from models.preprocess import Region
from models.quantisation import Quantisation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """What a picture looks like to the network, as far as rules go by it.

    ``defect`` is the map's defect channel as stored, ``embedding`` and ``summary`` are a reading's; ``novelty`` is the
    bundle's own. The three are None where the bundle has no such thing.
    """

    defect: NDArray[np.int8]
    embedding: Floats | None
    summary: Vector | None
    novelty: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinion:
    """What the rules make of a picture.

    ``defect`` is the channel with what belongs on the part lowered; ``logit`` the picture's, offset included; ``score``
    its probability (0-1); ``novelty`` is 1 at the limit, None where nothing tells it.
    """

    defect: NDArray[np.int8]
    logit: float
    score: float
    novelty: float | None


def looks(detector: Detector, reading: Reading) -> Looks:
    """Take from a reading what rules go by."""
    return Looks(
        defect=np.ascontiguousarray(reading.logits[:, :, 0]),
        embedding=reading.embedding,
        summary=reading.summary,
        novelty=detector.novelty(reading),
    )


def opinion(seen: Looks, rules: Rules, calibration: Calibration, quantisation: Quantisation) -> Opinion:
    """Judge what a picture looks like by the rules of a view."""
    defect = seen.defect
    if rules.reference is not None and seen.embedding is not None:
        defect = lowered(defect, seen.embedding, rules.reference, quantisation)
    logit = quantisation.real(top_mean(defect, calibration.top_cells)) + rules.offset
    return Opinion(defect=defect, logit=logit, score=probability(logit, calibration), novelty=_novelty(seen, rules))


class CommissionedDetector:
    """A detector and the rules of one view; a judge of pictures as the detector is. Used by one thread at a time."""

    def __init__(self, detector: Detector, rules: Rules) -> None:
        """Join a loaded bundle and rules that were made for it."""
        self._detector = detector
        self._rules = rules
        self._manifest = shifted(detector.bundle.manifest, rules.offset)

    @property
    def limits(self) -> Limits:
        """The limits that the view was commissioned with."""
        return self._rules.limits

    def inspect(
        self, image: NDArray[np.uint8], roi: Region | None = None, half: NDArray[np.uint8] | None = None
    ) -> Detection:
        """Judge a picture; arguments and errors as of :meth:`Detector.inspect`."""
        reading = self._detector.read(image, roi, half)
        started = time.perf_counter_ns()
        quantisation, calibration = self._detector.quantisation, self._detector.bundle.manifest.calibration
        found = opinion(looks(self._detector, reading), self._rules, calibration, quantisation)
        logits = reading.logits.copy()
        logits[:, :, 0] = found.defect
        boxes = extract_boxes(logits, quantisation, self._manifest, reading.geometry)
        return Detection(
            score=found.score,
            boxes=boxes,
            preprocess_ns=reading.preprocess_ns,
            invoke_ns=reading.invoke_ns,
            postprocess_ns=time.perf_counter_ns() - started,
            novelty=found.novelty,
        )


def _novelty(seen: Looks, rules: Rules) -> float | None:
    """Return the product's own novelty, or the greater of it and the bundle's where nothing may be laxer."""
    own = rules.novelty
    if own is None or seen.summary is None:
        return seen.novelty
    told = distance(seen.summary, own.centre, own.precision) / own.limit
    if rules.lenient or seen.novelty is None:
        return told
    return float(np.maximum(told, seen.novelty))  # NaN stays NaN


def shifted(manifest: Manifest, offset: float) -> Manifest:
    """Return the manifest whose boxes are found and scored as if ``offset`` were added to every logit."""
    calibration, boxes = manifest.calibration, manifest.boxes
    return manifest.model_copy(
        update={
            "calibration": calibration.model_copy(
                update={"intercept": calibration.intercept + calibration.slope * offset}
            ),
            "boxes": boxes.model_copy(
                update={"grow_logit": boxes.grow_logit - offset, "peak_logit": boxes.peak_logit - offset}
            ),
        }
    )
