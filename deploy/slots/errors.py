"""The one family of errors that a store of bundles raises."""


class SlotsError(Exception):
    """The store of bundles cannot do what was asked; nothing was changed. The message says why and what to do."""


class SlotsRefusedError(SlotsError):
    """It is refused for safety: a forged or damaged file, a move that the rules do not know."""


class SlotsBusyError(SlotsError):
    """Another process holds the store."""
