"""What the verbs share: options, exit codes, and errors without a traceback."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from camera.errors import CameraError
from deploy.provisioning.errors import ProvisioningError
from deploy.publishing.errors import PublishingError
from deploy.slots.errors import SlotsError, SlotsRefusedError
from deploy.updates.errors import UpdateError
from edge.config import DEFAULT_PATH, ConfigError, FurtherCheck, LoadedConfig, load_config_file, nothing_further
from edge.core.dataset import DatasetError
from edge.inspector.build import UnsafeStartError
from edge.inspector.judging import Roi
from edge.inspector.views import RecipeError, UnsafeRecipeError
from edge.ledger import LedgerError
from edge.line.link import LinkError
from edge.objects.errors import RemoteError
from edge.spool.errors import SpoolError
from models.errors import ModelError


class Exit(IntEnum):
    """Exit codes of every verb."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3


ConfigOption = Annotated[Path, typer.Option("--config", metavar="FILE", help="The station's configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
BundleOption = Annotated[Path, typer.Option("--bundle", metavar="FILE", help="The bundle, NAME-VERSION.lgb.")]
CommissionedOption = Annotated[
    Path | None, typer.Option("--commissioned", metavar="FILE", help="The view's commissioned file, if it has one.")
]
CatalogueOption = Annotated[
    Path | None, typer.Option("--catalogue", metavar="FILE", help="The view's catalogue, if it has one.")
]
IncumbentCommissionedOption = Annotated[
    Path | None,
    typer.Option("--incumbent-commissioned", metavar="FILE", help="The incumbent's commissioned file, if any."),
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="DIR", help="Write report.html and metrics.json there.")
]


def _region(text: str) -> Roi:
    try:
        x, y, width, height = (int(number) for number in text.split(","))
    except ValueError:
        raise typer.BadParameter("write four whole numbers, X,Y,WIDTH,HEIGHT in pixels") from None
    if min(x, y) < 0 or min(width, height) < 1:
        raise typer.BadParameter("x and y from 0, width and height from 1")
    return x, y, width, height


RoiOption = Annotated[
    Any,  # typer takes no tuple with a parser of its own
    typer.Option(
        "--roi",
        metavar="X,Y,W,H",
        parser=_region,
        help="The view's roi, as in the recipe; a commissioned file tells its own.",
    ),
]

DEFAULT_CONFIG = DEFAULT_PATH

KNOWN_ERRORS = (
    CameraError,
    DatasetError,
    LedgerError,
    LinkError,
    ModelError,
    ProvisioningError,
    PublishingError,
    RecipeError,
    RemoteError,
    SlotsError,
    SpoolError,
)


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Print an error to stderr and exit."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def load_or_exit(path: Path, further: FurtherCheck = nothing_further) -> LoadedConfig:
    """Read a configuration file; on faults print all of them, and what ``further`` finds, and exit with 2."""
    try:
        return load_config_file(path, further)
    except ConfigError as error:
        fail(str(error), Exit.USAGE)


@contextmanager
def explained() -> Iterator[None]:
    """Turn the errors of every layer into a message and an exit code: 3 where safety refuses, else 1."""
    try:
        yield
    except (SlotsRefusedError, UnsafeStartError, UnsafeRecipeError) as error:
        fail(f"refused: {error}", Exit.REFUSED)
    except UpdateError as error:
        fail(f"{error.refusal}: {error}", Exit.REFUSED if error.refusal.refused else Exit.FAILED)
    except KNOWN_ERRORS as error:
        fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise  # most likely the output: edge.cli.running ends every verb alike
        fail(f"{error.filename}: {error.strerror or error}")


def stop_event() -> threading.Event:
    """Return an event that SIGTERM, SIGINT and SIGHUP (a closed terminal) set; to be called in the main thread.

    The handler only writes to a pipe: an event set from a signal handler can meet its own lock, held by the very
    thread that the signal interrupted.
    """
    event = threading.Event()
    receiver, sender = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(receiver, True)

    def wait() -> None:
        os.read(receiver, 1)
        event.set()

    def note(_number: int, _frame: object) -> None:
        with suppress(BlockingIOError):
            os.write(sender, b"!")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # else nohup wants it to go on
            signal.signal(number, note)
    threading.Thread(target=wait, name="signals", daemon=True).start()
    return event


def log_to_stderr() -> None:
    """Send log lines to stderr, without times where the service manager adds its own."""
    stamped = "JOURNAL_STREAM" not in os.environ
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s" if stamped else "%(levelname)s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)
    logging.getLogger("tuf").setLevel(logging.WARNING)  # it tells of every root key that did not sign
