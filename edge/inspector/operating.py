"""What a person asks of a running station over its socket, and what it answers: one line of JSON each. Pure.

A request is one JSON object in one line, at most :data:`MAX_REQUEST` bytes: ``v`` (1), ``verb`` and the verb's own
fields; unknown fields are refused. ``says`` is what the caller tells of itself, and is recorded as no more than that.
Answers are lines of ``{"v":1,"state":STATE,"text":TEXT}``: any number with the state ``working``, then one that ends
it: ``done``, ``failed`` (tried, in vain) or ``refused`` (not tried). A further verb is a further class of request.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

VERSION: Final = 1
MAX_REQUEST: Final = 16_384
MAX_REPLY: Final = 16_384
MAX_NOTE: Final = 2_000
MAX_SAYS: Final = 200
MAX_DAYS: Final = 36_500.0
MAX_NAME: Final = 100
MAX_REASON: Final = 300
LAST_MS: Final = 253_402_300_800_000
"""The year 10000 in Unix ms: no calendar goes beyond."""


class OperatingError(Exception):
    """A request or an answer that cannot be understood; the message says why."""


def _printable(text: str) -> str:
    if all(letter.isprintable() or letter in "\n\t" for letter in text):
        return text
    raise ValueError("it holds a control character, or one that is none")


def _one_line(text: str) -> str:
    if text.isprintable():
        return text
    raise ValueError("it holds a control character, a line's end among them, or one that is none")


_Text = AfterValidator(_printable)
_Line = AfterValidator(_one_line)


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    v: Literal[1] = VERSION
    says: Annotated[str, Field(max_length=MAX_SAYS), _Line] = ""


class NoteRequest(_Request):
    """Put a remark into the record."""

    verb: Literal["note"] = "note"
    text: Annotated[str, Field(min_length=1, max_length=MAX_NOTE), _Text]


class ArchiveRequest(_Request):
    """Move events to the archive now: what need not stay, or what is older than ``keep_days``."""

    verb: Literal["archive"] = "archive"
    keep_days: Annotated[float, Field(ge=0, le=MAX_DAYS)] | None = None


class ModelRequest(_Request):
    """Move a bundle: ``bundle`` as :func:`edge.core.slots.find` takes it, empty where the action needs none."""

    verb: Literal["model"] = "model"
    action: Literal["install", "verify", "shadow", "canary", "promote", "rollback", "selftest"]
    bundle: Annotated[str, Field(max_length=MAX_NAME), _Text] = ""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    reason: Annotated[str, Field(max_length=MAX_REASON), _Text] = ""


class UpdateRequest(_Request):
    """Tell what became of an attempt to bring a bundle here; ``refusal`` is empty where all is well.

    ``record`` asks to put it on record; without, the alarm alone is renewed or cleared. ``at`` is Unix ms.
    """

    verb: Literal["update"] = "update"
    source: Annotated[str, Field(min_length=1, max_length=MAX_SAYS), _Text]
    refusal: Annotated[str, Field(max_length=40), _Text] = ""
    bundle: Annotated[str, Field(max_length=100), _Text] = ""
    text: Annotated[str, Field(max_length=MAX_NOTE), _Text] = ""
    at: Annotated[int, Field(ge=0, lt=LAST_MS)]
    record: bool = True


Request = NoteRequest | ArchiveRequest | UpdateRequest | ModelRequest
_REQUESTS: Final[TypeAdapter[Request]] = TypeAdapter(Annotated[Request, Field(discriminator="verb")])


class State(StrEnum):
    """How far a request has come."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One line of an answer."""

    state: State
    text: str


class _ReplyLine(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    v: Literal[1]
    state: State
    text: str


def encode_request(request: Request) -> bytes:
    """Return a request's line."""
    return request.model_dump_json().encode() + b"\n"


def parse_request(line: bytes) -> Request:
    """Return the request of a line.

    Raises:
        OperatingError: it is too long, no JSON, of another version, of an unknown verb, or its fields are wrong.
    """
    if len(line) > MAX_REQUEST:
        raise OperatingError(f"a request has at most {MAX_REQUEST} bytes")
    try:
        return _REQUESTS.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the request"
        raise OperatingError(f"{place}: {first['msg'][:200]}") from error


def encode_reply(reply: Reply) -> bytes:
    """Return the line of an answer; a text that would make it too long is cut."""
    line = _ReplyLine(v=VERSION, state=reply.state, text=reply.text[: MAX_REPLY // 8])
    return line.model_dump_json().encode() + b"\n"


def parse_reply(line: bytes) -> Reply:
    """Return the answer of a line.

    Raises:
        OperatingError: it is none.
    """
    try:
        found = _ReplyLine.model_validate_json(line[:MAX_REPLY])
    except ValidationError as error:
        raise OperatingError("the inspector gave no answer that this version of linegate understands") from error
    return Reply(state=found.state, text=found.text)
