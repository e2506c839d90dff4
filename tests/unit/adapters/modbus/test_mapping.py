from __future__ import annotations

import pytest

from adapters.modbus.config import ModbusTcpConfig
from adapters.modbus.mapping import rtu_from_mapping, tcp_from_mapping
from adapters.modbus.serial_config import ModbusRtuConfig
from ironstream.errors import ConfigurationError


def test_register_numbers_of_five_digits_become_spaces_and_addresses() -> None:
    config = ModbusTcpConfig.model_validate(
        tcp_from_mapping(
            {"host": "plc", "slave_id": 3},
            {
                "registers": {
                    "40001": {"param": "pressure", "unit": "psi", "type": "float32", "scale": 1.0},
                    "40003": {"param": "temperature", "unit": "celsius", "type": "float32", "scale": 0.1},
                    "30010": {"param": "count", "type": "uint32"},
                    "00001": {"param": "open", "type": "bool", "scale": 1.0},
                    "165536": {"param": "last"},
                }
            },
        )
    )
    assert config.unit_id == 3
    assert [(t.name, t.kind.value, t.address, t.type.value) for t in config.tags] == [
        ("pressure", "holding", 0, "FLOAT32"),
        ("temperature", "holding", 2, "FLOAT32"),
        ("count", "input", 9, "UINT32"),
        ("open", "coil", 0, "BIT"),
        ("last", "discrete", 65535, "BIT"),
    ]


def test_every_bad_register_is_named() -> None:
    registers = {"40001": {"param": "ok"}, "20001": {"param": "a"}, "40000": {"param": "b"}, "x": {}, "40002": 1}
    with pytest.raises(ConfigurationError) as caught:
        tcp_from_mapping({"host": "plc"}, {"registers": registers})
    for number in ("20001", "40000", "x", "40002"):
        assert f"mapping.registers.{number}:" in caught.value.message
    assert "40001:" not in caught.value.message


def test_a_mapping_without_registers_says_what_is_expected() -> None:
    with pytest.raises(ConfigurationError, match=r"mapping\.registers"):
        tcp_from_mapping({"host": "plc"}, {})


def test_the_units_of_a_serial_line_may_be_named_by_register() -> None:
    config = ModbusRtuConfig.model_validate(
        rtu_from_mapping(
            {
                "port": "/dev/ttyUSB0",
                "baud_rate": 9600,
                "parity": "even",
                "data_bits": 8,
                "stop_bits": 1,
                "slave_id": 3,
            },
            {
                "registers": {
                    "40001": {"param": "level", "type": "float32"},
                    "30001": {"param": "flow", "slave_id": 4, "asset": "pump-1"},
                }
            },
        )
    )
    assert (config.serial_port, config.baudrate, config.parity, config.unit_id) == ("/dev/ttyUSB0", 9600, "E", 3)
    assert [(t.name, t.unit_id, t.asset) for t in config.tags] == [("level", None, None), ("flow", 4, "pump-1")]
