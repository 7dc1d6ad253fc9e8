"""Bringing the trusted metadata up to date, by python-tuf's client, under the station's time floor."""

import datetime as dt
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from securesystemslib.exceptions import Error as SecureSystemsError
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from deploy.repository.layout import LARGEST, root_faults, signed_at
from deploy.updates.clock import Moment
from deploy.updates.errors import Refusal, UpdateError
from deploy.updates.root import read_root
from deploy.updates.trust import Trust
from edge.core.time_floor import raised, reference
from edge.objects.errors import ObjectMissingError, RemoteError, RemoteFault
from edge.objects.opening import Reader

_BASE: Final = "repository:/metadata/"
_SHOWN: Final = 200
_NOT_FOUND: Final = 404
_FORBIDDEN: Final = 403
_CONFIG: Final = UpdaterConfig(
    root_max_length=LARGEST[Root.type],
    timestamp_max_length=LARGEST[Timestamp.type],
    snapshot_max_length=LARGEST[Snapshot.type],
    targets_max_length=LARGEST[Targets.type],
    max_delegations=1,
)

_MEANINGS: Final = (
    (UnsignedMetadataError, Refusal.WRONG_KEY, "is not signed with the keys that this station trusts"),
    (LengthOrHashMismatchError, Refusal.MIXED, "is not the one that the metadata before it names"),
    (DownloadLengthMismatchError, Refusal.TOO_BIG, "does not end where it should, and was given up"),
    (DownloadError, Refusal.UNREACHABLE, "cannot be read"),
)


class _Fetcher(FetcherInterface):
    """Reads what the client asks for from a reader, whatever kind of place that is."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.asked = ""
        self.answered = b""

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.asked, self.answered = url.removeprefix("repository:/"), b""
        try:
            for piece in self._reader.stream(self.asked):
                self.answered = (self.answered + piece)[: LARGEST[Targets.type]]
                yield piece
        except ObjectMissingError as error:
            raise DownloadHTTPError(f"{error}: is not there", _NOT_FOUND) from error
        except RemoteError as error:
            if error.fault is RemoteFault.DENIED:  # a bucket that may not be listed says so of what is not there
                raise DownloadHTTPError(str(error), _FORBIDDEN) from error
            raise


def refresh(trust: Trust, root: Path, reader: Reader, moment: Moment) -> Targets:
    """Return the repository's targets as of now, and remember all that was seen on the way.

    Raises:
        UpdateError: the metadata is not trusted, not current, or cannot be read; nothing may be taken.
        StoppedError: given up.
    """
    bootstrap = read_root(root).to_bytes()
    _raise_floor(trust, moment, None)
    with tempfile.TemporaryDirectory(prefix="linegate-") as name:
        folder = Path(name)
        _unpack(trust.state.files, folder)
        fetcher = _Fetcher(reader)
        try:
            try:
                Updater(name, _BASE, fetcher=fetcher, config=_CONFIG, bootstrap=bootstrap).refresh()
            finally:
                trust.change(files=_pack(folder))  # what was verified counts, also where the next file failed
        except (RepositoryError, DownloadError, SecureSystemsError) as error:
            raise _refused(error, fetcher, trust, moment) from error
        except RemoteError as error:
            raise UpdateError(Refusal.UNREACHABLE, str(error)) from error
        except OSError as error:
            raise UpdateError(Refusal.DISK, f"{error.filename or name}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UpdateError(Refusal.TAMPERED, f"{fetcher.asked}: cannot be understood ({error!r:.200})") from error
        accepted = _accepted(folder)
    _check_root(accepted[0])
    _raise_floor(trust, moment, accepted)
    _check_current(accepted, trust, moment)
    targets = accepted[-1]
    assert isinstance(targets, Targets)
    return targets


def _unpack(files: Mapping[str, str], folder: Path) -> None:
    (folder / "root_history").mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _pack(folder: Path) -> dict[str, str]:
    """Return the files of python-tuf's folder but for ``root.json``, a link to one of them."""
    paths = [folder / f"{role}.json" for role in (Timestamp.type, Snapshot.type, Targets.type)]
    paths += sorted((folder / "root_history").glob("*.root.json"))
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in paths if path.exists()}


