"""``linegate evaluate``: how pictures are judged as on the line, and whether that can be trusted."""

import json as json_format
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.active import active_bundle
from edge.cli.common import (
    DEFAULT_CONFIG,
    CatalogueOption,
    CommissionedOption,
    Exit,
    IncumbentCommissionedOption,
    JsonOption,
    ReportOption,
    RoiOption,
    explained,
    fail,
    load_or_exit,
)
from edge.cli.progress import shown
from edge.inspector.auditing import AuditRequest, audit_views, write_audit
from edge.inspector.judging import Roi
from edge.inspector.recipes import load_recipes
from edge.inspector.views import LoadedView, Shelf, trial_view
from models.audit import Audit, SubjectView, figures
from models.audit.incumbent import MARGIN
from models.audit.writing import REPORT, prepare_folder

_WHAT_JUDGES = (
    "name what is to judge: either --bundle FILE, with --commissioned, --catalogue and --roi if the view has them, or "
    "--recipe ID with the station's --config, which tells all of it"
)
_TRUST = {"yes": "yes, for parts like these", "not_yet": "not yet", "no": "no"}


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A COCO folder with image-level verdicts.")],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="The bundle, NAME-VERSION.lgb; or --recipe.")
    ] = None,
    commissioned: CommissionedOption = None,
    catalogue: CatalogueOption = None,
    roi: RoiOption = None,
    recipe: Annotated[
        int | None, typer.Option("--recipe", metavar="ID", help="Judge as this recipe of the configuration does.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The station's configuration file, for --recipe.")
    ] = None,
    view: Annotated[
        str | None, typer.Option("--view", metavar="CAMERA", help="Judge the pictures of this view alone.")
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="The field that names an image's group.")] = None,
    json: JsonOption = False,
    report: ReportOption = None,
    incumbent: Annotated[
        Path | None,
        typer.Option("--incumbent", metavar="FILE", help="The bundle it would replace; exit 3 where it may be worse."),
    ] = None,
    incumbent_commissioned: IncumbentCommissionedOption = None,
    people: Annotated[
        Path | None, typer.Option("--people", metavar="FILE", help="People's verdicts, CSV: file, person, verdict.")
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", min=0, max=100, help="Judge each picture so many times more, jittered.")
    ] = 0,
    prior: Annotated[
        float | None, typer.Option("--prior", help="Restate counts where this share of parts is defective.")
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            min=0.001,
            max=MARGIN,
            help="More escapes than the incumbent that still pass; smaller is stricter.",
        ),
    ] = MARGIN,
) -> None:
    """Judge every picture as the line would; count escapes, overkill and abstentions. Nothing is refitted.

    Exit code 0: judged; 3: not releasable beside the incumbent, or a station refuses to judge so; 1: bundle, pictures
    or files cannot be used.
    """
    if prior is not None and not 0.0 < prior < 1.0:
        fail(f"--prior must be above 0 and below 1, not {prior}", Exit.USAGE)
    if incumbent_commissioned is not None and incumbent is None:
        fail("--incumbent-commissioned needs --incumbent, the bundle that it belongs to", Exit.USAGE)
    own_files = [commissioned, catalogue, roi]
    shelf = Shelf()
    with explained():
        if bundle is not None and recipe is None and config is None:
            judged = _of_files(shelf, bundle, commissioned, catalogue, roi=roi, view=view)
        elif bundle is None and (recipe is not None or config is not None) and not any(own_files):
            judged = _of_recipe(config or DEFAULT_CONFIG, recipe, view)
        else:
            fail(_WHAT_JUDGES, Exit.USAGE)
        if report is not None:
            prepare_folder(report)
        request = AuditRequest(
            views=judged.views,
            recipe=judged.recipe,
            view=judged.view,
            data=data,
            group=group,
            incumbent=_incumbents(shelf, judged.views, incumbent, incumbent_commissioned),
            people=people,
            repeat=repeat,
            prior=prior,
            margin=margin,
            date=datetime.now(UTC).date().isoformat(),
        )
        audit = audit_views(request, partial(shown, hidden=json))
        if report is not None:
            write_audit(audit, data, report)
    if json:
        typer.echo(json_format.dumps(figures(audit), allow_nan=False))
    else:
        _print(audit, report)
    if audit.comparison is not None and not audit.comparison.releasable:
        fail(f"refused: not releasable. {audit.comparison.finding}", Exit.REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What judges, the recipe that it belongs to (in words), and the view whose pictures alone are judged."""

    views: tuple[LoadedView, ...]
    recipe: str = ""
    view: str | None = None


def _of_files(
    shelf: Shelf, bundle: Path, commissioned: Path | None, catalogue: Path | None, *, roi: Roi | None, view: str | None
) -> _Judged:
    loaded = trial_view(shelf, bundle, commissioned=commissioned, catalogue=catalogue, roi=roi, view=view)
    return _Judged(views=(loaded,), view=loaded.camera or None)


def _of_recipe(path: Path, wanted: int | None, view: str | None) -> _Judged:
    config = load_or_exit(path).config
    known = {recipe.id: recipe for recipe in config.recipes}
    if wanted is None and len(known) > 1:
        fail(f"{path} has the recipes {', '.join(map(str, known))}: name one with --recipe", Exit.USAGE)
    recipe = known.get(min(known) if wanted is None else wanted)
    if recipe is None:
        fail(f"{path} has no recipe {wanted}, only {', '.join(map(str, known))}", Exit.USAGE)
    cameras = [one.camera for one in recipe.views]
    if view is not None and view not in cameras:
        fail(f"recipe {recipe.id} has no view {view!r}, only {', '.join(cameras)}", Exit.USAGE)
    loaded = load_recipes((recipe,), live=config.line.live, active=active_bundle(config.store.path))[recipe.id]
    views = tuple(one for one in loaded.views if view in {None, one.camera})
    name = f"recipe {loaded.id} ({loaded.name}), revision {loaded.revision}"
    return _Judged(views=views, recipe=name, view=views[0].camera if len(views) == 1 else None)


def _incumbents(
    shelf: Shelf, views: tuple[LoadedView, ...], bundle: Path | None, commissioned: Path | None
) -> tuple[LoadedView, ...]:
    """Return what judges each view where the incumbent does: its bundle, on the view's region of interest."""
    if bundle is None:
        return ()
    if commissioned is not None and len(views) > 1:
        fail("--incumbent-commissioned is the file of one view: name the view with --view", Exit.USAGE)
    return tuple(
        trial_view(shelf, bundle, commissioned=commissioned, roi=view.roi, view=view.camera or None) for view in views
    )


def _print(audit: Audit, report: Path | None) -> None:
    for view in audit.subject.views:
        typer.echo(f"{view.name or 'view':>18}: {_spelt(view)}")
    _print_figures(dict(audit.evaluation))
    classical = audit.evaluation["baselines"]["classical"]
    if classical["reason"] is None:
        typer.echo(
            f"{'classical detector':>18}: escape {_number(classical['escape'])}, overkill "
            f"{_number(classical['overkill'])}, auroc {_number(classical['auroc'])}"
        )
    typer.echo(f"{'trust':>18}: {_TRUST[audit.answer.trust.value]}")
    for reason in audit.answer.reasons:
        typer.echo(f"{reason.weight.value:>18}: {reason.text}")
    if report is not None:
        typer.echo(f"{'report':>18}: {report / REPORT}")


def _print_figures(evaluation: dict[str, Any]) -> None:
    counts = evaluation["counts"]
    typer.echo(f"{counts['parts']} parts: {counts['bad']} bad, {counts['good']} good; {counts['images']} pictures")
    for name, rate in evaluation["rates"].items():
        if rate["value"] is None:
            typer.echo(f"{name:>18}: no part to count")
            continue
        low, high = rate["ci95"]
        typer.echo(f"{name:>18}: {rate['value']:.3f} ({rate['count']}/{rate['n']}, 95 % {low:.3f} to {high:.3f})")
    for name in ("auroc", "auroc_within_group", "box_recall", "box_precision", "false_boxes_per_good"):
        typer.echo(f"{name:>18}: {_number(evaluation.get(name))}")
    latency = evaluation["latency_ms"]
    if latency["p50"] is not None:
        typer.echo(f"{'latency':>18}: p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms")


def _spelt(view: SubjectView) -> str:
    told = [view.bundle, f"accept below {view.limits.accept_below:.4f}, reject above {view.limits.reject_above:.4f}"]
    told += ["stricter than the bundle"] if view.limits != view.bundle_limits else []
    told += [f"roi {list(view.roi)}"] if view.roi else []
    told += ["commissioned"] if view.commissioned else []
    told += ["catalogue"] if view.catalogue else []
    return "; ".join(told)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
