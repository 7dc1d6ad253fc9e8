"""A process that stores pictures until it is killed: ``python -m tests.support.spool_process FOLDER FIRST``.

Prints the number of each picture after it was stored.
"""

import itertools
import sys
from pathlib import Path

from tests.support.spooling import open_spool, picture, request


def main() -> None:
    spool = open_spool(Path(sys.argv[1]))
    image = picture(1, 270, 480)
    for seq in itertools.count(int(sys.argv[2])):
        spool.store(request(seq, image=image))
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
