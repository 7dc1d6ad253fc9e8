"""What the evidence about a candidate holds to: ``python -m tests.benchmarks.roll_outs [--runs N] [--seed S]``.

Prints shares of simulated roll-outs, 10000 of each kind unless told otherwise; that takes some minutes. The tests of
``edge/core`` assert the same with fewer.
"""

import argparse
import sys
from dataclasses import replace
from typing import Final

import numpy as np

from edge.core.forecasts import forecast, labelled_parts_needed, parts_to_promote
from edge.core.paired_evidence import ErrorKind, EvidenceRule, PairedEvidence, PairTable
from edge.core.rate_bands import BandRule, RateBand
from tests.support.roll_outs import alarmed_at, ever_outside, promoted_at, stopped_at
from tests.support.simulated_lines import FIRST, Line, stops

RULE: Final = EvidenceRule()
WORSE_BY: Final = 0.05
PARTS: Final = 5_000
PROMOTION_PARTS: Final = 1_500
DISCORDANT: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.45)
FOUND_WITH: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
DIFFERENCES: Final = (0.03, 0.05, 0.1, 0.2)
ALONE: Final = (0.0, 0.01, 0.02, 0.05, 0.1)
BAND: Final = BandRule(band=RateBand(low=0.0, high=0.1))
LINE_PARTS: Final = 6_000
EQUAL_LINES: Final = {
    "every part by itself, truths of half of them in any order": Line(),
    "noisier networks": Line(noise=1.0),
    "2 parts in a row alike": Line(copies=2),
    "5 parts in a row alike": Line(copies=5),
    "20 parts in a row alike": Line(copies=20),
    "truths of the accepted parts come 1000 parts later": Line(known=1.0, late=1_000),
    "truths of parts that the incumbent did not accept alone": Line(known=1.0, rework=True),
}
WORSE_LINES: Final = {
    "every part by itself": Line(),
    "noisier networks": Line(noise=1.0),
    "few escapes": Line(defect=4.0),
}
WORSE_PARTS: Final = 30_000
LOOKS: Final = (10, 20, 50, 100, 200, 500, 1000, 2000)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    runs, seed = given.runs, given.seed
    _say(f"{runs} roll-outs each; alpha {RULE.alpha}, margin {RULE.margin}, promotion alpha {RULE.promotion_alpha}")
    _forecasts()
    _equal(runs, seed)
    _worse(runs, seed)
    _promoted(runs, seed)
    _rates(runs, seed)
    _lines(runs, seed)
    return 0


def _forecasts() -> None:
    _say("\nlabelled parts within which a worse candidate is stopped (forecast, power 0.995); columns: it is worse by")
    _say("  incumbent errs alone on " + "".join(f"{worse_by:8.0%}" for worse_by in DIFFERENCES) + "   equal: promoted")
    for alone in ALONE:
        needed = [labelled_parts_needed(worse_by=one, incumbent_only=alone, rule=RULE) for one in DIFFERENCES]
        equal = parts_to_promote(each_only=alone, rule=RULE)
        _say(f"  {alone:24.0%}" + "".join(f"{one:8}" for one in needed) + f"{equal:18}")


def _equal(runs: int, seed: int) -> None:
    _say(f"\nan equal candidate, {PARTS} labelled defective and as many good parts: ever stopped")
    for each in DISCORDANT:
        stopped = np.zeros(runs, bool)
        for error in range(2):
            stopped |= stopped_at(0.0, each, rule=RULE, parts=PARTS, runs=runs, seed=seed + error) <= PARTS
        _say(f"  each errs alone on {each:6.1%}: {stopped.mean():.4f} (at most {RULE.alpha})")


def _worse(runs: int, seed: int) -> None:
    _say(f"\na candidate {WORSE_BY:.0%} worse in one error: stopped within the forecast number of labelled parts")
    for alone in FOUND_WITH:
        needed = labelled_parts_needed(worse_by=WORSE_BY, incumbent_only=alone, rule=RULE)
        at = stopped_at(WORSE_BY, alone, rule=RULE, parts=needed, runs=runs, seed=seed)
        half = int(np.quantile(at, 0.5))
        _say(f"  incumbent errs alone on {alone:5.1%}: {np.mean(at <= needed):.4f} of {needed} parts (half by {half})")


