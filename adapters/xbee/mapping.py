"""The `mapping.registers` form of CONFIG_JSON for radios: virtual registers by their Modbus numbers, such as 40001."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from adapters.modbus.mapping import tcp_from_mapping

_RENAMED: Final = {"port": "xbee_port", "baudrate": "baud_rate", "baud": "baud_rate"}
_OF_A_NODE: Final = ("node_id", "address64", "asset", "layout", "rssi_parameter")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{8,16}")


def xbee_from_mapping(source: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """What XBeeConfig reads, from `source` (xbee_port, baud_rate, node_id, any other of its fields) and `mapping`.

    "40001" is the first register of the payload, "10001" digital line 0, "30001" analog line 0. A `node_id` of 8 to 16
    hexadecimal digits is an address, or its beginning; any other is a node identifier. `source.nodes` takes several
    nodes, and `node` of a register says which. Raises ConfigurationError naming every fault.
    """
    registers = tcp_from_mapping({}, mapping)
    tags = [{key: value for key, value in tag.items() if key != "unit_id"} for tag in registers["tags"]]
    fields = {_RENAMED.get(key, key): value for key, value in source.items()}
    node: dict[str, Any] = {key: fields.pop(key) for key in _OF_A_NODE if key in fields}
    if node:
        fields["nodes"] = [_node(node), *fields.get("nodes", ())]
    elif isinstance(fields.get("nodes"), list | tuple):
        fields["nodes"] = [_node(one) if isinstance(one, Mapping) else one for one in fields["nodes"]]
    return {**fields, "tags": tags}


def _node(fields: Mapping[str, Any]) -> dict[str, Any]:
    node_id = fields.get("node_id")
    if isinstance(node_id, str) and "address64" not in fields and _ADDRESS.fullmatch(node_id):
        return {"address64": node_id} | {key: value for key, value in fields.items() if key != "node_id"}
    return dict(fields)
