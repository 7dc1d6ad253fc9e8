from pathlib import Path

import pytest

from camera.errors import CameraUnavailableError, SourceSettingError
from camera.factory import create_source
from camera.opencv import OpenCvSource
from camera.replay import ReplaySource
from camera.source import SourceState, Timing
from camera.virtual_source import VirtualSource


@pytest.mark.parametrize(
    ("address", "kind", "timing", "identity"),
    [
        ("virtual:?seed=5", VirtualSource, Timing.SIMULATED, "virtual:?seed=5"),
        ("replay:/does/not/exist", ReplaySource, Timing.SIMULATED, "replay:/does/not/exist"),
        ("v4l2:/dev/does-not-exist", OpenCvSource, Timing.DRIVER, "v4l2:/dev/does-not-exist"),
        ("rtsp://u:p@camera/x", OpenCvSource, Timing.ARRIVAL, "rtsp://***@camera/x"),
        ("http://camera/x", OpenCvSource, Timing.ARRIVAL, "http://camera/x"),
        ("gstreamer:videotestsrc ! appsink", OpenCvSource, Timing.ARRIVAL, "gstreamer:videotestsrc ! appsink"),
    ],
)
def test_every_address_has_its_source(address: str, kind: type, timing: Timing, identity: str) -> None:
    source = create_source("top", address, latency_ms=20)
    assert isinstance(source, kind)
    assert (source.view, source.timing, source.identity) == ("top", timing, identity)
    assert source.state is SourceState.CLOSED
    source.close()


def test_a_folder_is_not_touched_before_open(tmp_path: Path) -> None:
    source = create_source("top", f"replay:{tmp_path / 'later'}")
    with pytest.raises(CameraUnavailableError, match="later"):
        source.open()


def test_gigevision_is_refused_and_says_what_it_needs() -> None:
    with pytest.raises(SourceSettingError, match=r"gigevision:123' needs a GenTL driver.*RTSP"):
        create_source("top", "gigevision:123")


def test_an_unknown_address_is_refused() -> None:
    with pytest.raises(SourceSettingError):
        create_source("top", "usb:0")
