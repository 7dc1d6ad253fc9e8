"""The error of the sync daemon's own state; those of the object store are :mod:`edge.objects.errors`."""


class StateError(Exception):
    """``sync.db`` cannot be used: another sync holds it, a newer version wrote it, it is damaged, the disk is full."""
