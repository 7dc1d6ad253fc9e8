"""The daemon: pictures out and bundles in, side by side."""

import threading
from typing import Final

from edge.config.notify import Notifier
from sync.errors import StateError
from sync.service import run
from sync.settings import SyncSettings
from sync.updating import UpdatePolling, UpdateThread

_BEAT_S: Final = 1.0


def run_daemon(
    pictures: SyncSettings | None, bundles: UpdatePolling | None, stop_event: threading.Event, *, notifier: Notifier
) -> None:
    """Do what is configured until ``stop_event`` is set.

    Raises:
        StateError: ``sync.db`` cannot be used, another sync runs, or the thread that fetches bundles has ended.
    """
    thread = None if bundles is None else UpdateThread(bundles, stop_event)
    if thread is not None:
        thread.start()
    try:
        if pictures is not None:
            run(pictures, stop_event, notifier=notifier, beside=_Beside(thread, stop_event))
        elif thread is not None:
            _wait_beside(thread, stop_event, notifier)
    finally:
        stop_event.set()
        if thread is not None:
            thread.join()


class _Beside:
    """Tells how fetching stands, and ends the daemon where it has ended unasked."""

    def __init__(self, thread: UpdateThread | None, stop_event: threading.Event) -> None:
        self._thread = thread
        self._stop_event = stop_event

    def __call__(self) -> str:
        if self._thread is None:
            return ""
        if not self._thread.alive and not self._stop_event.is_set():
            raise StateError("fetching bundles has ended by a fault: see the log above")
        return self._thread.summary


def _wait_beside(thread: UpdateThread, stop_event: threading.Event, notifier: Notifier) -> None:
    told = _Beside(thread, stop_event)
    notifier.ready()
    while not stop_event.is_set():
        notifier.watchdog()
        notifier.status(told())
        stop_event.wait(_BEAT_S)
    notifier.stopping()
