import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camera.errors import CameraError, CameraUnavailableError, FrameUnreadableError
from camera.replay import ReplaySource
from camera.source import Frame, SourceState
from tests.support.cameras import write_pictures

Names = list[str | None]


def acquire(source: ReplaySource) -> Frame:
    now_ns = time.monotonic_ns()
    return source.acquire(now_ns, now_ns + 30_000_000_000)


def names(source: ReplaySource, count: int) -> Names:
    return [acquire(source).name for _ in range(count)]


@pytest.fixture
def opened() -> Iterator[Callable[[ReplaySource], ReplaySource]]:
    sources: list[ReplaySource] = []

    def open_source(source: ReplaySource) -> ReplaySource:
        sources.append(source)
        source.open()
        return source

    yield open_source
    for source in sources:
        source.close()


def test_pictures_come_in_order_and_start_over(tmp_path: Path, opened: Callable[[ReplaySource], ReplaySource]) -> None:
    write_pictures(tmp_path, ["a.png", "b.png", "c.png"])
    source = opened(ReplaySource("top", tmp_path))
    frames = [acquire(source) for _ in range(7)]
    assert [frame.name for frame in frames] == ["a.png", "b.png", "c.png"] * 2 + ["a.png"]
    assert [frame.counter for frame in frames] == [1, 2, 3, 4, 5, 6, 7], "the counter never wraps"


def test_a_shuffle_depends_on_its_seed_and_repeats_each_round(
    tmp_path: Path, opened: Callable[[ReplaySource], ReplaySource]
) -> None:
    listed: Names = [f"{number:02}.bmp" for number in range(12)]
    write_pictures(tmp_path, [str(name) for name in listed])
    one, same, other = (names(opened(ReplaySource("top", tmp_path, shuffle_seed=seed)), 24) for seed in (3, 3, 4))
    assert one == same != other
    assert one[:12] == one[12:] != listed
    assert sorted(map(str, one[:12])) == listed


def test_broken_and_missing_files_use_their_turn(
    tmp_path: Path, opened: Callable[[ReplaySource], ReplaySource]
) -> None:
    write_pictures(tmp_path / "images", ["a.png", "c.png"])
    (tmp_path / "images" / "b.png").write_bytes(b"")
    listed = ["a.png", "b.png", "absent.png", "c.png"]
    (tmp_path / "annotations.json").write_text(json.dumps({"images": [{"file_name": name} for name in listed]}))
    source = opened(ReplaySource("top", tmp_path))
    turns: list[object] = []
    for _ in range(6):
        try:
            turns.append(acquire(source).name)
        except FrameUnreadableError as error:
            turns.append(str(error))
    assert turns[0] == turns[4] == "a.png"
    assert turns[3] == "c.png"
    assert turns[1] == turns[5]
    assert "b.png: is empty" in str(turns[1])
    assert "absent.png: No such file" in str(turns[2])


def test_opening_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["a.png", "b.png", "c.png"])
    source = ReplaySource("top", tmp_path)
    counters = []
    for expected in ("a.png", "b.png", "c.png", "a.png"):
        source.open()
        source.open()
        frame = acquire(source)
        source.close()
        assert frame.name == expected
        counters.append(frame.counter)
    assert counters == [1, 2, 3, 4]


def test_a_missing_folder_refuses_to_open(tmp_path: Path) -> None:
    source = ReplaySource("top", tmp_path / "absent")
    with pytest.raises(CameraUnavailableError, match="absent"):
        source.open()
    assert source.state is SourceState.CLOSED


def test_not_before_is_waited_for(tmp_path: Path, opened: Callable[[ReplaySource], ReplaySource]) -> None:
    write_pictures(tmp_path, ["a.png"])
    source = opened(ReplaySource("top", tmp_path))
    not_before_ns = time.monotonic_ns() + 20_000_000
    assert source.acquire(not_before_ns, not_before_ns + 30_000_000_000).captured_ns >= not_before_ns


def test_a_frame_due_only_after_the_deadline_uses_no_turn(
    tmp_path: Path, opened: Callable[[ReplaySource], ReplaySource]
) -> None:
    write_pictures(tmp_path, ["a.png", "b.png"])
    source = opened(ReplaySource("top", tmp_path))
    now_ns = time.monotonic_ns()
    with pytest.raises(CameraError):
        source.acquire(now_ns + 2, now_ns + 1)
    assert acquire(source).name == "a.png"
