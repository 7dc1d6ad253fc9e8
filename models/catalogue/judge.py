"""The judge of a view with a catalogue: what is found is measured, and what the catalogue accepts is left out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edge.core.policy import NOVELTY_LIMIT
from edge.core.types import Box, Limits
from models.catalogue.measure import UnmeasuredError, measure_blemish, region_length, slack
from models.catalogue.regions import LEFT_OUT_MARGIN, Cells, FoundRegion, NetworkView, find_regions, grown
from models.catalogue.rules import (
    Blemish,
    Ruling,
    Size,
    always_rejected,
    governing_all,
    longest_excused,
    rulings,
)
from models.catalogue.schema import Catalogue
from models.catalogue.zones import zones_touched
from models.commissioning.judge import looks, opinion, shifted
from models.commissioning.rules import Rules
from models.detector import Detection, Detector, Reading
from models.postprocess import extract_boxes, picture_score, probability, top_mean
from models.preprocess import Pixels, Region

REGIONS_MAX: Final = 24
"""In a picture with more boxes nothing is excused: it is no good part with a blemish or two."""
CERTAIN: Final = 1.0
"""The score of a picture, and of the box, that the catalogue rejects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRegion:
    """One box and what the catalogue makes of it.

    ``classes`` is every class that it may be, the box's own first. ``size`` is None where it is not measured;
    ``trouble`` then says why.
    """

    box: Box
    zones: tuple[str, ...]
    classes: tuple[str, ...]
    size: Size | None
    trouble: str | None
    ruling: Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the catalogue makes of a picture.

    ``plain`` is what would be said without it; ``remaining`` is the score without the accepted blemishes, None where
    there is none: it counts only where it earns an accept.
    """

    plain: Detection
    detection: Detection
    regions: tuple[JudgedRegion, ...]
    remaining: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A region's own measures, before any rule."""

    zones: tuple[str, ...]
    size: Size | None
    trouble: str | None


_Regions = Sequence[tuple[FoundRegion, JudgedRegion]]


