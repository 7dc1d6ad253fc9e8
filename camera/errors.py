"""The one family of errors that sources raise; each carries the reason code of the verdict that it leads to."""

from typing import ClassVar

from edge.core.codes import Code


class CameraError(Exception):
    """A source gave no usable frame; ``code`` is the verdict's reason."""

    code: ClassVar[Code] = Code.CAMERA_UNAVAILABLE


class CameraUnavailableError(CameraError):
    """The source is not open, was lost, or cannot be opened (the message says what to do)."""


class CameraTimeoutError(CameraError):
    """No frame that was exposed late enough arrived before the deadline."""

    code = Code.CAMERA_TIMEOUT


class FrameUnreadableError(CameraError):
    """The frame's data is broken: a corrupt or empty image file, a damaged transmission. The frame's turn is used."""

    code = Code.FRAME_UNREADABLE


class FrameShapeError(CameraError):
    """The frame has a size or colour layout that the source did not declare."""

    code = Code.FRAME_SHAPE


class SourceSettingError(CameraError, ValueError):
    """A source's address in the configuration cannot be understood; found before anything is opened."""
