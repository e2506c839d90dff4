"""What of a declared pipeline or sink decides how it runs. Whoever runs it restarts it for these, and for no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ironstream.topology.model import Pipeline, SinkPart
from ironstream.topology.sinks import SinkSort, topics_of

DEFAULT_POLL_INTERVAL_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class RunningPipeline:
    """A pipeline as a gateway runs it; where the device decides on the interval, it is asked once a second."""

    id: str
    adapter: str
    asset: str | None
    config: Mapping[str, Any]
    tenant: str
    site: str
    poll_interval_s: float
    priority: str
    process: str | None


@dataclass(frozen=True, slots=True)
class RunningSink:
    """A sink as its process runs it: with the topics that it gets, and the name of the deployment, which some tell."""

    declared: SinkPart
    topics: tuple[str, ...]
    deployment: str


def runs_on(pipeline: Pipeline, gateway: str | None) -> bool:
    """Whether `gateway` runs the pipeline: its own and those that name none, all of them for None; only enabled."""
    return pipeline.enabled and (gateway is None or pipeline.gateway in (None, gateway))


def running_pipeline(pipeline: Pipeline) -> RunningPipeline:
    """The pipeline as it runs, on whichever gateway."""
    return RunningPipeline(
        id=pipeline.id,
        adapter=pipeline.adapter,
        asset=pipeline.asset,
        config=pipeline.config,
        tenant=pipeline.tenant,
        site=pipeline.site,
        poll_interval_s=pipeline.poll_interval_s or DEFAULT_POLL_INTERVAL_S,
        priority=pipeline.priority,
        process=pipeline.process,
    )


def running_sink(sink: SinkPart, sort: SinkSort | None, window_sizes_s: Iterable[int], deployment: str) -> RunningSink:
    """The sink as it runs. Where its kind is not known, its topics are those that it names."""
    topics = sink.topics if sort is None else topics_of(sink, sort, window_sizes_s)
    return RunningSink(sink, topics, deployment)
