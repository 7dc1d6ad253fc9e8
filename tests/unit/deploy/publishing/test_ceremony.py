"""Making a root: who may sign, how many it takes, and what a rotation needs."""

import stat
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets

from deploy.publishing import ceremony, keys
from deploy.publishing.errors import PublishingError, PublishingRefusedError
from tests.support.repositories import START, by_id, make_keys, make_root


def test_two_of_three_signatures_make_a_root_valid() -> None:
    held = make_keys()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        root = make_root(held, signers=[held["root"][one]])
        assert len(ceremony.missing_signatures(root, None)) == 1
        ceremony.sign_root(root, None, by_id(held["root"][other]))
        assert ceremony.missing_signatures(root, None) == []
        root.verify_delegate("root", root)


def test_the_same_key_twice_is_one_signature() -> None:
    held = make_keys()
    root = make_root(held, signers=[held["root"][0]])
    ceremony.sign_root(root, None, by_id(held["root"][0]))
    assert ceremony.missing_signatures(root, None)


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_a_key_of_another_role_signs_no_root(role: str) -> None:
    held = make_keys()
    with pytest.raises(PublishingRefusedError, match="root keys alone"):
        ceremony.sign_root(make_root(held), None, by_id(held[role][0]))


def test_a_stranger_s_key_signs_no_root() -> None:
    held, stranger = make_keys(), by_id(CryptoSigner.generate_ed25519())
    first = make_root(held)
    second = make_root({"targets": [CryptoSigner.generate_ed25519()]}, first, held["root"][:2])
    for root, previous in ((first, None), (second, first)):
        with pytest.raises(PublishingRefusedError, match="root keys alone"):
            ceremony.sign_root(root, previous, stranger)
        assert len(root.signatures) == 2


def test_a_later_root_is_signed_beside_the_one_before_it_and_no_other() -> None:
    """Else it would be called fully signed, and lack the consent of those whom stations trust."""
    held = make_keys()
    first = make_root(held)
    second = make_root({"targets": [CryptoSigner.generate_ed25519()]}, first, held["root"][:2])
    third = make_root({"targets": [CryptoSigner.generate_ed25519()]}, second, held["root"][:2])
    key = by_id(held["root"][2])
    for root, previous, words in (
        (second, None, "give it with --from"),
        (third, first, "give version 2 with --from"),
        (first, first, "leave --from out"),
    ):
        with pytest.raises(PublishingError, match=words):
            ceremony.sign_root(root, previous, key)


def test_too_few_root_keys_are_refused() -> None:
    held = make_keys()
    held["root"].pop()
    with pytest.raises(PublishingRefusedError, match="2 root keys, 3 are the least"):
        make_root(held)


def test_one_key_for_two_roles_is_refused() -> None:
    held = make_keys()
    held["snapshot"] = held["timestamp"]
    with pytest.raises(PublishingRefusedError, match="both snapshot and timestamp"):
        make_root(held)


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_a_role_without_a_key_is_named(role: str) -> None:
    held = make_keys()
    held[role] = []
    with pytest.raises(PublishingError, match=f"--{role}-key"):
        make_root(held)


def test_the_next_root_keeps_what_is_not_named_and_forgets_what_is_replaced() -> None:
    held = make_keys()
    first = make_root(held)
    new = CryptoSigner.generate_ed25519()
    second = make_root({"targets": [new]}, first, held["root"][:2])
    assert second.signed.version == 2
    assert second.signed.roles["targets"].keyids == [new.public_key.keyid]
    assert second.signed.roles["root"].keyids == first.signed.roles["root"].keyids
    assert held["targets"][0].public_key.keyid not in second.signed.keys
    assert ceremony.missing_signatures(second, first) == []


def test_new_root_keys_need_the_old_ones_consent_and_their_own() -> None:
    held, other = make_keys(), make_keys()
    first = make_root(held)
    second = make_root({"root": other["root"]}, first, other["root"][:2])
    assert [text for text in ceremony.missing_signatures(second, first) if "the root before" in text]
    ceremony.sign_root(second, first, by_id(*held["root"][:1]))
    assert ceremony.missing_signatures(second, first)
    ceremony.sign_root(second, first, by_id(*held["root"][1:2]))
    assert ceremony.missing_signatures(second, first) == []


