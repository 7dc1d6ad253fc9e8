"""``linegate provision``: keys, certificates and the broker's configuration for an encrypted line link."""

import datetime as dt
import getpass
import json as json_format
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deploy.provisioning import authority as authorities
from deploy.provisioning import steps
from deploy.provisioning.credentials import KeyKind
from deploy.provisioning.describe import Described, describe
from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.files import known_account, read, write
from deploy.provisioning.names import Member, Role, parse_member, station_member
from deploy.updates.root import read_root
from edge.cli.common import Exit, JsonOption, explained, fail, load_or_exit
from edge.cli.publish_text import root_lines
from edge.config.schema import DEFAULT_MODELS_ROOT
from edge.line.certificate import WARN_DAYS

AUTHORITY_DAYS = 7300
CERTIFICATE_DAYS = 825
DAY = dt.timedelta(days=1)

app = typer.Typer(help="Keys, certificates and broker configuration of the encrypted link.", no_args_is_help=True)

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="ROLE.SITE[.LINE[.STATION]]; role: station, plc, mes, scada or broker."),
]
StationOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Name the station of this configuration file.")
]
AuthorityOption = Annotated[
    Path, typer.Option("--authority", metavar="DIR", help="The authority's folder, from 'provision authority'.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")]
HostOption = Annotated[
    list[str] | None, typer.Option("--host", help="A broker's host name or address, as stations dial it; repeatable.")
]
KindOption = Annotated[KeyKind, typer.Option("--kind", help="ec: P-256; rsa: 3072 bits, for old controllers.")]
OwnerOption = Annotated[
    str | None,
    typer.Option(
        "--owner",
        help="The account that owns the private key; else, as root: linegate for a station, mosquitto for a broker.",
    ),
]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=36_500, help="For how long it is valid.")]
PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="The authority's key is encrypted with this file's first line."
    ),
]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Overwrite what is there, the private key too.")]


@app.callback()
def group() -> None:
    """Make keys and certificates, and tell the broker who may do what."""


@app.command()
def authority(
    out: OutOption,
    name: Annotated[str, typer.Option("--name", help="What the authority is called.")] = "linegate plant authority",
    days: DaysOption = AUTHORITY_DAYS,
    password_file: PasswordOption = None,
) -> None:
    """Make a certificate authority of the plant's own, for a plant that has none."""
    with explained():
        made = authorities.create(out, name=name, days=days, password=_password(password_file), now=_now())
    typer.echo(f"authority {name!r} in {out}, valid until {made.certificate.not_valid_after_utc:%Y-%m-%d}")
    typer.echo(f"keep {out / authorities.KEY} off the line, with a copy: who has it can speak as any station")
    typer.echo(f"everybody needs {out / authorities.CERTIFICATE}, the broker also {out / authorities.REVOKED}")


@app.command()
def request(
    out: OutOption,
    name: NameArgument = None,
    config: StationOption = None,
    host: HostOption = None,
    kind: KindOption = KeyKind.EC,
    owner: OwnerOption = None,
    replace: ReplaceOption = False,
) -> None:
    """Make a private key and a signing request, on the machine that keeps the key.

    A key that is there is used again, so that it goes on working until its new certificate is there.
    """
    member = _member(name, config)
    with explained():
        account = owner or steps.account_for(member)
        made = steps.request(member, out, hosts=host or (), kind=kind, owner=account, replace=replace)
    typer.echo(f"private key {made.key}{' (kept as it was)' if made.kept_key else ''}: it stays here")
    typer.echo(
        f"signing request {made.request}: have the plant's authority sign it as a "
        f"{'server' if member.role is Role.BROKER else 'client'}, its common name left as it is, or run"
    )
    typer.echo(f"  linegate provision sign {made.request} --authority DIR --out {out}")
    if member.role is Role.STATION:
        _tell_configuration(out, member)


