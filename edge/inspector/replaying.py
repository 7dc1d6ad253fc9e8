"""A shift judged once more, by another bundle or other limits, beside what was said of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from edge.core.paired_evidence import EvidenceRule
from edge.core.policy import judge_part
from edge.core.replay import Missing, ReplayedPart, ReplayedPicture, Said, count_missing, weigh_replay
from edge.core.types import Box, Limits, ViewJudgement
from edge.inspector.auditing import Progress
from edge.inspector.examine import examine
from edge.inspector.shift import RecordedPart, Shift, ShiftError, picture_hash
from edge.inspector.subject import commissioning_prints, described_view
from edge.inspector.views import LoadedView
from models.audit.pictures import ReportPicture, small_picture
from models.audit.writing import write_report
from models.bundle.prints import picture_print, trained_prints
from models.errors import BundleError
from models.replay.page import render_replay, shown_parts
from models.replay.summary import Period, Replay, figures

OTHER_LIMITS: Final = (
    "judged with limits that neither bundle nor recipe has: a trial, no evidence for the bundle as it is"
)

ALIKE: Final = "candidate and incumbent are one and the same: nothing was compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What to replay by what.

    ``incumbent`` judges beside the candidate, view by view; empty: what was recorded counts. ``other_limits`` says
    that the candidate's limits are on trial. ``source`` is what to call the shift's store or folder.
    """

    shift: Shift
    source: str
    views: tuple[LoadedView, ...]
    incumbent: tuple[LoadedView, ...] = ()
    period: Period | None = None
    other_limits: bool = False
    rule: EvidenceRule = field(default_factory=EvidenceRule)
    date: str = ""


def replay_shift(request: ReplayRequest, progress: Progress) -> Replay:
    """Judge every part of the shift that has its pictures.

    Raises:
        BundleError: The incumbent is of another product.
        ShiftError: There is nothing to compare with, no part has a picture, or a part was seen by a camera that none
            of the views is of.
    """
    _refuse(request)
    known = _known_prints(request.views)
    judged = (_replayed(part, request, known) for part in request.shift.parts)
    parts = tuple(progress(judged, len(request.shift.parts), "replaying"))
    bundles = {view.bundle.sha256: view.bundle.label for view in request.views}
    views, incumbent = (tuple(map(described_view, one)) for one in (request.views, request.incumbent))
    objection = OTHER_LIMITS if request.other_limits else ALIKE if views == incumbent else ""
    return Replay(
        source=request.source,
        period=request.period,
        label=", ".join(bundles.values()),
        bundle=next(iter(bundles)) if len(bundles) == 1 else None,
        views=views,
        incumbent=incumbent,
        other_limits=request.other_limits,
        parts=parts,
        outcome=weigh_replay(parts, request.rule, objection=objection),
        missing=request.shift.missing,
        missing_defective=request.shift.missing_defective,
        other_recipes=request.shift.other_recipes,
        bundles=dict(request.shift.bundles),
        date=request.date,
    )


def write_replay(replay: Replay, pictures: Path, folder: Path) -> None:
    """Write ``report.html`` and ``metrics.json``, with the pictures of the parts that differ, into a folder.

    Raises:
        ReportError: They cannot be written.
    """
    shown = dict(_shown(replay, pictures))
    metrics = json.dumps(figures(replay), indent=1, allow_nan=False)
    write_report(folder, render_replay(replay, shown), f"{metrics}\n")


def with_limits(
    views: Sequence[LoadedView], accept_below: float | None, reject_above: float | None
) -> tuple[LoadedView, ...]:
    """Return the views with other limits, also laxer ones: a replay accepts nothing.

    Raises:
        ShiftError: The limits are in the wrong order or no probabilities, or a view has a catalogue, whose rules were
            proved at its own limits.
    """
    if accept_below is None and reject_above is None:
        return tuple(views)
    if any(view.catalogue is not None for view in views):
        raise ShiftError("other limits cannot be tried with a catalogue: it was proved at its own; leave either out")
    try:
        return tuple(replace(view, limits=_changed(view.limits, accept_below, reject_above)) for view in views)
    except ValueError as error:
        raise ShiftError(f"{error}; give both limits on trial (--accept-below, --reject-above)") from error


def _changed(limits: Limits, accept_below: float | None, reject_above: float | None) -> Limits:
    return Limits(
        accept_below=limits.accept_below if accept_below is None else accept_below,
        reject_above=limits.reject_above if reject_above is None else reject_above,
    )


