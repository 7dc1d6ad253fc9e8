"""A catalogue made ready for a view: read, fitted to its bundle, and proved on its limit samples as on the line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from camera.source import Image
from edge.core.codes import describe
from edge.core.policy import judge_view
from edge.core.types import Decision, Limits
from edge.inspector.examine import examine
from edge.inspector.judging import Roi
from models.catalogue import (
    Assessment,
    CatalogueDetector,
    CatalogueError,
    JudgedSample,
    Sample,
    StoredCatalogue,
    misfits,
    read_catalogue,
    unproved,
)
from models.commissioning.rules import Rules
from models.detector import Detection, Detector


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """What else a view with a catalogue is judged by."""

    limits: Limits
    roi: Roi | None = None
    rules: Rules | None = None


def load_catalogue(path: Path, detector: Detector, settings: ViewSettings) -> tuple[StoredCatalogue, CatalogueDetector]:
    """Return a view's catalogue and the judge that goes by it.

    Raises:
        CatalogueError: It cannot be read or is wrong, belongs to another product, or its limit samples do not prove it;
            lists every fault.
        ModelError: The network failed.
    """
    stored, judge = fitted_catalogue(path, detector, settings)
    faults = tuple(unproved(stored.content, tuple(judge_samples(stored, judge, detector, settings))))
    if faults:
        raise CatalogueError("\n".join(f"{path}: {fault}" for fault in faults))
    return stored, judge


def fitted_catalogue(
    path: Path, detector: Detector, settings: ViewSettings
) -> tuple[StoredCatalogue, CatalogueDetector]:
    """Return a catalogue that fits its bundle, yet unproved, and its judge.

    Raises:
        CatalogueError: as :func:`load_catalogue`, but for the limit samples' verdicts.
    """
    stored = read_catalogue(path)
    faults = tuple(misfits(stored.content, detector.bundle.manifest))
    if faults:
        raise CatalogueError("\n".join(f"{path}: {fault}" for fault in faults))
    return stored, CatalogueDetector(detector, stored.content, settings.limits, settings.rules)


def judge_samples(
    stored: StoredCatalogue, judge: CatalogueDetector, detector: Detector, settings: ViewSettings
) -> Iterator[JudgedSample]:
    """Yield every limit sample of a catalogue as the line would judge it, in order."""
    for sample, path in zip(stored.content.sample, stored.samples, strict=True):
        try:
            image = read_image(path, ImageLimits())
        except CameraError as error:
            yield JudgedSample(sample=sample, decision=Decision.CANNOT_JUDGE, trouble=str(error))
        else:
            yield _judged(sample, image, judge, detector, settings)


class _Noting:
    """A judge that keeps why it said what it said."""

    def __init__(self, judge: CatalogueDetector) -> None:
        self._judge = judge
        self.last: Assessment | None = None

    def inspect(self, image: Image, roi: Roi | None = None, half: Image | None = None) -> Detection:
        self.last = self._judge.assess(image, roi, half)
        return self.last.detection


def _judged(
    sample: Sample, image: Image, judge: CatalogueDetector, detector: Detector, settings: ViewSettings
) -> JudgedSample:
    noting = _Noting(judge)
    quality = detector.bundle.manifest.quality.limits()
    found = examine(image, camera="", judge=noting, quality=quality, limits=settings.limits, roi=settings.roi)
    verdict = judge_view(found.judgement)
    fault = found.judgement.fault
    return JudgedSample(
        sample=sample,
        decision=verdict.decision,
        score=verdict.score,
        assessment=noting.last,
        trouble=found.failure or (describe(verdict.code) if fault else None),
    )
