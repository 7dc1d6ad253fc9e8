"""Where the bundle that a view names is found."""

from pathlib import Path

import models
from deploy.slots.store import models_folder, read_slots
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


def active_bundle(store: Path) -> Path:
    """Return the file of the bundle that is active in a station's store: the shipped one where it has no other.

    Raises:
        BundleUnreadableError: the installation is incomplete.
        SlotsError: what the store's bundles are is lost.
    """
    active = read_slots(store).active
    return shipped_bundle() if active is None else models_folder(store) / active.file_name


def bundle_path(name: str, active: Path) -> Path:
    """Return the file of a view's bundle: ``active``, which is the file given, or a path.

    Raises:
        BundleUnreadableError: the name is no bundle's.
    """
    if name == ACTIVE_BUNDLE:
        return active
    path = Path(name)
    if path.suffix != ".lgb":
        raise BundleUnreadableError(f"{name}: is not a bundle: name a .lgb file, or {ACTIVE_BUNDLE!r}")
    return path
