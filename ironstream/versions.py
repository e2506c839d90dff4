"""Versions of the log of topologies, checked with all kinds of adapters and sinks that this release knows."""

from __future__ import annotations

from pathlib import Path

from ironstream.rollout.records import Version
from ironstream.topology import Topology
from ironstream.topology.canary import parse_version
from ironstream.topology.sources import CanarySources, Sources


def checked(sources: Sources | CanarySources, folder: Path) -> Topology:
    """The topology that files declare; of a canary, what gateways and sinks run. Raises TopologyError."""
    # the models of adapters and sinks are costly to import, which whoever does not check would pay for
    from adapters.registry import CONFIG_MODELS
    from ironstream.sinks.registry import SINKS

    return parse_version(sources, folder, CONFIG_MODELS, SINKS)


def checked_version(version: Version) -> Topology:
    """The topology of a version, of a canary what it goes back to. Raises TopologyError: this release may have learned
    since what that one did wrong.
    """
    return checked(Sources.unpacked(version.packed), Path(f"version {version.number}"))
