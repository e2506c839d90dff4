"""`ironstream sink list`: does every sink run, how far is it, and how far behind?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from ironstream.commands.options import BootstrapOption, OutputOption, TopologyOption, settings_of
from ironstream.commands.output import Output, out, print_json, print_table, progress, run
from ironstream.commands.sink_named import NamedSink, declared_sinks
from ironstream.settings import Settings
from ironstream.sinks.groups import SinkGroups
from ironstream.sinks.states import GroupState, group_state


@dataclass(frozen=True, slots=True)
class SinkState:
    """A sink as it is declared, and its group as it is."""

    sink: NamedSink
    group: GroupState


def list_sinks(
    bootstrap: BootstrapOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the sinks of topology.yaml: whether each runs, how many records wait for it, how far it is.

    `lag` counts records of its topics that it has not written yet. `written until` is when the record came in up to
    which all is written, by what it has committed.

    Examples:

      ironstream sink list

      ironstream sink list --output json
    """
    settings = settings_of(bootstrap=bootstrap, topology=topology)
    sinks = declared_sinks(settings)
    states = run(_look(settings, sinks), settings.bootstrap) if sinks else []
    if output is Output.JSON:
        print_json([_as_json(state) for state in states])
    elif not states:
        out().print(f"{settings.topology} declares no sinks.", markup=False)
    else:
        columns = ("sink", "kind", "state", "lag", "written until (UTC)", "topics")
        print_table("", columns, [_row(state) for state in states])


async def _look(settings: Settings, sinks: Sequence[NamedSink]) -> list[SinkState]:
    states = []
    topics = dict.fromkeys(topic for sink in sinks for topic in sink.topics)
    async with SinkGroups(settings, topics) as groups:
        with progress() as bar:
            for sink in bar.track(sinks, description="looking at sinks"):
                group = await group_state(groups, settings.application_id, sink.part.id, sink.topics)
                states.append(SinkState(sink, group))
    return states


def _as_json(state: SinkState) -> dict[str, Any]:
    return {
        "id": state.sink.part.id,
        "kind": state.sink.part.kind,
        "enabled": state.sink.part.enabled,
        "topics": state.sink.topics,
        "group": state.group.group,
        "members": state.group.members,
        "lag": state.group.lag,
        "written_until": state.group.written_until,
        "partitions": [asdict(standing) | {"lag": standing.lag} for standing in state.group.standings],
    }


def _row(state: SinkState) -> list[Any]:
    part = state.sink.part
    running = bool(state.group.members)
    word = "running" if running else "stopped" if part.enabled else "disabled"
    # one that is to run and does not is what the reader looks for
    style = "green" if running else "bold yellow" if part.enabled else "dim"
    until = (state.group.written_until or "").replace("T", " ").removesuffix("Z")
    return [part.id, part.kind, Text(word, style=style), state.group.lag, until, ", ".join(state.sink.topics)]
