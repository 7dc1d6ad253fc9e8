"""A real station, broker and PLC simulator while processes die: no accept without a record, none stale, none twice."""

import os
import random
import signal
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import cv2
import pytest

from camera.virtual import VirtualLine, VirtualParameters
from deploy.active import shipped_bundle
from edge.cli.demo import LINE, SITE, STATION, inspector_process, write_configuration
from edge.core import wire
from edge.core.policy import judge_view
from edge.core.types import Act, Decision
from edge.inspector.examine import examine
from edge.ledger.export import export
from edge.ledger.reader import counts
from edge.ledger.verify import verify
from edge.line.link import LinkEvents
from edge.line.mqtt import MqttLink
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from edge.spool.check import image_problem
from models.bundle import read_bundle
from models.detector import Detector
from tests.support.brokers import mosquitto_broker
from tests.support.waiting import wait_until

SEED = 20261121
DEADLINE_MS = 400


@pytest.fixture(scope="module")
def accepted_pictures(tmp_path_factory):
    """Return a folder with pictures of good virtual parts that the shipped bundle accepts."""
    folder = tmp_path_factory.mktemp("pictures")
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
        if found == 4:
            return folder
    raise AssertionError("the shipped bundle accepts too few good virtual parts")


class Plant:
    """A broker, a PLC simulator in a thread, and an inspector process that can be killed and started again."""

    def __init__(self, folder, pictures, stack: ExitStack) -> None:
        self.folder = folder
        self.broker = stack.enter_context(mosquitto_broker(folder))
        self.configuration = write_configuration(folder, self.broker.address, f"replay:{pictures}")
        self.actuations = []
        self.answers = []
        self.witness = MqttLink(
            replace(
                plc_link_settings(SITE, LINE, STATION, self.broker.address),
                client_id="witness",
                subscriptions=(wire.RESULT,),
            ),
            LinkEvents(
                message=lambda message: self.answers.append(wire.parse_result(message.payload)),
                connected=lambda: None,
                disconnected=lambda _reason: None,
                published=lambda _token, _reason: None,
            ),
        )
        stack.callback(self.witness.close)
        self.witness.open()
        self.stop = threading.Event()
        self.plc = PlcSimulator(
            PlcSettings(rate=10, timer_ms=700, test_line=True),
            plc_link_settings(SITE, LINE, STATION, self.broker.address),
            on_actuation=self.actuations.append,
        )
        self._thread = threading.Thread(target=self.plc.run, args=(self.stop,))
        self._inspector = ExitStack()
        stack.callback(self.end)
        self._thread.start()

    def start_inspector(self):
        process = self._inspector.enter_context(
            inspector_process(self.configuration, self.folder / "inspect.log"),
        )
        done = len(self.actuations)
        wait_until(lambda: len(self.actuations) >= done + 3, timeout=30, what="parts on the line")
        return process

    def kill_inspector(self, process) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def end(self) -> None:
        self.stop.set()
        self._thread.join(20)
        self._inspector.close()

    def accepted(self) -> list[int]:
        return [done.trig for done in self.actuations if done.act is Act.ACCEPTED]

    def assert_books_agree(self) -> None:
        report = verify(self.folder, image_problem(self.folder / "spool"))
        assert report.problems == ()
        records = {record["trig"]: record for record in export(self.folder)}
        accepted = self.accepted()
        assert accepted, "the line never accepted, so the test shows nothing"
        twice = [trig for trig, count in Counter(answer.trig for answer in self.answers).items() if count > 1]
        assert twice == []
        late = [answer.trig for answer in self.answers if answer.age_ms > DEADLINE_MS]
        assert late == []
        assert [trig for trig in accepted if records[trig]["verdict"] != "accept"] == []
        answered = {done.trig: done for done in self.actuations if done.decision is not None}
        differing = [trig for trig, done in answered.items() if records[trig]["dec"] != done.decision]
        assert differing == []


def test_an_inspector_killed_at_any_moment_leaves_no_accept_without_a_record(tmp_path, accepted_pictures):
    moments = random.Random(SEED)
    with ExitStack() as stack:
        plant = Plant(tmp_path, accepted_pictures, stack)
        for _ in range(6):
            process = plant.start_inspector()
            threading.Event().wait(moments.uniform(0.0, 0.4))
            plant.kill_inspector(process)
        plant.start_inspector()
        plant.end()
        plant.assert_books_agree()


def test_a_broker_killed_at_any_moment_leaves_no_accept_without_a_record(tmp_path, accepted_pictures):
    moments = random.Random(SEED)
    with ExitStack() as stack:
        plant = Plant(tmp_path, accepted_pictures, stack)
        plant.start_inspector()
        for _ in range(3):
            threading.Event().wait(moments.uniform(0.0, 0.4))
            done = len(plant.actuations)
            os.kill(plant.broker.pid, signal.SIGKILL)
            plant.broker.stop()
            plant.broker.start()
            wait_until(lambda done=done: len(plant.actuations) >= done + 5, timeout=40, what="parts after the cut")
        plant.end()
        plant.assert_books_agree()


def test_sigterm_ends_the_inspector_with_0_and_its_epoch_clean(tmp_path, accepted_pictures):
    with ExitStack() as stack:
        plant = Plant(tmp_path, accepted_pictures, stack)
        process = plant.start_inspector()
        wait_until(plant.accepted, timeout=30, what="an accepted part")
        process.terminate()
        assert process.wait(20) == 0
        plant.end()
        plant.assert_books_agree()
        log = (tmp_path / "inspect.log").read_text(encoding="utf-8")
        assert "Traceback" not in log
        assert counts(tmp_path, 0)["epoch"]["reason"] == "stopped"
