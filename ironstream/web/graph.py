"""The topology as a graph: adapters to topics to agents to topics to sinks. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, Field

from ironstream.contract import Topic
from ironstream.sinks.states import GroupState
from ironstream.web.backlog import SOURCES
from ironstream.web.running import DeclaredSink, PipelineState

BEHIND_RECORDS: Final = 10_000
_DEAD: Final = {"telemetry": Topic.DLQ_TELEMETRY, "events": Topic.DLQ_EVENTS, "alarms": Topic.DLQ_ALARMS}


class Node(BaseModel):
    """A station of the data. `rate` is what came a second over the last minute: readings on telemetry.raw, else
    records, never those by which the engine keeps its time; of an adapter the clean readings of its assets, of an agent
    what it reads. `lag` is how many records wait for it.

    Rates are told to whoever sees all tenants. `health` is ok, behind, absent, silent or unknown.
    """

    id: str = Field(examples=["agent:telemetry"])
    kind: Literal["adapter", "topic", "agent", "sink"]
    name: str
    rate: float | None = None
    lag: int | None = None
    health: Literal["ok", "behind", "absent", "silent", "unknown"] = "ok"


class Edge(BaseModel):
    """Data go from one station to another; `rate` is told where the topic at its end has them from there alone."""

    from_: str = Field(alias="from", serialization_alias="from")
    to: str
    rate: float | None = None


class Graph(BaseModel):
    """All that runs, in the order of the flow."""

    nodes: list[Node]
    edges: list[Edge]


def graph_of(
    pipelines: Sequence[PipelineState],
    rates: Mapping[str, float | None],
    lag: Mapping[str, int | None],
    sinks: Sequence[DeclaredSink],
    groups: Mapping[str, GroupState],
    window_sizes_s: Sequence[int],
    workers: int,
    *,
    with_rates: bool,
) -> Graph:
    """The graph of what is enabled. `rates` are by topic (None: it is not there), `lag` by agent (None: it has never
    committed); not `with_rates` for somebody who does not see all tenants."""
    running = [one for one in pipelines if one.pipeline.enabled]
    enabled = [one for one in sinks if one.part.enabled]
    nodes = [
        *(_adapter(one) for one in running),
        *(_topic(name, rate, with_rates) for name, rate in rates.items()),
        *(_agent(name, rates[source] if with_rates else None, lag[name], workers) for name, source in SOURCES.items()),
        *(_sink(one, groups.get(one.part.id)) for one in enabled),
    ]
    there = {node.id for node in nodes}
    links = [*_links(running, enabled, window_sizes_s)]
    sources = Counter(b for _, b in links)
    rate_of = {node.id: node.rate for node in nodes if node.kind == "topic" and sources[node.id] == 1}
    return Graph(
        nodes=nodes,
        edges=[
            Edge(**{"from": a, "to": b, "rate": rate_of.get(b) if a.startswith("agent:") else None})
            for a, b in links
            if a in there and b in there
        ],
    )


def _links(
    pipelines: Sequence[PipelineState], sinks: Sequence[DeclaredSink], window_sizes_s: Sequence[int]
) -> Iterator[tuple[str, str]]:
    for one in pipelines:
        for source in (Topic.TELEMETRY_RAW, Topic.EVENTS_RAW):
            yield f"adapter:{one.pipeline.id}", f"topic:{source}"
    aggregates = tuple(map(Topic.aggregates, sorted(window_sizes_s)))
    made = {
        "telemetry": (Topic.TELEMETRY_CLEAN, *aggregates, Topic.EVENTS_CLEAN, Topic.ALARMS_RAW),
        "events": (Topic.EVENTS_CLEAN, Topic.ALARMS_RAW),
        "alarms": (Topic.ALARMS_CLEAN, Topic.AUDIT_TRAIL),
    }
    for agent, source in SOURCES.items():
        yield f"topic:{source}", f"agent:{agent}"
        for topic in (*made[agent], _DEAD[agent]):
            yield f"agent:{agent}", f"topic:{topic}"
    for sink in sinks:
        for topic in sink.topics:
            yield f"topic:{topic}", f"sink:{sink.part.id}"


def _adapter(state: PipelineState) -> Node:
    health: Literal["ok", "silent", "unknown"] = "unknown"
    if state.health in ("ok", "silent"):
        health = "ok" if state.health == "ok" else "silent"
    return Node(
        id=f"adapter:{state.pipeline.id}", kind="adapter", name=state.pipeline.id, rate=state.readings_per_s,
        health=health,
    )  # fmt: skip


def _topic(name: str, rate: float | None, with_rates: bool) -> Node:
    return Node(
        id=f"topic:{name}", kind="topic", name=name, rate=rate if with_rates else None,
        health="absent" if rate is None else "ok",
    )  # fmt: skip


def _agent(name: str, rate: float | None, lag: int | None, workers: int) -> Node:
    behind = lag is not None and lag > BEHIND_RECORDS
    return Node(
        id=f"agent:{name}", kind="agent", name=name, rate=rate, lag=lag,
        health="absent" if not workers else "behind" if behind else "ok",
    )  # fmt: skip


def _sink(sink: DeclaredSink, group: GroupState | None) -> Node:
    return Node(
        id=f"sink:{sink.part.id}", kind="sink", name=sink.part.id, lag=None if group is None else group.lag,
        health=sink_health(group),
    )  # fmt: skip


def sink_health(group: GroupState | None) -> Literal["ok", "behind", "absent", "unknown"]:
    """How an enabled sink does; absent: nobody runs it."""
    if group is None:
        return "unknown"
    if not group.members:
        return "absent"
    return "behind" if group.lag > BEHIND_RECORDS else "ok"
