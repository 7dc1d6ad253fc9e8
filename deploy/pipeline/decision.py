"""Whether a new bundle is better than its incumbent: a rule over what ``evaluate`` and ``replay`` printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

COST_MARGIN: Final = 0.02
"""By how much more good parts, as a share of them, a bundle with fewer escapes may leave unaccepted."""


class FindingsError(ValueError):
    """What a command printed is not what it prints; the message says which key is amiss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found, as the commands printed it with ``--json``.

    ``candidate`` is ``evaluate --bundle CANDIDATE --incumbent INCUMBENT``, ``incumbent`` is ``evaluate --bundle
    INCUMBENT`` on the same pictures, ``replay`` is ``replay SHIFT --bundle CANDIDATE``.
    """

    candidate: Mapping[str, Any]
    incumbent: Mapping[str, Any]
    replay: Mapping[str, Any]


def objections(found: Findings, *, bundle: str, cost_margin: float = COST_MARGIN) -> tuple[str, ...]:
    """Return why a bundle is not to be published, nothing where it is better.

    Better is: shown not to let more defective parts pass (by ``evaluate``), not worse in the replay, and either fewer
    escapes at a cost within ``cost_margin``, or as many escapes and fewer good parts left unaccepted.

    Args:
        found: What the commands printed.
        bundle: The SHA-256 of the candidate's file.
        cost_margin: See ``COST_MARGIN``.

    Raises:
        FindingsError: A key is missing, or the evaluations are not of the same parts.
    """
    try:
        return (
            *_against_incumbent(found.candidate),
            *_not_better(found.candidate["rates"], found.incumbent["rates"], cost_margin),
            *_against_replay(found.replay, bundle),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise FindingsError(f"what the commands printed cannot be read ({error!r}): are all of one version?") from error


def _against_incumbent(candidate: Mapping[str, Any]) -> list[str]:
    audit = candidate["audit"]
    comparison = audit["incumbent"]
    found: list[str] = []
    if comparison["judge_alike"]:
        found.append("it judges exactly as the incumbent does: there is nothing to publish")
    if not comparison["releasable"]:
        found.append(comparison["finding"])
    if audit["trained_on"]:
        found.append("it was trained on pictures that it was evaluated on: hold other parts back")
    return found


def _not_better(candidate: Mapping[str, Any], incumbent: Mapping[str, Any], cost_margin: float) -> list[str]:
    escapes, cost = (_pair(candidate, incumbent, name) for name in ("escape", "not_accepted_good"))
    told = (
        f"{escapes[0]} escapes of {escapes[2]} (incumbent {escapes[1]}), {cost[0]} good parts not accepted of "
        f"{cost[2]} (incumbent {cost[1]})"
    )
    if escapes[0] > escapes[1]:
        return [f"it is not better: more escapes; {told}"]
    if escapes[0] < escapes[1]:
        dear = cost[0] - cost[1] > cost_margin * cost[2]
        return [f"its fewer escapes cost too many good parts; {told}"] if dear else []
    return [] if cost[0] < cost[1] else [f"it is not better; {told}"]


def _pair(candidate: Mapping[str, Any], incumbent: Mapping[str, Any], name: str) -> tuple[int, int, int]:
    """Return the counts of candidate and incumbent, and of how many."""
    one, other = candidate[name], incumbent[name]
    if one["n"] != other["n"]:
        raise FindingsError(f"the evaluations are of {one['n']} and {other['n']} parts: use the same folder for both")
    return one["count"], other["count"], one["n"]


def _against_replay(replay: Mapping[str, Any], bundle: str) -> list[str]:
    if replay["bundle"] != bundle:
        return ["the replay is of another bundle"]
    return [] if replay["releasable"] else [f"the replay says no: {replay['reason']}"]
