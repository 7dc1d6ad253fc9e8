"""``linegate train``: from labelled photos to a bundle (extra ``train``)."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edge.cli.common import explained, fail
from edge.cli.progress import counted_in


def train(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The bundle to write, NAME-VERSION.lgb.")],
    data: Annotated[
        list[Path] | None, typer.Option("--data", metavar="DIR", help="A COCO folder with masks; may be given again.")
    ] = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="Learn from the virtual line too.")] = False,
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="What to change of the defaults (TOML).")
    ] = None,
    group: Annotated[str | None, typer.Option("--group", help="The field that names an image's group.")] = None,
    work: Annotated[
        Path | None, typer.Option("--work", metavar="DIR", help="Where a run keeps what it can go on from.")
    ] = None,
    fold_bundles: Annotated[
        Path | None,
        typer.Option(
            "--fold-bundles", metavar="DIR", help="Write a bundle of each fold too, to try on what it never saw."
        ),
    ] = None,
) -> None:
    """Train, calibrate out of fold, quantise and write a bundle; a run that was cut short goes on where it was."""
    # Lazy: PyTorch is not on a station, and no other verb may wait for it.
    try:
        from models.training.settings import read_settings  # noqa: PLC0415
        from models.training.train import train_bundle  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fail(
            f"training needs {error.name}, which is not here: use .venv-train/bin/linegate (make test-train sets it up)"
        )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with explained(), Progress(*columns, console=Console(stderr=True)) as progress:
        chosen = read_settings(settings, data=data or [], output=out, virtual=virtual, work=work, group_field=group)
        bundle = train_bundle(
            chosen,
            counted_in(progress),
            lambda text: progress.console.print(f"warning: {text}", markup=False, highlight=False, soft_wrap=True),
            fold_bundles=fold_bundles,
        )
    claim = "provisional: no risk is claimed" if bundle.manifest.provisional else "with a risk claim"
    typer.echo(f"{chosen.output}: {claim}; SHA-256 {bundle.sha256}")
