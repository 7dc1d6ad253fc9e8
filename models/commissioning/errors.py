"""What can be wrong with commissioning, and with the file that it writes."""

from edge.core.codes import Code
from models.errors import ModelError


class CommissioningError(ModelError):
    """The pictures or the bundle cannot be used to commission; the message says what to do."""


class CommissioningRefusedError(CommissioningError):
    """What was found forbids to commission: too few goods, or a known defect that would be accepted."""

    code = Code.MODEL_NOT_ALLOWED


class CommissionedFileError(ModelError):
    """A commissioned file cannot be read, is damaged, or breaks its schema."""

    code = Code.MODEL_NOT_ALLOWED