def _promoted(runs: int, seed: int) -> None:
    _say(f"\none error of a candidate worse by the margin, {PROMOTION_PARTS} parts: ever counted as not worse")
    for alone in (0.0, 0.02, 0.1):
        at = promoted_at(RULE.margin, alone, rule=RULE, parts=PROMOTION_PARTS, runs=runs, seed=seed)
        _say(
            f"  incumbent errs alone on {alone:5.1%}: {np.mean(at <= PROMOTION_PARTS):.4f} "
            f"(at most {RULE.promotion_alpha})"
        )
    _say("an equal candidate: counted as not worse within the forecast number of parts")
    for each in (0.0, 0.01, 0.05):
        needed = parts_to_promote(each_only=each, rule=RULE)
        at = promoted_at(0.0, each, rule=RULE, parts=needed, runs=runs, seed=seed)
        _say(f"  each errs alone on {each:5.1%}: {np.mean(at <= needed):.4f} (forecast for 0.9) of {needed} parts")


def _rates(runs: int, seed: int) -> None:
    _say(f"\na rate against a band up to {BAND.band.high:.0%}, {BAND.window} parts: ever counted as above")
    for rate in (0.08, 0.1, 0.11, 0.12, 0.15):
        at = alarmed_at(rate, rule=BAND, parts=BAND.window, runs=runs, seed=seed)
        told = f"half by {int(np.quantile(at, 0.5))}" if np.mean(at <= BAND.window) > 1 / 2 else "most never"
        _say(f"  rate {rate:5.1%}: {np.mean(at <= BAND.window):.4f} ({told})")
    _say(f"a 95 % interval looked at {len(LOOKS)} times up to {LOOKS[-1]} parts: ever beside the rate")
    for rate in (0.01, 0.1, 0.5):
        share = ever_outside(rate, alpha=0.05, looks=LOOKS, runs=runs, seed=seed)
        _say(f"  rate {rate:5.1%}: {share:.4f} (at most 0.05)")


def _lines(runs: int, seed: int) -> None:
    few = max(1, runs // 5)
    _say(f"\n{few} simulated lines each, of {LINE_PARTS} parts, an equal candidate: ever stopped")
    for name, line in EQUAL_LINES.items():
        found = stops(line, rule=RULE, parts=LINE_PARTS, runs=few, seed=seed)
        _say(f"  {found.ever.mean():.4f}  {name} (the incumbent alone lets {found.alone_share:.1%} pass)")
    _say(f"simulated lines, {WORSE_BY:.0%} more escapes: stopped for them within the forecast number of labelled parts")
    for name, line in WORSE_LINES.items():
        worse = replace(line, worse_by=WORSE_BY, defective=0.5, known=1.0)
        found = stops(worse, rule=RULE, parts=WORSE_PARTS, runs=few // 2 or 1, seed=seed)
        known = labelled_parts_needed(worse_by=WORSE_BY, incumbent_only=found.alone_share, rule=RULE)
        begun = _forecast(PairedEvidence())
        after = {int(one): _forecast(_seen(int(one))) for one in np.unique(found.incumbent_alone)}
        told = np.array([after[int(one)] for one in found.incumbent_alone])
        _say(
            f"  {name} (the incumbent alone lets {found.alone_share:.1%} pass): as begun {begun} "
            f"{np.mean(found.escape_at <= begun):.4f}, after {FIRST} parts {np.median(told):.0f} "
            f"{np.mean(found.escape_at <= told):.4f}, as it is {known} {np.mean(found.escape_at <= known):.4f}"
        )


def _forecast(evidence: PairedEvidence) -> int:
    return forecast(evidence, ErrorKind.ESCAPE, per_day=1.0, rule=RULE, worse_by=WORSE_BY).needed


def _seen(incumbent_alone: int) -> PairedEvidence:
    """Return the evidence of the first labelled parts, as far as a forecast asks."""
    cells = [0] * 9
    cells[1], cells[4] = incumbent_alone, FIRST - incumbent_alone
    return PairedEvidence(defective=PairTable(cells=tuple(cells)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
