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
    ``head_event`` its id. ``anchors`` were given and looked up; the chain agrees with the last of them up to
    ``anchored``, None where there was none: what comes after it could have been cut off or written anew.
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
    anchors: int
    anchored: Anchor | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem_count == 0

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
        """Note a problem."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(problem)
