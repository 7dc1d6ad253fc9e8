"""Signing keys in files: Ed25519, encrypted or for their owner alone (PKCS #8 and SubjectPublicKeyInfo, PEM)."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from securesystemslib.signer import CryptoSigner, Key, Signer, SSlibKey

from deploy.publishing.errors import PublishingError, PublishingRefusedError
from edge.durable import sync_folder
from models.whole_files import read_bounded

PRIVATE_SUFFIX: Final = ".key"
PUBLIC_SUFFIX: Final = ".pub"
SHOWN: Final = 16
"""Digits of a key's id that people compare."""

_LARGEST: Final = 100_000
_LONGEST_PASSWORD: Final = 1023  # OpenSSL's bound
_FOREIGN: Final = stat.S_IRWXG | stat.S_IRWXO

Signers = Mapping[str, Signer]
"""Key id to what signs with it."""


def make_key(path: Path, password: bytes | None) -> Key:
    """Write a new key to ``path`` (``.key``, mode 0600) and its public half beside it (``.pub``); return the latter.

    Raises:
        PublishingError: one is there already, the name ends otherwise, the password is longer than keys take, or they
            cannot be written.
    """
    if path.suffix != PRIVATE_SUFFIX:
        raise PublishingError(f"{path}: a private key's file name ends with {PRIVATE_SUFFIX}")
    public_path = path.with_suffix(PUBLIC_SUFFIX)
    if public_path.exists() and not path.exists():  # the private half would be left behind alone
        raise PublishingError(f"{public_path}: exists and is left as it is: choose another name for the key")
    if password is not None and len(password) > _LONGEST_PASSWORD:
        raise PublishingError(f"the password has {len(password)} bytes, {_LONGEST_PASSWORD} are the most")
    key = ed25519.Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = (
        serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _create(path, private, 0o600)
    _create(public_path, public, 0o644)
    return SSlibKey.from_crypto(key.public_key())


def read_public(path: Path) -> Key:
    """Return the public key of a file.

    Raises:
        PublishingError: it cannot be read, or is no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublishingError(f"{path}: is no public key in PEM form; 'publish key' writes one") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise PublishingError(f"{path}: is no Ed25519 key; 'publish key' makes one")
    return SSlibKey.from_crypto(key)


def load_signers(paths: Sequence[Path], password: bytes | None) -> dict[str, Signer]:
    """Return what signs with the keys of files, or of all ``.key`` files of folders.

    Raises:
        PublishingError: there is no key, one cannot be read, or the password is wrong or missing.
        PublishingRefusedError: others may read one that is not encrypted.
    """
    files = [file for path in paths for file in (sorted(path.glob(f"*{PRIVATE_SUFFIX}")) if path.is_dir() else [path])]
    if not files:
        raise PublishingError(f"{', '.join(map(str, paths))}: holds no key ({PRIVATE_SUFFIX})")
    signers = [_signer(file, password) for file in files]
    return {signer.public_key.keyid: signer for signer in signers}


def _signer(path: Path, password: bytes | None) -> Signer:
    data = _read(path)
    encrypted = b"ENCRYPTED" in data
    if encrypted and password is None:
        raise PublishingError(f"{path}: is encrypted: give its password with --password-file")
    if not encrypted and path.stat().st_mode & _FOREIGN:
        raise PublishingRefusedError(f"{path}: others may read this key, which is not encrypted: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(data, password if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "the password is wrong, or this is" if encrypted else "is"
        raise PublishingError(f"{path}: {reason} no private key in PEM form") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise PublishingError(f"{path}: is no Ed25519 key; 'publish key' makes one")
    return CryptoSigner(key)


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, _LARGEST)
    except OSError as error:
        raise PublishingError(f"{path}: cannot be read ({error.strerror or error})") from error


def _create(path: Path, data: bytes, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise PublishingError(f"{path}: exists and is left as it is: a key is never overwritten") from error
    except OSError as error:
        raise PublishingError(f"{path}: cannot be written ({error.strerror or error})") from error
