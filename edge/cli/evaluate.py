"""``linegate evaluate``: how a bundle judges a folder of labelled pictures."""

import json as json_format
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from edge.cli.common import JsonOption, explained
from edge.inspector.evaluation import judge_dataset, read_dataset
from models.bundle import read_bundle
from models.evaluation import JudgedImage, evaluate_dataset


def evaluate(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="FILE", help="The bundle, NAME-VERSION.lgb.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A COCO folder with image-level verdicts.")],
    group: Annotated[str | None, typer.Option("--group", help="The field that names an image's group.")] = None,
    json: JsonOption = False,
) -> None:
    """Judge every picture as the line would; count escapes, overkill and abstentions. Nothing is refitted."""
    with explained():
        loaded = read_bundle(bundle)
        dataset = read_dataset(data, group)
        judged = judge_dataset(data, dataset, loaded)
        report = evaluate_dataset(_shown(judged, len(dataset.images), hidden=json), loaded.manifest.decision.limits())
    if json:
        typer.echo(json_format.dumps(report, allow_nan=False))
        return
    _print(report)


def _shown(judged: Iterator[JudgedImage], total: int, *, hidden: bool) -> Iterator[JudgedImage]:
    console = Console(stderr=True)
    yield from track(judged, total=total, description="judging", console=console, disable=hidden, transient=True)


def _print(report: dict[str, Any]) -> None:
    counts = report["counts"]
    typer.echo(f"{counts['parts']} parts: {counts['bad']} bad, {counts['good']} good; {counts['images']} pictures")
    for name, rate in report["rates"].items():
        if rate["value"] is None:
            typer.echo(f"{name:>18}: no part to count")
            continue
        low, high = rate["ci95"]
        typer.echo(f"{name:>18}: {rate['value']:.3f} ({rate['count']}/{rate['n']}, 95 % {low:.3f} to {high:.3f})")
    for name in ("auroc", "auroc_within_group", "box_recall", "box_precision", "false_boxes_per_good"):
        value = report.get(name)
        typer.echo(f"{name:>18}: {'-' if value is None else f'{value:.4f}'}")
    latency = report["latency_ms"]
    if latency["p50"] is not None:
        typer.echo(f"{'latency':>18}: p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms")
