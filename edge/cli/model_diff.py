"""What differs between two bundles: what a person has to know before one takes the other's place."""

import json
from collections.abc import Iterator
from typing import Any, Final

from models.bundle import Bundle

UNTOLD: Final = frozenset({"members", "novelty"})
"""Long, and of no use to a reader: hashes of files, and a matrix."""
LISTED: Final = 12


def difference(first: Bundle, second: Bundle) -> dict[str, Any]:
    """Return what differs: ``manifest`` and ``metrics`` by dotted name ([first's, second's]), ``classes`` by name.

    Limits stand in ``limits`` also where they are alike.
    """
    one, two = _flat(_manifest(first)), _flat(_manifest(second))
    return {
        "bundles": [_named(first), _named(second)],
        "limits": {
            name: [getattr(first.manifest.decision, name), getattr(second.manifest.decision, name)]
            for name in ("accept_below", "reject_above")
        },
        "classes": {
            "only_first": sorted(_classes(first) - _classes(second)),
            "only_second": sorted(_classes(second) - _classes(first)),
        },
        "manifest": _differing(one, two),
        "metrics": _differing(_flat(_metrics(first)), _flat(_metrics(second))),
        "novelty": [first.manifest.novelty is not None, second.manifest.novelty is not None],
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield a difference in lines for people."""
    first, second = found["bundles"]
    yield f"{first['bundle']} ({first['sha256'][:12]}) -> {second['bundle']} ({second['sha256'][:12]})"
    for name, (one, two) in found["limits"].items():
        yield f"  {name}: {one:g} -> {two:g}{_stricter(one, two)}"
    for side, label in (("only_first", "no more"), ("only_second", "new")):
        if found["classes"][side]:
            yield f"  classes {label}: {', '.join(found['classes'][side])}"
    for kind in ("manifest", "metrics"):
        entries = found[kind]
        yield f"{kind}: {len(entries)} differences" if entries else f"{kind}: no difference"
        for name, (one, two) in entries.items():
            yield f"  {name}: {_short(one)} -> {_short(two)}"


def _stricter(one: float, two: float) -> str:
    return "" if one == two else " (lower)" if two < one else " (higher)"


def _named(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "bundle": manifest.label,
        "sha256": bundle.sha256,
        "product": manifest.product,
        "provisional": manifest.provisional,
    }


def _classes(bundle: Bundle) -> set[str]:
    return {entry.name for entry in bundle.manifest.classes}


def _manifest(bundle: Bundle) -> dict[str, Any]:
    return bundle.manifest.model_dump(mode="json", exclude=set(UNTOLD))


def _metrics(bundle: Bundle) -> Any:
    try:
        return json.loads(bundle.metrics)
    except ValueError:
        return {}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return the values of nested objects by dotted names; lists of plain values stay whole."""
    if isinstance(value, dict):
        return {key: one for inner, child in value.items() for key, one in _flat(child, _joined(name, inner)).items()}
    if isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        return {
            key: one for place, child in enumerate(value) for key, one in _flat(child, _joined(name, place)).items()
        }
    return {name: value}


def _joined(name: str, inner: object) -> str:
    return f"{name}.{inner}" if name else str(inner)


def _differing(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    names = [*one, *(name for name in two if name not in one)]
    return {name: [one.get(name), two.get(name)] for name in names if one.get(name) != two.get(name)}


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and len(value) > LISTED:
        return f"{len(value)} values"
    return "none" if value is None else str(value)
