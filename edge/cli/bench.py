"""``linegate bench``: where a part's time goes on this machine, with the real daemon, broker and PLC simulator."""

import json as json_format
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

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
from edge.core.statistics import percentile
from edge.ledger.stages import PartTimes, part_times
from edge.line.broker import EmbeddedBroker
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings

NOT_OURS: Final = ("capture", "halve", "invoke", "commit")
"""Stages that camera, model and disk set: what is left of receipt to send is linegate's own share."""

NS_PER_MS: Final = 1e6
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
IDLE_S: Final = 5.0


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
        Path | None, typer.Option("--images", help="A folder of pictures instead of the virtual line.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Inspect parts at a steady rate and report every stage's time, and the inspector's memory and CPU."""
    source = "virtual:?seed=1" if images is None else replay_source(images)
    stopping = stop_event()
    with explained(), tempfile.TemporaryDirectory(prefix="linegate-bench-") as name:
        folder = Path(name)
        with (
            EmbeddedBroker(folder) as broker,
            inspector_process(write_configuration(folder, broker.address, source), folder / "inspect.log") as process,
        ):
            plc = PlcSimulator(
                PlcSettings(rate=rate, parts=parts, timer_ms=PLC_TIMER_MS, test_line=True),
                plc_link_settings(SITE, LINE, STATION, broker.address),
            )
            started = (time.monotonic(), _cpu_s(process.pid))
            summary = run_plc(plc, process, stopping, folder / "inspect.log")
            loaded = _usage(process.pid, *started)
            started = (time.monotonic(), _cpu_s(process.pid))
            time.sleep(IDLE_S)
            idle = _usage(process.pid, *started)
        if summary.parts < parts:
            fail(f"only {summary.parts} of {parts} parts were inspected", Exit.FAILED)
        report = _report(list(part_times(folder)), rate=rate, loaded=loaded, idle=idle)
    typer.echo(json_format.dumps(report) if json else "\n".join(_lines(report)))


def _report(times: list[PartTimes], *, rate: float, loaded: Usage, idle: Usage) -> dict[str, Any]:
    judged = [part for part in times if "invoke" in part.stages_ns]
    names = list(dict.fromkeys(name for part in judged for name in part.stages_ns))
    own = [part.total_ns - sum(part.stages_ns.get(name, 0) for name in NOT_OURS) for part in judged]
    return {
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "load_before": os.getloadavg()[0]},
        "parts": len(times),
        "judged": len(judged),
        "rate_per_s": rate,
        "stages_ms": {name: _figures([part.stages_ns.get(name, 0) for part in judged]) for name in names},
        "receipt_to_send_ms": _figures([part.total_ns for part in judged]),
        "own_share_ms": _figures(own),
        "loaded": _usage_fields(loaded),
        "idle": _usage_fields(idle),
    }


def _figures(values_ns: list[int]) -> dict[str, float]:
    values = [value / NS_PER_MS for value in values_ns]
    if not values:
        return {}
    return {
        "mean": round(statistics.fmean(values), 3),
        "p50": round(percentile(values, 0.5), 3),
        "p99": round(percentile(values, 0.99), 3),
        "max": round(max(values), 3),
    }


def _usage_fields(usage: Usage) -> Mapping[str, float]:
    return {
        "cpu_of_one_core": round(usage.cpu, 3),
        "rss_mb": round(usage.rss_mb, 1),
        "peak_rss_mb": round(usage.peak_rss_mb, 1),
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    machine = report["machine"]
    yield f"{machine['processor']}, {machine['cores']} cores, load {machine['load_before']:.1f}"
    yield f"{report['judged']} of {report['parts']} parts judged at {report['rate_per_s']:g}/s; milliseconds:"
    rows = {**report["stages_ms"], "receipt to send": report["receipt_to_send_ms"]}
    rows["less " + ", ".join(NOT_OURS)] = report["own_share_ms"]
    for name, figures in rows.items():
        if figures:
            yield f"{name:>36}  p50 {figures['p50']:8.3f}  p99 {figures['p99']:8.3f}  max {figures['max']:8.3f}"
    for name in ("loaded", "idle"):
        usage = report[name]
        yield (
            f"{name:>36}  {usage['cpu_of_one_core'] * 100:.0f} % of a core, {usage['rss_mb']:.0f} MB resident "
            f"(at most {usage['peak_rss_mb']:.0f} MB)"
        )


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
