"""S3's own error codes, as a scripted server answers them, become faults with advice."""

import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from edge.objects import store as objects
from edge.objects.credentials import Credentials
from edge.objects.errors import RemoteError, RemoteFault
from edge.objects.store import S3ObjectStore
from sync.settings import SyncSettings

KEYS = Credentials(access_key_id="the-access-key", secret_access_key="the-secret-key")


class Scripted(BaseHTTPRequestHandler):
    """Answers ``/BUCKET/STATUS-CODE`` with that status and S3 error code."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, code = self.path.rpartition("/")[2].split("-")
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Said so.</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3ObjectStore]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        settings = SyncSettings(store=tmp_path, bucket="b", endpoint=f"http://127.0.0.1:{server.server_port}")
        store = S3ObjectStore.connect(settings.place, KEYS, lambda: True)
        yield store
        store.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("answer", "fault", "advice"),
    [
        ("403-RequestTimeTooSkewed", RemoteFault.CLOCK, "clock"),
        ("403-InvalidAccessKeyId", RemoteFault.CREDENTIALS, "check the keys"),
        ("403-SignatureDoesNotMatch", RemoteFault.CREDENTIALS, "check the keys"),
        ("400-ExpiredToken", RemoteFault.CREDENTIALS, "new keys"),
        ("403-AccessDenied", RemoteFault.DENIED, "s3:PutObject"),
        ("403-SomethingElse", RemoteFault.DENIED, "SomethingElse: Said so."),
        ("401-Whatever", RemoteFault.DENIED, "check the keys"),
        ("404-NoSuchBucket", RemoteFault.BUCKET_MISSING, "create the bucket"),
        ("301-PermanentRedirect", RemoteFault.UNREACHABLE, "region"),
        ("400-AuthorizationHeaderMalformed", RemoteFault.REFUSED, "correct the region"),
        ("501-NotImplemented", RemoteFault.REFUSED, "If-None-Match"),
        ("500-InternalError", RemoteFault.UNREACHABLE, "InternalError"),
        ("503-SlowDown", RemoteFault.UNREACHABLE, "SlowDown"),
    ],
)
def test_errors_are_named_with_what_to_do(store: S3ObjectStore, answer: str, fault: RemoteFault, advice: str) -> None:
    with pytest.raises(RemoteError, match=re.escape(advice)) as caught:
        store.create(answer, b"data", "image/jpeg")
    text = str(caught.value)
    assert caught.value.fault is fault
    assert "\n" not in text
    assert len(text) < 400
    assert "the-secret-key" not in text


def test_a_server_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_REQUEST_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = SyncSettings(store=tmp_path, bucket="b", endpoint=address)
        store = S3ObjectStore.connect(settings.place, KEYS, lambda: True)
        for ask in (lambda: store.create("key", b"data", "image/jpeg"), lambda: store.sha256("key", 4)):
            with pytest.raises(RemoteError, match="no answer in time") as caught:
                ask()
            assert caught.value.fault is RemoteFault.UNREACHABLE
        store.close()
