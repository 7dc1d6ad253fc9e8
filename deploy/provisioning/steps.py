"""The steps of provisioning, from folder to folder: each checks first, and writes only what is whole."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.provisioning import authority as authorities
from deploy.provisioning import credentials, mosquitto
from deploy.provisioning.authority import Authority
from deploy.provisioning.checks import check_broker, decode_certificates
from deploy.provisioning.credentials import KeyKind
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.files import check_readable, known_account, make_private_folder, read, write
from deploy.provisioning.names import Member, Role
from edge.line.certificate import common_name

AUTHORITY_COPY: Final = "authority.crt"
BROKER_CONFIGURATION: Final = "mosquitto.conf"
ACCESS_LIST: Final = "access.acl"
_ACCOUNTS: Final = {Role.STATION: "linegate", Role.BROKER: "mosquitto"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Files that a step wrote, and whether the private key was there before and was kept."""

    key: Path | None = None
    request: Path | None = None
    certificate: Path | None = None
    authority: Path | None = None
    kept_key: bool = False


def account_for(member: Member) -> str | None:
    """Return the account whose process reads a member's private key; None: nobody's but who runs this."""
    name = _ACCOUNTS.get(member.role)
    return None if name is None else known_account(name)


def request(
    member: Member, folder: Path, *, hosts: Sequence[str], kind: KeyKind, owner: str | None, replace: bool
) -> Written:
    """Write a member's private key and its signing request.

    A key that is there is used again, so that the present certificate goes on working until the new one is put in its
    place; ``replace`` makes a new one.

    Raises:
        ProvisioningError: nothing was written, or the key alone.
    """
    credentials.check_hosts(member, hosts)
    path = folder / f"{member.name}.key"
    key, kept = _key(path, kind, owner=owner, replace=replace)
    asked = folder / f"{member.name}.csr"
    write(asked, credentials.new_request(key, member, hosts), replace=True)
    return Written(key=path, request=asked, kept_key=kept)


def sign(authority: Authority, path: Path, folder: Path, *, days: int, replace: bool, now: dt.datetime) -> Written:
    """Vouch for a signing request: write its certificate, and a copy of the authority's, into ``folder``.

    Raises:
        ProvisioningError: nothing was written.
    """
    try:
        asked = credentials.decode_request(read(path))
    except ProvisioningError as error:
        raise ProvisioningError(f"{path}: {error}") from error
    target = folder / f"{asked.member.name}.crt"
    _refuse_existing(target, replace=replace)
    _refuse_another(authority, folder)
    pem = authorities.issue(authority, asked.member, asked.public_key, hosts=asked.hosts, days=days, now=now)
    return Written(certificate=target, authority=_deliver(authority, target, pem))


def issue(
    authority: Authority,
    member: Member,
    folder: Path,
    *,
    hosts: Sequence[str],
    kind: KeyKind,
    days: int,
    owner: str | None,
    replace: bool,
    now: dt.datetime,
) -> Written:
    """Make key and certificate of a member at once, for one that cannot make its own request.

    A key that is there is used again, unless ``replace`` says otherwise; so is done to renew a certificate.

    Raises:
        ProvisioningError: nothing was written, or the key alone.
    """
    credentials.check_hosts(member, hosts)
    path, target = folder / f"{member.name}.key", folder / f"{member.name}.crt"
    _refuse_existing(target, replace=replace)
    _refuse_another(authority, folder)
    key, kept = _key(path, kind, owner=owner, replace=replace)
    pem = authorities.issue(authority, member, key.public_key(), hosts=hosts, days=days, now=now)
    return Written(key=path, certificate=target, authority=_deliver(authority, target, pem), kept_key=kept)


