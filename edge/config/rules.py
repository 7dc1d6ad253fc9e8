"""Rules between the tables of a file, checked on the unchecked file so that they are found beside any other fault."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from edge.config.faults import Finding, tables
from edge.config.schema import Recipe

TLS_KEYS = ("ca", "cert", "key")
PRESENCE_KEYS = ("presence_area", "presence_still_ms")


def broken_rules(raw: dict[str, Any]) -> Iterator[Finding]:
    """Yield every rule between tables or keys that a parsed file breaks."""
    cameras = [(index, _text(camera.get("name"))) for index, camera in tables(raw, "camera")]
    names = [name for _, name in cameras]
    for place, (index, name) in enumerate(cameras):
        if name is not None and name in names[:place]:
            yield ("camera", index, "name"), f"{name!r} names two cameras: names must differ"
    counted = Counter(_number(recipe.get("id")) for _, recipe in tables(raw, "recipe"))
    for index, recipe in tables(raw, "recipe"):
        number = _number(recipe.get("id"))
        if number is not None and counted[number] > 1:
            yield ("recipe", index, "id"), f"{number} numbers two recipes: ids must differ"
        yield from _late_capture(index, recipe)
        yield from _view_faults(index, recipe, [name for name in names if name is not None])
    line = raw.get("line")
    if isinstance(line, dict):
        yield from _encryption_faults(line)
        yield from _presence_faults(line)


def _late_capture(index: int, recipe: dict[str, Any]) -> Iterator[Finding]:
    fields = Recipe.model_fields
    times = {key: _number(recipe.get(key, fields[key].default)) for key in ("capture_ms", "deadline_ms")}
    capture, deadline = times["capture_ms"], times["deadline_ms"]
    if capture is not None and deadline is not None and capture > deadline:
        key = "capture_ms" if "capture_ms" in recipe else "deadline_ms"
        text = f"capture_ms {capture} is above deadline_ms {deadline}: a part would be answered before it is seen"
        yield ("recipe", index, key), f"{text}; lower capture_ms or raise deadline_ms"


def _view_faults(index: int, recipe: dict[str, Any], cameras: list[str]) -> Iterator[Finding]:
    seen = set()
    for place, view in tables(recipe, "views"):
        camera = _text(view.get("camera"))
        if camera is None:
            continue
        if camera not in cameras:
            known = ", ".join(sorted(set(cameras))) or "none"
            yield ("recipe", index, "views", place, "camera"), f"{camera!r} is not configured (known: {known})"
        elif camera in seen:
            yield ("recipe", index, "views", place, "camera"), f"{camera!r} stands twice in one recipe: remove one"
        seen.add(camera)


def _encryption_faults(line: dict[str, Any]) -> Iterator[Finding]:
    scheme = (_text(line.get("broker")) or "").partition(":")[0]
    for key in TLS_KEYS:
        if scheme == "mqtts" and key not in line:
            yield ("line", key), "is missing: an mqtts:// broker needs ca, cert and key files"
        elif scheme == "mqtt" and key in line:
            yield ("line", key), "is set, but the broker's address is not encrypted: write mqtts://, or remove it"


def _presence_faults(line: dict[str, Any]) -> Iterator[Finding]:
    if line.get("trigger") == "presence":
        return
    for key in PRESENCE_KEYS:
        if key in line:
            yield ("line", key), "is set, but the trigger is another: write trigger = 'presence', or remove it"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> int | None:
    """Return a number that the schema may accept; a larger one may be too long to be printed at all."""
    return value if isinstance(value, int) and 0 <= value < 2**32 else None
