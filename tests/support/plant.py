"""A whole line that can be broken anywhere: mosquitto, proxies before the station and the PLC, and witnesses."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from edge.core.types import Act
from edge.ledger.export import export
from edge.ledger.verify import verify
from edge.line.leash import leashed
from edge.line.plc import PlcSettings, PlcSimulator, plc_link_settings
from edge.spool.check import image_problem
from tests.support.books import Books, accepts_missing, compare
from tests.support.brokers import mosquitto_broker
from tests.support.ledgers import unclean_epochs
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until
from tests.support.witness import Hooks, Witness, listening_beside, witnessed_plc

ROOT: Final = Path(__file__).parents[2]
SITE, LINE, STATION = "plant1", "line3", "st07"
TIMER_MS: Final = 800
SLACK_MS: Final = 150
"""Enough for a machine with other work to do."""

STOP_S: Final = 30.0
RECOVERY_S: Final = 120.0
SETTLED_S: Final = 5.0

REAL: Final = ("-m", "edge.cli", "inspect", "--config")
STAND_IN: Final = ("-m", "tests.support.station_process")

LINE_OF_PARTS: Final = PlcSettings(rate=40, timer_ms=TIMER_MS, test_line=True, outstanding=2)
FAST: Final = replace(LINE_OF_PARTS, rate=0, outstanding=4)
"""One part after the other, as quickly as they are answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run under a fault came to; it stands if ``problems`` is empty."""

    times: int
    books: Books = field(default_factory=Books)
    problems: tuple[str, ...]
    measured: Mapping[str, Any] = field(default_factory=dict)

    def and_problems(self, problems: Sequence[str]) -> "Outcome":
        """Return the outcome with what was found wrong on the way, first."""
        return replace(self, problems=(*problems, *self.problems))


class StationProcess:
    """An inspector as a process that is started, told, stopped, killed and started again."""

    def __init__(self, module: tuple[str, ...], configuration: Path, log: Path) -> None:
        self._command = [sys.executable, *module, str(configuration)]
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.said: list[str] = []
        self.starts = 0

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """All that it wrote to its log, over every start."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it; the thread that does must live as long."""
        self.starts += 1
        with self._log.open("ab") as sink:
            self._process = subprocess.Popen(
                leashed(self._command),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                start_new_session=True,
            )
        self.said = []
        self._reader = threading.Thread(target=self._read, args=(self._process, self.said), daemon=True)
        self._reader.start()

    def tell(self, order: str) -> None:
        """Give the stand-in station an order, and wait until it is carried out."""
        assert self._process is not None
        assert self._process.stdin is not None
        done = f"done {order}"
        before = self.said.count(done)
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        wait_until(lambda: self.said.count(done) > before, RECOVERY_S, what=f"the station to carry out {order!r}")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._send(signal.SIGKILL)
        self._ended(STOP_S)

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP)."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._send(signal.SIGCONT)

    def stop(self) -> int | None:
        """End it in order and return its exit code, None where it did not run."""
        if not self.running:
            return None
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)
        return self._ended(STOP_S)

    def wait(self, seconds: float) -> int:
        """Wait until it ends by itself and return its exit code."""
        return self._ended(seconds)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _ended(self, seconds: float) -> int:
        assert self._process is not None
        assert self._reader is not None
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._reader.join(STOP_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        return code

    @staticmethod
    def _read(process: subprocess.Popen[str], said: list[str]) -> None:
        assert process.stdout is not None
        said.extend(line.strip() for line in process.stdout)


class Plant:
    """Use as a context manager; everything ends with it.

    ``store`` is where ledger and spool live; ``module`` and ``source`` are the station's program and camera;
    ``deadline_ms`` is the real station's, 0 for its own (the stand-in has one of its own).
    """

    def __init__(
        self,
        folder: Path,
        *,
        store: Path | None = None,
        module: tuple[str, ...] = STAND_IN,
        source: str = "virtual:",
        deadline_ms: int = 0,
        trigger: str = "mqtt",
    ) -> None:
        self.folder = folder
        self.store = store or folder / "store"
        self.store.mkdir(parents=True, exist_ok=True)
        self.witness = Witness()
        self.measured: dict[str, Any] = {}
        self._stack = ExitStack()
        self._module = module
        self._source = source
        self._deadline_ms = deadline_ms
        self._trigger = trigger

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.broker = stack.enter_context(mosquitto_broker(_made(self.folder / "broker")))
            self.station_side = stack.enter_context(Proxy(self.broker.port))
            self.plc_side = stack.enter_context(Proxy(self.broker.port))
            beside = plc_link_settings(SITE, LINE, STATION, self.broker.address)
            self.listener = stack.enter_context(listening_beside(beside, self.witness))
            self.station = StationProcess(self._module, self._configuration(), self.folder / "inspect.log")
            stack.callback(self.station.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def start(self, *orders: str) -> None:
        """Start the station and give it orders."""
        self.station.start()
        for order in orders:
            self.station.tell(order)

    @contextmanager
    def line(
        self, settings: PlcSettings = LINE_OF_PARTS, hooks: Hooks | None = None, *, name: str = "plc"
    ) -> Iterator[PlcSimulator]:
        """Run a PLC behind its proxy; at the end it is stopped, and its last parts are waited for."""
        link = replace(plc_link_settings(SITE, LINE, STATION, self.plc_side.address), client_id=name)
        plc = witnessed_plc(settings, link, self.witness, hooks)
        stop = threading.Event()
        thread = threading.Thread(target=plc.run, args=(stop,), name=name, daemon=True)
        thread.start()
        try:
            yield plc
        finally:
            stop.set()
            thread.join(STOP_S)
            assert not thread.is_alive(), f"the PLC {name} does not end"

    def accepts(self, count: int = 3, seconds: float = RECOVERY_S) -> None:
        """Wait until so many more parts are accepted: the line runs."""
        done = self.witness.accepted
        wait_until(
            lambda: self.witness.accepted >= done + count or not self.station.running,
            seconds,
            what=f"{count} accepted parts",
        )
        assert self.station.running, f"the station ended: {self.station.log[-2000:]}"

    def parts(self, count: int, seconds: float = RECOVERY_S) -> None:
        """Wait until so many more parts are done, whatever became of them."""
        done = self.witness.parts
        wait_until(lambda: self.witness.parts >= done + count, seconds, what=f"{count} parts")

    def late(self, count: int = 1, seconds: float = RECOVERY_S) -> None:
        """Wait until so many more parts get no result in time: the fault has struck."""
        done = self.witness.acts[Act.TIMED_OUT]
        wait_until(lambda: self.witness.acts[Act.TIMED_OUT] >= done + count, seconds, what=f"{count} parts too late")

    def missing(self) -> list[tuple[int, int]]:
        """Return accepts that were heard and the ledger does not have, as it is now."""
        return accepts_missing(list(self.witness.seen), export(self.store))

    def books(self) -> Books:
        """Compare the witness's list with the ledger as it is now."""
        return compare(self.witness.seen, export(self.store), unclean_epochs(self.store))

    def settled(self) -> Books:
        """Compare while the station runs, once it has written down what it did last."""
        books = self.books()
        deadline = time.monotonic() + SETTLED_S
        while books.problems and time.monotonic() < deadline:
            time.sleep(0.1)
            books = self.books()
        return books

    def outcome(self, times: int, codes: tuple[int, ...] = ()) -> Outcome:
        """Stop the station and compare all books; ``codes`` must be on record."""
        code = self.station.stop()
        problems = [] if code in {None, 0} else [f"the station ended with {code}"]
        if "Traceback" in self.station.log:
            problems.append(f"a traceback in the station's log: {self.station.log.split('Traceback', 1)[1][:500]}")
        report = verify(self.store, image_problem(self.store / "spool"))
        problems += [f"ledger verify: {problem}" for problem in report.problems]
        if report.anomalies:
            problems.append(f"{report.anomalies} events on record as anomalies")
        books = self.books()
        problems += books.problems
        problems += [f"no part has code {code}: the fault was not tried" for code in codes if not books.codes[code]]
        if not books.accepts_actuated:
            problems.append("nothing was ever accepted: the run shows nothing")
        return Outcome(times=times, books=books, problems=tuple(problems), measured=dict(self.measured))

    def _configuration(self) -> Path:
        path = self.folder / "linegate.toml"
        path.write_text(
            f"""[station]
site = "{SITE}"
line = "{LINE}"
name = "{STATION}"

[[camera]]
name = "top"
source = {json.dumps(self._source)}

[line]
broker = "{self.station_side.address}"
trigger = "{self._trigger}"
trigger_slack_ms = {SLACK_MS}

[store]
path = {json.dumps(str(self.store))}
spool_limit = "200 MB"
{self._recipe()}""",
            encoding="utf-8",
        )
        return path

    def _recipe(self) -> str:
        if not self._deadline_ms:
            return ""
        times = f"deadline_ms = {self._deadline_ms}\ncapture_ms = {self._deadline_ms // 2}\n"
        return f'[[recipe]]\nid = 0\nname = "test"\nrevision = 1\n{times}views = [{{ camera = "top" }}]\n'


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
