"""``linegate replay``: the recorded parts of a shift through another bundle, and what that would have changed."""

import json as json_format
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final

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
from edge.cli.shifts import NoShiftError, parse_period
from edge.core.codes import describe
from edge.core.replay import Missing, ReplayedPart, Said, count_missing, most_telling
from edge.core.types import Decision
from edge.inspector.recipes import load_recipes
from edge.inspector.replaying import ReplayRequest, replay_shift, with_limits, write_replay
from edge.inspector.shift import shift_of_folder, shift_of_store
from edge.inspector.views import LoadedView, Shelf, ViewFiles, load_view, trial_view
from edge.ledger.schema import FILE_NAME
from models.audit.writing import REPORT, prepare_folder
from models.replay.page import period_in_words
from models.replay.summary import Period, Replay, figures

LISTED: Final = 20

_WHAT_JUDGES = (
    "name what is to judge: --bundle FILE (with --commissioned, --catalogue and --roi if the view has them), "
    "--recipe ID as the configuration has it, or both: the recipe's views with this bundle"
)


def replay(
    shift: Annotated[
        str, typer.Argument(metavar="SHIFT", help="A day or time of the store (2026-03-14, today, A..B), or a folder.")
    ],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="The candidate, NAME-VERSION.lgb.")
    ] = None,
    commissioned: CommissionedOption = None,
    catalogue: CatalogueOption = None,
    roi: RoiOption = None,
    recipe: Annotated[
        int | None, typer.Option("--recipe", metavar="ID", help="Judge the parts of this recipe as its views do.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The station's configuration: its store, recipes.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", metavar="DIR", help="The store's folder, instead of the configuration's.")
    ] = None,
    archives: Annotated[
        list[Path] | None,
        typer.Option("--archives", metavar="DIR", help="Where files of the archive are that were moved out."),
    ] = None,
    parts_of: Annotated[
        int | None, typer.Option("--parts-of", metavar="ID", help="Only parts that were recorded with this recipe.")
    ] = None,
    view: Annotated[
        str | None, typer.Option("--view", metavar="CAMERA", help="Of a COCO folder the pictures of this view alone.")
    ] = None,
    incumbent: Annotated[
        Path | None,
        typer.Option("--incumbent", metavar="FILE", help="Compare with this bundle, not with what was recorded."),
    ] = None,
    incumbent_commissioned: IncumbentCommissionedOption = None,
    accept_below: Annotated[
        float | None, typer.Option("--accept-below", min=0.0, max=1.0, help="Try this limit, also a laxer one.")
    ] = None,
    reject_above: Annotated[
        float | None, typer.Option("--reject-above", min=0.0, max=1.0, help="Try this limit, also a laxer one.")
    ] = None,
    json: JsonOption = False,
    report: ReportOption = None,
) -> None:
    """Judge recorded parts once more by another bundle or other limits, and tell which verdicts differ.

    Nothing is sent or changed; the station may be running. Exit code 0: not shown to be worse (which may mean that
    nothing was shown: see releasable); 3: worse than the incumbent in escapes, overkill or abstentions, or a station
    refuses to judge so; 1: nothing to replay, or files cannot be used.
    """
    if incumbent_commissioned is not None and incumbent is None:
        fail("--incumbent-commissioned needs --incumbent, the bundle that it belongs to", Exit.USAGE)
    alone = bundle is None and recipe is None
    if alone or (recipe is not None and any((commissioned, catalogue, roi, parts_of is not None))):
        fail(_WHAT_JUDGES, Exit.USAGE)
    folder, period = _where(shift, config, store)
    shelf = Shelf()
    bar = partial(shown, hidden=json)
    with explained():
        if recipe is not None:
            views = _of_recipe(shelf, config or DEFAULT_CONFIG, recipe, bundle)
        else:
            assert bundle is not None
            views = (trial_view(shelf, bundle, commissioned=commissioned, catalogue=catalogue, roi=roi, view=view),)
        views = with_limits(views, accept_below, reject_above)
        if report is not None:
            prepare_folder(report)
        if period is None:
            found = shift_of_folder(folder, views, view)
        else:
            wanted = parts_of if recipe is None else recipe
            found = shift_of_store(
                folder, period.since_ms, period.until_ms, bar, recipe=wanted, archives=archives or ()
            )
        request = ReplayRequest(
            shift=found,
            source=str(folder),
            views=views,
            incumbent=_incumbents(shelf, views, incumbent, incumbent_commissioned),
            period=period,
            other_limits=accept_below is not None or reject_above is not None,
            date=datetime.now(UTC).date().isoformat(),
        )
        replayed = replay_shift(request, bar)
        if report is not None:
            write_replay(replayed, found.pictures, report)
    if json:
        typer.echo(json_format.dumps(figures(replayed), allow_nan=False))
    else:
        _print(replayed, report)
    if replayed.outcome.worse:
        fail(f"refused: worse than the incumbent: {replayed.outcome.reason}", Exit.REFUSED)


