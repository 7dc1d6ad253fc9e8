"""The errors of the sync daemon: one family for the object store, one for its own state."""

from enum import StrEnum


class RemoteFault(StrEnum):
    """What keeps pictures from the object store."""

    UNREACHABLE = "unreachable"
    CREDENTIALS = "credentials"
    DENIED = "denied"
    BUCKET_MISSING = "bucket missing"
    CLOCK = "clock"
    REFUSED = "refused"

    @property
    def needs_a_person(self) -> bool:
        """Whether waiting alone will hardly help."""
        return self is not RemoteFault.UNREACHABLE


class RemoteError(Exception):
    """The object store did not do what was asked; nothing is lost, it is tried again."""

    def __init__(self, fault: RemoteFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class ObjectExistsError(Exception):
    """There is an object of this key; its content is not known yet."""


class StoppedError(Exception):
    """The daemon is being stopped; the request was given up."""


class StateError(Exception):
    """``sync.db`` cannot be used: another sync holds it, a newer version wrote it, it is damaged, the disk is full."""
