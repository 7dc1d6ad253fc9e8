"""Commissioning a view: what its product's goods set, what known defects prove, and the judge that applies it."""

from models.commissioning.check import claim_in_force, refusals
from models.commissioning.errors import CommissionedFileError, CommissioningError, CommissioningRefusedError
from models.commissioning.judge import CommissionedDetector
from models.commissioning.record import CommissionedFile
from models.commissioning.storage import StoredCommissioning, read_commissioned, write_commissioned

__all__ = [
    "CommissionedDetector",
    "CommissionedFile",
    "CommissionedFileError",
    "CommissioningError",
    "CommissioningRefusedError",
    "StoredCommissioning",
    "claim_in_force",
    "read_commissioned",
    "refusals",
    "write_commissioned",
]
