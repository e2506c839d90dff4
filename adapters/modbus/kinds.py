"""The adapters of this folder, as the registry names them."""

from __future__ import annotations

from typing import Final

from adapters.modbus.adapter import modbus_rtu, modbus_tcp
from adapters.modbus.config import ModbusTcpConfig, Tag
from adapters.modbus.mapping import rtu_from_mapping, tcp_from_mapping
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.gateway.adapter import AdapterKind

_ANY: Final = {"tags": [{"name": "any", "address": 1}]}
"""Stands for the tags of a device that is browsed before any is known."""

TCP: Final = AdapterKind(ModbusTcpConfig, Tag, modbus_tcp, tcp_from_mapping, _ANY)
RTU: Final = AdapterKind(ModbusRtuConfig, Tag, modbus_rtu, rtu_from_mapping, _ANY)
