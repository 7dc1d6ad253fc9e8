"""Files of provisioning: written whole, private keys for their owner alone, nothing replaced unasked."""

import errno
import os
import pwd
from pathlib import Path
from typing import Final

from deploy.provisioning.errors import ProvisioningError
from models.whole_files import read_bounded, stage, sync_folder

LARGEST: Final = 1_000_000
_PUBLIC: Final = 0o644
_PRIVATE: Final = 0o600


def read(path: Path) -> bytes:
    """Return a small file's bytes.

    Raises:
        ProvisioningError: it is missing, unreadable, or larger than any key or certificate.
    """
    try:
        return read_bounded(path, LARGEST)
    except OSError as error:
        raise ProvisioningError(f"{path}: cannot be read ({error.strerror or error})") from error


def write(path: Path, data: bytes, *, private: bool = False, owner: str | None = None, replace: bool = False) -> None:
    """Write a file whole and bring it to disk; a private one is its owner's alone from its first byte on.

    Folders on the way are made. ``owner`` names a system account, None: whoever runs this.

    Raises:
        ProvisioningError: it exists and ``replace`` does not say that it may go, or it cannot be written.
    """
    if not replace and os.path.lexists(path):
        raise ProvisioningError(f"{path} exists and is left as it is: say --replace, or choose another place")
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary = stage(path.parent, data, mode=_PRIVATE if private else _PUBLIC, owner=_account(owner))
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        advice = ": this file system may not keep a key private" if private and error.errno == errno.EPERM else ""
        raise ProvisioningError(f"{path}: cannot be written ({error.strerror or error}){advice}") from error


def _account(name: str | None) -> tuple[int, int] | None:
    if name is None:
        return None
    try:
        account = pwd.getpwnam(name)
    except KeyError as error:
        raise ProvisioningError(f"--owner {name!r}: this machine has no such account") from error
    return account.pw_uid, account.pw_gid


def known_account(name: str) -> str | None:
    """Return an account's name if this process may give files to it and the machine knows it, else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return None
