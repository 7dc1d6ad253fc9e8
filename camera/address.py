"""Reads the ``source`` of a ``[[camera]]`` table into a frozen value; nothing is opened or looked up."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from camera.errors import SourceSettingError
from camera.virtual import VirtualParameters, parse_parameters

_LONGEST_SHOWN: Final = 120
ACCEPTED: Final = (
    "virtual:?seed=1&defects=0.25, replay:DIR, replay:DIR?order=shuffle&seed=3, v4l2:/dev/video0, rtsp://HOST/PATH, "
    "http://HOST/PATH, https://HOST/PATH or gstreamer:PIPELINE"
)
"""Every form that a source can be made of, for messages and help texts."""

_LARGEST_SEED: Final = 2**32 - 1
_STREAM_SCHEMES: Final = frozenset({"rtsp", "http", "https"})
_MASK: Final = "***"
_SECRET_VALUE: Final = re.compile(
    r"((?:user|usr|login|account|pass|pwd|pw|token|key|secret|auth|sig)[\w-]*\s*=\s*)(\"[^\"]*\"|'[^']*'|[^&\s!\"']+)",
    re.IGNORECASE,
)
_USER_INFO: Final = re.compile(r"(://|^(?!.*://))[^\s\"']*@")


@dataclass(frozen=True, slots=True)
class VirtualAddress:
    """``virtual:?seed=1&defects=0.25``."""

    parameters: VirtualParameters


@dataclass(frozen=True, slots=True)
class ReplayAddress:
    """``replay:DIR``; ``shuffle_seed`` None keeps the list order."""

    folder: Path
    shuffle_seed: int | None = None


@dataclass(frozen=True, slots=True)
class V4l2Address:
    """``v4l2:/dev/video0``, or ``v4l2:/dev/video0?width=1280&height=720``: the frame size asked for, in pixels."""

    device: Path
    width: int = 1920
    height: int = 1080


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """``rtsp://``, ``http://`` or ``https://``; ``url`` may hold credentials and is shown nowhere."""

    url: str = field(repr=False)
    masked: str
    """The URL with user name, password and tokens replaced by ``***``."""


@dataclass(frozen=True, slots=True)
class GStreamerAddress:
    """``gstreamer:PIPELINE``, which ends in an appsink; ``pipeline`` may hold credentials and is shown nowhere."""

    pipeline: str = field(repr=False)
    masked: str
    """The pipeline with user names, passwords and tokens replaced by ``***``."""


@dataclass(frozen=True, slots=True)
class GigEVisionAddress:
    """``gigevision:SERIAL``: understood, so that it can be named; this version has no driver for it."""

    serial: str


SourceAddress = VirtualAddress | ReplayAddress | V4l2Address | StreamAddress | GStreamerAddress | GigEVisionAddress


def mask_secrets(text: str) -> str:
    """Return a text with ``user:password@`` of URLs and the values of secret-like parameters replaced by ``***``.

    It rather hides too much: up to the last ``@`` of a word, since a password may hold ``/`` or ``@``.
    """
    return _SECRET_VALUE.sub(rf"\g<1>{_MASK}", _USER_INFO.sub(rf"\g<1>{_MASK}@", text))


def parse_address(text: str) -> SourceAddress:
    """Read a source address of the configuration.

    Raises:
        SourceSettingError: The address is of no known form or a part of it is wrong; the message says what is
            accepted, and holds no credentials.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not text.isprintable() or text != text.strip():
        raise _refused(text, "is no source address")
    match scheme:
        case "virtual":
            return _virtual(rest)
        case "replay":
            return _replay(text, rest)
        case "v4l2":
            return _v4l2(text, rest)
        case "gstreamer":
            if "appsink" not in rest:
                raise _refused(text, "must be a pipeline that ends in an appsink")
            return GStreamerAddress(rest, mask_secrets(rest))
        case "gigevision":
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", rest):
                raise _refused(text, "must name the camera's serial number")
            return GigEVisionAddress(rest)
        case _ if scheme in _STREAM_SCHEMES:
            return _stream(text)
    raise _refused(text, "is of an unknown kind")


def _refused(text: str, reason: str) -> SourceSettingError:
    shown = mask_secrets(text)
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."
    return SourceSettingError(f"source {shown!r} {reason}; use {ACCEPTED}")


def _virtual(rest: str) -> VirtualAddress:
    if rest and not rest.startswith("?"):
        raise _refused(f"virtual:{rest}", "takes only parameters, after '?'")
    try:
        return VirtualAddress(parse_parameters(rest.removeprefix("?")))
    except ValueError as error:
        raise SourceSettingError(str(error)) from error


def _replay(text: str, rest: str) -> ReplayAddress:
    folder, question, query = rest.partition("?")
    if not folder:
        raise _refused(text, "names no folder")
    if not question:
        return ReplayAddress(Path(folder))
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise _refused(text, "has parameters that are no NAME=VALUE") from error
    values = dict(pairs)
    order, seed = values.pop("order", "list"), values.pop("seed", None)
    if values or len(pairs) != len(dict(pairs)):
        raise _refused(text, "takes 'order' and 'seed', each once")
    if order not in {"list", "shuffle"} or (order == "list" and seed is not None):
        raise _refused(text, "takes order=list, or order=shuffle with an optional seed")
    if order == "list":
        return ReplayAddress(Path(folder))
    if seed is not None and not (re.fullmatch(r"[0-9]{1,10}", seed) and int(seed) <= _LARGEST_SEED):
        raise _refused(text, f"takes a whole number from 0 to {_LARGEST_SEED} as seed")
    return ReplayAddress(Path(folder), int(seed or 0))


def _v4l2(text: str, rest: str) -> V4l2Address:
    name, _, query = rest.partition("?")
    device = Path(name)
    if not device.is_relative_to("/dev") or ".." in device.parts or device == Path("/dev"):
        raise _refused(text, "must name a device below /dev (list them with 'v4l2-ctl --list-devices')")
    if not query:
        return V4l2Address(device)
    size = re.fullmatch(r"width=([1-9][0-9]{1,4})&height=([1-9][0-9]{1,4})", query)
    if not size:
        raise _refused(text, "takes only ?width=PIXELS&height=PIXELS")
    return V4l2Address(device, int(size[1]), int(size[2]))


def _stream(text: str) -> StreamAddress:
    try:
        parts = urlsplit(text)
        # An '@' after the host would leave open where a password ends, and so what must be hidden.
        complete = bool(parts.hostname) and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:
        # Its text could quote a piece of a password, so it is not passed on.
        complete = False
    if not complete:
        raise _refused(
            text, "has no clear host and port (write '@', '/' and ':' of a password or a path as %40, %2F and %3A)"
        )
    return StreamAddress(text, mask_secrets(text))
