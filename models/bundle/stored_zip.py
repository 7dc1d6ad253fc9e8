"""The one way in which a bundle's archive is laid out, byte for byte (ZIP, PKWARE APPNOTE 6.3, method 0).

Written here rather than by :mod:`zipfile`, whose bytes may change between Python versions: the reader compares a whole
file with this layout, so that no byte of it is without meaning.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import Final

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_MADE_ON_UNIX: Final = 3 << 8 | _VERSION
_DATE: Final = 0x21  # 1 January 1980, the first day that the format can express
_MODE: Final = 0o100644 << 16  # a regular file, rw-r--r--


def pack_stored(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the archive of these members (ASCII names) in this order, uncompressed."""
    body = bytearray()
    directory = bytearray()
    count = 0
    for name, content in members:
        encoded = name.encode("ascii")
        checksum, size = zlib.crc32(content), len(content)
        common = (_VERSION, 0, 0, 0, _DATE, checksum, size, size, len(encoded), 0)
        directory += _CENTRAL.pack(b"PK\x01\x02", _MADE_ON_UNIX, *common, 0, 0, 0, _MODE, len(body)) + encoded
        body += _LOCAL.pack(b"PK\x03\x04", *common) + encoded + content
        count += 1
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)
