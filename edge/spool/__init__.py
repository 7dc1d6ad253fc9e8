"""The spool: pictures of parts as files that survive a power cut, for relabelling and for the record.

Layout below the spool's folder (docs of the side-car's fields: :mod:`edge.spool.sidecar`)::

    store-id                            8 hex digits, drawn once; tells this spool from another of the same station
    YYYY/MM/DD/EPOCH-SEQ-CAMERA.jpg     a view's picture; the UTC day of the trigger's receipt
    YYYY/MM/DD/EPOCH-SEQ-CAMERA.json    its side-car, written after it: a picture with a side-car is whole
    YYYY/MM/DD/.NAME.tmp                being written, or left by a crash and removed at the next start

Only the inspector writes or deletes here. Order of a picture: file, side-car, then the ledger's ``stored`` event. A
crash in between leaves a picture without side-car (counted at the next start), or a pair without an event: both are
harmless.
"""

from typing import Final

SPOOL_FOLDER: Final = "spool"
"""The spool's folder below the configured ``store.path``."""
