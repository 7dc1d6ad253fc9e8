"""What befalls process and disk: kill -9, power cuts, a disk that is full or turns read-only under the station."""

import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import cv2

from camera.virtual import VirtualLine, VirtualParameters
from deploy.active import shipped_bundle
from edge.core import wire
from edge.core.policy import judge_view
from edge.core.types import Decision
from edge.inspector.examine import examine
from edge.inspector.operating import ArchiveRequest, OperatingError, State
from edge.inspector.operator_client import ask
from edge.line.plc import PlcSettings
from edge.spool.reader import list_spool
from models.bundle import read_bundle
from models.detector import Detector
from tests.support.belts import learn_the_empty_belt
from tests.support.disks import cut_power, leave_free, make_ext4, mounted, repair, small_disk, turn_read_only
from tests.support.plant import FAST, REAL, RECOVERY_S, TIMER_MS, Outcome, Plant
from tests.support.scenarios.fault import StoreFault
from tests.support.waiting import wait_until

PICTURES: Final = 4
DEADLINE_MS: Final = 2000
UNHURRIED: Final = PlcSettings(rate=10, timer_ms=DEADLINE_MS + 500, test_line=True)
"""What the shipped network keeps up with on two busy cores."""

DISK_BYTES: Final = 24 << 20
"""More than a fault's parts take of the ledger's log, and less than it grows to: it has to find no room."""
ROOM_BYTES: Final = 256 << 20
"""More than the spool keeps free for the ledger, so that pictures are written too."""

FREE_PAGES: Final = 40
FILLED_A_LIFE: Final = 5
ARCHIVED_PARTS: Final = 300
"""More events than the thousand that always stay."""

BESIDE_THE_BELT: Final = PlcSettings(rate=4, timer_ms=TIMER_MS, test_line=True)


def accepted_pictures(folder: Path) -> Path:
    """Fill a folder with pictures of good virtual parts that the shipped bundle accepts."""
    folder.mkdir(parents=True)
    bundle = read_bundle(shipped_bundle())
    manifest, detector = bundle.manifest, Detector.load(bundle)
    line, found = VirtualLine(VirtualParameters(seed=3, defects=0.0)), 0
    for index in range(60):
        image = line.render(index).image
        limits, quality = manifest.decision.limits(), manifest.quality.limits()
        view = examine(image, camera="top", judge=detector, quality=quality, limits=limits).judgement
        if judge_view(view).decision is Decision.ACCEPT:
            cv2.imwrite(str(folder / f"{found}.png"), image)
            found += 1
        if found == PICTURES:
            return folder
    raise AssertionError("the shipped bundle accepts too few good virtual parts")


def killed(folder: Path, times: int) -> Outcome:
    """``linegate inspect`` on a replayed folder is killed at random moments; each time, nothing heard is missing."""
    moments = random.Random(20261121)
    pictures = accepted_pictures(folder / "pictures")
    with Plant(folder, module=REAL, source=f"replay:{pictures}", deadline_ms=DEADLINE_MS) as plant:
        missing = set()
        with plant.line(UNHURRIED):
            for _ in range(times):
                plant.start()
                plant.accepts(1)
                time.sleep(moments.uniform(0.0, 0.4))  # any moment will do, and they are to differ
                plant.station.kill()
                missing |= set(plant.missing())
            plant.start()
            plant.accepts()
        return plant.outcome(times).and_problems([f"{key} was heard and missing after a kill" for key in missing])


def power_cut(folder: Path, times: int) -> Outcome:
    """The file system of ledger and spool loses power mid-run.

    The wire is cut at the proxy first, so that whatever is heard, ever, was sent before: a station that lived on may
    be told of commits that the kernel threw away.
    """
    moments = random.Random(20261122)
    image, store = make_ext4(folder / "disk.ext4", ROOM_BYTES), folder / "disk"
    problems: list[str] = []
    with Plant(folder, store=store) as plant:
        with plant.line():
            for _ in range(times):
                with mounted(image, store):
                    plant.start()
                    plant.accepts(1)
                    time.sleep(moments.uniform(0.0, 0.4))  # any moment will do, and they are to differ
                    plant.station_side.stall()
                    cut_power(store)
                    plant.station.kill()
                    plant.station_side.reset()
                    plant.station_side.flow()
                with mounted(image, store):
                    problems += [f"{key} was heard and missing after a power cut" for key in plant.missing()]
                    problems += [
                        f"{entry.path}: {entry.problem}"
                        for entry in list_spool(store / "spool")
                        if not (entry.sidecar or entry.pending)
                    ]
            with mounted(image, store):
                plant.start()
                plant.accepts()
                outcome = plant.outcome(times)
        return outcome.and_problems(problems)


