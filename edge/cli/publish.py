"""``linegate publish``: signed bundles for any number of stations, from a folder or a bucket."""

import datetime as dt
import json as json_format
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tuf.api.metadata import Metadata, Root

from deploy.publishing import ceremony, keys, operations
from deploy.publishing.committing import LEAST_TIMESTAMP_DAYS, TIMESTAMP_DAYS
from deploy.publishing.describe import describe
from deploy.publishing.errors import PublishingRefusedError
from deploy.publishing.operations import Addition, Publisher
from deploy.repository.offer import MAX_NOTES, SOFTWARE_PATTERN, is_plain
from edge.cli.common import Exit, JsonOption, explained, fail
from edge.cli.publish_text import percent, root_lines, sentence, status_fields, status_lines
from edge.core.rollout_share import EVERYBODY
from edge.objects.opening import Writer, open_reader, open_writer
from edge.objects.place import UNITED_STATES, Place, WebAddress, parse_place

DAY = dt.timedelta(days=1)

app = typer.Typer(
    help="Publish bundles to stations: keys, a signed repository, roll-out in stages.", no_args_is_help=True
)

RepositoryArgument = Annotated[str, typer.Argument(metavar="REPOSITORY", help="A folder, or s3://BUCKET/PREFIX.")]
BundleArgument = Annotated[str, typer.Argument(metavar="NAME-VERSION", help="A bundle on offer.")]
EndpointOption = Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="The S3 server, unless AWS.")]
RegionOption = Annotated[str, typer.Option("--region", help="The bucket's region.")]
KeysOption = Annotated[
    list[Path], typer.Option("--key", metavar="FILE", help="A private key, or a folder of them; repeatable.")
]
PasswordOption = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="The keys are encrypted with this file's first line."),
]
DaysOption = Annotated[
    int,
    typer.Option("--days", min=LEAST_TIMESTAMP_DAYS, max=3650, help="Stations take this for current for so long."),
]
ShareOption = Annotated[
    float, typer.Option("--share", min=0.0, max=100.0, help="Per cent of the stations that may take it.")
]


@app.callback()
def group() -> None:
    """Publish bundles to stations: keys, a signed repository, roll-out in stages."""


@app.command()
def key(
    file: Annotated[Path, typer.Argument(metavar="FILE.key", help="The private key; FILE.pub goes beside it.")],
    password_file: PasswordOption = None,
) -> None:
    """Make a signing key. Make every root key on a machine of its own, and never move it."""
    with _explained():
        made = keys.make_key(file, _password(password_file))
    typer.echo(
        f"{file}: key {made.keyid[: keys.SHOWN]}, {'encrypted' if password_file else 'mode 0600, NOT encrypted'}"
    )
    typer.echo(f"bring {file.with_suffix(keys.PUBLIC_SUFFIX)} to where the root is drafted, and keep {file} here")


@app.command()
def root(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The draft.")],
    root_key: Annotated[
        list[Path] | None, typer.Option("--root-key", metavar="FILE.pub", help="Public root key; give three.")
    ] = None,
    targets_key: Annotated[
        list[Path] | None, typer.Option("--targets-key", metavar="FILE.pub", help="Whose bundles are taken.")
    ] = None,
    snapshot_key: Annotated[
        list[Path] | None, typer.Option("--snapshot-key", metavar="FILE.pub", help="Whose list is taken.")
    ] = None,
    timestamp_key: Annotated[
        list[Path] | None, typer.Option("--timestamp-key", metavar="FILE.pub", help="Who says what is current.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="The root in force; roles not named keep their keys.")
    ] = None,
    days: Annotated[int, typer.Option("--days", min=30, max=3650, help="For how long it is valid.")] = (
        ceremony.ROOT_DAYS
    ),
) -> None:
    """Draft a root: who may sign what. It is valid with signatures of two of its root keys."""
    given = {"root": root_key, "targets": targets_key, "snapshot": snapshot_key, "timestamp": timestamp_key}
    with _explained():
        public = {role: [keys.read_public(path) for path in paths or ()] for role, paths in given.items()}
        before = None if previous is None else ceremony.read_root(previous)
        made = ceremony.draft_root(public, before, days=days, now=_now())
        if out.exists():
            fail(f"{out}: exists and is left as it is: choose another name")
        ceremony.write_root(out, made)
    _tell(out, made, before)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The draft from 'publish root'.")],
    key: KeysOption,
    password_file: PasswordOption = None,
    previous: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="The root in force, for a later one than the first.")
    ] = None,
) -> None:
    """Sign a draft with a root key, on the machine that keeps it; the file grows by a signature."""
    with _explained():
        draft = ceremony.read_root(file)
        before = None if previous is None else ceremony.read_root(previous)
        signed = ceremony.sign_root(draft, before, keys.load_signers(key, _password(password_file)))
        ceremony.write_root(file, draft)
    _tell(file, draft, before)
    typer.echo(f"{file}: signed with {', '.join(keyid[: keys.SHOWN] for keyid in signed)}")


