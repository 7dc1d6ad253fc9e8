"""The one family of errors that leaves provisioning; every text says what, where, and what to do about it."""


class ProvisioningError(Exception):
    """Keys, certificates or the broker's configuration cannot be made as asked; nothing half made is left."""
