"""Model bundles, format 1: one file with the network and all that is needed to reproduce training-time results."""

from models.bundle.archive import read_bundle
from models.bundle.contents import Bundle, Golden, GoldenBox, GoldenExpectation
from models.bundle.fingerprint import set_fingerprint
from models.bundle.manifest import Manifest
from models.bundle.writing import write_bundle

__all__ = [
    "Bundle",
    "Golden",
    "GoldenBox",
    "GoldenExpectation",
    "Manifest",
    "read_bundle",
    "set_fingerprint",
    "write_bundle",
]