def test_a_draft_travels_as_a_file_and_grows_by_signatures(tmp_path: Path) -> None:
    held, path = make_keys(), tmp_path / "root.json"
    ceremony.write_root(path, make_root(held, signers=[held["root"][2]]))
    draft = ceremony.read_root(path)
    ceremony.sign_root(draft, None, by_id(held["root"][0]))
    ceremony.write_root(path, draft)
    again = ceremony.read_root(path)
    assert ceremony.missing_signatures(again, None) == []
    again.signed.version += 1
    assert ceremony.missing_signatures(again, None)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"signed": {"_type": "root"}, "signatures": []}'])
def test_a_file_that_is_no_root_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "root.json"
    path.write_bytes(content)
    with pytest.raises(PublishingError, match=r"root\.json: is no root"):
        ceremony.read_root(path)


def test_other_metadata_is_no_root(tmp_path: Path) -> None:
    path = tmp_path / "targets.json"
    path.write_bytes(Metadata(Targets(expires=START)).to_bytes())
    with pytest.raises(PublishingError, match="but its targets"):
        ceremony.read_root(path)


def test_a_key_is_its_owner_s_alone_and_signs_what_its_public_half_verifies(tmp_path: Path) -> None:
    path = tmp_path / "root1.key"
    public = keys.make_key(path, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [(keyid, signer)] = keys.load_signers([path], None).items()
    assert keyid == public.keyid == keys.read_public(tmp_path / "root1.pub").keyid
    public.verify_signature(signer.sign(b"text"), b"text")


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    path = tmp_path / "root1.key"
    public = keys.make_key(path, b"secret")
    path.chmod(0o644)
    assert list(keys.load_signers([path], b"secret")) == [public.keyid]
    for password, words in ((None, "--password-file"), (b"wrong", "the password is wrong")):
        with pytest.raises(PublishingError, match=words):
            keys.load_signers([path], password)


def test_a_plain_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "root1.key"
    keys.make_key(path, None)
    path.chmod(0o640)
    with pytest.raises(PublishingRefusedError, match="chmod 600"):
        keys.load_signers([path], None)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root1.key"
    keys.make_key(path, None)
    content = path.read_bytes()
    with pytest.raises(PublishingError, match="never overwritten"):
        keys.make_key(path, None)
    assert path.read_bytes() == content


def test_a_folder_of_keys_is_taken_as_a_whole(tmp_path: Path) -> None:
    for name in ("a.key", "b.key"):
        keys.make_key(tmp_path / name, None)
    assert len(keys.load_signers([tmp_path], None)) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(PublishingError, match="holds no key"):
        keys.load_signers([tmp_path / "empty"], None)


@pytest.mark.parametrize("name", ["rsa.key", "none.key"])
def test_a_file_that_is_no_such_key_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no key")
    path.chmod(0o600)
    with pytest.raises(PublishingError, match="no private key"):
        keys.load_signers([path], None)
    with pytest.raises(PublishingError, match="no public key"):
        keys.read_public(path)


def test_a_root_with_too_low_a_threshold_is_told() -> None:
    root = make_root(make_keys()).signed
    assert isinstance(root, Root)
    root.roles["root"].threshold = 1
    root.consistent_snapshot = False
    assert len(list(ceremony.root_faults(root))) == 2


def test_one_key_under_two_ids_is_one_key() -> None:
    """Who writes a root chooses the ids, and python-tuf counts them."""
    held = make_keys()
    root = make_root(held).signed
    again = root.keys[held["root"][0].public_key.keyid]
    alias = SSlibKey("a" * 64, again.keytype, again.scheme, {"public": again.keyval["public"].upper()})
    root.keys[alias.keyid] = alias
    root.roles["root"].keyids[2] = alias.keyid
    assert "has 2 root keys, 3 are the least" in list(ceremony.root_faults(root))
    root.roles["timestamp"].keyids = [alias.keyid]
    assert "has one key for both root and timestamp" in list(ceremony.root_faults(root))
    root.roles["snapshot"].keyids.append("b" * 64)
    assert "names a key for snapshot twice, or does not hold it" in list(ceremony.root_faults(root))


def test_a_public_half_that_is_there_is_kept_and_no_private_one_made(tmp_path: Path) -> None:
    (tmp_path / "root1.pub").write_bytes(b"somebody's")
    with pytest.raises(PublishingError, match=r"root1\.pub: exists"):
        keys.make_key(tmp_path / "root1.key", None)
    assert [path.name for path in tmp_path.iterdir()] == ["root1.pub"]


def test_a_password_longer_than_keys_take_is_named(tmp_path: Path) -> None:
    with pytest.raises(PublishingError, match="1023 are the most"):
        keys.make_key(tmp_path / "root1.key", b"x" * 1024)
    assert list(tmp_path.iterdir()) == []
