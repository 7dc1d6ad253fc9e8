"""What can be wrong with an acceptance catalogue."""

from edge.core.codes import Code
from models.errors import ModelError


class CatalogueError(ModelError):
    """A catalogue cannot be read, breaks its schema, does not fit the bundle or is not proved by its limit samples."""

    code = Code.MODEL_NOT_ALLOWED
