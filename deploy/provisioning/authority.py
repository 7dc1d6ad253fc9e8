"""A plant's own certificate authority: a folder with its key, what it vouched for and what it has revoked."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.provisioning import credentials
from deploy.provisioning.credentials import PrivateKey, PublicKey
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.files import read, write
from deploy.provisioning.names import Member, Role

KEY: Final = "authority.key"
CERTIFICATE: Final = "authority.crt"
REVOKED: Final = "revoked.crl"
ISSUED: Final = "issued"
BACKDATED: Final = dt.timedelta(days=1)
"""A station's clock may be behind; a certificate of this minute would not be valid there yet."""

LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An opened authority."""

    folder: Path
    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Its certificate, which everybody needs to have."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def create(folder: Path, *, name: str, days: int, password: bytes | None, now: dt.datetime) -> Authority:
    """Make an authority in a folder, with an empty revocation list; an existing one is never touched.

    Raises:
        ProvisioningError: there is one already, its name is unusable, or the folder cannot be written.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ProvisioningError(f"--name {name!r:.80}: give 1 to {LONGEST_NAME} printable characters")
    for file in (KEY, CERTIFICATE, REVOKED):
        if (folder / file).exists():
            raise ProvisioningError(
                f"{folder / file} exists: an authority is made once; with another one every certificate of the plant "
                "would have to be issued anew; choose another folder"
            )
    key = credentials.new_key(credentials.KeyKind.EC)
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(whose, whose, key.public_key(), now, now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = Authority(folder=folder, key=key, certificate=certificate)
    # The certificate comes last: without it there is no authority, and what a power cut left may be removed.
    write(folder / KEY, credentials.encode_key(key, password), private=True)
    write(folder / REVOKED, _list(authority, [], now))
    write(folder / CERTIFICATE, authority.pem)
    return authority


def load(folder: Path, password: bytes | None) -> Authority:
    """Open an authority.

    Raises:
        ProvisioningError: there is none, its password is missing or wrong, or key and certificate are no pair.
    """
    path = folder / CERTIFICATE
    try:
        certificate = x509.load_pem_x509_certificate(read(path))
        key = credentials.decode_key(read(folder / KEY), password)
    except ValueError as error:
        raise ProvisioningError(f"{path}: holds no certificate in PEM form: restore it from a copy") from error
    except ProvisioningError as error:
        raise ProvisioningError(f"{folder}: {error}") from error
    if certificate.public_key() != key.public_key():
        raise ProvisioningError(f"{folder}: {KEY} and {CERTIFICATE} are no pair: restore both from one copy")
    return Authority(folder=folder, key=key, certificate=certificate)


def issue(
    authority: Authority,
    member: Member,
    public_key: PublicKey,
    *,
    hosts: Sequence[str],
    days: int,
    now: dt.datetime,
) -> bytes:
    """Return the certificate of a member (PEM) for a key, and keep a copy of it under ``issued``.

    A broker's certificate serves as a server's alone and names its hosts, all others as clients' alone. Nothing is
    valid for longer than the authority itself.

    Raises:
        ProvisioningError: a broker without a host, a host of one that is no broker, or the authority has expired.
    """
    credentials.check_hosts(member, hosts)
    until = min(now + dt.timedelta(days=days), authority.certificate.not_valid_after_utc)
    if until <= now:
        raise ProvisioningError(f"{authority.folder}: the authority has expired: make a new one in another folder")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if member.role is Role.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(credentials.subject(member), authority.certificate.subject, public_key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False, encrypts=isinstance(public_key, rsa.RSAPublicKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if hosts:
        builder = builder.add_extension(credentials.alternative_names(hosts), critical=False)
    certificate = builder.sign(authority.key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write(authority.folder / ISSUED / f"{member.name}-{certificate.serial_number:x}.crt", pem)
    return pem


def revoke(authority: Authority, certificate: x509.Certificate, now: dt.datetime) -> bool:
    """Add a certificate to the revocation list; False where it stands there already.

    Raises:
        ProvisioningError: it is not this authority's, or the list is damaged.
    """
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise ProvisioningError(f"{authority.folder} has not issued it: ask the authority that has") from error
    path = authority.folder / REVOKED
    try:
        known = x509.load_pem_x509_crl(read(path))
    except ValueError as error:
        raise ProvisioningError(f"{path}: is no revocation list in PEM form: restore it from a copy") from error
    if known.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        return False
    entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now).build()
    write(path, _list(authority, [*known, entry], now), replace=True)
    return True


def _list(authority: Authority, revoked: Sequence[x509.RevokedCertificate], now: dt.datetime) -> bytes:
    # Valid as long as the authority: an expired list makes a broker turn everybody away.
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    for entry in revoked:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _builder(
    whose: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    now: dt.datetime,
    until: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs: bool, encrypts: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
