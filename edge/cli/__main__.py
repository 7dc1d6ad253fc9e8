"""``python -m edge.cli``: the same command, for where the script is not on the PATH."""

from edge.cli.entry import run

run()
