"""The adapter of this folder, as the registry names it."""

from __future__ import annotations

from typing import Final

from adapters.opcua.adapter import opcua
from adapters.opcua.config import OpcUaConfig, Tag
from adapters.opcua.mapping import opcua_from_mapping
from ironstream.gateway.adapter import AdapterKind

_ANY: Final = {"tags": [{"name": "any", "node": "i=2258"}]}
"""Stands for the nodes of a server that is browsed before any is known: its clock, which every server has."""

OPCUA: Final = AdapterKind(OpcUaConfig, Tag, opcua, opcua_from_mapping, _ANY)
