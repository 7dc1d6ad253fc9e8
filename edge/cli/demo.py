"""``linegate demo``: the whole line on this machine, with a real broker, daemon and PLC simulator."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy.active import shipped_bundle
from edge.cli.common import Exit, explained, fail, stop_event
from edge.cli.demo_table import LiveTable, PlainLines
from edge.ledger.lock import holder, is_held
from edge.ledger.schema import FILE_NAME as LEDGER
from edge.ledger.verify import verify
from edge.line.broker import EmbeddedBroker
from edge.line.leash import leashed
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from edge.line.plc_report import PlcSummary
from edge.spool.check import image_problem
from models.bundle import read_bundle

SITE, LINE, STATION = "demo", "line1", "st01"
PLC_TIMER_MS: Final = 1000
CONFIGURATION: Final = "linegate.toml"
MARKER: Final = "# written by linegate demo, anew at every start: a change in here is lost"
STOP_S: Final = 20.0


def demo(
    parts: Annotated[int | None, typer.Option("--parts", min=1, help="End after this many parts.")] = None,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="A COCO folder, or any folder of pictures, instead of the virtual line."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="The broker's port; else a free one.")
    ] = None,
    directory: Annotated[Path | None, typer.Option("--directory", help="Keep ledger and pictures here.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.1, max=10, help="Parts per second.")] = 2.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The virtual line's seed.")] = 1,
) -> None:
    """Run broker, PLC simulator, camera and inspector together and show every part; Ctrl-C ends it."""
    stopping = stop_event()
    source = f"virtual:?seed={seed}&defects=0.25" if images is None else replay_source(images)
    with explained(), _state_folder(directory) as folder:
        _refuse_foreign(folder)
        summary = _run(folder, source, port=port, parts=parts, rate=rate, stopping=stopping)
        problems = _ledger_problems(folder)
    for problem in problems[:20]:
        typer.echo(f"ledger: {problem}")
    typer.echo(
        f"parts={summary.parts} verdicts={summary.verdicts} accept={summary.accept} reject={summary.reject} "
        f"cannot_judge={summary.cannot_judge} late={summary.late} ledger={'broken' if problems else 'ok'}"
    )
    if problems or (parts is not None and summary.parts < parts and not stopping.is_set()):
        raise typer.Exit(Exit.FAILED)


def _run(
    folder: Path, source: str, *, port: int | None, parts: int | None, rate: float, stopping: threading.Event
) -> PlcSummary:
    console = Console()
    classes = {entry.id: entry.name for entry in read_bundle(shipped_bundle()).manifest.classes}
    with EmbeddedBroker(folder, port=port) as broker:
        configuration = write_configuration(folder, broker.address, source)
        with inspector_process(configuration, folder / "inspect.log") as process:
            view = LiveTable(console, source, classes) if console.is_terminal else PlainLines(console, classes)
            plc = PlcSimulator(
                PlcSettings(rate=rate, parts=parts, timer_ms=PLC_TIMER_MS, test_line=True),
                plc_link_settings(SITE, LINE, STATION, broker.address),
                on_actuation=view.add,
            )
            with view:
                run_plc(plc, process, stopping, folder / "inspect.log")
        return plc.summary


def run_plc(plc: PlcSimulator, process: "subprocess.Popen[bytes]", stopping: threading.Event, log: Path) -> PlcSummary:
    """Run a PLC until its parts are done or the user stops it; exit with 1 if the inspector ends before."""
    done = threading.Event()

    def watch() -> None:
        while not stopping.wait(0.1) and process.poll() is None:
            pass
        done.set()

    threading.Thread(target=watch, daemon=True).start()
    summary = plc.run(done)
    if process.poll() is not None and not stopping.is_set():
        fail(f"the inspector ended early (exit {process.poll()}); its log:\n{_tail(log)}")
    return summary


def write_configuration(folder: Path, broker: str, source: str) -> Path:
    """Write the demo station's configuration and return its path."""
    path = folder / CONFIGURATION
    lines = [
        MARKER,
        "[station]",
        f'site = "{SITE}"',
        f'line = "{LINE}"',
        f'name = "{STATION}"',
        "",
        "[[camera]]",
        'name = "top"',
        f"source = {_toml_string(source)}",
        "",
        "[line]",
        f'broker = "{broker}"',
        "",
        "[store]",
        f"path = {_toml_string(str(folder))}",
        'spool_limit = "1 GB"',
    ]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


@contextmanager
def inspector_process(configuration: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``linegate inspect`` as its own process; at the end, or if this process dies, it is told to stop in order.

    Its end is waited for; the pid is the inspector's own. The thread that starts it must live as long.
    """
    with log.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - this very program
            leashed([sys.executable, "-m", "edge.cli", "inspect", "--config", str(configuration)]),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _state_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        kept = _nameable(wanted)
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="linegate-demo-") as folder:
        yield Path(folder)


def _refuse_foreign(folder: Path) -> None:
    """End, with nothing written yet, where the folder is in use or is not a demo's own."""
    if is_held(folder):
        pid = holder(folder)
        who = "an inspector" if pid is None else f"an inspector (process {pid})"
        fail(f"{folder}: in use by {who}; end that one, or choose another --directory")
    configuration = folder / CONFIGURATION
    ours = configuration.exists() and configuration.read_bytes().startswith(MARKER.encode())
    for name in (CONFIGURATION, LEDGER):
        if not ours and (folder / name).exists():
            fail(f"{folder / name}: is not a demo's, so the demo does not touch it; choose another --directory")


def replay_source(images: Path) -> str:
    """Return the source that replays a folder; exit with 2 where it is no folder or no source can name it."""
    if not images.is_dir():
        fail(f"{images}: is not a folder; name a folder of pictures, or a COCO folder", Exit.USAGE)
    text = str(_nameable(images))
    if "?" in text:
        fail(f"{text!r}: has a '?', where the parameters of a replay begin: rename it", Exit.USAGE)
    if text != text.rstrip():
        fail(f"{text!r}: ends with a space, which a source may not: rename it", Exit.USAGE)
    return f"replay:{text}"


def _nameable(path: Path) -> Path:
    """Return the whole path; exit with 2 where a configuration cannot name it."""
    whole = Path(os.path.realpath(path))  # pathlib's own raises where links lead in a circle
    text = str(whole)
    try:
        text.encode()
    except UnicodeEncodeError:
        fail(f"{text!r}: is not UTF-8 text, which a configuration is: rename it", Exit.USAGE)
    if not text.isprintable():
        fail(f"{text!r}: has a line break, or another character that cannot be shown: rename it", Exit.USAGE)
    return whole


def _toml_string(text: str) -> str:
    """Quote a text as TOML wants it: as JSON, but with every character as itself, and U+007F escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _ledger_problems(folder: Path) -> list[str]:
    report = verify(folder, image_problem(folder / "spool"))
    return list(report.problems)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
