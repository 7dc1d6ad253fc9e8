"""Can I trust this model? The rules behind the first line of the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from edge.core.statistics import Interval
from edge.core.types import Decision
from models.audit.classical import ClassicalResult
from models.audit.incumbent import Comparison
from models.audit.repeat import Repeatability
from models.audit.subject import Subject
from models.audit.wording import TRAINING_CLAIM, counted, number_interval, share, share_interval
from models.evaluation import JudgedImage, Part, by_group, join_parts, rate

ESCAPE_LOOSEST: Final = 0.05
"""The highest escape rate that any claim is made for; a provisional bundle that is surely above it is not trusted."""
_GOOD_PARTS_MIN: Final = 10
_BAD_PARTS_MIN: Final = 10
_GROUPS_MIN: Final = 2
_CHANCE: Final = 0.5
_NAMED: Final = 3
_CHOSE_LIMITS: Final = (
    "Its limits were chosen on the scores of these very pictures: rates under them flatter, have no interval, and "
    "speak for nothing. Judge pictures that chose nothing."
)
_EXCUSED: Final = (
    "Its catalogue accepts blemishes that the bundle does not: no claimed risk covers them, and a live line refuses it "
    "unless the recipe opts in. Its limit samples prove it, and the figures here."
)


class Trust(StrEnum):
    """The answer."""

    YES = "yes"
    NOT_YET = "not_yet"
    NO = "no"


class Weight(StrEnum):
    """What a reason does to the answer: forbids it, puts it off, or speaks for it."""

    AGAINST = "against"
    OPEN = "open"
    FOR = "for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One finding, and what to do about it."""

    weight: Weight
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer and everything that led to it, the gravest first."""

    trust: Trust
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the answer rests on."""

    subject: Subject
    images: Sequence[JudgedImage]
    parts: Sequence[Part]
    auroc: float | None
    auroc_interval: Interval | None
    classical: ClassicalResult
    comparison: Comparison | None
    repeats: Sequence[Repeatability]


def answer(evidence: Evidence) -> Answer:
    """Weigh the evidence: one reason against makes it no, one open question not yet."""
    order = list(Weight)
    found = [*_risk(evidence), *_usefulness(evidence), *_rivals(evidence), *_evidence_itself(evidence)]
    if evidence.subject.chose_limits:  # what flatters does not speak for it
        found = [replace(one, weight=Weight.OPEN) if one.weight is Weight.FOR else one for one in found]
    reasons = tuple(sorted(found, key=lambda reason: order.index(reason.weight)))
    weights = {reason.weight for reason in reasons}
    if Weight.AGAINST in weights:
        return Answer(trust=Trust.NO, reasons=reasons)
    return Answer(trust=Trust.NOT_YET if Weight.OPEN in weights else Trust.YES, reasons=reasons)


def _risk(evidence: Evidence) -> Iterator[Reason]:
    escape, claim = rate("escape", evidence.parts), evidence.subject.claim
    allowed = claim.escape_upper if claim else ESCAPE_LOOSEST
    accepted = f"{counted(escape)} defective parts were accepted"
    if not evidence.subject.chose_limits:
        accepted += f", {share_interval(escape.interval)}"
    if escape.interval is None:
        yield Reason(weight=Weight.OPEN, text="No defective part was judged: nothing is known of escapes. Add some.")
    elif escape.interval[0] > allowed:
        promised = "the bundle claims at most" if claim else "no bundle may let pass more than"
        yield Reason(
            weight=Weight.AGAINST,
            text=f"{accepted}; {promised} {share(allowed)}. Do not run it on these parts; look at the escapes below.",
        )
    elif escape.value is not None and escape.value > allowed and claim:
        yield Reason(
            weight=Weight.OPEN,
            text=f"{accepted}: more than the {share(allowed)} that the bundle claims, on too few parts to refute it. "
            "Look at the escapes below, and judge more defective parts before you run it on these.",
        )
    else:
        yield Reason(weight=Weight.OPEN if escape.count and claim is None else Weight.FOR, text=f"{accepted}.")
    if 0 < escape.n < _BAD_PARTS_MIN:
        yield Reason(
            weight=Weight.OPEN,
            text=f"Only {escape.n} defective parts were judged: too few to see an escape. Add some.",
        )
    if any(view.excuses for view in evidence.subject.views):
        yield Reason(weight=Weight.OPEN, text=_EXCUSED)
    elif claim is None:
        yield Reason(weight=Weight.OPEN, text=_provisional(evidence))
    else:
        yield Reason(
            weight=Weight.FOR,
            text=f"Its claim: at most {share(claim.escape_upper)} of defective parts escape, at "
            f"{share(claim.confidence, 0)} confidence, from {claim.defective_parts} defective parts. "
            f"{_claimed_from(evidence.subject)}",
        )


def _claimed_from(subject: Subject) -> str:
    """Return what a claim rests on: commissioned rules that are laxer than the bundle have one of their own."""
    if subject.views and all(view.commissioned for view in subject.views):
        return (
            "Where the commissioned rules are laxer than the bundle, these are challenge parts that it was not trained "
            f"on; elsewhere the claim is that of the training. {TRAINING_CLAIM}"
        )
    return TRAINING_CLAIM


def _provisional(evidence: Evidence) -> str:
    what = "as commissioned it" if any(view.commissioned for view in evidence.subject.views) else "the bundle"
    text = f"Provisional: {what} claims no bound on escapes, and a live line refuses it unless the recipe opts in."
    needed = evidence.subject.parts_needed
    if needed is None:
        return f"{text} More independent defective parts are needed."
    here = independent_defective(evidence.parts)
    missing = max(needed - here, 0)
    what = f"{text} A claim of at most {share(ESCAPE_LOOSEST, 0)} needs {needed} independent defective parts"
    if not missing:
        return f"{what}; these are {here}. Set its limits with them, if nothing was trained or chosen on them."
    return f"{what} on which nothing was trained or chosen; these are {here}: at least {missing} more are needed."


