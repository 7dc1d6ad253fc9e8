"""``linegate evaluate``: how a bundle judges a folder of labelled pictures, and whether it can be trusted with them."""

import json as json_format
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track

from edge.cli.common import Exit, JsonOption, explained, fail
from edge.inspector.auditing import AuditRequest, audit_bundle, write_audit
from models.audit import Audit, figures
from models.audit.incumbent import MARGIN
from models.audit.writing import REPORT, prepare_folder

Item = TypeVar("Item")

_TRUST = {"yes": "yes, for parts like these", "not_yet": "not yet", "no": "no"}


def evaluate(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="FILE", help="The bundle, NAME-VERSION.lgb.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A COCO folder with image-level verdicts.")],
    group: Annotated[str | None, typer.Option("--group", help="The field that names an image's group.")] = None,
    json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="DIR", help="Write report.html and metrics.json there.")
    ] = None,
    incumbent: Annotated[
        Path | None,
        typer.Option("--incumbent", metavar="FILE", help="The bundle it would replace; exit 3 where it may be worse."),
    ] = None,
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
        float, typer.Option("--margin", min=0.001, max=0.5, help="More escapes than the incumbent that still pass.")
    ] = MARGIN,
) -> None:
    """Judge every picture as the line would; count escapes, overkill and abstentions. Nothing is refitted."""
    if prior is not None and not 0.0 < prior < 1.0:
        fail(f"--prior must be above 0 and below 1, not {prior}", Exit.USAGE)
    request = AuditRequest(
        bundle=bundle,
        data=data,
        group=group,
        incumbent=incumbent,
        people=people,
        repeat=repeat,
        prior=prior,
        margin=margin,
        date=datetime.now(UTC).date().isoformat(),
    )
    with explained():
        if report is not None:
            prepare_folder(report)
        audit = audit_bundle(request, _Shown(hidden=json))
        if report is not None:
            write_audit(audit, data, report)
    if json:
        typer.echo(json_format.dumps(figures(audit), allow_nan=False))
    else:
        _print(audit, report)
    if audit.comparison is not None and not audit.comparison.releasable:
        fail(f"refused: not releasable. {audit.comparison.finding}", Exit.REFUSED)


class _Shown:
    """A bar on standard error for each stage."""

    def __init__(self, *, hidden: bool) -> None:
        self._hidden = hidden
        self._console = Console(stderr=True)

    def __call__(self, items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
        yield from track(
            items, total=total, description=what, console=self._console, disable=self._hidden, transient=True
        )


def _print(audit: Audit, report: Path | None) -> None:
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


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
