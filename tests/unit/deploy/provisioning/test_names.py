"""A certificate's name says one thing: who, and how far the rights reach."""

import pytest
from hypothesis import given

from deploy.provisioning.errors import ProvisioningError
from deploy.provisioning.names import parse_member, station_member
from tests.support.members import MEMBERS

LONGEST_COMMON_NAME = 64


@given(MEMBERS)
def test_a_name_comes_back_as_who_it_is_and_fits_a_certificate(member):
    assert parse_member(member.name) == member
    assert len(member.name) <= LONGEST_COMMON_NAME


@given(MEMBERS, MEMBERS)
def test_no_two_share_a_name(one, other):
    assert (one.name == other.name) == (one == other)


@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("station.plant1.line3.st07", "linegate/v1/plant1/line3/st07"),
        ("plc.plant1.line3", "linegate/v1/plant1/line3/+"),
        ("mes.plant1", "linegate/v1/plant1/+/+"),
        ("scada.plant1.line3.st07", "linegate/v1/plant1/line3/st07"),
    ],
)
def test_what_a_name_leaves_out_means_all_of_them(name, topics):
    assert parse_member(name).topics == topics


@pytest.mark.parametrize(
    "name",
    [
        "",
        "station",
        "station.plant1.line3",
        "station.plant1.line3.st07.more",
        "plc.plant1",
        "mes",
        "mes.plant1.line3.st07.x",
        "robot.plant1",
        "Station.plant1.line3.st07",
        "station.plant1.line3.ST07",
        "station.plant1.+.st07",
        "station.plant1.line3.#",
        "station.plant1.line3.st07\n",
        "station.plant1..st07",
        "station.plant1.line3." + "s" * 13,
        "station/plant1/line3/st07",
        "mes.plänt",
    ],
)
def test_other_names_are_refused_with_the_forms_that_there_are(name):
    with pytest.raises(ProvisioningError, match=r"write station\.SITE\.LINE\.NAME"):
        parse_member(name)


def test_a_stations_name_follows_from_its_configuration():
    assert station_member("plant1", "line3", "st07").name == "station.plant1.line3.st07"
