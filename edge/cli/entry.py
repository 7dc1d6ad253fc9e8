"""Where ``linegate`` begins: a person may press Ctrl-C before the verbs are even loaded."""

import os
import signal
import sys

DAEMON = "inspect"
DAEMONS = (DAEMON, "sync")
INTERRUPTED = 130
"""The exit code after Ctrl-C, as a shell gives it: 128 + SIGINT."""


def run() -> None:
    """Load the command line and run it; Ctrl-C ends it without a word at any moment."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where nohup or a shell ignores it
    if sys.argv[1:2] and sys.argv[1] in DAEMONS:
        signal.signal(signal.SIGTERM, _end)
    try:
        if ours:
            # While modules load, an exception could rise inside any of them: the signal itself may end the process.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Loading takes a second, and what comes before guards it; the daemon stays, and loads its own verb alone.
        if sys.argv[1:2] == [DAEMON]:
            from edge.cli.alone import run as run_verb  # noqa: PLC0415
        else:
            from edge.cli.main import run as run_verb  # noqa: PLC0415

        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run_verb()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _end(_number: int, _frame: object) -> None:
    """End a daemon that is told to stop before it has begun: nothing is open yet that would have to be closed."""
    os._exit(0)
