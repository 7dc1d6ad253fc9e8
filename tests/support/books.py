"""The witness's list against the ledger: what went over the wire, what the gate did, and what is on record.

Everything here is a value or a pure function of values. The rules are those of docs/line-contract.md; the PLC
simulator's own decision is not trusted but judged again from what it had heard.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edge.core import wire
from edge.core.types import Act, Decision, Trigger

NS_PER_MS: Final = 1_000_000
MAX_LISTED: Final = 20
LIVE: Final = frozenset({wire.RESULT, wire.AUTO})
FIXED: Final = ("epoch", "seq", "dec", "code", "score", "n", "part", "recipe", "model", "sim")
"""The fields of a result that its verdict settles; ``age_ms`` and ``t`` belong to the sending."""

Key = tuple[int, int]
"""Session and trigger number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerSent:
    """A PLC handed a trigger to its link; ``published`` is False where it had no connection."""

    trigger: Trigger
    published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatHeard:
    """A heartbeat reached a PLC."""

    plc: str
    epoch: int
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultHeard:
    """A result reached a listener: a PLC, or the one that listens beside it."""

    listener: str
    topic: str
    retained: bool
    result: wire.Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Actuated:
    """A gate moved (or stayed shut) for a part; ``epoch`` and ``seq`` are 0 where no result was taken."""

    plc: str
    session: int
    trig: int
    part: str
    epoch: int
    seq: int
    act: Act
    latency_ms: float
    timer_ms: int


Seen = TriggerSent | BeatHeard | ResultHeard | Actuated


@dataclass(slots=True)
class Books:
    """What a comparison found.

    ``problems`` holds what breaks a law, the first of each kind in words, and ``counts`` how many of each kind.
    ``unrevealed`` are triggers that never reached the station and that nothing told it of: before the first or after
    the last one that it knows of a session. ``unrecorded`` are cannot-judges on the wire that a killed station could
    not record (the guard answers before it records).
    """

    triggers: int = 0
    unrevealed: int = 0
    results: int = 0
    accepts_heard: int = 0
    accepts_actuated: int = 0
    rejects_actuated: int = 0
    timed_out: int = 0
    refused: int = 0
    unrecorded: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def problem(self, kind: str, detail: str) -> None:
        """Note a problem."""
        self.counts[kind] += 1
        if self.counts[kind] <= MAX_LISTED:
            self.problems.append(f"{kind}: {detail}")


@dataclass(slots=True)
class _Ledger:
    """What the comparison needs of ``linegate ledger export --json``."""

    records: dict[Key, Mapping[str, Any]]
    runs: dict[int, list[tuple[int, int]]]
    known: dict[int, tuple[int, int]]

    def accounts_for(self, key: Key) -> bool:
        """Tell whether a trigger has a verdict or a loss of its own, or lies in a run of losses."""
        session, trig = key
        return key in self.records or any(first <= trig <= last for first, last in self.runs.get(session, ()))


def compare(seen: Iterable[Seen], records: Iterable[Mapping[str, Any]], unclean: Collection[int] = ()) -> Books:
    """Compare all that was seen with all that is on record.

    Args:
        seen: in the order in which each party saw it.
        records: the objects of ``linegate ledger export --json``, after the last station has stopped.
        unclean: the epochs that ended without a word (killed, power cut).
    """
    books = Books()
    ledger = _read(records, books)
    seen = list(seen)
    _compare_results(seen, ledger, frozenset(unclean), books)
    _compare_triggers(seen, ledger, books)
    for plc in {event.plc for event in seen if isinstance(event, Actuated)}:
        _judge_gate(plc, seen, ledger, books)
    return books


def accepts_missing(seen: Iterable[Seen], records: Iterable[Mapping[str, Any]]) -> list[Key]:
    """Return the accepts that anybody heard and the ledger does not have: for a ledger that nobody repaired yet."""
    accepted = {(record["sess"], record["trig"]) for record in records if record["verdict"] == "accept"}
    heard = {
        (event.result.sess, event.result.trig)
        for event in seen
        if isinstance(event, ResultHeard) and event.topic in LIVE and event.result.dec is Decision.ACCEPT
    }
    return sorted(heard - accepted)


def _read(records: Iterable[Mapping[str, Any]], books: Books) -> _Ledger:
    ledger = _Ledger({}, {}, {})
    for record in records:
        key = record["sess"], record["trig"]
        if key in ledger.records:
            books.problem("recorded twice", _name(key))
        ledger.records[key] = {name: record[name] for name in (*FIXED, "verdict", "deadline_met", "sent_at")}
        books.verdicts[str(record["verdict"])] += 1
        if record["code"]:
            books.codes[record["code"]] += 1
        if record["verdict"] is None:
            books.problem("neither verdict nor loss", _name(key))
        first = record["trig_first"] or record["trig"]
        if first != record["trig"]:
            ledger.runs.setdefault(record["sess"], []).append((first, record["trig"]))
        low, high = ledger.known.get(record["sess"], (first, record["trig"]))
        ledger.known[record["sess"]] = min(low, first), max(high, record["trig"])
    return ledger


