"""Processes that work for a run and end with it, however it ends."""

import ctypes
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes; a killed run takes them along, so that none goes on in its work folder.

    The kernel watches the thread that submits the first job: that one must live as long as the pool.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would copy OpenCV's threads in an unknown state
    return ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)
