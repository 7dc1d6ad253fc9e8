"""Checking a stored picture against the ledger's word for it."""

import hashlib
from collections.abc import Callable
from pathlib import Path


def image_problem(spool: Path) -> Callable[[str, str], str | None]:
    """Return a check of ``(path relative to the spool, SHA-256)`` that gives what is wrong, None if nothing is."""

    def check(path: str, sha256: str) -> str | None:
        file = spool / path
        try:
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            return f"{file}: {error.strerror or error}"
        return None if found == sha256 else f"{file}: has SHA-256 {found}, the ledger says {sha256}"

    return check
