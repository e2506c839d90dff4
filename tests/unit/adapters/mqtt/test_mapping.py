from __future__ import annotations

from typing import Any

import pytest

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.mapping import mqtt_from_mapping
from ironstream.errors import ConfigurationError

SOURCE = {"broker": "b", "client_id": "c"}


def test_topics_become_tags_and_patterns() -> None:
    config = MqttConfig.model_validate(
        mqtt_from_mapping(
            SOURCE,
            {
                "topics": {
                    "tank/1/level": {"param": "level", "type": "float", "unit": "m"},
                    "pump/1": [{"param": "t", "path": "$.t"}, {"param": "on", "path": "$.on", "type": "boolean"}],
                    "plant/{asset}/#": {"silence_s": 5},
                }
            },
        )
    )
    assert config.host == "b"
    assert [(tag.name, tag.topic, tag.type) for tag in config.tags] == [
        ("level", "tank/1/level", "number"),
        ("t", "pump/1", "number"),
        ("on", "pump/1", "bool"),
    ]
    assert [rule.pattern for rule in config.topics] == ["plant/{asset}/#"]


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("mqtt://b", {"host": "b", "port": 1883, "transport": "tcp"}),
        ("mqtts://b:9999", {"host": "b", "port": 9999, "transport": "tcp", "tls": {}}),
        ("wss://b/x", {"host": "b", "port": 443, "transport": "websockets", "tls": {}, "websocket_path": "/x"}),
    ],
)
def test_an_address_says_port_transport_and_tls(url: str, fields: dict[str, Any]) -> None:
    assert mqtt_from_mapping({"url": url, "client_id": "c"}, {"sparkplug": {}}) == {
        "client_id": "c",
        "sparkplug": {},
        **fields,
    }


def test_every_fault_is_named_and_no_password_with_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        mqtt_from_mapping({"url": "mqtt://u:geheim@b"}, {"topics": {"a": 1, "b": []}})
    assert "geheim" not in str(caught.value)
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == [
        "source.url",
        "mapping.topics.a",
        "mapping.topics.b",
    ]
    with pytest.raises(ConfigurationError, match="missing or empty"):
        mqtt_from_mapping(SOURCE, {})
