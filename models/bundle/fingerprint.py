"""The short name, on the wire, of the set of bundles behind a verdict."""

import hashlib
import re
from collections.abc import Iterable

_HASH = re.compile(r"[0-9a-f]{64}")


def set_fingerprint(hashes: Iterable[str]) -> str:
    """Return the ``model`` field of a result: 8 hex digits for a recipe's set of bundles.

    They are the first 8 digits of the SHA-256 over the distinct full bundle hashes, sorted, each in lower-case hex and
    followed by a newline (ASCII). No bundle at all gives ``00000000``.

    Raises:
        ValueError: An item is not 64 lower-case hex digits.
    """
    members = sorted(set(hashes))
    for member in members:
        if _HASH.fullmatch(member) is None:
            raise ValueError(f"a bundle's hash is 64 lower-case hex digits, not {member!r:.80}")
    if not members:
        return "00000000"
    return hashlib.sha256("".join(f"{member}\n" for member in members).encode("ascii")).hexdigest()[:8]
