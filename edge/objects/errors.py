"""The errors of stores of objects: one family, and two answers that are no fault of the store."""

from enum import StrEnum


class RemoteFault(StrEnum):
    """What keeps somebody from a store of objects."""

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
    """The store did not do what was asked; nothing is lost, it may be tried again."""

    def __init__(self, fault: RemoteFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class ObjectExistsError(Exception):
    """There is an object of this key; its content is not known yet."""


class ObjectMissingError(Exception):
    """There is no object of this key."""


class StoppedError(Exception):
    """The work is being stopped; the request was given up."""
