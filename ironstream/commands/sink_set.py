"""The sinks that are to run on a machine which runs all of them: as the log of topologies has it, each a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from aiokafka.errors import KafkaError
from rich.console import Console

from ironstream.commands.children import Child, ironstream
from ironstream.commands.output import run
from ironstream.commands.supervised import environment
from ironstream.errors import BrokerError, DecodeError, IronstreamError
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import start_with_file
from ironstream.rollout.records import Version
from ironstream.settings import Settings
from ironstream.topics import ensure_all_topics
from ironstream.topology import Topology, check_sources
from ironstream.topology.sources import Sources

_AGAIN_S: Final = 2.0
_JOIN_S: Final = 5.0


def sink_process(settings: Settings, sink_id: str, more: Mapping[str, str] | None = None) -> Child:
    """A process of a sink, with this environment besides."""
    return Child(
        f"sink {sink_id}",
        ironstream("sink", "run", sink_id),
        settings.data_dir / "logs" / f"sink-{sink_id}.log",
        environment(settings) | dict(more or {}),
    )


class SinkChildren:
    """A child for each sink, made when it is first asked for. `make` gets its id and its place.

    Places count from 0; one that a sink has left is free for the next.
    """

    def __init__(self, make: Callable[[str, int], Child]) -> None:
        self._make = make
        self._children: dict[str, tuple[int, Child]] = {}

    def of(self, ids: Sequence[str]) -> list[Child]:
        """The children of these sinks, in this order: the same as before where they were among them before."""
        self._children = {
            sink_id: (place, child)
            for sink_id, (place, child) in self._children.items()
            # one that is on its way out has its place, and its name, until it has ended
            if sink_id in ids or child.running
        }
        for sink_id in ids:
            if sink_id not in self._children:
                taken = {place for place, _ in self._children.values()}
                place = next(number for number in range(len(taken) + 1) if number not in taken)
                self._children[sink_id] = place, self._make(sink_id, place)
        return [self._children[sink_id][1] for sink_id in ids]


class EnabledSinks:
    """Which sinks the version that holds has enabled. Follow it with `followed`."""

    def __init__(self, settings: Settings, console: Console, before: Callable[[Topology], None] | None = None) -> None:
        self.ids: tuple[str, ...] = ()
        self._settings = settings
        self._console = console
        self._before = before
        self._newest = 0
        self._stop = threading.Event()

    @contextmanager
    def followed(self) -> Iterator[EnabledSinks]:
        """`ids` are those of the log while it is entered. Where no version holds yet, the topology file is the first.

        `before` gets each topology before its sinks are told of; what it raises is shown. Raises TopologyError for a
        file with faults, BrokerError when Kafka cannot be reached; what goes wrong later changes nothing.
        """
        run(self._begin(), self._settings.bootstrap)
        thread = threading.Thread(target=lambda: asyncio.run(self._follow()), name="topology", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(_JOIN_S)

    async def _begin(self) -> None:
        await ensure_all_topics(self._settings, ())
        async with TopologyLog(self._settings) as topologies:
            if topologies.history.current is None:
                # the kinds' libraries are costly to import, which every other start does without
                from ironstream.sinks.registry import SINKS

                await start_with_file(topologies, self._settings.topology, "sinks", sinks=SINKS)
            await self._take(topologies)

    async def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                async with TopologyLog(self._settings) as topologies:
                    while not self._stop.is_set():
                        await self._take(topologies)
                        await topologies.poll()
            except (KafkaError, BrokerError, OSError):
                # the sinks say themselves that Kafka is away
                await asyncio.to_thread(self._stop.wait, _AGAIN_S)

    async def _take(self, topologies: TopologyLog) -> None:
        change, version = topologies.history.current, topologies.history.version
        if change is None or version is None or change.number <= self._newest:
            return
        self._newest = change.number
        topology = await asyncio.to_thread(_topology_of, version)
        if topology is None:
            self._console.print(
                f"[bold red]version {version.number} cannot be used by this release:[/] the sinks stay as they are"
            )
            return
        if self._before is not None:
            try:
                await asyncio.to_thread(self._before, topology)
            except IronstreamError as error:
                self._console.print(f"version {version.number}: {error}", markup=False)
        self.ids = tuple(sink.id for sink in topology.sinks if sink.enabled)


def _topology_of(version: Version) -> Topology | None:
    try:
        return check_sources(Sources.unpacked(version.packed)).topology
    except DecodeError:
        return None
