"""What OpenCV does not tell about a V4L2 device: the clock behind its time stamps, and its serial number."""

import fcntl
import os
import struct
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final

_CAPTURE: Final = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE
_MEMORY_MAPPED: Final = 1  # V4L2_MEMORY_MMAP
_REQUEST_BUFFERS: Final = struct.Struct("@5I")  # count, type, memory, capabilities, flags
_BUFFER: Final = struct.Struct("@5I2l16s2IL3I0L")  # index, type, bytesused, flags, field, timestamp, timecode, ...
_FLAGS: Final = 3


class _Flag(IntFlag):
    CLOCK = 0xE000
    MONOTONIC = 0x2000
    SOURCE = 0x70000
    START_OF_EXPOSURE = 0x10000


class _Request(IntEnum):
    REQUEST_BUFFERS = (3 << 30) | (_REQUEST_BUFFERS.size << 16) | (ord("V") << 8) | 8
    QUERY_BUFFER = (3 << 30) | (_BUFFER.size << 16) | (ord("V") << 8) | 9


def stamps_start_of_exposure(device: Path) -> bool:
    """Return whether the driver stamps frames with the start of exposure, on the clock of ``time.monotonic_ns``.

    False also where it cannot be told. A stamp of the end of a frame is no proof that the exposure began after the
    trigger. The device must not be in use: a buffer is requested, and given back by closing it.
    """
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        wanted = _REQUEST_BUFFERS.pack(1, _CAPTURE, _MEMORY_MAPPED, 0, 0)
        fcntl.ioctl(descriptor, _Request.REQUEST_BUFFERS, wanted)
        asked = _BUFFER.pack(0, _CAPTURE, 0, 0, 0, 0, 0, b"", 0, _MEMORY_MAPPED, 0, 0, 0, 0)
        answer = fcntl.ioctl(descriptor, _Request.QUERY_BUFFER, asked)
        return is_start_of_exposure(_BUFFER.unpack(answer)[_FLAGS])
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_start_of_exposure(flags: int) -> bool:
    """Return whether a buffer's flags promise monotonic stamps taken at the start of exposure."""
    return flags & _Flag.CLOCK == _Flag.MONOTONIC and flags & _Flag.SOURCE == _Flag.START_OF_EXPOSURE


def usb_identity(device: Path, class_folder: Path = Path("/sys/class/video4linux")) -> str | None:
    """Return ``VENDOR:PRODUCT:SERIAL`` of a USB camera, None where the device is absent or has no serial number."""
    try:
        # .../1-1/1-1:1.0: the first is the device, which has the serial number, the second its video interface.
        usb_device = (class_folder / device.resolve().name / "device").resolve(strict=True).parent
        values = [(usb_device / name).read_text().strip() for name in ("idVendor", "idProduct", "serial")]
    except OSError:
        return None
    return ":".join(values) if all(values) else None
