"""``linegate config``: the configuration file."""

import typer

from deploy.active import active_bundle
from edge.cli.common import DEFAULT_CONFIG, ConfigOption, explained, load_or_exit
from edge.inspector.build import configured_recipes, create_sources, refuse_unsafe
from edge.inspector.named import missing_or_unusable

app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check a configuration file and what it names: every fault with its line; starts nothing.

    Exit code 0: usable; 2: faults; 3: refused for safety; 1: a bundle is there but damaged or unfit.
    """
    loaded = load_or_exit(config, missing_or_unusable)
    with explained():
        sources = create_sources(loaded.config)
        refuse_unsafe(loaded.config, sources)
        recipes = configured_recipes(loaded.config, active_bundle(loaded.config.store.path))
    typer.echo(f"{config}: usable (SHA-256 {loaded.sha256[:12]}…)")
    for camera in loaded.config.camera:
        typer.echo(f"camera {camera.name}: {sources[camera.name].identity}, timing {sources[camera.name].timing}")
    for recipe in recipes.values():
        views = ", ".join(f"{view.camera} by {view.bundle.manifest.file_name}" for view in recipe.views)
        typer.echo(f"recipe {recipe.id} {recipe.name}: deadline {recipe.deadline_ms} ms, {views}")


@app.callback()
def group() -> None:
    """Look at the configuration."""
