"""What the sync daemon is told of pictures: where they come from and where they go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge.objects.place import UNITED_STATES, Bucket
from edge.spool import SPOOL_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSettings:
    """Where pictures come from and go to.

    ``store`` is the configured ``store.path``; ``prefix`` has no slash at its ends; ``endpoint`` None means AWS;
    ``interval_s`` is the pause between two looks into the spool, in seconds.
    """

    store: Path
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = UNITED_STATES
    interval_s: float = 15.0

    @classmethod
    def from_url(cls, store: Path, url: str, *, endpoint: str | None, region: str) -> Self:
        """Return settings for a bucket given as ``s3://NAME/PREFIX``.

        Raises:
            ValueError: the bucket is no such URL, or the endpoint no address of a server.
        """
        place = Bucket.from_url(url, endpoint=endpoint, region=region)
        return cls(store=store, bucket=place.bucket, prefix=place.prefix, endpoint=endpoint, region=region)

    @property
    def spool(self) -> Path:
        """The spool's folder."""
        return self.store / SPOOL_FOLDER

    @property
    def place(self) -> Bucket:
        """The bucket as a whole: the keys of pictures carry the prefix themselves."""
        return Bucket(bucket=self.bucket, endpoint=self.endpoint, region=self.region)
