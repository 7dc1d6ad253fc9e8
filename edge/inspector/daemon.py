"""The daemon's life: start in order, supervise, stop in reverse."""

import gc
import logging
import threading
import time
from contextlib import ExitStack
from typing import Final

from edge.config import LoadedConfig
from edge.config.notify import Notifier
from edge.core import wire
from edge.inspector import clock
from edge.inspector.alarms import Alarm
from edge.inspector.build import Adapters, Inspector, build
from edge.inspector.station import offline_state

SUPERVISION_S: Final = 0.25
HANG_NS: Final = 10_000_000_000
"""What has not moved for this long hangs: the process must go. No single wait is as long."""

HELD_LOG_BYTES: Final = 256_000_000
"""Above this, a foreign reader that keeps the ledger's log from being moved is told; the line goes on."""

COMMAND_ALARM_S: Final = 60.0
FINISH_S: Final = 5.0
STOPPED: Final = "stopped"

_LOG: Final = logging.getLogger(__name__)


class HangError(Exception):
    """A stage does not return; the service manager has to start the process again."""


class LoopHangError(HangError):
    """It is the inspection loop, in which the models judge."""


def run(loaded: LoadedConfig, stopping: threading.Event, adapters: Adapters | None = None) -> None:
    """Inspect until ``stopping`` is set; the part in hand is finished.

    Raises:
        HangError: a stage hangs; the caller must end the process without waiting for its threads.
        UnsafeStartError, RecipeError, ModelError, SlotsError, CameraError, LedgerError, SpoolError, LinkError: it
            cannot start.
    """
    notifier = Notifier.from_environment()
    with ExitStack() as stack:
        inspector = build(loaded, stack, adapters or Adapters())
        ending, models_ended = STOPPED, True
        # What is loaded now lives as long as the process: the collector need not walk it while a part waits.
        gc.collect()
        gc.freeze()
        try:
            _start(inspector)
            notifier.ready()
            identity = inspector.station.identity
            _LOG.info("inspecting: epoch %d, linegate %s", identity.epoch, identity.software)
            _supervise(inspector, stopping, notifier)
        except Exception as error:
            ending, models_ended = f"failed: {error}", not isinstance(error, LoopHangError)
            raise
        finally:
            notifier.stopping()
            _stop(inspector, reason=ending, models_ended=models_ended)


def _start(inspector: Inspector) -> None:
    inspector.station.loop_alive_ns = time.monotonic_ns()
    inspector.models.start()
    inspector.loop.start()
    inspector.guard.start(inspector.link)
    inspector.link.open()
    if inspector.own_trigger:
        inspector.own_trigger.start()
    inspector.archiver.start()
    inspector.operators.start()


def _stop(inspector: Inspector, *, reason: str, models_ended: bool) -> None:
    """Stop in reverse; the guard answers until no trigger can arrive any more.

    Without ``models_ended`` the end is held against the active bundle.
    """
    inspector.station.stopping = True
    if inspector.own_trigger:
        inspector.own_trigger.stop()
    inspector.reception.close()
    finished = inspector.loop.stop(FINISH_S)
    inspector.guard.settle()
    farewell = offline_state(inspector.station.identity.epoch, inspector.ledger.head)
    inspector.link.close((wire.STATE, farewell))
    inspector.guard.stop()
    inspector.keeping.close(FINISH_S)
    inspector.operators.stop()
    inspector.models.stop(clean=models_ended)
    inspector.archiver.stop()
    ending = reason if finished else f"{reason}; the part in hand was given up"
    inspector.ledger.close(ending, clock.now(), dict(inspector.reception.counts))


def _supervise(inspector: Inspector, stopping: threading.Event, notifier: Notifier) -> None:
    """Feed liveness to heartbeat and service manager, and keep the alarms that no part keeps."""
    commands = {
        Alarm.TRIGGER: _Quiet(inspector, "refused"),
        Alarm.TRUTH: _Quiet(inspector, "truth_refused"),
    }
    while not stopping.wait(SUPERVISION_S):
        inspector.station.loop_alive_ns = inspector.loop.alive_ns
        inspector.triggers.update()
        inspector.station.triggers = inspector.triggers.told()
        _refuse_to_hang(inspector)
        notifier.watchdog()
        _tell_of_ledger(inspector)
        _tell_of_archive(inspector)
        inspector.audit.look(clock.now())
        inspector.link_alarm.connection(inspector.link.trouble)
        inspector.cameras.look()
        inspector.certificates.look()
        inspector.updates.look()
        for alarm, refusals in commands.items():
            if refusals.ended():
                inspector.alarms.clear(alarm, clock.now())


class _Quiet:
    """Tells when a count of refused commands has stood still for a minute."""

    def __init__(self, inspector: Inspector, name: str) -> None:
        self._counts = inspector.reception.counts
        self._name = name
        self._seen, self._since = 0, time.monotonic()

    def ended(self) -> bool:
        if self._counts[self._name] != self._seen:
            self._seen, self._since = self._counts[self._name], time.monotonic()
        return time.monotonic() - self._since > COMMAND_ALARM_S


def _tell_of_ledger(inspector: Inspector) -> None:
    ledger, present = inspector.ledger, clock.now()
    if not ledger.healthy:
        text = str(ledger.failure or "commits take too long")
        inspector.alarms.set(Alarm.LEDGER, present, text, value=ledger.waiting)
    elif ledger.held_log_bytes > HELD_LOG_BYTES:
        text = (
            "a program holds a transaction on the ledger, whose log grows until it ends (fuser -v ledger.db names it)"
        )
        value, limit = ledger.held_log_bytes, HELD_LOG_BYTES
        inspector.alarms.set(Alarm.LEDGER, present, text, value=value, limit=limit)
    else:
        inspector.alarms.clear(Alarm.LEDGER, present)


def _tell_of_archive(inspector: Inspector) -> None:
    if problem := inspector.archiver.problem:
        inspector.alarms.set(Alarm.ARCHIVE, clock.now(), problem)
    else:
        inspector.alarms.clear(Alarm.ARCHIVE, clock.now())


def _refuse_to_hang(inspector: Inspector) -> None:
    present = time.monotonic_ns()
    for name, age_ns, kind in (
        ("deadline guard", present - inspector.guard.alive_ns, HangError),
        ("ledger's commit", inspector.ledger.commit_age_ns, HangError),
        ("inspection loop", present - inspector.loop.alive_ns, LoopHangError),
    ):
        if age_ns > HANG_NS:
            raise kind(f"the {name} has not moved for {age_ns / 1e9:.0f} s")
    if not inspector.link.alive:
        raise HangError("the line link's thread has ended")
