"""Every write of the ledger fails once: ``python -m tests.support.failing_writes FOLDER ERRNO COUNT EVERY SCENARIO``.

Runs under libfiu's preload library (see :func:`command`), whose hooks sit between SQLite and the kernel; that a folder
is made, which it does not know, is hooked in Python. SCENARIO is ``parts`` or ``archive``. It is played as often as it
makes calls that change the disk; each time one more of them, and the COUNT - 1 after it, are refused with ERRNO. EVERY
plays one in so many. A line of JSON per play tells what was reported as committed.
"""

import ctypes
import json
import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import edge.ledger.ledger
from edge.ledger import Ledger, LedgerError, archiver, checkpoint, writer
from edge.ledger.archiver import ArchiveJob, Archiver
from edge.ledger.retention import Retention
from tests.support.ledgers import decided, instant, key, received, sent, whole_part, write

LIBRARY: Final = "/usr/lib/fiu/fiu_posix_preload.so"
CHANGING: Final = (
    *(f"posix/io/rw/{name}" for name in ("write", "writev", "pwrite", "pwritev", "truncate", "ftruncate")),
    *(f"posix/io/sync/{name}" for name in ("fsync", "fdatasync")),
    *(f"posix/io/dir/{name}" for name in ("rename", "unlink")),
)
PARTS: Final = 3
OLD_PARTS: Final = 6
FILES: Final = 4
"""So many files the archive scenario makes of the parts before it."""
COMMIT_S: Final = 0.3
CLOSE_S: Final = 0.2
ARCHIVE_S: Final = 1.0
UNDISTURBED_S: Final = 30.0

_Hook = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p
)


def command(folder: Path, error: int, count: int, every: int, scenario: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that plays the scenario in a folder, and its environment."""
    assert Path(LIBRARY).is_file(), "libfiu is not installed: make test does it as root (fiu-utils)"
    numbers = [str(number) for number in (error, count, every)]
    words = [sys.executable, "-m", "tests.support.failing_writes", str(folder), *numbers, scenario]
    return words, {**os.environ, "LD_PRELOAD": LIBRARY}


class Refusal:
    """Counts calls that change the disk, on whatever thread, and refuses some of them."""

    def __init__(self, error: int) -> None:
        self.calls = 0
        self.names: list[str] = []
        self._range = range(0)
        self._on = False
        self._lock = threading.Lock()
        self._error = error
        self._make = os.mkdir
        self._hook = _Hook(self._decide)  # kept: C calls it for as long as the process lives
        fiu = ctypes.CDLL("libfiu.so.0")
        for name in CHANGING:
            assert fiu.fiu_enable_external(name.encode(), 1, ctypes.c_void_p(error), 0, self._hook) == 0, name

    def __enter__(self) -> None:
        self.calls, self.names, self._on = 0, [], True
        os.mkdir = self._mkdir

    def __exit__(self, *_exception: object) -> None:
        self._on = False
        os.mkdir = self._make

    @property
    def disturbs(self) -> bool:
        """Whether any call will be refused."""
        return bool(self._range)

    def refuse(self, first: int, count: int) -> None:
        """Refuse from the call with this number on, so many."""
        self._range = range(first, first + count)

    def _mkdir(self, path: Path, mode: int = 0o777) -> None:
        if self._decide(b"mkdir", None, None, 0):
            raise OSError(self._error, os.strerror(self._error), str(path))
        self._make(path, mode)

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


def play_archive(folder: Path, patience_s: float) -> list[int]:
    """Open a ledger with old parts, move them to the archive beside a new one, close; return what was reported."""
    committed = list(range(1, OLD_PARTS + 1))
    with suppress(LedgerError):
        ledger = Ledger.open(folder)
        retention = Retention(days=36_500, events=0, file_events=8, always_kept=0, young_s=0)
        running = Archiver(ledger, folder, retention)
        try:
            ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant())
            running.start()
            asked = threading.Thread(target=_follow, args=(running.ask(),))
            asked.start()
            part = key(OLD_PARTS + 1, epoch=ledger.epoch, seq=1)
            ledger.append(received(part))
            if ledger.append(decided(part), owed=True).wait(COMMIT_S):
                committed.append(part.trig)
            until = time.monotonic() + patience_s
            while (asked.is_alive() or ledger._store.untidy) and time.monotonic() < until:
                time.sleep(0.002)
        finally:
            running.stop()
            ledger.close("stopped", instant(100), {})
    return committed


def _follow(job: ArchiveJob) -> None:
    with suppress(LedgerError):
        for _ in job.progress():
            pass


def main(folder: Path, error: int, count: int, every: int, scenario: str) -> None:
    """Play the scenario once undisturbed to count its calls, then once for each of them."""
    refusal = Refusal(error)
    edge.ledger.ledger.CLOSE_S = CLOSE_S  # a disk that takes nothing more is not waited for
    checkpoint.WORTH_EVENTS, checkpoint.LIMIT_EVENTS = 1, 4  # both ways to checkpoint, within a few parts

    def work(place: Path) -> list[int]:
        if scenario == "parts":
            return play(place)
        return play_archive(place, ARCHIVE_S if refusal.disturbs else UNDISTURBED_S)

    old = folder / "old"
    old.mkdir()
    if scenario == "archive":
        archiver.REST_S, archiver.COMMIT_S, writer.PAUSE_S, writer.UNTIDY_S = 0.0, 0.05, 0.0005, 0.05
        write(old, [event for trig in range(1, OLD_PARTS + 1) for event in whole_part(key(trig))])

    def report(name: str) -> int:
        place = Path(shutil.copytree(old, folder / name))
        with refusal:
            committed = work(place)
        line = {"folder": name, "calls": refusal.calls, "refused": refusal.names, "committed": committed}
        sys.stdout.write(json.dumps(line) + "\n")
        return refusal.calls

    calls = report("0")
    for first in range(1, calls + 1, every):
        refusal.refuse(first, count)
        report(str(first))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(word) for word in sys.argv[2:5]), scenario=sys.argv[5])
