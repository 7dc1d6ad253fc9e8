"""The acceptance catalogue of a view: which blemishes are accepted where, proved by limit samples."""

from models.catalogue.errors import CatalogueError
from models.catalogue.judge import Assessment, CatalogueDetector, JudgedRegion
from models.catalogue.proof import JudgedSample, misfits, unproved
from models.catalogue.schema import Catalogue, Rule, Sample, Zone
from models.catalogue.storage import StoredCatalogue, read_catalogue

__all__ = [
    "Assessment",
    "Catalogue",
    "CatalogueDetector",
    "CatalogueError",
    "JudgedRegion",
    "JudgedSample",
    "Rule",
    "Sample",
    "StoredCatalogue",
    "Zone",
    "misfits",
    "read_catalogue",
    "unproved",
]