@app.command()
def init(
    repository: RepositoryArgument,
    root: Annotated[Path, typer.Option("--root", metavar="FILE", help="The root, fully signed.")],
    key: KeysOption,
    password_file: PasswordOption = None,
    demand_replay: Annotated[
        bool, typer.Option("--demand-replay", help="From now on publish nothing without 'add --replay'.")
    ] = False,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Make an empty repository."""
    with _explained(), _opened(repository, endpoint, region) as writer:
        state = operations.initialise(
            writer, ceremony.read_root(root), _publisher(key, password_file, days), demand_replay=demand_replay
        )
    typer.echo(f"{repository}: an empty repository, current until {state.timestamp.signed.expires:%Y-%m-%d}")
    typer.echo(f"give every station {root}: linegate provision models --root {root}")


@app.command()
def add(
    repository: RepositoryArgument,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="NAME-VERSION.lgb")],
    share: ShareOption,
    key: KeysOption,
    password_file: PasswordOption = None,
    notes: Annotated[str, typer.Option("--notes", help="What people should know of it.")] = "",
    minimum_software: Annotated[
        str, typer.Option("--minimum-software", metavar="VERSION", help="The oldest linegate that may run it.")
    ] = "0",
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="FILE", help="Publish only if this result of 'replay --json' says so."),
    ] = None,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Publish a bundle for a share of the stations."""
    if len(notes) > MAX_NOTES or not is_plain(notes):
        fail(f"--notes: plain text of {MAX_NOTES} characters at most", Exit.USAGE)
    _check_version(minimum_software)
    addition = Addition(
        bundle=bundle,
        share_permille=_permille(share),
        minimum_software=minimum_software,
        notes=notes,
        replay=replay,
    )
    with _explained(), _opened(repository, endpoint, region) as writer:
        offer = operations.add(writer, addition, _publisher(key, password_file, days))
    typer.echo(f"{repository}: {sentence(offer)}")


@app.command()
def share(
    repository: RepositoryArgument,
    bundle: BundleArgument,
    share: ShareOption,
    key: KeysOption,
    password_file: PasswordOption = None,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Change the share of the stations that may take a bundle; those that have it keep it."""
    with _explained(), _opened(repository, endpoint, region) as writer:
        before, after = operations.change_share(writer, bundle, _permille(share), _publisher(key, password_file, days))
    typer.echo(f"{repository}: {sentence(after)}; before: {percent(before.share_permille)}")


@app.command()
def withdraw(
    repository: RepositoryArgument,
    bundle: BundleArgument,
    key: KeysOption,
    password_file: PasswordOption = None,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Offer a bundle no more. Stations that have it keep it until an operator rolls back."""
    with _explained(), _opened(repository, endpoint, region) as writer:
        offer = operations.withdraw(writer, bundle, _publisher(key, password_file, days))
    typer.echo(f"{repository}: {offer.bundle} is no longer on offer")


@app.command()
def refresh(
    repository: RepositoryArgument,
    key: KeysOption,
    password_file: PasswordOption = None,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Say that what is on offer is still current. Once a week by a timer, with the timestamp key alone, is good."""
    with _explained(), _opened(repository, endpoint, region) as writer:
        state = operations.refresh(writer, _publisher(key, password_file, days))
    typer.echo(f"{repository}: current until {state.timestamp.signed.expires:%Y-%m-%d}")


@app.command()
def rotate(
    repository: RepositoryArgument,
    root: Annotated[Path, typer.Option("--root", metavar="FILE", help="The next root, fully signed.")],
    key: KeysOption,
    password_file: PasswordOption = None,
    days: DaysOption = TIMESTAMP_DAYS,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Put the next root into force and sign everything anew with its keys."""
    with _explained(), _opened(repository, endpoint, region) as writer:
        state = operations.rotate(writer, ceremony.read_root(root), _publisher(key, password_file, days))
    typer.echo(f"{repository}: root version {state.root.signed.version} is in force")
    typer.echo("stations take it at their next look; new ones may be given this root or any earlier one")


@app.command()
def status(
    repository: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="A folder, s3://BUCKET/PREFIX, or its web address.")
    ],
    files: Annotated[bool, typer.Option("--files", help="Also read every bundle and compare its hash.")] = False,
    json: JsonOption = False,
    endpoint: EndpointOption = None,
    region: RegionOption = UNITED_STATES,
) -> None:
    """Tell what is on offer and until when; exit code 1 if something needs a hand."""
    with _explained():
        reader = open_reader(_place(repository, endpoint, region), _go_on)
        try:
            found = describe(reader, _now(), files=files)
        finally:
            reader.close()
    if json:
        typer.echo(json_format.dumps(status_fields(found)))
    else:
        typer.echo("\n".join([f"{repository}:", *status_lines(found)]))
    raise typer.Exit(Exit.FAILED if found.problems else Exit.OK)


@contextmanager
def _explained() -> Iterator[None]:
    with explained():
        try:
            yield
        except PublishingRefusedError as error:
            fail(f"refused: {error}", Exit.REFUSED)


@contextmanager
def _opened(repository: str, endpoint: str | None, region: str) -> Iterator[Writer]:
    place = _place(repository, endpoint, region)
    if isinstance(place, WebAddress):
        fail(f"{repository}: a web server is only read from: publish to its folder or bucket", Exit.USAGE)
    writer = open_writer(place, _go_on)
    try:
        yield writer
    finally:
        writer.close()


def _place(repository: str, endpoint: str | None, region: str) -> Place:
    try:
        return parse_place(repository, endpoint=endpoint, region=region)
    except ValueError as error:
        fail(str(error), Exit.USAGE)


def _publisher(files: list[Path], password_file: Path | None, days: int) -> Publisher:
    return Publisher(signers=keys.load_signers(files, _password(password_file)), days=days, now=_now())


def _password(path: Path | None) -> bytes | None:
    if path is None:
        return None
    words = path.read_bytes().splitlines()
    if not words or not words[0]:
        fail(f"--password-file {path}: its first line is empty: write the password there", Exit.USAGE)
    return words[0]


def _check_version(text: str) -> None:
    if not re.fullmatch(SOFTWARE_PATTERN, text):
        fail(f"--minimum-software {text!r}: write numbers and dots, such as 0.2", Exit.USAGE)


def _permille(share: float) -> int:
    value = round(share * EVERYBODY / 100)
    if abs(value - share * EVERYBODY / 100) > 1e-6:  # noqa: PLR2004 -- binary fractions
        fail(f"--share {share:g}: tenths of a per cent are the finest step", Exit.USAGE)
    return value


def _tell(file: Path, draft: Metadata[Root], before: Metadata[Root] | None) -> None:
    """Tell what a signature stands for: whoever gives one compares the ids, for the file came from elsewhere."""
    typer.echo("\n".join([f"{file}:", *(f"  {line}" for line in root_lines(draft.signed))]))
    lacking = ceremony.missing_signatures(draft, before)
    for text in lacking:
        typer.echo(f"{file}: lacks signatures of {text}")
    if not lacking:
        typer.echo(f"{file}: fully signed")


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _go_on() -> bool:
    """Ctrl-C ends a publisher at any moment; the repository bears it."""
    return True