def _compare_results(seen: list[Seen], ledger: _Ledger, unclean: frozenset[int], books: Books) -> None:
    live: Counter[tuple[str, Key]] = Counter()
    told: dict[Key, wire.Result] = {}
    for event in seen:
        if not isinstance(event, ResultHeard):
            continue
        result, key = event.result, (event.result.sess, event.result.trig)
        if event.retained:
            books.problem("a retained result", _name(key))
        if event.topic in LIVE:
            live[event.listener, key] += 1
            if live[event.listener, key] > 1:
                books.problem("answered twice", f"{_name(key)}, heard by {event.listener}")
            if told.setdefault(key, result) != result:
                books.problem("two listeners heard different results", _name(key))
                continue
        books.results += 1
        _compare_result(event, ledger.records.get(key), unclean, books)
    books.accepts_heard = sum(result.dec is Decision.ACCEPT for result in told.values())


def _compare_result(
    event: ResultHeard, record: Mapping[str, Any] | None, unclean: frozenset[int], books: Books
) -> None:
    result = event.result
    if record is not None and record["verdict"] != "loss":
        differing = [name for name in FIXED if getattr(result, name) != record[name]]
        if not differing:
            if event.topic in LIVE and record["sent_at"] is None and result.epoch not in unclean:
                books.problem("sent, and not on record as sent", _name((result.sess, result.trig)))
            return
        what = ", ".join(f"{name} {getattr(result, name)} is {record[name]} on record" for name in differing)
    else:
        what = "has no record" if record is None else "is a loss on record"
    if result.dec is Decision.CANNOT_JUDGE and result.epoch in unclean:
        books.unrecorded += 1
        return
    books.problem(
        f"{result.dec.label} on {event.topic} differs from the ledger", f"{_name((result.sess, result.trig))}: {what}"
    )


def _compare_triggers(seen: list[Seen], ledger: _Ledger, books: Books) -> None:
    sent = dict.fromkeys(
        (event.trigger.session, event.trigger.trig) for event in seen if isinstance(event, TriggerSent)
    )
    books.triggers = len(sent)
    for key in sent:
        low, high = ledger.known.get(key[0], (0, -1))
        if not low <= key[1] <= high:
            books.unrevealed += 1
        elif not ledger.accounts_for(key):
            books.problem("a trigger without verdict or loss", _name(key))


def _judge_gate(plc: str, seen: list[Seen], ledger: _Ledger, books: Books) -> None:
    """Judge every movement of one PLC's gate by what that PLC had sent and heard before."""
    sent: dict[tuple[Key, str], Trigger] = {}
    heard: dict[Key, tuple[wire.Result, BeatHeard | None]] = {}
    opened: set[Key] = set()
    beat: BeatHeard | None = None
    for event in seen:
        match event:
            case TriggerSent(trigger=trigger):
                sent[(trigger.session, trigger.trig), trigger.part] = trigger
            case BeatHeard(plc=listener) if listener == plc:
                beat = event
            case ResultHeard(listener=listener, topic=wire.RESULT) if listener == plc:
                heard.setdefault((event.result.sess, event.result.trig), (event.result, beat))
            case Actuated(plc=name, act=Act.ACCEPTED) if name == plc:
                books.accepts_actuated += 1
                key = event.session, event.trig
                for what in _wrongs(event, sent.get((key, event.part)), heard.get(key), ledger.records.get(key)):
                    books.problem("an accept was actuated wrongly", f"{_name(key)}: {what}")
                if key in opened:
                    books.problem("an accept was actuated twice", _name(key))
                opened.add(key)
            case Actuated(plc=name) if name == plc:
                books.rejects_actuated += event.act is Act.REJECTED
                books.timed_out += event.act is Act.TIMED_OUT
                books.refused += event.act is Act.RESULT_REFUSED
            case _:
                pass


def _wrongs(
    event: Actuated,
    trigger: Trigger | None,
    heard: tuple[wire.Result, BeatHeard | None] | None,
    record: Mapping[str, Any] | None,
) -> Iterator[str]:
    """Yield all that is wrong with an accept that was acted upon; nothing where it was earned and fresh."""
    if trigger is None:
        yield "no such part was triggered"
        return
    if heard is None:
        yield "no result had come"
        return
    result, beat = heard
    if (result.epoch, result.seq) != (event.epoch, event.seq):
        yield f"acted on epoch {event.epoch} seq {event.seq}, heard epoch {result.epoch} seq {result.seq}"
    if result.dec is not Decision.ACCEPT:
        yield f"the result was {result.dec.label}"
    if result.part != trigger.part:
        yield f"the result was for part {result.part!r}, the part was {trigger.part!r}"
    if event.latency_ms >= event.timer_ms:
        yield f"stale: acted on after {event.latency_ms:.0f} ms, the PLC's timer is {event.timer_ms} ms"
    if beat is None or not beat.ready or not beat.epoch == result.epoch == trigger.epoch:
        yield "stale: the last heartbeat was not a ready one of its epoch"
    if record is None or record["verdict"] != "accept":
        yield f"the ledger says {record and record['verdict']}"
    elif record["sent_at"] is not None and not record["deadline_met"]:
        yield "stale: sent after its deadline"


def _name(key: Key) -> str:
    return f"sess {key[0]} trig {key[1]}"
