"""A process that records parts until it is killed: ``python -m tests.support.ledger_process FOLDER [archive]``.

Prints epoch and number of each part whose verdict the ledger says is committed. Three threads take turns, so that
commits hold events of several parts. With ``archive`` it moves all but the newest events to the archive, on and on.
"""

import sys
import threading
from pathlib import Path

from edge.ledger import Ledger, archiver
from edge.ledger.archiver import Archiver
from edge.ledger.retention import Retention
from tests.support.ledgers import decided, instant, key, received, sent

THREADS = 3


def judge(ledger: Ledger, numbers: "Numbers") -> None:
    while True:
        with numbers.lock:
            numbers.last += 1
            part = key(numbers.last, session=ledger.epoch, epoch=ledger.epoch)
            ledger.append(received(part))
        if ledger.append(decided(part)).wait(30):
            with numbers.lock:
                sys.stdout.write(f"{part.session} {part.trig}\n")
                sys.stdout.flush()
            ledger.append(sent(part))


class Numbers:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.last = 0


def archive_on(ledger: Ledger, folder: Path) -> None:
    archiver.REST_S = 0.0  # type: ignore[misc]  # many archives in little time
    running = Archiver(ledger, folder, Retention(days=36_500, events=100, file_events=40, always_kept=0, young_s=0))
    running.start()
    while True:
        for _ in running.ask().progress():
            pass


def main() -> None:
    ledger = Ledger.open(Path(sys.argv[1]))
    ledger.start_epoch(software="0.1.0", config_hash="c0" * 32, at=instant())
    numbers = Numbers()
    if sys.argv[2:] == ["archive"]:
        threading.Thread(target=archive_on, args=(ledger, Path(sys.argv[1]))).start()
    for _ in range(THREADS):
        threading.Thread(target=judge, args=(ledger, numbers)).start()


if __name__ == "__main__":
    main()
