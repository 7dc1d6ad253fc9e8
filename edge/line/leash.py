"""Run a program that cannot outlive its master: ``python leash.py MASTER PROGRAM ARGUMENT...``.

The leash asks the kernel to send SIGTERM when its parent ends, however that ends (PR_SET_PDEATHSIG), and then becomes
the program: same process id, same exit code. It needs the standard library only.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

PR_SET_PDEATHSIG: Final = 1
NOT_RUN: Final = 127
"""The exit code where the program cannot be run, as a shell gives it."""


def leashed(command: Sequence[str]) -> list[str]:
    """Return the command that runs another one on a leash held by this process.

    The kernel watches the thread that starts it: that one must live as long as the program is needed.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def main(master: int, program: list[str]) -> int:
    """Become the program; return an exit code only where that fails."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != master:
        return 128 + signal.SIGTERM  # the master ended before the kernel was asked
    try:
        os.execvp(program[0], program)  # noqa: S606 - the master names the program
    except OSError as error:
        sys.stderr.write(f"{program[0]}: cannot be run ({error.strerror})\n")
    return NOT_RUN


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
