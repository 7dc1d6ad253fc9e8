"""A real web server for a folder, on a loopback port, that can be told to misbehave."""

import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from edge.objects.place import WebAddress
from tests.support.certificates import Pair

Misbehave = Callable[[SimpleHTTPRequestHandler], bool]
"""Answers a request in its own way and says True, or leaves it to the server."""


class WebServer:
    """Serves a folder; ``misbehave`` is asked first."""

    def __init__(self, folder: Path, misbehave: Misbehave | None = None, certificate: Pair | None = None) -> None:
        self.requests: list[str] = []
        self.misbehave = misbehave
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, folder))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def place(self) -> WebAddress:
        return WebAddress(url=self.url)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, web: WebServer, folder: Path, *arguments: object) -> None:
        self._web = web
        super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._web.requests.append(self.path)
        if self._web.misbehave is None or not self._web.misbehave(self):
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


def drip(handler: SimpleHTTPRequestHandler, total: int, until: Callable[[], bool]) -> None:
    """Promise so many bytes, and give a few of them now and then until it is said that it is over."""
    _begin(handler, str(total))
    try:
        while not until():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)  # slowness is what is tested
    except OSError:
        pass


def pour(handler: SimpleHTTPRequestHandler) -> None:
    """Send for ever, without a word of how much it will be."""
    _begin(handler, None)
    try:
        while True:
            handler.wfile.write(b" " * 65_536)
    except OSError:
        pass


def break_off(handler: SimpleHTTPRequestHandler, content: bytes, after: int) -> None:
    """Promise all, and close the connection in the middle."""
    _begin(handler, str(len(content)))
    handler.wfile.write(content[:after])
    handler.close_connection = True


def _begin(handler: SimpleHTTPRequestHandler, length: str | None) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", length)
    handler.end_headers()
