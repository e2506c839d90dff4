"""The adapters of this folder, as the registry names them."""

from __future__ import annotations

from typing import Any, Final

from adapters.modbus.config import ModbusTcpConfig, Tag
from adapters.modbus.mapping import rtu_from_mapping, tcp_from_mapping
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.gateway.adapter import Adapter, AdapterKind

_ANY: Final = {"tags": [{"name": "any", "address": 1}]}
"""Stands for the tags of a device that is browsed before any is known."""


def _modbus_tcp(config: Any) -> Adapter:
    """The adapter, whose protocol's library is loaded here and not by whoever only checks a configuration."""
    from adapters.modbus.adapter import modbus_tcp

    return modbus_tcp(config)


def _modbus_rtu(config: Any) -> Adapter:
    """The adapter, whose protocol's library is loaded here and not by whoever only checks a configuration."""
    from adapters.modbus.adapter import modbus_rtu

    return modbus_rtu(config)


TCP: Final = AdapterKind(ModbusTcpConfig, Tag, _modbus_tcp, tcp_from_mapping, _ANY, polled=lambda config: True)
RTU: Final = AdapterKind(ModbusRtuConfig, Tag, _modbus_rtu, rtu_from_mapping, _ANY, polled=lambda config: True)
