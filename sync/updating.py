"""Looking for new bundles, again and again; and less often while it does not work."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deploy.slots.errors import SlotsError
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.looking import Tell, look
from deploy.updates.values import Fetched, StationFacts, UpdateSettings
from edge.objects.errors import RemoteFault, StoppedError
from models.errors import ModelError
from sync.backoff import pause_s

STOP_S: Final = 5.0
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolling:
    """What polling needs: where from, who the station is at that moment, and how the inspector is told."""

    settings: UpdateSettings
    facts: Callable[[], StationFacts]
    tell: Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How one look ended; ``problem`` is empty where it went well."""

    fetched: Fetched | None = None
    refusal: Refusal | None = None
    problem: str = ""


def look_once(polling: UpdatePolling, go_on: Callable[[], bool]) -> Looked:
    """Look for a new bundle; every failure is part of the answer.

    Raises:
        StoppedError: given up.
    """
    try:
        fetched = look(polling.settings, polling.facts(), polling.tell, go_on)
    except UpdateError as error:
        return Looked(refusal=error.refusal, problem=f"{error.refusal}: {error}")
    except (ModelError, SlotsError) as error:
        return Looked(problem=f"what runs here cannot be read: {error}")
    return Looked(fetched=fetched)


class UpdateThread:
    """Polls in a thread of its own, so that neither pictures nor bundles wait for each other."""

    def __init__(self, polling: UpdatePolling, stop_event: threading.Event) -> None:
        self._polling = polling
        self._stop_event = stop_event
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)
        self.summary = "no look for bundles yet"

    @property
    def alive(self) -> bool:
        """Whether it still polls."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait until it has stopped, as it does by itself once the event is set."""
        self._thread.join(STOP_S)

    def _run(self) -> None:
        try:
            self._poll()
        except StoppedError:
            pass
        except Exception:  # noqa: BLE001 -- whatever it is, the log tells
            _LOG.exception("fetching bundles met a fault")  # the daemon sees that this has ended, and ends too

    def _poll(self) -> None:
        generator = random.Random()  # noqa: S311 -- jitter, no secret
        failures = 0
        _LOG.info("looking for bundles at %s", self._polling.settings.source)
        while not self._stop_event.is_set():
            looked = look_once(self._polling, lambda: not self._stop_event.is_set())
            failures = failures + 1 if looked.problem else 0
            pause = self._pause(looked, failures, generator)
            self._say(looked, pause)
            self._stop_event.wait(pause)

    def _pause(self, looked: Looked, failures: int, generator: random.Random) -> float:
        """Return the pause in seconds: the configured one, spread so that a factory's stations do not come at once."""
        if not looked.problem:
            return self._polling.settings.interval_s * generator.uniform(0.9, 1.0)
        waits = looked.refusal in {Refusal.UNREACHABLE, Refusal.BUSY}
        return pause_s(failures, RemoteFault.UNREACHABLE if waits else RemoteFault.REFUSED, generator)

    def _say(self, looked: Looked, pause: float) -> None:
        at = time.strftime("%H:%M")
        if looked.problem:
            self.summary = f"bundles: {looked.problem}"
            level = logging.WARNING if looked.refusal is Refusal.UNREACHABLE else logging.ERROR
            _LOG.log(level, "%s; next look in %.0f s", looked.problem, pause)
        elif looked.fetched is not None:
            self.summary = f"bundles: {looked.fetched.bundle} came at {at}"
            _LOG.info("%s is here: %s", looked.fetched.bundle, looked.fetched.path)
        else:
            self.summary = f"bundles: nothing new at {at}"
