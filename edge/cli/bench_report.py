"""What ``linegate bench`` tells: the time of every stage, and what of it is linegate's own."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edge.core.codes import describe
from edge.core.statistics import percentile
from edge.ledger.stages import PartTimes

NOT_OURS: Final = ("capture", "halve", "invoke", "commit")
"""Stages that camera, model and disk set: what is left of receipt to send is linegate's own share."""

NS_PER_MS: Final = 1e6


def stage_fields(times: Sequence[PartTimes]) -> dict[str, Any]:
    """Return how many parts were answered, how many of them judged, and by stage the judged ones' milliseconds.

    Those whose verdict was overruled are named: they were too slow, and their stages ran on after the answer.
    """
    judged = [part for part in times if "invoke" in part.stages_ns and part.overruled is None]
    names = list(dict.fromkeys(name for part in judged for name in part.stages_ns))
    own = [part.total_ns - sum(part.stages_ns.get(name, 0) for name in NOT_OURS) for part in judged]
    return {
        "parts": len(times),
        "judged": len(judged),
        "overruled": [
            {"sess": part.session, "trig": part.trig, "code": part.overruled}
            for part in times
            if part.overruled is not None
        ],
        "stages_ms": {name: figures(part.stages_ns.get(name, 0) / NS_PER_MS for part in judged) for name in names},
        "receipt_to_send_ms": figures(part.total_ns / NS_PER_MS for part in judged),
        "own_share_ms": figures(value / NS_PER_MS for value in own),
    }


def figures(values: Iterator[float]) -> dict[str, float]:
    """Return mean, median, 99th percentile and maximum, rounded; nothing of no values."""
    known = list(values)
    if not known:
        return {}
    return {
        "mean": round(statistics.fmean(known), 3),
        "p50": round(percentile(known, 0.5), 3),
        "p99": round(percentile(known, 0.99), 3),
        "max": round(max(known), 3),
    }


def stage_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of :func:`stage_fields`, with the PLC's own measure where there is one."""
    rows = {**report["stages_ms"], "receipt to send": report["receipt_to_send_ms"]}
    rows["less " + ", ".join(NOT_OURS)] = report["own_share_ms"]
    rows["PLC: trigger to result"] = report.get("plc_ms", {})
    for name, row in rows.items():
        if row:
            yield f"{name:>36}  p50 {row['p50']:8.3f}  p99 {row['p99']:8.3f}  max {row['max']:8.3f}"
    if overruled := report["overruled"]:
        codes = Counter(part["code"] for part in overruled)
        reasons = ", ".join(f"{number} x {code} {describe(code)}" for code, number in codes.most_common())
        last = overruled[-1]
        yield (
            f"{len(overruled)} of {report['parts']} parts were overruled and are in none of these times: {reasons}; "
            f"the last is sess {last['sess']} trig {last['trig']}"
        )
