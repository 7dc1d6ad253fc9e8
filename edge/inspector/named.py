"""What a configuration file names outside itself: picture sources, the broker, its certificates, a view's files.

Checked on the parsed and unchecked file, before anything is opened, so that all faults are told at once.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from camera.address import ReplayAddress, mask_secrets, parse_address
from camera.errors import CameraError
from camera.factory import create_source
from camera.folder import list_pictures
from deploy.active import bundle_path
from edge.config import ACTIVE_BUNDLE, Finding
from edge.config.faults import tables
from edge.config.rules import TLS_KEYS
from edge.config.schema import absolute_path_fault
from edge.inspector.presence import watchable
from edge.line.link import LinkError
from edge.line.settings import LinkSettings, check
from models.errors import ModelError

_SETTING: Final = re.compile(r"line\.(ca|cert|key):? (.*)", re.DOTALL)


def missing_or_unusable(raw: dict[str, Any]) -> Iterator[Finding]:
    """Yield a fault for every address that cannot be understood and everything named that is not there.

    A bundle, commissioned file or catalogue that is there and damaged, or a device that is unplugged, is no fault of
    the file.
    """
    for index, camera in tables(raw, "camera"):
        if isinstance(camera.get("source"), str):
            for text in _source_faults(camera["source"]):
                yield ("camera", index, "source"), text
    for index, recipe in tables(raw, "recipe"):
        for place, view in tables(recipe, "views"):
            for key, text in _view_faults(view):
                yield ("recipe", index, "views", place, key), text
    if isinstance(raw.get("line"), dict):
        yield from _line_faults(raw["line"])
        if raw["line"].get("trigger") == "presence":
            yield from _unwatchable(raw)


def _source_faults(text: str) -> Iterator[str]:
    try:
        address = parse_address(text)
        create_source("", address)
        if not isinstance(address, ReplayAddress):
            return
        if fault := absolute_path_fault(address.folder):
            yield f"the folder {fault}"
        else:
            list_pictures(address.folder)
    except CameraError as error:
        yield str(error)


def _unwatchable(raw: dict[str, Any]) -> Iterator[Finding]:
    """Yield a fault where the presence trigger would watch a camera that only a trigger makes show a picture."""
    cameras = [(camera.get("name"), camera.get("source")) for _, camera in tables(raw, "camera")]
    sources = {name: source for name, source in cameras if isinstance(name, str) and isinstance(source, str)}
    views = [view for _, recipe in list(tables(raw, "recipe"))[:1] for _, view in tables(recipe, "views")]
    name = views[0].get("camera") if views else next(iter(sources), None)
    if isinstance(name, str) and name in sources:
        try:
            watchable(create_source(name, sources[name]))
        except CameraError as error:
            yield ("line", "trigger"), str(error)


def _view_faults(view: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if isinstance(view.get("bundle"), str):
        for text in _bundle_faults(view["bundle"]):
            yield "bundle", text
    for key in ("commissioned", "catalogue"):
        if isinstance(view.get(key), str):
            for text in _unreadable(Path(view[key])):
                yield key, text


def _bundle_faults(name: str) -> Iterator[str]:
    if name == ACTIVE_BUNDLE:
        return
    try:
        path = bundle_path(name, Path())
    except ModelError as error:
        yield str(error)
    else:
        yield from _unreadable(path)


def _line_faults(line: dict[str, Any]) -> Iterator[Finding]:
    files = {key: Path(line[key]) for key in TLS_KEYS if isinstance(line.get(key), str)}
    unreadable = [(key, text) for key, path in files.items() for text in _unreadable(path)]
    for key, text in unreadable:
        yield ("line", key), text
    broker = line.get("broker")
    if not isinstance(broker, str):
        return
    usable = {} if unreadable else files  # a pair of which one is missing proves nothing more
    settings = LinkSettings(
        broker=broker,
        base_topic="",
        client_id="",
        subscriptions=(),
        ca=usable.get("ca"),
        cert=usable.get("cert"),
        key=usable.get("key"),
    )
    try:
        check(settings)
    except LinkError as error:
        told = mask_secrets(str(error))
        setting = _SETTING.fullmatch(told)
        yield (("line", setting[1]), setting[2]) if setting else (("line", "broker"), told)


def _unreadable(path: Path) -> Iterator[str]:
    if not path.is_absolute():
        return  # the schema says so
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        yield f"{path}: cannot be read ({reason}); correct the path, or its owner and mode"
