"""``linegate bench``: where a part's time goes, on this machine or, by its ledger, on a station's real parts."""

import json as json_format
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import cv2
import typer

from camera.virtual import VirtualLine, VirtualParameters
from edge.cli.bench_report import figures, stage_fields, stage_lines
from edge.cli.bench_swaps import measure_swaps, swap_lines
from edge.cli.common import Exit, JsonOption, explained, fail, stop_event
from edge.cli.demo import (
    LINE,
    PLC_TIMER_MS,
    SITE,
    STATION,
    inspector_process,
    replay_source,
    run_plc,
    write_configuration,
)
from edge.ledger.stages import part_times
from edge.line.broker import EmbeddedBroker
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
IDLE_S: Final = 5.0
PICTURES: Final = 12
"""Virtual parts that are drawn before the measurement: a camera costs the station no drawing either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process used: the share of one core, and resident memory now and at its highest, in MB."""

    cpu: float
    rss_mb: float
    peak_rss_mb: float


def bench(
    parts: Annotated[int, typer.Option("--parts", min=10, help="Parts to measure.")] = 200,
    rate: Annotated[float, typer.Option("--rate", min=0.5, max=10, help="Parts per second.")] = 5.0,
    images: Annotated[
        Path | None, typer.Option("--images", help="A folder of pictures instead of the virtual line's.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="STORE", help="The newest parts of this store, inspecting none.")
    ] = None,
    swaps: Annotated[
        int | None, typer.Option("--swaps", min=1, help="Exchange the active bundle so often meanwhile.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Inspect parts at a steady rate and report every stage's time, and the inspector's memory and CPU.

    With --ledger: where the time of the newest parts of a station's own ledger went. With --swaps: what parts notice
    while one bundle takes another's place.
    """
    if swaps is not None:
        if ledger is not None:
            fail("--swaps and --ledger: give one of them", Exit.USAGE)
        _swapped(swaps, rate, images, as_json=json)
        return
    with explained():
        if ledger is None:
            report = _measured(parts, rate, images)
        elif images is None:
            report = _recorded(ledger, parts)
        else:
            fail("--images and --ledger: give one of them", Exit.USAGE)
    typer.echo(json_format.dumps(report) if json else "\n".join(_lines(report)))


def _swapped(swaps: int, rate: float, images: Path | None, *, as_json: bool) -> None:
    with explained(), tempfile.TemporaryDirectory(prefix="linegate-bench-") as name:
        source = replay_source(images or _drawn(Path(name) / "pictures"))
        report = measure_swaps(swaps, rate, source)
    typer.echo(json_format.dumps(report) if as_json else "\n".join(swap_lines(report)))
    if report["lost"] or report["late"] or report["ledger"] != "ok":
        raise typer.Exit(Exit.FAILED)


def _recorded(store: Path, parts: int) -> dict[str, Any]:
    times = list(part_times(store, newest=parts))
    if not times:
        fail(f"{store}: no part in it was answered live yet")
    return {
        "store": str(store),
        "from": times[0].received_utc_ms,
        "to": times[-1].received_utc_ms,
        **stage_fields(times),
    }


def _measured(parts: int, rate: float, images: Path | None) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="linegate-bench-") as name:
        folder = Path(name)
        source = replay_source(images or _drawn(folder / "pictures"))
        stopping = stop_event()
        log = folder / "inspect.log"
        with (
            EmbeddedBroker(folder) as broker,
            inspector_process(write_configuration(folder, broker.address, source), log) as process,
        ):
            plc = PlcSimulator(
                PlcSettings(rate=rate, parts=parts, timer_ms=PLC_TIMER_MS, test_line=True),
                plc_link_settings(SITE, LINE, STATION, broker.address),
            )
            started = (time.monotonic(), _cpu_s(process.pid))
            summary = run_plc(plc, process, stopping, log)
            loaded = _usage(process.pid, *started)
            started = (time.monotonic(), _cpu_s(process.pid))
            threading.Event().wait(IDLE_S)
            idle = _usage(process.pid, *started)
        if summary.parts < parts:
            fail(f"only {summary.parts} of {parts} parts were inspected", Exit.FAILED)
        times = list(part_times(folder, newest=parts))
    return {
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "load_before": load},
        "rate_per_s": rate,
        **stage_fields(times),
        "plc_ms": figures(iter(summary.latencies_ms)),
        "loaded": _usage_fields(loaded),
        "idle": _usage_fields(idle),
    }


def _drawn(folder: Path) -> Path:
    """Draw virtual parts into a new folder."""
    typer.echo(f"drawing {PICTURES} parts", err=True)
    folder.mkdir()
    line = VirtualLine(VirtualParameters(seed=1))
    for index in range(PICTURES):
        cv2.imwrite(str(folder / f"{index:03d}.jpg"), line.render(index).image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder


def _usage_fields(usage: Usage) -> dict[str, float]:
    return {
        "cpu_of_one_core": round(usage.cpu, 3),
        "rss_mb": round(usage.rss_mb, 1),
        "peak_rss_mb": round(usage.peak_rss_mb, 1),
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    if "store" in report:
        span = " to ".join(_local(report[key]) for key in ("from", "to"))
        yield f"{report['store']}: {report['judged']} of {report['parts']} parts judged, {span}; milliseconds:"
    else:
        machine = report["machine"]
        yield f"{machine['processor']}, {machine['cores']} cores, load {machine['load_before']:.1f}"
        yield f"{report['judged']} of {report['parts']} parts judged at {report['rate_per_s']:g}/s; milliseconds:"
    yield from stage_lines(report)
    for name in ("loaded", "idle"):
        if usage := report.get(name):
            yield (
                f"{name:>36}  {usage['cpu_of_one_core'] * 100:.0f} % of a core, {usage['rss_mb']:.0f} MB resident "
                f"(at most {usage['peak_rss_mb']:.0f} MB)"
            )


def _local(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().isoformat(sep=" ", timespec="seconds")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _usage(pid: int, since: float, cpu_before_s: float) -> Usage:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    sizes = {line.partition(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Vm")}
    elapsed_s = time.monotonic() - since
    return Usage(
        cpu=(_cpu_s(pid) - cpu_before_s) / elapsed_s,
        rss_mb=int(sizes["VmRSS"]) / 1000,
        peak_rss_mb=int(sizes["VmHWM"]) / 1000,
    )
