"""The pipelines of topology.yaml as the gateway runs them."""

from __future__ import annotations

from ironstream.gateway.outgoing import Priority
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.topology import Pipeline, Topology

DEFAULT_POLL_INTERVAL_S = 1.0


def pipelines_of(topology: Topology, gateway: str | None = None) -> list[PipelineSpec]:
    """The enabled pipelines that `gateway` runs: its own and those that name none; all of them for None."""
    return [
        pipeline_of(pipeline)
        for pipeline in topology.pipelines
        if pipeline.enabled and (gateway is None or pipeline.gateway in (None, gateway))
    ]


def pipeline_of(pipeline: Pipeline) -> PipelineSpec:
    """One pipeline; where it leaves the interval to the device, it is polled once a second."""
    return PipelineSpec(
        id=pipeline.id,
        adapter=pipeline.adapter,
        asset_id=pipeline.asset,
        config=pipeline.config,
        tenant_id=pipeline.tenant,
        site_id=pipeline.site,
        poll_interval_s=pipeline.poll_interval_s or DEFAULT_POLL_INTERVAL_S,
        priority=Priority[pipeline.priority.upper()],
        process=pipeline.process,
    )
