"""``linegate ledger``: the record of every part, out as JSON, or proven whole."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from edge.cli.anchors import AnchorReader, Owner, own_anchors
from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, explained, fail, load_or_exit
from edge.core.anchors import Anchor, AnchorError, parse_anchor
from edge.core.codes import describe
from edge.inspector.operating import (
    MAX_DAYS,
    MAX_NOTE,
    ArchiveRequest,
    NoteRequest,
    OperatingError,
    Request,
    State,
)
from edge.inspector.operator_client import ask, says
from edge.ledger.export import export
from edge.ledger.report import VerifyReport
from edge.ledger.verify import verify
from edge.spool import SPOOL_FOLDER
from edge.spool.check import image_problem
from edge.spool.stock import read_id

app = typer.Typer(help="The record of every part.", no_args_is_help=True)

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="The store's folder, instead of the configuration's.")
]


ArchivesOption = Annotated[
    list[Path] | None,
    typer.Option("--archives", metavar="DIR", help="Where files of the archive are that were moved out of the store."),
]


@app.command("export")
def export_parts(
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    archives: ArchivesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every part, oldest first, archived ones included: with --json one object a line."""
    directory = _directory(config, store)
    with explained():
        for fields in export(directory, archives or ()):
            line = json.dumps(fields, separators=(",", ":"), allow_nan=False) if as_json else _line(fields)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


@app.command("verify")
def verify_ledger(
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    anchor: Annotated[
        list[str] | None, typer.Option("--anchor", metavar="ID:HASH", help="An event's hash that was noted earlier.")
    ] = None,
    anchors: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchors", metavar="PATH", help="A file of such lines, a saved state, or a folder of side-cars."
        ),
    ] = None,
    archives: ArchivesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the ledger is whole and every picture in its place: exit code 0; else a list of problems and 1.

    Anchors prove that nobody wrote it anew: side-cars that were uploaded, or the retained state as somebody kept it.
    """
    directory, station = _place(config, store)
    with explained():
        reader = AnchorReader(Owner(store=read_id(directory / SPOOL_FOLDER), station=station))
        given = _given(anchor or (), anchors or (), reader)
        own = frozenset(own_anchors(directory))
        with _progress(hidden=as_json) as told:
            check = image_problem(directory / SPOOL_FOLDER)
            report = verify(directory, check, anchors=given | own, archives=archives or (), progress=told)
    if as_json:
        typer.echo(json.dumps(_report_fields(report, given, own, reader)))
    else:
        for problem in report.problems:
            typer.echo(problem)
        if report.problem_count > len(report.problems):
            typer.echo(f"and {report.problem_count - len(report.problems)} more")
        typer.echo(_summary(report))
        for line in _reach(report, given, own, reader):
            typer.echo(line)
    if not report.ok:
        raise typer.Exit(Exit.FAILED)


@app.command("archive")
def archive_events(
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
    keep_days: Annotated[
        float | None,
        typer.Option("--keep-days", min=0, max=MAX_DAYS, help="Archive what is older, instead of the configuration's."),
    ] = None,
) -> None:
    """Have the running inspector move old events to compressed files now; it does so by itself when they are due."""
    _ask(_directory(config, store), ArchiveRequest(keep_days=keep_days, says=says()))


@app.command("note")
def note(
    text: Annotated[str, typer.Argument(help="The remark; it can never be changed or removed.")],
    config: ConfigOption = DEFAULT_CONFIG,
    store: StoreOption = None,
) -> None:
    """Put a remark into the record of the running inspector, with who made it and when: a lamp changed, a drill."""
    try:
        request = NoteRequest(text=text, says=says())
    except ValueError:
        fail(f"a remark has 1 to {MAX_NOTE} characters, none of them a control character", Exit.USAGE)
    _ask(_directory(config, store), request)


def _ask(store: Path, request: Request) -> None:
    try:
        for reply in ask(store, request):
            if reply.state in {State.FAILED, State.REFUSED}:
                fail(reply.text)
            typer.echo(reply.text)
    except OperatingError as error:
        fail(str(error))


def _given(texts: Iterable[str], paths: Iterable[Path], reader: AnchorReader) -> frozenset[Anchor]:
    try:
        return frozenset([*map(parse_anchor, texts), *reader.read(paths)])
    except AnchorError as error:
        fail(str(error), Exit.USAGE)


@contextmanager
def _progress(*, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar to a person at a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=hidden or not console.is_terminal, transient=True) as progress:
        task = progress.add_task("events", total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def _directory(config: Path, store: Path | None) -> Path:
    return _place(config, store)[0]


def _place(config: Path, store: Path | None) -> tuple[Path, tuple[str, str, str] | None]:
    """Return the store's folder, and site, line and name of the station where a configuration tells."""
    directory, station = store, None
    if directory is None:
        loaded = load_or_exit(config).config
        directory, station = loaded.store.path, (loaded.station.site, loaded.station.line, loaded.station.name)
    if not directory.is_dir():
        code = Exit.FAILED if store is None else Exit.USAGE
        fail(f"{directory}: is not a folder; name the store with --store, or its configuration with --config", code)
    return directory, station


