"""What can go wrong in a study of implants; part of the models' one family of errors."""

from models.errors import ModelError


class ImplantError(ModelError, ValueError):
    """A request cannot be drawn on this picture; the message says why and what would help."""


class StudyError(ModelError, ValueError):
    """A study cannot be run or fitted with what it was given; the message says what is missing."""
