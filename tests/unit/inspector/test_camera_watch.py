"""A camera that is away makes no part, so that its alarm must come without one."""

from dataclasses import dataclass

import pytest

from camera.source import SourceState
from edge.inspector import camera_watch, clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.camera_watch import PATIENCE_NS, CameraWatch


@dataclass
class Camera:
    identity: str
    state: SourceState = SourceState.READY


class World:
    def __init__(self, monkeypatch) -> None:
        self.present_ns = 1_000
        self.alarms = Alarms(clock.now())
        self.top, self.side = Camera("v4l2:/dev/video0"), Camera("v4l2:/dev/video1")
        self.watch = CameraWatch({"top": self.top, "side": self.side}, self.alarms)
        monkeypatch.setattr(camera_watch.time, "monotonic_ns", lambda: self.present_ns)

    def look(self, after_ns: int = 0) -> bool:
        self.present_ns += after_ns
        self.watch.look()
        return self.alarms.raised(Alarm.CAMERA)

    def text(self) -> str:
        return next(payload.decode() for topic, payload in self.alarms.messages() if topic == "alarm/camera")


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def test_a_camera_that_is_away_is_told_after_two_seconds_and_until_it_is_back(world):
    world.top.state = SourceState.LOST
    assert not world.look()
    assert not world.look(PATIENCE_NS - 1)
    assert world.look(1)
    assert "camera 'top' (v4l2:/dev/video0) was lost" in world.text()
    world.side.state = SourceState.CONNECTING
    world.top.state = SourceState.READY
    assert world.look(1)
    assert world.look(PATIENCE_NS)
    assert "camera 'side' (v4l2:/dev/video1) is not there yet" in world.text()
    world.side.state = SourceState.READY
    assert not world.look(1)


def test_a_hiccup_is_not_told(world):
    for _ in range(5):
        world.top.state = SourceState.LOST
        assert not world.look(1)
        world.top.state = SourceState.READY
        assert not world.look(PATIENCE_NS)


def test_what_a_part_has_shown_stands_while_all_cameras_are_there(world):
    world.alarms.set(Alarm.CAMERA, clock.now(), "top: frame identical")
    assert world.look(PATIENCE_NS)
    assert "frame identical" in world.text()
