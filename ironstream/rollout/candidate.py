"""What a candidate would change where a version of the log holds."""

from __future__ import annotations

from pathlib import Path

from ironstream.errors import ConfigurationError, DecodeError
from ironstream.rollout.records import Version
from ironstream.topology import AdapterModels, SinkSorts, Topology, TopologyError, parse_sources
from ironstream.topology.plan import Plan, plan
from ironstream.topology.sources import Sources


def topology_of(version: Version, adapters: AdapterModels, sinks: SinkSorts) -> Topology:
    """The topology of a version. Raises ConfigurationError where this release cannot use it."""
    try:
        return parse_sources(Sources.unpacked(version.packed), Path(f"version {version.number}"), adapters, sinks)
    except (TopologyError, DecodeError) as err:
        raise ConfigurationError(
            f"Version {version.number} of the topology cannot be used by this release: {err.message}",
            "Use the release that it was applied with.",
        ) from err


def plan_from(holding: Version | None, candidate: Topology, adapters: AdapterModels, sinks: SinkSorts) -> Plan:
    """What applying `candidate` would change where `holding` does; None: nothing holds yet, and nothing is lost.

    `needs_flag` of the plan tells whether whoever applies it has to say that the losses are meant. Raises
    ConfigurationError where this release cannot use the version that holds.
    """
    before = None if holding is None else topology_of(holding, adapters, sinks)
    return plan(before, candidate, sinks=sinks)
