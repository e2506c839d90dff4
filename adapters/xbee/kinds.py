"""The adapter of this folder, as the registry names it."""

from __future__ import annotations

from typing import Any, Final

from adapters.xbee.config import XBeeConfig
from adapters.xbee.mapping import xbee_from_mapping
from adapters.xbee.tag import Tag
from ironstream.gateway.adapter import Adapter, AdapterKind

_ANY: Final = {"nodes": [{"node_id": "any"}], "tags": [{"name": "any", "address": 1}]}
"""Stands for the radios of a network that is browsed before any is known."""


def _xbee_modbus(config: Any) -> Adapter:
    """The adapter, whose protocol's library is loaded here and not by whoever only checks a configuration."""
    from adapters.xbee.adapter import xbee_modbus

    return xbee_modbus(config)


XBEE_MODBUS: Final = AdapterKind(XBeeConfig, Tag, _xbee_modbus, xbee_from_mapping, _ANY)
