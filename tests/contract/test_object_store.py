"""What the uploader relies on, on the fake and on S3 (a real server process)."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.objects.credentials import Credentials
from edge.objects.errors import ObjectExistsError, RemoteError, RemoteFault, StoppedError
from edge.objects.store import ObjectStore, S3ObjectStore
from sync.settings import SyncSettings
from tests.support.objects import FakeObjects, S3Server

DATA = b"\xff\xd8 a picture"
KEYS = Credentials(access_key_id="key", secret_access_key="secret")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        running.start()
        yield running


@pytest.fixture(params=["fake", "s3"])
def remote(request: pytest.FixtureRequest, server: S3Server, tmp_path: Path) -> Iterator[ObjectStore]:
    store = FakeObjects() if request.param == "fake" else connect(server, tmp_path)
    yield store
    store.close()


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}/3-1-top.jpg"


def connect(server: S3Server, store: Path, *, go_on: bool = True) -> S3ObjectStore:
    return S3ObjectStore.connect(server.settings(store).place, KEYS, lambda: go_on)


def test_a_created_object_has_its_content(remote: ObjectStore, key: str) -> None:
    remote.create(key, DATA, "image/jpeg")
    assert remote.sha256(key, len(DATA)) == hashlib.sha256(DATA).hexdigest()


def test_an_object_of_another_size_has_another_content(remote: ObjectStore, key: str) -> None:
    remote.create(key, DATA, "image/jpeg")
    assert remote.sha256(key, len(DATA) + 1) is None


def test_creating_never_overwrites(remote: ObjectStore, key: str) -> None:
    remote.create(key, DATA, "image/jpeg")
    for other in (DATA, b"other"):
        with pytest.raises(ObjectExistsError):
            remote.create(key, other, "image/jpeg")
    assert remote.sha256(key, len(DATA)) == hashlib.sha256(DATA).hexdigest()


def test_a_missing_object_is_an_error_of_the_family(remote: ObjectStore, key: str) -> None:
    with pytest.raises(RemoteError):
        remote.sha256(key, 1)


def test_s3_keeps_bytes_and_type_of_large_pictures(server: S3Server, tmp_path: Path, key: str) -> None:
    data = bytes(range(256)) * (12 << 12)  # above the size from which the library would send in parts
    store = connect(server, tmp_path)
    store.create(key, data, "image/jpeg")
    assert store.sha256(key, len(data)) == hashlib.sha256(data).hexdigest()
    store.close()
    with server.client() as client:
        found = client.get_object(Bucket="pictures", Key=key)
        assert found["Body"].read() == data
        assert found["ContentType"] == "image/jpeg"


def test_s3_without_the_bucket(tmp_path: Path) -> None:
    with S3Server(tmp_path) as server:
        server.start(bucket=None)
        store = connect(server, tmp_path)
        with pytest.raises(RemoteError, match="create the bucket") as caught:
            store.create("a/b.jpg", DATA, "image/jpeg")
        store.close()
    assert caught.value.fault is RemoteFault.BUCKET_MISSING


def test_s3_that_is_offline(tmp_path: Path) -> None:
    store = connect(S3Server(tmp_path), tmp_path)
    for call in (lambda: store.create("a/b.jpg", DATA, "image/jpeg"), lambda: store.sha256("a/b.jpg", 1)):
        with pytest.raises(RemoteError) as caught:
            call()
        assert caught.value.fault is RemoteFault.UNREACHABLE
    store.close()


@pytest.mark.parametrize("endpoint", ["http://", "http://[bad", "ftp://host"])
def test_settings_that_make_no_address(tmp_path: Path, endpoint: str) -> None:
    settings = SyncSettings(store=tmp_path, bucket="pictures", endpoint=endpoint)
    with pytest.raises(RemoteError):
        create_and_close(settings)


def create_and_close(settings: SyncSettings) -> None:
    with closing(S3ObjectStore.connect(settings.place, KEYS, lambda: True)) as store:
        store.create("a/b.jpg", DATA, "image/jpeg")


def test_stopping_gives_up_a_request_that_hangs(tmp_path: Path) -> None:
    with S3Server(tmp_path) as server, server.silent():
        store = connect(server, tmp_path, go_on=False)
        with pytest.raises(StoppedError):
            store.create("a/b.jpg", DATA, "image/jpeg")
        store.close()
