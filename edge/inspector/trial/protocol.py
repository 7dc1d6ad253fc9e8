"""What the inspector and the process of a bundle on trial say to each other: one line of JSON each. Pure.

The inspector's first line is an :class:`Order`; the answer is :class:`Ready` or :class:`Refused`. Then each
:class:`Question` gets one :class:`Answer`. Pictures lie in memory that both have mapped; a question says where.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from edge.config import Recipe
from edge.core.types import Decision

MAX_LINE: Final = 1 << 20


class ProtocolError(Exception):
    """A line that cannot be understood."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Line):
    """Which bundle to load, for which recipes; ``nice`` is added to the process's own."""

    recipes: tuple[Recipe, ...]
    live: bool
    bundle: str
    sha256: str
    nice: int


class Ready(_Line):
    """The bundle is loaded, and has passed every check of this machine.

    ``latency_ms`` is a part's of its slowest recipe, ``memory_mb`` what the process uses more than before.
    """

    said: Literal["ready"] = "ready"
    pictures: int
    latency_ms: float
    memory_mb: float


class Refused(_Line):
    """The bundle must not be used here, and why."""

    said: Literal["refused"] = "refused"
    text: str


class SharedView(_Line):
    """A view's picture in the shared memory (``shape`` rows x columns x channels, bytes), or the code of its fault."""

    camera: str
    offset: int = 0
    shape: tuple[int, int, int] | None = None
    fault: int = 0


class Question(_Line):
    """A part to be judged."""

    recipe: int
    views: tuple[SharedView, ...]


class Answer(_Line):
    """What the bundle says of a part; ``decision`` is None where it gave nothing that can be used."""

    said: Literal["answer"] = "answer"
    decision: Decision | None
    code: int
    score: float | None
    took_ns: int


Reply = Annotated[Ready | Refused | Answer, Field(discriminator="said")]
_REPLIES: Final[TypeAdapter[Ready | Refused | Answer]] = TypeAdapter(Reply)


def encode(line: BaseModel) -> bytes:
    """Return what is sent for a line."""
    return line.model_dump_json().encode() + b"\n"


def parse_reply(line: bytes) -> Ready | Refused | Answer:
    """Return what the process said.

    Raises:
        ProtocolError: It is nothing that this version understands.
    """
    try:
        return _REPLIES.validate_json(line)
    except ValidationError as error:
        raise ProtocolError("its process said what nobody understands") from error
