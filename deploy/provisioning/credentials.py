"""Private keys, signing requests and what is read back from them, in PEM form (PKCS #8, PKCS #10, X.509)."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.names import Member, Role, parse_member
from edge.line.certificate import common_name

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
RSA_BITS: Final = 3072
SMALLEST_RSA: Final = 2048
SMALLEST_CURVE: Final = 256
_WEAK: Final = f"the key must be RSA of {SMALLEST_RSA} bits or more, or of a curve like P-256"


class KeyKind(StrEnum):
    """Which kind of private key is made."""

    EC = "ec"
    """P-256: small and quick."""
    RSA = "rsa"
    """3072 bits: for controllers that know no elliptic curves."""


def new_key(kind: KeyKind) -> PrivateKey:
    """Return a new private key."""
    if kind is KeyKind.EC:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def encode_key(key: PrivateKey, password: bytes | None = None) -> bytes:
    """Return a key as PKCS #8, encrypted where a password is given."""
    encryption: serialization.KeySerializationEncryption = (
        serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def decode_key(data: bytes, password: bytes | None = None) -> PrivateKey:
    """Read a private key.

    Raises:
        ProvisioningError: it is none, of an unknown or weak kind, or its password is missing, wrong or needless.
    """
    try:
        key = serialization.load_pem_private_key(data, password)
    except TypeError as error:
        advice = "give its password with --password-file" if password is None else "leave --password-file out"
        raise ProvisioningError(f"{error}: {advice}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        reason = "the password is wrong, or this" if password is not None else "this"
        raise ProvisioningError(f"{reason} is no private key in PEM form") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ProvisioningError(_WEAK)
    _strong(key.public_key())
    return key


def subject(member: Member) -> x509.Name:
    """Return the subject of a member's certificate: its name as the only common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, member.name)])


def new_request(key: PrivateKey, member: Member, hosts: Sequence[str]) -> bytes:
    """Return a signing request (PKCS #10) for a member; ``hosts`` are the names and addresses of a broker.

    Raises:
        ProvisioningError: a host is neither a name nor an address.
    """
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(member))
    if hosts:
        builder = builder.add_extension(alternative_names(hosts), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A signing request: who asks, with which key, and for a broker its host names and addresses."""

    member: Member
    public_key: PublicKey
    hosts: tuple[str, ...]


def decode_request(data: bytes) -> Request:
    """Read a signing request and check that who made it holds the key.

    Raises:
        ProvisioningError: it is none, its signature does not fit, its key is weak or its name no member's.
    """
    try:
        request = x509.load_pem_x509_csr(data)
        valid = request.is_signature_valid
        extensions = request.extensions
        public_key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ProvisioningError("this is no signing request in PEM form, or a damaged one") from error
    if not valid:
        raise ProvisioningError("the request is not signed with its own key: it was changed on its way")
    return Request(member=member_of(request.subject), public_key=_strong(public_key), hosts=hosts_of(extensions))


def member_of(name: x509.Name) -> Member:
    """Return the member that a subject names.

    Raises:
        ProvisioningError: it holds not exactly one common name, or one that names no member.
    """
    if len(name.get_attributes_for_oid(NameOID.COMMON_NAME)) != 1:
        raise ProvisioningError(f"its subject {name.rfc4514_string()!r:.80} holds not exactly one common name")
    return parse_member(common_name(name))


def check_hosts(member: Member, hosts: Sequence[str]) -> None:
    """Check that a broker names its hosts, and nobody else any.

    Raises:
        ProvisioningError: says what to give or to leave out.
    """
    if (member.role is Role.BROKER) != bool(hosts):
        text = "leave --host out" if hosts else "say by which --host names or addresses the broker is dialled"
        raise ProvisioningError(f"{member.name}: {text}")
    alternative_names(hosts)


def alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    """Return the names by which a broker is dialled.

    Raises:
        ProvisioningError: a host is neither a name nor an address.
    """
    return x509.SubjectAlternativeName([_general_name(host) for host in hosts])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.split(".")
    plain = host.isascii() and all(
        label and label.replace("-", "").isalnum() and not label.startswith("-") for label in labels
    )
    plain = plain and not labels[-1].isdigit()  # else it is a misspelt address
    if not plain:
        raise ProvisioningError(f"--host {host!r:.80}: give a host name such as broker.plant.lan, or an IP address")
    return x509.DNSName(host)


def hosts_of(extensions: x509.Extensions) -> tuple[str, ...]:
    """Return the host names and addresses that a request or certificate holds."""
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def _strong(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= SMALLEST_CURVE:
        return key
    raise ProvisioningError(_WEAK)
