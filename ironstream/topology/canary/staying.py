"""What of a candidate a canary tries, and what it leaves as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ironstream.topology.canary.compiled import compile_canary
from ironstream.topology.canary.part import GatewayPart
from ironstream.topology.model import Topology
from ironstream.topology.plan import plan
from ironstream.topology.plan.model import Item
from ironstream.topology.resolve import declared_assets
from ironstream.topology.sinks import SinkSorts

_OF_THE_PLANT: Final = frozenset(("deployment", "unregistered", "times", "window", "tenant", "sink"))


def staying(parent: Topology, candidate: Topology, part: GatewayPart, sinks: SinkSorts | None = None) -> list[str]:
    """What differs in the candidate and takes effect only when it is promoted, as `window 10 s` or `pipeline press-7`.

    Machine types and alarm rules are not among it: the candidate's hold for the assets of the part, at once.
    """
    return list(dict.fromkeys(_staying(plan(parent, candidate, sinks=sinks).items, part)))


def _staying(items: tuple[Item, ...], part: GatewayPart) -> Iterator[str]:
    for item in items:
        if item.kind in _OF_THE_PLANT:
            yield item.kind if item.name == item.kind else f"{item.kind} {item.name}"
        elif item.kind == "pipeline" and item.name not in part.pipelines:
            yield f"pipeline {item.name}"
        elif item.kind in ("asset", "parameter") and item.path.startswith("assets["):
            tenant, site, asset = item.name.split("/")[:3]
            if not part.has(tenant, site, asset):
                yield f"asset {tenant}/{site}/{asset}"


def tries_something(parent: Topology, candidate: Topology, part: GatewayPart) -> bool:
    """Whether a canary would be anything else than its parent."""
    if {one.id: one for one in parent.pipelines} != {one.id: one for one in part.composed(parent, candidate)}:
        return True
    # rules that match names may concern assets that nobody names
    if part.has_unnamed and parent.alarms != candidate.alarms:
        return True
    canary = compile_canary(parent, candidate, part.gateway, 0)
    before, after = declared_assets(parent), declared_assets(candidate)
    for key in before.keys() | after.keys():
        if part.has(*key):
            names = {name for one in (before.get(key), after.get(key)) if one is not None for name in one.parameters}
            was, now = canary.parent, canary.candidate
            if was.admits(*key) != now.admits(*key) or was.event_rules(*key) != now.event_rules(*key):
                return True
            if any(was.series(*key, name) != now.series(*key, name) for name in names):
                return True
    return False
