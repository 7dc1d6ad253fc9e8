"""The sync daemon's loop: look into the spool, send what is new, wait; and wait longer when it does not work."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.config.notify import Notifier
from edge.objects.credentials import find_credentials
from edge.objects.errors import RemoteError, RemoteFault, StoppedError
from edge.objects.store import ObjectStore, S3ObjectStore
from edge.spool.errors import SpoolError
from edge.spool.reader import days, pictures_of
from sync.backoff import pause_s
from sync.settings import SyncSettings
from sync.state import SyncState, UploadState
from sync.uploader import LocalReadError, Uploader

Connect = Callable[[SyncSettings, Callable[[], bool]], ObjectStore]

_LOG: Final = logging.getLogger(__name__)
_BEAT_S: Final = 5.0
_FAILED: Final = frozenset({UploadState.CONFLICT, UploadState.DAMAGED})


@dataclass(slots=True)
class PassResult:
    """What one look into the spool came to: pictures by outcome, and what ended it early, if anything did."""

    outcomes: dict[UploadState, int] = field(default_factory=dict)
    fault: RemoteFault | None = None
    problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether something needs attention: a fault, a conflict or a damaged picture."""
        return bool(self.problem) or any(self.outcomes.get(state) for state in _FAILED)

    def end_early(self, error: Exception) -> None:
        """Note what ended the pass."""
        self.problem = str(error)
        self.fault = error.fault if isinstance(error, RemoteError) else None


def connect_s3(settings: SyncSettings, go_on: Callable[[], bool]) -> ObjectStore:
    """Return the configured bucket with the keys as they are now.

    Raises:
        RemoteError: there are no keys, or the settings make no address.
    """
    return S3ObjectStore.connect(settings.place, find_credentials(), go_on)


def _nothing_beside() -> str:
    return ""


def run(
    settings: SyncSettings,
    stop_event: threading.Event,
    *,
    notifier: Notifier,
    connect: Connect = connect_s3,
    beside: Callable[[], str] = _nothing_beside,
) -> None:
    """Send pictures until ``stop_event`` is set; a request under way is then given up within a second.

    ``beside`` tells how the daemon's other work stands; what it raises ends this.

    Raises:
        StateError: ``sync.db`` cannot be used, or another sync runs.
    """
    generator = random.Random()  # noqa: S311 -- jitter, no secret
    failures = 0
    go_on = _Pulse(stop_event, notifier)
    with SyncState.open(settings.store) as state:
        notifier.ready()
        _LOG.info("sending pictures of %s to s3://%s/%s", settings.spool, settings.bucket, settings.prefix)
        while not stop_event.is_set():
            result = send_all(settings, state, connect, go_on)
            notifier.status("; ".join(part for part in (_summary(result, state.counts()), beside()) if part))
            failures = failures + 1 if result.problem else 0
            pause = settings.interval_s
            if result.problem:
                pause = pause_s(failures, result.fault or RemoteFault.UNREACHABLE, generator)
                _LOG.warning("%s; next try in %.0f s", result.problem, pause)
            _wait(pause, stop_event, notifier, beside)
        notifier.stopping()


def run_once(
    settings: SyncSettings, stop_event: threading.Event, *, notifier: Notifier, connect: Connect = connect_s3
) -> PassResult:
    """Look into the spool once and send what is there.

    Raises:
        StateError: as :func:`run`.
    """
    with SyncState.open(settings.store) as state:
        return send_all(settings, state, connect, _Pulse(stop_event, notifier))


def send_all(settings: SyncSettings, state: SyncState, connect: Connect, go_on: Callable[[], bool]) -> PassResult:
    """Send every picture that is not done, one at a time, until all are tried or the store fails."""
    result = PassResult()
    try:
        _reconcile(settings, state, go_on)
        if state.next_pending(None) is None:
            return result
        remote = connect(settings, go_on)
    except (SpoolError, RemoteError) as error:
        result.end_early(error)
        return result
    try:
        _send_pending(Uploader(settings.spool, remote, settings.prefix), state, go_on, result)
    finally:
        remote.close()
    return result


def _reconcile(settings: SyncSettings, state: SyncState, go_on: Callable[[], bool]) -> None:
    for day in sorted({*days(settings.spool), *state.days()}):
        if go_on():
            state.reconcile(day, pictures_of(settings.spool, day))


def _send_pending(uploader: Uploader, state: SyncState, go_on: Callable[[], bool], result: PassResult) -> None:
    place = state.next_pending(None)
    while place is not None and go_on():
        path = place[1]
        try:
            outcome = uploader.send(path)
        except StoppedError:
            return
        except (RemoteError, LocalReadError) as error:
            state.failed(path, str(error))
            result.end_early(error)
            return
        if outcome.state is not UploadState.PENDING:
            state.finished(path, outcome.state, sha256=outcome.sha256, key=outcome.key, error=outcome.detail)
        result.outcomes[outcome.state] = result.outcomes.get(outcome.state, 0) + 1
        if outcome.state in _FAILED:
            _LOG.error("ALARM %s is not sent (%s): %s", path, outcome.state, outcome.detail)
        place = state.next_pending(place)


def _wait(seconds: float, stop_event: threading.Event, notifier: Notifier, beside: Callable[[], str]) -> None:
    until = time.monotonic() + seconds
    while not stop_event.is_set() and (rest := until - time.monotonic()) > 0:
        beside()
        notifier.watchdog()
        stop_event.wait(min(rest, _BEAT_S))


def _summary(result: PassResult, counts: dict[UploadState, int]) -> str:
    numbers = ", ".join(f"{counts[state]} {state}" for state in UploadState)
    return f"{numbers}; {result.problem}" if result.problem else numbers


class _Pulse:
    """Says whether to go on, and feeds the watchdog while it is asked."""

    def __init__(self, stop_event: threading.Event, notifier: Notifier) -> None:
        self._stop_event = stop_event
        self._notifier = notifier
        self._next = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._next:
            self._notifier.watchdog()
            self._next = now + _BEAT_S
        return not self._stop_event.is_set()
