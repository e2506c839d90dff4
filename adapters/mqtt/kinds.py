"""The adapter of this folder, as the registry names it."""

from __future__ import annotations

from typing import Any, Final

from adapters.mqtt.config import MqttConfig
from adapters.mqtt.mapping import mqtt_from_mapping
from adapters.mqtt.rules import Tag
from ironstream.gateway.adapter import Adapter, AdapterKind

_LISTENER: Final = {
    "client_id": "ironstream-browse",
    "session_expiry_s": 0,
    "tags": [{"name": "any", "topic": "ironstream/browse", "qos": 0}],
}
"""A client of a broker that is browsed before any topic is known; the broker keeps nothing for it."""


def _mqtt(config: Any) -> Adapter:
    """The adapter, whose protocol's library is loaded here and not by whoever only checks a configuration."""
    from adapters.mqtt.adapter import mqtt

    return mqtt(config)


MQTT: Final = AdapterKind(MqttConfig, Tag, _mqtt, mqtt_from_mapping, _LISTENER)
