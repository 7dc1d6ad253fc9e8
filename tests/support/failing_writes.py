"""Every write of the ledger fails once: ``python -m tests.support.failing_writes FOLDER ERRNO COUNT EVERY``.

Runs under libfiu's preload library (see :func:`command`), whose hooks sit between SQLite and the kernel. The scenario
is played as often as it makes calls that change the disk; each time one more of them, and the COUNT - 1 after it, are
refused with ERRNO. EVERY plays one in so many. A line of JSON per play tells what was reported as committed.
"""

import ctypes
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import edge.ledger.ledger
from edge.ledger import Ledger, LedgerError, checkpoint
from tests.support.ledgers import decided, instant, key, received, sent

LIBRARY: Final = "/usr/lib/fiu/fiu_posix_preload.so"
CHANGING: Final = (
    *(f"posix/io/rw/{name}" for name in ("write", "writev", "pwrite", "pwritev", "truncate", "ftruncate")),
    *(f"posix/io/sync/{name}" for name in ("fsync", "fdatasync")),
    *(f"posix/io/dir/{name}" for name in ("rename", "unlink")),
)
PARTS: Final = 3
COMMIT_S: Final = 0.3
CLOSE_S: Final = 0.2

_Hook = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p
)


def command(folder: Path, error: int, count: int, every: int) -> tuple[list[str], dict[str, str]]:
    """Return the command that plays the scenario in a folder, and its environment."""
    assert Path(LIBRARY).is_file(), "libfiu is not installed: make test does it as root (fiu-utils)"
    words = [sys.executable, "-m", "tests.support.failing_writes", str(folder), str(error), str(count), str(every)]
    return words, {**os.environ, "LD_PRELOAD": LIBRARY}


class Refusal:
    """Counts calls that change the disk, on whatever thread, and refuses some of them."""

    def __init__(self, error: int) -> None:
        self.calls = 0
        self.names: list[str] = []
        self._range = range(0)
        self._on = False
        self._lock = threading.Lock()
        self._hook = _Hook(self._decide)  # kept: C calls it for as long as the process lives
        fiu = ctypes.CDLL("libfiu.so.0")
        for name in CHANGING:
            assert fiu.fiu_enable_external(name.encode(), 1, ctypes.c_void_p(error), 0, self._hook) == 0, name

    def __enter__(self) -> None:
        self.calls, self.names, self._on = 0, [], True

    def __exit__(self, *_exception: object) -> None:
        self._on = False

    def refuse(self, first: int, count: int) -> None:
        """Refuse from the call with this number on, so many."""
        self._range = range(first, first + count)

    def _decide(self, name: bytes, _number: Any, _info: Any, _flags: Any) -> int:
        if not self._on:
            return 0
        with self._lock:
            self.calls += 1
            refused = self.calls in self._range
            if refused:
                self.names.append(name.decode().rpartition("/")[2])
        return int(refused)


def play(folder: Path) -> list[int]:
    """Open, record a few parts, checkpoint, close; return which parts were reported as committed."""
    committed: list[int] = []
    with suppress(LedgerError):
        ledger = Ledger.open(folder)
        try:
            ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant())
            for trig in range(1, PARTS + 1):
                part = key(trig)
                ledger.append(received(part))
                if ledger.append(decided(part), owed=True).wait(COMMIT_S):
                    committed.append(trig)
                    ledger.append(sent(part), owed=True)
            _pause(ledger)
        finally:
            ledger.close("stopped", instant(100), {})
    return committed


def _pause(ledger: Ledger) -> None:
    """Let the line pause, so that the write-ahead log is moved by the thread for it."""
    until = time.monotonic() + COMMIT_S
    while ledger._writer._checkpointer.worthwhile and time.monotonic() < until:
        time.sleep(0.005)


def main(folder: Path, error: int, count: int, every: int) -> None:
    """Play the scenario once undisturbed to count its calls, then once for each of them."""
    refusal = Refusal(error)
    edge.ledger.ledger.CLOSE_S = CLOSE_S  # a disk that takes nothing more is not waited for
    checkpoint.WORTH_EVENTS, checkpoint.LIMIT_EVENTS = 1, 4  # both ways to checkpoint, within a few parts

    def report(name: str, work: Callable[[Path], list[int]]) -> int:
        place = folder / name
        place.mkdir()
        with refusal:
            committed = work(place)
        line = {"folder": name, "calls": refusal.calls, "refused": refusal.names, "committed": committed}
        sys.stdout.write(json.dumps(line) + "\n")
        return refusal.calls

    calls = report("0", play)
    for first in range(1, calls + 1, every):
        refusal.refuse(first, count)
        report(str(first), play)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:]))
