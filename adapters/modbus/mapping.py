"""The `mapping.registers` form of CONFIG_JSON, with addresses such as 40001, turned into the adapter's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironstream.errors import ConfigurationError

_KINDS = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
_TYPES = {"bool": "BIT", "boolean": "BIT", "float": "FLOAT32", "double": "FLOAT64", "int": "INT16", "uint": "UINT16"}
_UNIT_NAMES = {"slave_id": "unit_id", "slave": "unit_id"}
_TCP_NAMES = {"modbus_host": "host", "ip": "host", "modbus_port": "port"}
_RTU_NAMES = {
    "port": "serial_port",
    "device": "serial_port",
    "baud_rate": "baudrate",
    "baud": "baudrate",
    "data_bits": "bytesize",
    "stop_bits": "stopbits",
}
_PARITIES = {"NONE": "N", "EVEN": "E", "ODD": "O"}


def tcp_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What ModbusTcpConfig reads, from `source` (host, port, unit_id, any other field of the config) and `mapping`.

    A register number of five or six digits names the space by its first digit (0 coil, 1 discrete, 3 input, 4 holding)
    and counts from 1: "40001" is the first holding register. Raises ConfigurationError naming every fault.
    """
    return _config(source, _TCP_NAMES, mapping)


def rtu_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What ModbusRtuConfig reads, from `source` (port, baudrate, parity, …) and `mapping` as of `tcp_from_mapping`.

    Each register may name its own `slave_id` and `asset`. Raises ConfigurationError naming every fault.
    """
    config = _config(source, _RTU_NAMES, mapping)
    if isinstance(config.get("parity"), str):
        parity = config["parity"].upper()
        config["parity"] = _PARITIES.get(parity, parity)
    return config


def _config(source: Mapping[str, Any], names: Mapping[str, str], mapping: Mapping[str, Any]) -> dict[str, Any]:
    registers = mapping.get("registers")
    if not isinstance(registers, Mapping) or not registers:
        raise ConfigurationError(
            "mapping.registers: is missing or empty",
            'give at least one, such as {"40001": {"param": "pressure", "type": "float32"}}',
        )
    faults: list[str] = []
    tags: list[dict[str, Any]] = []
    for number, entry in registers.items():
        try:
            tags.append(_tag(str(number), entry))
        except ValueError as error:
            faults.append(f"mapping.registers.{number}: {error}")
    if faults:
        raise ConfigurationError("\n".join(faults), "mend the registers named above")
    config = {_UNIT_NAMES.get(key, names.get(key, key)): value for key, value in source.items()}
    return {**config, "address_base": 0, "tags": tags}


def _tag(number: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise ValueError("must be an object with param and type")
    if not (number.isascii() and number.isdigit() and len(number) in (5, 6) and number[0] in _KINDS):
        raise ValueError("must be a register number of 5 or 6 digits that begins with 0, 1, 3 or 4, such as 40001")
    offset = int(number[1:])
    if not 1 <= offset <= 65536:
        raise ValueError("counts from 1 to 65536 after its first digit")
    tag: dict[str, Any] = {"kind": _KINDS[number[0]], "address": offset - 1}
    for key, value in entry.items():
        if key == "param":
            tag["name"] = value
        elif key == "type":
            tag["type"] = _TYPES.get(str(value).lower(), str(value).upper())
        else:
            tag[_UNIT_NAMES.get(str(key), str(key))] = value
    if tag.get("type") == "BIT" or tag["kind"] in ("coil", "discrete"):
        # the form gives scale 1.0 to everything, bits too
        tag = {key: value for key, value in tag.items() if key not in ("scale", "offset")}
    return tag
