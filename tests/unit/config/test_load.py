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
        (18, "recipe[0].views[0].camera"),
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


@pytest.mark.parametrize("trigger", ["timer:0", "timer:abc", "timer:", "timer:nan", "presence:1", "MQTT"])
def test_a_trigger_that_cannot_work_is_refused(trigger):
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD + f'trigger = "{trigger}"\n')
    assert [fault.key for fault in caught.value.faults] == ["line.trigger"]


def test_a_timer_trigger_has_a_period():
    assert parse_config(GOOD + 'trigger = "timer:2.5"\n').line.timer_seconds == 2.5


def test_a_presence_trigger_has_a_size_and_a_time_to_stand_still_and_no_period():
    line = parse_config(GOOD + 'trigger = "presence"\npresence_area = 0.2\npresence_still_ms = 500\n').line
    assert (line.presence_area, line.presence_still_ms, line.timer_seconds) == (0.2, 500, None)


def faults_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    return [(fault.line, fault.key, fault.text) for fault in caught.value.faults]


def recipe_of(views, more=""):
    return f'{GOOD}[[recipe]]\nid = 0\nname = "x"\n{more}views = {views}\n'


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "1" + "_0" * 5000, "-" + "9" * 5000])
@pytest.mark.parametrize("key", ["id", "revision", "name", "capture_ms"])
def test_a_number_of_thousands_of_digits_is_a_fault_like_any_other(number, key):
    faults = faults_of(f'{GOOD}[[recipe]]\n{key} = {number}\nviews = [{{camera = "top"}}]')
    assert 14 in [line for line, _, _ in faults]


def test_a_deeply_nested_file_is_a_fault():
    assert "nested too deeply" in faults_of("x = " + "[" * 5000 + "]" * 5000)[0][2]


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "linegate.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_config(path) == parse_config(GOOD)


@pytest.mark.parametrize("place", ["", "linegate.toml/below"])
def test_what_is_no_file_says_to_name_one(tmp_path, place):
    (tmp_path / "linegate.toml").touch()
    with pytest.raises(ConfigError, match="file itself with --config FILE"):
        load_config(tmp_path / place)


def test_one_bad_entry_is_one_fault_at_its_own_line():
    views = '[\n  { camera = "top" },\n  { camera = "top", roi = [0, 0, 0, 0] },\n]'
    assert [(line, key) for line, key, _ in faults_of(recipe_of(views))] == [
        (18, "recipe[0].views[1]"),
        (18, "recipe[0].views[1].camera"),
    ]
    assert [key for _, key, _ in faults_of(recipe_of('[{ camera = "top", accept_below = 2 }]'))] == [
        "recipe[0].views[0].accept_below"
    ]
    (fault,) = faults_of(GOOD.replace("virtual:?seed=1", ""))
    assert fault[1] == "camera[0].source"


def test_an_empty_list_is_still_too_short():
    assert faults_of(recipe_of("[]")) == [(16, "recipe[0].views", "has too few entries: write at least 1")]


@pytest.mark.parametrize(
    ("table", "entry", "advice"),
    [
        ("store", "spool_limit = 0", "1 MB or more"),
        ("store", "spool_limit = -5", "such as '8 GB'"),
        ("store", 'spool_limit = "8 QQ"', "such as '8 GB'"),
        ("store", "spool_limit = 0x" + "f" * 5000, "such as '8 GB'"),
        ("store", "spool_limit = inf", "such as '8 GB'"),
        ("store", "spool_limit = [1]", "such as '8 GB'"),
        ("store", "jpeg_quality = 1.5", "whole number"),
        ("store", "jpeg_quality = 101", "100 is the most"),
        ("store", "jpeg_quality = 49", "50 is the least"),
        ("store", 'jpeg_quality = "high"', "whole number"),
        ("store", "path = 3", "in quotes"),
        ("store", 'path = "data"', "absolute path"),
        ("store", 'path = "~/data"', "absolute path"),
        ("store", 'path = "/data\\u0000"', "control character"),
        ("sync", 'bucket = "pictures"', "s3://BUCKET"),
        ("sync", 'bucket = "s3://abc"\nendpoint = "minio:9000"', "http://HOST:PORT"),
        ("sync", 'bucket = "s3://abc"\nregion = 3', "in quotes"),
        ("hmi", 'listen = "8088"', "HOST:PORT"),
    ],
)
def test_a_refused_value_says_what_to_write(table, entry, advice):
    (fault,) = faults_of(f"{GOOD}[{table}]\n{entry}\n")
    assert advice in fault[2]
    assert "pattern" not in fault[2]


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ('[line]\nbroker = "mqtt://broker"\nlive = "no"', "true or false"),
        ('[line]\nbroker = "mqtt://broker"\nlive = 1', "true or false"),
        ('[line]\nbroker = "mqtt://broker"\ntrigger_slack_ms = "50"', "whole number"),
        ("[store]\njpeg_quality = 95.0", "whole number"),
        ("[store]\nledger_days = true", "whole number"),
        ("[models]\ncanary_share = true", "is not a number"),
        ('[models]\nalpha = "0.01"', "is not a number"),
    ],
)
def test_a_switch_is_no_number_and_neither_is_text(entry, advice):
    text = GOOD.partition("[line]")[0] + entry if entry.startswith("[line]") else f"{GOOD}{entry}"
    (fault,) = faults_of(text + "\n")
    assert advice in fault[2]