class CatalogueDetector:
    """A detector, the rules of a commissioned view if it has any, and a catalogue; a judge of pictures as they are.

    Used by one thread at a time.
    """

    def __init__(self, detector: Detector, catalogue: Catalogue, limits: Limits, rules: Rules | None = None) -> None:
        """Join what was made for each other; ``limits`` are those in force."""
        self._detector = detector
        self._catalogue = catalogue
        self._limits = limits
        self._rules = rules
        manifest = detector.bundle.manifest
        self._manifest = shifted(manifest, rules.offset) if rules else manifest

    def inspect(self, image: Pixels, roi: Region | None = None, half: Pixels | None = None) -> Detection:
        """Judge a picture; arguments and errors as of :meth:`Detector.inspect`.

        The boxes of accepted blemishes stay in the detection: only its score is that of the rest of the picture.
        """
        return self._judge(image, self._detector.read(image, roi, half), thorough=False).detection

    def assess(self, image: Pixels, roi: Region | None = None, half: Pixels | None = None) -> Assessment:
        """Judge a picture as :meth:`inspect` does and say why, with measures also of what no rule could accept."""
        return self._judge(image, self._detector.read(image, roi, half), thorough=True)

    def _judge(self, image: Pixels, reading: Reading, *, thorough: bool) -> Assessment:
        started = time.perf_counter_ns()
        view, plain = self._plain(reading)
        detection = self._always_rejected(image, view, plain)
        wanted = detection is None and plain.score >= self._limits.accept_below and self._may_excuse(plain)
        regions = self._regions(image, view, plain, thorough=thorough) if wanted or thorough else ()
        remaining = self._remaining(view, [region for region, judged in regions if judged.ruling.excused])
        if wanted and remaining is not None and remaining < self._limits.accept_below:
            detection = replace(plain, score=remaining)
        taken = time.perf_counter_ns() - started
        return Assessment(
            plain=plain,
            detection=replace(detection or plain, postprocess_ns=taken),
            regions=tuple(judged for _, judged in regions),
            remaining=remaining,
        )

    def _plain(self, reading: Reading) -> tuple[NetworkView, Detection]:
        """Return the picture as the bundle, or the commissioned view, understands it."""
        quantisation, manifest = self._detector.quantisation, self._manifest
        logits = reading.logits
        if self._rules is None:
            score, novelty = picture_score(logits, quantisation, manifest.calibration), self._detector.novelty(reading)
        else:
            own = self._detector.bundle.manifest.calibration
            told = opinion(looks(self._detector, reading), self._rules, own, quantisation)
            logits = logits.copy()
            logits[:, :, 0] = told.defect
            score, novelty = told.score, told.novelty
        view = NetworkView(
            logits=logits, quantisation=quantisation, manifest=manifest, geometry=reading.geometry, gain=reading.gain
        )
        plain = Detection(
            score=score,
            boxes=extract_boxes(logits, quantisation, manifest, reading.geometry),
            preprocess_ns=reading.preprocess_ns,
            invoke_ns=reading.invoke_ns,
            postprocess_ns=0,
            novelty=novelty,
        )
        return view, plain

    def _may_excuse(self, plain: Detection) -> bool:
        return self._catalogue.excuses and not novel(plain.novelty) and 0 < len(plain.boxes) <= REGIONS_MAX

    def _always_rejected(self, image: Pixels, view: NetworkView, plain: Detection) -> Detection | None:
        """Return the detection of a picture in which a box is always rejected; None where there is none."""
        if not any(rule.always_reject for rule in self._catalogue.rule):
            return None
        frame = self._frame(image, view)
        rejected = [
            always_rejected(self._catalogue, zones_touched(self._catalogue, frame, box), (box.category,), box.score)
            for box in plain.boxes
        ]
        if not any(rejected):
            return None
        boxes = [replace(box, score=CERTAIN) if one else box for box, one in zip(plain.boxes, rejected, strict=True)]
        return replace(plain, score=CERTAIN, boxes=tuple(sorted(boxes, key=lambda box: -box.score)))

    def _regions(self, image: Pixels, view: NetworkView, plain: Detection, *, thorough: bool) -> _Regions:
        found = find_regions(view, plain.boxes)
        measured = [self._measured(image, view, region, thorough=thorough) for region in found]
        blemishes = [
            Blemish(zones=known.zones, classes=region.classes, size=known.size)
            for region, known in zip(found, measured, strict=True)
        ]
        told = rulings(self._catalogue, blemishes)
        return tuple(
            (region, _joined(region, known, ruling))
            for region, known, ruling in zip(found, measured, told, strict=True)
        )

    def _measured(self, image: Pixels, view: NetworkView, region: FoundRegion, *, thorough: bool) -> _Measured:
        zones = zones_touched(self._catalogue, self._frame(image, view), region.box)
        stride, geometry = view.manifest.output.stride, view.geometry
        if region.cells is None:
            return _Measured(zones=zones, size=None, trouble="two regions have the same box")
        if region.at_border:
            return _Measured(zones=zones, size=None, trouble="it touches the border of the picture")
        places = governing_all(self._catalogue, zones, region.classes)
        largest = 2.0 * longest_excused(self._catalogue, places or ()) + slack(geometry, stride)
        if not thorough and (places is None or region_length(region.cells, geometry, stride) > largest):
            return _Measured(zones=zones, size=None, trouble="no rule could accept it")
        try:
            size = measure_blemish(image, geometry, stride, region.cells, view.raised & ~region.cells)
        except UnmeasuredError as error:
            return _Measured(zones=zones, size=None, trouble=str(error))
        # In little light a blemish has fewer grey levels: what is accepted must not depend on the lamp.
        contrast = min(size.contrast * max(view.gain, 1.0), 1.0)
        return _Measured(zones=zones, size=replace(size, contrast=contrast), trouble=None)

    def _remaining(self, view: NetworkView, excused: Sequence[FoundRegion]) -> float | None:
        """Return the score of a picture without what is excused; None where nothing is, or too little is left."""
        cells: list[Cells] = [region.cells for region in excused if region.cells is not None]
        if not cells:
            return None
        own = np.logical_or.reduce(cells)
        others = view.raised & ~own
        kept = ~grown(own, LEFT_OUT_MARGIN) | others
        calibration = view.manifest.calibration
        if np.count_nonzero(kept) < calibration.top_cells:
            return None
        highest = top_mean(view.logits[:, :, 0][kept], calibration.top_cells)
        return probability(view.quantisation.real(highest), calibration)

    def _frame(self, image: Pixels, view: NetworkView) -> Region:
        """Return what the zones are fractions of, in pixels of the picture."""
        if self._catalogue.zones_in == "roi":
            return view.geometry.region
        return 0, 0, image.shape[1], image.shape[0]


def novel(novelty: float | None) -> bool:
    """Return whether a picture is unlike those that its judge knows, also where its novelty is no number."""
    return novelty is not None and not 0.0 <= novelty <= NOVELTY_LIMIT


def _joined(region: FoundRegion, known: _Measured, ruling: Ruling) -> JudgedRegion:
    return JudgedRegion(
        box=region.box,
        zones=known.zones,
        classes=region.classes,
        size=known.size,
        trouble=known.trouble,
        ruling=ruling,
    )
