"""topology.yaml: its model, its check with file, line and mend, and what the stages make of it."""

from ironstream.topology.check import (
    AdapterModels,
    CheckResult,
    check_text,
    load_topology,
    parse_topology,
    read_topology,
)
from ironstream.topology.compile import CompiledTopology, compile_topology
from ironstream.topology.faults import Fault, TopologyError
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
    "check_text",
    "compile_topology",
    "load_topology",
    "parse_topology",
    "read_topology",
    "topics_of",
]
