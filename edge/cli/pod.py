"""``linegate pod``: how small and how faint a defect a bundle still finds (synthetic probability of detection)."""

import json as json_format
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from camera.errors import CameraError
from camera.image_file import ImageLimits, read_image
from camera.source import Image
from edge.cli.common import JsonOption, explained
from edge.cli.progress import counted_in
from edge.inspector.evaluation import read_dataset
from models.audit.writing import prepare_folder, write_report
from models.bundle import read_bundle
from models.detector import Detector
from models.errors import ModelError
from models.pod import Base, Provenance, StudyError, detector_judge, run_study

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Synthetic POD: {title}</title>
<style>body{{font:16px/1.5 system-ui;max-width:100ch;margin:2rem auto;padding:0 1rem}}</style></head>
<body>{body}</body></html>
"""


def pod(
    bundle: Annotated[Path, typer.Option("--bundle", metavar="FILE", help="The bundle, NAME-VERSION.lgb.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A COCO folder; its good pictures are drawn on.")],
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
        loaded = read_bundle(bundle)
        limits = loaded.manifest.decision.limits()
        dataset = read_dataset(data, group)
        wanted = None if only is None else {name.strip() for name in only.split(",")}
        bases = [
            Base(name=entry.file, group=entry.group or entry.file, load=partial(_picture, data / "images" / entry.file))
            for entry in dataset.images
            if entry.truth == "accept" and (wanted is None or entry.group in wanted)
        ]
        if not bases:
            raise StudyError(f"{data}: no good picture{' of these groups' if wanted else ''} to draw on")
        provenance = Provenance(
            judge=f"{loaded.label}, accept below {limits.accept_below:.4f}, reject above {limits.reject_above:.4f}",
            bases=f"{len(bases)} good pictures of {data.resolve().name}{'' if only is None else f', groups {only}'}",
        )
        study = run_study(
            bases, detector_judge(Detector.load(loaded), limits), provenance, seed=seed, progress=counted_in(progress)
        )
        if out is not None:
            page = _PAGE.format(title=loaded.label, body=study.html)
            write_report(out, page, json_format.dumps(study.summary, indent=1, allow_nan=False) + "\n")
    if json:
        typer.echo(json_format.dumps(study.summary, allow_nan=False))
        return
    for row in study.summary["hairlines"]["rows"]:
        typer.echo(f"hairlines of contrast {row['contrast']:.2f}: {row['count']} of {row['n']} not accepted")
    if out is not None:
        typer.echo(f"{out}/report.html")


def _picture(path: Path) -> Image:
    try:
        return read_image(path, ImageLimits())
    except CameraError as error:
        raise ModelError(str(error)) from error
