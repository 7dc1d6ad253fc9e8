"""Who takes part in a line link: the name in a certificate is the broker's user, its role and its reach.

``ROLE.SITE[.LINE[.STATION]]``, for example ``station.plant1.line3.st07`` or ``mes.plant1``: what is left out means all
of them. Lower-case words without dots, so that a name says one thing only; at most 46 of the 64 characters that an
X.509 common name may have (RFC 5280, appendix A.1).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from deploy.provisioning.errors import ProvisioningError
from edge.core.wire import NAME_PATTERN

SITE, LINE, STATION = 1, 2, 3


class Role(StrEnum):
    """What a certificate is for."""

    STATION = "station"
    PLC = "plc"
    MES = "mes"
    SCADA = "scada"
    BROKER = "broker"


REACH: Final = {
    Role.STATION: (STATION,),
    Role.PLC: (LINE, STATION),
    Role.MES: (SITE, LINE, STATION),
    Role.SCADA: (SITE, LINE, STATION),
    Role.BROKER: (SITE, LINE, STATION),
}
"""How many of site, line and station the name of each role may give."""

_ADVICE: Final = (
    "write station.SITE.LINE.NAME, plc.SITE.LINE[.NAME], mes.SITE[.LINE[.NAME]], scada.SITE[.LINE[.NAME]] or "
    "broker.SITE[.LINE[.NAME]], each part 1 to 12 of a-z, 0-9 and '-'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One taker of part; ``reach`` is its site, line and station, as far as the name gives them."""

    role: Role
    reach: tuple[str, ...]

    @property
    def name(self) -> str:
        """The certificate's common name, which is the broker's user."""
        return ".".join((self.role.value, *self.reach))

    @property
    def topics(self) -> str:
        """What the topics begin with that it may touch: a topic filter with ``+`` for what the name leaves out."""
        return "/".join(("linegate", "v1", *self.reach, *("+" * (STATION - len(self.reach)))))


def parse_member(name: str) -> Member:
    """Take a certificate's name apart.

    Raises:
        ProvisioningError: it is none of the forms that a line link knows.
    """
    first, *reach = name.split(".")
    role = next((role for role in Role if role.value == first), None)
    if role is None or len(reach) not in REACH[role] or not all(re.fullmatch(NAME_PATTERN, part) for part in reach):
        raise ProvisioningError(f"{name!r:.80} names no taker of part: {_ADVICE}")
    return Member(role=role, reach=tuple(reach))


def station_member(site: str, line: str, station: str) -> Member:
    """Return the member that a station is.

    Raises:
        ProvisioningError: a name does not match ``[a-z0-9-]{1,12}``.
    """
    return parse_member(f"{Role.STATION}.{site}.{line}.{station}")
