"""What the demo shows: a live table on a terminal, plain lines elsewhere."""

from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edge.core.codes import REJECT_BASE, describe
from edge.core.types import Act
from edge.line.plc_report import Actuation, PlcSummary

ROWS: Final = 15
COLOURS: Final = {"accept": "green", "reject": "red", "cannot judge": "yellow"}


def verdict_of(done: Actuation) -> str:
    """Return the station's verdict in words, or why there is none."""
    return done.decision.label.replace("_", " ") if done.decision else "no answer"


def reason_of(done: Actuation, classes: Mapping[int, str]) -> str:
    """Return why the part was not accepted, empty for an accept; ``classes`` names the bundle's classes by id."""
    if done.act is Act.ACCEPTED:
        return ""
    if not done.code:
        return done.reason
    return classes.get(done.code - REJECT_BASE) or describe(done.code)


class PlainLines:
    """One line a part, for logs and pipes."""

    def __init__(self, console: Console, classes: Mapping[int, str]) -> None:
        self._console = console
        self._classes = classes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def add(self, done: Actuation) -> None:
        """Print a part."""
        why = reason_of(done, self._classes)
        line = f"{done.trig:>5}  {done.part:<8} {verdict_of(done):<13} {done.latency_ms:7.1f} ms  {why}"
        self._console.print(line.rstrip(), highlight=False, markup=False, soft_wrap=True)


class LiveTable:
    """The last parts and the counts, redrawn in place."""

    def __init__(self, console: Console, source: str, classes: Mapping[int, str]) -> None:
        self._source = source
        self._classes = classes
        self._last: deque[Actuation] = deque(maxlen=ROWS)
        self._summary = PlcSummary()
        self._live = Live(self._draw(), console=console, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def add(self, done: Actuation) -> None:
        """Show a part."""
        self._last.append(done)
        self._summary.count(done)
        self._live.update(self._draw())

    def _draw(self) -> Table:
        counts = self._summary
        title = Text(f"linegate demo: {self._source}", style="table.title")  # a folder's [brackets] are no markup
        caption = (
            f"{counts.parts} parts: {counts.accept} accepted, {counts.reject} rejected, "
            f"{counts.cannot_judge} not judged, {counts.late} late. Ctrl-C ends."
        )
        table = Table(title=title, caption=caption, expand=False)
        table.add_column("trigger", justify="right")
        table.add_column("part")
        table.add_column("verdict")
        table.add_column("why not accepted")
        table.add_column("trigger to answer", justify="right")
        for done in self._last:
            verdict = verdict_of(done)
            colour = COLOURS.get(verdict, "magenta")
            why = reason_of(done, self._classes)
            table.add_row(
                str(done.trig), Text(done.part), Text(verdict, colour), Text(why), f"{done.latency_ms:.1f} ms"
            )
        return table
