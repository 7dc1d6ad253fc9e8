"""The object store: what the uploader needs of it, and the adapter for S3. The only file that imports obstore."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from obstore import get_async, put_async
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from sync.errors import ObjectExistsError, RemoteError, RemoteFault, StoppedError
from sync.settings import Credentials, SyncSettings

if TYPE_CHECKING:
    from obstore.store import S3Credential

Result = TypeVar("Result")

_POLL_S: Final = 0.2
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
# A picture of 2 MB over 64 kbit/s takes 4 minutes.
_REQUEST_TIMEOUT: Final = timedelta(minutes=10)

_FAULTS: Final = {
    "RequestTimeTooSkewed": (RemoteFault.CLOCK, "set the station's clock, or its time server"),
    "InvalidAccessKeyId": (RemoteFault.CREDENTIALS, "the access key is unknown there: check the keys"),
    "SignatureDoesNotMatch": (RemoteFault.CREDENTIALS, "the secret key does not fit the access key: check the keys"),
    "ExpiredToken": (RemoteFault.CREDENTIALS, "the session token has expired: give new keys"),
    "InvalidToken": (RemoteFault.CREDENTIALS, "the session token is invalid: give new keys"),
    "AccessDenied": (RemoteFault.DENIED, "allow these keys s3:PutObject and s3:GetObject below the prefix"),
    "NoSuchBucket": (RemoteFault.BUCKET_MISSING, "create the bucket, or correct sync.bucket"),
    "PermanentRedirect": (RemoteFault.REFUSED, "correct sync.region"),
    "AuthorizationHeaderMalformed": (RemoteFault.REFUSED, "correct sync.region"),
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


class S3ObjectStore:
    """An S3 bucket.

    ``go_on`` is asked several times a second while a request runs; once it says False the request is given up with
    :class:`StoppedError`. One request at a time, from one thread.
    """

    def __init__(self, store: S3Store, go_on: Callable[[], bool]) -> None:
        self._store = store
        self._go_on = go_on
        self._runner = asyncio.Runner()

    @classmethod
    def connect(cls, settings: SyncSettings, credentials: Credentials, go_on: Callable[[], bool]) -> Self:
        """Return the configured bucket; nothing is sent yet.

        Raises:
            RemoteError: the settings make no address.
        """
        try:
            store = S3Store(
                settings.bucket,
                endpoint=settings.endpoint,
                region=settings.region,
                credential_provider=_Keys(credentials),
                client_options={
                    "allow_http": bool(settings.endpoint and settings.endpoint.startswith("http://")),
                    "connect_timeout": _CONNECT_TIMEOUT,
                    "timeout": _REQUEST_TIMEOUT,
                },
                # The service has its own back-off, which survives weeks and stops at once.
                retry_config={"max_retries": 0, "retry_timeout": _REQUEST_TIMEOUT},
            )
        except Exception as error:
            raise _remote_error(error, settings.bucket) from error
        return cls(store, go_on)

    def create(self, key: str, data: bytes, content_type: str) -> None:
        """See :class:`ObjectStore`."""

        async def put() -> None:
            await put_async(
                self._store,
                key,
                data,
                mode="create",
                use_multipart=False,
                attributes={"Content-Type": content_type},
            )

        try:
            self._runner.run(self._unless_stopped(put()))
        except AlreadyExistsError as error:
            raise ObjectExistsError(key) from error
        except StoppedError:
            raise
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _remote_error(error, key) from error

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
            return self._runner.run(self._unless_stopped(read()))
        except StoppedError:
            raise
        except Exception as error:  # a panic inside the library is none of its own errors
            raise _remote_error(error, key) from error

    def close(self) -> None:
        """See :class:`ObjectStore`."""
        self._runner.close()

    async def _unless_stopped(self, work: Awaitable[Result]) -> Result:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=_POLL_S)
            if not task.done() and not self._go_on():
                task.cancel()
                await asyncio.wait({task}, timeout=_POLL_S)
                raise StoppedError
        return task.result()


def _remote_error(error: Exception, subject: str) -> RemoteError:
    """Name what is wrong from S3's own error code; the library's text repeats itself over many lines."""
    text = str(error).split("\n\nDebug source", maxsplit=1)[0]
    code = re.search(r"<Code>(\w+)</Code>", text)
    if code and code[1] in _FAULTS:
        fault, advice = _FAULTS[code[1]]
        return RemoteError(fault, f"{subject}: {code[1]}: {advice}")
    message = re.search(r"<Message>([^<]*)</Message>", text)
    # What comes before the dash repeats the address and how long it took.
    plain = " ".join(text.rpartition(" - ")[2].split())[:300]
    summary = f"{code[1]}: {message[1] if message else ''}" if code else plain
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return RemoteError(RemoteFault.DENIED, f"{subject}: {summary}: check the keys and what they may do")
    if not isinstance(error, BaseError | OSError):
        return RemoteError(RemoteFault.REFUSED, f"{subject}: {summary}: check [sync] in the configuration")
    return RemoteError(RemoteFault.UNREACHABLE, f"{subject}: {summary}")
