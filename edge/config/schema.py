"""The schema of ``linegate.toml``: names, types, ranges and defaults of every key."""

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from edge.core.types import Limits
from edge.core.wire import NAME_PATTERN

ACTIVE_BUNDLE = "active"
BUNDLE_SUFFIX: Final = ".lgb"
DEFAULT_MODELS_ROOT: Final = Path("/etc/linegate/models-root.json")
SMALLEST_SPOOL: Final = 1_000_000
"""Less than about one picture is a slip, not a limit."""

LARGEST_SPOOL: Final = 10**18
LARGEST_PICTURE: Final = 16_384
SHORTEST_TIMER: Final = 0.05
LONGEST_TIMER: Final = 3600.0
"""Seconds between a timer's triggers."""


def _written_as(pattern: str, advice: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value):
            return value
        raise ValueError(f"{value!r:.80} cannot be used: {advice}")

    return AfterValidator(check)


def absolute_path_fault(path: Path) -> str | None:
    """Return what is wrong with a path of a configuration file, None if it may be used.

    A service runs in ``/``, a person anywhere: a relative path would name two things.
    """
    text = str(path)
    if not text.isprintable():
        return "holds a control character: correct it"
    return None if path.is_absolute() else f"{text!r} is not absolute: give an absolute path, which begins with /"


def _absolute(path: Path) -> Path:
    if fault := absolute_path_fault(path):
        raise ValueError(fault)
    return path


def _bundle(name: str) -> str:
    if name == ACTIVE_BUNDLE:
        return name
    if not name.endswith(BUNDLE_SUFFIX):
        raise ValueError(f"{name!r} is no bundle: give the absolute path of a {BUNDLE_SUFFIX} file, or 'active'")
    _absolute(Path(name))
    return name


