"""What a person must know of a commissioning that came to an end: what was not used, not proved, not claimed."""

from collections.abc import Iterator, Sequence
from typing import Final

from edge.core.claims import parts_needed
from edge.inspector.commissioning import Observed
from models.audit.wording import several
from models.bundle import Bundle
from models.commissioning.commission import CHALLENGE_MIN, CONFIDENCE, GOODS_MIN, RISKS, Commissioning
from models.commissioning.record import counted

_GOODS: Final = "goods"
_NAMED: Final = 3
_NAMES_MAX: Final = 90
"""Characters of names in one remark."""


def remarks_on(
    bundle: Bundle, found: Commissioning, goods: Observed, challenge: Observed, *, view: str | None
) -> Iterator[str]:
    """Yield the remarks, each a sentence of at most 400 characters; they are printed, and kept in the file."""
    for name, observed in ((_GOODS, goods), ("known defects", challenge)):
        yield from _on_pictures(name, observed)
    yield from _on_rules(bundle, found, goods, challenge)
    yield from _on_claim(found, goods, challenge)
    if view is None:
        yield (
            "no view is named: a recipe refuses the file, as it could be any camera's, and only evaluate and pod take "
            "it; name the camera with --view"
        )


def first_unused(unused: dict[str, str]) -> str:
    """Return the first picture that was not used, and why."""
    file, reason = next(iter(unused.items()))
    return reason if file in reason else f"{file}: {reason}"


def _on_pictures(name: str, observed: Observed) -> Iterator[str]:
    if observed.unused:
        yield f"{len(observed.unused)} pictures of the {name} are not used: {first_unused(observed.unused)[:300]}"
    if trained := observed.trained:
        less = "the line's own parts may score higher" if name == _GOODS else "they count for no claim of risk"
        yield (
            f"the network was trained on {several(len(trained), 'picture')} of the {name} ({_named(trained)}), of "
            f"which it knows the answers: {less}; show it parts that are new to it"
        )
    if across := observed.across_groups():
        yield (
            f"pictures of the {name} that stand in different groups show one part ({_named(across)}): frames that are "
            "nearly the same, or have one part_id, count once, and their groups as one"
        )


def _on_rules(bundle: Bundle, found: Commissioning, goods: Observed, challenge: Observed) -> Iterator[str]:
    if not challenge.observations:
        yield (
            "without challenge: no part with a known defect has proved these rules, so that nothing is laxer than the "
            "bundle (no place is expected, no score lowered); name a folder with --challenge"
        )
    elif not found.rules.lenient:
        yield (
            f"only {challenge.parts} distinct parts with known defects, {CHALLENGE_MIN} are the fewest: nothing is "
            "laxer than the bundle (no place is expected, no score lowered)"
        )
    if bundle.manifest.output.embedding is None:
        yield "the bundle's network has no embedding: only offset and limits are set, nothing tells another product"
    if bundle.manifest.calibration.good_logits is None:
        yield "the bundle does not tell its own goods' logits: no score offset is set"
    accepted = counted(found.goods).accept
    if 2 * accepted < goods.parts:
        yield f"only {accepted} of {goods.parts} good parts would be accepted: train a bundle with this product"


def _on_claim(found: Commissioning, goods: Observed, challenge: Observed) -> Iterator[str]:
    if unidentified := challenge.unidentified:
        yield (
            f"{several(len(unidentified), 'picture')} of the known defects tell neither part_id nor group "
            f"({_named(unidentified)}), so that nobody knows which show one part: no risk can be claimed; give every "
            'image in annotations.json its part, such as "part_id": "A-17", or a "group"'
        )
        return
    if challenge.trained is None:
        yield (
            "the bundle does not tell which photos its network was trained on, so that no risk can be claimed from "
            "any: train it again with this software"
        )
        return
    if not challenge.trained and challenge.independent < challenge.parts:
        yield (
            f"the {challenge.parts} parts with known defects are of {several(challenge.independent, 'group')}: parts "
            "of one group resemble each other and count as one for a claim of risk"
        )
    if found.claim is None:
        yield f"it claims no risk of its own: {_needed(goods, challenge)}"


def _needed(goods: Observed, challenge: Observed) -> str:
    risk = max(RISKS)
    missing = parts_needed(risk, CONFIDENCE) - challenge.independent
    needs = [f"{missing} more independent parts with known defects"] if missing > 0 else []
    if goods.parts < GOODS_MIN:
        needs.append(f"{GOODS_MIN - goods.parts} more good parts")
    return f"{' and '.join(needs)} would carry one of {100 * risk:.0f} %"


def _named(files: Sequence[str]) -> str:
    more = len(files) - _NAMED
    return ", ".join(files[:_NAMED])[:_NAMES_MAX] + (f" and {more} more" if more > 0 else "")
