"""Reading and writing a commissioned file: whole or not at all, and never one that somebody has changed."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from edge.durable import PUBLIC_MODE, write_whole
from models.commissioning.errors import CommissionedFileError, CommissioningError
from models.commissioning.record import SCHEMA_VERSION, CommissionedFile
from models.whole_files import read_bounded

FILE_BYTES_MAX: Final = 8_000_000
"""Nothing that is commissioned comes near; beyond this a file is refused unread."""
_CONTENT_HASH: Final = "content_sha256"
_AGAIN: Final = "copy it again, or commission the view again"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCommissioning:
    """A file's checked content and the SHA-256 of its bytes."""

    content: CommissionedFile
    sha256: str


def read_commissioned(path: Path) -> StoredCommissioning:
    """Read and check a commissioned file.

    Raises:
        CommissionedFileError: It cannot be read, is damaged or was changed, or breaks its schema.
    """
    data = _read(path)
    document = _document(data, path)
    claimed = document.pop(_CONTENT_HASH, None)
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise CommissionedFileError(
            f"{path}: has schema version {version!r:.20}, this software knows {SCHEMA_VERSION}; commission the view "
            "again with this software"
        )
    if claimed != _content_hash(document):
        raise CommissionedFileError(f"{path}: its content does not have the hash that it states; {_AGAIN}")
    try:
        content = CommissionedFile.model_validate_json(json.dumps(document))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in fault["loc"]) or "the document"
        raise CommissionedFileError(f"{path}: {place}: {fault['msg']}; {_AGAIN}") from error
    return StoredCommissioning(content=content, sha256=hashlib.sha256(data).hexdigest())


def write_commissioned(path: Path, content: CommissionedFile, *, replace: bool) -> StoredCommissioning:
    """Write a commissioned file, durably and whole, and return it as read back.

    Raises:
        CommissioningError: A file of that name is there and ``replace`` is false, or it cannot be written.
    """
    refuse_existing(path, replace=replace)
    document = content.model_dump(mode="json")
    text = json.dumps(document | {_CONTENT_HASH: _content_hash(document)}, indent=1, allow_nan=False)
    try:
        write_whole(path, f"{text}\n".encode(), mode=PUBLIC_MODE)
    except OSError as error:
        raise CommissioningError(
            f"{path}: cannot be written ({error.strerror}); check the folder, its space and its permissions"
        ) from error
    return read_commissioned(path)


def refuse_existing(path: Path, *, replace: bool) -> None:
    """Refuse, before the work is done, to write where nothing can be written.

    Raises:
        CommissioningError: A file is there and ``replace`` is false, or there is no such folder.
    """
    if not path.parent.is_dir():
        raise CommissioningError(f"{path.parent}: no such folder; make it first")
    if path.is_dir():
        raise CommissioningError(f"{path}: is a folder; name the file to write")
    if path.exists() and not replace:
        raise CommissioningError(f"{path}: is there already; name another file, or replace it with --force")


def _document(data: bytes, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CommissionedFileError(f"{path}: is not JSON ({error}); {_AGAIN}") from error
    if not isinstance(document, dict):
        raise CommissionedFileError(f"{path}: is no commissioned file; name one that 'linegate commission' has written")
    return document


def _content_hash(document: dict[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, FILE_BYTES_MAX)
    except OSError as error:
        raise CommissionedFileError(
            f"{path}: cannot be read ({error.strerror}); name a commissioned file, and check its owner and mode"
        ) from error
