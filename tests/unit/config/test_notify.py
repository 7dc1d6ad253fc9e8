import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = str(tmp_path / "notify") if request.param == "path" else f"\0linegate-test-{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        listener.settimeout(10)
        yield listener, name.replace("\0", "@")


def test_messages_arrive_as_the_protocol_wants_them(manager: tuple[socket.socket, str]) -> None:
    listener, address = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.watchdog()
    notifier.status("3 sent\nREADY=0")
    notifier.stopping()
    messages = [listener.recv(200) for _ in range(4)]
    assert messages == [b"READY=1", b"WATCHDOG=1", b"STATUS=3 sent READY=0", b"STOPPING=1"]


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier.from_environment({}).ready()
    Notifier(str(tmp_path / "none")).ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stuck:
        stuck.bind(str(tmp_path / "stuck"))
        notifier = Notifier(str(tmp_path / "stuck"))
        for _ in range(5_000):  # more than the queue holds
            notifier.watchdog()
