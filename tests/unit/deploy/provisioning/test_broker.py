"""What a broker is given is checked before it is written down."""

import datetime as dt
import getpass
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from deploy.provisioning import authority as authorities
from deploy.provisioning import steps
from deploy.provisioning.authority import Authority
from deploy.provisioning.credentials import KeyKind
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.names import parse_member

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MES, SCADA = parse_member("mes.plant1"), parse_member("scada.plant1")


@pytest.fixture
def authority(tmp_path) -> Authority:
    return authorities.create(tmp_path / "authority", name="Plant 1", days=3650, password=None, now=NOW)


@pytest.fixture
def plan(authority, tmp_path) -> steps.BrokerPlan:
    certificate = issue(authority, tmp_path / "broker", "broker.plant1", ("broker.lan",))
    return steps.BrokerPlan(
        certificate=certificate,
        key=certificate.with_suffix(".key"),
        authority=certificate.with_name("authority.crt"),
        revoked=authority.folder / authorities.REVOKED,
        port=8883,
        address=None,
        data=tmp_path / "data",
        account=getpass.getuser(),
    )


def issue(authority: Authority, folder: Path, name: str, hosts=(), *, days: int = 100) -> Path:
    made = steps.issue(
        authority,
        parse_member(name),
        folder,
        hosts=hosts,
        kind=KeyKind.EC,
        days=days,
        owner=None,
        replace=False,
        now=NOW,
    )
    return made.certificate


def write(plan: steps.BrokerPlan, folder: Path, *, now: dt.datetime = NOW, again: bool = False) -> Path:
    return steps.broker(plan, [MES], folder, replace=again, now=now)


def test_paths_in_the_configuration_are_absolute(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = replace(plan, certificate=Path("broker/broker.plant1.crt"), data=Path("data"))
    text = write(relative, Path("conf")).read_text()
    assert f"certfile {tmp_path}/broker/broker.plant1.crt\n" in text
    assert f"acl_file {tmp_path}/conf/access.acl\n" in text
    assert f"persistence_location {tmp_path}/data\n" in text


def test_the_folder_of_the_database_is_made_for_the_broker_alone(plan, tmp_path):
    write(plan, tmp_path / "conf")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_nothing_is_overwritten_unasked(plan, tmp_path):
    path = write(plan, tmp_path / "conf")
    with pytest.raises(ProvisioningError, match="say --replace"):
        write(plan, tmp_path / "conf")
    path.unlink()
    with pytest.raises(ProvisioningError, match=r"access\.acl exists"):
        write(plan, tmp_path / "conf")
    assert not path.exists()
    assert write(plan, tmp_path / "conf", again=True) == path


def test_a_certificate_that_is_not_its_keys_is_refused(authority, plan, tmp_path):
    other = issue(authority, tmp_path / "other", "broker.plant1", ("x",))
    with pytest.raises(ProvisioningError, match="--cert and --key are no pair"):
        write(replace(plan, key=other.with_suffix(".key")), tmp_path / "conf")
    assert not (tmp_path / "conf").exists()


def test_a_clients_certificate_is_refused(authority, plan, tmp_path):
    client = issue(authority, tmp_path / "client", "mes.plant1")
    with pytest.raises(ProvisioningError, match="--cert is no server's"):
        write(replace(plan, certificate=client, key=client.with_suffix(".key")), tmp_path / "conf")


def test_a_certificate_of_another_authority_is_refused(plan, tmp_path):
    other = authorities.create(tmp_path / "second", name="Second", days=100, password=None, now=NOW)
    theirs = issue(other, tmp_path / "theirs", "broker.plant1", ("x",))
    with pytest.raises(ProvisioningError, match="was not issued by --ca"):
        write(replace(plan, certificate=theirs, key=theirs.with_suffix(".key")), tmp_path / "conf")
    with pytest.raises(ProvisioningError, match="--crl was not issued by --ca"):
        write(replace(plan, revoked=other.folder / authorities.REVOKED), tmp_path / "conf")


def test_a_certificate_that_is_not_valid_now_is_refused(plan, tmp_path):
    for now in (NOW + 101 * DAY, NOW - 2 * DAY):
        with pytest.raises(ProvisioningError, match="--cert is not valid now but from 2026-11-20 to 2027-03-01"):
            write(plan, tmp_path / "conf", now=now)


def test_a_revocation_list_that_has_ended_is_refused(authority, plan, tmp_path):
    """A broker with such a list turns everybody away."""
    young = authorities.create(tmp_path / "young", name="Young", days=10, password=None, now=NOW)
    both = tmp_path / "both.crt"
    both.write_bytes(authority.pem + young.pem)
    ended = replace(plan, authority=both, revoked=young.folder / authorities.REVOKED)
    with pytest.raises(ProvisioningError, match="--crl has expired on 2026-12-01"):
        write(ended, tmp_path / "conf", now=NOW + 11 * DAY)


@pytest.mark.parametrize(("part", "why"), [("certificate", "--cert"), ("authority", "--ca"), ("revoked", "--crl")])
def test_nonsense_is_named_by_its_option(plan, tmp_path, part, why):
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    with pytest.raises(ProvisioningError, match=why):
        write(replace(plan, **{part: nonsense}), tmp_path / "conf")


def test_a_missing_file_is_named(plan, tmp_path):
    plan.key.unlink()
    with pytest.raises(ProvisioningError, match=r"broker\.plant1\.key: cannot be read \(No such file"):
        write(plan, tmp_path / "conf")


def test_a_chain_from_broker_to_authority_is_followed_to_its_end(authority, plan, tmp_path):
    root = authorities.create(tmp_path / "root", name="Root", days=100, password=None, now=NOW)
    between = (
        x509.CertificateBuilder()
        .subject_name(authority.certificate.subject)
        .issuer_name(root.certificate.subject)
        .public_key(authority.key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root.key, hashes.SHA256())
    )
    chain, top = tmp_path / "chain.crt", tmp_path / "root.crt"
    top.write_bytes(root.pem)
    chained = replace(plan, certificate=chain, authority=top, revoked=None)
    chain.write_bytes(plan.certificate.read_bytes() + authority.pem)
    with pytest.raises(ProvisioningError, match="was not issued by --ca"):
        write(chained, tmp_path / "conf")
    chain.write_bytes(plan.certificate.read_bytes() + between.public_bytes(serialization.Encoding.PEM))
    assert write(chained, tmp_path / "conf").exists()


def test_members_come_and_go(plan, tmp_path):
    write(plan, tmp_path / "conf")
    path = tmp_path / "conf" / steps.ACCESS_LIST
    assert steps.change_access(path, add=[SCADA, MES], remove=[]) == (MES, SCADA)
    assert steps.change_access(path, add=[], remove=[MES]) == (SCADA,)
    with pytest.raises(ProvisioningError, match=r"does not name mes\.plant1, so nothing was removed"):
        steps.change_access(path, add=[], remove=[MES])
    shutil.copy(path, tmp_path / "kept")
    assert steps.change_access(path, add=[], remove=[]) == (SCADA,)
    assert path.read_text() == (tmp_path / "kept").read_text()


def test_a_list_that_was_edited_by_hand_is_left_alone(plan, tmp_path):
    write(plan, tmp_path / "conf")
    path = tmp_path / "conf" / steps.ACCESS_LIST
    edited = path.read_text() + "topic read #\n"
    path.write_text(edited)
    with pytest.raises(ProvisioningError, match="was edited by hand"):
        steps.change_access(path, add=[SCADA], remove=[])
    assert path.read_text() == edited
