"""Objects in a bucket or on a web server. The only file that imports obstore."""

import asyncio
import hashlib
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar, TypeVarTuple

from obstore import get_async, put_async
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import HTTPStore, S3Store

from edge.objects.credentials import Credentials
from edge.objects.errors import ObjectExistsError, ObjectMissingError, RemoteError, RemoteFault, StoppedError
from edge.objects.place import Bucket, WebAddress

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import ClientConfig, RetryConfig, S3Credential

Result = TypeVar("Result")
Given = TypeVarTuple("Given")

SLOWEST: Final = 1024
"""Bytes a second; what comes slower than this, over all, is given up: it may be meant never to end."""

PATIENCE_S: Final = 30.0
"""So long a reader may wait beyond what the slowest rate explains."""

_CHUNK: Final = 16_384
_POLL_S: Final = 0.2
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
# A picture of 2 MB over 64 kbit/s takes 4 minutes. What is read piece by piece has its own bound, SLOWEST.
_REQUEST_S: Final = 600.0
# A bundle of 64 MB at the slowest rate takes 18 hours.
_LONGEST: Final = timedelta(days=1)

_FAULTS: Final = {
    "RequestTimeTooSkewed": (RemoteFault.CLOCK, "set the station's clock, or its time server"),
    "InvalidAccessKeyId": (RemoteFault.CREDENTIALS, "the access key is unknown there: check the keys"),
    "SignatureDoesNotMatch": (RemoteFault.CREDENTIALS, "the secret key does not fit the access key: check the keys"),
    "ExpiredToken": (RemoteFault.CREDENTIALS, "the session token has expired: give new keys"),
    "InvalidToken": (RemoteFault.CREDENTIALS, "the session token is invalid: give new keys"),
    "AccessDenied": (RemoteFault.DENIED, "allow these keys s3:PutObject and s3:GetObject below the prefix"),
    "NoSuchBucket": (RemoteFault.BUCKET_MISSING, "create the bucket, or correct its name"),
    "PermanentRedirect": (RemoteFault.REFUSED, "correct the region"),
    "AuthorizationHeaderMalformed": (RemoteFault.REFUSED, "correct the region"),
    "NotImplemented": (RemoteFault.REFUSED, "this store lacks conditional writes (If-None-Match): use one that has"),
}


class ObjectStore(Protocol):
    """A store of whole objects that are created once. All methods raise :class:`RemoteError` when it does not work."""

    def create(self, key: str, data: bytes, content_type: str) -> None:
        """Create an object, whole or not at all.

        Raises:
            ObjectExistsError: there is one of this key; it is left as it is.
        """

    def sha256(self, key: str, size: int) -> str | None:
        """Return the hash of an object's content, None if its size in bytes is another than ``size``."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Hands obstore the keys themselves, so that none of another origin are mixed in from the environment."""

    credentials: Credentials

    def __call__(self) -> "S3Credential":
        return {
            "access_key_id": self.credentials.access_key_id,
            "secret_access_key": self.credentials.secret_access_key,
            "token": self.credentials.session_token,
            "expires_at": None,
        }


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that is closed only once the threads that bring it results have come back from that.

    obstore's threads are not Python's: one that is still on its way when the interpreter ends kills the process, with
    SIGABRT, after all went well. It has no way to stop them (pyo3-async-runtimes, issue 40).
    """

    def __init__(self) -> None:
        super().__init__()
        self._bringing = threading.RLock()

    def call_soon_threadsafe(
        self, callback: Callable[[*Given], object], *args: *Given, context: Context | None = None
    ) -> asyncio.Handle:
        with self._bringing:
            return super().call_soon_threadsafe(callback, *args, context=context)

    def close(self) -> None:
        with self._bringing:
            super().close()


class RemoteReader:
    """Objects that can be read from elsewhere.

    ``go_on`` is asked several times a second while a request runs; once it says False the request is given up with
    :class:`StoppedError`. One request at a time, from one thread.
    """

    def __init__(self, store: S3Store | HTTPStore, go_on: Callable[[], bool]) -> None:
        self._store = store
        self._go_on = go_on
        self._runner = asyncio.Runner(loop_factory=_Loop)

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's content, piece by piece.

        Raises:
            ObjectMissingError: there is none of this key.
            RemoteError: it cannot be read, or comes slower than :data:`SLOWEST`.
            StoppedError: given up.
        """
        began, received = time.monotonic(), 0

        def until() -> float:
            return began + PATIENCE_S + (received + _CHUNK) / SLOWEST

        async def begin() -> AsyncIterator[bytes]:
            found = await get_async(self._store, key)
            return aiter(found.stream(min_chunk_size=_CHUNK))

        async def go_on(pieces: AsyncIterator[bytes]) -> bytes | None:
            return await anext(pieces, None)

        try:
            pieces = self._run(begin(), until())
            while (piece := self._run(go_on(pieces), until())) is not None:
                if not self._go_on():
                    raise StoppedError  # noqa: TRY301 -- one place cleans up
                received += len(piece)
                yield bytes(piece)
        except (StoppedError, GeneratorExit):
            raise
        except TimeoutError as error:
            text = f"{key}: less than {SLOWEST} bytes a second came ({received} so far): given up"
            raise RemoteError(RemoteFault.UNREACHABLE, text) from error
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _explained(error, key) from error

    def close(self) -> None:
        """See :class:`ObjectStore`."""
        self._runner.close()

    def _run(self, work: Awaitable[Result], until: float) -> Result:
        return self._runner.run(self._unless_stopped(work, until))

    async def _unless_stopped(self, work: Awaitable[Result], until: float) -> Result:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=_POLL_S)
            late = time.monotonic() > until
            if not task.done() and (late or not self._go_on()):
                task.cancel()
                await asyncio.wait({task}, timeout=_POLL_S)
                raise TimeoutError("no answer in time") if late else StoppedError
        return task.result()


