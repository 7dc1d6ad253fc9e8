"""The broker is killed with SIGKILL and started again, in every state of a part."""

import random
import threading
import time
from typing import Final

from edge.ledger.reader import counts
from edge.line.plc import PlcSettings
from edge.line.plc_report import Actuation
from tests.support.plant import RECOVERY_S, TIMER_MS, Plant
from tests.support.proxy import Way
from tests.support.scenarios.fault import Fault
from tests.support.station_process import HELD
from tests.support.waiting import wait_until
from tests.support.witness import Hooks

ONE_BY_ONE: Final = PlcSettings(rate=40, timer_ms=TIMER_MS, test_line=True)
SLOWLY: Final = "slow 150 3600"


def restart(plant: Plant) -> None:
    """Kill the broker and start it again on the same port."""
    plant.broker.kill()
    plant.broker.start()


def wait_for_part_in_hand(plant: Plant) -> None:
    """Wait until the station has recorded a receipt and no verdict yet."""
    wait_until(lambda: counts(plant.store, 0)["open"], timeout=RECOVERY_S, what="a part in hand")


def idle(plant: Plant, times: int) -> None:
    for _ in range(times):
        with plant.line():
            plant.accepts()
        restart(plant)
    with plant.line():
        plant.accepts()


def trigger_outstanding(plant: Plant, times: int) -> None:
    with plant.line(ONE_BY_ONE):
        for _ in range(times):
            plant.accepts()
            plant.station.tell(SLOWLY)
            wait_for_part_in_hand(plant)
            restart(plant)
            plant.station.tell("slow 0 0")
        plant.accepts()


def between_commit_and_send(plant: Plant, times: int) -> None:
    with plant.line(ONE_BY_ONE):
        for _ in range(times):
            plant.accepts()
            held = plant.station.said.count(HELD)
            plant.station.tell("hold")
            wait_until(
                lambda held=held: plant.station.said.count(HELD) > held,
                timeout=RECOVERY_S,
                what="a result before it is sent",
            )
            restart(plant)
            plant.station.tell("release")
        plant.accepts()


def between_send_and_broker_ack(plant: Plant, times: int) -> None:
    with plant.line(ONE_BY_ONE):
        for _ in range(times):
            plant.accepts()
            plant.station.tell(SLOWLY)
            answers = plant.witness.answers  # of the part in hand none may be missed
            wait_for_part_in_hand(plant)
            plant.station_side.stall(Way.DOWN)
            wait_until(
                lambda answers=answers: plant.witness.answers > answers,
                timeout=RECOVERY_S,
                what="a result at the broker",
            )
            restart(plant)
            plant.station_side.reset()  # with it goes the acknowledgement that was held up
            plant.station_side.flow()
            plant.station.tell("slow 0 0")
        plant.accepts()


def before_the_plcs_ack(plant: Plant, times: int) -> None:
    wanted, dead = threading.Event(), threading.Event()

    def done(_part: Actuation) -> None:
        if wanted.is_set():
            wanted.clear()
            plant.broker.kill()
            dead.set()

    with plant.line(ONE_BY_ONE, Hooks(done=done)):
        for _ in range(times):
            plant.accepts()
            dead.clear()
            wanted.set()
            assert dead.wait(RECOVERY_S), "no part was done"
            plant.broker.start()
        plant.accepts()


def at_random(plant: Plant, times: int) -> None:
    moments = random.Random(11)
    with plant.line():
        for _ in range(times):
            plant.accepts()
            time.sleep(moments.uniform(0.0, 0.1))  # any moment will do, and they are to differ
            restart(plant)
        plant.accepts()


FAULTS: Final = (
    Fault(name="broker killed, idle", run=idle, short=1, long=10, breaks_link=True),
    Fault(name="broker killed, trigger outstanding", run=trigger_outstanding, short=1, long=10, breaks_link=True),
    Fault(
        name="broker killed, between commit and send", run=between_commit_and_send, short=1, long=10, breaks_link=True
    ),
    Fault(
        name="broker killed, between send and its ack",
        run=between_send_and_broker_ack,
        short=1,
        long=10,
        breaks_link=True,
    ),
    Fault(name="broker killed, before the PLC's ack", run=before_the_plcs_ack, short=1, long=10, breaks_link=True),
    Fault(name="broker killed, at random", run=at_random, short=0, long=10, breaks_link=True),
)
