"""What this folder offers to the registry."""

from __future__ import annotations

from typing import Final

from adapters.opcua.adapter import opcua
from adapters.opcua.config import OpcUaConfig, Tag
from adapters.opcua.mapping import opcua_from_mapping
from ironstream.gateway.adapter import AdapterKind

OPCUA: Final = AdapterKind(
    OpcUaConfig, Tag, opcua, opcua_from_mapping, {"tags": [{"name": "any", "node": "i=2258"}]}
)
