from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

import adapters.mqtt
from adapters.mqtt.config import MqttConfig
from adapters.mqtt.connection import ConnectionConfig, TlsConfig
from adapters.mqtt.rules import FieldRule, Tag, TopicRule
from adapters.mqtt.sparkplug.config import SparkplugConfig
from ironstream.claims import claims_of
from tests.unit.adapters.mqtt.support import config

TAG = {"name": "a", "topic": "a"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, "nothing is read"),
        ({"tags": [TAG, TAG]}, "a is given twice"),
        ({"tags": [{**TAG, "metric": "m"}]}, "group/node"),
        ({"tags": [{**TAG, "topic": "g/n", "metric": "m"}]}, "needs `sparkplug`"),
        ({"tags": [TAG], "sparkplug": {}}, "needs metric"),
        ({"topics": [{"pattern": "a"}], "sparkplug": {}}, "pipeline of their own"),
        ({"topics": [{"pattern": "a/+/#"}, {"pattern": "+/b/#"}]}, "twice"),
        ({"topics": [{"pattern": "a/{x}", "asset": "{y}"}]}, "no level"),
        ({"topics": [{"pattern": "a/{x}", "format": "scalar"}]}, "needs a parameter"),
        ({"topics": [{"pattern": "a", "format": "ironstream", "time": "t"}]}, "of format json"),
        ({"topics": [{"pattern": "a", "fields": [{"path": "*", "name": "n"}]}]}, "leave name out"),
        ({"topics": [{"pattern": "a", "fields": [{"path": "a..b"}]}]}, "no path"),
        ({"tags": [{**TAG, "scale": 0}]}, "every value the same"),
        ({"tags": [{**TAG, "type": "bool", "scale": 2}]}, "do not apply"),
        ({"tags": [{**TAG, "path": "a.*"}]}, "one value"),
        ({"tags": [TAG], "password": "x"}, "needs username"),
        ({"tags": [TAG], "tls": {"key_file": "k"}}, "need cert_file"),
        ({"sparkplug": {"asset": "{line}"}}, "none of"),
        ({"sparkplug": {"node_asset": "{device}"}}, "no {device}"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        config(**fields)


def test_patterns_of_which_one_holds_the_other_may_stand_together() -> None:
    config(topics=[{"pattern": "a/{asset}/x"}, {"pattern": "a/#", "asset": "rest"}])


def test_the_session_at_the_broker_has_one_owner() -> None:
    assert claims_of(config(tags=[TAG])) == ("client_id c at broker:1883 (each pipeline needs its own)",)


def test_a_password_is_not_shown() -> None:
    tls = {"cert_file": "c", "key_password": "geheim"}
    assert "geheim" not in repr(config(tags=[TAG], username="u", password="geheim", tls=tls))


@pytest.mark.parametrize("model", [ConnectionConfig, TlsConfig, MqttConfig, Tag, TopicRule, FieldRule, SparkplugConfig])
def test_every_field_has_a_description(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_samples_are_valid_pipelines() -> None:
    assert adapters.mqtt.__file__ is not None
    for name in ("sample.yaml", "sample_sparkplug.yaml"):
        sample = YAML(typ="safe").load(Path(adapters.mqtt.__file__).with_name(name))
        MqttConfig.model_validate(sample["config"])
