"""Which sinks a command of `ironstream sink` is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ironstream.errors import ConfigurationError
from ironstream.settings import Settings

if TYPE_CHECKING:
    from ironstream.sinks.sink import SinkContext, SinkKind
    from ironstream.topology import SinkPart

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Id of a sink of topology.yaml.")]


@dataclass(frozen=True, slots=True)
class NamedSink:
    """A sink of topology.yaml: what is declared, its kind, the topics it gets, and what it is told of where it runs."""

    part: SinkPart
    kind: SinkKind
    topics: tuple[str, ...]
    context: SinkContext


def declared_sinks(settings: Settings) -> list[NamedSink]:
    """Every sink of the file, also those that are not enabled. Raises TopologyError."""
    # the targets' libraries are costly to import, which every other command would pay for
    from ironstream.commands.local_store import offer_running_store
    from ironstream.sinks.configured import context_of
    from ironstream.sinks.registry import SINKS
    from ironstream.topology import load_topology, topics_of

    topology = load_topology(settings.topology, sinks=SINKS)
    offer_running_store(settings, topology)
    sizes = [window.size_s for window in topology.windows]
    return [
        NamedSink(
            part,
            SINKS[part.kind],
            topics_of(part, SINKS[part.kind], sizes),
            context_of(part, topology, settings),
        )
        for part in topology.sinks
    ]


def sink_named(settings: Settings, name: str) -> NamedSink:
    """One sink of the file. Raises ConfigurationError."""
    by_id = {sink.part.id: sink for sink in declared_sinks(settings)}
    if name not in by_id:
        raise _missing(settings.topology, "sink", [name], by_id)
    return by_id[name]


def _missing(path: Path, what: str, names: Sequence[str], known: Sequence[str] | dict[str, NamedSink]) -> Exception:
    from ironstream.topology.faults import did_you_mean

    hint = did_you_mean(names[0], known) if names else ""
    there = f"There are: {', '.join(known) or 'none'}."
    return ConfigurationError(
        f"{path} has no {what} {', '.join(names)}".rstrip() + ".", f"{hint[:1].upper()}{hint[1:]} {there}".strip()
    )
