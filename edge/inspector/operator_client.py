"""Asking a running inspector for something, over the socket in its store."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from edge.inspector.operating import (
    MAX_REPLY,
    MAX_SAYS,
    OperatingError,
    Reply,
    Request,
    State,
    encode_request,
    parse_reply,
)
from edge.inspector.operator_socket import FILE_NAME, address

CONNECT_S: Final = 5.0
ANSWER_S: Final = 600.0
"""The longest that a single file of the archive may take on a slow, busy station."""


def ask(store: Path, request: Request) -> Iterator[Reply]:
    """Yield the lines of an answer; the last one is not ``working``.

    Raises:
        OperatingError: no inspector runs on this store, the caller may not ask it, or it goes away in the middle.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)) as connection:
        try:
            connection.settimeout(CONNECT_S)
            with address(store) as path:
                connection.connect(str(path))
            with suppress(BrokenPipeError):  # refused before it was heard: the answer says why
                connection.sendall(encode_request(request))
            connection.settimeout(ANSWER_S)
            with connection.makefile("rb") as lines:
                while line := lines.readline(MAX_REPLY):
                    reply = parse_reply(line)
                    yield reply
                    if reply.state is not State.WORKING:
                        return
        except OSError as error:
            raise OperatingError(_explained(store, error)) from error
    raise OperatingError(f"{store / FILE_NAME}: the inspector went away before it had answered; see its log")


def says(environment: Mapping[str, str] = os.environ) -> str:
    """Return what this process can tell of where it comes from: by sudo, over SSH, in which terminal."""
    told = [
        f"{label} {value}"
        for label, value in (
            ("sudo by", environment.get("SUDO_USER", "")),
            ("ssh from", environment.get("SSH_CONNECTION", "").partition(" ")[0]),
            ("terminal", environment.get("SSH_TTY", "")),
        )
        if value
    ]
    return "".join(letter if letter.isprintable() else "?" for letter in ", ".join(told))[:MAX_SAYS]


def _explained(store: Path, error: OSError) -> str:
    path = store / FILE_NAME
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return f"{path}: no inspector runs on this store; start linegate inspect, or name another store with --store"
    if isinstance(error, PermissionError):
        return f"{path}: not allowed; run as the station's user, or join its group (linegate)"
    if isinstance(error, TimeoutError):
        return f"{path}: the inspector does not answer; see its log"
    return f"{path}: {error.strerror or error}"
