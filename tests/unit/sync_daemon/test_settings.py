from pathlib import Path

import pytest

from edge.objects.credentials import find_credentials
from edge.objects.errors import RemoteError, RemoteFault
from sync.settings import SyncSettings

AWS = {"AWS_ACCESS_KEY_ID": "aws", "AWS_SECRET_ACCESS_KEY": "aws-secret", "AWS_SESSION_TOKEN": "token"}


def write(folder: Path, key: str = "from-file", secret: str = "its-secret") -> None:
    (folder / "s3_access_key_id").write_text(f"{key}\n")
    (folder / "s3_secret_access_key").write_text(f"{secret}\n")


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [("s3://name", "name", ""), ("s3://name/", "name", ""), ("s3://name/a//b/", "name", "a/b")],
)
def test_bucket_and_prefix(url: str, bucket: str, prefix: str) -> None:
    settings = SyncSettings.from_url(Path("/store"), url, endpoint=None, region="eu-west-1")
    assert (settings.bucket, settings.prefix, settings.spool) == (bucket, prefix, Path("/store/spool"))


@pytest.mark.parametrize("url", ["name", "http://name/a", "s3:///a", "s3://name/../a"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="bucket"):
        SyncSettings.from_url(Path("/store"), url, endpoint=None, region="eu-west-1")


@pytest.mark.parametrize("endpoint", ["http://", "http://[bad", "ftp://host", "http://a:b", "http://u:p@h", "host:1"])
def test_endpoints_that_name_no_server_are_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        SyncSettings.from_url(Path("/store"), "s3://name", endpoint=endpoint, region="eu-west-1")


def test_the_service_managers_keys_come_first_and_bring_no_foreign_token(tmp_path: Path) -> None:
    write(tmp_path)
    found = find_credentials(AWS | {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert (found.access_key_id, found.secret_access_key, found.session_token) == ("from-file", "its-secret", None)
    assert "secret" not in repr(found)


def test_named_files_come_before_variables(tmp_path: Path) -> None:
    write(tmp_path)
    named = {
        "LINEGATE_S3_ACCESS_KEY_ID_FILE": str(tmp_path / "s3_access_key_id"),
        "LINEGATE_S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "s3_secret_access_key"),
    }
    assert find_credentials(AWS | named).access_key_id == "from-file"


def test_variables_are_the_last_resort(tmp_path: Path) -> None:
    found = find_credentials(AWS | {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert (found.access_key_id, found.session_token) == ("aws", "token")


@pytest.mark.parametrize("secret", [None, "", "sécret"])
def test_what_is_missing_or_unreadable_is_named(tmp_path: Path, secret: str | None) -> None:
    write(tmp_path, secret=secret or "")
    if secret is None:
        (tmp_path / "s3_secret_access_key").unlink()
    with pytest.raises(RemoteError, match="s3_secret_access_key") as caught:
        find_credentials({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert caught.value.fault is RemoteFault.CREDENTIALS


def test_no_keys_at_all() -> None:
    with pytest.raises(RemoteError, match="AWS_ACCESS_KEY_ID"):
        find_credentials({})
