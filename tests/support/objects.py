"""Object stores for tests: a fake in memory, and the real S3 server (moto) as a process of its own."""

import hashlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3

from edge.line.broker import free_port
from edge.objects.errors import ObjectExistsError, RemoteError, RemoteFault
from sync.settings import SyncSettings
from tests.support.waiting import wait_until

BUCKET = "pictures"
START_S = 60.0


@dataclass
class FakeObjects:
    """Objects in memory; ``fault`` makes every call fail, ``failing_keys`` those of some keys."""

    objects: dict[str, bytes] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    fault: RemoteFault | None = None
    failing_keys: set[str] = field(default_factory=set)

    def create(self, key: str, data: bytes, content_type: str) -> None:
        self._fail(key)
        if key in self.objects:
            raise ObjectExistsError(key)
        self.objects[key] = data
        self.order.append(key)

    def sha256(self, key: str, size: int) -> str | None:
        self._fail(key)
        if key not in self.objects:
            raise RemoteError(RemoteFault.UNREACHABLE, f"{key}: no such object")
        data = self.objects[key]
        return hashlib.sha256(data).hexdigest() if len(data) == size else None

    def close(self) -> None:
        pass

    def _fail(self, key: str) -> None:
        if self.fault or key in self.failing_keys:
            raise RemoteError(self.fault or RemoteFault.REFUSED, f"{key}: as the test wants it")


class S3Server:
    """A moto server on a loopback port; it can be stopped and started again, empty, on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._log = folder / "moto.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, bucket: str | None = BUCKET) -> None:
        """Start, wait until it answers, and create the bucket."""
        server = Path(sys.executable).with_name("moto_server")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(self.port)], stdout=log, stderr=log)
        wait_until(self._answers, START_S)
        if bucket:
            with self.client() as client:
                client.create_bucket(Bucket=bucket)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def silent(self) -> Iterator[socket.socket]:
        """Instead of the server, listen on its port and never answer."""
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.settimeout(START_S)
            yield listener

    def settings(self, store: Path, prefix: str = "factory") -> SyncSettings:
        return SyncSettings(store=store, bucket=BUCKET, prefix=prefix, endpoint=self.endpoint, interval_s=0.2)

    @contextmanager
    def client(self) -> Iterator[Any]:
        """Yield an independent client of the same server."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        try:
            yield client
        finally:
            client.close()

    def contents(self) -> dict[str, bytes]:
        """Return every object of the bucket."""
        with self.client() as client:
            listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            return {entry["Key"]: client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}

    def keys(self) -> list[str]:
        """Return the names of the bucket's objects."""
        with self.client() as client:
            return [entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

    def created(self) -> list[str]:
        """Return the path of every request that created an object, from the server's own log."""
        return re.findall(r'"PUT (/\S+/\S+) HTTP/1.1" 200', self._log.read_text())

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
