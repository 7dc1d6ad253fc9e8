"""From an int8 network and what was learnt about it to the bundle file."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle, Manifest, write_bundle
from models.bundle.manifest import (
    BoxExtraction,
    Calibration,
    Dataset,
    DecisionLimits,
    DefectClass,
    EmbeddingFormat,
    ExposureFormat,
    InputFormat,
    Novelty,
    OutputFormat,
    Quality,
    Tool,
)
from models.detector import Detector
from models.golden import expectation
from models.preprocess import Exposure
from models.training.embedding import COMPONENTS
from models.training.gathering import Gathered
from models.training.network import EMBEDDING_STRIDE, OUTPUT_STRIDE
from models.training.pictures import PAD
from models.training.settings import TrainingSettings

_TOOLS = ("torch", "litert-torch", "ai-edge-quantizer", "ai-edge-litert", "numpy", "opencv-python-headless")
_GOLDEN_QUALITY = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What training found out beside the network itself."""

    calibration: Calibration
    decision: DecisionLimits
    boxes: BoxExtraction
    quality: Quality
    teacher: str | None


def make_manifest(
    settings: TrainingSettings,
    findings: Findings,
    gathered: Gathered,
) -> Manifest:
    """Return the manifest of a bundle of these settings; its members are listed when it is written."""
    return Manifest(
        schema_version=1,
        name=settings.name,
        version=settings.version,
        product=settings.product,
        input=InputFormat(
            width=gathered.size.width,
            height=gathered.size.height,
            colour="bgr",
            rectify="none",
            resize="fit",
            pad=PAD,
            normalisation="(x-128)/128",
            exposure=_exposure_format(gathered.exposure),
        ),
        output=OutputFormat(
            stride=OUTPUT_STRIDE,
            channel_classes=tuple(range(1, len(gathered.classes) + 1)),
            embedding=EmbeddingFormat(stride=EMBEDDING_STRIDE, channels=COMPONENTS),
        ),
        classes=tuple(DefectClass(id=number, name=name) for number, name in enumerate(gathered.classes, 1)),
        calibration=findings.calibration,
        decision=findings.decision,
        boxes=findings.boxes,
        quality=findings.quality,
        datasets=tuple(Dataset(name=one.name, pictures=one.pictures, sha256=one.sha256) for one in gathered.sources),
        parent=None,
        teacher=findings.teacher,
        tools=tuple(Tool(name=name, version=importlib.metadata.version(name)) for name in _TOOLS),
        members=(),
    )


def _exposure_format(exposure: Exposure | None) -> ExposureFormat | None:
    if exposure is None:
        return None
    return ExposureFormat(level=exposure.level, gain_min=exposure.gain_min, gain_max=exposure.gain_max)


def loaded(manifest: Manifest, model: bytes, threads: int) -> Detector:
    """Return a detector of a bundle that is not written yet; its hash is the network's."""
    bundle = Bundle(
        sha256=hashlib.sha256(model).hexdigest(),
        manifest=manifest,
        model=model,
        golden=(),
        metrics="{}",
        report="",
        card="",
    )
    return Detector.load(bundle, threads)


def with_novelty(detector: Detector, novelty: Novelty) -> Detector:
    """Return the detector with what its training's pictures look like."""
    manifest = detector.bundle.manifest.model_copy(update={"novelty": novelty})
    return loaded(manifest, detector.bundle.model, threads=2)


def write(
    path: Path,
    detector: Detector,
    golden: Sequence[NDArray[np.uint8]],
    metrics: Mapping[str, object],
    texts: tuple[str, str],
) -> Bundle:
    """Write the bundle: ``golden`` are pictures (BGR), ``texts`` the model card and the HTML report.

    Raises:
        BundleError: The contents break the format, or the file cannot be written.
    """
    members: dict[str, bytes] = {"model.tflite": detector.bundle.model}
    expected = []
    for number, picture in enumerate(golden, 1):
        name = f"golden/{number:02d}.jpg"
        members[name] = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _GOLDEN_QUALITY])[1].tobytes()
        expected.append(expectation(name, members[name], detector).model_dump(mode="json"))
    members["golden/expected.json"] = as_json({"golden": expected})
    members["metrics.json"] = as_json(metrics)
    members["MODEL_CARD.md"] = texts[0].encode()
    members["report.html"] = texts[1].encode()
    return write_bundle(path, detector.bundle.manifest, members)


def as_json(value: object) -> bytes:
    """Return a value as the bundle's JSON members are written."""
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"
