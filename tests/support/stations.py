"""A whole inspector with scripted cameras, a stand-in model and an in-process broker, and a witness at its topics."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from camera.scripted import ScriptedSource, Step
from camera.source import Source
from deploy.active import shipped_bundle
from edge.config import LoadedConfig
from edge.config.load import parse_config
from edge.core import wire
from edge.core.quality import QualityLimits
from edge.core.types import Ack, Act, Box, Limits, Trigger
from edge.inspector.alarms import Alarm
from edge.inspector.build import Adapters
from edge.inspector.daemon import run
from edge.inspector.judging import Judge
from edge.inspector.operating import ModelRequest, Reply
from edge.inspector.operator_client import ask
from edge.inspector.recipes import LoadedRecipe
from edge.inspector.selftest import SelfTest
from edge.inspector.trial.candidate import Candidate, CandidateProcess
from edge.inspector.trial.protocol import Order
from edge.inspector.views import LoadedView
from edge.ledger.export import export
from edge.ledger.verify import VerifyReport, verify
from edge.line.link import LinkEvents, Message
from edge.line.memory import MemoryBroker, MemoryLink
from edge.line.settings import LinkSettings
from edge.spool.check import image_problem
from models.bundle import read_bundle, set_fingerprint
from models.detector import Detection
from tests.support.waiting import wait_until

SESSION = 77
LIMITS = Limits(accept_below=0.2, reject_above=0.8)
CONFIG = """
[station]
site = "s"
line = "l"
name = "st"
[[camera]]
name = "top"
source = "virtual:"
[line]
broker = "mqtt://127.0.0.1:1"
"""


def picture(seed: int = 0) -> NDArray[np.uint8]:
    """Return a small picture that passes the frame checks and differs for every seed."""
    return np.random.default_rng(seed).integers(0, 200, (120, 160, 3), dtype=np.uint8)


def pictures(count: int) -> list[NDArray[np.uint8]]:
    return [picture(seed) for seed in range(count)]


@dataclass(eq=False)
class StandInJudge:
    """Gives every picture the same score, or does what ``behave`` says."""

    score: float = 0.01
    boxes: tuple[Box, ...] = ()
    behave: Callable[[], None] = lambda: None

    def inspect(self, image: NDArray[np.uint8], roi: object = None, half: object = None) -> Detection:
        self.behave()
        return Detection(score=self.score, boxes=self.boxes, preprocess_ns=1, invoke_ns=1, postprocess_ns=1)


def stand_in_recipe(
    judge: Judge,
    cameras: Sequence[str],
    *,
    limits: Limits,
    deadline_ms: int,
    capture_ms: int,
    active: Path | None = None,
) -> LoadedRecipe:
    """Return recipe 0 with ``judge`` behind every camera, under the name of a bundle, by default the shipped one's."""
    bundle = read_bundle(active or shipped_bundle())
    views = tuple(
        LoadedView(camera=name, roi=None, limits=limits, quality=QualityLimits(), bundle=bundle, detector=judge)
        for name in cameras
    )
    return LoadedRecipe(
        id=0,
        name="test",
        revision=1,
        deadline_ms=deadline_ms,
        capture_ms=capture_ms,
        views=views,
        model=set_fingerprint([bundle.sha256]),
    )


def passed(_recipes: object, _pause: object) -> SelfTest:
    """A self-test of stand-ins, which know no golden pictures."""
    return SelfTest(pictures=1, faults=(), milliseconds=1)