class HttpObjects(RemoteReader):
    """Files below a web address."""

    @classmethod
    def connect(cls, address: WebAddress, go_on: Callable[[], bool]) -> Self:
        """Return the address; nothing is sent yet.

        Raises:
            RemoteError: the address cannot be used, or the authorities' file cannot be read.
        """
        options = _client_options(address.url)
        try:
            if address.ca is not None:
                options["root_certificate"] = address.ca.read_bytes()
            store = HTTPStore(address.url, client_options=options, retry_config=_no_retries())
        except OSError as error:
            reason = f"{address.ca}: cannot be read ({error.strerror or error}): correct updates.ca"
            raise RemoteError(RemoteFault.REFUSED, reason) from error
        except Exception as error:
            raise _remote_error(error, str(address.ca or address.url)) from error
        return cls(store, go_on)


class S3ObjectStore(RemoteReader):
    """An S3 bucket."""

    @classmethod
    def connect(cls, place: Bucket, credentials: Credentials, go_on: Callable[[], bool]) -> Self:
        """Return a bucket, whose keys are below the place's prefix; nothing is sent yet.

        Raises:
            RemoteError: the settings make no address.
        """
        try:
            store = S3Store(
                place.bucket,
                prefix=place.prefix or None,
                endpoint=place.endpoint,
                region=place.region,
                credential_provider=_Keys(credentials),
                client_options=_client_options(place.endpoint),
                retry_config=_no_retries(),
            )
        except Exception as error:
            raise _remote_error(error, place.bucket) from error
        return cls(store, go_on)

    def create(self, key: str, data: bytes, content_type: str) -> None:
        """See :class:`ObjectStore`."""
        try:
            self._put(key, data, content_type, "create")
        except AlreadyExistsError as error:
            raise ObjectExistsError(key) from error
        except StoppedError:
            raise
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _explained(error, key) from error

    def replace(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object, whole or not at all, over one that may be there.

        Raises:
            RemoteError: it does not work; either content may be there.
        """
        try:
            self._put(key, data, content_type, "overwrite")
        except StoppedError:
            raise
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _explained(error, key) from error

    def sha256(self, key: str, size: int) -> str | None:
        """See :class:`ObjectStore`."""

        async def read() -> str | None:
            found = await get_async(self._store, key)
            if found.meta["size"] != size:
                return None
            digest = hashlib.sha256()
            async for chunk in found.stream():
                digest.update(chunk)
            return digest.hexdigest()

        try:
            return self._run(read(), time.monotonic() + _REQUEST_S)
        except StoppedError:
            raise
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _remote_error(error, key) from error

    def _put(self, key: str, data: bytes, content_type: str, mode: "PutMode") -> None:
        async def put() -> None:
            await put_async(
                self._store, key, data, mode=mode, use_multipart=False, attributes={"Content-Type": content_type}
            )

        self._run(put(), time.monotonic() + _REQUEST_S)


def _client_options(address: str | None) -> "ClientConfig":
    return {
        "allow_http": bool(address and address.startswith("http://")),
        "connect_timeout": _CONNECT_TIMEOUT,
        "timeout": _LONGEST,
    }


def _no_retries() -> "RetryConfig":
    """Who calls has a back-off of its own, which survives weeks and stops at once."""
    return {"max_retries": 0, "retry_timeout": _LONGEST}


def _explained(error: Exception, subject: str) -> RemoteError | ObjectMissingError:
    """Return a missing object as such, all else as :func:`_remote_error`."""
    if isinstance(error, NotFoundError | FileNotFoundError) and _code_of(str(error)) not in _FAULTS:
        return ObjectMissingError(subject)
    return _remote_error(error, subject)


def _remote_error(error: Exception, subject: str) -> RemoteError:
    """Name what is wrong from S3's own error code; the library's text repeats itself over many lines."""
    text = str(error).split("\n\nDebug source", maxsplit=1)[0]
    code = _code_of(text)
    if code in _FAULTS:
        fault, advice = _FAULTS[code]
        return RemoteError(fault, f"{subject}: {code}: {advice}")
    message = re.search(r"<Message>([^<]*)</Message>", text)
    # What comes before the dash repeats the address and how long it took.
    plain = " ".join(text.rpartition(" - ")[2].split())[:300]
    summary = f"{code}: {message[1] if message else ''}" if code else plain
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return RemoteError(RemoteFault.DENIED, f"{subject}: {summary}: check the keys and what they may do")
    if not isinstance(error, BaseError | OSError):
        return RemoteError(RemoteFault.REFUSED, f"{subject}: {summary}: check the configuration")
    return RemoteError(RemoteFault.UNREACHABLE, f"{subject}: {summary}")


def _code_of(text: str) -> str | None:
    found = re.search(r"<Code>(\w+)</Code>", text)
    return found[1] if found else None
