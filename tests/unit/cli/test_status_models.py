"""What ``linegate status`` says of a bundle on trial."""

import time
from pathlib import Path

import pytest

from edge.cli.status_models import DAY_MS, model_fields, model_lines
from edge.config import Config, load_config_file
from edge.core.events import Compared, Instant, Truth
from edge.core.slots import By, Slot, Slots, Stage, canary, shadow
from edge.core.types import Decision
from tests.support.ledgers import key, write

SHA = "ab" * 32
ACCEPT, REJECT = Decision.ACCEPT, Decision.REJECT
NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "linegate.toml"
    path.write_text(
        '[station]\nsite = "s"\nline = "l"\nname = "st"\n[[camera]]\nname = "top"\nsource = "virtual:"\n'
        f'[line]\nbroker = "mqtt://127.0.0.1:1883"\n[store]\npath = "{tmp_path}"\n'
    )
    return load_config_file(path).config


def trial(monkeypatch: pytest.MonkeyPatch, config: Config, pairs: list[tuple[Decision, Decision, bool | None]]) -> None:
    """Ten days in the shadow, with the truths of these pairs; a canary since a minute ago."""
    verified = Slot(name="toy", version=3, sha256=SHA, product="phone", stage=Stage.VERIFIED, since=1)
    slots = shadow(Slots(bundles=(verified,)), SHA, By(who="ann", at=NOW_MS - 10 * DAY_MS))
    slots = canary(slots, SHA, 0.1, By(who="ann", at=NOW_MS - 60_000))
    monkeypatch.setattr("edge.cli.status_models.read_slots", lambda _store: slots)
    at = Instant(mono_ns=1, utc_ms=NOW_MS - 5 * DAY_MS)
    events: list[Compared | Truth] = []
    for trig, (own, other, defective) in enumerate(pairs, start=1):
        said = {"code": 0, "score": 10, "own": own, "own_code": 0, "own_score": 10, "took_ns": 1, "at": at}
        events.append(
            Compared(
                key=key(trig), part=f"P{trig}", bundle=SHA, incumbent="0123abcd", stage="shadow", decision=other, **said
            )  # type: ignore[arg-type]
        )
        if defective is not None:
            found = "reject" if defective else "accept"
            events.append(Truth(epoch=1, part=f"P{trig}", truth=found, source="gauge", at=at))  # type: ignore[arg-type]
    write(config.store.path, events)


def test_a_forecast_takes_the_rate_since_the_trial_began_in_the_canary_too(
    monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    trial(monkeypatch, config, [(REJECT, REJECT, True)] * 200)
    [line] = [line for line in model_lines(model_fields(config)) if "worse in escape would be found" in line]
    assert line.endswith("about 4 weeks at this rate")


def test_truths_that_lean_are_told_before_anything_is_stopped(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    trial(monkeypatch, config, [(REJECT, ACCEPT, False)] * 12 + [(ACCEPT, REJECT, None)] * 12)
    found = model_fields(config)
    assert found["trial"]["balance"]["advice"] == "wait"
    assert [line for line in model_lines(found) if line.startswith("  truths lean: known of 12 of 12 parts")]
