"""What a version of the topology says of one sink. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ironstream.errors import ConfigurationError, DecodeError
from ironstream.rollout.records import Version
from ironstream.topology import SinkPart, Topology, check_sources
from ironstream.topology.faults import did_you_mean
from ironstream.topology.running import RunningSink, running_sink
from ironstream.topology.sinks import SinkSorts
from ironstream.topology.sources import Sources


@dataclass(frozen=True, slots=True)
class Declared:
    """A sink in a version: as it runs, or why it does not. `part` is None where the version does not have it."""

    part: SinkPart | None
    running: RunningSink | None
    idle: str = ""


def declared_in(topology: Topology, sink_id: str, sorts: SinkSorts) -> Declared:
    """What a checked topology says of the sink of that id."""
    part = next((sink for sink in topology.sinks if sink.id == sink_id), None)
    if part is None:
        return Declared(None, None, "the topology does not declare it")
    if not part.enabled:
        return Declared(part, None, "it is not enabled")
    sizes_s = [window.size_s for window in topology.windows]
    return Declared(part, running_sink(part, sorts[part.kind], sizes_s, topology.deployment.name))


def was_ever_declared(versions: Iterable[Version], sink_id: str) -> bool:
    """Whether any of these versions has a sink of that id, enabled or not."""
    name = sink_id.encode()
    for version in versions:
        try:
            sources = Sources.unpacked(version.packed)
        except DecodeError:
            continue
        # to read a version takes a while, and most that lack a name do not have it in any text
        if any(name in text for text in sources.files.values()):
            topology = check_sources(sources).topology
            if topology is not None and any(sink.id == sink_id for sink in topology.sinks):
                return True
    return False


def unknown_sink(sink_id: str, topology: Topology, version: int) -> ConfigurationError:
    """The error for a name that nobody knows."""
    known = [sink.id for sink in topology.sinks]
    hint = did_you_mean(sink_id, known) or ""
    there = f"There are: {', '.join(known) or 'none'}. `ironstream apply` adds one."
    return ConfigurationError(
        f"Version {version} of the topology, which holds, has no sink {sink_id}, nor had any before it.",
        f"{hint[:1].upper()}{hint[1:]} {there}".strip(),
    )
