"""An inspector with a scripted camera and a stand-in model, as a process of its own, that can be told to fail.

``python -m tests.support.station_process CONFIG`` runs the daemon on the configuration's store and broker. Every line
on its standard input is an order (see :class:`Rig`); it answers with lines on its standard output.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from camera.errors import FrameUnreadableError
from camera.scripted import Again, Block, Delay, Disappear, Fail, ScriptedSource, Show, Step
from camera.source import Source
from edge.cli.common import log_to_stderr, stop_event
from edge.config import Config
from edge.config.load import load_config_file
from edge.core.types import Limits
from edge.inspector import build
from edge.inspector.build import Adapters
from edge.inspector.daemon import HangError, run
from edge.inspector.dispatch import Delivery, Dispatch
from edge.ledger.retention import Retention
from edge.ledger.store import Store
from models.detector import Detection
from tests.support.belts import belt_source, parts_on_a_belt
from tests.support.candidates import StandInCandidate
from tests.support.stations import passed, stand_in_recipe

DEADLINE_MS: Final = 500
CAPTURE_MS: Final = 250
LIMITS: Final = Limits(accept_below=0.2, reject_above=0.8)
SCORES: Final = (0.01, 0.02, 0.9, 0.03, 0.5, 0.04, 0.05, 0.99, 0.06, 0.07)
"""What the model says of the pictures in turn: seven to accept, two to reject, one that it is unsure of."""

BELT_PARTS: Final = 8
HELD: Final = "held"
LOOP: Final = "inspection-loop"
FOR_EVER: Final = 3600.0


class Spell:
    """Something that is wrong for a while."""

    def __init__(self) -> None:
        self._until = 0.0
        self._changed = threading.Condition()

    def cast(self, seconds: float) -> None:
        """Be wrong from now on for so long; 0 ends it."""
        with self._changed:
            self._until = time.monotonic() + seconds
            self._changed.notify_all()

    @property
    def holds(self) -> bool:
        """Whether it is wrong now."""
        return time.monotonic() < self._until

    def wait(self) -> None:
        """Return when it is over."""
        with self._changed:
            while (left := self._until - time.monotonic()) > 0:
                self._changed.wait(left)


class StandInModel:
    """Knows every picture of the camera by its first pixel, and its score; fails as it is told."""

    def __init__(self) -> None:
        self.raising = Spell()
        self.nonsense = Spell()
        self.hanging = Spell()
        self.slow = Spell()
        self.pause_s = 0.0

    def inspect(self, image: NDArray[np.uint8], roi: object = None, half: object = None) -> Detection:
        """Return the picture's score."""
        self.hanging.wait()
        if self.slow.holds:
            time.sleep(self.pause_s)
        if self.raising.holds:
            raise RuntimeError("delegate lost")
        score = float("nan") if self.nonsense.holds else SCORES[int(image[0, 0, 0]) % len(SCORES)]
        return Detection(score=score, boxes=(), preprocess_ns=1, invoke_ns=1, postprocess_ns=1)


