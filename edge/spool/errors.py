"""The one family of errors that the spool raises. None of them touches a verdict: the picture is not kept, no more."""


class SpoolError(Exception):
    """A picture could not be kept, or the spool not be opened; the message says what, where and what to do."""


class SpoolFullError(SpoolError):
    """The configured limit is reached, or the disk has no room left."""


class SpoolWriteError(SpoolError):
    """The file system refused: read-only, no permission, an input/output error."""


class SpoolEncodeError(SpoolError):
    """The picture cannot be made a JPEG: wrong type, empty, or larger than 65500 pixels on a side."""


class SpoolNameError(SpoolError):
    """The request gives no file name: a camera name with other characters, a number or a time out of range."""


class SpoolOccupiedError(SpoolError):
    """There is a file of this name already; nothing in the spool is ever overwritten."""
