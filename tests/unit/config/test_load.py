"""The configuration file: all faults at once, each with its line and what to do."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import ConfigError, load_config
from edge.config.load import parse_config

GOOD = """
[station]
site = "plant1"
line = "line3"
name = "st07"

[[camera]]
name = "top"
source = "virtual:?seed=1"

[line]
broker = "mqtt://127.0.0.1:1883"
"""

BAD = """
[station]
site = "Plant 1"
line = "line3"
nme = "st07"

[[camera]]
name = "top"
source = "virtual:"

[[camera]]
name = "top"
latency_ms = -4

[[recipe]]
id = 0
name = "x"
views = [{ camera = "side" }]

[line]
broker = "mqtts://broker"
trigger = "sometimes"

[store]
spool_limit = "eight"
"""


def test_what_the_file_leaves_out_has_the_documented_value():
    config = parse_config(GOOD)
    recipe = config.recipes[0]
    assert (recipe.id, recipe.deadline_ms, recipe.capture_ms, recipe.allow_provisional) == (0, 400, 100, False)
    assert [(view.camera, view.bundle) for view in recipe.views] == [("top", "active")]
    assert (config.line.trigger, config.line.trigger_slack_ms, config.line.live) == ("mqtt", 50, False)
    assert (config.store.path, config.store.spool_limit, config.store.jpeg_quality) == (
        Path("/var/lib/linegate"),
        8_000_000_000,
        95,
    )
    assert config.sync is None


def test_every_fault_is_reported_at_once_with_its_line():
    with pytest.raises(ConfigError) as caught:
        parse_config(BAD)
    found = {(fault.line, fault.key) for fault in caught.value.faults}
    assert found == {
        (2, "station.name"),
        (3, "station.site"),
        (5, "station.nme"),
        (11, "camera[1].source"),
        (12, "camera[1].name"),
        (13, "camera[1].latency_ms"),
        (18, "recipe[0].views[0]"),
        (20, "line.ca"),
        (20, "line.cert"),
        (20, "line.key"),
        (22, "line.trigger"),
        (25, "store.spool_limit"),
    }


def test_a_syntax_error_names_its_line():
    with pytest.raises(ConfigError) as caught:
        parse_config("[station]\nsite = \n")
    assert caught.value.faults[0].line == 2


def test_a_missing_file_says_how_to_name_another(tmp_path):
    with pytest.raises(ConfigError, match="--config FILE"):
        load_config(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_names_the_line(tmp_path):
    path = tmp_path / "linegate.toml"
    path.write_bytes(b'[station]\nsite = "\xff"\n')
    with pytest.raises(ConfigError, match=r"line 2: is not UTF-8"):
        load_config(path)


@pytest.mark.parametrize("trigger", ["timer:0", "timer:abc", "timer:", "timer:nan", "presence", "MQTT"])
def test_a_trigger_that_cannot_work_is_refused(trigger):
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD + f'trigger = "{trigger}"\n')
    assert [fault.key for fault in caught.value.faults] == ["line.trigger"]


def test_a_timer_trigger_has_a_period():
    assert parse_config(GOOD + 'trigger = "timer:2.5"\n').line.timer_seconds == 2.5


@given(st.text(max_size=300))
def test_no_text_whatever_does_more_than_raise_a_config_error(text):
    try:
        parse_config(text)
    except ConfigError as error:
        assert error.faults
