"""``linegate inspect``: the daemon on the path of a part."""

import os
import sys

from edge.cli.common import DEFAULT_CONFIG, ConfigOption, Exit, explained, load_or_exit, log_to_stderr, stop_event
from edge.inspector import allocator
from edge.inspector.daemon import HangError, run
from edge.inspector.named import missing_or_unusable

SWITCH_INTERVAL_S = 5e-4


def inspect(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Inspect parts until SIGTERM: trigger in, picture, verdict out."""
    log_to_stderr()
    loaded = load_or_exit(config, missing_or_unusable)
    stopping = stop_event()
    # A busy Python thread halves the network's rate at the default of 5 ms.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    allocator.settle()
    try:
        with explained():
            run(loaded, stopping)
    except HangError as error:
        sys.stderr.write(f"error: {error}; the service manager must start the inspector again\n")
        sys.stderr.flush()
        # A thread that hangs in a driver would keep the interpreter from ending.
        os._exit(Exit.FAILED)
