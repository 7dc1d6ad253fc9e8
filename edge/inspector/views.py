"""A view made ready: its bundle, commissioned file and catalogue read, checked, and joined to the judge of pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.core.quality import QualityLimits
from edge.core.types import Limits
from edge.inspector.catalogue import ViewSettings, load_catalogue
from edge.inspector.judging import Judge, Roi
from models.bundle import Bundle, read_bundle
from models.bundle.manifest import RiskClaim
from models.catalogue import CatalogueDetector, CatalogueError, StoredCatalogue
from models.commissioning import (
    CommissionedDetector,
    CommissionedFileError,
    StoredCommissioning,
    claim_in_force,
    read_commissioned,
    refusals,
)
from models.detector import Detector, no_pause
from models.golden import verify_golden


class RecipeError(Exception):
    """A recipe cannot be made ready; the message names recipe, view and what to do."""


class UnsafeRecipeError(RecipeError):
    """A recipe asks for what a station must not do (a laxer limit, an unproven model on a live line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewFiles:
    """What a view is judged by, before any of it is read; ``roi`` is x, y, width, height in pixels."""

    camera: str
    bundle: Path
    commissioned: Path | None = None
    catalogue: Path | None = None
    roi: Roi | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedView:
    """One view of a recipe with all that judging its picture takes.

    ``file`` is the bundle's. ``commissioned`` and ``catalogue`` are the files as read, None without one. ``claim`` is
    the risk that is claimed for the view as it is judged, None where none is. ``network`` is the bundle's own detector,
    without what commissioned file and catalogue make of it: what the golden pictures are tried on.
    """

    camera: str
    roi: Roi | None
    limits: Limits
    quality: QualityLimits
    bundle: Bundle
    detector: Judge
    file: Path | None = None
    network: Detector | None = None
    commissioned: StoredCommissioning | None = None
    catalogue: StoredCatalogue | None = None
    claim: RiskClaim | None = None

    @property
    def excuses(self) -> bool:
        """Whether a catalogue accepts what the bundle does not."""
        return self.catalogue is not None and self.catalogue.content.excuses

    @property
    def file_hashes(self) -> tuple[str, ...]:
        """The SHA-256 of the commissioned file, then that over the catalogue and its limit samples; of what is there.

        In lower-case hex.
        """
        return tuple(stored.sha256 for stored in (self.commissioned, self.catalogue) if stored is not None)


class Shelf:
    """Bundles, each read, loaded and tested with its golden pictures once, however many views use it.

    Not tested without ``prove``. ``pause`` is called before each step of some length.
    """

    def __init__(self, *, prove: bool = True, pause: Callable[[], None] = no_pause) -> None:
        self.prove = prove
        self.pause = pause
        self._detectors: dict[Path, Detector] = {}

    def detector(self, path: Path) -> Detector:
        """Return a bundle's detector.

        Raises:
            ModelError: The file is missing or wrong, or does not reproduce its golden outputs on this machine.
        """
        if path not in self._detectors:
            self.pause()
            bundle = read_bundle(path)
            detector = Detector.load(bundle, pause=self.pause)
            if self.prove:
                verify_golden(bundle, detector, self.pause)
            self._detectors[path] = detector
        return self._detectors[path]


def as_given(limits: Limits) -> Limits:
    """Return the limits of bundle or commissioned file: nobody asks for stricter ones."""
    return limits


def load_view(
    files: ViewFiles, shelf: Shelf, limits: Callable[[Limits], Limits] = as_given, *, place: str = ""
) -> LoadedView:
    """Make a view ready.

    Args:
        files: What it is judged by.
        shelf: Where its bundle is found.
        limits: Gives those in force from those of commissioned file or bundle; raises ValueError where they are laxer.
        place: Which view it is, in front of every message.

    Raises:
        UnsafeRecipeError: A limit is laxer than its bundle's, a commissioned file is damaged, another view's or laxer
            than what it proves, a catalogue is wrong or not proved by its limit samples.
        ModelError: As :meth:`Shelf.detector`, or the network failed.
    """
    try:
        return _joined(files, shelf.detector(files.bundle), limits)
    except (_RefusedError, CatalogueError, CommissionedFileError) as error:
        raise UnsafeRecipeError(f"{place}{error}") from error


def trial_view(
    shelf: Shelf,
    bundle: Path,
    *,
    commissioned: Path | None = None,
    catalogue: Path | None = None,
    roi: Roi | None = None,
    view: str | None = None,
) -> LoadedView:
    """Make a view ready that no recipe names; ``roi`` and the view's name are the commissioned file's by default.

    Raises:
        UnsafeRecipeError, ModelError: As :func:`load_view`.
    """
    if commissioned is not None:
        try:
            origin = read_commissioned(commissioned).content.origin
        except CommissionedFileError as error:
            raise UnsafeRecipeError(str(error)) from error
        roi = origin.roi if roi is None else roi
        view = origin.view if view is None else view
    files = ViewFiles(camera=view or "", bundle=bundle, commissioned=commissioned, catalogue=catalogue, roi=roi)
    return load_view(files, shelf)


class _RefusedError(Exception):
    """Why a view must not be judged so."""


def _joined(files: ViewFiles, detector: Detector, limits: Callable[[Limits], Limits]) -> LoadedView:
    bundle = detector.bundle
    stored = _commissioned(files, bundle)
    content = stored.content if stored else None
    given = content.limits if content else bundle.manifest.decision.limits()
    try:
        in_force = limits(given)
    except ValueError as error:
        raise _RefusedError(str(error)) from error
    rules = content.rules() if content else None
    judge: Judge | CatalogueDetector = CommissionedDetector(detector, rules) if rules else detector
    catalogue = None
    if files.catalogue is not None:
        catalogue, judge = load_catalogue(
            files.catalogue, detector, ViewSettings(limits=in_force, roi=files.roi, rules=rules)
        )
    claim = claim_in_force(content, bundle) if content else bundle.manifest.decision.risk_claim
    return LoadedView(
        camera=files.camera,
        roi=files.roi,
        limits=in_force,
        quality=bundle.manifest.quality.limits(),
        bundle=bundle,
        detector=judge,
        file=files.bundle,
        network=detector,
        commissioned=stored,
        catalogue=catalogue,
        # No claimed risk covers what a catalogue accepts.
        claim=None if catalogue is not None and catalogue.content.excuses else claim,
    )


def _commissioned(files: ViewFiles, bundle: Bundle) -> StoredCommissioning | None:
    if files.commissioned is None:
        return None
    stored = read_commissioned(files.commissioned)
    for text in refusals(stored.content, bundle, camera=files.camera, roi=files.roi):
        raise _RefusedError(f"{files.commissioned}: {text}")
    return stored
