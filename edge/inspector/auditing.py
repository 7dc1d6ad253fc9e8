"""The audit of a bundle on a folder of labelled pictures: every look at it, in order, and the report."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from edge.core.dataset import Dataset
from edge.inspector.evaluation import judge_again, judge_dataset, measure_blobs, read_dataset, report_pictures
from edge.inspector.subject import chosen_pictures, described, limits_in_force
from edge.inspector.views import LoadedView
from models.audit import Audit, Subject, audit_judgements, figures, render_report
from models.audit.classical import judge_without_learning
from models.audit.incumbent import MARGIN, Comparison, compare_bundles, judge_alike
from models.audit.people import read_people
from models.audit.writing import write_report
from models.errors import BundleError
from models.evaluation import JudgedImage, match_images

Item = TypeVar("Item")


class Progress(Protocol):
    """Shows how far a stage has come while its items pass through."""

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
        """Yield the items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """What to audit and how.

    Pictures are judged by ``views``, those of one recipe (named in words by ``recipe``) or a single one; ``view`` is
    the one whose pictures alone are judged, None for all. ``incumbent`` holds what would be replaced: as many views.
    ``repeat`` is how often each picture is judged again with jitter, 0 for not at all; ``prior`` another share of
    defective parts (above 0, below 1) to restate counts at; ``margin`` as in :mod:`models.audit.incumbent`; ``date`` is
    printed as it is.
    """

    views: tuple[LoadedView, ...]
    data: Path
    recipe: str = ""
    view: str | None = None
    group: str | None = None
    incumbent: tuple[LoadedView, ...] = ()
    people: Path | None = None
    repeat: int = 0
    prior: float | None = None
    margin: float = MARGIN
    date: str = ""


def audit_views(request: AuditRequest, progress: Progress) -> Audit:
    """Judge the pictures by the views, by the classical detector and by the incumbent; nothing of these is refitted.

    Raises:
        DatasetError: The annotations cannot be read, or are not of these views.
        ModelError: The incumbent is of another product, or the file of people's verdicts has faults.
    """
    _refuse_another_product(request)
    listed = read_dataset(request.data, request.group)
    opinions = read_people(request.people, {entry.file for entry in listed.images}) if request.people else ()
    dataset = chosen_pictures(listed, request.views, request.view)
    total, files = len(dataset.images), {entry.file for entry in dataset.images}
    judged = judge_dataset(request.data, dataset, request.views)
    matched = match_images(progress(judged, total, "judging"))
    images = [one.image for one in matched]
    blobs = list(progress(measure_blobs(request.data, dataset, request.views), total, "classical detector"))
    subject = described(request.data, listed, dataset, request.views, recipe=request.recipe, date=request.date)
    shots = judge_again(request.data, images, request.views, request.repeat) if request.repeat else iter(())
    return audit_judgements(
        matched,
        limits_in_force(request.views),
        subject,
        classical=judge_without_learning(dataset.images, blobs),
        comparison=_compared(request, subject, dataset, images, progress) if request.incumbent else None,
        opinions=[opinion for opinion in opinions if opinion.file in files],
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


def _refuse_another_product(request: AuditRequest) -> None:
    for view, incumbent in zip(request.views, request.incumbent, strict=bool(request.incumbent)):
        own, other = view.bundle.manifest, incumbent.bundle.manifest
        if other.product != own.product:
            raise BundleError(
                f"the incumbent {incumbent.bundle.label} is for product {other.product!r}, the bundle for "
                f"{own.product!r}; name the bundle that it would replace (--incumbent)"
            )


def _compared(
    request: AuditRequest, subject: Subject, dataset: Dataset, images: Sequence[JudgedImage], progress: Progress
) -> Comparison:
    known = {*(subject.trained_files or ()), *(subject.commissioned_files or ())}
    if subject.trained_on and not subject.trained_files:
        known = {image.entry.file for image in images}  # of an older bundle it is only known that it saw this set
    judged = judge_dataset(request.data, dataset, request.incumbent)
    others = match_images(progress(judged, len(dataset.images), "incumbent"))
    return compare_bundles(
        images,
        [one.image for one in others],
        label=_label(request.incumbent),
        alike=all(_alike(*pair) for pair in zip(request.views, request.incumbent, strict=True)),
        margin=request.margin,
        known=known,
    )


def _label(views: Sequence[LoadedView]) -> str:
    names = dict.fromkeys(f"{view.bundle.label}{', as commissioned' if view.commissioned else ''}" for view in views)
    return "; ".join(names)


def _alike(view: LoadedView, incumbent: LoadedView) -> bool:
    """Tell whether two views judge alike by construction."""
    if (view.roi, view.limits, view.file_hashes) != (incumbent.roi, incumbent.limits, incumbent.file_hashes):
        return False
    return judge_alike(view.bundle, incumbent.bundle)
