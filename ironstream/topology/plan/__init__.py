"""What changes from one checked topology to another: items, what they touch, what is lost, what it costs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ironstream.topology.check import no_collection
from ironstream.topology.model import Topology
from ironstream.topology.plan.cost import Polled, cost_of
from ironstream.topology.plan.losses import losses
from ironstream.topology.plan.model import Cost, Counts, Effect, FieldChange, Item, Kind, Plan, SinkCost
from ironstream.topology.plan.pipelines import pipeline_items
from ironstream.topology.plan.places import place_items
from ironstream.topology.plan.plant import Plant
from ironstream.topology.plan.rules import alarm_items, root_items, sink_items, window_items
from ironstream.topology.plan.touched import Touched, touched
from ironstream.topology.sinks import SinkSorts

__all__ = ["Cost", "Counts", "Effect", "FieldChange", "Item", "Kind", "Plan", "SinkCost", "plan"]

_NOTHING: Final = Topology(version=1).model_copy(update={"windows": ()})
"""Stands for the topology of a deployment that has none yet."""


def plan(
    before: Topology | None, after: Topology, *, sinks: SinkSorts | None = None, polled: Polled | None = None
) -> Plan:
    """What applying `after` would change where `before` holds; None where nothing does yet, and then nothing is lost.

    Both were checked. Without `sinks` the topics of a sink are those that it names. Without `polled`
    a device counts as asked only where its pipeline says how often. What restarts is told by the rule
    of those who do it (`topology.running`). Items come in the order of the file, removed ones after the others of their
    kind; there is none if and only if both topologies mean the same.
    """
    with no_collection():
        return _plan(before, after, sinks or {}, polled or (lambda adapter, config: False))


def _plan(before: Topology | None, after: Topology, sorts: SinkSorts, polled: Polled) -> Plan:
    old = Plant(before or _NOTHING)
    new = Plant(after, old)
    found = touched(old, new)
    items = (
        *root_items(old.topology, after),
        *window_items(old, new),
        *place_items(old, new, found),
        *pipeline_items(old.topology, after),
        *alarm_items(old, new, found),
        *sink_items(old.topology, after, sorts),
    )
    lost = () if before is None else losses(old, new, found)
    return Plan(
        items=items,
        counts=_counts(items, found),
        losses=lost,
        needs_flag=bool(lost),
        cost_before=None if before is None else cost_of(old, found.watched_before.total(), sorts, polled),
        cost_after=cost_of(new, found.watched.total(), sorts, polled),
    )


def _counts(items: Sequence[Item], found: Touched) -> Counts:
    effects = [item.effect for item in items if item.kind in ("pipeline", "sink")]
    return Counts(
        series=found.series,
        alarms=len(found.rules),
        conditions_cleared=found.given_up.total(),
        starts=effects.count("start"),
        stops=effects.count("stop"),
        restarts=effects.count("restart"),
    )
