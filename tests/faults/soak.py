"""The long form of the fault suite: ``make soak``, or ``python -m tests.faults.soak --help``.

Has every fault of the fault table as often as its long form says, each on a line of its own; then very many triggers
while faults follow one another; then the shipped network in peace; then bad input and every single write. Prints a row
each and ends by itself: 0 where every book agrees, 1 otherwise.
"""

import argparse
import json
import logging
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from edge.inspector.station import software_version
from tests.support.plant import ROOT, Outcome
from tests.support.scenarios import broker, flood, link, stages, stores, triggers

FAULTS: Final = (*broker.FAULTS, *link.FAULTS, *triggers.FAULTS, *stages.FAULTS, *stores.FAULTS)
TESTS: Final = {
    "bad input": ("tests/faults/test_bad_input.py",),
    "every single write": ("tests/faults/test_every_write.py", "tests/faults/test_spool_on_a_failing_disk.py"),
}
HEAD: Final = ("fault", "times", "triggers", "accept", "reject", "cannot judge", "loss", "seconds", "outcome")
FORM: Final = "{:<44} {:>6} {:>9} {:>8} {:>7} {:>12} {:>7} {:>8}  {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    fault: str
    times: int
    seconds: float
    problems: tuple[str, ...]
    triggers: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)
    accepts_actuated: int = 0
    unrevealed: int = 0
    unrecorded: int = 0
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        counts = [self.verdicts.get(name, 0) for name in ("accept", "reject", "cannot_judge", "loss")]
        outcome = "ok" if not self.problems else f"BROKEN: {self.problems[0]}"
        return FORM.format(self.fault, self.times, self.triggers, *counts, f"{self.seconds:.0f}", outcome)


def main() -> int:
    """Run what was asked for."""
    asked = _arguments()
    logging.disable(logging.WARNING)  # links say that they are broken, as they should
    wanted = re.compile(asked.only)
    rows: list[Row] = []
    sys.stdout.write(FORM.format(*HEAD) + "\n")

    def run(name: str, work: Callable[[Path], Outcome]) -> None:
        if wanted.search(name):
            rows.append(_row(name, work))
            _say(rows[-1].text)
            _write(asked.json, rows)

    for fault in FAULTS:
        run(fault.name, partial(fault.alone, times=max(1, round(fault.long * asked.scale))))
    seconds = asked.hours * 3600
    run("all faults, very many triggers", lambda f: flood.flood(f, asked.triggers, seconds, _progress))
    run(
        "all faults and kills, many triggers",
        lambda f: flood.flood(f, asked.triggers // 5, seconds / 5, _progress, kills=True),
    )
    run("the shipped network in peace", lambda f: flood.in_peace(f, asked.parts, seconds, _progress))
    for name, files in TESTS.items():
        run(name, partial(_tests, files=files, examples=asked.examples))

    _say(_sum(rows))
    for row in rows:
        for problem in row.problems:
            _say(f"{row.fault}: {problem}")
    return int(any(row.problems for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description="The long form of the fault suite.")
    parser.add_argument("--triggers", type=int, default=100_000, help="triggers under all faults [100000]")
    parser.add_argument("--parts", type=int, default=20_000, help="parts with the shipped network [20000]")
    parser.add_argument("--hours", type=float, default=1.0, help="at most so long for each of these two [1]")
    parser.add_argument("--scale", type=float, default=1.0, help="times every fault's own count [1]")
    parser.add_argument("--examples", type=int, default=100_000, help="examples of each kind of bad input [100000]")
    parser.add_argument("--only", default="", help="rows whose name matches this expression")
    parser.add_argument("--json", type=Path, help="write all figures here, too, after every row")
    return parser.parse_args()


def _row(name: str, work: Callable[[Path], Outcome]) -> Row:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linegate-soak-", ignore_cleanup_errors=True) as folder:
        try:
            outcome = work(Path(folder))
        except Exception:  # noqa: BLE001 - the rest is run all the same
            problem = traceback.format_exc(limit=-3)
            return Row(fault=name, times=0, seconds=time.monotonic() - began, problems=(problem,))
    books = outcome.books
    return Row(
        fault=name,
        times=outcome.times,
        seconds=time.monotonic() - began,
        problems=outcome.problems,
        triggers=books.triggers,
        verdicts=dict(books.verdicts),
        codes=dict(sorted(books.codes.items())),
        accepts_actuated=books.accepts_actuated,
        unrevealed=books.unrevealed,
        unrecorded=books.unrecorded,
        measured=dict(outcome.measured),
    )


def _tests(folder: Path, *, files: tuple[str, ...], examples: int) -> Outcome:
    """Run tests in their long form."""
    command = [sys.executable, "-m", "pytest", "-q", "--soak", "--hypothesis-profile", "soak", "--timeout", "0"]
    command += ["-p", "no:cacheprovider", f"--basetemp={folder / 'tests'}", *files]
    environment = os.environ | {"LINEGATE_SOAK_EXAMPLES": str(examples)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1:]
    problems = () if done.returncode == 0 else (done.stdout[-3000:] + done.stderr[-1000:],)
    return Outcome(times=1, problems=problems, measured={"tests": last, "examples_each": examples})


def _sum(rows: list[Row]) -> str:
    triggers = sum(row.triggers for row in rows)
    times = sum(row.times for row in rows)
    accepts = sum(row.accepts_actuated for row in rows)
    broken = sum(bool(row.problems) for row in rows)
    return (
        f"faults={times} triggers={triggers} accepts_actuated={accepts} "
        f"unrevealed={sum(row.unrevealed for row in rows)} unrecorded={sum(row.unrecorded for row in rows)} "
        f"rows={len(rows)} broken={broken}"
    )


def _write(path: Path | None, rows: list[Row]) -> None:
    if path is None:
        return
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    versions = {"linegate": software_version(), "python": platform.python_version(), "kernel": platform.release()}
    fields = [{name: getattr(row, name) for name in Row.__dataclass_fields__} for row in rows]
    path.write_text(json.dumps({"machine": machine, "versions": versions, "rows": fields}, indent=1), encoding="utf-8")


def _progress(line: str) -> None:
    _say(f"  {line}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
