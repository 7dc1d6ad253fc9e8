"""Why a connection failed, in words for people: what TLS and the broker say, and what to do about it. Pure."""

from typing import Final

_TLS_ADVICE: Final = "check line.ca, line.cert, line.key, the broker's host name and the clock"
_SPOKEN: Final = (
    ("alert certificate expired", "the broker says that the certificate line.cert has expired"),
    ("alert unknown ca", "the broker does not know the authority that issued line.cert"),
    ("alert certificate revoked", "the broker says that the certificate line.cert was revoked"),
    ("alert bad certificate", "the broker does not take line.cert: damaged, or not valid yet by its clock"),
    ("alert unsupported certificate", "the broker does not take line.cert: it is not a client's"),
    ("alert certificate required", "the broker wants a client certificate, line.cert and line.key"),
    ("certificate has expired", "the broker's certificate has expired by this machine's clock"),
    ("certificate is not yet valid", "the broker's certificate is not valid yet by this machine's clock"),
    ("mismatch, certificate is not valid for", "the broker's certificate names another host"),
    ("eof occurred in violation", "the broker closed the connection; if it refuses line.cert, its log says why"),
    ("certificate verify failed", "the broker's certificate was not issued by line.ca"),
)
_SILENT: Final = "eof occurred in violation of protocol"
_SILENT_TEXT: Final = (
    "the broker closed the encrypted connection; most likely it refuses line.cert, and its log says why"
)


def explain(text: str) -> str:
    """Return what a failure of a connection means and what to do; the library's own words stay in it."""
    lower = text.lower()
    meaning = next((meaning for words, meaning in _SPOKEN if words in lower), None)
    if meaning is not None:
        return f"{meaning} ({text}); {_TLS_ADVICE}"
    if "certificate" in lower or "ssl" in lower:
        return f"{text}; {_TLS_ADVICE}"
    if "taken over" in lower:
        return f"{text}; another client uses the same client id: is this station's name given twice?"
    return text
