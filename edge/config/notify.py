"""Telling systemd how a daemon is: the sd_notify protocol, one datagram a message. Silent where nobody listens."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Self


class Notifier:
    """Sends to the socket that the service manager named; without one, or if it fails, does nothing."""

    def __init__(self, address: str | None) -> None:
        # A leading '@' stands for the zero byte of an abstract socket.
        self._address = f"\0{address[1:]}" if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return a notifier for ``NOTIFY_SOCKET``."""
        return cls(environment.get("NOTIFY_SOCKET"))

    def ready(self) -> None:
        """Say that the start is over."""
        self._send("READY=1")

    def watchdog(self) -> None:
        """Say that the daemon is alive; due more often than the unit's ``WatchdogSec``."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the daemon stops on purpose."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Give the one line that ``systemctl status`` shows."""
        self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A watchdog that cannot be fed restarts the daemon; nothing better can be done here.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(0)
            channel.sendto(message.encode(), self._address)
