"""Everybody who can take part in a line link, for property tests."""

from hypothesis import strategies as st

from deploy.provisioning.names import REACH, Member, Role
from edge.core.wire import NAME_PATTERN

PART = st.from_regex(NAME_PATTERN, fullmatch=True)
MEMBERS = st.sampled_from(Role).flatmap(
    lambda role: st.sampled_from(REACH[role]).flatmap(
        lambda reach: st.tuples(*[PART] * reach).map(lambda parts: Member(role=role, reach=parts))
    )
)
