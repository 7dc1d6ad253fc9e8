"""A source that follows a script: frames, delays, errors, hanging reads. For fault tests and rehearsals.

ScriptedSource("top", [image, Delay(50), image, Again(), Fail(FrameUnreadableError("broken")), Block(), image])
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from camera.errors import CameraTimeoutError, CameraUnavailableError
from camera.grabber import unavailable
from camera.source import Frame, SourceState, Timing

_NEVER_NS: Final = 2**63


@dataclass(frozen=True, slots=True, eq=False)
class Show:
    """Hand out a frame, handed on as it is: any shape and type, so that garbage can be shown too.

    ``captured_after_ms`` shifts the exposure from the instant of taking; negative is a frame from before.
    """

    image: NDArray[np.generic]
    name: str | None = None
    captured_after_ms: float = 0.0
    captured_known: bool = True


@dataclass(frozen=True, slots=True)
class Again:
    """Hand out the last frame again, its counter too: a frozen driver. ``new_counter`` is a frozen sensor instead."""

    new_counter: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Fail:
    """Raise an error; one that is no ``CameraError`` is a bug in a driver."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then go on with the next step in the same acquire; times out when the deadline comes first."""

    milliseconds: float


@dataclass(frozen=True, slots=True)
class Block:
    """Hang in the driver, whatever the deadline, until :meth:`ScriptedSource.release` or close; then time out."""


@dataclass(frozen=True, slots=True)
class Disappear:
    """The device is unplugged: this acquire and all others fail, state ``lost``, until ``reappear``."""


Step = Show | Again | Fail | Delay | Block | Disappear


class ScriptedSource:
    """Follows its steps, one or more an acquire, and may begin again; thread-safe, so that a test can steer it.

    After the last step an acquire times out at its deadline. Bare arrays stand for ``Show``, bare exceptions for
    ``Fail``.
    """

    def __init__(
        self,
        view: str,
        steps: Iterable[Step | NDArray[np.generic] | Exception],
        *,
        repeat: bool = False,
        timing: Timing = Timing.HARDWARE,
        identity: str | None = None,
    ) -> None:
        """Keep the script; ``repeat`` begins it again after its last step."""
        self._view = view
        self._steps: tuple[Step, ...] = tuple(_as_step(step) for step in steps)
        self._repeat = repeat
        self._timing = timing
        self._identity = identity or f"scripted:{view}"
        self._changed = threading.Condition()
        self._state = SourceState.CLOSED
        self._position = 0
        self._interjected: deque[Step] = deque()
        self._counter = 0
        self._releases = 0
        self._blocked = False
        self._last: Frame | None = None

    @property
    def view(self) -> str:
        """The view's name, as given."""
        return self._view

    @property
    def timing(self) -> Timing:
        """As given."""
        return self._timing

    @property
    def identity(self) -> str:
        """As given, else made of the view's name."""
        return self._identity

    @property
    def state(self) -> SourceState:
        """Ready from open to close, but lost while disappeared."""
        return self._state

    @property
    def taken(self) -> int:
        """Number of frames exposed so far; ``Again`` without a new counter exposes none."""
        return self._counter

    def open(self) -> None:
        """Become ready; the script goes on where it was."""
        self._turn(SourceState.READY)

    def acquire(self, not_before_ns: int, deadline_ns: int) -> Frame:
        """Follow the script to its next frame or error; a frame is exposed no earlier than ``not_before_ns``."""
        with self._changed:
            while True:
                if self._state is not SourceState.READY:
                    raise unavailable(self._view, self._state)
                match self._next_step():
                    case Show() as step:
                        self._wait(not_before_ns, deadline_ns)
                        return self._show(step)
                    case Again(new_counter):
                        self._wait(not_before_ns, deadline_ns)
                        return self._again(new_counter=new_counter)
                    case Fail(error):
                        raise error
                    case Delay(milliseconds):
                        self._wait(time.monotonic_ns() + int(milliseconds * 1e6), deadline_ns)
                    case Block():
                        self._block()
                        raise CameraTimeoutError(f"camera {self._view!r}: the driver hung")
                    case Disappear():
                        self._state = SourceState.LOST
                    case None:
                        self._wait(_NEVER_NS, deadline_ns)

    def close(self) -> None:
        """Stop, and let a blocked acquire go; safe to call twice."""
        self._turn(SourceState.CLOSED)

    def interject(self, *steps: Step | NDArray[np.generic] | Exception) -> None:
        """Put steps before the script's next one."""
        with self._changed:
            self._interjected.extend(_as_step(step) for step in steps)

    def reappear(self) -> None:
        """Plug a disappeared device in again; the script goes on."""
        with self._changed:
            if self._state is SourceState.LOST:
                self._turn(SourceState.READY)

    def disappear(self) -> None:
        """Unplug the device now, also during an acquire."""
        self._turn(SourceState.LOST)

    def release(self) -> None:
        """Let an acquire that hangs in ``Block`` time out; without effect when none does."""
        with self._changed:
            self._releases += 1
            self._changed.notify_all()

    def wait_until_blocked(self, seconds: float = 10.0) -> bool:
        """Wait until an acquire hangs in ``Block``; False when none does in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._blocked, seconds)

    def _turn(self, state: SourceState) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()

    def _next_step(self) -> Step | None:
        if self._interjected:
            return self._interjected.popleft()
        if self._position == len(self._steps) and self._repeat:
            self._position = 0
        if self._position == len(self._steps):
            return None
        self._position += 1
        return self._steps[self._position - 1]

    def _wait(self, until_ns: int, deadline_ns: int) -> None:
        """Wait without the lock; raise when the deadline comes first or the device goes."""
        while (now_ns := time.monotonic_ns()) < until_ns:
            if now_ns >= deadline_ns:
                raise CameraTimeoutError(f"camera {self._view!r}: the script gave no frame in time")
            self._changed.wait((min(until_ns, deadline_ns) - now_ns) / 1e9)
            if self._state is not SourceState.READY:
                raise unavailable(self._view, self._state)

    def _block(self) -> None:
        releases = self._releases
        self._blocked = True
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._releases > releases or self._state is SourceState.CLOSED)
        self._blocked = False

    def _show(self, step: Show) -> Frame:
        self._counter += 1
        now_ns, shift_ns = time.monotonic_ns(), int(step.captured_after_ms * 1e6)
        self._last = Frame(
            image=step.image,  # type: ignore[arg-type]  # a script may lie about it
            view=self._view,
            counter=self._counter,
            arrival_ns=now_ns,
            captured_ns=now_ns + shift_ns,
            captured_utc_ms=(time.time_ns() + shift_ns) // 1_000_000,
            timing=self._timing,
            name=step.name,
            captured_known=step.captured_known,
        )
        return self._last

    def _again(self, *, new_counter: bool) -> Frame:
        if self._last is None:
            raise CameraUnavailableError(f"camera {self._view!r}: the script has no frame yet to give again")
        if not new_counter:
            return self._last
        return self._show(Show(self._last.image, self._last.name))


def _as_step(step: Step | NDArray[np.generic] | Exception) -> Step:
    if isinstance(step, Exception):
        return Fail(step)
    if isinstance(step, np.ndarray):
        step = step.view()
        step.flags.writeable = False
        return Show(step)
    return step
