"""A broker of one's own on the loopback, for the demo and the tests: mosquitto where installed, else amqtt."""

import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

from edge.line.leash import leashed
from edge.line.link import LinkError

START_S: Final = 20.0
STOP_S: Final = 7.0
_SERVER_PORTS: Final = (20_000, 32_000)
_PORTS_TRIED: Final = 100
SEARCH_PATH: Final = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin")
"""Looked at besides PATH: Debian puts mosquitto where an ordinary user's PATH does not lead."""


def find_mosquitto() -> str | None:
    """Return where mosquitto is installed, None where it is not."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SEARCH_PATH])
    return shutil.which("mosquitto", path=path)


def mosquitto_command(executable: str, port: int, directory: Path, *, persistent: bool = False) -> list[str]:
    """Write mosquitto's configuration into the directory and return the command that runs it."""
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        f"persistence {str(persistent).lower()}",
    ]
    if persistent:
        lines += [f"persistence_location {directory}/", "autosave_on_changes true", "autosave_interval 1"]
    if os.geteuid() == 0:
        lines.append("user root")  # else it would become 'mosquitto', who cannot write the directory
    configuration = directory / "mosquitto.conf"
    configuration.write_text("\n".join([*lines, ""]))
    return [executable, "-c", str(configuration)]


def amqtt_command(port: int) -> list[str]:
    """Return the command that runs the amqtt broker, in the interpreter that runs this program."""
    return [sys.executable, "-m", "edge.line.amqtt_broker", str(port)]


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on at this moment.

    It lies below the range from which systems give ports to clients: while the broker is down, a client that tries to
    reach it again may be given that very port, and then talks to itself and keeps the broker from coming back.

    Raises:
        LinkError: a hundred ports drawn at random are all in use.
    """
    for port in random.sample(range(*_SERVER_PORTS), _PORTS_TRIED):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise LinkError(f"no free port of 127.0.0.1 from {_SERVER_PORTS[0]} to {_SERVER_PORTS[1]}; name one")


class EmbeddedBroker:
    """A broker process on 127.0.0.1 that ends with this program, however that ends.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`, in a thread that lives as long as the broker.
    It listens without a password on the loopback only. Its log is ``broker.log`` in the directory.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        persistent: bool = False,
        command: Callable[[int], list[str]] | None = None,
    ) -> None:
        """Prepare a broker.

        Args:
            directory: an existing folder for configuration, log and persistent data.
            port: the TCP port; None: a free one.
            persistent: keep retained messages over a restart (mosquitto only).
            command: what runs a broker on a given port; None: mosquitto where installed, else amqtt.
        """
        self.port = free_port() if port is None else port
        self._directory = directory
        self._persistent = persistent
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The address for ``[line] broker``."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id, None while it does not run."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it accepts connections (at most 20 s); may be called again after an end.

        Raises:
            LinkError: the port is taken, no broker is installed, or it does not start (its log is quoted).
        """
        self._check_port()
        command = self._choose()
        with (self._directory / "broker.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a broker found on this machine
                leashed(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C ends the program, which then ends its broker in order
            )
        try:
            self._wait_until_accepting(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the broker in order, by force after 7 s; no error where it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the broker as a power cut would, with SIGKILL: for tests."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _choose(self) -> list[str]:
        if self._command is not None:
            return self._command(self.port)
        mosquitto = find_mosquitto()
        if mosquitto is not None:
            return mosquitto_command(mosquitto, self.port, self._directory, persistent=self._persistent)
        if importlib.util.find_spec("amqtt") is not None:
            return amqtt_command(self.port)
        raise LinkError(
            "no MQTT broker is installed: run 'apt install mosquitto', or install linegate with its extra 'demo', "
            "or name a broker that runs already"
        )

    def _check_port(self) -> None:
        try:
            socket.create_server(("127.0.0.1", self.port)).close()
        except OSError as error:
            raise LinkError(
                f"the broker cannot listen on 127.0.0.1:{self.port} ({os.strerror(error.errno or 0)}); "
                "end what uses the port, or choose another"
            ) from error

    def _wait_until_accepting(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise LinkError(f"the broker ended at once (exit code {process.returncode}): {self._log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise LinkError(f"the broker does not accept connections within {START_S:.0f} s: {self._log_tail()}")

    def _log_tail(self) -> str:
        log = self._directory / "broker.log"
        lines = log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'no message'} (see {log})"
