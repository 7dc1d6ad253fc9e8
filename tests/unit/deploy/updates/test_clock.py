"""Whether the kernel vouches for its clock: struct timex as 64-bit Linux has it."""

import ctypes
import struct
import time
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.updates.clock import present

OFFSET_AND_FREQUENCY = (0, 0)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the kernel: what adjtimex returns, the estimated error in microseconds, and the status."""
    told = SimpleNamespace(returns=0, error_us=500, status=0x2001, modes=None)

    def adjtimex(buffer: Any) -> int:
        told.modes = struct.unpack_from("I", buffer)[0]
        struct.pack_into("I4xqqqqi", buffer, 0, 0, *OFFSET_AND_FREQUENCY, told.error_us, 0, told.status)
        return told.returns

    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(adjtimex=adjtimex))
    return told


def test_a_synchronised_kernel_vouches_and_nothing_is_set(kernel: SimpleNamespace) -> None:
    moment = present()
    assert moment.synchronised
    assert kernel.modes == 0
    assert abs(moment.unix_s - time.time()) < 60


@pytest.mark.parametrize(
    ("field", "value"),
    [("status", 0x2041), ("error_us", 16_000_001), ("error_us", -1), ("returns", -1)],
    ids=["STA_UNSYNC", "far off", "nonsense", "forbidden"],
)
def test_otherwise_it_does_not(kernel: SimpleNamespace, field: str, value: int) -> None:
    setattr(kernel, field, value)
    assert not present().synchronised


def test_a_system_without_the_call_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace())
    assert not present().synchronised


def test_the_kernel_s_own_structure_is_read_at_the_right_places() -> None:
    """The real call tells its time as well, right behind what is read."""
    buffer = ctypes.create_string_buffer(256)
    if ctypes.CDLL(None).adjtimex(buffer) >= 0:
        assert abs(struct.unpack_from("q", buffer, 72)[0] - time.time()) < 60
