"""GigE Vision cameras: the address is understood, the driver is not part of this version."""

from typing import NoReturn

from camera.errors import CameraUnavailableError
from camera.source import SourceState, Timing


class GigEVisionSource:
    """Stands for a configured GigE Vision camera and refuses to open, so that nothing else takes its place."""

    def __init__(self, view: str, serial: str) -> None:
        """Remember which camera is meant."""
        self._view = view
        self._serial = serial

    @property
    def view(self) -> str:
        """The view's name, as configured."""
        return self._view

    @property
    def timing(self) -> Timing:
        """Hardware: the camera exposes on its trigger and stamps the frame."""
        return Timing.HARDWARE

    @property
    def identity(self) -> str:
        """The serial number."""
        return f"gigevision:{self._serial}"

    @property
    def state(self) -> SourceState:
        """Always closed."""
        return SourceState.CLOSED

    def open(self) -> None:
        """Refuse.

        Raises:
            CameraUnavailableError: Always; the message says what to use instead.
        """
        self._refuse()

    def acquire(self, not_before_ns: int, deadline_ns: int) -> NoReturn:  # noqa: ARG002 - the protocol's
        """Refuse, as :meth:`open`."""
        self._refuse()

    def close(self) -> None:
        """Do nothing."""

    def _refuse(self) -> NoReturn:
        raise CameraUnavailableError(
            f"camera {self._view!r}: GigE Vision (serial {self._serial}) needs a GenTL driver, which comes with the "
            "extra 'linegate[industrial]' of a later version; until then use the camera's RTSP stream, or v4l2:",
        )