@app.command()
def sign(
    requests: Annotated[list[Path], typer.Argument(metavar="REQUEST...", help="Signing requests.")],
    authority: AuthorityOption,
    out: OutOption,
    days: DaysOption = CERTIFICATE_DAYS,
    password_file: PasswordOption = None,
    replace: ReplaceOption = False,
) -> None:
    """Vouch for signing requests with an authority of the plant's own: look at them first with 'provision show'."""
    with explained():
        opened = authorities.load(authority, _password(password_file))
        for path in requests:
            made = steps.sign(opened, path, out, days=days, replace=replace, now=_now())
            _tell_certificate(made)


@app.command()
def issue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As with 'provision request'.")],
    authority: AuthorityOption,
    out: OutOption,
    host: HostOption = None,
    kind: KindOption = KeyKind.EC,
    days: DaysOption = CERTIFICATE_DAYS,
    password_file: PasswordOption = None,
    owner: OwnerOption = None,
    replace: ReplaceOption = False,
) -> None:
    """Make key and certificate at once, for a controller that cannot make its own request."""
    member = _member(name, None)
    with explained():
        opened = authorities.load(authority, _password(password_file))
        made = steps.issue(
            opened,
            member,
            out,
            hosts=host or (),
            kind=kind,
            days=days,
            owner=owner or steps.account_for(member),
            replace=replace,
            now=_now(),
        )
    typer.echo(f"private key {made.key}{' (kept as it was)' if made.kept_key else ''}: bring it to {name} alone")
    _tell_certificate(made)
    if member.role is Role.STATION:
        _tell_configuration(out, member)


@app.command()
def revoke(
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="Lost one? See the authority's issued/.")],
    authority: AuthorityOption,
    password_file: PasswordOption = None,
) -> None:
    """Take a certificate back; the broker refuses it once it has the new list."""
    with explained():
        opened = authorities.load(authority, _password(password_file))
        name, new = steps.revoke(opened, certificate, _now())
    typer.echo(f"{name}: {'revoked' if new else 'was revoked before'}")
    typer.echo(
        f"copy {authority / authorities.REVOKED} over the broker's and restart it: it reads the list at its start"
    )


@app.command()
def broker(
    out: OutOption,
    user: Annotated[list[str], typer.Option("--user", metavar="NAME", help="Who may connect; repeatable.")],
    ca: Annotated[Path, typer.Option(metavar="FILE", help="The authority whose clients may connect (PEM).")],
    cert: Annotated[Path, typer.Option(metavar="FILE", help="The broker's certificate (PEM).")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Its private key (PEM).")],
    crl: Annotated[Path | None, typer.Option(metavar="FILE", help="Revocation list (PEM).")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port.")] = 8883,
    address: Annotated[str | None, typer.Option(help="Listen on this address only.")] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="The broker's database.")] = Path("/var/lib/mosquitto"),
    owner: Annotated[str | None, typer.Option(help="The account it runs as.  [mosquitto, if there is one]")] = None,
    replace: ReplaceOption = False,
) -> None:
    """Write a mosquitto configuration with its access list: certificates required, nobody anonymous."""
    members = [_member(name, None) for name in user]
    plan = steps.BrokerPlan(
        certificate=cert,
        key=key,
        authority=ca,
        revoked=crl,
        port=port,
        address=address,
        data=data,
        account=owner or known_account("mosquitto") or getpass.getuser(),
    )
    with explained():
        path = steps.broker(plan, members, out, replace=replace, now=_now())
    typer.echo(f"{path}: try it with 'mosquitto -c {path}'; where Debian's service runs it:")
    typer.echo(f"  ln -sf {path.resolve()} /etc/mosquitto/mosquitto.conf && systemctl restart mosquitto")


