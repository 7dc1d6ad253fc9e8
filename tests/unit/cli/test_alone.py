"""What the daemon loads, it holds for months: nothing that only other verbs, or other stations, need."""

import subprocess
import sys

HEAVY = ("cryptography", "rich", "nicegui", "obstore", "prometheus_client", "tuf", "torch", "sync", "models.training")


def test_the_daemon_loads_nothing_that_is_not_on_its_way() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys, edge.cli.alone; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert set(HEAVY) & set(told.stdout.split()) == set()
