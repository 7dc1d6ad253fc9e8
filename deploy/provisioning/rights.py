"""Who may say and hear what on the line: the topic table of docs/line-contract.md as rights of each role. Pure.

Writing follows the table's direction to the letter. Reading is wider where it cannot harm: an MES or a SCADA system may
look at what the station tells the PLC, and a station at what itself tells (``linegate status`` runs under its name).
"""

from dataclasses import dataclass
from typing import Final

from deploy.provisioning.names import Member, Role
from edge.core import wire

ALARMS: Final = "alarm/+"
_PEOPLE: Final = frozenset({Role.MES, Role.SCADA})
_ALL: Final = _PEOPLE | {Role.STATION, Role.PLC}
_STATION: Final = frozenset({Role.STATION})
_PLC: Final = frozenset({Role.PLC})
_MES: Final = frozenset({Role.MES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One topic below the base, the roles that may publish on it and those to which it may be delivered."""

    topic: str
    write: frozenset[Role]
    read: frozenset[Role]


RIGHTS: Final = (
    Right(topic=wire.TRIGGER, write=_PLC, read=_STATION),
    Right(topic=wire.RESULT, write=_STATION, read=_PLC | _PEOPLE),
    Right(topic=wire.ACK, write=_PLC, read=_STATION),
    Right(topic=wire.HEARTBEAT, write=_STATION, read=_ALL),
    Right(topic=wire.AUTO, write=_STATION, read=_ALL - _STATION),
    Right(topic=wire.STATE, write=_STATION, read=_ALL),
    Right(topic=ALARMS, write=_STATION, read=_ALL),
    Right(topic=wire.HISTORY, write=_STATION, read=_MES),
    Right(topic=wire.TEST, write=_MES, read=_STATION),
    Right(topic=wire.TEST_RESULT, write=_STATION, read=_MES),
    Right(topic=wire.TRUTH, write=_MES, read=_STATION),
)
"""In the order of the contract's table. What stands nowhere here is forbidden."""


def rights_of(member: Member) -> tuple[tuple[str, str], ...]:
    """Return what a member may do: pairs of ``read``, ``write`` or ``readwrite`` and a complete topic filter."""
    granted = []
    for right in RIGHTS:
        may_read, may_write = member.role in right.read, member.role in right.write
        if may_read or may_write:
            access = "readwrite" if may_read and may_write else "write" if may_write else "read"
            granted.append((access, f"{member.topics}/{right.topic}"))
    return tuple(granted)
