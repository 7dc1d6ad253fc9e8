"""A few bytes of MQTT 3.1.1: a server that turns MQTT 5 away as old brokers do, to see a link fall back."""

import contextlib
import socket
import threading
from typing import Self

CONNECT, SUBSCRIBE, PINGREQ = 0x10, 0x80, 0xC0


class OldBroker:
    """Serves MQTT 3.1.1; ``refuse`` says what an MQTT 5 client gets before its connection is closed.

    ``granted`` is the SUBACK's answer to a subscription: 1 for QoS 1, 0x80 for no.
    """

    def __init__(self, refuse: bytes = b"") -> None:
        self.levels: list[int] = []
        self.granted = 1
        self._refuse = refuse
        self._server = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop_all()
        for thread in self._threads:
            thread.join(5)

    def drop_all(self) -> None:
        while self._clients:
            client = self._clients.pop()
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while self._answer(client):
                pass

    def _answer(self, client: socket.socket) -> bool:
        head = client.recv(2, socket.MSG_WAITALL)
        if len(head) < 2:
            return False
        body = client.recv(head[1], socket.MSG_WAITALL)
        kind = head[0] & 0xF0
        if kind == CONNECT:
            self.levels.append(body[6])
            if body[6] != 4:
                client.sendall(self._refuse)
                return False
            client.sendall(b"\x20\x02\x00\x00")
        elif kind == SUBSCRIBE:
            client.sendall(b"\x90\x03" + body[:2] + bytes([self.granted]))
        elif kind == PINGREQ:
            client.sendall(b"\xd0\x00")
        return True


class DeafServer:
    """Accepts connections and never says a word."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.close()
