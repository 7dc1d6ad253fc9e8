"""What mosquitto is told: nothing weaker than promised, and an access list that can be read back."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.mosquitto import BrokerFiles, access_list, configuration, members_of
from deploy.provisioning.names import Role, parse_member
from tests.support.members import MEMBERS

FILES = BrokerFiles(
    authority=Path("/etc/m/authority.crt"),
    certificate=Path("/etc/m/broker.crt"),
    key=Path("/etc/m/broker.key"),
    access=Path("/etc/m/access.acl"),
    revoked=Path("/etc/m/revoked.crl"),
)


def lines(files: BrokerFiles = FILES, **changes) -> list[str]:
    usual = {"port": 8883, "address": None, "data": Path("/var/lib/mosquitto"), "account": "mosquitto"}
    return configuration(files, **(usual | changes)).splitlines()


def test_it_holds_what_the_line_contract_asks_of_a_broker():
    assert {
        "allow_anonymous false",
        "require_certificate true",
        "use_identity_as_username true",
        "acl_file /etc/m/access.acl",
        "crlfile /etc/m/revoked.crl",
        "tls_version tlsv1.2",
        "set_tcp_nodelay true",
        "persistence true",
        "autosave_on_changes true",
        "autosave_interval 1",
    } <= set(lines())


def test_there_is_one_listener_and_nothing_before_it_that_belongs_to_it():
    written = lines(address="10.0.0.5")
    assert [line for line in written if line.startswith("listener")] == ["listener 8883 10.0.0.5"]
    place = written.index("listener 8883 10.0.0.5")
    for option in ("cafile", "certfile", "keyfile", "require_certificate", "use_identity_as_username"):
        assert next(index for index, line in enumerate(written) if line.startswith(option)) > place


def test_without_a_list_nothing_is_said_of_one():
    files = BrokerFiles(
        authority=FILES.authority, certificate=FILES.certificate, key=FILES.key, access=FILES.access, revoked=None
    )
    assert not [line for line in lines(files) if line.startswith("crlfile")]


@pytest.mark.parametrize("path", ["/etc/m/a\nallow_anonymous true", "/etc/m/a ", "/etc/\x1b"])
def test_a_path_cannot_add_a_line(path):
    files = BrokerFiles(
        authority=Path(path), certificate=FILES.certificate, key=FILES.key, access=FILES.access, revoked=None
    )
    with pytest.raises(ProvisioningError, match="choose a plainer path"):
        lines(files)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(MEMBERS, max_size=6))
def test_an_access_list_is_read_back_as_it_was_written(drawn):
    members = [member for member in drawn if member.role is not Role.BROKER]
    known = tuple(dict.fromkeys(members))
    assert members_of(access_list(members)) == known


def test_a_broker_has_no_rights():
    with pytest.raises(ProvisioningError, match="no user of one"):
        access_list([parse_member("broker.plant1")])


def test_nobody_is_named_beyond_the_users():
    text = access_list([parse_member("scada.plant1")])
    assert [line for line in text.splitlines() if "write" in line and not line.startswith("#")] == []
    assert "pattern" not in text
    assert text.splitlines()[2] == "user scada.plant1", "rights before the first user would be everybody's"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "topic readwrite #\n",
        lambda text: text.replace("topic read ", "topic readwrite ", 1),
        lambda text: text.replace("user mes.plant1", "user mes"),
        lambda text: "",
    ],
)
def test_one_that_was_edited_is_told_so_and_not_overwritten(change):
    text = access_list([parse_member("mes.plant1"), parse_member("scada.plant1")])
    with pytest.raises(ProvisioningError, match="is not an access list of linegate's"):
        members_of(change(text))
