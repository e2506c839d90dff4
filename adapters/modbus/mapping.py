"""The `mapping.registers` form of CONFIG_JSON, with addresses such as 40001, turned into the adapter's own config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ironstream.errors import ConfigurationError

_KINDS = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
_TYPES = {"bool": "BIT", "boolean": "BIT", "float": "FLOAT32", "double": "FLOAT64", "int": "INT16", "uint": "UINT16"}
_RENAMED = {"modbus_host": "host", "ip": "host", "slave_id": "unit_id", "modbus_port": "port"}


def tcp_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What ModbusTcpConfig reads, from `source` (host, port, unit_id, any other field of the config) and `mapping`.

    A register number of five or six digits names the space by its first digit (0 coil, 1 discrete, 3 input, 4 holding)
    and counts from 1: "40001" is the first holding register. Raises ConfigurationError naming every fault.
    """
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
    config = {_RENAMED.get(key, key): value for key, value in source.items()}
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
            tag[key] = value
    if tag.get("type") == "BIT" or tag["kind"] in ("coil", "discrete"):
        # the form gives scale 1.0 to everything, bits too
        tag = {key: value for key, value in tag.items() if key not in ("scale", "offset")}
    return tag
