"""docs/line-contract.md says what the code does: examples byte for byte, every reason code, every misbehaviour."""

import json
import re

import pytest

from deploy.provisioning.names import Role
from deploy.provisioning.rights import RIGHTS, Right
from edge.core import wire
from edge.core.codes import REJECT_BASE, Code, describe
from edge.core.types import Act, Decision, Fault
from edge.line.plc_misbehave import Misbehaviour
from edge.line.plc_rules import MISSED_NS
from tests.support.contract_document import examples, rows, section

NS_PER_MS = 1_000_000


def _without_version(data: bytes) -> dict[str, object]:
    return {key: value for key, value in json.loads(data).items() if key != "v"}


ROUND_TRIPS = {
    "`cmd/trigger`": lambda data: wire.encode_trigger(wire.parse_trigger(data)),
    "`evt/result`": lambda data: wire.encode_result(wire.parse_result(data)),
    "`cmd/ack`": lambda data: wire.encode_ack(wire.parse_ack(data)),
    "`evt/heartbeat`": lambda data: wire.encode_heartbeat(wire.parse_heartbeat(data)),
    "`cmd/truth`": lambda data: wire.encode_truth(wire.parse_truth(data)),
    "`evt/test`": lambda data: wire.encode_test(wire.SelfTestReport(**_without_version(data))),
    "`hist/result`": lambda data: wire.encode_result(wire.parse_result(data), history=True),
}


@pytest.mark.parametrize("title", ROUND_TRIPS)
def test_the_example_is_byte_for_byte_what_the_code_sends(title):
    (example,) = examples(title)
    assert ROUND_TRIPS[title](example) == example
    assert len(example) <= wire.MAX_PAYLOAD


@pytest.mark.parametrize(
    "title",
    ["`cmd/trigger`", "`evt/result`", "`cmd/ack`", "`evt/heartbeat`", "`cmd/truth`", "`cmd/test`", "`evt/test`"],
)
def test_every_key_is_explained(title):
    (example,) = examples(title)
    explained = re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(title)))
    assert sorted(explained) == sorted(json.loads(example))


def test_the_example_of_a_request_for_a_test_is_understood():
    (example,) = examples("`cmd/test`")
    assert wire.parse_test(example) == "MES-0007"


def test_the_other_examples_are_flat_json_without_spaces():
    for example in examples("`state` and `alarm/{name}`"):
        assert wire.encode(json.loads(example)) == example


def test_every_topic_of_the_code_is_listed():
    listed = {row[0].strip("`") for row in rows("Topics")}
    known = {wire.TRIGGER, wire.ACK, wire.TEST, wire.TRUTH, wire.RESULT, wire.AUTO, wire.HEARTBEAT, wire.STATE}
    assert listed == known | {wire.HISTORY, wire.TEST_RESULT, "alarm/{name}"}


def test_the_rights_are_those_that_a_broker_is_told_of():
    told = [
        [right.topic, *(_access(role, right) for role in (Role.STATION, Role.PLC, Role.MES, Role.SCADA))]
        for right in RIGHTS
    ]
    assert told == [[row[0].strip("`").replace("{name}", "+"), *row[1:]] for row in rows("Rights")]


def test_nobody_may_write_against_the_direction_of_the_table_of_topics():
    directions = {
        row[0].strip("`").replace("{name}", "+"): row[1].partition(" -> ")[0].lower() for row in rows("Topics")
    }
    assert {right.topic: {role.value for role in right.write} for right in RIGHTS} == {
        topic: {writer} for topic, writer in directions.items()
    }


def _access(role: Role, right: Right) -> str:
    words = [word for word, roles in (("writes", right.write), ("reads", right.read)) if role in roles]
    return ", ".join(words)


def test_only_state_and_alarms_are_retained():
    assert {row[0] for row in rows("Topics") if row[3] == "yes"} == {"`state`", "`alarm/{name}`"}


def test_the_reason_codes_are_those_of_the_code_and_no_others():
    listed = [(int(row[0]), row[1]) for row in rows("Reason codes")]
    assert listed == [(int(code), describe(code)) for code in Code]
    assert all(row[2] in {"result", "record"} and row[3] for row in rows("Reason codes"))
    assert str(REJECT_BASE) in section("Reason codes")


def test_the_misbehaviours_are_those_of_the_code():
    assert [row[0].strip("`") for row in rows("Test line or live line")] == [kind.value for kind in Misbehaviour]


def test_the_numbers_in_the_text_are_those_of_the_code():
    assert f"{MISSED_NS // NS_PER_MS} ms" in section("The PLC rule")
    assert f"T#{MISSED_NS // NS_PER_MS}MS" in section("The PLC's side in structured text")
    faults = ", ".join(f"{int(fault)} {fault.name.lower().replace('_', '-')}" for fault in Fault if fault.name)
    assert faults in section("`evt/heartbeat`")
    assert "1 accept, 2 reject, 3 cannot judge" in section("`evt/result`")
    assert len(Decision) == 3
    assert "1 accepted, 2 rejected, 3 timed out, 4 result refused" in section("`cmd/ack`")
    assert len(Act) == 4
    assert f"up to {wire.MAX_COMMAND} bytes" in section("Payloads")
