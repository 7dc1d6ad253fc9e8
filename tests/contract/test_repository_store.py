"""What a repository relies on, in a folder and in a bucket (a real server process), and what HTTP gives of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.publishing import committing, operations
from deploy.publishing.committing import BusyError
from deploy.repository.layout import POINTER, TooLargeError, read_object
from edge.objects.errors import ObjectExistsError, ObjectMissingError, RemoteError, StoppedError
from edge.objects.folder import FolderObjects
from edge.objects.opening import Reader, Writer, open_reader, open_writer
from edge.objects.place import Bucket
from tests.support.objects import BUCKET, S3Server
from tests.support.repositories import Factory, always, make_station
from tests.support.web import WebServer

DATA = b"\x00\xff content"
KINDS = ("folder", "s3")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as running:
        running.start()
        yield running


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, server: S3Server, tmp_path: Path, keys: None) -> Bucket | Path:
    if request.param == "folder":
        return tmp_path / "objects"
    prefix = f"models/{request.node.name}".replace("[", "-").replace("]", "")
    return Bucket(bucket=BUCKET, prefix=prefix, endpoint=server.endpoint)


@pytest.fixture
def writer(place: Bucket | Path) -> Iterator[Writer]:
    opened = open_writer(place, always)
    yield opened
    opened.close()


def read(reader: Reader, key: str, largest: int = 1 << 20) -> bytes:
    return read_object(reader, key, largest)


def test_what_was_created_is_read_again(writer: Writer) -> None:
    writer.create("metadata/1.root.json", DATA, "application/json")
    assert read(writer, "metadata/1.root.json") == DATA


def test_an_empty_object_is_no_missing_one(writer: Writer) -> None:
    writer.create("metadata/empty", b"", "application/json")
    assert read(writer, "metadata/empty") == b""


def test_creating_never_overwrites(writer: Writer) -> None:
    writer.create("a/b", DATA, "")
    for other in (DATA, b"other"):
        with pytest.raises(ObjectExistsError):
            writer.create("a/b", other, "")
    assert read(writer, "a/b") == DATA


def test_replacing_does(writer: Writer) -> None:
    writer.replace("a/b", DATA, "")
    writer.replace("a/b", b"other", "")
    assert read(writer, "a/b") == b"other"


@pytest.mark.parametrize("key", ["missing", "no/such/folder"])
def test_a_missing_object_is_said_so(writer: Writer, key: str) -> None:
    writer.create("other", DATA, "")
    with pytest.raises(ObjectMissingError):
        read(writer, key)


def test_no_more_is_read_than_may_be(writer: Writer) -> None:
    writer.create("large", bytes(300_000), "")
    assert len(read(writer, "large", 300_000)) == 300_000
    with pytest.raises(TooLargeError):
        read(writer, "large", 299_999)


def test_reading_stops_when_told(place: Bucket | Path, writer: Writer) -> None:
    writer.create("large", bytes(1 << 22), "")
    stopped = open_writer(place, lambda: False)
    try:
        with pytest.raises(StoppedError):
            read(stopped, "large", 1 << 23)
    finally:
        stopped.close()


def test_a_repository_is_published_and_fetched(place: Bucket | Path, writer: Writer, tmp_path: Path) -> None:
    factory = Factory(tmp_path, writer)
    offer = factory.add(notes="first")
    station = make_station(tmp_path, factory, place)
    fetched = station.look()
    assert fetched is not None
    assert (fetched.bundle, fetched.sha256, fetched.notes) == ("toy-4", offer.sha256, "first")
    assert fetched.path == station.store / "models" / "incoming" / "toy-4.lgb"
    assert station.look() is None
    operations.refresh(writer, factory.publisher)
    factory.add(version=5)
    again = station.look()
    assert again is not None
    assert again.bundle == "toy-5"


def test_of_two_publishers_at_once_one_is_refused(place: Bucket | Path, writer: Writer, tmp_path: Path) -> None:
    factory = Factory(tmp_path, writer)
    state = operations.load(writer)
    factory.add(version=4)
    with pytest.raises(BusyError):
        committing.publish(
            writer, state, committing.next_targets(state), factory.publisher.signers, days=60, now=factory.now
        )
    assert [offer.bundle for offer in operations.load(writer).offers()] == ["toy-4"]


def test_a_bucket_that_is_not_there_is_said_so(server: S3Server, keys: None) -> None:
    opened = open_writer(Bucket(bucket="nobody", endpoint=server.endpoint), always)
    with pytest.raises(RemoteError, match="create the bucket"):
        read(opened, POINTER)
    opened.close()


def test_a_repository_is_fetched_from_a_web_server(tmp_path: Path) -> None:
    factory = Factory(tmp_path)
    factory.add()
    with WebServer(tmp_path / "repository") as web:
        station = make_station(tmp_path, factory, web.place)
        assert station.look() is not None
        assert station.look() is None


def test_a_web_server_s_missing_file_is_said_so(tmp_path: Path) -> None:
    with WebServer(tmp_path) as web:
        reader = open_reader(web.place, always)
        with pytest.raises(ObjectMissingError):
            read(reader, "metadata/2.root.json")
        reader.close()


def test_a_folder_s_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    os.mkfifo(tmp_path / POINTER)
    with pytest.raises(RemoteError, match="regular file"):
        read(FolderObjects(tmp_path, always), POINTER)


def test_two_who_create_one_file_at_once_never_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their processes may have one number, in two containers on one folder."""
    link, met = os.link, []

    def overtaken(*names: Path) -> None:
        if not met:
            met.append(names)
            FolderObjects(tmp_path, always).create(POINTER, b"theirs", "")
        link(*names)

    monkeypatch.setattr(os, "link", overtaken)
    with pytest.raises(ObjectExistsError):
        FolderObjects(tmp_path, always).create(POINTER, DATA, "")
    assert (tmp_path / POINTER).read_bytes() == b"theirs"
    assert [path.name for path in (tmp_path / POINTER).parent.iterdir()] == [Path(POINTER).name]
