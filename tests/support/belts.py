"""A belt that parts slide along, drawn frame by frame: what a camera above a line sees."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from camera.address import StreamAddress
from camera.grabber import Connection
from camera.opencv import OpenCvSource
from camera.stream_clock import StreamClock
from camera.virtual import VirtualLine, VirtualParameters
from camera.watch import Watch
from edge.core.presence import PresenceRules
from edge.inspector.presence import remember

Picture = NDArray[np.uint8]
FRAME_MS = 60.0
ENDING = 5
RULES = PresenceRules(area=0.05, still_ms=300)


@dataclass(frozen=True)
class Visit:
    """A part's way through the view: its picture, and where its top left corner is at a time (None: not there)."""

    picture: Picture
    at: Callable[[float], tuple[float, float] | None]


def stop_over(
    picture: Picture, *, come: float, stand: float, width: int = 240, y: float = 20, speed: float = 400.0
) -> Visit:
    """A part that comes from the left at ``come`` seconds, stands for ``stand`` seconds, and goes to the right."""
    stop = (width - picture.shape[1]) / 2
    start = -float(picture.shape[1])
    arrives = come + (stop - start) / speed

    def at(seconds: float) -> tuple[float, float] | None:
        if seconds < come:
            return None
        if seconds < arrives:
            return start + (seconds - come) * speed, y
        if seconds < arrives + stand:
            return stop, y
        x = stop + (seconds - arrives - stand) * speed
        return (x, y) if x < width else None

    return Visit(picture, at)


@dataclass(frozen=True)
class Belt:
    """The view: a belt of a textured material that moves at ``speed`` pixels a second, in a light that may change.

    Times are in seconds; the belt is empty for six of them before time 0.
    """

    width: int = 240
    height: int = 136
    seed: int = 0
    level: float = 90.0
    grain: float = 5.0
    coarse: float = 0.0
    speed: Callable[[float], float] = lambda _seconds: 0.0
    light: Callable[[float], float] = lambda _seconds: 1.0
    noise: float = 2.0
    visits: Sequence[Visit] = field(default_factory=tuple)

    def frames(self, seconds: float, *, start: float = -6.0) -> Iterator[tuple[float, Picture]]:
        """Yield the time (ms) and the picture of every frame."""
        rng = np.random.default_rng(self.seed)
        long = 2 * self.width
        grain = cv2.GaussianBlur(rng.standard_normal((self.height, long)).astype(np.float32), (0, 0), 1.0)
        pattern = cv2.GaussianBlur(rng.standard_normal((self.height, long)).astype(np.float32), (0, 0), 12.0)
        texture = self.level + self.grain * grain / grain.std() + self.coarse * pattern / pattern.std()
        noises = [rng.normal(0.0, self.noise, (self.height, self.width, 3)).astype(np.float32) for _ in range(5)]
        travelled, count = 0.0, int((seconds - start) * 1000 / FRAME_MS)
        for number in range(count):
            now = start + number * FRAME_MS / 1000
            travelled += self.speed(now) * FRAME_MS / 1000
            belt = np.roll(texture, int(travelled), axis=1)[:, : self.width]
            picture = np.repeat(belt[:, :, None], 3, axis=2)
            for visit in self.visits:
                place = visit.at(now)
                if place is not None:
                    _lay(picture, visit.picture, place)
            light = self.light(now)
            noisy = picture * np.float32(light) + noises[number % len(noises)]
            yield now * 1000, cv2.convertScaleAbs(np.maximum(noisy, 0.0))


def _lay(picture: NDArray[np.float32], part: Picture, place: tuple[float, float]) -> None:
    x, y = round(place[0]), round(place[1])
    height, width = part.shape[:2]
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, picture.shape[1]), min(y + height, picture.shape[0])
    if left < right and top < bottom:
        picture[top:bottom, left:right] = part[top - y : bottom - y, left - x : right - x]


def part_picture(index: int = 0) -> Picture:
    """Return the picture of a small virtual part."""
    image = VirtualLine(VirtualParameters(seed=3, width=240, height=136)).render(index).image
    return cv2.resize(image, (170, 96)).astype(np.uint8, copy=False)


def learn_the_empty_belt(store: Path) -> None:
    """Have the store know the empty belt from an earlier run, as after the first parts of a line."""
    watch = Watch(RULES)
    visits = [stop_over(part_picture(index), come=2.5 * index, stand=0.8) for index in range(3)]
    for at_ms, picture in Belt(visits=visits).frames(8):
        watch.look(picture, at_ms)
    known = watch.known
    assert known is not None
    remember(store / "empty-view-top.npz", known)


def belt_source(camera: "BeltCamera") -> OpenCvSource:
    """Return the source ``top`` that watches a belt."""
    return OpenCvSource("top", StreamAddress("rtsp://belt", "rtsp://belt"), latency_ms=0, connect=camera.connect)


def parts_on_a_belt(count: int) -> "BeltCamera":
    """Return a camera above a belt on which so many parts stop, two and a half seconds each."""
    visits = [stop_over(part_picture(index), come=0.5 + 2.5 * index, stand=0.8) for index in range(count)]
    return BeltCamera(list(Belt(visits=visits).frames(0.5 + 2.5 * count, start=-1.0)))


class BeltCamera:
    """A camera above a belt, for the OpenCV source: plays frames at their own pace, then the last few in turn."""

    def __init__(self, frames: Sequence[tuple[float, Picture]]) -> None:
        self._frames = frames
        self._began_s: float | None = None
        self._number = -1

    def connect(self, address: object, latency_ns: int) -> Connection:
        return Connection(self, StreamClock(latency_ns))

    @property
    def over(self) -> bool:
        """Whether every frame has been shown."""
        return self._number >= len(self._frames)

    def grab(self) -> bool:
        self._began_s = self._began_s or time.monotonic()
        self._number += 1
        due_s = self._began_s + self._number * FRAME_MS / 1000
        time.sleep(max(0.0, due_s - time.monotonic()))
        return True

    def retrieve(self) -> tuple[bool, Picture]:
        last = len(self._frames) - 1
        number = self._number if self._number <= last else last - self._number % ENDING
        return True, self._frames[number][1]

    def get(self, propId: int, /) -> float:  # noqa: N803 - OpenCV's name
        return 0.0

    def release(self) -> None:
        return None