@app.command()
def access(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The access list that 'provision broker' wrote.")],
    add: Annotated[list[str] | None, typer.Option("--add", metavar="NAME", help="Give this one its rights.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", metavar="NAME", help="Take them away.")] = None,
) -> None:
    """Show who may do what on the broker; add or remove somebody."""
    with explained():
        members = steps.change_access(
            file,
            add=[_member(name, None) for name in add or ()],
            remove=[_member(name, None) for name in remove or ()],
        )
    for member in members:
        typer.echo(f"{member.name}: {member.topics}/…")
    if add or remove:
        typer.echo("to have the broker read it: systemctl reload mosquitto")


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Certificates or signing requests (PEM).")],
    json: JsonOption = False,
) -> None:
    """Tell whose certificate or request a file is, and how long it is valid; exit code 1 if one has expired."""
    with explained():
        found = [one for file in files for one in describe(file)]
    present = _now()
    expired = [one for one in found if one.ends is not None and one.ends <= present]
    if json:
        times = {"begins", "ends"}
        listed = [
            {key: value.isoformat() if key in times and value else value for key, value in asdict(one).items()}
            for one in found
        ]
        typer.echo(json_format.dumps(listed))
    else:
        for one in found:
            typer.echo(_sentence(one, present))
    raise typer.Exit(Exit.FAILED if expired else Exit.OK)


@app.command()
def models(
    root: Annotated[Path, typer.Option("--root", metavar="FILE", help="The publisher's root, fully signed.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where [updates] root looks for it.")] = (
        DEFAULT_MODELS_ROOT
    ),
    replace: ReplaceOption = False,
) -> None:
    """Have this station trust a publisher of bundles. Compare the keys' ids with what the publisher reads out."""
    with explained():
        found = read_root(root)
        write(out, read(root), replace=replace)
    typer.echo(f"{out}: " + "\n".join(root_lines(found.signed)))
    typer.echo(f'then, in the station\'s configuration:\n  [updates]\n  source = "https://HOST/PATH"\n  root = "{out}"')


def _member(name: str | None, config: Path | None) -> Member:
    try:
        if name is not None and config is None:
            return parse_member(name)
        if name is None and config is not None:
            station = load_or_exit(config).config.station
            return station_member(station.site, station.line, station.name)
    except ProvisioningError as error:
        fail(str(error), Exit.USAGE)
    return fail(
        "whose? give a name such as plc.plant1.line3.st07, or --config FILE for the station of that file", Exit.USAGE
    )


def _password(path: Path | None) -> bytes | None:
    if path is None:
        return None
    words = read(path).splitlines()
    if not words or not words[0]:
        fail(f"--password-file {path}: its first line is empty: write the password there", Exit.USAGE)
    return words[0]


def _tell_certificate(made: steps.Written) -> None:
    if made.certificate is not None:
        typer.echo(_sentence(describe(made.certificate)[0], _now()))
        typer.echo(f"bring {made.certificate.name} and {made.authority} to where its key is")


def _tell_configuration(folder: Path, member: Member) -> None:
    whole = folder.resolve()
    typer.echo("then, in the station's configuration:")
    typer.echo('  [line]\n  broker = "mqtts://BROKER:8883"')
    for key, file in (("ca", steps.AUTHORITY_COPY), ("cert", f"{member.name}.crt"), ("key", f"{member.name}.key")):
        typer.echo(f'  {key} = "{whole / file}"')


def _sentence(one: Described, present: dt.datetime) -> str:
    if one.begins is None or one.ends is None:
        hosts = f" for {', '.join(one.hosts)}" if one.hosts else ""
        return f"{one.file}: request of {one.name}{hosts}"
    left = (one.ends - present) / DAY
    state = "HAS EXPIRED" if left <= 0 else "NOT YET VALID" if one.begins > present else f"{left:.0f} days left"
    if 0 < left < WARN_DAYS:
        state += ": renew it"
    hosts = f" ({', '.join(one.hosts)})" if one.hosts else ""
    return f"{one.file}: {one.name}{hosts}, by {one.issuer}, until {one.ends:%Y-%m-%d}, {state}"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
