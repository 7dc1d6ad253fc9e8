"""The gate of a publication: what a replay of recorded parts says of the bundle."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.publishing.errors import PublishingError, PublishingRefusedError
from models.whole_files import read_bounded

_LARGEST: Final = 256 << 20


class _Replay(BaseModel):
    """The part of what ``linegate replay --json`` prints that decides; ``bundle`` is null where views have several."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    bundle: str | None
    releasable: bool
    reason: str = ""
    other_limits: bool = False


def check_replay(path: Path, bundle_sha256: str) -> None:
    """Check that a replay's result was made with this very bundle, and that it may be released.

    Raises:
        PublishingError: the file is no such result.
        PublishingRefusedError: it is of another bundle, or says no.
    """
    try:
        found = _Replay.model_validate_json(read_bounded(path, _LARGEST))
    except OSError as error:
        raise PublishingError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        raise PublishingError(f"{path}: is no result of 'linegate replay --json'") from error
    if found.bundle != bundle_sha256:
        other = "several bundles" if found.bundle is None else f"another bundle, {found.bundle[:16]}"
        raise PublishingRefusedError(f"{path}: is of {other}; this one is {bundle_sha256[:16]}: replay it")
    if found.other_limits:
        raise PublishingRefusedError(f"{path}: tried other limits than the bundle's own: replay it without them")
    if not found.releasable:
        raise PublishingRefusedError(f"{path}: the replay says no: {found.reason or 'it gives no reason'}")
