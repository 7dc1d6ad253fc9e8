"""Where the bundle that a view names is found."""

from pathlib import Path

import models
from edge.config import ACTIVE_BUNDLE
from models.errors import BundleUnreadableError


def shipped_bundle() -> Path:
    """Return the file of the one bundle that the software carries.

    Raises:
        BundleUnreadableError: the installation is incomplete.
    """
    folder = Path(models.__file__).parent / "shipped"
    found = sorted(folder.glob("*.lgb"))
    if len(found) != 1:
        raise BundleUnreadableError(f"{folder}: holds {len(found)} bundles, expected one: install linegate again")
    return found[0]


def bundle_path(name: str) -> Path:
    """Return the file of a view's bundle: ``active`` or a path.

    A station into whose store no bundle has been installed runs the one shipped with the software.

    Raises:
        BundleUnreadableError: the name is no bundle's.
    """
    if name == ACTIVE_BUNDLE:
        return shipped_bundle()
    path = Path(name)
    if path.suffix != ".lgb":
        raise BundleUnreadableError(f"{name}: is not a bundle: name a .lgb file, or {ACTIVE_BUNDLE!r}")
    return path
