"""``linegate plc-sim``: a PLC to try a station with; it follows the PLC rule, or breaks it in a named way."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from edge.cli.common import Exit, explained, fail, load_or_exit, log_to_stderr, stop_event
from edge.line.link import LinkError
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from edge.line.plc_misbehave import Misbehaviour
from edge.line.plc_report import Actuation, PlcSummary
from edge.line.settings import LinkSettings, check

DEFAULT_BROKER = "mqtt://127.0.0.1:1883"

_KEYS: Final = re.compile(r"(?<![\w./-])line\.(ca|cert|key)(?![\w./-])")
"""A station's configuration keys in what is said of a link: here they are options."""


def plc_sim(
    *,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Take broker and names from a station's file.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help=f"mqtt://HOST:PORT or mqtts://...  [{DEFAULT_BROKER}]")] = None,
    site: Annotated[str | None, typer.Option(help="The station's site.")] = None,
    line: Annotated[str | None, typer.Option(help="The station's line.")] = None,
    station: Annotated[str | None, typer.Option(help="The station's name.")] = None,
    ca: Annotated[Path | None, typer.Option(help="mqtts: authorities that vouch for the broker (PEM).")] = None,
    cert: Annotated[Path | None, typer.Option(help="mqtts: the PLC's own certificate (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="mqtts: the certificate's private key (PEM).")] = None,
    rate: Annotated[float, typer.Option(min=0, max=1000, help="Parts per second; 0: as fast as answered.")] = 1.0,
    parts: Annotated[int | None, typer.Option(min=1, help="Stop after so many parts.")] = None,
    outstanding: Annotated[int, typer.Option(min=1, max=20, help="How many parts may wait at once.")] = 1,
    deadline_ms: Annotated[int, typer.Option(min=0, max=65535, help="dl_ms; 0: the recipe's deadline.")] = 0,
    timer_ms: Annotated[int, typer.Option(min=1, max=600_000, help="The PLC's own timer.")] = 1000,
    recipe: Annotated[int, typer.Option(min=0, max=65535, help="The recipe of all parts.")] = 0,
    misbehave: Annotated[list[Misbehaviour] | None, typer.Option(help="Break a rule; may be repeated.")] = None,
    test_line: Annotated[
        bool | None,
        typer.Option(
            "--test-line/--live-line",
            help="Whether results with sim 1 may accept.  [as the file says; a test line without one]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only: a line per part, then the counts.")] = False,
) -> None:
    """Trigger a station as a PLC does, and print what happens to every part and why.

    Exit code 1 if any part was late, or if it was ended before all of --parts were done.
    """
    stop = stop_event()
    log_to_stderr()
    names = {"site": site, "line": line, "station": station}
    if config is not None:
        loaded = load_or_exit(config).config
        given = {"site": loaded.station.site, "line": loaded.station.line, "station": loaded.station.name}
        names = {label: value or given[label] for label, value in names.items()}
        broker = broker or loaded.line.broker
        test_line = not loaded.line.live if test_line is None else test_line
    link = _checked(replace(_link(names, broker or DEFAULT_BROKER), ca=ca, cert=cert, key=key))
    settings = PlcSettings(
        rate=rate,
        parts=parts,
        deadline_ms=deadline_ms,
        timer_ms=timer_ms,
        recipe=recipe,
        outstanding=outstanding,
        test_line=test_line is not False,
        misbehave=frozenset(misbehave or ()),
    )
    with explained():
        summary = PlcSimulator(settings, link, lambda done: _print(done, as_json=as_json)).run(stop)
    typer.echo(json.dumps(_counts(summary)) if as_json else _sentence(summary))
    if parts is not None and summary.parts < parts:
        fail(f"ended after {summary.parts} of {parts} parts")
    if summary.late:
        raise typer.Exit(Exit.FAILED)


def _link(names: dict[str, str | None], broker: str) -> LinkSettings:
    missing = [f"--{label}" for label, value in names.items() if not value]
    if missing:
        fail(f"which station? give {', '.join(missing)}, or --config FILE", Exit.USAGE)
    try:
        return plc_link_settings(names["site"] or "", names["line"] or "", names["station"] or "", broker)
    except ValueError as error:
        fail(str(error), Exit.USAGE)


def _checked(link: LinkSettings) -> LinkSettings:
    try:
        check(link)
    except LinkError as error:
        fail(_KEYS.sub(r"--\1", str(error)), Exit.USAGE)
    return link


def _print(done: Actuation, *, as_json: bool) -> None:
    fields = asdict(done) | {"decision": None if done.decision is None else done.decision.label}
    typer.echo(json.dumps(fields) if as_json else done.sentence)


def _counts(summary: PlcSummary) -> dict[str, int]:
    return {
        "parts": summary.parts,
        "verdicts": summary.verdicts,
        "accept": summary.accept,
        "reject": summary.reject,
        "cannot_judge": summary.cannot_judge,
        "late": summary.late,
        "refused": summary.refused,
        "faults": summary.faults,
        "ignored": summary.ignored,
    }


def _sentence(summary: PlcSummary) -> str:
    return " ".join(f"{name}={value}" for name, value in _counts(summary).items())
