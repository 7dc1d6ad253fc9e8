"""What a file of keys and certificates holds, for people."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from deploy.provisioning import credentials
from deploy.provisioning.checks import decode_certificates
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.files import read
from deploy.provisioning.names import parse_member
from edge.line.certificate import common_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a file holds: a certificate or a request, whose, by whom issued and how long valid (None for a request)."""

    file: str
    kind: str
    name: str
    role: str | None
    hosts: tuple[str, ...]
    issuer: str | None
    begins: dt.datetime | None
    ends: dt.datetime | None


def describe(path: Path) -> list[Described]:
    """Tell what stands in a file of certificates or in a signing request.

    Raises:
        ProvisioningError: it holds neither.
    """
    data = read(path)
    if b"CERTIFICATE REQUEST" in data:
        try:
            asked = credentials.decode_request(data)
        except ProvisioningError as error:
            raise ProvisioningError(f"{path}: {error}") from error
        return [
            Described(
                file=str(path),
                kind="request",
                name=asked.member.name,
                role=asked.member.role.value,
                hosts=asked.hosts,
                issuer=None,
                begins=None,
                ends=None,
            )
        ]
    return [_described(path, certificate) for certificate in decode_certificates(data, str(path))]


def _described(path: Path, certificate: x509.Certificate) -> Described:
    name = common_name(certificate.subject)
    try:
        role: str | None = parse_member(name).role.value
    except ProvisioningError:
        role = None
    return Described(
        file=str(path),
        kind="certificate",
        name=name,
        role=role,
        hosts=credentials.hosts_of(certificate.extensions),
        issuer=common_name(certificate.issuer),
        begins=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
    )