def archived(folder: Path, times: int) -> Outcome:
    """Operators have the ledger archived while parts run, and the station is killed at any moment of it."""
    moments = random.Random(20261124)
    missing: set[tuple[int, int]] = set()
    with Plant(folder) as plant:
        with plant.line(FAST):
            for _ in range(times):
                plant.start()
                plant.parts(ARCHIVED_PARTS)
                asking = threading.Thread(target=_archive, args=(plant.store,), daemon=True)
                asking.start()
                time.sleep(moments.uniform(0.0, 0.6))  # any moment will do, and they are to differ
                plant.station.kill()
                asking.join(RECOVERY_S)
                missing |= set(plant.missing())
            plant.start()
            plant.accepts()
            told = _archive(plant.store)
            plant.accepts()
        problems = [f"{key} was heard and missing after a kill" for key in missing]
        if told != [State.WORKING, State.DONE]:
            problems.append(f"the ledger was not archived: {told}")
        return plant.outcome(times).and_problems(problems)


def _archive(store: Path) -> list[State]:
    """Ask for the archive; nothing is told where the station dies before it answers."""
    with suppress(OperatingError):
        return [reply.state for reply in ask(store, ArchiveRequest(keep_days=0.0))]
    return []


def presence(folder: Path, times: int) -> Outcome:
    """A belt whose parts trigger themselves, beside the PLC's; the link breaks, and the station is killed."""
    (folder / "store").mkdir()
    learn_the_empty_belt(folder / "store")
    with Plant(folder, trigger="presence") as plant:
        with plant.line(BESIDE_THE_BELT):
            for _ in range(times):
                plant.start()
                _judged_by_themselves(plant, 2)
                plant.station_side.reset()
                _judged_by_themselves(plant, 1)
                plant.station.kill()
            plant.start()
            _judged_by_themselves(plant, 1)
            plant.accepts(1)
        return plant.outcome(times)


def _judged_by_themselves(plant: Plant, count: int) -> None:
    done = len(plant.witness.results(wire.AUTO))
    wait_until(
        lambda: len(plant.witness.results(wire.AUTO)) >= done + count, RECOVERY_S, what=f"{count} results on evt/auto"
    )


def disk_full(folder: Path, times: int) -> Outcome:
    """The disk fills up to a random page; every part is answered, none accepted without a record; freed, it goes on."""
    generator = random.Random(5)
    with small_disk(folder / "disk", DISK_BYTES) as store, Plant(folder, store=store) as plant:
        filler = store / "filler"
        with plant.line():
            for number in range(times):
                if number % FILLED_A_LIFE == 0:  # stopped, it moves its log: it has to find the disk full again
                    plant.station.stop()
                    plant.start()
                plant.accepts()
                leave_free(filler, generator.randrange(FREE_PAGES))
                wait_until(lambda: not plant.witness.ready, timeout=RECOVERY_S, what="a heartbeat that says not ready")
                plant.parts(3)
                filler.unlink()
            plant.accepts()
        return plant.outcome(times)


def read_only(folder: Path, times: int) -> Outcome:
    """The file system turns read-only under the station; it abstains until it is stopped, and the disk mended."""
    image, store = make_ext4(folder / "disk.ext4"), folder / "disk"
    missing: set[tuple[int, int]] = set()
    with Plant(folder, store=store) as plant:
        with plant.line():
            for _ in range(times):
                with mounted(image, store):
                    plant.start()
                    plant.accepts()
                    turn_read_only(store)
                    wait_until(
                        lambda: not plant.witness.ready, timeout=RECOVERY_S, what="a heartbeat that says not ready"
                    )
                    plant.parts(3)
                    plant.station.stop()
                repair(image)
                with mounted(image, store):
                    missing |= set(plant.missing())
            with mounted(image, store):
                plant.start()
                plant.accepts()
                outcome = plant.outcome(times)
        return outcome.and_problems([f"{key} was heard and missing after the disk had failed" for key in missing])


FAULTS: Final = (
    StoreFault(name="inspector killed -9 at random", alone=killed, short=8, long=100),
    StoreFault(name="power cut under ledger and spool", alone=power_cut, short=4, long=50),
    StoreFault(name="killed -9 while it archives", alone=archived, short=2, long=30),
    StoreFault(name="parts that trigger themselves, killed -9", alone=presence, short=1, long=10),
    StoreFault(name="disk full at a random page", alone=disk_full, short=3, long=50),
    StoreFault(name="disk turns read-only", alone=read_only, short=1, long=10),
)
