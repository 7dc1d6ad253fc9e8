"""Commissioning: from the pictures of a product's goods and known defects to the rules of its view; pure."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import numpy as np

from edge.core.claims import accept_rank
from edge.core.policy import judge_view
from edge.core.types import Decision, Limits, ViewJudgement
from models.bundle.manifest import Manifest, RiskClaim
from models.commissioning.distinct import linked, same
from models.commissioning.errors import CommissioningError, CommissioningRefusedError
from models.commissioning.judge import Looks, Opinion, opinion
from models.commissioning.reference import Good, Reference, learn_reference, raised
from models.commissioning.rules import (
    FOLDS,
    OwnNovelty,
    Rules,
    floor_logit,
    goods_limits,
    own_novelty,
    raw_logit,
    score_offset,
)
from models.quantisation import Quantisation

GOODS_MIN: Final = 30
"""Distinct good parts below which no risk is claimed."""
CHALLENGE_MIN: Final = 10
"""Distinct known defects below which nothing may be laxer than the bundle."""
RISKS: Final = (0.01, 0.02, 0.05)
"""Shares of accepted defects that may be claimed, the smallest that the challenge parts carry."""
CONFIDENCE: Final = 0.95
FEWEST_PARTS: Final = 10
"""Distinct good parts without which nothing is learned."""

_CELLS_MAX: Final = 512

_NAMED: Final = 20
_LIMIT_STEPS: Final = 100_000
_SEVERITY: Final = {Decision.ACCEPT: 0, Decision.CANNOT_JUDGE: 1, Decision.REJECT: 2}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """One picture of a part, read by the network; ``part`` numbers the distinct part that it shows.

    ``group`` is what the folder says the part belongs to, None where it says nothing. ``identified``: the folder tells
    by a group or a part number which pictures show another part. ``trained``: the network was trained on this file;
    None where the bundle does not tell.
    """

    file: str
    part: int
    looks: Looks
    group: str | None = None
    identified: bool = False
    trained: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What commissioning must know of the network: its manifest and how it stores logits."""

    manifest: Manifest
    quantisation: Quantisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the rules judged one picture."""

    file: str
    part: int
    score: float
    novelty: float | None
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Commissioning:
    """What commissioning came to.

    ``goods`` are judged by rules learned from the other goods, ``cold`` are the same goods by the bundle alone.
    ``challenge`` is judged by the final rules, none of it accepted. ``claim`` is None without enough challenge parts.
    """

    rules: Rules
    goods: tuple[Outcome, ...]
    cold: tuple[Outcome, ...]
    challenge: tuple[Outcome, ...]
    claim: RiskClaim | None


def commission(
    network: Network,
    goods: Sequence[Observation],
    challenge: Sequence[Observation],
    *,
    accept_below: float | None = None,
) -> Commissioning:
    """Learn a view's rules from its goods and prove them on its known defects.

    The known defects choose nothing but whether the result stands, so that the claim holds (Clopper & Pearson 1934, no
    accept among n). With fewer than ``CHALLENGE_MIN`` distinct ones nothing is laxer than the bundle.

    Args:
        network: The bundle's.
        goods: Pictures of good parts, at least ten distinct.
        challenge: Pictures of parts with known defects; may be empty.
        accept_below: A stricter accept limit that a person has chosen.

    Raises:
        CommissioningRefusedError: A known defect would be accepted; the message names the pictures.
        CommissioningError: There are too few goods to learn from, or ``accept_below`` is laxer than the goods allow.
    """
    distinct = len({good.part for good in goods})
    if distinct < FEWEST_PARTS:
        raise CommissioningError(f"{distinct} distinct good parts; {FEWEST_PARTS} are the fewest to learn from")
    known = len({part.part for part in challenge})
    method = _Method(network=network, lenient=known >= CHALLENGE_MIN, accept_below=accept_below)
    samples = [_sample(network, good) for good in goods]
    rules = _learn(method, samples)
    if accept_below is not None and accept_below > rules.limits.accept_below:
        raise CommissioningError(
            f"an accept limit of {accept_below:g} is laxer than the {_rounded_down(rules.limits.accept_below)} that "
            "the goods and the bundle allow; lower it, or leave it out"
        )
    rules = _stricter(method, rules)
    left_out = _judge_left_out(method, samples)
    proved = tuple(_judged(network, part, rules) for part in challenge)
    _refuse_accepted(proved, left_out)
    bundle_alone = Rules(
        offset=0.0, limits=network.manifest.decision.limits(), reference=None, novelty=None, lenient=False
    )
    return Commissioning(
        rules=rules,
        goods=left_out,
        cold=tuple(_judged(network, good, bundle_alone) for good in goods),
        challenge=proved,
        claim=risk_claim(distinct, independent_parts(challenge)),
    )


def independent_parts(observations: Iterable[Observation]) -> int:
    """Return how many independent parts pictures show, on which a claim of risk may rest.

    Distinct parts, of which those of one group count as one, and groups that a part is seen in as well. What the
    network was trained on counts for nothing, with all of its part and group. 0 where a picture is not identified, as
    it could show any of the parts again, and where nobody knows what the network was trained on.
    """
    listed = list(observations)
    if not all(one.identified and one.trained is not None for one in listed):
        return 0
    units = linked(len(listed), chain(same([one.part for one in listed]), same([one.group for one in listed])))
    trained = {unit for unit, one in zip(units, listed, strict=True) if one.trained}
    return len(set(units) - trained)


def risk_claim(goods: int, challenge: int) -> RiskClaim | None:
    """Return what so many distinct goods and independent refused defects support; None where they are too few."""
    if goods < GOODS_MIN:
        return None
    for risk in RISKS:
        if challenge and accept_rank(challenge, risk, CONFIDENCE) >= 1:
            return RiskClaim(escape_upper=risk, confidence=CONFIDENCE, defective_parts=challenge)
    return None


def part_decisions(outcomes: Iterable[Outcome]) -> list[Decision]:
    """Return the decision of each part: its worst picture's."""
    worst: dict[int, Decision] = {}
    for outcome in outcomes:
        known = worst.get(outcome.part, Decision.ACCEPT)
        worst[outcome.part] = max(known, outcome.decision, key=lambda decision: _SEVERITY[decision])
    return list(worst.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Method:
    """How rules are learned from goods, be it from all or from those that are not left out."""

    network: Network
    lenient: bool
    accept_below: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """A picture of a good part, and what the reference learns from it (None without an embedding)."""

    seen: Observation
    good: Good | None


def _sample(network: Network, seen: Observation) -> _Sample:
    embedding = seen.looks.embedding
    if embedding is None:
        return _Sample(seen=seen, good=None)
    floor = floor_logit(network.manifest)
    cells = embedding.reshape(-1, embedding.shape[2])
    return _Sample(
        seen=seen,
        good=Good(
            part=seen.part,
            places=raised(seen.looks.defect, embedding, floor, network.quantisation),
            cells=cells[:: -(-len(cells) // _CELLS_MAX)],
        ),
    )


def _learn(method: _Method, samples: Sequence[_Sample]) -> Rules:
    """Learn from these goods; what is set from their logits is set from goods left out in turn."""
    manifest = method.network.manifest
    logits: list[float] = []
    for kept, left_out in _folds(samples):
        rules = _only(_reference(method, kept))
        logits += [_opinion(method.network, sample.seen, rules).logit for sample in left_out]
    calibration, bounds = manifest.calibration, manifest.decision.limits()
    accept_logit = raw_logit(bounds.accept_below, calibration)
    offset = score_offset(calibration.good_logits, logits, accept_logit, lenient=method.lenient)
    limits = goods_limits(bounds, [logit + offset for logit in logits], calibration)
    return Rules(
        offset=offset,
        limits=limits,
        reference=_reference(method, samples),
        novelty=_novelty(samples),
        lenient=method.lenient,
    )


def _stricter(method: _Method, rules: Rules) -> Rules:
    """Return the rules with the accept limit that a person has chosen, where it is the lower one."""
    if method.accept_below is None:
        return rules
    accept_below = min(rules.limits.accept_below, method.accept_below)
    return replace(rules, limits=replace(rules.limits, accept_below=accept_below))


def _judge_left_out(method: _Method, samples: Sequence[_Sample]) -> tuple[Outcome, ...]:
    """Judge every good by rules learned from the others only."""
    outcomes: dict[int, Outcome] = {}
    for kept, left_out in _folds(samples):
        rules = _stricter(method, _learn(method, kept))
        for sample in left_out:
            outcomes[id(sample)] = _judged(method.network, sample.seen, rules)
    return tuple(outcomes[id(sample)] for sample in samples)


def _folds(samples: Sequence[_Sample]) -> Iterator[tuple[list[_Sample], list[_Sample]]]:
    """Yield the samples kept and those left out, distinct parts dealt in turn."""
    parts = list(dict.fromkeys(sample.seen.part for sample in samples))
    for fold in range(FOLDS):
        out = set(parts[fold::FOLDS])
        yield (
            [sample for sample in samples if sample.seen.part not in out],
            [sample for sample in samples if sample.seen.part in out],
        )


def _reference(method: _Method, samples: Sequence[_Sample]) -> Reference | None:
    """Learn what belongs on the part, unless nothing may be excused."""
    goods = [sample.good for sample in samples if sample.good is not None]
    return learn_reference(goods, floor_logit(method.network.manifest)) if method.lenient and goods else None


def _novelty(samples: Sequence[_Sample]) -> OwnNovelty | None:
    summaries = [sample.seen.looks.summary for sample in samples]
    known = [summary for summary in summaries if summary is not None]
    if len(known) != len(samples):
        return None
    return own_novelty(np.stack(known), [sample.seen.part for sample in samples])


def _only(reference: Reference | None) -> Rules:
    """Return rules that do nothing but lower what belongs on the part."""
    limits = Limits(accept_below=1.0, reject_above=1.0)
    return Rules(offset=0.0, limits=limits, reference=reference, novelty=None, lenient=False)


def _opinion(network: Network, seen: Observation, rules: Rules) -> Opinion:
    return opinion(seen.looks, rules, network.manifest.calibration, network.quantisation)


def _judged(network: Network, seen: Observation, rules: Rules) -> Outcome:
    found = _opinion(network, seen, rules)
    view = ViewJudgement(camera="", score=found.score, limits=rules.limits, novelty=found.novelty)
    return Outcome(
        file=seen.file,
        part=seen.part,
        score=found.score,
        novelty=found.novelty,
        decision=judge_view(view).decision,
    )


def _refuse_accepted(challenge: Sequence[Outcome], goods: Sequence[Outcome]) -> None:
    accepted = [outcome for outcome in challenge if outcome.decision is Decision.ACCEPT]
    if not accepted:
        return
    named = ", ".join(f"{outcome.file} ({outcome.score:.4f})" for outcome in accepted[:_NAMED])
    more = f" and {len(accepted) - _NAMED} more" if len(accepted) > _NAMED else ""
    lowest = min(outcome.score for outcome in accepted)
    parts = part_decisions(replace(good, decision=_below(good, lowest)) for good in goods)
    raise CommissioningRefusedError(
        f"{len(accepted)} pictures with known defects would be accepted: {named}{more}. The network does not tell "
        "them from good parts: train a bundle with such defects. An accept limit of "
        f"{_rounded_down(lowest)} would keep them out and accept "
        f"{parts.count(Decision.ACCEPT)} of {len(parts)} goods (--accept-below)"
    )


def _below(good: Outcome, limit: float) -> Decision:
    """Return a good's decision were the accept limit no more than ``limit``."""
    return Decision.CANNOT_JUDGE if good.decision is Decision.ACCEPT and good.score >= limit else good.decision


def _rounded_down(limit: float) -> str:
    """Return a limit in few digits that is not above it, so that it can be typed."""
    return f"{math.floor(limit * _LIMIT_STEPS) / _LIMIT_STEPS:g}"
