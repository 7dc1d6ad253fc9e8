"""The socket over which people act on a running station: who asks is what the kernel says, not what they say.

It lies in the store's folder, for its owner and group alone; one request a connection, few connections at a time, each
bounded in size and time. Nothing that comes in over it can hold up a part.
"""

import logging
import os
import pwd
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.inspector.operating import (
    MAX_REQUEST,
    OperatingError,
    Reply,
    Request,
    State,
    encode_reply,
    parse_request,
)

FILE_NAME: Final = "inspect.sock"
MODE: Final = 0o660
CALLERS: Final = 4
"""Connections that are served at a time; a further one is refused."""
REQUEST_S: Final = 5.0
"""So long a caller may take to say what it wants, and to take each line of the answer."""
PAUSE_S: Final = 1.0
STOP_S: Final = 1.5

_CREDENTIALS: Final = struct.Struct("3i")
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is at the other end: the user's name (or ``uid 1000``) and the process, as the kernel knows them."""

    user: str
    pid: int


Serve = Callable[[Request, Caller], Iterator[Reply]]


class OperatorSocket:
    """Takes requests and hands them to ``serve``, each in a thread of its own."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self._folder = folder
        self._serve = serve
        self._places = threading.BoundedSemaphore(CALLERS)
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="operator-socket", daemon=True)

    def start(self) -> None:
        """Begin to listen. Where that is not possible the station works without: it is logged, and no more."""
        try:
            self._listener = listen(self._folder)
        except OSError as error:
            _LOG.error("%s: no socket for operators (%s); check the folder", self._folder / FILE_NAME, error)
        else:
            self._thread.start()

    def stop(self) -> None:
        """Take no more requests, and remove the socket's file; what is being served goes on by itself."""
        self._stopping.set()
        if self._listener is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(STOP_S)
        self._listener.close()
        with suppress(OSError):
            (self._folder / FILE_NAME).unlink()

    def _accept(self) -> None:
        while not self._stopping.is_set() and self._listener is not None:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if not self._stopping.wait(PAUSE_S):
                    _LOG.warning("an operator could not be heard: %s", error)
                continue
            if self._places.acquire(blocking=False):
                self._begin(connection)
            else:
                with closing(connection), suppress(OSError):
                    connection.settimeout(0)
                    connection.sendall(_line(State.REFUSED, f"{CALLERS} requests are being served; try again later"))

    def _begin(self, connection: socket.socket) -> None:
        try:
            threading.Thread(target=self._answer, args=(connection,), name="operator", daemon=True).start()
        except RuntimeError as error:
            self._places.release()
            connection.close()
            _LOG.warning("an operator could not be served: %s", error)

    def _answer(self, connection: socket.socket) -> None:
        with closing(connection):
            try:
                for reply in self._replies(connection):
                    connection.sendall(encode_reply(reply))
            except OSError as error:
                _LOG.info("an operator's request was left: %s", error)
            except Exception:  # noqa: BLE001 - whatever a request does, the next one is taken
                _LOG.exception("an operator's request met a fault")
                with suppress(OSError):
                    connection.sendall(_line(State.FAILED, "the inspector met a fault; its log tells more"))
            finally:
                self._places.release()

    def _replies(self, connection: socket.socket) -> Iterator[Reply]:
        try:
            request = parse_request(_read_line(connection))
        except OperatingError as error:
            yield Reply(state=State.REFUSED, text=str(error))
        else:
            yield from self._serve(request, caller_of(connection))


def listen(folder: Path) -> socket.socket:
    """Return a listening socket in a folder whose lock the caller holds: one that is there is a dead process's.

    Raises:
        OSError: the file system refused.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with address(folder) as path:
            with suppress(FileNotFoundError):
                path.unlink()
            os.fchmod(listener.fileno(), MODE)  # from its first moment; the umask may still take the group's part
            listener.bind(str(path))
            path.chmod(MODE)
        listener.listen(CALLERS)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def address(folder: Path) -> Iterator[Path]:
    """Yield a short path of the socket in a folder: the kernel takes no more than 107 bytes.

    Raises:
        OSError: the folder cannot be opened.
    """
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}") / FILE_NAME
    finally:
        os.close(descriptor)


def caller_of(connection: socket.socket) -> Caller:
    """Return who opened a connection.

    Raises:
        OSError: the kernel does not say.
    """
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return Caller(user=user_name(uid), pid=pid)


def user_name(uid: int) -> str:
    """Return a user's name, ``uid N`` where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _read_line(connection: socket.socket) -> bytes:
    """Return the first line, or all there is where the other end says no more.

    Raises:
        OperatingError: it is longer than a request.
        OSError: it takes too long, or the other end has gone.
    """
    data = bytearray()
    until = time.monotonic() + REQUEST_S
    while b"\n" not in data:
        connection.settimeout(max(0.001, until - time.monotonic()))
        part = connection.recv(MAX_REQUEST + 1 - len(data))
        data += part
        if not part:
            break
        if len(data) > MAX_REQUEST:
            raise OperatingError(f"a request has at most {MAX_REQUEST} bytes")
    connection.settimeout(REQUEST_S)
    return bytes(data).partition(b"\n")[0]


def _line(state: State, text: str) -> bytes:
    return encode_reply(Reply(state=state, text=text))
