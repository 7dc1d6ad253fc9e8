"""The schema's refusals in words that say what to do."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic_core import ErrorDetails

from edge.config.faults import Finding

_TEXTS: Final = {
    "extra_forbidden": "is not a known key: remove it or correct its spelling",
    "missing": "is missing: add it",
    "string_type": "is not text: write it in quotes",
    "bool_type": "is not true or false: write one of them, without quotes",
    "bool_parsing": "is not true or false: write one of them, without quotes",
    "finite_number": "is not a finite number: write one such as 0.5",
    "path_type": 'is not a path: write it in quotes, for example "/var/lib/linegate"',
    "tuple_type": "is not a list: write its entries in [ ]",
    "model_type": "is not a table: write its keys below a header in [ ], or in { }",
    "model_attributes_type": "is not a table: write its keys below a header in [ ], or in { }",
    "dict_type": "is not a table: write its keys below a header in [ ], or in { }",
}
_BOUNDED: Final = {
    "greater_than_equal": "is too small: {ge} is the least",
    "less_than_equal": "is too large: {le} is the most",
    "string_too_short": "is too short: write at least {min_length} character",
    "string_too_long": "is too long: {max_length} characters are the most",
    "too_short": "has too few entries: write at least {min_length}",
    "too_long": "has too many entries: {max_length} are the most",
}
_NUMBERS: Final = {
    "int": "is not a whole number: write one without quotes and decimals, such as 100",
    "float": "is not a number: write one without quotes, such as 0.5",
}


def explain(errors: Sequence[ErrorDetails]) -> Iterator[Finding]:
    """Yield the schema's refusals; a list is not called too short where an entry of it was refused."""
    places = [error["loc"] for error in errors]
    for error in errors:
        loc = error["loc"]
        emptied = any(len(place) > len(loc) and place[: len(loc)] == loc for place in places)
        if error["type"] != "too_short" or not emptied:
            yield loc, _text(error)


def _text(error: ErrorDetails) -> str:
    kind = error["type"]
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if kind in _BOUNDED:
        return _BOUNDED[kind].format(**error["ctx"])
    fallback = error["msg"][:1].lower() + error["msg"][1:]
    return _TEXTS.get(kind) or _NUMBERS.get(kind.partition("_")[0], fallback)
