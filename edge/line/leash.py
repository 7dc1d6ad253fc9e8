"""Run a program that cannot outlive its master: ``python leash.py PROGRAM ARGUMENT...``.

The leash starts the program, tells its process id on standard output, and ends it when its own standard input closes:
which the kernel does however the master died. Should the leash be killed itself, the kernel ends the program
(PR_SET_PDEATHSIG; sound here because the leash has one thread). It needs the standard library only.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
GRACE_S: Final = 5.0


def _follow_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> int:
    """Run the program and return its exit code (128 + signal where one ended it)."""
    program = subprocess.Popen(  # noqa: S603 - the master names the program
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        preexec_fn=_follow_parent,  # noqa: PLW1509 - one thread: safe
    )
    sys.stdout.write(f"{program.pid}\n")
    sys.stdout.flush()
    ended = os.pidfd_open(program.pid)
    select.select([sys.stdin, ended], [], [])
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            program.kill()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
