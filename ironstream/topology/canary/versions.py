"""A version as the log of topologies holds it, whole or a canary: checked, and made ready for use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ironstream.claims import ONE_OWNER, claims_of
from ironstream.topology.canary.compiled import CompiledCanary, compile_canary
from ironstream.topology.canary.part import gateway_part
from ironstream.topology.check import AdapterModels, check_sources, meet, parse_sources
from ironstream.topology.compile import CompiledTopology, compile_topology
from ironstream.topology.faults import Fault, TopologyError, quote
from ironstream.topology.model import Pipeline, Topology
from ironstream.topology.sinks import SinkSorts
from ironstream.topology.sources import CanarySources, Sources


def compile_version(sources: Sources | CanarySources, version: int) -> CompiledTopology | CompiledCanary | None:
    """What the agents ask; None where this release finds errors in it."""
    if isinstance(sources, Sources):
        topology = check_sources(sources).topology
        return None if topology is None else compile_topology(topology, version)
    parent, candidate = check_sources(sources.parent).topology, check_sources(sources.candidate).topology
    if parent is None or candidate is None:
        return None
    return compile_canary(parent, candidate, sources.gateway, version)


def errors_of(sources: Sources | CanarySources) -> list[Fault]:
    """Why `compile_version` would find nothing; empty where it does."""
    if isinstance(sources, Sources):
        return check_sources(sources).errors
    return check_sources(sources.parent).errors + check_sources(sources.candidate).errors


def parse_version(
    sources: Sources | CanarySources, name: Path, adapters: AdapterModels, sinks: SinkSorts | None = None
) -> Topology:
    """What gateways and sinks run: of a canary the pipelines of both versions, and all else as in its parent.

    Raises TopologyError where one of them has faults, or where they cannot be had together.
    """
    if isinstance(sources, Sources):
        return parse_sources(sources, name, adapters, sinks)
    parent = parse_sources(sources.parent, name, adapters, sinks)
    candidate = parse_sources(sources.candidate, name, adapters, sinks)
    part = gateway_part(parent, candidate, sources.gateway)
    pipelines = part.composed(parent, candidate)
    tried = [one for one in pipelines if one.id in part.pipelines]
    stay = [one for one in pipelines if one.id not in part.pipelines]
    if clashes := list(_clashes(tried, stay, adapters)):
        listing = "\n".join(clashes)
        message = f"gateway {sources.gateway} cannot try this beside what the others run:\n{listing}"
        raise TopologyError(message, [], f"{ONE_OWNER}; or apply the whole file, without --gateway")
    return parent.model_copy(update={"pipelines": pipelines})


def _clashes(tried: Sequence[Pipeline], stay: Sequence[Pipeline], adapters: AdapterModels) -> Iterator[str]:
    """What two pipelines claim of which each version has one alone."""
    for one in tried:
        claims = _claims(one, adapters)
        for other in stay if claims else ():
            if meet(one, other):
                for claim in sorted(claims & _claims(other, adapters)):
                    yield f"pipeline {quote(other.id)} has {claim}, and so has {quote(one.id)}"


def _claims(pipeline: Pipeline, adapters: AdapterModels) -> frozenset[str]:
    return frozenset(claims_of(adapters[pipeline.adapter].model_validate(pipeline.config)))
