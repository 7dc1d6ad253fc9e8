"""The append-only, hash-chained record of every part: the proof that no accept went out alone."""

from edge.ledger.epochs import EpochOpening, FoundModels, Unsent
from edge.ledger.errors import (
    ArchiveError,
    LedgerBacklogError,
    LedgerClosedError,
    LedgerCorruptError,
    LedgerError,
    LedgerFullError,
    LedgerMissingError,
    LedgerReadOnlyError,
    LedgerStorageError,
    LedgerVersionError,
    StoreLockedError,
)
from edge.ledger.ledger import Ledger
from edge.ledger.writer import Ticket

__all__ = [
    "ArchiveError",
    "EpochOpening",
    "FoundModels",
    "Ledger",
    "LedgerBacklogError",
    "LedgerClosedError",
    "LedgerCorruptError",
    "LedgerError",
    "LedgerFullError",
    "LedgerMissingError",
    "LedgerReadOnlyError",
    "LedgerStorageError",
    "LedgerVersionError",
    "StoreLockedError",
    "Ticket",
    "Unsent",
]