def _where(shift: str, config: Path | None, store: Path | None) -> tuple[Path, Period | None]:
    """Return the folder that a shift lies in, and of which time it is; None: all that the folder has."""
    folder = Path(shift)
    if folder.is_dir():
        if (folder / FILE_NAME).is_file():
            fail(f"{folder} is a store: name a day or time, and the store with --store {folder}", Exit.USAGE)
        return folder, None
    try:
        period = parse_period(shift, datetime.now().astimezone().date())
    except NoShiftError as error:
        fail(str(error), Exit.USAGE)
    directory = load_or_exit(config or DEFAULT_CONFIG).config.store.path if store is None else store
    if not directory.is_dir():
        fail(f"{directory}: is not a folder; name the store with --store, or its configuration with --config")
    return directory, period


def _of_recipe(shelf: Shelf, path: Path, wanted: int, bundle: Path | None) -> tuple[LoadedView, ...]:
    """Return a recipe's views, judging by this bundle where one is given: on their regions, by their limits."""
    config = load_or_exit(path).config
    known = {recipe.id: recipe for recipe in config.recipes}
    if wanted not in known:
        fail(f"{path} has no recipe {wanted}, only {', '.join(map(str, known))}", Exit.USAGE)
    if bundle is None:
        return load_recipes((known[wanted],), live=False, active=active_bundle(config.store.path))[wanted].views
    return tuple(
        load_view(
            ViewFiles(camera=view.camera, bundle=bundle, roi=view.roi),
            shelf,
            view.limits,
            place=f"recipe {wanted}, view {view.camera}: ",
        )
        for view in known[wanted].views
    )


def _incumbents(
    shelf: Shelf, views: tuple[LoadedView, ...], bundle: Path | None, commissioned: Path | None
) -> tuple[LoadedView, ...]:
    """Return what judges each view where the incumbent does: its bundle, on the view's region of interest."""
    if bundle is None:
        return ()
    if commissioned is not None and len(views) > 1:
        fail("--incumbent-commissioned is the file of one view, the recipe has several", Exit.USAGE)
    return tuple(
        trial_view(shelf, bundle, commissioned=commissioned, roi=view.roi, view=view.camera or None) for view in views
    )


def _print(replayed: Replay, report: Path | None) -> None:
    outcome = replayed.outcome
    against = ", ".join(view.bundle for view in replayed.incumbent) or "what was recorded"
    typer.echo(f"{period_in_words(replayed)}: {replayed.label} beside {against}")
    recorded = len(replayed.parts) + len(replayed.missing)
    typer.echo(f"{recorded} parts, {len(replayed.parts)} replayed, {outcome.table.differing} verdicts differ")
    _print_missing(replayed)
    for transition, count in outcome.table.transitions().items():
        if count:
            typer.echo(f"{transition:>28}: {count}")
    _print_left_out(replayed)
    for one in outcome.balance.weighed:
        counts = one.counts
        chance = f", p {outcome.p_values[one.error]:.2g}" if counts.total else ""
        typer.echo(
            f"{one.error.value:>28}: candidate alone {counts.first_only}, incumbent alone {counts.second_only}, "
            f"both {counts.both}, of {counts.total} {one.error.kind}{chance}"
        )
    if outcome.balance.leaning:
        typer.echo(outcome.balance.leaning)
    typer.echo(f"{'releasable':>28}: {'yes' if outcome.releasable else 'no'}: {outcome.reason}")
    differing = most_telling(replayed.parts)
    for part in differing[:LISTED]:
        typer.echo(_line(part))
    if len(differing) > LISTED:
        typer.echo(f"and {len(differing) - LISTED} more: --json lists all, --report DIR shows them")
    if report is not None:
        typer.echo(f"{'report':>28}: {report / REPORT}")


def _print_missing(replayed: Replay) -> None:
    counted = count_missing(replayed.missing)
    for why in Missing:
        if counted[why.value]:
            typer.echo(f"{counted[why.value]:>8} not replayed: {why.in_words}")
    if replayed.missing_defective:
        typer.echo(f"{replayed.missing_defective:>8} of these are known to be defective")
    if replayed.other_recipes:
        typer.echo(f"{replayed.other_recipes:>8} parts of other recipes left out")
    if replayed.period is not None:
        typer.echo("the pictures kept are no random sample of the parts: rejects and doubtful ones, few accepted ones")


def _print_left_out(replayed: Replay) -> None:
    known = sum(part.known for part in replayed.parts)
    others = len(replayed.parts) - known - replayed.outcome.compared
    if known:
        typer.echo(f"{known:>8} not compared: the candidate was made with their pictures")
    if others:
        why = "the recorded verdict was not the model's (a deadline, the camera, a canary)"
        typer.echo(f"{others:>8} not compared: {why}")


def _line(part: ReplayedPart) -> str:
    numbers = "" if part.session is None else f" sess {part.session} trig {part.trig}"
    truth = "" if part.truth is None else f"; truth {part.truth} ({part.source})"
    return f"  {part.name or '-'}{numbers}: {_said(part.incumbent)} -> {_said(part.candidate)}{truth}"


def _said(said: Said) -> str:
    score = "" if said.score is None else f" {said.score:.3f}"
    why = "" if said.decision is Decision.ACCEPT else f" ({said.code} {describe(said.code)})"
    return f"{said.decision.label}{score}{why}"
