"""The command ``linegate``: every verb, registered."""

from edge.cli import buffer, camera, catalogue, config, ledger, model, provision, publish
from edge.cli.bench import bench
from edge.cli.commission import commission
from edge.cli.demo import demo
from edge.cli.evaluate import evaluate
from edge.cli.inspect import inspect
from edge.cli.model_install import install
from edge.cli.plc_sim import plc_sim
from edge.cli.pod import pod
from edge.cli.replay import replay
from edge.cli.running import new_app, run_app
from edge.cli.status import status
from edge.cli.sync import sync
from edge.cli.train import train
from edge.cli.version import version

app = new_app()
for verb in (inspect, sync, demo, plc_sim, status, evaluate, replay, pod, commission, train, bench, version):
    app.command()(verb)
for name, group in (
    ("config", config.app),
    ("camera", camera.app),
    ("catalogue", catalogue.app),
    ("ledger", ledger.app),
    ("model", model.app),
    ("buffer", buffer.app),
    ("provision", provision.app),
    ("publish", publish.app),
):
    app.add_typer(group, name=name)


model.app.command()(install)


def run() -> None:
    """Run the command line with every verb."""
    run_app(app)