def _size(value: object, handler: ValidatorFunctionWrapHandler) -> ByteSize:
    try:
        size: ByteSize = handler(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError("is not a size: write a number of bytes, or one with its unit such as '8 GB'") from error
    if not SMALLEST_SPOOL <= size <= LARGEST_SPOOL:
        raise ValueError("cannot be used: write 1 MB or more and 1 EB at most, such as '8 GB'")
    return size


def _band(band: tuple[float, float]) -> tuple[float, float]:
    low, high = band
    if low > high:
        raise ValueError(f"a band is [lowest, highest], and {low:g} is above {high:g}")
    return band


# TOML tells numbers and switches from text: live = "no" and id = true are slips, not values.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]
Name = Annotated[str, _written_as(NAME_PATTERN, "write 1 to 12 of a-z, 0-9 and -")]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Probability = Annotated[Number, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Milliseconds = Annotated[Whole, Field(ge=1, le=60_000)]


def _known_trigger(value: str) -> str:
    if value in {"mqtt", "presence"}:
        return value
    kind, _, seconds = value.partition(":")
    if kind == "timer":
        try:
            period = float(seconds)
        except ValueError:
            period = 0.0
        if SHORTEST_TIMER <= period <= LONGEST_TIMER:
            return value
        raise ValueError(
            f"timer:SECONDS needs {SHORTEST_TIMER:g} to {LONGEST_TIMER:g} seconds, for example 'timer:2.5'"
        )
    raise ValueError("use 'mqtt', 'timer:SECONDS' or 'presence'")


def _broker_address(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if separator and scheme in {"mqtt", "mqtts"} and rest:
        return value
    raise ValueError("use mqtt://HOST:PORT, or mqtts://HOST:PORT with ca, cert and key")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Station(_Table):
    """``[station]``: what the station's topics and records are named by."""

    site: Name
    line: Name
    name: Name


class Camera(_Table):
    """``[[camera]]``: one view's source; ``latency_ms`` (exposure to arrival) for one that only knows arrival."""

    name: Name
    source: Annotated[str, StringConstraints(min_length=1)]
    latency_ms: Annotated[Whole, Field(ge=0, le=10_000)] | None = None


class View(_Table):
    """One entry of a recipe's ``views``: camera, bundle and, where wanted, a part of the picture and limits.

    ``commissioned`` is the file that ``linegate commission`` has written for this view; ``catalogue`` says what
    blemishes are accepted there.
    """

    camera: Name
    bundle: Annotated[str, AfterValidator(_bundle)] = ACTIVE_BUNDLE
    commissioned: AbsolutePath | None = None
    catalogue: AbsolutePath | None = None
    roi: tuple[Whole, Whole, Whole, Whole] | None = None
    accept_below: Probability | None = None
    reject_above: Probability | None = None

    @model_validator(mode="after")
    def _plausible(self) -> "View":
        if self.roi and (min(self.roi[:2]) < 0 or min(self.roi[2:]) < 1 or max(self.roi) > LARGEST_PICTURE):
            text = f"x and y from 0, width and height from 1, each {LARGEST_PICTURE} at most"
            raise ValueError(f"roi = [x, y, width, height] in pixels: {text}")
        low, high = self.accept_below, self.reject_above
        if low is not None and high is not None and low > high:
            raise ValueError(f"accept_below {low} is above reject_above {high}")
        return self

    def limits(self, given: Limits) -> Limits:
        """Return the limits in force: the view's own where they are stricter, never laxer than those given.

        Given are the commissioned file's limits where the view names one, else the bundle's.

        Raises:
            ValueError: the view asks for a laxer limit; the message names both.
        """
        whose = "bundle" if self.commissioned is None else "commissioned file"
        accept = given.accept_below if self.accept_below is None else self.accept_below
        reject = given.reject_above if self.reject_above is None else self.reject_above
        if accept > given.accept_below:
            raise ValueError(f"accept_below {accept} is laxer than the {whose}'s {given.accept_below}: lower it")
        if reject > given.reject_above:
            raise ValueError(f"reject_above {reject} is laxer than the {whose}'s {given.reject_above}: lower it")
        return Limits(accept_below=min(accept, reject), reject_above=reject)


class Recipe(_Table):
    """``[[recipe]]``: how one product is inspected. Times in milliseconds from the trigger's receipt."""

    id: Annotated[Whole, Field(ge=0, le=65_535)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    revision: Annotated[Whole, Field(ge=1, le=2_147_483_647)] = 1
    deadline_ms: Milliseconds = 400
    capture_ms: Annotated[Whole, Field(ge=1, le=2_000)] = 100
    allow_provisional: Switch = False
    views: Annotated[tuple[View, ...], Field(min_length=1)]


class Line(_Table):
    """``[line]``: broker, trigger and whether real parts are sorted by the verdicts.

    ``presence_area`` (share of the view that the smallest part covers) and ``presence_still_ms`` (how long a part has
    to stand still) set the presence trigger.
    """

    broker: Annotated[str, AfterValidator(_broker_address)]
    ca: AbsolutePath | None = None
    cert: AbsolutePath | None = None
    key: AbsolutePath | None = None
    trigger: Annotated[str, AfterValidator(_known_trigger)] = "mqtt"
    trigger_slack_ms: Annotated[Whole, Field(ge=1, le=10_000)] = 50
    presence_area: Annotated[Number, Field(ge=0.01, le=0.9, allow_inf_nan=False)] = 0.05
    presence_still_ms: Annotated[Whole, Field(ge=100, le=10_000)] = 300
    live: Switch = False

    @property
    def timer_seconds(self) -> float | None:
        """The period of a timer trigger in seconds, None where the PLC triggers."""
        kind, _, seconds = self.trigger.partition(":")
        return float(seconds) if kind == "timer" else None


class Store(_Table):
    """``[store]``: where the ledger and the pictures are kept.

    Events stay in the ledger's file for ``ledger_days``, at most ``ledger_events``; then they move to its archive.
    """

    path: AbsolutePath = Path("/var/lib/linegate")
    spool_limit: Annotated[ByteSize, WrapValidator(_size)] = ByteSize(8_000_000_000)
    jpeg_quality: Annotated[Whole, Field(ge=50, le=100)] = 95
    ledger_days: Annotated[Whole, Field(ge=1, le=36_500)] = 90
    ledger_events: Annotated[Whole, Field(ge=100_000, le=1_000_000_000)] = 10_000_000


class Models(_Table):
    """``[models]``: what a new bundle has to keep to, and what is usual on this line.

    ``product`` is what bundles must be made for, by default what the active one is. ``canary_share`` is the share of
    parts in a canary, ``answers_min`` the least share of pictures to which a bundle must give a usable answer,
    ``memory_limit`` what it may take. ``alpha`` is the chance that a bundle which is no worse is ever stopped by paired
    evidence. The bands are the usual shares of rejects and of parts that cannot be judged: outside of them an alarm is
    raised, and with ``band_stops`` the station is not ready.
    """

    product: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    canary_share: Annotated[Number, Field(ge=0.001, le=1.0, allow_inf_nan=False)] = 0.1
    answers_min: Probability = 0.95
    memory_limit: Annotated[ByteSize, WrapValidator(_size)] = ByteSize(1_000_000_000)
    alpha: Annotated[Number, Field(ge=0.000_001, le=0.2, allow_inf_nan=False)] = 0.01
    reject_band: Annotated[tuple[Probability, Probability], AfterValidator(_band)] | None = None
    abstain_band: Annotated[tuple[Probability, Probability], AfterValidator(_band)] | None = None
    band_parts: Annotated[Whole, Field(ge=100, le=1_000_000)] = 10_000
    band_stops: Switch = False


class Sync(_Table):
    """``[sync]``: the bucket that pictures go to; keys come from files or the service manager's credentials."""

    bucket: Annotated[
        str,
        _written_as(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.!*'()/-]*)?", "write s3://BUCKET or s3://BUCKET/PREFIX"
        ),
    ]
    endpoint: Annotated[str, _written_as(r"https?://.+", "write http://HOST:PORT or https://HOST:PORT")] | None = None
    region: str = "us-east-1"


class Updates(_Table):
    """``[updates]``: where signed bundles come from, and the root that vouches for them.

    ``endpoint`` and ``region`` are those of an S3 source; ``ca`` adds authorities to those that the system trusts.
    """

    source: Annotated[
        str,
        _written_as(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.!*'()/-]*)?|https?://[^\s?#]+|/[^\x00-\x1f]*",
            "write https://HOST/PATH, s3://BUCKET/PREFIX or an absolute folder",
        ),
    ]
    root: AbsolutePath = DEFAULT_MODELS_ROOT
    interval_s: Annotated[Whole, Field(ge=60, le=604_800)] = 3600
    endpoint: Annotated[str, _written_as(r"https?://.+", "write http://HOST:PORT or https://HOST:PORT")] | None = None
    region: str = "us-east-1"
    ca: AbsolutePath | None = None


class Hmi(_Table):
    """``[hmi]``: where the web page listens."""

    listen: Annotated[str, _written_as(r"[^:\s]+:\d{1,5}", "write HOST:PORT")] = "127.0.0.1:8088"


class Config(_Table):
    """A whole configuration file."""

    station: Station
    camera: Annotated[tuple[Camera, ...], Field(min_length=1)]
    recipe: tuple[Recipe, ...] = ()
    line: Line
    store: Store = Store()
    models: Models = Models()
    sync: Sync | None = None
    updates: Updates | None = None
    hmi: Hmi | None = None

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the file; without any, recipe 0: every camera with the active bundle."""
        if self.recipe:
            return self.recipe
        views = tuple(View(camera=camera.name) for camera in self.camera)
        return (Recipe(id=0, name="default", views=views),)
