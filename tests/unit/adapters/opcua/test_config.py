from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import adapters.opcua
from adapters.opcua.alarm_config import AlarmSource, SeverityMap
from adapters.opcua.config import Deadband, OpcUaConfig, Tag
from adapters.opcua.endpoints import NONE_URI, choose, user_token
from adapters.opcua.mapping import opcua_from_mapping
from adapters.opcua.plan import ServerProfile, chunks, limits
from ironstream.errors import ConfigurationError
from ironstream.gateway.adapter import DeviceSecurityError
from ironstream.topology.lists.entries import entries_from_csv, entries_to_csv

TAG = {"name": "a", "node": "ns=2;s=a"}


def config(**fields: Any) -> OpcUaConfig:
    return OpcUaConfig.model_validate({"endpoint": "opc.tcp://plc:4840", "tags": [TAG], **fields})


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"endpoint": "http://plc:4840"}, r"opc\.tcp://HOST:PORT"),
        ({"endpoint": "opc.tcp://"}, r"opc\.tcp://HOST:PORT"),
        ({"endpoint": "opc.tcp://plc:99999"}, r"opc\.tcp://HOST:PORT"),
        ({"endpoint": "opc.tcp://me:secret@plc:4840"}, "must not hold a user"),
        ({"tags": []}, "nothing to read"),
        ({"tags": [TAG, TAG]}, "a is given twice"),
        ({"tags": [{**TAG, "node": "nonsense"}]}, "tag a: node 'nonsense' is no node"),
        ({"tags": [{**TAG, "node": "ns=plant;s=a"}]}, "neither a namespace index"),
        ({"tags": [{**TAG, "deadband": {"type": "absolute"}}]}, "a value above 0"),
        ({"tags": [{**TAG, "deadband": "101%"}]}, "at most 100"),
        ({"tags": [{**TAG, "text": True, "event": True}]}, "leave out event"),
        ({"tags": [{**TAG, "text": True, "deadband": "1"}]}, "is of numbers"),
        ({"mode": "poll", "alarms": [{}]}, "alarms need mode subscribe"),
        ({"alarms": [{"notifier": "nonsense"}]}, "alarms.0: node"),
        ({"alarms": [{"severity": {"low": 700}}]}, "medium above low"),
        ({"password": "x"}, "password needs username"),
        ({"user_certificate": "a.der"}, "need one another"),
        ({"username": "a", "user_certificate": "a.der", "user_key": "a.pem"}, "not both"),
        ({"security": "none", "user_certificate": "a.der", "user_key": "a.pem"}, "needs a secure channel"),
        ({"server_profile": "s7-1200", "tags": [{**TAG, "name": f"t{n}"} for n in range(1001)]}, "use mode poll"),
        ({"security": "Basic256"}, "security"),
    ],
)
def test_a_server_that_cannot_be_read_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        config(**fields)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        config(endpoint="x", password="y", tags=[TAG, {**TAG, "node": "z"}])
    assert all(fault in str(caught.value) for fault in ("endpoint", "password needs", "given twice", "'z' is no node"))


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(config(username="a", password="s3cret"))


@pytest.mark.parametrize("model", [OpcUaConfig, Tag, Deadband, AlarmSource, SeverityMap])
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_sample_is_a_valid_pipeline() -> None:
    assert adapters.opcua.__file__ is not None
    sample = YAML(typ="safe").load(Path(adapters.opcua.__file__).with_name("sample.yaml"))
    OpcUaConfig.model_validate(sample["config"])


def test_tags_go_through_a_spreadsheet() -> None:
    tags = [
        Tag.model_validate({**TAG, "unit": "bar", "deadband": "2%", "queue_size": 5}),
        Tag.model_validate({"name": "b", "node": "ns=2;s=x;y", "event": True, "deadband": "0.5"}),
    ]
    again = [listed.value for listed in entries_from_csv(entries_to_csv(tags, Tag), Tag)]
    assert again == tags


def test_config_json_gives_endpoint_user_and_nodes() -> None:
    source = {"opcua_endpoint": "opc.tcp://plc:4840", "username": "u", "password": "p", "publishing_interval_ms": 500}
    mapping = {
        "nodes": {
            "ns=2;s=Pressure": {"param": "pressure", "unit": "bar", "type": "double", "sampling_interval_ms": 100},
            "ns=2;s=Running": "running",
        }
    }
    made = OpcUaConfig.model_validate(opcua_from_mapping(source, mapping))
    assert (made.endpoint, made.username, made.publishing_interval_s) == ("opc.tcp://plc:4840", "u", 0.5)
    assert [(tag.name, tag.node, tag.unit, tag.sampling_interval_s) for tag in made.tags] == [
        ("pressure", "ns=2;s=Pressure", "bar", 0.1),
        ("running", "ns=2;s=Running", None, None),
    ]


