"""The adapter of this folder, as the registry names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.opcua.config import Mode, OpcUaConfig, Tag
from adapters.opcua.mapping import opcua_from_mapping
from ironstream.gateway.adapter import Adapter, AdapterKind

_ANY: Final = {"tags": [{"name": "any", "node": "i=2258"}]}
"""Stands for the nodes of a server that is browsed before any is known: its clock, which every server has."""


def _opcua(config: Any) -> Adapter:
    """The adapter, whose protocol's library is loaded here and not by whoever only checks a configuration."""
    from adapters.opcua.adapter import opcua

    return opcua(config)


def _is_polled(config: Mapping[str, Any]) -> bool:
    return config.get("mode") == Mode.POLL


OPCUA: Final = AdapterKind(OpcUaConfig, Tag, _opcua, opcua_from_mapping, _ANY, polled=_is_polled)
