"""The live table shows names as they are."""

from io import StringIO

import pytest
from rich.console import Console

from edge.cli.demo_table import LiveTable
from edge.core.types import Act, Decision
from edge.line.plc_report import Actuation


@pytest.mark.parametrize("name", ["/data/[red]x", "/data/[/bold]", "/data/a[1]", "/data/:smile:"])
def test_brackets_in_names_are_no_markup(name):
    sink = StringIO()
    console = Console(file=sink, width=120, color_system=None)
    view = LiveTable(console, f"replay:{name}", {1: name})
    view.add(
        Actuation(
            session=7,
            epoch=1,
            seq=1,
            trig=1,
            part="[b]P1",
            decision=Decision.REJECT,
            code=1001,
            act=Act.REJECTED,
            reason="judged",
            latency_ms=1.0,
        )
    )
    console.print(view._draw())
    title, *rows = sink.getvalue().splitlines()
    assert f"linegate demo: replay:{name}" in title
    assert any("[b]P1" in row and name in row for row in rows)
