"""The deadline guard: the thread that owns the line link, so that no hanging stage can silence the station."""

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from edge.core import wire
from edge.core.events import Overruled
from edge.inspector import clock
from edge.inspector.dispatch import Delivery, Dispatch
from edge.inspector.part import Part
from edge.inspector.retained import Retained, RetainedToken
from edge.inspector.verdicts import Author, decided_by_guard
from edge.ledger import Ledger
from edge.line.link import Link, Message

MARGIN_NS: Final = 20 * clock.NS_PER_MS
"""How long before a deadline the guard answers itself: the way through the broker, and a late wake-up."""

HEARTBEAT_NS: Final = 500 * clock.NS_PER_MS
RETRY_NS: Final = 5 * clock.NS_PER_MS
"""How soon a live result is tried again that the link could not take."""

SETTLE_S: Final = 2.0
WORDS: Final = 8
"""Words that wait for the link at most; of more the oldest go."""

_LOG: Final = logging.getLogger(__name__)


class DeadlineGuard:
    """Answers every part exactly once: with the loop's verdict, or in time without it.

    ``beat`` makes the next heartbeat; ``retained`` holds the messages that must stand on the broker.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        dispatch: Dispatch,
        author: Author,
        beat: Callable[[int], wire.Heartbeat],
        retained: Retained,
    ) -> None:
        self._ledger = ledger
        self._dispatch = dispatch
        self._author = author
        self._beat = beat
        self._retained = retained
        self._changed = threading.Condition()
        self._news = False
        self._words: deque[tuple[str, bytes]] = deque(maxlen=WORDS)
        self._due: list[tuple[int, int, Part]] = []
        self._order = itertools.count()
        self._answering = False
        self._settling = False
        self._stopping = False
        self._beats = 0
        self._next_beat_ns = 0
        self._looks_at_ns = 0
        self.alive_ns = time.monotonic_ns()
        self._thread = threading.Thread(target=self._work, name="deadline-guard", daemon=True)
        self._link: Link | None = None

    def start(self, link: Link) -> None:
        """Take over the link, which is about to be opened."""
        self._link = link
        self._thread.start()

    def settle(self) -> None:
        """Answer every open part, and from now on each new one, at once; return when the answers are out.

        From here on the retained messages stay as they are: the farewell is the last of them.
        """
        self._retained.close()
        with self._changed:
            self._settling = self._news = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._due or self._answering or self._dispatch.urgent), SETTLE_S)

    def stop(self) -> None:
        """End the thread, once nothing can arrive any more; open parts are answered in the record."""
        with self._changed:
            self._stopping = self._settling = self._news = True
            self._changed.notify_all()
        self._thread.join(timeout=5.0)

    def watch(self, part: Part) -> None:
        """Answer for this part when nobody else has by its deadline less the margin."""
        self._watch(part, part.order.deadline_ns - MARGIN_NS)

    def answer_now(self, part: Part) -> None:
        """Answer for this part at once: it will not be judged."""
        self._watch(part, 0)

    def send(self, delivery: Delivery) -> None:
        """Send a verdict whose part the loop has claimed and whose commit is done."""
        self._dispatch.add(delivery)
        self._wake()

    def say(self, topic: str, payload: bytes) -> None:
        """Publish a word that is no result: once, if the link is up; nobody waits for its answer."""
        self._words.append((topic, payload))
        self._wake()

    def sent(self, token: object) -> None:
        """Take that a result goes out now."""
        self._dispatch.sent(token)

    def expired(self, token: object) -> None:
        """Take that the link held a result until its time was over."""
        self._dispatch.expired(token)
        self._wake()

    def acknowledged(self, token: object, reason: int) -> None:
        """Take the broker's answer; there may be room for more now."""
        if isinstance(token, RetainedToken):
            self._retained.answer(token, reason)
        else:
            self._dispatch.acknowledged(token, reason)
        self._wake()

    def link_up(self) -> None:
        """The link is there, to a broker that may have forgotten what stood on it."""
        self._retained.link_changed()
        self._wake()

    def link_down(self) -> None:
        """The link went down: what the broker had not acknowledged is due again, for the history."""
        self._dispatch.link_lost()
        self._retained.link_changed()
        self._wake()

    def state_arrived(self, message: Message) -> None:
        """Take what somebody, most likely the station itself, has published on ``state``."""
        self._retained.arrived(message)
        self._wake()

    def _watch(self, part: Part, at_ns: int) -> None:
        with self._changed:
            heapq.heappush(self._due, (at_ns, next(self._order), part))
            # One that is due after the next look anyway wakes nobody: the loop needs the interpreter now.
            if self._settling or at_ns < self._looks_at_ns:
                self._news = True
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def _work(self) -> None:
        ended = False
        while not ended:
            self.alive_ns = time.monotonic_ns()
            due, ended = self._wait()
            for part in due:
                self._survive(partial(self._answer, part))
            self._survive(self._report)
            with self._changed:
                self._answering = False
                self._changed.notify_all()

    @staticmethod
    def _survive(action: Callable[[], object]) -> None:
        """Do one thing; no fault of it may keep the guard from answering the next part."""
        try:
            action()
        except Exception:  # noqa: BLE001 - the last thread that can still answer
            _LOG.exception("the deadline guard met a fault and goes on")

    def _wait(self) -> tuple[list[Part], bool]:
        """Wait for the next thing to do; return the parts to answer now, and whether to end after them."""
        with self._changed:
            wake_ns = min(self._next_beat_ns, self._due[0][0]) if self._due else self._next_beat_ns
            if self._dispatch.urgent:
                wake_ns = min(wake_ns, time.monotonic_ns() + RETRY_NS)
            # Any news ends the wait: a part that has just come may be due before what was waited for.
            if not self._news:
                self._looks_at_ns = wake_ns
                self._changed.wait(max(0.0, (wake_ns - time.monotonic_ns()) / 1e9))
            self._news = False
            present, due = time.monotonic_ns(), []
            while self._due and (self._settling or self._due[0][0] <= present):
                due.append(heapq.heappop(self._due)[2])
            self._answering = bool(due)
            return due, self._stopping

    def _answer(self, part: Part) -> None:
        """Answer cannot-judge for a part that nobody claimed, and have the ledger say so as soon as it can."""
        answer = part.take_over(stopping=self._settling, store_failed=self._ledger.failure is not None)
        if answer is None:
            return
        present = clock.now()
        decided = decided_by_guard(part.order, answer.code, self._author, present)
        verdict = Overruled(key=part.order.key, code=answer.code, at=present) if answer.overrules else decided
        # Queued, not waited for, so that it stands before what is recorded of the sending.
        self._survive(partial(self._ledger.append, verdict, owed=True))
        self._dispatch.add(Delivery(order=part.order, decided=decided, handed_ns=present.mono_ns, stages_ns={}))

    def _report(self) -> None:
        link, present = self._link, time.monotonic_ns()
        if link is None:
            return
        self._dispatch.flush(link)
        if present >= self._next_beat_ns:
            self._next_beat_ns = present + HEARTBEAT_NS
            self._beats = (self._beats + 1) % (wire.MAX_U32 + 1)
            beat = wire.encode_heartbeat(self._beat(self._beats))
            # One that a stalled link holds back must not come after the next: it would tell of a past.
            link.publish(wire.HEARTBEAT, beat, qos=0, not_after_ns=self._next_beat_ns)
        if link.connected:
            self._retained.flush(link)
            while self._words and link.publish(*self._words[0], qos=1):
                self._words.popleft()
