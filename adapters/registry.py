"""Every adapter by its name. A new protocol is one folder, one line here, and the conformance suite green."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from ironstream.gateway.adapter import AdapterKind
from ironstream.lazy import Lazy

_KINDS: Final = {
    "modbus-rtu": "adapters.modbus.kinds:RTU",
    "modbus-tcp": "adapters.modbus.kinds:TCP",
    "mqtt": "adapters.mqtt.kinds:MQTT",
    "opcua": "adapters.opcua.kinds:OPCUA",
    "xbee-modbus": "adapters.xbee.kinds:XBEE_MODBUS",
}


class _ConfigModels(Mapping[str, type[BaseModel]]):
    def __getitem__(self, name: str) -> type[BaseModel]:
        return ADAPTERS[name].config_model

    def __iter__(self) -> Iterator[str]:
        return iter(ADAPTERS)

    def __len__(self) -> int:
        return len(ADAPTERS)

    def __contains__(self, name: object) -> bool:
        return name in ADAPTERS


ADAPTERS: Final[Mapping[str, AdapterKind]] = Lazy(_KINDS)
"""Name in topology.yaml (`adapter:`) and in CONFIG_JSON (`protocol`, where `_` may stand for `-`)."""

CONFIG_MODELS: Final[Mapping[str, type[BaseModel]]] = _ConfigModels()
"""What the check of topology.yaml validates the `config` of each pipeline with."""


def is_polled(adapter: str, config: Mapping[str, Any]) -> bool:
    """Whether a pipeline of this adapter asks its device; False: the device sends by itself, or nobody knows."""
    return adapter in ADAPTERS and ADAPTERS[adapter].polled(config)
