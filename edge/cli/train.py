"""``linegate train``: from labelled photos and the virtual line to a bundle (extra ``train``)."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from edge.cli.common import explained, fail


def train(
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="Where to write the bundle and its card.")],
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="What to change of the defaults (TOML).")
    ] = None,
    photos: Annotated[
        list[Path] | None, typer.Option("--photos", metavar="DIR", help="A COCO folder; may be given again.")
    ] = None,
) -> None:
    """Train, calibrate out of fold, quantise and write a bundle; needs the training environment."""
    # Lazy: PyTorch is not on a station, and no other verb may wait for it.
    try:
        from models.training.settings import read_settings  # noqa: PLC0415
        from models.training.train import train_bundle  # noqa: PLC0415
    except ModuleNotFoundError as error:
        fail(
            f"training needs {error.name}, which is not here: use .venv-train/bin/linegate (make test-train sets it up)"
        )
    with explained(), Progress(console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, whole: int) -> None:
            task = tasks.get(what)
            if task is None:
                task = tasks[what] = progress.add_task(what, total=whole)
            progress.update(task, completed=done, total=whole)

        bundle = train_bundle(read_settings(settings, photos=photos or [], output=output), show)
    typer.echo(f"{output / bundle.manifest.file_name}: SHA-256 {bundle.sha256}")