def revoke(authority: Authority, path: Path, now: dt.datetime) -> tuple[str, bool]:
    """Revoke a certificate file; return whose it is, and whether it was not revoked before.

    Raises:
        ProvisioningError: it is not this authority's.
    """
    certificate = decode_certificates(read(path), str(path))[0]
    try:
        new = authorities.revoke(authority, certificate, now)
    except ProvisioningError as error:
        raise ProvisioningError(f"{path}: {error}") from error
    return common_name(certificate.subject), new


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPlan:
    """What a broker is to be: its files, where it listens, where its database lies, and as whom it runs."""

    certificate: Path
    key: Path
    authority: Path
    revoked: Path | None
    port: int
    address: str | None
    data: Path
    account: str


def broker(plan: BrokerPlan, members: Sequence[Member], folder: Path, *, replace: bool, now: dt.datetime) -> Path:
    """Write mosquitto's configuration and access list, and return the configuration's path.

    Raises:
        ProvisioningError: certificate, key, authority and list do not go together, the database's folder is another
            account's, or nothing may be overwritten.
    """
    revoked = None if plan.revoked is None else read(plan.revoked)
    check_broker(read(plan.certificate), read(plan.key), read(plan.authority), revoked, now)
    check_readable(plan.key, plan.account)
    files = mosquitto.BrokerFiles(
        authority=plan.authority.resolve(),
        certificate=plan.certificate.resolve(),
        key=plan.key.resolve(),
        access=(folder / ACCESS_LIST).resolve(),
        revoked=None if plan.revoked is None else plan.revoked.resolve(),
    )
    text = mosquitto.configuration(
        files, port=plan.port, address=plan.address, data=plan.data.resolve(), account=plan.account
    )
    access = mosquitto.access_list(members)
    target = folder / BROKER_CONFIGURATION
    for path in (target, folder / ACCESS_LIST):
        _refuse_existing(path, replace=replace)
    make_private_folder(plan.data, plan.account)
    write(folder / ACCESS_LIST, access.encode(), replace=replace)
    write(target, text.encode(), replace=replace)
    return target


def change_access(path: Path, *, add: Sequence[Member], remove: Sequence[Member]) -> tuple[Member, ...]:
    """Add members to an access list and remove others; return who stands in it now.

    Raises:
        ProvisioningError: it is not a list of linegate's, or who is to be removed does not stand in it.
    """
    try:
        present = mosquitto.members_of(read(path).decode("utf-8", "replace"))
    except ProvisioningError as error:
        raise ProvisioningError(f"{path} {error}") from error
    strangers = [member.name for member in remove if member not in present]
    if strangers:
        raise ProvisioningError(f"{path}: does not name {', '.join(strangers)}, so nothing was removed")
    members = tuple(dict.fromkeys(member for member in (*present, *add) if member not in remove))
    if members != present:
        write(path, mosquitto.access_list(members).encode(), replace=True)
    return members


def _key(path: Path, kind: KeyKind, *, owner: str | None, replace: bool) -> tuple[credentials.PrivateKey, bool]:
    if path.exists() and not replace:
        try:
            return credentials.decode_key(read(path)), True
        except ProvisioningError as error:
            raise ProvisioningError(f"{path}: {error}; --replace makes a new key") from error
    key = credentials.new_key(kind)
    write(path, credentials.encode_key(key), private=True, owner=owner, replace=replace)
    return key, False


def _deliver(authority: Authority, target: Path, pem: bytes) -> Path:
    write(target, pem, replace=True)
    copy = target.with_name(AUTHORITY_COPY)
    if not copy.exists():
        write(copy, authority.pem)
    return copy


def _refuse_another(authority: Authority, folder: Path) -> None:
    copy = folder / AUTHORITY_COPY
    if copy.exists() and read(copy) != authority.pem:
        raise ProvisioningError(f"{copy} is another authority's: choose another folder, or remove it")


def _refuse_existing(path: Path, *, replace: bool) -> None:
    if path.exists() and not replace:
        raise ProvisioningError(f"{path} exists and is left as it is: say --replace, or choose another place")
