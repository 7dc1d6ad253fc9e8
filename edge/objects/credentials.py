"""The keys of an S3 store: from the service manager, from files, or from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.objects.errors import RemoteError, RemoteFault

_ADVICE = (
    "give s3_access_key_id and s3_secret_access_key as systemd credentials, or name files in "
    "LINEGATE_S3_ACCESS_KEY_ID_FILE and LINEGATE_S3_SECRET_ACCESS_KEY_FILE, or set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)


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
