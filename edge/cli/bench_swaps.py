"""``linegate bench --swaps``: bundles exchanged again and again under load, and what the parts notice of it."""

import hashlib
import json
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from deploy.active import shipped_bundle
from deploy.slots.provenance import Provenance, provenance_path
from deploy.slots.store import INCOMING_FOLDER, models_folder, read_slots
from edge.cli.bench_report import NS_PER_MS, figures
from edge.cli.common import Exit, fail
from edge.cli.demo import (
    LINE,
    PLC_TIMER_MS,
    SITE,
    STATION,
    inspector_process,
    run_plc,
    write_configuration,
)
from edge.core.statistics import percentile
from edge.core.types import Act
from edge.inspector.operating import ModelRequest, OperatingError, State
from edge.inspector.operator_client import ask
from edge.ledger.export import export
from edge.ledger.stages import PartTimes, part_times
from edge.ledger.verify import verify
from edge.line.broker import EmbeddedBroker
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from models.bundle import Manifest, read_bundle
from models.bundle.layout import MANIFEST
from models.bundle.writing import pack

BEFORE_S: Final = 3.0
"""So many seconds before a swap are what it is compared with."""
AFTER_S: Final = 0.5
WARM_UP_S: Final = 3.0
NEWEST: Final = 1_000_000
_LOST: Final = "loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One exchange: when it was asked for and when it was done, Unix milliseconds."""

    kind: str
    began: int
    ended: int


def measure_swaps(swaps: int, rate: float, source: str) -> dict[str, Any]:
    """Exchange bundles so often while a PLC has parts inspected; return what was measured."""
    with tempfile.TemporaryDirectory(prefix="linegate-swaps-") as name:
        folder = Path(name)
        log = folder / "inspect.log"
        stopping, done = threading.Event(), list[Swap]()
        problems: list[str] = []
        with (
            EmbeddedBroker(folder) as broker,
            inspector_process(write_configuration(folder, broker.address, source), log) as process,
        ):
            plc = PlcSimulator(
                PlcSettings(rate=rate, parts=None, timer_ms=PLC_TIMER_MS, test_line=True),
                plc_link_settings(SITE, LINE, STATION, broker.address),
            )

            def operate() -> None:
                try:
                    for swap in _swaps(folder, swaps, stopping):
                        done.append(swap)
                        typer.echo(f"swap {len(done)} of {swaps} ({swap.kind})", err=True)
                except (OperatingError, OSError, ValueError) as error:
                    problems.append(str(error))
                finally:
                    stopping.set()

            threading.Thread(target=operate, name="operator", daemon=True).start()
            summary = run_plc(plc, process, stopping, log)
        if problems:
            fail(f"after {len(done)} swaps: {problems[0]}", Exit.FAILED)
        report = verify(folder)
        records = list(export(folder))
        lost = sum(record["verdict"] == _LOST for record in records)
        late = [record["received_at"] for record in records if record["ack_act"] == Act.TIMED_OUT]
        return {
            "swaps": len(done),
            "rate_per_s": rate,
            "parts": summary.parts,
            "lost": lost,
            "late": summary.late,
            "ledger": "ok" if report.ok else "broken",
            **_compared(done, list(part_times(folder, newest=NEWEST)), late),
        }


def swap_lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield the report for people."""
    yield (
        f"{report['swaps']} swaps at {report['rate_per_s']:g} parts/s: {report['parts']} parts, {report['lost']} lost, "
        f"{report['late']} late, ledger {report['ledger']}; receipt to send in milliseconds:"
    )
    for name in ("before", "during"):
        row = report[name]
        told = "  ".join(f"{key} {row[key]:8.3f}" for key in ("p50", "p99", "max"))
        yield f"{name:>10}  {told}  of {row['parts']} parts, {row['late']} late"
    yield f"p99 during / before: {report['p99_ratio']:.2f}; a promotion takes {report['promotion_s']:.1f} s (median)"


def _swaps(store: Path, count: int, stopping: threading.Event) -> Iterator[Swap]:
    """Yield exchanges: a bundle promoted, the one before brought back, and so on."""
    _wait_for(store, stopping)
    sibling = _sibling()
    label = _bring(store, sibling)
    made = 0
    while made < count and not stopping.is_set():
        for action in ("verify", "shadow", "canary"):
            _asked(store, action, label)
        for action in ("promote", "rollback")[: count - made]:
            stopping.wait(WARM_UP_S + BEFORE_S)
            began = _now()
            _asked(store, action, label)
            stopping.wait(AFTER_S)
            made += 1
            yield Swap(kind=action, began=began, ended=_now())
    stopping.wait(1.0)


def _compared(swaps: Sequence[Swap], times: Sequence[PartTimes], late: Sequence[int | None]) -> dict[str, Any]:
    spans = {
        "before": [(one.began - int(BEFORE_S * 1000), one.began) for one in swaps],
        "during": [(one.began, one.ended) for one in swaps],
    }
    rows: dict[str, dict[str, Any]] = {}
    for name, known in spans.items():
        parts = [part for part in times if any(first <= part.received_utc_ms < last for first, last in known)]
        rows[name] = {
            "parts": len(parts),
            "late": sum(at is not None and any(first <= at < last for first, last in known) for at in late),
            **figures(part.total_ns / NS_PER_MS for part in parts),
        }
    before, during = rows["before"]["parts"], rows["during"]["parts"]
    promotions = sorted((one.ended - one.began) / 1000 - AFTER_S for one in swaps if one.kind == "promote")
    ratio = rows["during"]["p99"] / rows["before"]["p99"] if before and during else None
    return {**rows, "p99_ratio": ratio, "promotion_s": percentile(promotions, 0.5) if promotions else None}


def _sibling() -> bytes:
    """Return the shipped bundle as another version of itself: the same network, another name and hash."""
    bundle = read_bundle(shipped_bundle())
    with zipfile.ZipFile(shipped_bundle()) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    manifest: Manifest = bundle.manifest.model_copy(update={"version": bundle.manifest.version + 1})
    return pack(manifest, members)


def _bring(store: Path, data: bytes) -> str:
    manifest = read_bundle(shipped_bundle()).manifest
    label = f"{manifest.name}-{manifest.version + 1}"
    path = models_folder(store) / INCOMING_FOLDER / f"{label}.lgb"
    path.write_bytes(data)
    told = Provenance(sha256=hashlib.sha256(data).hexdigest(), source="linegate bench")
    provenance_path(path).write_text(told.model_dump_json(), encoding="utf-8")
    return label


def _wait_for(store: Path, stopping: threading.Event) -> None:
    incoming = models_folder(store) / INCOMING_FOLDER
    until = time.monotonic() + 60
    while not (incoming.is_dir() and (store / "inspect.sock").exists()):
        if stopping.wait(0.1) or time.monotonic() > until:
            raise OperatingError("the inspector did not come up")
    stopping.wait(WARM_UP_S)


def _asked(store: Path, action: Any, bundle: str) -> None:
    *_, last = ask(store, ModelRequest(action=action, bundle=bundle, says=json.dumps("linegate bench")))
    if last.state is not State.DONE:
        moves = read_slots(store).moves
        why = f" (before: {moves[-1].bundle} {moves[-1].after}: {moves[-1].reason})" if moves else ""
        raise OperatingError(f"{action} {bundle}: {last.text}{why}")


def _now() -> int:
    return time.time_ns() // 1_000_000
