"""What went wrong with triggers since the start: for the retained state, and alarms where it happens too often."""

from collections.abc import Mapping
from typing import Final

from edge.core.trigger_rates import LIMIT_PERCENT, TriggerRates
from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms

TOLD: Final = ("missed", "early", "late", "refused", "duplicate", "disturbed")
"""The counts that the retained state tells; they change seldom, and so does the state."""

_ADVICE: Final[dict[Alarm, str]] = {
    Alarm.MISSED: "their parts were not inspected: check the network to the broker; with the presence trigger, that "
    "parts stand still and the view is empty between them",
    Alarm.EARLY: "they came before the part before was photographed: check the part sensor, or lower capture_ms",
    Alarm.LATE: "they were held up on their way: check network and broker, or raise trigger_slack_ms",
}


class TriggerCounts:
    """Turns reception's running counts into what people are told."""

    def __init__(self, counts: Mapping[str, int], alarms: Alarms) -> None:
        self._counts = counts
        self._alarms = alarms
        self._rates = TriggerRates(tuple(alarm.value for alarm in _ADVICE))

    def told(self) -> dict[str, int]:
        """Return the counts of this epoch that the retained state tells."""
        return {name: self._counts[name] for name in TOLD}

    def update(self) -> None:
        """Raise or clear the alarms of this moment; to be called every now and then."""
        at = clock.now()
        triggers = self._counts["received"] + self._counts["missed"]
        rates = self._rates.update(at.mono_ns // clock.NS_PER_MS, triggers, self._counts)
        for alarm, advice in _ADVICE.items():
            rate = rates[alarm.value]
            if rate.raised:
                text = f"{rate.count} of {rate.triggers} triggers {alarm.value} in the last 10 minutes; {advice}"
                self._alarms.set(alarm, at, text, value=round(rate.percent, 1), limit=LIMIT_PERCENT)
            else:
                self._alarms.clear(alarm, at)
