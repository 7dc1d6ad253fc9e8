"""A process that is killed at every call that changes the disk: ``python -m tests.support.slots_process FOLDER``.

Each transition is made from its own starting point as often as it makes such calls, and dies at the first, the second
and so on. A line of JSON per death tells what a start after it finds.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import models.whole_files
from deploy.slots.provenance import Provenance, provenance_path
from deploy.slots.store import SlotStore
from edge.core.slots import By, Slots, canary, crashed, faults, promote, refuse, shadow, take_back, verify
from models.bundle.archive import read_bundle
from models.bundle.writing import pack
from tests.support.bundles import manifest, members

BY: Final = By(who="test", at=1)
CALLS: Final = ("fsync", "replace", "rename", "unlink", "write")


def bundle(version: int) -> bytes:
    return pack(manifest(version=version), members())


def bring(store: SlotStore, version: int) -> None:
    data = bundle(version)
    path = store.incoming / f"toy-{version}.lgb"
    path.write_bytes(data)
    told = Provenance(sha256=hashlib.sha256(data).hexdigest())
    provenance_path(path).write_text(told.model_dump_json(), encoding="utf-8")


def staged(store: SlotStore, version: int) -> None:
    path = store.incoming / f"toy-{version}.lgb"
    store.stage(path, Provenance(sha256=hashlib.sha256(path.read_bytes()).hexdigest()), BY)


def sha(version: int) -> str:
    return hashlib.sha256(bundle(version)).hexdigest()


def life(store: SlotStore, version: int, steps: int) -> None:
    bring(store, version)
    staged(store, version)
    for step in (verify, shadow, _canary, promote)[:steps]:
        store.move(lambda slots, step=step: step(slots, sha(version), BY))


def _canary(slots: Slots, sha256: str, by: By) -> Slots:
    return canary(slots, sha256, 0.1, by)


def _active_two(store: SlotStore) -> None:
    life(store, 1, 4)
    life(store, 2, 4)


def _move(step: Callable[..., Slots], version: int) -> Callable[[SlotStore], object]:
    return lambda store: store.move(lambda slots: step(slots, sha(version), BY))


TRANSITIONS: Final[dict[str, tuple[Callable[[SlotStore], object], Callable[[SlotStore], object]]]] = {
    "stage": (lambda store: bring(store, 1), lambda store: staged(store, 1)),
    "verify": (lambda store: life(store, 1, 0), _move(verify, 1)),
    "refuse": (lambda store: life(store, 1, 1), _move(refuse, 1)),
    "shadow": (lambda store: life(store, 1, 1), _move(shadow, 1)),
    "canary": (lambda store: life(store, 1, 2), _move(_canary, 1)),
    "promote": (lambda store: life(store, 1, 3), _move(promote, 1)),
    "promote the second": (lambda store: (life(store, 1, 4), life(store, 2, 3)), _move(promote, 2)),
    "withdraw a candidate": (lambda store: life(store, 1, 3), _move(take_back, 1)),
    "roll back": (_active_two, _move(take_back, 2)),
    "roll back to the shipped one": (lambda store: life(store, 1, 4), _move(take_back, 1)),
    "the active one is spoilt": (_active_two, _move(refuse, 2)),
    "count a crash": (_active_two, _move(crashed, 2)),
}


def deaths(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield what is found after each death in a transition, the last time without one."""
    before, act = TRANSITIONS[name]
    call = 1
    while True:
        store_folder = folder / "store"
        shutil.rmtree(store_folder, ignore_errors=True)
        store_folder.mkdir(parents=True)
        with SlotStore.open(store_folder) as store:
            before(store)
            old = store.slots
        died = _dies(store_folder, act, call)
        yield {"transition": name, "call": call, "died": died, **_found(store_folder, old)}
        if not died:
            return
        call += 1


def _dies(folder: Path, act: Callable[[SlotStore], object], call: int) -> bool:
    """Make the transition in a child that is killed right before its so many-th call; False where it was not."""
    child = os.fork()
    if child == 0:
        with SlotStore.open(folder) as store:
            _kill_at(call)
            act(store)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


def _kill_at(call: int) -> None:
    left = [call]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return instead

    os.fsync = counted(os.fsync)
    for method in ("replace", "unlink"):
        setattr(Path, method, counted(getattr(Path, method)))
    models.whole_files.os.fchmod = counted(os.fchmod)  # type: ignore[attr-defined]  # right after the bytes are written


def _found(folder: Path, old: Slots) -> dict[str, Any]:
    with SlotStore.open(folder) as store:
        slots = store.slots
        problems = faults(slots)
        for slot in slots.bundles:
            if read_bundle(store.path_of(slot)).sha256 != slot.sha256:
                problems.append(f"{slot.label} is spoilt")
        waiting = [path.stem for path in store.waiting()]
        files = sorted(path.name for path in store.folder.glob("*.lgb"))
    return {
        "problems": problems,
        "state": "before" if slots == old else "after" if slots.revision == old.revision + 1 else "else",
        "active": slots.active.label if slots.active else "shipped",
        "waiting": waiting,
        "files": files,
        "known": sorted(slot.file_name for slot in slots.bundles),
    }


if __name__ == "__main__":
    for transition in TRANSITIONS:
        for outcome in deaths(Path(sys.argv[1]), transition):
            sys.stdout.write(json.dumps(outcome) + "\n")
