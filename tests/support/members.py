"""Everybody who can take part in a line link, for property tests."""

from hypothesis import strategies as st

from deploy.provisioning.names import REACH, Member, Role

PART = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
MEMBERS = st.sampled_from([(role, reach) for role in Role for reach in REACH[role]]).flatmap(
    lambda kind: st.tuples(*[PART] * kind[1]).map(lambda parts: Member(role=kind[0], reach=parts))
)
