"""Keys, requests and certificates from folder to folder: checked first, written whole, nothing replaced unasked."""

import datetime as dt
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.provisioning import authority as authorities
from deploy.provisioning import credentials, steps
from deploy.provisioning.authority import Authority
from deploy.provisioning.credentials import KeyKind
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.names import parse_member

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
STATION = parse_member("station.plant1.line3.st07")
BROKER = parse_member("broker.plant1")


@pytest.fixture
def authority(tmp_path) -> Authority:
    return authorities.create(tmp_path / "authority", name="Plant 1", days=3650, password=None, now=NOW)


def ask(folder: Path, member=STATION, *, hosts=(), kind=KeyKind.EC, replace=False) -> steps.Written:
    return steps.request(member, folder, hosts=hosts, kind=kind, owner=None, replace=replace)


def issued(authority: Authority, folder: Path, member=STATION, *, hosts=(), days=825, now=NOW) -> x509.Certificate:
    made = steps.issue(
        authority, member, folder, hosts=hosts, kind=KeyKind.EC, days=days, owner=None, replace=True, now=now
    )
    return x509.load_pem_x509_certificate(made.certificate.read_bytes())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_request_becomes_a_certificate_of_that_name_and_key(authority, tmp_path):
    asked = ask(tmp_path / "st07")
    made = steps.sign(authority, asked.request, tmp_path / "st07", days=825, replace=False, now=NOW)
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    key = credentials.decode_key(asked.key.read_bytes())
    assert credentials.member_of(certificate.subject) == STATION
    assert certificate.public_key() == key.public_key()
    assert made.authority.read_bytes() == authority.pem
    certificate.verify_directly_issued_by(authority.certificate)


def test_private_keys_are_their_owners_alone(authority, tmp_path):
    asked = ask(tmp_path / "st07")
    assert mode(asked.key) == mode(authority.folder / authorities.KEY) == 0o600
    assert mode(asked.request) == 0o644


def test_clients_and_servers_are_not_taken_for_each_other(authority, tmp_path):
    client = issued(authority, tmp_path / "a")
    server = issued(authority, tmp_path / "b", BROKER, hosts=("broker.lan", "10.0.0.5", "fd00::1"))
    usage = [one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value for one in (client, server)]
    assert [list(one) for one in usage] == [[ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.SERVER_AUTH]]
    assert credentials.hosts_of(server.extensions) == ("broker.lan", "10.0.0.5", "fd00::1")
    for one in (client, server):
        assert one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_certificate_begins_a_day_ago_and_ends_with_its_authority_at_the_latest(authority, tmp_path):
    short = issued(authority, tmp_path, days=30)
    assert (short.not_valid_before_utc, short.not_valid_after_utc) == (NOW - DAY, NOW + 30 * DAY)
    long = issued(authority, tmp_path, days=36_500)
    assert long.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_an_expired_authority_vouches_for_nobody(authority, tmp_path):
    with pytest.raises(ProvisioningError, match="the authority has expired"):
        issued(authority, tmp_path, now=NOW + 3651 * DAY)


def test_a_key_that_is_there_is_used_again_unless_it_may_go(tmp_path):
    first = ask(tmp_path)
    key = first.key.read_bytes()
    again = ask(tmp_path)
    assert (again.kept_key, again.key.read_bytes()) == (True, key)
    anew = ask(tmp_path, replace=True)
    assert not anew.kept_key
    assert anew.key.read_bytes() != key


def test_a_damaged_key_is_named_and_left_alone(tmp_path):
    path = ask(tmp_path).key
    path.write_text("nonsense")
    with pytest.raises(
        ProvisioningError, match=r"st07\.key: this is no private key in PEM form; --replace makes a new"
    ):
        ask(tmp_path)
    assert path.read_text() == "nonsense"


def test_rsa_is_made_for_those_who_know_nothing_else(tmp_path):
    key = credentials.decode_key(ask(tmp_path, kind=KeyKind.RSA).key.read_bytes())
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072


def test_no_certificate_is_overwritten_unasked(authority, tmp_path):
    asked = ask(tmp_path)
    steps.sign(authority, asked.request, tmp_path, days=825, replace=False, now=NOW)
    before = (tmp_path / f"{STATION.name}.crt").read_bytes()
    with pytest.raises(ProvisioningError, match="exists and is left as it is: say --replace"):
        steps.sign(authority, asked.request, tmp_path, days=825, replace=False, now=NOW)
    with pytest.raises(ProvisioningError, match="exists and is left as it is: say --replace"):
        steps.issue(authority, STATION, tmp_path, hosts=(), kind=KeyKind.EC, days=9, owner=None, replace=False, now=NOW)
    assert (tmp_path / f"{STATION.name}.crt").read_bytes() == before


def test_an_account_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProvisioningError, match="account 'no-such-account': this machine has none of that name"):
        steps.request(STATION, tmp_path, hosts=(), kind=KeyKind.EC, owner="no-such-account", replace=False)
    assert list(tmp_path.iterdir()) == []


def test_two_authorities_are_not_mixed_in_one_folder(authority, tmp_path):
    issued(authority, tmp_path / "st07")
    other = authorities.create(tmp_path / "other", name="Other", days=100, password=None, now=NOW)
    with pytest.raises(ProvisioningError, match="is another authority's"):
        issued(other, tmp_path / "st07")


def test_an_authority_is_made_once(authority):
    before = {path: path.read_bytes() for path in authority.folder.iterdir() if path.is_file()}
    with pytest.raises(ProvisioningError, match="an authority is made once"):
        authorities.create(authority.folder, name="Again", days=1, password=None, now=NOW)
    assert {path: path.read_bytes() for path in before} == before