def test_a_recipe_takes_no_switch_for_a_number_and_no_text_for_a_switch():
    view = '{ camera = "top", accept_below = true, roi = [0, 0, true, 4] }'
    text = recipe_of(f"[{view}]", 'deadline_ms = true\nallow_provisional = "off"\n').replace("id = 0", "id = true")
    assert {key for _, key, _ in faults_of(text)} == {
        "recipe[0].id",
        "recipe[0].deadline_ms",
        "recipe[0].allow_provisional",
        "recipe[0].views[0].accept_below",
        "recipe[0].views[0].roi[2]",
    }


def test_a_refused_name_says_what_names_are():
    ((line, key, text),) = faults_of(GOOD.replace("plant1", "Plant 1"))
    assert (line, key) == (3, "station.site")
    assert text == "'Plant 1' cannot be used: write 1 to 12 of a-z, 0-9 and -"


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
def test_a_relative_file_or_one_that_is_never_used_is_a_fault(key):
    encrypted = GOOD.replace("mqtt:", "mqtts:") + "".join(f'{name} = "/{name}"\n' for name in ("ca", "cert", "key"))
    assert parse_config(encrypted)
    (fault,) = faults_of(encrypted.replace(f'"/{key}"', f'"{key}.pem"'))
    assert fault[1] == f"line.{key}"
    assert "absolute path" in fault[2]
    (fault,) = faults_of(f'{GOOD}{key} = "/x"\n')
    assert fault[1] == f"line.{key}"
    assert "write mqtts://" in fault[2]


@pytest.mark.parametrize("bundle", ["phones-1.lgb", "~/phones-1.lgb", "activ", "", "/srv/phones.zip"])
def test_a_bundle_is_active_or_an_absolute_path(bundle):
    (fault,) = faults_of(recipe_of(f'[{{ camera = "top", bundle = "{bundle}" }}]'))
    assert (fault[0], fault[1]) == (16, "recipe[0].views[0].bundle")
    assert "absolute path" in fault[2]


@pytest.mark.parametrize(
    ("times", "key"),
    [("deadline_ms = 50\n", "deadline_ms"), ("capture_ms = 401\n", "capture_ms"), ("capture_ms = 400\n", None)],
)
def test_a_part_cannot_be_seen_after_its_deadline(times, key):
    text = recipe_of('[{ camera = "top" }]', times)
    if key is None:
        assert parse_config(text)
    else:
        ((line, found, _),) = faults_of(text)
        assert (line, found) == (16, f"recipe[0].{key}")


def test_a_further_check_is_heard_beside_the_rest_and_never_twice():
    found = [(("camera", 0, "source"), "is not there"), (("station", "site"), "again")]
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD.replace("plant1", "Plant 1"), lambda raw: found)
    assert [(fault.line, fault.key) for fault in caught.value.faults] == [(3, "station.site"), (9, "camera[0].source")]


@given(st.text(max_size=300))
def test_no_text_whatever_does_more_than_raise_a_config_error(text):
    try:
        parse_config(text)
    except ConfigError as error:
        assert error.faults


def test_updates_have_a_source_and_the_documented_defaults():
    assert parse_config(GOOD).updates is None
    found = parse_config(GOOD + '[updates]\nsource = "https://models.example.com/linegate"\n').updates
    assert (found.root, found.interval_s, found.region) == (
        Path("/etc/linegate/models-root.json"),
        3600,
        "us-east-1",
    )


@pytest.mark.parametrize("source", ["s3://models/prefix", "http://10.0.0.1:8080/a", "/media/stick/linegate"])
def test_bundles_come_from_a_bucket_a_web_server_or_a_folder(source):
    assert parse_config(GOOD + f'[updates]\nsource = "{source}"\n').updates.source == source


@pytest.mark.parametrize("source", ["", "stick", "ftp://a/b", "s3://", "https://", "https://a/?b=c", "file:///a"])
def test_any_other_source_of_bundles_is_a_fault(source):
    with pytest.raises(ConfigError) as caught:
        parse_config(GOOD + f'[updates]\nsource = "{source}"\n')
    [fault] = caught.value.faults
    assert fault.key == "updates.source"
    assert "write https://HOST/PATH" in fault.text
