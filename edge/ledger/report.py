"""What a verification found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.core.anchors import Anchor

MAX_LISTED: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """The outcome of a verification; the ledger is sound if there are no problems.

    ``problems`` lists the first thousand of ``problem_count``. ``events`` counts those in the ledger's file and in the
    files of its archive (``archives``). ``outcomes`` counts parts by verdict or loss; ``open`` are parts that a running
    station (``running``) is judging now; ``anomalies`` are events that the ledger refused to take as what they said;
    ``images`` is how many pictures were found and matched; ``head`` is the hash of the last event in hexadecimal,
    ``head_event`` its id. ``agreed`` are the anchors that the chain agrees with: what comes after the last of them
    could have been cut off or written anew, and nothing here would tell.
    """

    problems: tuple[str, ...]
    problem_count: int
    events: int
    archives: int
    parts: int
    epochs: int
    outcomes: Mapping[str, int]
    open: int
    anomalies: int
    images: int
    running: bool
    head: str
    head_event: int
    agreed: frozenset[Anchor]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0

    @property
    def anchored(self) -> Anchor | None:
        """The last anchor that the chain agrees with, None where there is none."""
        return max(self.agreed, default=None)

    @property
    def unanchored(self) -> int:
        """How many events at the end no anchor holds."""
        return self.head_event - (self.anchored.event if self.anchored else 0)


@dataclass(slots=True)
class Findings:
    """Problems as they are found, bounded in length."""

    listed: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, problem: str) -> None:
        """Note a problem; what of it is no text, quoted from a damaged row, is written as its bytes."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(problem.encode("utf-8", "backslashreplace").decode())
