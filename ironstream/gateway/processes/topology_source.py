"""Where a gateway has its topology from: a file, or the log of the deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ironstream.topology import Topology


@dataclass(frozen=True, slots=True)
class TopologyVersion:
    """A version that was found good; `sha256` of its text tells it from others, `number` is that of the log."""

    sha256: str
    topology: Topology
    number: int | None = None


class TopologySource(Protocol):
    """Follows the topology. `current` is the newest good version, `refused` why a newer one is not it."""

    current: TopologyVersion | None
    refused: str | None

    @property
    def where(self) -> str:
        """What it follows, for people."""

    async def load(self) -> TopologyVersion | None:
        """The version to start with; None: there is none yet, `look` brings it. Raises TopologyError."""

    async def look(self, *, whatever: bool = False) -> TopologyVersion | None:
        """A version other than `current`, when there is one; `whatever`: look also where nothing seems to have changed.

        Raises TopologyError with all faults of a version that cannot be used, once for each; `current` stays.
        """

    def applied(self, faults: Sequence[str]) -> None:
        """What `current` wants runs now, but for what the faults name."""

    async def close(self) -> None:
        """Let go of it."""
