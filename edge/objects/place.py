"""Where objects lie: a bucket, a web address or a folder, as people write it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

UNITED_STATES = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """An S3 bucket; ``prefix`` has no slash at its ends, ``endpoint`` None means AWS."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = UNITED_STATES

    @classmethod
    def from_url(cls, url: str, *, endpoint: str | None, region: str) -> Self:
        """Return the bucket given as ``s3://NAME/PREFIX``.

        Raises:
            ValueError: it is no such URL, or the endpoint no address of a server.
        """
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        if scheme != "s3" or not bucket:
            raise ValueError(f"bucket {url!r}: use s3://NAME or s3://NAME/PREFIX")
        parts = [part for part in prefix.split("/") if part]
        if {".", ".."}.intersection(parts):
            raise ValueError(f"bucket {url!r}: a prefix has no '.' or '..' in it")
        if endpoint is not None and not is_server(endpoint):
            raise ValueError(f"endpoint {endpoint!r}: use http://HOST:PORT or https://HOST:PORT")
        return cls(bucket=bucket, prefix="/".join(parts), endpoint=endpoint, region=region)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAddress:
    """A folder of a web server; ``ca`` is a file of further authorities (PEM) to trust, None: the system's alone."""

    url: str
    ca: Path | None = None


Place = Bucket | WebAddress | Path


def parse_place(
    text: str, *, endpoint: str | None = None, region: str = UNITED_STATES, ca: Path | None = None
) -> Place:
    """Return what ``s3://…``, ``https://…``, ``http://…`` or a folder's path names.

    Raises:
        ValueError: it is none of these, or unusable; the message says why.
    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        if not text or not text.isprintable():
            raise ValueError(f"{text!r} is no place: give a folder, https://…, http://… or s3://BUCKET/PREFIX")
        return Path(text)
    if scheme == "s3":
        return Bucket.from_url(text, endpoint=endpoint, region=region)
    if scheme in {"http", "https"} and is_server(text):
        return WebAddress(url=text.rstrip("/"), ca=ca)
    raise ValueError(f"{text!r} is no place: give a folder, https://…, http://… or s3://BUCKET/PREFIX")


def is_server(url: str) -> bool:
    """Whether a URL names a server, and maybe a path, and nothing more; obstore panics on some that do not."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and plain
