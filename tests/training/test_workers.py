import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.training

RUN = """
import os, time
from models.training.workers import worker_pool
with worker_pool(2) as pool:
    print(*{future.result() for future in [pool.submit(os.getpid) for _ in range(8)]}, *pool._processes, flush=True)
    for _ in range(2):
        pool.submit(time.sleep, 300)
    time.sleep(300)
"""


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_run_that_is_killed_takes_its_workers_along() -> None:
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        workers = {int(word) for word in run.stdout.readline().split()}
        try:
            assert workers
            assert all(alive(worker) for worker in workers)
            run.send_signal(signal.SIGKILL)
            run.wait(30)
            deadline = time.monotonic() + 60
            while any(alive(worker) for worker in workers) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not [worker for worker in workers if alive(worker)]
        finally:
            run.kill()
            for worker in filter(alive, workers):
                os.kill(worker, signal.SIGKILL)
