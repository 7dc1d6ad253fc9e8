"""Kills a station's look for bundles at every change of its disk: ``python -m tests.support.update_process FOLDER``.

FOLDER holds what :func:`prepare` wrote. A process of its own looks, and is killed with SIGKILL before the first change
(a file opened for writing, made, renamed, removed or flushed), before the second, and so on until it comes through.
After each the station looks again. A line of JSON per kill tells what was there.
"""

import hashlib
import json
import os
import pickle
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.updates import trust as memory
from tests.support.repositories import Factory, StationClient, make_station

WRITING = os.O_WRONLY | os.O_RDWR
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.link", "os.chown", "os.chmod", "os.truncate"}


def prepare(folder: Path) -> StationClient:
    """Publish a bundle, and return the station that is to fetch it."""
    factory = Factory(folder)
    factory.add(version=4)
    station = make_station(folder, factory)
    (folder / "station.pickle").write_bytes(pickle.dumps(station))
    return station


def look_until(station: StationClient, last: int) -> bool:
    """Look in a process that is killed before its change number ``last``; return whether it was."""
    child = os.fork()
    if child == 0:
        _kill_before(last, str(station.folder))
        status = 1
        try:
            station.look()
            status = 0
        finally:
            os._exit(status)
    _, code = os.waitpid(child, 0)
    assert os.WIFSIGNALED(code) or os.WEXITSTATUS(code) == 0, code
    return os.WIFSIGNALED(code)


def _kill_before(last: int, below: str) -> None:
    changes = 0

    def count() -> None:
        nonlocal changes
        changes += 1
        if changes == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if (event in CHANGES or writes) and below in str(arguments[0]):
            count()

    def counted(flush: Callable[[int], None]) -> Callable[[int], None]:
        def flushed(descriptor: int) -> None:
            count()
            flush(descriptor)

        return flushed

    os.fsync = counted(os.fsync)
    sys.addaudithook(audit)


def what_is_there(station: StationClient) -> dict[str, object]:
    """Return what stands under final names, and whether the memory can be read."""
    incoming = station.store / "models" / "incoming"
    bundles = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in incoming.glob("*.lgb")}
    told = [json.loads(path.read_text())["sha256"] for path in incoming.glob("*.lgb.json")]
    with memory.opened(station.store) as trust:
        delivered = [one.sha256 for one in trust.state.delivered]
        versions = sorted(trust.state.files)
    return {"bundles": bundles, "told": told, "delivered": delivered, "files": versions}


def main(folder: Path) -> None:
    """Kill at every change, and tell what was there, and what a further look brought."""
    station: StationClient = pickle.loads((folder / "station.pickle").read_bytes())
    killed, last = True, 0
    while killed:
        last += 1
        station.folder = folder / f"at-{last}"
        station.store.mkdir(parents=True)
        killed = look_until(station, last)
        before = what_is_there(station)
        station.look()
        memories = sorted(path.name for path in (station.store / memory.FOLDER).iterdir())
        line = {"killed": killed, "before": before, "after": what_is_there(station), "incoming": station.incoming()}
        line["memory"] = memories
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
