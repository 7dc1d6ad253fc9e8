"""What a file names and what is not there: every fault at once, each at its line."""

import pytest

from deploy.active import shipped_bundle
from edge.config import ConfigError
from edge.config.load import parse_config
from edge.inspector.named import missing_or_unusable

BAD = """
[station]
site = "Plant 1"
line = "line3"
name = "st07"
[[camera]]
name = "a"
source = "usb:0"
[[camera]]
name = "b"
source = "gigevision:123"
[[camera]]
name = "c"
source = "replay:{folder}/nowhere"
[[camera]]
name = "d"
source = "replay:pictures"
[[camera]]
name = "e"
source = "v4l2:/dev/does-not-exist"
[[recipe]]
id = 0
name = "x"
views = [
  {{ camera = "a", bundle = "{folder}/gone.lgb" }},
  {{ camera = "b", bundle = "{shipped}" }},
  {{ camera = "c", bundle = "{folder}/damaged.lgb" }},
]
[line]
broker = "mqtts://h:abc"
ca = "{folder}/ca.pem"
cert = "{folder}/cert.pem"
key = "{folder}/gone.pem"
"""
GOOD = """
[station]
site = "plant1"
line = "line3"
name = "st07"
[[camera]]
name = "top"
source = "virtual:"
[line]
broker = "{broker}"
"""


def faults_of(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, missing_or_unusable)
    return {(fault.line, fault.key): fault.text for fault in caught.value.faults}


def test_all_that_is_missing_is_told_at_once_beside_the_faults_of_the_file(tmp_path):
    for name in ("damaged.lgb", "ca.pem", "cert.pem"):
        (tmp_path / name).write_bytes(b"damaged")
    found = faults_of(BAD.format(folder=tmp_path, shipped=shipped_bundle()))
    expected = {
        (3, "station.site"): "write 1 to 12",
        (8, "camera[0].source"): "unknown kind",
        (11, "camera[1].source"): "GenTL driver",
        (14, "camera[2].source"): f"{tmp_path}/nowhere: no such folder",
        (17, "camera[3].source"): "give an absolute path",
        (25, "recipe[0].views[0].bundle"): f"{tmp_path}/gone.lgb: cannot be read (No such file",
        (30, "line.broker"): "h:abc",
        (33, "line.key"): f"{tmp_path}/gone.pem: cannot be read (No such file",
    }
    assert found.keys() == expected.keys()
    for place, text in expected.items():
        assert text in found[place]


def test_a_file_that_is_usable_has_no_fault(tmp_path):
    assert parse_config(GOOD.format(broker="mqtt://127.0.0.1:1"), missing_or_unusable)


@pytest.mark.parametrize("broker", ["mqtt://h:abc", "mqtt://h:70000", "mqtt://h:0", "mqtt://h/topic", "mqtts://[::1"])
def test_an_address_that_no_broker_has_is_a_fault(broker):
    assert (10, "line.broker") in faults_of(GOOD.format(broker=broker))


def test_a_password_in_an_address_is_not_shown():
    told = faults_of(GOOD.format(broker="mqtt://linegate:hunter2@broker"))
    assert "hunter2" not in str(told)
    assert "more than a host and a port" in told[10, "line.broker"]


def test_a_file_that_is_no_certificate_is_a_fault_of_its_key(tmp_path):
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_bytes(b"no PEM")
    files = "".join(f'{name} = "{tmp_path / name}"\n' for name in ("ca", "cert", "key"))
    told = faults_of(GOOD.format(broker="mqtts://broker") + files)
    assert list(told) == [(11, "line.ca")]
    assert "holds no certificate in PEM form" in told[11, "line.ca"]


@pytest.mark.parametrize(
    "broken", ["camera = 3", "camera = [3]", "recipe = [{views = 3}]", "line = 3", "camera = [{}]"]
)
def test_a_file_of_another_shape_is_looked_through_all_the_same(broken):
    with pytest.raises(ConfigError):
        parse_config(broken, missing_or_unusable)
