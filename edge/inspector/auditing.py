"""The audit of a bundle on a folder of labelled pictures: every look at it, in order, and the report."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from edge.core.claims import parts_needed
from edge.core.dataset import Dataset
from edge.inspector.evaluation import (
    hash_pictures,
    judge_again,
    judge_dataset,
    measure_blobs,
    read_dataset,
    report_pictures,
)
from models.audit import Audit, Claim, Subject, audit_judgements, figures, render_report
from models.audit.answer import ESCAPE_LOOSEST
from models.audit.classical import judge_without_learning
from models.audit.incumbent import MARGIN, compare_bundles, judge_alike
from models.audit.people import read_people
from models.audit.subject import pictures_fingerprint
from models.audit.writing import write_report
from models.bundle import Bundle, read_bundle
from models.errors import BundleError
from models.evaluation import match_images

Item = TypeVar("Item")


class Progress(Protocol):
    """Shows how far a stage has come while its items pass through."""

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
        """Yield the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """What to audit and how.

    ``repeat`` is how often each picture is judged again with jitter, 0 for not at all; ``prior`` another share of
    defective parts (above 0, below 1) to restate counts at; ``margin`` as in :mod:`models.audit.incumbent`; ``date`` is
    printed as it is.
    """

    bundle: Path
    data: Path
    group: str | None = None
    incumbent: Path | None = None
    people: Path | None = None
    repeat: int = 0
    prior: float | None = None
    margin: float = MARGIN
    date: str = ""


def audit_bundle(request: AuditRequest, progress: Progress) -> Audit:
    """Judge the pictures by the bundle, by the classical detector and by the incumbent; nothing of these is refitted.

    Raises:
        DatasetError: The annotations cannot be read.
        ModelError: A bundle cannot be read or used, or the file of people's verdicts has faults.
    """
    bundle = read_bundle(request.bundle)
    incumbent = _incumbent(request.incumbent, bundle)
    dataset = read_dataset(request.data, request.group)
    opinions = read_people(request.people, {entry.file for entry in dataset.images}) if request.people else ()
    total = len(dataset.images)
    matched = match_images(progress(judge_dataset(request.data, dataset, bundle), total, "judging"))
    images = [one.image for one in matched]
    blobs = list(progress(measure_blobs(request.data, dataset), total, "classical detector"))
    shots = judge_again(request.data, images, bundle, request.repeat) if request.repeat else iter(())
    comparison = None
    if incumbent is not None:
        others = match_images(progress(judge_dataset(request.data, dataset, incumbent), total, "incumbent"))
        comparison = compare_bundles(
            images,
            [one.image for one in others],
            label=incumbent.label,
            alike=judge_alike(bundle, incumbent),
            margin=request.margin,
        )
    return audit_judgements(
        matched,
        bundle.manifest.decision.limits(),
        _subject(request, bundle, dataset),
        classical=judge_without_learning(dataset.images, blobs),
        comparison=comparison,
        opinions=opinions,
        jitter=list(progress(shots, total, "judging again")),
        prior=request.prior,
    )


def write_audit(audit: Audit, data: Path, folder: Path) -> None:
    """Write an audit's ``report.html`` and ``metrics.json``, with pictures of ``data``, into a folder.

    Raises:
        ReportError: They cannot be written.
    """
    pictures = report_pictures(data, [*audit.escapes.pictures, *audit.overkills.pictures])
    metrics = json.dumps(figures(audit), indent=1, allow_nan=False)
    write_report(folder, render_report(audit, pictures), f"{metrics}\n")


def _incumbent(path: Path | None, bundle: Bundle) -> Bundle | None:
    if path is None:
        return None
    incumbent = read_bundle(path)
    if incumbent.manifest.product != bundle.manifest.product:
        raise BundleError(
            f"{path}: is for product {incumbent.manifest.product!r}, the bundle for {bundle.manifest.product!r}; "
            "name the bundle that it would replace (--incumbent)"
        )
    return incumbent


def _subject(request: AuditRequest, bundle: Bundle, dataset: Dataset) -> Subject:
    manifest = bundle.manifest
    claim = manifest.decision.risk_claim
    return Subject(
        bundle=bundle.label,
        product=manifest.product,
        data=request.data.resolve().name,
        judged="Each picture was judged once, as the line judges it.",
        prior=manifest.calibration.prior,
        claim=None if claim is None else Claim(**claim.model_dump()),
        parts_needed=parts_needed(ESCAPE_LOOSEST),
        trained_on=_trained_on(request.data, bundle, dataset),
        date=request.date,
    )


def _trained_on(folder: Path, bundle: Bundle, dataset: Dataset) -> bool:
    """Tell whether the manifest lists this set of pictures, by its fingerprint or by its name and size."""
    known = bundle.manifest.datasets
    if any((one.name, one.pictures) == (folder.resolve().name, len(dataset.images)) for one in known):
        return True
    fingerprint = pictures_fingerprint(hash_pictures(folder, dataset))
    return any(one.sha256 == fingerprint for one in known)
