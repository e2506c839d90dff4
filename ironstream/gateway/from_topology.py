"""The pipelines of topology.yaml as the gateway runs them."""

from __future__ import annotations

from ironstream.gateway.outgoing import Priority
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.topology import Pipeline, Topology
from ironstream.topology.running import running_pipeline, runs_on


def pipelines_of(topology: Topology, gateway: str | None = None) -> list[PipelineSpec]:
    """The enabled pipelines that `gateway` runs: its own and those that name none; all of them for None."""
    return [pipeline_of(pipeline) for pipeline in topology.pipelines if runs_on(pipeline, gateway)]


def pipeline_of(pipeline: Pipeline) -> PipelineSpec:
    """One pipeline, of nothing but what `RunningPipeline` has: `ironstream plan` tells of restarts by that."""
    running = running_pipeline(pipeline)
    return PipelineSpec(
        id=running.id,
        adapter=running.adapter,
        asset_id=running.asset,
        config=running.config,
        tenant_id=running.tenant,
        site_id=running.site,
        poll_interval_s=running.poll_interval_s,
        priority=Priority[running.priority.upper()],
        process=running.process,
    )
