"""What mosquitto is told: its configuration and its access list, as texts. Pure.

One listener, TLS with a client certificate for everybody; the certificate's name is the user; nobody is anonymous; a
user has the rights that stand in the access list and no others. Retained messages and what is queued for an MES are
saved after every change; of a broker that is killed, mosquitto may still lose the last one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.names import Member, Role, parse_member
from deploy.provisioning.rights import rights_of

_HEAD: Final = "# Written by 'linegate provision {verb}'; do not edit, run it again instead."
_USER: Final = "user "


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFiles:
    """Absolute paths of what the broker reads; ``revoked`` is a certificate revocation list, None for none."""

    authority: Path
    certificate: Path
    key: Path
    access: Path
    revoked: Path | None


def configuration(files: BrokerFiles, *, port: int, address: str | None, data: Path, account: str) -> str:
    """Return a whole ``mosquitto.conf`` (2.0 or newer).

    Args:
        files: what it reads.
        port: TCP port of the only listener.
        address: the address that it listens on; None: all.
        data: the folder of its database.
        account: the system account that it becomes when started as root.

    Raises:
        ProvisioningError: a path cannot stand in a line of the file.
    """
    listener = f"listener {port}" if address is None else f"listener {port} {address}"
    revoked = () if files.revoked is None else (f"crlfile {_line(files.revoked)}",)
    return _text(
        _HEAD.format(verb="broker"),
        f"user {account}",
        "log_dest stderr",
        *(f"log_type {kind}" for kind in ("error", "warning", "notice")),
        "",
        "# Nobody without a certificate, nothing beyond the access list.",
        "allow_anonymous false",
        f"acl_file {_line(files.access)}",
        "",
        "# Retained messages outlive a power cut: saved after every change, not every half hour.",
        "persistence true",
        f"persistence_location {_line(data)}",
        "autosave_on_changes true",
        "autosave_interval 1",
        "persistent_client_expiration 14d",
        "",
        "# Without it a result waits up to 44 ms for the acknowledgement of the packet before it.",
        "set_tcp_nodelay true",
        "max_inflight_messages 20",
        "max_queued_messages 10000",
        "max_queued_bytes 20000000",
        "max_packet_size 65536",
        "",
        listener,
        f"cafile {_line(files.authority)}",
        f"certfile {_line(files.certificate)}",
        f"keyfile {_line(files.key)}",
        *revoked,
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
    )


def access_list(members: Iterable[Member]) -> str:
    """Return mosquitto's access list for these members, each once.

    Raises:
        ProvisioningError: one is a broker, which needs no rights.
    """
    lines = [_HEAD.format(verb="broker' or 'linegate provision access")]
    for member in dict.fromkeys(members):
        if member.role is Role.BROKER:
            raise ProvisioningError(f"{member.name} is a broker, no user of one: name stations, PLCs, MES and SCADA")
        lines += ["", f"{_USER}{member.name}"]
        lines += [f"topic {access} {topics}" for access, topics in rights_of(member)]
    return _text(*lines)


def members_of(text: str) -> tuple[Member, ...]:
    """Return the members of an access list that :func:`access_list` has written.

    Raises:
        ProvisioningError: it is not one, or was edited since.
    """
    names: Sequence[str] = [line.removeprefix(_USER) for line in text.splitlines() if line.startswith(_USER)]
    try:
        members = tuple(parse_member(name) for name in names)
    except ProvisioningError as error:
        raise ProvisioningError(f"is not an access list of linegate's: {error}") from error
    if access_list(members) != text:
        raise ProvisioningError(
            "is not an access list of linegate's, or was edited by hand: what was added would be lost; "
            "keep it elsewhere, and write the list anew with 'linegate provision broker --replace'"
        )
    return members


def _line(path: Path) -> str:
    text = str(path)
    if not text.isprintable() or text != text.strip():
        raise ProvisioningError(f"{text!r} cannot stand in mosquitto's configuration: choose a plainer path")
    return text


def _text(*lines: str) -> str:
    return "\n".join((*lines, ""))
