"""How long to wait after a failure: doubling, with jitter, for ever."""

import random
from typing import Final

from edge.objects.errors import RemoteFault

_FIRST_S: Final = 5.0
_LAST_S: Final = 900.0
_FIRST_FOR_PERSON_S: Final = 60.0
_LAST_FOR_PERSON_S: Final = 3600.0


def pause_s(failures: int, fault: RemoteFault, generator: random.Random) -> float:
    """Return the pause in seconds after so many failures in a row (1 is the first).

    5 s to 15 minutes while the store is unreachable, 1 minute to 1 hour where a person has to act; shortened by up to
    half at random, so that a factory's stations do not return all at once.
    """
    first, last = (_FIRST_FOR_PERSON_S, _LAST_FOR_PERSON_S) if fault.needs_a_person else (_FIRST_S, _LAST_S)
    # Bounded before the power, which would overflow after weeks offline.
    longest = min(last, first * 2.0 ** min(failures - 1, 20))
    return longest * generator.uniform(0.5, 1.0)
