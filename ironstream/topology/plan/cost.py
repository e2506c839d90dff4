"""What a topology asks for: readings, series, conditions, rows of sinks, partitions. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from ironstream.contract import Topic
from ironstream.topics import topic_count
from ironstream.topology.plan.model import Cost, SinkCost
from ironstream.topology.plan.plant import Plant
from ironstream.topology.resolve import AssetKey, delivered_tags
from ironstream.topology.running import running_pipeline, running_sink
from ironstream.topology.sinks import SinkSorts

Polled = Callable[[str, Mapping[str, Any]], bool]
"""Whether an adapter with this configuration asks its device."""
_DAY_S: Final = 86_400


def cost_of(plant: Plant, conditions: int, sorts: SinkSorts, polled: Polled) -> Cost:
    """The cost of a plant whose alarm rules watch `conditions` series in all. Where `polled`,
    the device is asked also if the pipeline does not say how often.
    """
    topology = plant.topology
    readings_per_s, unpaced = 0.0, 0
    undeclared: set[tuple[AssetKey, str]] = set()
    for pipeline in topology.pipelines:
        if not pipeline.enabled:
            continue
        default_s = running_pipeline(pipeline).poll_interval_s if polled(pipeline.adapter, pipeline.config) else 0.0
        for tag in delivered_tags(pipeline):
            if poll_interval_s := tag.poll_interval_s or default_s:
                readings_per_s += 1 / poll_interval_s
            else:
                unpaced += 1
            asset = plant.assets.get(tag.asset) if tag.asset is not None else None
            if tag.asset is not None and (asset is None or tag.parameter not in asset.parameters):
                undeclared.add((tag.asset, tag.parameter))
    # what is not declared gets all sizes
    per_day = Counter({size_s: round(len(undeclared) * _DAY_S / size_s) for size_s in plant.sizes_s})
    for parameter, series in plant.parameters():
        for size_s in parameter.windows_s:
            # no reading, no window
            per_day[size_s] += round(series * _DAY_S / max(size_s, parameter.expected_interval_s))
    topics = topic_count(plant.sizes_s)
    return Cost(
        readings_per_s=round(readings_per_s, 6),
        unpaced_tags=unpaced,
        series=sum(series for _, series in plant.parameters()) + len(undeclared),
        conditions=conditions,
        topics=topics,
        partitions=topics * topology.deployment.partitions,
        sinks=_sinks(plant, readings_per_s, per_day, sorts),
    )


def _sinks(plant: Plant, readings_per_s: float, per_day: Counter[int], sorts: SinkSorts) -> tuple[SinkCost, ...]:
    costs = []
    for sink in plant.topology.sinks:
        if not sink.enabled:
            continue
        topics = running_sink(sink, sorts.get(sink.kind), plant.sizes_s, "").topics
        readings = round(readings_per_s * _DAY_S) if Topic.TELEMETRY_CLEAN in topics else 0
        sizes = [size_s for topic in topics if (size_s := Topic.size_s(topic)) is not None]
        costs.append(SinkCost(sink.id, topics, readings, {size_s: per_day[size_s] for size_s in sizes}))
    return tuple(costs)
