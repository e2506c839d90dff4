"""topology.yaml: its model, its check with file, line and mend, and what the stages make of it."""

from ironstream.topology.check import (
    AdapterModels,
    CheckResult,
    check_sources,
    check_text,
    load_topology,
    parse_sources,
)
from ironstream.topology.compile import CompiledTopology, compile_topology
from ironstream.topology.faults import Fault, TopologyError
from ironstream.topology.files import read_sources
from ironstream.topology.model import Pipeline, SinkPart, Topology
from ironstream.topology.sinks import SinkSort, SinkSorts, topics_of

__all__ = [
    "AdapterModels",
    "CheckResult",
    "CompiledTopology",
    "Fault",
    "Pipeline",
    "SinkPart",
    "SinkSort",
    "SinkSorts",
    "Topology",
    "TopologyError",
    "check_sources",
    "check_text",
    "compile_topology",
    "load_topology",
    "parse_sources",
    "read_sources",
    "topics_of",
]
