"""How long the certificates of a link are valid, and what there is to say about it before they end.

What reads them is loaded by a link that has some: the daemon of one without need not hold it in memory.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.line.link import LinkError
from edge.line.settings import LinkSettings

if TYPE_CHECKING:
    from cryptography import x509

WARN_DAYS: Final = 30
"""A certificate that ends within so many days is told as an alarm."""

_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """One certificate file: the configuration's ``key``, the common name, and the span in which it is valid (UTC)."""

    key: str
    path: Path
    name: str
    begins: dt.datetime
    ends: dt.datetime

    def days_left(self, now: dt.datetime) -> float:
        """Return how many days it is still valid, negative where it has ended."""
        return (self.ends - now) / _DAY


def common_name(name: "x509.Name") -> str:
    """Return the common name of a certificate's subject or issuer, the whole of it where it has none."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A certificate that has ended, ends soon or has not begun: ``days_left`` until its end, and a text for people."""

    days_left: float
    text: str


def validities(settings: LinkSettings) -> tuple[Validity, ...]:
    """Read the certificates that a link's settings name: its own, and of its authorities the one that lasts longest.

    Raises:
        LinkError: a file cannot be read or holds no certificate.
    """
    found = []
    for key, path in (("cert", settings.cert), ("ca", settings.ca)):
        if path is not None:
            certificates = _read(key, path)
            # A file may hold what lies between; the first is the client's own.
            chosen = certificates[0] if key == "cert" else max(certificates, key=lambda one: one.not_valid_after_utc)
            found.append(
                Validity(
                    key=f"line.{key}",
                    path=path,
                    name=common_name(chosen.subject),
                    begins=chosen.not_valid_before_utc,
                    ends=chosen.not_valid_after_utc,
                )
            )
    return tuple(found)


def ending(found: Iterable[Validity], now: dt.datetime) -> Ending | None:
    """Return the most urgent of what has to be said about certificates; None where all are valid for long enough."""
    due = [one for one in found if one.begins > now or one.days_left(now) < WARN_DAYS]
    if not due:
        return None
    worst = min(due, key=lambda one: one.ends)
    return Ending(days_left=round(worst.days_left(now), 1), text=_text(worst, now))


def _text(one: Validity, now: dt.datetime) -> str:
    what = f"{one.key} ({one.name})"
    if one.begins > now:
        said = f"{what} is not valid before {one.begins:%Y-%m-%d}: is this station's clock right?"
    elif one.ends <= now:
        said = f"{what} has expired on {one.ends:%Y-%m-%d}: the broker refuses this station; renew it"
    else:
        said = f"{what} expires on {one.ends:%Y-%m-%d}, in {one.days_left(now):.0f} days: renew it"
    return f"{said} ({one.path})"


def _read(key: str, path: Path) -> "list[x509.Certificate]":
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise LinkError(f"line.{key}: cannot read {path} ({error.strerror or error})") from error
    except ValueError as error:
        raise LinkError(f"line.{key}: {path} holds no certificate in PEM form") from error
