"""The link's certificates under watch: an alarm from thirty days before they end until they are renewed."""

import datetime as dt
import json
import logging

import pytest

from edge.inspector import clock
from edge.inspector.alarms import Alarm, Alarms
from edge.inspector.certificates import CertificateWatch
from edge.line.settings import LinkSettings
from tests.support.certificates import Authority


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path, "plant", days=4000)


@pytest.fixture
def alarms() -> Alarms:
    return Alarms(clock.now())


def settings(authority: Authority, days: float) -> LinkSettings:
    pair = authority.issue("st07", days=days)
    return LinkSettings(
        broker="mqtts://b",
        base_topic="b",
        client_id="c",
        subscriptions=(),
        ca=authority.ca,
        cert=pair.cert,
        key=pair.key,
    )


def told(alarms: Alarms) -> dict[str, object]:
    return json.loads(dict(alarms.messages())["alarm/cert"])


def test_one_that_lasts_is_no_alarm(authority, alarms):
    CertificateWatch(settings(authority, 31), alarms).look()
    assert not alarms.raised(Alarm.CERT)


def test_one_that_ends_soon_is_told_with_its_file_and_day(authority, alarms, caplog):
    CertificateWatch(settings(authority, 12.1), alarms).look()
    alarm = told(alarms)
    assert (alarm["raised"], alarm["value"], alarm["limit"]) == (1, 12.1, 30)
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=12.1)).date()
    assert str(authority.ca.with_name("st07.crt")) in alarm["text"]
    assert f"expires on {day}, in 12 days: renew it" in alarm["text"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_one_that_has_expired_says_what_follows(authority, alarms):
    CertificateWatch(settings(authority, -0.5), alarms).look()
    assert "has expired on" in told(alarms)["text"]
    assert "the broker refuses this station" in told(alarms)["text"]


def test_the_authority_is_watched_too(tmp_path, alarms):
    authority = Authority(tmp_path, "plant", days=9)
    CertificateWatch(settings(authority, 300), alarms).look()
    assert "line.ca" in told(alarms)["text"]


def test_a_renewed_file_clears_it_at_the_next_look(authority, alarms):
    watch = CertificateWatch(settings(authority, 5), alarms)
    watch.look()
    assert alarms.raised(Alarm.CERT)
    authority.issue("st07", days=300)
    watch.look()
    assert not alarms.raised(Alarm.CERT)


def test_a_file_that_is_gone_or_damaged_is_told_and_not_fatal(authority, alarms):
    link = settings(authority, 300)
    watch = CertificateWatch(link, alarms)
    watch.look()
    link.cert.unlink()
    watch.look()
    assert "cannot read" in told(alarms)["text"]
    link.cert.write_text("nonsense")
    watch.look()
    assert "holds no certificate" in told(alarms)["text"]


def test_without_encryption_there_is_nothing_to_watch(alarms):
    CertificateWatch(LinkSettings(broker="mqtt://b", base_topic="b", client_id="c", subscriptions=()), alarms).look()
    assert not alarms.raised(Alarm.CERT)
