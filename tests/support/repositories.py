"""Publishers and stations for tests: keys in memory, small bundles, a repository in a folder, a station that looks."""

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import Metadata, Root, Targets

from deploy.publishing import ceremony, committing, operations
from deploy.publishing.operations import Addition, Publisher
from deploy.publishing.state import RepositoryState
from deploy.repository.layout import target_key
from deploy.repository.offer import Offer
from deploy.updates.clock import Moment
from deploy.updates.looking import look
from deploy.updates.values import Fetched, Known, Report, StationFacts, UpdateSettings
from edge.objects.folder import FolderObjects
from edge.objects.opening import Writer
from edge.objects.place import Place
from models.bundle.writing import pack
from tests.support import bundles

START = dt.datetime.now(dt.UTC).replace(microsecond=0)
ROLES = ("root", "targets", "snapshot", "timestamp")
DAY = dt.timedelta(days=1)


def always() -> bool:
    return True


def make_keys() -> dict[str, list[CryptoSigner]]:
    counts = {"root": 3, "targets": 1, "snapshot": 1, "timestamp": 1}
    return {role: [CryptoSigner.generate_ed25519() for _ in range(count)] for role, count in counts.items()}


def by_id(*signers: Signer) -> dict[str, Signer]:
    return {signer.public_key.keyid: signer for signer in signers}


def make_root(
    keys: dict[str, list[CryptoSigner]],
    previous: Metadata[Root] | None = None,
    signers: Sequence[Signer] = (),
    *,
    days: int = 730,
    now: dt.datetime = START,
) -> Metadata[Root]:
    public = {role: [signer.public_key for signer in held] for role, held in keys.items()}
    root = ceremony.draft_root(public, previous, days=days, now=now)
    ceremony.sign_root(root, previous, by_id(*(signers or keys["root"][:2])))
    return root


def bundle_bytes(**changes: Any) -> bytes:
    return pack(bundles.manifest(**changes), bundles.members())


def write_bundle(folder: Path, **changes: Any) -> Path:
    described = bundles.manifest(**changes)
    path = folder / described.file_name
    path.write_bytes(pack(described, bundles.members()))
    return path


class Factory:
    """A publisher with all keys; ``now`` is the publisher's time."""

    def __init__(self, folder: Path, writer: Writer | None = None, *, begin: bool = True) -> None:
        self.work = folder / "publisher"
        self.work.mkdir()
        self.place = folder / "repository"
        self.writer = writer or FolderObjects(self.place, always)
        self.keys = make_keys()
        self.now = START
        self.days = 60
        self.root = make_root(self.keys)
        if begin:
            operations.initialise(self.writer, self.root, self.publisher, demand_replay=False)

    @property
    def publisher(self) -> Publisher:
        held = [signer for role, signers in self.keys.items() if role != "root" for signer in signers]
        return Publisher(signers=by_id(*held), days=self.days, now=self.now)

    def add(
        self,
        share: int = 1000,
        *,
        minimum_software: str = "0",
        notes: str = "",
        replay: Path | None = None,
        **changes: Any,
    ) -> Offer:
        addition = Addition(
            bundle=write_bundle(self.work, **({"version": 4} | changes)),
            share_permille=share,
            minimum_software=minimum_software,
            notes=notes,
            replay=replay,
        )
        return operations.add(self.writer, addition, self.publisher)

    def add_unchecked(self, data: bytes, **changes: Any) -> Offer:
        """Publish bytes, whatever they are, as a careless tool would."""
        fields: dict[str, Any] = {
            "name": "toy",
            "version": 4,
            "product": "phone",
            "sha256": hashlib.sha256(data).hexdigest(),
            "length": len(data),
            "minimum_software": "0",
            "share_permille": 1000,
        }
        offer = Offer(**(fields | changes))
        self.writer.create(target_key(offer.sha256, offer.file_name), data, "")
        self.change(lambda targets: targets.targets.update({offer.file_name: offer.target()}))
        return offer

    def change(self, change: Callable[[Targets], object]) -> RepositoryState:
        """Publish targets that are changed in any way."""
        state = operations.load(self.writer)
        targets = committing.next_targets(state)
        change(targets)
        return committing.publish(self.writer, state, targets, self.publisher.signers, days=self.days, now=self.now)

    def write_root(self, path: Path) -> Path:
        ceremony.write_root(path, self.root)
        return path


@dataclass
class StationClient:
    """A station that looks for bundles; ``now`` and ``synchronised`` are its clock, ``reports`` what was told."""

    folder: Path
    place: Place
    root: Path
    name: str = "plant1/line3/st07"
    products: frozenset[str] = frozenset({"phone"})
    software: str = "0.1.0"
    present: tuple[Known, ...] = (Known(name="toy", version=3, sha256="0" * 64),)
    now: dt.datetime = START + DAY
    synchronised: bool = True
    listening: bool = True
    reports: list[Report] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def settings(self) -> UpdateSettings:
        return UpdateSettings(store=self.store, root=self.root, source=str(self.place), place=self.place)

    @property
    def facts(self) -> StationFacts:
        return StationFacts(station=self.name, products=self.products, software=self.software, present=self.present)

    def tell(self, report: Report) -> bool:
        if self.listening:
            self.reports.append(report)
        return self.listening

    def moment(self) -> Moment:
        return Moment(unix_s=self.now.timestamp(), synchronised=self.synchronised)

    def look(self, wanted: str | None = None, go_on: Callable[[], bool] = always) -> Fetched | None:
        return look(self.settings, self.facts, self.tell, go_on, wanted=wanted, clock=self.moment)

    def incoming(self) -> list[str]:
        """Return the names of all that lies where bundles come in, hidden files as well."""
        folder = self.store / "models" / "incoming"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def recorded(self) -> list[str | None]:
        """Return the refusals (None: well) that were to be put on record, in order."""
        return [report.refusal for report in self.reports if report.record]


def make_station(folder: Path, factory: Factory, place: Place | None = None) -> StationClient:
    (folder / "store").mkdir()
    return StationClient(
        folder=folder, place=place or factory.place, root=factory.write_root(folder / "models-root.json")
    )
