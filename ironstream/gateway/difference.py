"""What must be done to get from the pipelines that run to those that are wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ironstream.comparison import Comparison, compare
from ironstream.gateway.pipeline import PipelineSpec

Groups = Mapping[str, Sequence[PipelineSpec]]
"""Name of a process → the pipelines that share it."""


Difference = Comparison[PipelineSpec]
"""Pipelines to start, to restart with what they are now, and to stop; all others are left alone."""


def difference(running: Mapping[str, PipelineSpec], wanted: Sequence[PipelineSpec]) -> Difference:
    """What is to be done to `running` (by id). That a pipeline has another place in the list is no change."""
    return compare(running, ((pipeline.id, pipeline) for pipeline in wanted))


def by_process(pipelines: Iterable[PipelineSpec]) -> dict[str, tuple[PipelineSpec, ...]]:
    """The processes of a gateway by name. A pipeline that names none has one of its own, named as the pipeline."""
    groups: dict[str, tuple[PipelineSpec, ...]] = {}
    for pipeline in pipelines:
        name = pipeline.process or pipeline.id
        groups[name] = (*groups.get(name, ()), pipeline)
    return groups


def without_movers(wanted: Groups, running: Groups) -> dict[str, tuple[PipelineSpec, ...]]:
    """`wanted` without the pipelines that another process has now: that must let go of their devices first."""
    home = {pipeline.id: name for name, pipelines in running.items() for pipeline in pipelines}
    return {
        name: tuple(pipeline for pipeline in pipelines if home.get(pipeline.id, name) == name)
        for name, pipelines in wanted.items()
    }
