"""The errors of publishing."""


class PublishingError(Exception):
    """It cannot be done; the message says what, where, and what to do. What was published before stands."""


class PublishingRefusedError(PublishingError):
    """It is not done because that would not be safe."""
