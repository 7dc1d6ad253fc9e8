"""How a move of a bundle ends that is not made."""


class ModelRefusedError(Exception):
    """What was asked is refused, and nothing was done; the message says why and what to do."""


class ModelMoveError(Exception):
    """What was asked was tried in vain; the message says what happened."""