def independent_defective(parts: Sequence[Part]) -> int:
    """Return how many independent defective parts there are: a group's parts resemble each other and count as one."""
    groups = by_group(part for part in parts if part.bad)
    return len(groups) + sum(part.bad and part.group is None for part in parts)


def _usefulness(evidence: Evidence) -> Iterator[Reason]:
    good = [part for part in evidence.parts if not part.bad]
    if not good:
        yield Reason(weight=Weight.OPEN, text="No good part was judged: nothing is known of overkill. Add some.")
    elif len(good) >= _GOOD_PARTS_MIN and all(part.decision is not Decision.ACCEPT for part in good):
        yield Reason(
            weight=Weight.AGAINST,
            text=f"It accepts none of {len(good)} good parts: it is of no use on them. Train with parts like these.",
        )
    if evidence.auroc is None:
        return
    low = evidence.auroc_interval[0] if evidence.auroc_interval else evidence.auroc
    if low <= _CHANCE:
        yield Reason(
            weight=Weight.AGAINST,
            text=f"Its scores do not surely tell defective from good: AUROC {evidence.auroc:.3f}"
            + (f", {number_interval(evidence.auroc_interval)}" if evidence.auroc_interval else "")
            + "; 0.5 is chance. Is this its product?",
        )


def _rivals(evidence: Evidence) -> Iterator[Reason]:
    if evidence.comparison is not None:
        weight = Weight.FOR if evidence.comparison.releasable else Weight.AGAINST
        yield Reason(weight=weight, text=evidence.comparison.finding)
    if not evidence.classical.images:
        return
    rival = join_parts(evidence.classical.images)
    own = [rate(name, evidence.parts) for name in ("escape", "not_accepted_good")]
    other = [rate(name, rival) for name in ("escape", "not_accepted_good")]
    pairs = list(zip(own, other, strict=True))
    if any(not one.n for one in own):
        return
    figures = (
        f"it accepts {counted(other[0])} defective parts and keeps back {counted(other[1])} good ones, the bundle "
        f"{counted(own[0])} and {counted(own[1])}"
    )
    if all(two.count <= one.count for one, two in pairs) and any(two.count < one.count for one, two in pairs):
        yield Reason(
            weight=Weight.AGAINST,
            text=f"A classical detector, tuned without the group that it judges, does better: {figures}. "
            "Use that, or train longer and on more varied parts.",
        )
    elif all(two.count >= one.count for one, two in pairs):
        yield Reason(weight=Weight.FOR, text=f"A classical detector does no better on either side: {figures}.")


def _evidence_itself(evidence: Evidence) -> Iterator[Reason]:
    yield from _known_pictures(evidence)
    if evidence.subject.chose_limits:
        yield Reason(weight=Weight.OPEN, text=_CHOSE_LIMITS)
    for doubt in evidence.subject.doubts:
        yield Reason(weight=Weight.OPEN, text=doubt)
    if len(by_group(evidence.parts)) < _GROUPS_MIN:
        yield Reason(
            weight=Weight.OPEN,
            text="There are no two groups: whether it travels to parts of another kind or day cannot be seen. Name the "
            "group field (--group), or add other parts.",
        )
    failed = sum(image.score is None for image in evidence.images)
    if failed:
        yield Reason(
            weight=Weight.OPEN,
            text=f"{failed} of {len(evidence.images)} pictures could not be read or judged; they count as cannot "
            "judge. The list of pictures names them.",
        )
    if masks := [image.mask_fault for image in evidence.images if image.mask_fault]:
        yield Reason(
            weight=Weight.OPEN,
            text=f"{len(masks)} masks cannot be used ({_first(masks)}): boxes stand for them where defects are "
            "counted as found. Correct the files.",
        )
    for repeats in evidence.repeats:
        how = "shot again" if repeats.source == "repeated" else "shifted, lit or noised a little"
        hidden = repeats.hidden_escapes
        if hidden.count:
            yield Reason(
                weight=Weight.OPEN,
                text=f"{counted(hidden)} defective views are accepted in some shots and not in others when {how}: "
                "escapes by luck. Lower the accept limit, or make light and position steadier.",
            )


def _known_pictures(evidence: Evidence) -> Iterator[Reason]:
    subject, pictures = evidence.subject, len(evidence.images)
    trained, commissioned = subject.trained_files or (), subject.commissioned_files or ()
    if len(trained) == pictures or (subject.trained_on and not trained):
        yield Reason(
            weight=Weight.OPEN,
            text="The bundle says that it was trained on this set of pictures: every figure here flatters it and "
            "proves nothing. Judge pictures of parts that it never saw.",
        )
    elif trained:
        yield Reason(
            weight=Weight.OPEN,
            text=f"The bundle was trained on {len(trained)} of these {pictures} pictures ({_first(trained)}): every "
            "figure here flatters it. Judge pictures of parts that it never saw; metrics.json names all.",
        )
    if commissioned:
        yield Reason(
            weight=Weight.OPEN,
            text=f"{len(commissioned)} of these {pictures} pictures ({_first(commissioned)}) set or proved the "
            "commissioned rules that judge them: every figure here flatters these. Judge pictures of other parts.",
        )


def _first(files: Sequence[str]) -> str:
    more = len(files) - _NAMED
    return ", ".join(files[:_NAMED]) + (f" and {more} more" if more > 0 else "")
