"""Opening a place: the client that its kind needs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from edge.objects.credentials import find_credentials
from edge.objects.folder import FolderObjects
from edge.objects.place import Bucket, Place, WebAddress
from edge.objects.store import HttpObjects, S3ObjectStore


class Reader(Protocol):
    """A place that objects are read from."""

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's content, piece by piece.

        Raises:
            ObjectMissingError: there is none of this key.
            RemoteError: it cannot be read, or comes too slowly.
            StoppedError: given up.
        """

    def close(self) -> None:
        """Let go of connections."""


class Writer(Reader, Protocol):
    """A place that objects are read from and written to, each whole or not at all.

    All methods raise :class:`RemoteError` when it does not work.
    """

    def create(self, key: str, data: bytes, content_type: str) -> None:
        """Create an object.

        Raises:
            ObjectExistsError: there is one of this key; it is left as it is.
        """

    def replace(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object over one that may be there."""


def open_reader(place: Place, go_on: Callable[[], bool]) -> Reader:
    """Return a place for reading.

    Raises:
        RemoteError: there are no keys for a bucket, or the address cannot be used.
    """
    return HttpObjects.connect(place, go_on) if isinstance(place, WebAddress) else open_writer(place, go_on)


def open_writer(place: Bucket | Path, go_on: Callable[[], bool]) -> Writer:
    """Return a bucket or a folder for reading and writing. Raises as :func:`open_reader`."""
    if isinstance(place, Bucket):
        return S3ObjectStore.connect(place, find_credentials(), go_on)
    return FolderObjects(place, go_on)
