"""Every adapter by its name. A new protocol is one folder, one line here, and the conformance suite green."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from adapters.modbus.adapter import modbus_rtu, modbus_tcp
from adapters.modbus.config import ModbusTcpConfig, Tag
from adapters.modbus.mapping import rtu_from_mapping, tcp_from_mapping
from adapters.modbus.serial_config import ModbusRtuConfig
from adapters.mqtt.adapter import mqtt
from adapters.mqtt.config import MqttConfig
from adapters.mqtt.mapping import mqtt_from_mapping
from adapters.mqtt.rules import Tag as MqttTag
from adapters.xbee.adapter import xbee_modbus
from adapters.xbee.config import XBeeConfig
from adapters.xbee.mapping import xbee_from_mapping
from adapters.xbee.tag import Tag as XBeeTag
from ironstream.gateway.adapter import AdapterKind

_ANY: Final = {"name": "any", "address": 1}
"""Stands for the tags of a device that is browsed before any is known."""
_LISTENER: Final = {
    "client_id": "ironstream-browse",
    "session_expiry_s": 0,
    "tags": [{"name": "any", "topic": "ironstream/browse", "qos": 0}],
}
"""A client of a broker that is browsed before any topic is known; the broker keeps nothing for it."""

ADAPTERS: Final[Mapping[str, AdapterKind]] = MappingProxyType(
    {
        "modbus-tcp": AdapterKind(ModbusTcpConfig, Tag, modbus_tcp, tcp_from_mapping, {"tags": [_ANY]}),
        "modbus-rtu": AdapterKind(ModbusRtuConfig, Tag, modbus_rtu, rtu_from_mapping, {"tags": [_ANY]}),
        "mqtt": AdapterKind(MqttConfig, MqttTag, mqtt, mqtt_from_mapping, _LISTENER),
        "xbee-modbus": AdapterKind(
            XBeeConfig, XBeeTag, xbee_modbus, xbee_from_mapping, {"nodes": [{"node_id": "any"}], "tags": [_ANY]}
        ),
    }
)
"""Name in topology.yaml (`adapter:`) and in CONFIG_JSON (`protocol`, where `_` may stand for `-`)."""

CONFIG_MODELS: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {name: kind.config_model for name, kind in ADAPTERS.items()}
)
"""What the check of topology.yaml validates the `config` of each pipeline with."""