class Rig:
    """The stand-ins and how they are told to fail; ``say`` tells whoever runs the process."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.camera = ScriptedSource("top", [picture(number) for number in range(len(SCORES))], repeat=True)
        self.model = StandInModel()
        self._commit = Spell()
        self._commit_s = 0.0
        self._holding = Spell()
        self._clock_shift_s = 0.0
        self._orders: dict[str, Callable[..., None]] = {
            "camera": self._steer_camera,
            "raise": self.model.raising.cast,
            "nan": self.model.nonsense.cast,
            "hang": self.model.hanging.cast,
            "slow": self._slow_model,
            "commit": self._slow_commits,
            "clock": self._shift_clock,
            "hold": lambda: self._holding.cast(FOR_EVER),
            "release": lambda: self._holding.cast(0),
        }

    def adapters(self) -> Adapters:
        """Return what the daemon uses in place of camera and model; the link is a real one."""
        return Adapters(
            sources=self._sources,
            test=passed,
            candidate=lambda _order: StandInCandidate(),
            recipes=lambda _config, active, **_options: {
                0: stand_in_recipe(
                    self.model,
                    ("top",),
                    limits=LIMITS,
                    deadline_ms=DEADLINE_MS,
                    capture_ms=CAPTURE_MS,
                    active=active,
                )
            },
        )

    def tell(self, order: str) -> None:
        """Carry out an order.

        ``camera STEP``; ``raise S``, ``nan S``, ``hang S`` (the model, for S seconds); ``slow MS S`` (it takes MS
        milliseconds, for S seconds); ``commit T S`` (every commit takes T seconds); ``clock S`` (the calendar clock is
        shifted by S seconds); ``hold`` and ``release`` (the loop between commit and send; it says ``held``).
        """
        name, *words = order.split()
        if name == "camera":
            self._steer_camera(*words)
        else:
            self._orders[name](*(float(word) for word in words))

    def _sources(self, config: Config) -> Mapping[str, Source]:
        self._patch()
        if config.line.trigger == "presence":
            return {"top": belt_source(parts_on_a_belt(BELT_PARTS))}
        return {"top": self.camera}

    def _steer_camera(self, step: str, amount: str = "0") -> None:
        steps: dict[str, list[Step]] = {
            "block": [Block()],
            "again": [Again()],
            "frozen": [Again(new_counter=True)],
            "behind": [Show(picture(0), captured_after_ms=-1000.0)],
            "undated": [Show(picture(0), captured_known=False)],
            "flat": [Show(np.zeros((120, 160, 3), np.uint8))],
            "shape": [Show(np.zeros((3, 0, 7), np.float32))],
            "grey": [Show(np.full((120, 160), 900, np.uint16))],
            "noise": [Show(np.random.default_rng(1).random((120, 160, 3)))],
            "broken": [Fail(FrameUnreadableError("damaged JPEG"))],
            "bug": [Fail(ZeroDivisionError("a bug in the driver"))],
            "delay": [Delay(float(amount))],
            "gone": [Disappear()],
        }
        if step in steps:
            self.camera.interject(*steps[step])
        elif step == "release":
            self.camera.release()
        else:
            self.camera.reappear()

    def _slow_model(self, milliseconds: float, seconds: float) -> None:
        self.model.pause_s = milliseconds / 1000
        self.model.slow.cast(seconds)

    def _slow_commits(self, each_s: float, seconds: float) -> None:
        self._commit_s = each_s
        self._commit.cast(seconds)

    def _shift_clock(self, seconds: float) -> None:
        self._clock_shift_s = seconds

    def _patch(self) -> None:
        """Put in place what can be slow, held or wrong; the monotonic clock stays what it is."""
        commit, add, seconds, nanoseconds = Store.commit, Dispatch.add, time.time, time.time_ns

        def slowly(store: Store, batch: object) -> object:
            if self._commit.holds:
                time.sleep(self._commit_s)
            return commit(store, batch)  # type: ignore[arg-type]

        def held(dispatch: Dispatch, delivery: Delivery) -> None:
            if self._holding.holds and threading.current_thread().name == LOOP:
                self._say(HELD)
                self._holding.wait()
            add(dispatch, delivery)

        build.Retention = partial(Retention, young_s=0)  # type: ignore[misc, assignment]  # what is archived is young here
        Dispatch.add = held  # type: ignore[method-assign]
        Store.commit = slowly  # type: ignore[method-assign, assignment]
        time.time = lambda: seconds() + self._clock_shift_s
        time.time_ns = lambda: nanoseconds() + int(self._clock_shift_s * 1e9)


def picture(number: int) -> NDArray[np.uint8]:
    """Return a small noisy picture that passes the frame checks; its first pixel is its number."""
    image = np.random.default_rng(number).integers(0, 200, (120, 160, 3), dtype=np.uint8)
    image[0, 0] = number
    return image


def main(configuration: Path) -> int:
    """Run until told to stop; the exit codes are those of ``linegate inspect``."""
    log_to_stderr()
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    rig = Rig(said.put)

    def speak() -> None:
        while True:
            sys.stdout.write(said.get() + "\n")
            sys.stdout.flush()

    def listen() -> None:
        for line in sys.stdin:
            rig.tell(line)
            said.put(f"done {line.strip()}")

    for work in (speak, listen):
        threading.Thread(target=work, daemon=True).start()
    stopping = stop_event()
    sys.setswitchinterval(5e-4)
    try:
        run(load_config_file(configuration), stopping, rig.adapters())
    except HangError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.stderr.flush()
        return 1
    return 0


if __name__ == "__main__":
    # A model or a camera that hangs would keep the interpreter from ending.
    os._exit(main(Path(sys.argv[1])))