def _accepted(folder: Path) -> list[Signed]:
    """Return the metadata that was verified: root, timestamp, snapshot, targets."""
    return [
        Metadata[Root].from_file(str(folder / f"{Root.type}.json")).signed,
        Metadata[Timestamp].from_file(str(folder / f"{Timestamp.type}.json")).signed,
        Metadata[Snapshot].from_file(str(folder / f"{Snapshot.type}.json")).signed,
        Metadata[Targets].from_file(str(folder / f"{Targets.type}.json")).signed,
    ]


def _check_root(root: Signed) -> None:
    """Judge the root that came over the network as the one brought by hand: python-tuf asks for signatures alone."""
    assert isinstance(root, Root)
    if faults := list(root_faults(root)):
        text = f"the repository's root version {root.version} {'; '.join(faults)}: the publisher has to make another"
        raise UpdateError(Refusal.UNTRUSTED, text)


def _raise_floor(trust: Trust, moment: Moment, accepted: list[Signed] | None) -> None:
    times = [when for one in accepted or () if (when := signed_at(one)) is not None and when < one.expires.timestamp()]
    floor = raised(
        trust.state.floor,
        clock=moment.unix_s,
        synchronised=moment.synchronised,
        signed=max(times, default=None),
    )
    trust.change(floor=floor)


def _check_current(accepted: list[Signed], trust: Trust, moment: Moment) -> None:
    """Judge expiry by the floor as well: python-tuf knows the clock alone."""
    now = dt.datetime.fromtimestamp(reference(trust.state.floor, moment.unix_s), dt.UTC)
    for one in accepted:
        if one.is_expired(now):
            raise UpdateError(Refusal.EXPIRED, _expired(f"{one.type} ended on {one.expires:%Y-%m-%d}", trust, moment))


def _expired(what: str, trust: Trust, moment: Moment) -> str:
    clock = dt.datetime.fromtimestamp(moment.unix_s, dt.UTC)
    text = f"the repository is out of date ({what}): the publisher renews it with 'publish refresh'"
    if trust.state.floor > moment.unix_s:
        floor = dt.datetime.fromtimestamp(trust.state.floor, dt.UTC)
        return f"{text}. This station's clock says {clock:%Y-%m-%d}, but it was {floor:%Y-%m-%d} before: set it"
    witness = "synchronised" if moment.synchronised else "not synchronised: if it is wrong, set it"
    return f"{text}. This station's clock says {clock:%Y-%m-%d} and is {witness}"


def _refused(error: Exception, fetcher: _Fetcher, trust: Trust, moment: Moment) -> UpdateError:
    """Name what python-tuf found."""
    file, said = fetcher.asked, f"{error!s:.{_SHOWN}}"
    if isinstance(error, ExpiredMetadataError):
        return UpdateError(Refusal.EXPIRED, _expired(said, trust, moment))
    if isinstance(error, BadVersionNumberError):
        return _bad_version(file, said, fetcher.answered)
    for kind, refusal, meaning in _MEANINGS:
        if isinstance(error, kind):
            return UpdateError(refusal, f"{file}: {meaning} ({said})")
    return UpdateError(Refusal.TAMPERED, f"{file}: cannot be believed ({said})")


def _bad_version(file: str, said: str, content: bytes) -> UpdateError:
    """Tell older metadata from metadata under a foreign name: the name of all but the timestamp tells its version."""
    number = Path(file).name.partition(".")[0]
    try:
        version = str(json.loads(content)["signed"]["version"])
    except (ValueError, KeyError, TypeError):
        version = number
    if number.isdecimal() and number != version:
        return UpdateError(Refusal.MIXED, f"{file}: is version {version} of another time ({said})")
    return UpdateError(
        Refusal.ROLLED_BACK, f"{file}: is older than what this station has seen: copy the repository anew ({said})"
    )
