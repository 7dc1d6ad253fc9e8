"""Who changed a configuration or a bundle, as far as the system can tell."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge.inspector.operator_socket import user_name
from edge.inspector.recipes import Recipes
from edge.ledger import FoundModels


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


def found_models(recipes: Recipes) -> FoundModels:
    """Return the bundles that recipes judge with, and who may have changed the newest of their files."""
    views = [view for recipe in recipes.values() for view in recipe.views]
    files = {view.file for view in views if view.file is not None}
    who, origin = author_of(max(files, key=_changed)) if files else ("unknown", "unknown")
    hashes = " ".join(sorted({view.bundle.sha256 for view in views}))
    return FoundModels(hashes=hashes, author=who, origin=origin)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _readable(text: str) -> str:
    """Return a text that any program can read, whatever bytes it was made of."""
    return text.encode("utf-8", "backslashreplace").decode()
