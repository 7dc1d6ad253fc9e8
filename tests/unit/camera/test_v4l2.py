from pathlib import Path

import pytest

from camera import v4l2
from camera.v4l2 import is_start_of_exposure, stamps_start_of_exposure, usb_identity


def test_the_requests_are_those_of_the_kernel() -> None:
    # From linux/videodev2.h on 64-bit machines.
    assert int(v4l2._Request.REQUEST_BUFFERS) == 0xC0145608
    assert int(v4l2._Request.QUERY_BUFFER) == 0xC0585609


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(0x12000, True), (0x12001, True), (0x02000, False), (0x10000, False), (0x14000, False), (0, False)],
)
def test_only_monotonic_stamps_of_the_start_of_exposure_count(flags: int, expected: bool) -> None:
    assert is_start_of_exposure(flags) is expected


@pytest.mark.parametrize("device", ["/dev/null", "/dev/does-not-exist"])
def test_what_is_no_camera_stamps_nothing(device: str) -> None:
    assert not stamps_start_of_exposure(Path(device))


def test_a_usb_camera_is_known_by_its_serial_number(tmp_path: Path) -> None:
    usb = tmp_path / "devices" / "1-1"
    interface = usb / "1-1:1.0"
    interface.mkdir(parents=True)
    for name, value in (("idVendor", "046d"), ("idProduct", "0825"), ("serial", "AB12")):
        (usb / name).write_text(f"{value}\n")
    (tmp_path / "class" / "video0").mkdir(parents=True)
    (tmp_path / "class" / "video0" / "device").symlink_to(interface)
    by_name = tmp_path / "by-id"
    by_name.symlink_to(tmp_path / "video0")
    assert usb_identity(Path("/dev/video0"), tmp_path / "class") == "046d:0825:AB12"
    assert usb_identity(by_name, tmp_path / "class") == "046d:0825:AB12"
    assert usb_identity(Path("/dev/video1"), tmp_path / "class") is None
    (usb / "serial").write_text("\n")
    assert usb_identity(Path("/dev/video0"), tmp_path / "class") is None
