"""The frozen values that travel through the station: trigger, box, judgement of a view, verdict of a part."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Decision(IntEnum):
    """The verdict of a part as the wire carries it."""

    ACCEPT = 1
    REJECT = 2
    CANNOT_JUDGE = 3

    @property
    def label(self) -> str:
        """The name in machine-readable output: ``accept``, ``reject`` or ``cannot_judge``."""
        return self.name.lower()


class Act(IntEnum):
    """What the PLC did with a part, from ``cmd/ack``."""

    ACCEPTED = 1
    REJECTED = 2
    TIMED_OUT = 3
    RESULT_REFUSED = 4


class Fault(IntFlag):
    """Why the station is not ready, as bits of the heartbeat."""

    NONE = 0
    CAMERA = 1
    MODEL = 2
    LEDGER = 4
    LINK = 8
    CLOCK = 16
    RECIPE = 32
    SELF_TEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A PLC's word that a part is in front of the camera (``cmd/trigger``).

    ``deadline_ms`` 0 means the recipe's own; ``tick`` is the PLC's free-running millisecond counter, 0 for none.
    """

    session: int
    epoch: int
    trig: int
    tick: int
    part: str
    recipe: int
    deadline_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """What the PLC did (``cmd/ack``); ``epoch`` and ``seq`` are 0 where it timed out without a result."""

    session: int
    epoch: int
    seq: int
    trig: int
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A defect's bounding box in pixels of the original frame, with its class and its probability (0-1)."""

    x: int
    y: int
    width: int
    height: int
    category: str
    category_id: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Probability limits (0-1): accept strictly below the one, reject strictly above the other, else cannot judge."""

    accept_below: float
    reject_above: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.accept_below <= self.reject_above <= 1.0:
            msg = f"limits need 0 <= accept_below ({self.accept_below}) <= reject_above ({self.reject_above}) <= 1"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewJudgement:
    """What one view's picture gave: a calibrated defect probability, or the reason why there is none.

    ``fault`` is 0 or the code of the stage that failed; a view with a fault can never support an accept, whatever
    its score says. ``novelty`` is how far the picture is from what the model knows, 1 being the limit: above it the
    score cannot support an accept. None where the model does not tell.
    """

    camera: str
    fault: int = 0
    score: float | None = None
    boxes: tuple[Box, ...] = ()
    limits: Limits | None = None
    novelty: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict of a part: the worst of its views.

    ``score`` is the highest calibrated defect probability of any view (0-1), None where no view has one; ``defects``
    counts the boxes of all views.
    """

    decision: Decision
    code: int
    score: float | None
    defects: int


def cannot_judge(code: int, score: float | None = None, defects: int = 0) -> Verdict:
    """Return a cannot-judge verdict for a reason code that is not a reject's."""
    return Verdict(decision=Decision.CANNOT_JUDGE, code=code, score=score, defects=defects)
