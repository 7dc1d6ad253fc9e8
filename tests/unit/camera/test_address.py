from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camera.address import (
    ACCEPTED,
    GigEVisionAddress,
    GStreamerAddress,
    ReplayAddress,
    StreamAddress,
    V4l2Address,
    VirtualAddress,
    mask_secrets,
    parse_address,
)
from camera.errors import SourceSettingError
from camera.virtual import VirtualParameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("virtual:", VirtualAddress(VirtualParameters())),
        ("virtual:?seed=1&defects=0.5", VirtualAddress(VirtualParameters(seed=1, defects=0.5))),
        ("replay:/data/parts", ReplayAddress(Path("/data/parts"))),
        ("replay:parts?order=list", ReplayAddress(Path("parts"))),
        ("replay:/data/a b?order=shuffle", ReplayAddress(Path("/data/a b"), 0)),
        ("replay:/data?order=shuffle&seed=3", ReplayAddress(Path("/data"), 3)),
        ("v4l2:/dev/video0", V4l2Address(Path("/dev/video0"))),
        ("v4l2:/dev/v4l/by-id/usb-x?width=1280&height=720", V4l2Address(Path("/dev/v4l/by-id/usb-x"), 1280, 720)),
        ("gigevision:DEV_1AB22C", GigEVisionAddress("DEV_1AB22C")),
        ("rtsp://10.0.0.1:554/one", StreamAddress("rtsp://10.0.0.1:554/one", "rtsp://10.0.0.1:554/one")),
        ("https://cam.example/s?w=1", StreamAddress("https://cam.example/s?w=1", "https://cam.example/s?w=1")),
        (
            "gstreamer:videotestsrc ! appsink",
            GStreamerAddress("videotestsrc ! appsink", "videotestsrc ! appsink"),
        ),
    ],
)
def test_every_accepted_form_is_read(text: str, expected: object) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "camera",
        " virtual:",
        "usb:0",
        "virtual:seed=1",
        "virtual:?seed=x",
        "virtual:?colour=red",
        "replay:",
        "replay:/data?order=random",
        "replay:/data?seed=1",
        "replay:/data?order=list&seed=1",
        "replay:/data?order=shuffle&seed=-1",
        "replay:/data?order=shuffle&seed=4294967296",
        "replay:/data?order=shuffle&seed=1&seed=2",
        "replay:/data?speed=1",
        "replay:/data?order",
        "v4l2:",
        "v4l2:/etc/passwd",
        "v4l2:/dev/../etc/passwd",
        "v4l2:/dev/video0?width=1",
        "rtsp://",
        "rtsp:///path",
        "rtsp://host:0/path",
        "rtsp://host:99999/path",
        "http://host/a\nb",
        "gstreamer:videotestsrc",
        "gigevision:",
        "gigevision:a b",
    ],
)
def test_anything_else_is_refused_before_anything_is_opened(text: str) -> None:
    with pytest.raises(SourceSettingError):
        parse_address(text)


def test_a_refusal_says_what_is_accepted() -> None:
    with pytest.raises(SourceSettingError, match="usb:0") as refusal:
        parse_address("usb:0")
    assert ACCEPTED in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2@10.0.0.1/live",
        "rtsp://admin:hun%40ter2@10.0.0.1/live".replace("hun%40ter2", "hunter2%40"),
        "http://10.0.0.1/live?user=admin&password=hunter2&width=640",
        "https://10.0.0.1/live?access_token=hunter2",
        "gstreamer:rtspsrc location=rtsp://admin:hunter2@10.0.0.1/x ! decodebin ! appsink",
        'gstreamer:rtspsrc location=rtsp://10.0.0.1/x user-id=admin user-pw="hunter2 x" ! decodebin ! appsink',
    ],
)
def test_credentials_are_masked(text: str) -> None:
    address = parse_address(text)
    assert isinstance(address, StreamAddress | GStreamerAddress)
    shown = f"{address!r} {address.masked}"
    assert "hunter2" not in shown
    assert "admin" not in shown
    assert "10.0.0.1" in address.masked


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:hunter2/x@10.0.0.1/live",
        "rtsp://admin:123/hunter2@10.0.0.1/live",
        "rtsp://admin:hunter2@10.0.0.1:99999/live",
        "rtsp://admin:hunter2@",
        "rtps://admin:hunter2@10.0.0.1/live",
        "admin:hunter2@10.0.0.1",
        "gstreamer:rtspsrc location=rtsp://admin:hunter2@10.0.0.1/x",
    ],
)
def test_a_refusal_holds_no_credentials(text: str) -> None:
    with pytest.raises(SourceSettingError) as refusal:
        parse_address(text)
    while_handling = refusal.value.__cause__ or refusal.value.__context__
    assert "hunter2" not in f"{refusal.value} {while_handling}"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_address(text)
    except SourceSettingError:
        return


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="'\""), min_size=1, max_size=20))
def test_no_password_survives_masking(password: str) -> None:
    assert mask_secrets(f"rtsp://u:<{password}>@host/x") == "rtsp://***@host/x"
