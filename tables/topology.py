"""Table in which every agent keeps the topology that its state holds to: one row per partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tables.rows import RowLayout


@dataclass(frozen=True, slots=True)
class HeldTopology:
    """A version of the topology, packed as the control record of the log carries it, and the number of the change."""

    version: int
    packed: str
    number: int = 0


TOPOLOGY: Final = RowLayout("topology", b"t/", 1, HeldTopology)
TOPOLOGY_ROW: Final = "held"
