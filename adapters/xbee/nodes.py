"""Which radio is which node, and which node has fallen silent. Pure: the caller's clock, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.xbee.config import ADDRESS_DIGITS, NodeConfig
from adapters.xbee.messages import NodeFound, Radio

_MOST_NAMES: Final = 1000
"""Radios remembered by name: whoever fills the air with invented ones must not fill the memory."""


@dataclass(slots=True)
class NodeState:
    """One node of the configuration: its radio's address once that is known, and when it was heard."""

    config: NodeConfig
    silence_s: float
    address64: str | None = None
    heard_s: float = 0.0
    rssi_s: float | None = None
    lost: bool = False

    @property
    def lost_at_s(self) -> float:
        """When the node is lost unless it is heard before."""
        return self.heard_s + self.silence_s


class Directory:
    """Finds the node of a radio.

    An address in full is that of one radio for good. A node identifier is that of the radio that named itself so; a
    spare that takes over the identifier is taken once the former radio is lost. Of a short address the first radio
    heard is taken.
    """

    def __init__(self, nodes: Sequence[NodeState]) -> None:
        self._nodes = nodes
        self._names: dict[str, str] = {}
        self._by_address16: dict[str, str] = {}
        for node in nodes:
            if node.config.address64 and len(node.config.address64) == ADDRESS_DIGITS:
                node.address64 = node.config.address64

    @property
    def unresolved(self) -> bool:
        """Whether some node identifier is still looked for."""
        return any(node.config.node_id and (node.address64 is None or node.lost) for node in self._nodes)

    def node_of(self, radio: Radio) -> NodeState | None:
        """The node of a radio that was heard, if it is one."""
        address = self._full(radio)
        if address is None:
            return None
        for node in self._nodes:
            if node.address64 == address:
                return node
        for node in self._nodes:
            if node.address64 is None and node.config.address64 and address.startswith(node.config.address64):
                node.address64 = address
                return node
        return None

    def may_be_wanted(self, radio: Radio) -> bool:
        """Whether a radio that is no node may turn out to be one when it is asked for its name."""
        return self.unresolved and self._full(radio) not in self._names

    def learn(self, found: NodeFound) -> str | None:
        """A radio named itself; what is wrong with it, if another has the same name."""
        address = found.radio.address64
        if address is None:
            return None
        if address in self._names or len(self._names) < _MOST_NAMES:
            self._names[address] = found.node_id
            if found.radio.address16 is not None:
                self._by_address16[found.radio.address16] = address
        for node in self._nodes:
            if node.config.node_id == found.node_id and node.address64 != address:
                if node.address64 is not None and not node.lost:
                    return f"radios {node.address64} and {address} are both named {found.node_id}"
                node.address64 = address
        return None

    def name_of(self, radio: Radio) -> str:
        """The node identifier of a radio, as far as it is known."""
        return self._names.get(self._full(radio) or "", "")

    def _full(self, radio: Radio) -> str | None:
        return radio.address64 or self._by_address16.get(radio.address16 or "")