def test_an_authority_with_a_password_opens_with_it_alone(tmp_path):
    authorities.create(tmp_path, name="Plant", days=9, password=b"secret", now=NOW)
    assert authorities.load(tmp_path, b"secret").folder == tmp_path
    with pytest.raises(ProvisioningError, match="--password-file"):
        authorities.load(tmp_path, None)
    with pytest.raises(ProvisioningError, match="the password is wrong"):
        authorities.load(tmp_path, b"guess")


def test_an_authority_whose_files_do_not_belong_together_is_refused(authority, tmp_path):
    other = authorities.create(tmp_path / "other", name="Other", days=100, password=None, now=NOW)
    (authority.folder / authorities.CERTIFICATE).write_bytes(other.pem)
    with pytest.raises(ProvisioningError, match="are no pair"):
        authorities.load(authority.folder, None)


def test_a_missing_authority_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(ProvisioningError, match=r"nowhere.*cannot be read"):
        authorities.load(tmp_path / "nowhere", None)


def foreign_request(key, *names: str, tamper: bool = False) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    pem = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    data = pem.public_bytes(serialization.Encoding.DER)
    if tamper:
        data = data.replace(names[0].encode(), names[0].encode()[:-1] + b"8")
        pem = x509.load_der_x509_csr(data)
    return pem.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"nonsense", "no signing request in PEM form"),
        (foreign_request(ec.generate_private_key(ec.SECP256R1()), "somebody"), "names no taker of part"),
        (foreign_request(ec.generate_private_key(ec.SECP256R1())), "not exactly one common name"),
        (foreign_request(ec.generate_private_key(ec.SECP256R1()), STATION.name, "x"), "not exactly one common name"),
        (foreign_request(rsa.generate_private_key(65537, 1024), STATION.name), "the key must be RSA of 2048"),
        (foreign_request(ec.generate_private_key(ec.SECP192R1()), STATION.name), "a curve like P-256"),
        (foreign_request(ec.generate_private_key(ec.SECP256R1()), STATION.name, tamper=True), "changed on its way"),
    ],
    ids=["nonsense", "stranger", "nameless", "two names", "weak rsa", "weak curve", "tampered"],
)
def test_a_request_that_cannot_be_vouched_for_is_refused_by_name(authority, tmp_path, data, why):
    path = tmp_path / "asked.csr"
    path.write_bytes(data)
    with pytest.raises(ProvisioningError, match=why) as caught:
        steps.sign(authority, path, tmp_path / "out", days=9, replace=False, now=NOW)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("member", "hosts", "why"),
    [
        (BROKER, (), "say by which --host"),
        (STATION, ("st07.lan",), "leave --host out"),
        (BROKER, ("bad host",), "give a host name"),
        (BROKER, ("300.1.2.3",), "give a host name"),
        (BROKER, ("bröker.lan",), "give a host name"),
        (BROKER, ("-x.lan",), "give a host name"),
        (BROKER, ("a..b",), "give a host name"),
    ],
)
def test_hosts_are_a_brokers_and_well_formed(authority, tmp_path, member, hosts, why):
    with pytest.raises(ProvisioningError, match=why):
        ask(tmp_path / "out", member, hosts=hosts)
    with pytest.raises(ProvisioningError, match=why):
        issued(authority, tmp_path / "out", member, hosts=hosts)
    assert not (tmp_path / "out").exists()


def test_a_revoked_certificate_stands_in_the_list_once_and_the_list_lasts(authority, tmp_path):
    lost = issued(authority, tmp_path / "a")
    path = tmp_path / "a" / f"{STATION.name}.crt"
    other = issued(authority, tmp_path / "b", parse_member("mes.plant1"))
    assert steps.revoke(authority, path, NOW) == (STATION.name, True)
    assert steps.revoke(authority, tmp_path / "b" / "mes.plant1.crt", NOW + DAY) == ("mes.plant1", True)
    assert steps.revoke(authority, path, NOW + DAY) == (STATION.name, False)
    revoked = x509.load_pem_x509_crl((authority.folder / authorities.REVOKED).read_bytes())
    assert sorted(one.serial_number for one in revoked) == sorted([lost.serial_number, other.serial_number])
    assert revoked.next_update_utc == authority.certificate.not_valid_after_utc
    assert revoked.is_signature_valid(authority.key.public_key())


def test_every_certificate_is_kept_by_its_authority_so_that_it_can_be_revoked(authority, tmp_path):
    certificate = issued(authority, tmp_path / "a")
    (kept,) = (authority.folder / authorities.ISSUED).iterdir()
    assert kept.name == f"{STATION.name}-{certificate.serial_number:x}.crt"
    assert steps.revoke(authority, kept, NOW) == (STATION.name, True)


def test_another_authoritys_certificate_is_not_this_ones_to_revoke(authority, tmp_path):
    other = authorities.create(tmp_path / "other", name="Plant 1", days=100, password=None, now=NOW)
    issued(other, tmp_path / "a")
    with pytest.raises(ProvisioningError, match="has not issued it"):
        steps.revoke(authority, tmp_path / "a" / f"{STATION.name}.crt", NOW)


def test_a_full_disk_leaves_nothing_half_made(tmp_path, monkeypatch):
    real = os.fsync

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProvisioningError, match="No space left"):
        ask(tmp_path / "st07")
    monkeypatch.setattr(os, "fsync", real)
    assert list((tmp_path / "st07").iterdir()) == []
