"""Files of provisioning: written whole, private keys for their owner alone, nothing replaced unasked."""

import errno
import os
import pwd
import stat
from pathlib import Path
from typing import Final

from deploy.provisioning.errors import ProvisioningError
from edge.durable import stage, sync_folder
from models.whole_files import read_bounded

LARGEST: Final = 1_000_000
_PUBLIC: Final = 0o644
_PRIVATE: Final = 0o600
_SHARED: Final = stat.S_IRGRP | stat.S_IROTH


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
        temporary = stage(
            path.parent, data, mode=_PRIVATE if private else _PUBLIC, owner=None if owner is None else _account(owner)
        )
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        advice = ": this file system may not keep a key private" if private and error.errno == errno.EPERM else ""
        raise ProvisioningError(f"{path}: cannot be written ({error.strerror or error}){advice}") from error


def _account(name: str) -> tuple[int, int]:
    try:
        account = pwd.getpwnam(name)
    except KeyError as error:
        raise ProvisioningError(f"account {name!r}: this machine has none of that name") from error
    return account.pw_uid, account.pw_gid


def check_readable(path: Path, owner: str) -> None:
    """Check that an account's process may read a private key.

    Raises:
        ProvisioningError: it is another account's alone.
    """
    status, reader = path.stat(), _account(owner)[0]
    if reader not in {0, status.st_uid} and not status.st_mode & _SHARED:
        raise ProvisioningError(f"{path}: does not belong to {owner}, who has to read it: chown {owner} {path}")


def make_private_folder(folder: Path, owner: str) -> None:
    """Make a folder that an account's process can write, or see that an existing one is such.

    Raises:
        ProvisioningError: it cannot be made, or is another account's.
    """
    account = pwd.getpwuid(os.geteuid()).pw_name
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            if owner != account:
                os.chown(folder, *_account(owner))
            sync_folder(folder.parent)
        writer = folder.stat().st_uid
    except OSError as error:
        raise ProvisioningError(f"{folder}: cannot be made ({error.strerror or error})") from error
    if writer != _account(owner)[0]:
        raise ProvisioningError(f"{folder}: does not belong to {owner}, who has to write there: chown {owner} {folder}")


def known_account(name: str) -> str | None:
    """Return an account's name if this process may give files to it and the machine knows it, else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return None
