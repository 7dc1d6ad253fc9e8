"""The proxy between station and broker: it does what it says, and nothing else."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.proxy import HOST, Proxy, Way
from tests.support.waiting import wait_until


class Server:
    """Keeps what every client sent, and can speak to the last one."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.clients: list[socket.socket] = []
        self.heard = bytearray()
        self.ends: list[str] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self.clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for client in self.clients:
            client.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                self.heard += data
            self.ends.append("closed")
        except OSError as error:
            self.ends.append(type(error).__name__)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy, server: Server) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=5) as client:
        wait_until(lambda: server.clients and proxy.connections)
        yield client


def test_both_directions_pass_unchanged(server: Server, client: socket.socket) -> None:
    data = bytes(range(256)) * 4000
    client.sendall(data)
    wait_until(lambda: bytes(server.heard) == data, what="everything at the server")
    sender = threading.Thread(target=server.clients[0].sendall, args=(data,))
    sender.start()
    back = bytearray()
    while len(back) < len(data):
        back += client.recv(65536)
    sender.join()
    assert bytes(back) == data


def test_a_delay_comes_before_every_byte_and_keeps_the_order(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.delay(0.2)
    sent = time.monotonic()
    client.sendall(b"one")
    client.sendall(b"two")
    wait_until(lambda: bytes(server.heard) == b"onetwo", what="both")
    assert time.monotonic() - sent >= 0.2
    proxy.delay(0)
    client.sendall(b"three")
    wait_until(lambda: bytes(server.heard) == b"onetwothree", what="the third")


def test_a_stall_holds_up_one_direction_and_loses_nothing(proxy: Proxy, server: Server, client: socket.socket) -> None:
    proxy.stall(Way.UP)
    client.sendall(b"later")
    server.clients[0].sendall(b"now")
    assert client.recv(10) == b"now"
    assert not server.heard
    proxy.flow()
    wait_until(lambda: bytes(server.heard) == b"later", what="what was held up")


def test_nothing_passes_after_a_stall_returns(proxy: Proxy, server: Server, client: socket.socket) -> None:
    stopping = threading.Event()

    def talk() -> None:
        client.settimeout(0.05)
        while not stopping.is_set():
            with suppress(TimeoutError):
                client.sendall(b"x" * 100)

    talker = threading.Thread(target=talk)
    talker.start()
    for _ in range(20):
        heard = len(server.heard)
        wait_until(lambda heard=heard: len(server.heard) > heard, what="talk")
        proxy.stall()
        # What was passed on before is in the server's socket; that it is read takes a moment.
        time.sleep(0.005)
        heard = len(server.heard)
        time.sleep(0.01)
        assert len(server.heard) == heard
        proxy.flow()
    stopping.set()
    talker.join()


def test_a_reset_reaches_both_ends_and_the_next_client_is_let_in(
    proxy: Proxy, server: Server, client: socket.socket
) -> None:
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    wait_until(lambda: server.ends == ["ConnectionResetError"], what="the reset at the server")
    with socket.create_connection((HOST, proxy.port), timeout=5) as again:
        again.sendall(b"again")
        wait_until(lambda: bytes(server.heard) == b"again")
    assert proxy.opened == 2


def test_a_half_close_ends_one_direction_only(proxy: Proxy, server: Server, client: socket.socket) -> None:
    proxy.half_close(Way.UP)
    wait_until(lambda: server.ends == ["closed"], what="the end at the server")
    server.clients[0].sendall(b"still here")
    assert client.recv(20) == b"still here"
    client.sendall(b"swallowed")
    proxy.half_close(Way.DOWN)
    assert client.recv(1) == b""
    assert not server.heard


def test_a_forgotten_end_is_gone_and_the_other_is_not_told(proxy: Proxy, server: Server, client: socket.socket) -> None:
    proxy.forget(Way.UP)
    wait_until(lambda: server.ends == ["ConnectionResetError"], what="the reset at the server")
    for _ in range(3):
        client.sendall(b"is anybody there?")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_the_client_can_be_the_end_that_is_gone(proxy: Proxy, server: Server, client: socket.socket) -> None:
    proxy.forget(Way.DOWN)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    server.clients[0].sendall(b"hello?")
    assert server.ends == []


def test_a_cut_refuses_clients_until_it_is_mended(proxy: Proxy, server: Server, client: socket.socket) -> None:
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port), timeout=5)
    proxy.mend()
    proxy.mend()
    with socket.create_connection((HOST, proxy.port), timeout=5) as again:
        again.sendall(b"mended")
        wait_until(lambda: bytes(server.heard) == b"mended")


def test_an_orderly_end_is_passed_on(proxy: Proxy, server: Server, client: socket.socket) -> None:
    client.sendall(b"bye")
    client.shutdown(socket.SHUT_WR)
    wait_until(lambda: server.ends == ["closed"], what="the end at the server")
    assert bytes(server.heard) == b"bye"
    server.clients[0].shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    wait_until(lambda: proxy.connections == 0, what="the end of the connection")


def test_a_server_that_is_away_resets_the_client(proxy: Proxy, server: Server) -> None:
    server.close()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection((HOST, proxy.port), timeout=5) as client,
    ):
        client.recv(1)