def _line(fields: dict[str, Any]) -> str:
    moment = fields["received_at"] if fields["received_at"] is not None else fields["t"]
    when = "-" if moment is None else datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
    first = "" if fields["trig_first"] is None else f"{fields['trig_first']}-"
    why = f"  {fields['code']} {describe(fields['code'])}" if fields["code"] else ""
    return (
        f"{when}  sess {fields['sess']} trig {first}{fields['trig']}  part {fields['part'] or '-'}  "
        f"{fields['verdict'] or 'open'}{why}"
    )


def _summary(report: VerifyReport) -> str:
    outcomes = " ".join(f"{name}={count}" for name, count in sorted(report.outcomes.items()) if count)
    state = "ok" if report.ok else f"{report.problem_count} problems"
    extras = f", {report.open} being judged" if report.open else ""
    extras += f", {report.anomalies} anomalies" if report.anomalies else ""
    extras += f", {report.archives} archives" if report.archives else ""
    return (
        f"{state}: {report.events} events, {report.parts} parts ({outcomes or 'none'}){extras}, "
        f"{report.epochs} starts, {report.images} pictures, head {report.head_event}:{report.head}"
    )


def _reach(
    report: VerifyReport, given: frozenset[Anchor], own: frozenset[Anchor], reader: AnchorReader
) -> Iterator[str]:
    """Yield how far the claim reaches, and what it cannot tell."""
    agreed, local = report.agreed & given, report.agreed & own
    if reader.left_out:
        yield f"anchors: {reader.left_out} side-cars of other stores or stations were left out"
    if reader.estranged:
        yield (
            f"anchors: {reader.estranged} of those name this station and another store: if its spool was not set up "
            "anew, somebody changed its store-id"
        )
    if agreed:
        last = max(agreed).event
        yield (
            f"anchors: {len(agreed)} of {len(given)} agree, the last is event {last}: nothing up to it was changed. "
            f"The {report.head_event - last} events after it could have been cut off or written anew without a trace"
        )
    elif given:
        yield (
            f"anchors: none of {len(given)} agrees with a chain that is whole up to it: nothing is proved of what "
            "stands here"
        )
    else:
        yield (
            "anchors: none given. What stands here was checked against itself; that nobody wrote it anew or cut off "
            "its end is proved only by heads that were kept elsewhere: --anchor, --anchors"
        )
    if local:
        yield (
            f"side-cars in this store's own spool: {len(local)} agree, the last is event {max(local).event}; whoever "
            "can change the ledger can change them too"
        )


def _report_fields(
    report: VerifyReport, given: frozenset[Anchor], own: frozenset[Anchor], reader: AnchorReader
) -> dict[str, Any]:
    agreed, local = report.agreed & given, report.agreed & own
    reach = max(agreed).event if agreed else None
    return {
        "ok": report.ok,
        "problems": list(report.problems),
        "problem_count": report.problem_count,
        "events": report.events,
        "parts": report.parts,
        "epochs": report.epochs,
        "outcomes": dict(report.outcomes),
        "open": report.open,
        "anomalies": report.anomalies,
        "images": report.images,
        "running": report.running,
        "head": report.head,
        "head_event": report.head_event,
        "archives": report.archives,
        "anchors": {
            "given": len(given),
            "agreed": len(agreed),
            "reach": reach,
            "unanchored": report.head_event - (reach or 0),
            "own_agreed": len(local),
            "own_reach": max(local).event if local else None,
            "left_out": reader.left_out,
            "left_out_of_this_station": reader.estranged,
        },
    }
