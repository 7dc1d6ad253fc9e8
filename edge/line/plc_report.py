"""What the PLC simulator tells of its parts: one record each, and the counts of a run."""

from dataclasses import dataclass, field

from edge.core.codes import describe
from edge.core.types import Act, Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuation:
    """What became of one part. ``decision`` and ``code`` are the wire's, None where no result was taken.

    ``epoch`` and ``seq`` are the result's, 0 where none was taken, as in ``cmd/ack``.
    """

    session: int
    epoch: int
    seq: int
    trig: int
    part: str
    decision: Decision | None
    code: int | None
    act: Act
    reason: str
    latency_ms: float

    @property
    def sentence(self) -> str:
        """One plain line for people."""
        why = self.reason
        if self.code and self.act is Act.REJECTED:
            why = f"{why}: {describe(self.code)}"
        gate = "ACCEPT" if self.act is Act.ACCEPTED else "reject"
        return f"part {self.part or '-'} (trig {self.trig}): {gate} after {self.latency_ms:.1f} ms, {why}"


@dataclass(slots=True)
class PlcSummary:
    """Counts of a run; every part is in exactly one of accept, reject, cannot_judge, late and refused.

    ``late`` counts parts whose timer ran out or whose station or PLC restarted meanwhile, ``refused`` results that
    the PLC rule forbids to act upon, ``faults`` how often three heartbeats were missed, ``ignored`` results that no
    part waited for. ``latencies_ms`` are from trigger to result.
    """

    parts: int = 0
    accept: int = 0
    reject: int = 0
    cannot_judge: int = 0
    late: int = 0
    refused: int = 0
    faults: int = 0
    ignored: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def verdicts(self) -> int:
        """How many parts got a result, acted upon or refused."""
        return self.accept + self.reject + self.cannot_judge + self.refused

    def count(self, done: Actuation) -> None:
        """Take one part's outcome in."""
        self.parts += 1
        match done.act:
            case Act.ACCEPTED:
                self.accept += 1
            case Act.TIMED_OUT:
                self.late += 1
            case Act.RESULT_REFUSED:
                self.refused += 1
            case Act.REJECTED if done.decision is Decision.REJECT:
                self.reject += 1
            case Act.REJECTED:
                self.cannot_judge += 1
        if done.decision is not None:
            self.latencies_ms.append(done.latency_ms)
