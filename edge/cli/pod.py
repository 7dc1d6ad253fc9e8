"""``linegate pod``: how small and how faint a defect a bundle still finds (synthetic probability of detection)."""

import json as json_format
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from edge.cli.common import BundleOption, CatalogueOption, CommissionedOption, JsonOption, RoiOption, explained
from edge.cli.progress import counted_in
from edge.inspector.detectability import StudyRequest, study_detectability
from edge.inspector.views import Shelf, trial_view
from models.audit.writing import prepare_folder, write_report

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Synthetic POD: {title}</title>
<style>body{{font:16px/1.5 system-ui;max-width:100ch;margin:2rem auto;padding:0 1rem}}</style></head>
<body>{body}</body></html>
"""


def pod(
    bundle: BundleOption,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A COCO folder; its good pictures are drawn on.")],
    commissioned: CommissionedOption = None,
    catalogue: CatalogueOption = None,
    roi: RoiOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where report and figures go.")] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="GROUPS", help="These groups alone, with commas.")
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="The field that names an image's group.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed draws the same defects.")] = 0,
    json: JsonOption = False,
) -> None:
    """Draw defects of known size and contrast on good pictures and count which are not accepted.

    Choose pictures of parts that the bundle was not trained on, or say so when you show the figures.
    """
    with explained(), Progress(console=Console(stderr=True), disable=json) as progress:
        if out is not None:
            prepare_folder(out)
        view = trial_view(Shelf(), bundle, commissioned=commissioned, catalogue=catalogue, roi=roi)
        only_groups = None if only is None else tuple(name.strip() for name in only.split(","))
        request = StudyRequest(view=view, data=data, group=group, only=only_groups, seed=seed)
        study = study_detectability(request, counted_in(progress))
        if out is not None:
            page = _PAGE.format(title=view.bundle.label, body=study.html)
            write_report(out, page, json_format.dumps(study.summary, indent=1, allow_nan=False) + "\n")
    if json:
        typer.echo(json_format.dumps(study.summary, allow_nan=False))
        return
    for row in study.summary["hairlines"]["rows"]:
        typer.echo(f"hairlines of contrast {row['contrast']:.2f}: {row['count']} of {row['n']} not accepted")
    if out is not None:
        typer.echo(f"{out}/report.html")
