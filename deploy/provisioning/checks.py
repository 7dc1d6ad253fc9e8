"""What a broker is going to be given, checked before it is written down: a broker that does not start stops a line."""

import datetime as dt
from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from deploy.provisioning import credentials
from deploy.provisioning.errors import ProvisioningError


def check_broker(certificate: bytes, key: bytes, authority: bytes, revoked: bytes | None, now: dt.datetime) -> None:
    """Check that a broker can show its certificate and judge those of others.

    Args:
        certificate: the broker's, with what lies between it and the authority (PEM).
        key: its private key (PEM, not encrypted).
        authority: the authorities whose clients may connect (PEM).
        revoked: their revocation list (PEM), None for none.
        now: the present, with its time zone.

    Raises:
        ProvisioningError: names what does not fit.
    """
    chain, roots = decode_certificates(certificate, "--cert"), decode_certificates(authority, "--ca")
    leaf = chain[0]
    try:
        private = credentials.decode_key(key)
    except ProvisioningError as error:
        raise ProvisioningError(f"--key: {error}") from error
    if leaf.public_key() != private.public_key():
        raise ProvisioningError("--cert and --key are no pair: give both from one issue")
    if not leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc:
        raise ProvisioningError(f"--cert is not valid now but {_span(leaf)}: have it issued anew, or set the clock")
    if not _serves(leaf):
        raise ProvisioningError(
            "--cert is no server's: issue one for broker.SITE with the hosts by which it is dialled"
        )
    if not _leads_to(leaf, chain[1:], roots):
        raise ProvisioningError("--cert was not issued by --ca: stations that trust --ca would turn this broker away")
    if revoked is not None:
        _check_list(revoked, roots, now)


def decode_certificates(data: bytes, label: str) -> list[x509.Certificate]:
    """Read the certificates of a PEM file, one at least.

    Raises:
        ProvisioningError: there is none.
    """
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise ProvisioningError(f"{label}: holds no certificate in PEM form") from error


def _check_list(data: bytes, roots: Iterable[x509.Certificate], now: dt.datetime) -> None:
    try:
        revoked = x509.load_pem_x509_crl(data)
    except ValueError as error:
        raise ProvisioningError("--crl: is no revocation list in PEM form") from error
    if not any(_has_signed(root, revoked) for root in roots):
        raise ProvisioningError("--crl was not issued by --ca: the broker would turn everybody away")
    until = revoked.next_update_utc
    if until is not None and until <= now:
        raise ProvisioningError(f"--crl has expired on {until:%Y-%m-%d}: the broker would turn everybody away")


def _has_signed(root: x509.Certificate, revoked: x509.CertificateRevocationList) -> bool:
    key = root.public_key()
    return revoked.issuer == root.subject and revoked.is_signature_valid(key)  # type: ignore[arg-type]  # it can sign


def _serves(leaf: x509.Certificate) -> bool:
    try:
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.ExtendedKeyUsage.oid
    return ExtendedKeyUsageOID.SERVER_AUTH in usage


def _leads_to(leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> bool:
    """Tell whether issuer after issuer leads from a certificate to one of the roots."""
    if any(_issued(leaf, root) for root in roots):
        return True
    following = next((one for one in between if _issued(leaf, one)), None)
    rest = [one for one in between if one is not following]
    return following is not None and _leads_to(following, rest, roots)


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _span(certificate: x509.Certificate) -> str:
    return f"from {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"