@dataclass(eq=False)
class RunningStation:
    """The daemon in a thread, on ``store``; use as a context manager.

    ``judges`` are the stand-ins of bundles by ``NAME-VERSION``, ``judge`` that of every other one; ``settings`` is
    added to the configuration; without ``waits`` it need not become ready.
    """

    store: Path
    steps: Iterable[Step | NDArray[np.generic] | Exception] = field(default_factory=lambda: pictures(50))
    judge: StandInJudge = field(default_factory=StandInJudge)
    deadline_ms: int = 2000
    capture_ms: int = 1000
    broker: MemoryBroker = field(default_factory=MemoryBroker)
    trigger: str = "mqtt"
    sources: Mapping[str, Source] | None = None
    judges: Mapping[str, StandInJudge] = field(default_factory=dict)
    settings: str = ""
    waits: bool = True
    self_test: Callable[..., SelfTest] = passed
    candidate: Callable[[Order], Candidate] = CandidateProcess

    def __post_init__(self) -> None:
        text = CONFIG + f'trigger = "{self.trigger}"\n[store]\npath = "{self.store}"\n{self.settings}'
        self.loaded = LoadedConfig(config=parse_config(text), sha256="c" * 64, path=Path("linegate.toml"))
        self.cameras: Mapping[str, Source] = self.sources or {"top": ScriptedSource("top", self.steps)}
        self.messages: list[Message] = []
        self.failure: BaseException | None = None
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        base = wire.base_topic("s", "l", "st")
        self.witness = MemoryLink(
            self.broker,
            LinkSettings(
                broker="mqtt://127.0.0.1:1",
                base_topic=base,
                client_id="witness",
                subscriptions=(
                    wire.RESULT,
                    wire.AUTO,
                    wire.HISTORY,
                    wire.HEARTBEAT,
                    wire.STATE,
                    wire.TEST_RESULT,
                    *(wire.alarm_topic(alarm) for alarm in Alarm),
                ),
            ),
            LinkEvents(
                message=self.messages.append,
                connected=lambda: None,
                disconnected=lambda _reason: None,
                published=lambda _token, _reason: None,
            ),
        )

    def __enter__(self) -> Self:
        self.witness.open()
        self._thread.start()
        if self.waits:
            wait_until(lambda: self.failure or self.ready(), what="a ready heartbeat")
        else:
            wait_until(self.heartbeats, what="a heartbeat")
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        self.witness.close()

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            adapters = Adapters(
                sources=self._sources,
                recipes=self._recipes,
                test=self.self_test,
                candidate=self.candidate,
                link=self._link,
            )
            run(self.loaded, self.stopping, adapters)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.failure = error

    def _sources(self, _config: object) -> Mapping[str, Source]:
        return self.cameras

    def _recipes(self, _config: object, active: Path, **_options: object) -> Mapping[int, LoadedRecipe]:
        recipe = stand_in_recipe(
            self.judges.get(active.stem, self.judge),
            tuple(self.cameras),
            limits=LIMITS,
            deadline_ms=self.deadline_ms,
            capture_ms=self.capture_ms,
            active=active,
        )
        return {0: recipe}

    def _link(self, settings: LinkSettings, events: LinkEvents) -> MemoryLink:
        return MemoryLink(self.broker, settings, events)

    # What the witness sees and sends.

    def on(self, topic: str) -> list[Message]:
        return [message for message in list(self.messages) if message.topic == topic]

    def heartbeats(self) -> list[wire.Heartbeat]:
        return [wire.parse_heartbeat(message.payload) for message in self.on(wire.HEARTBEAT)]

    def ready(self) -> bool:
        beats = self.heartbeats()
        return bool(beats) and beats[-1].ready

    @property
    def epoch(self) -> int:
        return self.heartbeats()[-1].epoch

    def state_triggers(self) -> dict[str, int]:
        """What the newest retained state tells of triggers that went wrong; empty before the first one."""
        told = [json.loads(message.payload) for message in self.on(wire.STATE)]
        return dict(told[-1].get("triggers", {})) if told else {}

    def results(self, topic: str = wire.RESULT) -> list[wire.Result]:
        return [wire.parse_result(message.payload) for message in self.on(topic)]

    def result(self, trig: int) -> wire.Result:
        found: list[wire.Result] = []

        def answered() -> bool:
            found[:] = [result for result in self.results() if result.trig == trig]
            return bool(found)

        wait_until(answered, what=f"a result for trigger {trig}")
        return found[0]

    def send_trigger(self, trig: int, **changes: object) -> None:
        fields = {
            "session": SESSION,
            "epoch": self.epoch,
            "trig": trig,
            "tick": 0,
            "part": f"P{trig}",
            "recipe": 0,
            "deadline_ms": 0,
        }
        self.send(wire.TRIGGER, wire.encode_trigger(Trigger(**(fields | changes))))  # type: ignore[arg-type]

    def send_ack(self, result: wire.Result, act: Act) -> None:
        ack = Ack(session=result.sess, epoch=result.epoch, seq=result.seq, trig=result.trig, act=act)
        self.send(wire.ACK, wire.encode_ack(ack))

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        wait_until(
            lambda: self.witness.publish(topic, payload, qos=1, retain=retain), what="room on the witness's link"
        )

    def inspect(self, trig: int, **changes: object) -> wire.Result:
        self.send_trigger(trig, **changes)
        return self.result(trig)

    # What people ask of it.

    def model(self, action: str, bundle: str = "", **fields: object) -> Reply:
        """Ask for a move of a bundle over the operators' socket, and return the last line of the answer."""
        request = ModelRequest(action=action, bundle=bundle, **fields)  # type: ignore[arg-type]
        *_, last = ask(self.store, request)
        return last

    def alarm(self, name: str) -> str:
        """The text of an alarm as it stands on the broker, empty while it is not raised."""
        told = [json.loads(message.payload) for message in self.on(f"alarm/{name}")]
        return str(told[-1]["text"]) if told and told[-1]["raised"] else ""

    # What the books say.

    def records(self) -> dict[int, dict[str, object]]:
        return {record["trig"]: record for record in export(self.store)}

    def told_history(self) -> list[int]:
        """Return the triggers whose results the broker has taken on ``hist/result``."""
        with closing(sqlite3.connect(f"file:{self.store / 'ledger.db'}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT trig, body FROM events WHERE kind = 'sent' ORDER BY id").fetchall()
        return [trig for trig, body in rows if json.loads(body)["topic"] == wire.HISTORY]

    def verified(self) -> VerifyReport:
        return verify(self.store, image_problem(self.store / "spool"))


def pause_until(deadline_ns: int) -> None:
    """Block as a hanging driver would, until a monotonic instant."""
    time.sleep(max(0.0, (deadline_ns - time.monotonic_ns()) / 1e9))
