"""The one family of errors that models raise; each carries the reason code of the verdict that it leads to."""

from typing import ClassVar

from edge.core.codes import Code


class ModelError(Exception):
    """A model gave no usable answer; ``code`` is the verdict's reason."""

    code: ClassVar[Code] = Code.MODEL_FAILED


class PictureError(ModelError, ValueError):
    """The picture handed to the model is no picture, or the region of interest lies outside it."""

    code = Code.FRAME_SHAPE


class BundleError(ModelError):
    """A bundle cannot be read or must not be used; the message says what is wrong with which file."""

    code = Code.MODEL_MISSING


class BundleUnreadableError(BundleError):
    """The file is missing, is a folder, or cannot be read or written."""


class BundleDamagedError(BundleError):
    """The file is no bundle archive, or is truncated, oversized or tampered with."""


class BundleSchemaError(BundleError):
    """``bundle.json`` breaks its schema, or belongs to another version of it."""


class GoldenMismatchError(ModelError):
    """The model does not reproduce the bundle's golden outputs on this machine."""

    code = Code.MODEL_NOT_ALLOWED
