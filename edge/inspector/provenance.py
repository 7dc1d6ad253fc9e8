"""Who changed a configuration, as far as the system can tell."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge.inspector.operator_socket import user_name


def author_of(path: Path, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Return who may have changed a file, and from where: its owner, and when and by whom it was put to use.

    The system does not record who writes to a file: an owner is the likely one, no more, and the text says so.
    """
    sudo = environment.get("SUDO_USER")
    by = user_name(os.getuid()) + (f" (sudo by {_readable(sudo)[:40]})" if sudo else "")
    name, start = _readable(str(path)), f"found at the start by {by}"
    try:
        status = path.stat()
    except OSError as error:
        return "unknown", f"{name}: {error.strerror or error}; {start}"
    changed = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
    return f"owner {user_name(status.st_uid)}", f"{name}, changed {changed}; {start}"


def _readable(text: str) -> str:
    """Return a text that any program can read, whatever bytes it was made of."""
    return text.encode("utf-8", "backslashreplace").decode()
