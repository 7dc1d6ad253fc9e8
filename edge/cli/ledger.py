"""``linegate ledger``: the record of every part, out as JSON, or proven whole."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, JsonOption, explained, fail, load_or_exit
from edge.core.codes import describe
from edge.ledger.export import export
from edge.ledger.report import VerifyReport
from edge.ledger.verify import verify
from edge.spool import SPOOL_FOLDER
from edge.spool.check import image_problem

app = typer.Typer(help="The record of every part.", no_args_is_help=True)

StoreOption = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="The store's folder, instead of the configuration's.")
]


@app.command("export")
def export_parts(config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Print every part, oldest first: with --json one object a line."""
    directory = _directory(config, store)
    with explained():
        for fields in export(directory):
            line = json.dumps(fields, separators=(",", ":"), allow_nan=False) if as_json else _line(fields)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


@app.command("verify")
def verify_ledger(
    config: ConfigOption = DEFAULT_CONFIG, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Prove that the ledger is whole and every picture in its place: exit code 0; else a list of problems and 1."""
    directory = _directory(config, store)
    with explained():
        report = verify(directory, image_problem(directory / SPOOL_FOLDER))
    if as_json:
        typer.echo(json.dumps(_report_fields(report)))
    else:
        for problem in report.problems:
            typer.echo(problem)
        if report.problem_count > len(report.problems):
            typer.echo(f"and {report.problem_count - len(report.problems)} more")
        typer.echo(_summary(report))
    if not report.ok:
        raise typer.Exit(Exit.FAILED)


def _directory(config: Path, store: Path | None) -> Path:
    directory = load_or_exit(config).config.store.path if store is None else store
    if not directory.is_dir():
        code = Exit.FAILED if store is None else Exit.USAGE
        fail(f"{directory}: is not a folder; name the store with --store, or its configuration with --config", code)
    return directory


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
    return (
        f"{state}: {report.events} events, {report.parts} parts ({outcomes or 'none'}){extras}, "
        f"{report.epochs} starts, {report.images} pictures, head {report.head[:16]}"
    )


def _report_fields(report: VerifyReport) -> dict[str, Any]:
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
    }
