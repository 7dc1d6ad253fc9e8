"""What the sync daemon is told: places from the configuration, keys from the service manager or the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from edge.spool import SPOOL_FOLDER
from sync.errors import RemoteError, RemoteFault

_ADVICE = (
    "give s3_access_key_id and s3_secret_access_key as systemd credentials, or name files in "
    "LINEGATE_S3_ACCESS_KEY_ID_FILE and LINEGATE_S3_SECRET_ACCESS_KEY_FILE, or set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """Where pictures come from and go to.

    ``store`` is the configured ``store.path``; ``prefix`` has no slash at its ends; ``endpoint`` None means AWS;
    ``interval_s`` is the pause between two looks into the spool, in seconds.
    """

    store: Path
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    interval_s: float = 15.0

    @classmethod
    def from_url(cls, store: Path, url: str, *, endpoint: str | None, region: str) -> Self:
        """Return settings for a bucket given as ``s3://NAME/PREFIX``.

        Raises:
            ValueError: the bucket is no such URL, or the endpoint no address of a server.
        """
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"bucket {url!r}: use s3://NAME or s3://NAME/PREFIX")
        parts = [part for part in prefix.split("/") if part]
        if {".", ".."}.intersection(parts):
            raise ValueError(f"bucket {url!r}: a prefix has no '.' or '..' in it")
        if endpoint is not None and not _is_server(endpoint):
            raise ValueError(f"endpoint {endpoint!r}: use http://HOST:PORT or https://HOST:PORT")
        return cls(store=store, bucket=bucket, prefix="/".join(parts), endpoint=endpoint, region=region)

    @property
    def spool(self) -> Path:
        """The spool's folder."""
        return self.store / SPOOL_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys of the object store; never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def find_credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """Return the keys: systemd's credentials, else files that the environment names, else ``AWS_*`` variables.

    Read anew at every attempt, so that replaced files count.

    Raises:
        RemoteError: there are none, or a file cannot be read.
    """
    folder = environment.get("CREDENTIALS_DIRECTORY")
    # A unit that loads other credentials only has a folder too.
    if folder and (key_file := Path(folder, "s3_access_key_id")).exists():
        return _read_pair(key_file, Path(folder, "s3_secret_access_key"))
    key_name = environment.get("LINEGATE_S3_ACCESS_KEY_ID_FILE")
    secret_name = environment.get("LINEGATE_S3_SECRET_ACCESS_KEY_FILE")
    if key_name and secret_name:
        return _read_pair(Path(key_name), Path(secret_name))
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        token = environment.get("AWS_SESSION_TOKEN") or None
        return Credentials(access_key_id=key, secret_access_key=secret, session_token=token)
    raise RemoteError(RemoteFault.CREDENTIALS, f"no keys for the object store: {_ADVICE}")


def _is_server(url: str) -> bool:
    """Whether a URL names a server and nothing more; obstore panics on some that do not."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and plain


def _read_pair(key_file: Path, secret_file: Path) -> Credentials:
    return Credentials(access_key_id=_read(key_file), secret_access_key=_read(secret_file))


def _read(path: Path) -> str:
    try:
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RemoteError(RemoteFault.CREDENTIALS, f"cannot read the key in {path} ({error}): {_ADVICE}") from error
    if not text:
        raise RemoteError(RemoteFault.CREDENTIALS, f"the key in {path} is empty: {_ADVICE}")
    return text
