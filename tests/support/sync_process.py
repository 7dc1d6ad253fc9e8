"""The sync daemon as a process of its own, without the command line: ``python -m tests.support.sync_process``.

Arguments: the store's folder and the endpoint.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.config.notify import Notifier
from sync.errors import StateError
from sync.service import run
from sync.settings import SyncSettings
from tests.support.objects import BUCKET

ROOT = Path(__file__).parents[2]


@contextmanager
def sync_process(store: Path, endpoint: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the daemon until the block ends; it is killed if it still runs then."""
    command = [sys.executable, "-W", "error", "-m", "tests.support.sync_process", str(store), endpoint]
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | keys | environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    stop = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    threading.Thread(target=lambda: signal.sigwait([signal.SIGTERM]) and stop.set(), daemon=True).start()
    settings = SyncSettings(
        store=Path(sys.argv[1]), bucket=BUCKET, prefix="factory", endpoint=sys.argv[2], interval_s=0.05
    )
    try:
        run(settings, stop, notifier=Notifier.from_environment())
    except StateError as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main()
