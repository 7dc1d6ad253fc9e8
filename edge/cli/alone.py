"""``linegate inspect`` without the other verbs: what a daemon loads, it holds for months."""

from edge.cli.inspect import inspect
from edge.cli.running import new_app, run_app

app = new_app()
app.command()(inspect)


@app.callback()
def linegate() -> None:
    """The inspection appliance beside the line: accept, reject or cannot judge."""


def run() -> None:
    """Run the verb."""
    run_app(app)
