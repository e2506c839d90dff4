"""The topology that one partition's decisions hold to: the one that its log named last."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final, Protocol

from agents.rows import LiveRows
from ironstream.contract import SeriesId
from ironstream.domain.rules import ConditionRule, SeriesRules, TimeRules, WindowSize
from ironstream.engine.api import Record, Store
from ironstream.engine.control import TopologyChange, decode_control
from ironstream.errors import DecodeError
from ironstream.topology.canary import compile_version, errors_of
from ironstream.topology.sources import unpacked
from tables.topology import TOPOLOGY, TOPOLOGY_ROW, HeldTopology

NEVER_NAMED: Final = -1
"""Version of a topology that the log has not named."""


class Topology(Protocol):
    """What the agents ask of a compiled topology."""

    @property
    def version(self) -> int:
        """Its number in the log of topologies."""

    @property
    def times(self) -> TimeRules:
        """How far the clocks of a device and its gateway may be apart."""

    def admits(self, tenant: str, site: str, asset: str, /) -> str | None:
        """None when the asset's records are taken, else the reason for the DLQ."""

    @property
    def windows(self) -> tuple[WindowSize, ...]:
        """Sizes of windows, ascending."""

    def series(self, tenant: str, site: str, asset: str, parameter: str, /) -> SeriesRules:
        """The rules of any series."""

    @property
    def watched_series(self) -> list[SeriesId]:
        """The series that the topology names and whose silence raises an alarm."""

    def event_rules(self, tenant: str, site: str, asset: str, /) -> tuple[ConditionRule, ...]:
        """The alarm rules on events of an asset."""


class LiveTopology:
    """Follows the control records of one partition; `current` is always one that was found good.

    Until the log names a version it is `initial`, and `version` is `NEVER_NAMED`, so that the engine writes the name of
    the configured one into the log. A version that cannot be compiled is refused: the one before it stays.
    """

    def __init__(self, store: Store, initial: Topology) -> None:
        self.current = initial
        self.version = NEVER_NAMED
        self.number = 0
        self.refused = 0
        self._rows = LiveRows(TOPOLOGY, store)
        held = self._rows.get(TOPOLOGY_ROW)
        if held is not None:
            self.number = held.number
            compiled = self._of(held.version, held.packed)
            if compiled is not None:
                self.current, self.version = compiled, held.version

    def follow(self, control: Record) -> bool:
        """Take a control record; True when another topology holds from here on. Never raises, whatever it holds."""
        change = decode_control(control)
        if not isinstance(change, TopologyChange) or change.number <= self.number:
            return False
        compiled = self._of(change.version, change.packed)
        # also a refused one, which is not to be named again and again
        self.number = change.number
        if compiled is None:
            self.refused += 1
            held = self._rows.get(TOPOLOGY_ROW)
            if held is not None:
                self._rows[TOPOLOGY_ROW] = replace(held, number=change.number)
            return False
        is_another = compiled is not self.current
        self.current, self.version = compiled, change.version
        self._rows[TOPOLOGY_ROW] = HeldTopology(change.version, change.packed, change.number)
        return is_another

    def _of(self, version: int, packed: str) -> Topology | None:
        # A version stands for one text: that of the current one need not be compiled and kept twice.
        return self.current if version == self.current.version else compiled_version(version, packed)

    def flush(self) -> None:
        """Write the row if it changed."""
        self._rows.flush()


def why_unusable(version: int, packed: str) -> str | None:
    """Why this release cannot use a version, all its faults; None when it can, and then it is compiled already."""
    if compiled_version(version, packed) is not None:
        return None
    try:
        sources = unpacked(packed)
    except DecodeError as error:
        return str(error)
    return "\n".join(map(str, errors_of(sources))) or None


@lru_cache(maxsize=4)
def compiled_version(version: int, packed: str) -> Topology | None:
    """A version ready for use; None where this release cannot use it. Compiled once for all partitions of the process,
    which name the same version within moments.
    """
    try:
        sources = unpacked(packed)
    except DecodeError:
        return None
    return compile_version(sources, version)
