"""What the evidence about a candidate holds to: ``python -m tests.benchmarks.roll_outs [--runs N] [--seed S]``.

Prints shares of simulated roll-outs, 10000 of each kind unless told otherwise; that takes some minutes. The tests of
``edge/core`` assert the same with fewer.
"""

import argparse
import sys
from typing import Final

import numpy as np

from edge.core.forecasts import labelled_parts_needed, parts_to_promote
from edge.core.paired_evidence import EvidenceRule
from edge.core.rate_bands import BandRule, RateBand
from tests.support.roll_outs import alarmed_at, ever_outside, promoted_at, stopped_at

RULE: Final = EvidenceRule()
WORSE_BY: Final = 0.05
PARTS: Final = 5_000
PROMOTION_PARTS: Final = 1_500
DISCORDANT: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.45)
FOUND_WITH: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
DIFFERENCES: Final = (0.03, 0.05, 0.1, 0.2)
ALONE: Final = (0.0, 0.01, 0.02, 0.05, 0.1)
BAND: Final = BandRule(band=RateBand(low=0.0, high=0.1))
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


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
