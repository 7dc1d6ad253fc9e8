"""A TCP proxy that does to a connection what networks do: delay, stall, reset, half-close, forget, refuse.

One asyncio loop in a thread of its own. Every method that changes something returns only when it holds: after
``stall`` not one byte more is passed on.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Self

HOST: Final = "127.0.0.1"
CHUNK: Final = 65536
ON_THE_WAY: Final = 256
"""Chunks that may be on their way in one direction; then no more is read, and the sender's window closes."""

CALL_S: Final = 10.0


class Way(StrEnum):
    """A direction through the proxy."""

    UP = "from client to server"
    DOWN = "from server to client"


class Proxy:
    """Listens on a free port of the loopback and joins every client with the server; use as a context manager."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server((HOST, 0))
        self._listener.setblocking(False)
        self.port: Final = int(self._listener.getsockname()[1])
        self.opened = 0
        self._delay_s = 0.0
        self._pairs: set[_Pair] = set()
        self._flowing: dict[Way, asyncio.Event] = {}
        self._accepting: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    @property
    def address(self) -> str:
        """The address for an MQTT client."""
        return f"mqtt://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected now, half-open ones too."""
        return len(self._pairs)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._begin)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._do(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    def delay(self, seconds: float) -> None:
        """From now on pass everything on so much later, in both directions and in order; 0 ends it."""
        self._do(lambda: setattr(self, "_delay_s", seconds))

    def stall(self, *ways: Way) -> None:
        """Pass nothing on in these directions (none given: both), as if a cable were pulled; nothing is lost."""
        self._do(lambda: [self._flowing[way].clear() for way in ways or Way])

    def flow(self) -> None:
        """Pass on again, what was held up first."""
        self._do(lambda: [flowing.set() for flowing in self._flowing.values()])

    def reset(self) -> None:
        """Break every connection towards both ends (RST); new ones are let in."""
        self._do(self._reset)

    def half_close(self, way: Way) -> None:
        """End one direction of every connection (FIN); the other goes on."""
        self._do(lambda: [pair.half_close(way) for pair in self._pairs])

    def forget(self, end: Way) -> None:
        """Leave every connection half-open: the end that ``end`` leads to is reset, the other is told nothing.

        What the living end still sends is swallowed.
        """
        self._do(lambda: [pair.forget(end) for pair in self._pairs])

    def cut(self) -> None:
        """Break every connection and refuse new ones until :meth:`mend`."""
        self._do(self._refuse)

    def mend(self) -> None:
        """Let clients in again, on the same port."""
        self._do(self._listen)

    def _do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(CALL_S)

    def _begin(self) -> None:
        self._flowing = {way: asyncio.Event() for way in Way}
        for flowing in self._flowing.values():
            flowing.set()
        self._accepting = self._loop.create_task(self._accept())

    def _end(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        accepting, self._accepting = self._accepting, None
        self._listener.close()
        self._reset()
        if accepting is not None and not accepting.cancel():
            accepting.result()  # it ended by a fault of the proxy's own

    def _listen(self) -> None:
        if self._accepting is None:
            self._listener = socket.create_server((HOST, self.port))
            self._listener.setblocking(False)
            self._accepting = self._loop.create_task(self._accept())

    def _reset(self) -> None:
        for pair in list(self._pairs):
            pair.reset()

    async def _accept(self) -> None:
        while True:
            client, _ = await self._loop.sock_accept(self._listener)
            client.setblocking(False)
            server = socket.socket()
            server.setblocking(False)
            try:
                await self._loop.sock_connect(server, (HOST, self._server_port))
            except OSError:
                _abort(client)
                server.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.opened += 1
            pair = _Pair(
                self._loop,
                client=client,
                server=server,
                flowing=self._flowing,
                delay_s=lambda: self._delay_s,
                gone=self._pairs.discard,
            )
            self._pairs.add(pair)


class _Pair:
    """One client, its connection to the server, and a reader and a writer for each direction between them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        client: socket.socket,
        server: socket.socket,
        flowing: dict[Way, asyncio.Event],
        delay_s: Callable[[], float],
        gone: Callable[["_Pair"], None],
    ) -> None:
        self._loop = loop
        self._from = {Way.UP: client, Way.DOWN: server}
        self._to = {Way.UP: server, Way.DOWN: client}
        self._flowing = flowing
        self._delay_s = delay_s
        self._gone = gone
        self._ended: set[Way] = set()
        self._tasks = [
            loop.create_task(work)
            for way in Way
            for queue in [asyncio.Queue[tuple[float, bytes]](ON_THE_WAY)]
            for work in (self._read(way, queue), self._write(way, queue))
        ]

    def reset(self) -> None:
        """Abort both ends."""
        for task in self._tasks:
            task.cancel()
        for end in self._from.values():
            _abort(end)
        self._gone(self)

    def half_close(self, way: Way) -> None:
        """Say to the end that ``way`` leads to that nothing more comes."""
        with contextlib.suppress(OSError):
            self._to[way].shutdown(socket.SHUT_WR)
        self._ended.add(way)

    def forget(self, end: Way) -> None:
        """Abort the end that ``end`` leads to, and go on swallowing what the other one sends."""
        for task in self._tasks:
            task.cancel()
        _abort(self._to[end])
        self._tasks = [self._loop.create_task(self._swallow(self._from[end]))]

    async def _read(self, way: Way, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        data = b"?"
        while data:
            try:
                data = await self._loop.sock_recv(self._from[way], CHUNK)
            except OSError:
                self.reset()
                return
            await queue.put((self._loop.time() + self._delay_s(), data))

    async def _write(self, way: Way, queue: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            while not self._flowing[way].is_set():
                await self._flowing[way].wait()
            if way in self._ended:
                continue
            if not data:
                self._finish(way)
                continue
            try:
                await self._loop.sock_sendall(self._to[way], data)
            except OSError:
                self.reset()

    async def _swallow(self, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while await self._loop.sock_recv(end, CHUNK):
                pass
        self.reset()

    def _finish(self, way: Way) -> None:
        """Pass an orderly end on, and close what has ended in both directions."""
        self.half_close(way)
        if len(self._ended) == len(Way):
            self.reset()


def _abort(end: socket.socket) -> None:
    """Close so that the other side gets an RST instead of an orderly end."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