@pytest.mark.parametrize("mapping", [{}, {"nodes": []}, {"nodes": {"ns=2;s=a": 5, "ns=2;s=b": None}}])
def test_config_json_without_nodes_names_the_fault(mapping: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"mapping\.nodes"):
        opcua_from_mapping({}, mapping)


def test_limits_are_those_of_the_configuration_the_server_or_its_profile() -> None:
    told = (1000, 0, None, 20_000, 10)
    assert limits(None, ServerProfile.UNKNOWN, told) == (1000, 50, 50, 10_000, 10)
    assert limits(None, ServerProfile.S7_1200, told) == (100, 100, 100, 100, 10)
    assert limits(None, ServerProfile.NONE, (None,) * 5) == (10_000,) * 5
    assert limits(7, ServerProfile.KEPWARE, told) == (7,) * 5


def test_chunks_hold_everything_in_order() -> None:
    assert list(chunks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(chunks([], 3)) == []


SIGN, ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt
BASE = "http://opcfoundation.org/UA/SecurityPolicy#"


def endpoint(
    policy: str, mode: ua.MessageSecurityMode, *tokens: tuple[ua.UserTokenType, str]
) -> ua.EndpointDescription:
    made: Any = ua.EndpointDescription()
    made.EndpointUrl, made.SecurityPolicyUri, made.SecurityMode = "opc.tcp://plc:4840", BASE + policy, mode
    made.UserIdentityTokens = []
    for kind, uri in tokens:
        token: Any = ua.UserTokenPolicy()
        token.TokenType, token.SecurityPolicyUri, token.PolicyId = kind, uri, uri
        made.UserIdentityTokens.append(token)
    described: ua.EndpointDescription = made
    return described


PLAIN = endpoint("None", ua.MessageSecurityMode.None_)
OLD = endpoint("Basic128Rsa15", ENCRYPT)


def test_auto_prefers_encryption_and_then_the_stronger_policy() -> None:
    signed, encrypted = endpoint("Aes256_Sha256_RsaPss", SIGN), endpoint("Basic256Sha256", ENCRYPT)
    assert choose([PLAIN, OLD, signed, encrypted], config()) is encrypted
    assert choose([PLAIN, OLD, signed], config()) is signed
    assert choose([PLAIN, OLD, signed, encrypted], config(security_mode="sign")) is signed


def test_a_named_policy_is_taken_in_its_mode_alone() -> None:
    signed = endpoint("Basic256Sha256", SIGN)
    assert choose([signed], config(security="Basic256Sha256", security_mode="sign")) is signed
    with pytest.raises(DeviceSecurityError, match=r"Basic256Sha256 \(Sign\)"):
        choose([signed], config(security="Basic256Sha256"))


@pytest.mark.parametrize("offered", [[PLAIN], [OLD], [PLAIN, OLD], []])
def test_what_is_not_secure_is_never_taken_instead(offered: list[ua.EndpointDescription]) -> None:
    for security in ("auto", "Basic256Sha256", "Aes256Sha256RsaPss", "Aes128Sha256RsaOaep"):
        with pytest.raises(DeviceSecurityError):
            choose(offered, config(security=security))


def test_none_is_none() -> None:
    assert choose([endpoint("Basic256Sha256", ENCRYPT), PLAIN], config(security="none")) is PLAIN


NAME = ua.UserTokenType.UserName


def test_a_password_takes_the_strongest_way_and_none_that_anybody_can_read() -> None:
    user = {"username": "a", "password": "b"}
    none_uri, strong = NONE_URI, BASE + "Aes256_Sha256_RsaPss"
    both = endpoint("None", ua.MessageSecurityMode.None_, (NAME, none_uri), (NAME, strong))
    assert user_token(both, config(**user)).SecurityPolicyUri == strong
    for there in (
        endpoint("None", ua.MessageSecurityMode.None_, (NAME, none_uri)),
        endpoint("None", ua.MessageSecurityMode.None_, (NAME, "")),
        endpoint("Basic256Sha256", SIGN, (NAME, none_uri)),
        endpoint("None", ua.MessageSecurityMode.None_, (NAME, BASE + "Basic128Rsa15")),
    ):
        with pytest.raises(DeviceSecurityError):
            user_token(there, config(**user))
    assert user_token(endpoint("Basic256Sha256", ENCRYPT, (NAME, none_uri)), config(**user)).PolicyId == none_uri


def test_a_way_that_the_server_does_not_take_is_named_with_those_it_takes() -> None:
    there = endpoint("Basic256Sha256", ENCRYPT, (NAME, ""))
    with pytest.raises(DeviceSecurityError, match="does not take anonymous here; it takes user name and password"):
        user_token(there, config())