def _refuse(request: ReplayRequest) -> None:
    parts = request.shift.parts
    if not parts:
        raise ShiftError(
            f"{request.source}: of {len(request.shift.missing)} recorded parts none has its pictures: {_why(request)}"
        )
    if not request.incumbent and any(part.said is None for part in parts):
        raise ShiftError(
            f"{request.source}: a folder holds no verdicts of a station; name the bundle to compare with (--incumbent)"
        )
    for view, incumbent in zip(request.views, request.incumbent, strict=bool(request.incumbent)):
        own, other = view.bundle.manifest.product, incumbent.bundle.manifest.product
        if own != other:
            raise BundleError(f"the incumbent {incumbent.bundle.label} is for product {other!r}, not for {own!r}")
    if all(view.camera for view in request.views):
        seen = {picture.camera for part in parts for picture in part.pictures}
        strange = seen - {view.camera for view in request.views}
        if strange:
            raise ShiftError(
                f"{request.source}: parts were seen by {', '.join(sorted(strange))}, which is not what judges them; "
                "name the recipe that they were recorded with (--recipe)"
            )


def _why(request: ReplayRequest) -> str:
    counted = count_missing(request.shift.missing)
    return ", ".join(f"{why.in_words}: {counted[why.value]}" for why in Missing if counted[why.value])


def _replayed(part: RecordedPart, request: ReplayRequest, known: frozenset[str]) -> ReplayedPart:
    files = [request.shift.pictures / one.file for one in part.pictures]
    cameras = [one.camera for one in part.pictures]
    candidate = _judged(files, cameras, request.views)
    incumbent = _judged(files, cameras, request.incumbent) if request.incumbent else None
    hashes = [one.sha256 or picture_hash(file) for one, file in zip(part.pictures, files, strict=True)]
    said = incumbent.said if incumbent else part.said
    if said is None:
        raise ShiftError(f"{part.name}: nothing was recorded of it; name what to compare with (--incumbent)")
    return ReplayedPart(
        name=part.name,
        session=part.session,
        trig=part.trig,
        received_at=part.received_at,
        incumbent=said,
        candidate=candidate.said,
        truth=part.truth,
        source=part.source,
        pictures=tuple(
            ReplayedPicture(
                file=one.file,
                camera=one.camera,
                incumbent=incumbent.boxes[place] if incumbent else one.boxes,
                candidate=candidate.boxes[place],
            )
            for place, one in enumerate(part.pictures)
        ),
        known=any(one is not None and picture_print(one) in known for one in hashes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    said: Said
    boxes: tuple[tuple[Box, ...], ...]


def _judged(files: Sequence[Path], cameras: Sequence[str], views: Sequence[LoadedView]) -> _Judged:
    """Judge a part as the line does: every view by its own picture, the worst of them decides.

    Of a recipe with several views a part without one of them is no accept; a single one judges all that there is.
    """
    judgements = [_judgement(file, camera, views) for file, camera in zip(files, cameras, strict=True)]
    verdict = judge_part(judgements, cameras if len(views) == 1 else [view.camera for view in views])
    return _Judged(
        said=Said(decision=verdict.decision, code=verdict.code, score=verdict.score),
        boxes=tuple(one.boxes for one in judgements),
    )


def _judgement(file: Path, camera: str, views: Sequence[LoadedView]) -> ViewJudgement:
    view = views[0] if len(views) == 1 else next(one for one in views if one.camera == camera)
    try:
        image = read_image(file, ImageLimits())
    except CameraError as error:
        return ViewJudgement(camera=camera, fault=error.code)
    return examine(
        image, camera=camera, judge=view.detector, quality=view.quality, limits=view.limits, roi=view.roi
    ).judgement


def _known_prints(views: Sequence[LoadedView]) -> frozenset[str]:
    """Return the prints of all pictures that the candidate was made with, as far as its files tell."""
    told = [prints(view) for view in views for prints in (_trained, commissioning_prints)]
    return frozenset().union(*(one for one in told if one is not None))


def _trained(view: LoadedView) -> frozenset[str] | None:
    return trained_prints(view.bundle)


def _shown(replay: Replay, pictures: Path) -> Iterator[tuple[str, ReportPicture]]:
    for part in shown_parts(replay.parts):
        for one in part.pictures:
            try:
                yield one.file, small_picture(read_image(pictures / one.file, ImageLimits()))
            except CameraError:
                continue  # the page shows its figures alone
