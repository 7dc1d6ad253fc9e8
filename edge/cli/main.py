"""The command ``linegate``: every verb, registered."""

import typer

from edge.cli import buffer, camera, config, ledger
from edge.cli.bench import bench
from edge.cli.demo import demo
from edge.cli.evaluate import evaluate
from edge.cli.inspect import inspect
from edge.cli.plc_sim import plc_sim
from edge.cli.status import status
from edge.cli.sync import sync
from edge.cli.train import train
from edge.cli.version import version

app = typer.Typer(
    name="linegate",
    help="The inspection appliance beside the line: accept, reject or cannot judge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for verb in (inspect, sync, demo, plc_sim, status, evaluate, train, bench, version):
    app.command()(verb)
for name, group in (("config", config.app), ("camera", camera.app), ("ledger", ledger.app), ("buffer", buffer.app)):
    app.add_typer(group, name=name)


def run() -> None:
    """Run the command line."""
    app(prog_name="linegate")
