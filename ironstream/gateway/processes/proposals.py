"""Whether a gateway could take a version: its pipelines that would be new, with their secrets in their places."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from ironstream.errors import ConfigurationError
from ironstream.gateway.build import validation_faults
from ironstream.gateway.from_topology import pipelines_of
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.secrets import Places, resolve
from ironstream.topology import AdapterModels, Topology


async def faults_of(
    gateway: str | None, proposed: Topology, present: Topology | None, adapters: AdapterModels, places: Places
) -> list[str]:
    """What keeps the gateway from running a checked topology. What runs already, well or not, is no reason."""
    running = [] if present is None else pipelines_of(present, gateway)
    new = [pipeline for pipeline in pipelines_of(proposed, gateway) if pipeline not in running]
    return [f"pipeline {one.id}: {fault}" for one in new for fault in await _faults(one, adapters, places)]


async def _faults(pipeline: PipelineSpec, adapters: AdapterModels, places: Places) -> Sequence[str]:
    if pipeline.adapter not in adapters:
        return [f"this release has no adapter {pipeline.adapter}"]
    try:
        config, redact = await resolve(pipeline.config, places)
    except ConfigurationError as error:
        return error.message.splitlines()
    try:
        adapters[pipeline.adapter].model_validate(config)
    except ValidationError as error:
        return [redact(fault) for fault in validation_faults(error)]
    return []
